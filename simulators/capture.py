"""Reads a capture, a file of JSON lines with what a device answered or what was said on a broker (docs/probe.md)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.pdu import Table

VERSION = 1
LARGEST = 64 * 1024 * 1024
TABLES = {
    "coil": Table.COILS,
    "discrete": Table.DISCRETE_INPUTS,
    "holding": Table.HOLDING,
    "input": Table.INPUT,
}


class CaptureError(ValueError):
    """The file is no capture; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a unit answered to one question: `values`, an `exception`, or nothing at all."""

    t: float
    unit: int
    table: Table
    address: int
    count: int
    values: tuple[int, ...] = ()
    exception: int | None = None
    took_s: float = 0.0

    @property
    def silent(self) -> bool:
        return not self.values and self.exception is None


@dataclass(frozen=True, slots=True)
class Published:
    """What was said on a topic."""

    t: float
    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Capture:
    """A whole capture, in the order of its times. Of `answers` and `messages` one is empty."""

    link: str
    answers: tuple[Answered, ...] = ()
    messages: tuple[Published, ...] = ()

    @property
    def seconds(self) -> float:
        """The time of its last line."""
        times = [one.t for one in self.answers] + [one.t for one in self.messages]
        return max(times, default=0.0)


def read_capture(path: Path) -> Capture:
    """The capture in a file; CaptureError names the line that is wrong, OSError what the disk says."""
    if path.stat().st_size > LARGEST:
        raise CaptureError(f"{path}: larger than {LARGEST:,} bytes")
    lines = path.read_bytes().splitlines()
    parsed = [_object(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not parsed or parsed[0][1].get("capture") != VERSION:
        raise CaptureError(f'{path}:1: a capture begins with {{"capture": {VERSION}, "wire": …}}')
    _, head = parsed[0]
    wire, link = head.get("wire"), head.get("link", "capture")
    if wire not in ("modbus", "mqtt") or not isinstance(link, str):
        raise CaptureError(f"{path}:1: `wire` is modbus or mqtt, `link` a name")
    answers: list[Answered] = []
    messages: list[Published] = []
    for number, said in parsed[1:]:
        try:
            if wire == "modbus":
                answers.append(_answered(said))
            else:
                messages.append(_published(said))
        except (KeyError, TypeError, ValueError) as error:
            raise CaptureError(f"{path}:{number}: {_why(error)}") from None
    answers.sort(key=lambda one: one.t)
    messages.sort(key=lambda one: one.t)
    return Capture(link, tuple(answers), tuple(messages))


def _object(path: Path, number: int, line: bytes) -> tuple[int, Mapping[str, Any]]:
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise CaptureError(f"{path}:{number}: one JSON object is expected in each line")
    return number, said


def _why(error: Exception) -> str:
    return f"the key {error} is missing" if isinstance(error, KeyError) else str(error)


def _answered(said: Mapping[str, Any]) -> Answered:
    table = TABLES.get(said["table"])
    if table is None:
        raise ValueError(f"`table` is one of {', '.join(TABLES)}, got {said['table']!r}")
    address, unit = _whole(said, "address", 0xFFFF), _whole(said, "unit", 255)
    exception = _whole(said, "exception", 255) if "exception" in said else None
    values: tuple[int, ...] = ()
    if "words" in said:
        values = tuple(int(word, 16) for word in said["words"].split())
    elif "bits" in said:
        values = tuple(int(bit, 2) for bit in said["bits"])
    elif exception is None and said.get("silent") is not True:
        raise ValueError("`words`, `bits`, `exception` or `silent: true` is expected")
    count = len(values) or _whole(said, "count", 2000)
    if not 0 < count <= table.most or any(not 0 <= value <= 0xFFFF for value in values) or address + count > 0x10000:
        raise ValueError("no question of Modbus has this answer")
    took = said.get("took_ms", 0)
    return Answered(_time(said), unit, table, address, count, values, exception, max(0.0, float(took)) / 1000)


def _published(said: Mapping[str, Any]) -> Published:
    topic = said["topic"]
    if not isinstance(topic, str) or not topic or "+" in topic or "#" in topic:
        raise ValueError(f"`topic` is a topic without wildcards, got {topic!r}")
    if "base64" in said:
        try:
            payload = base64.b64decode(said["base64"], validate=True)
        except binascii.Error:
            raise ValueError("`base64` is no base64") from None
    else:
        payload = str(said["payload"]).encode()
    return Published(_time(said), topic, payload, said.get("retain") is True)


def _time(said: Mapping[str, Any]) -> float:
    t = said["t"]
    if isinstance(t, bool) or not isinstance(t, (int, float)) or not 0 <= t < 1e9:
        raise ValueError(f"`t` is in seconds since the capture began, got {t!r}")
    return float(t)


def _whole(said: Mapping[str, Any], key: str, most: int) -> int:
    value = said[key]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"`{key}` is a whole number, 0 … {most}, got {value!r}")
    return value
