"""GB/T 26875.3-2011: frames of a user information transmission device, the box that tells what a fire panel says. Pure.

One payload may hold several frames, one frame several objects. What is not decoded is passed over by name; what is
damaged is counted, and the sound frames beside it are read, and in a sound frame the objects before the damage. A frame
is as long as it says, also beyond the 1024 bytes of the standard: its checksum tells whether it is whole. A payload
without a sound frame is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from drivers.mqtt.gbt26875_objects import TIME, Objects, moment

_HEAD = 27  # with the command; then the data, its checksum and the end
_SEND, _ANSWER = 2, 5
_COMMANDS = {1: "control", _SEND: "send", 3: "confirmed", 4: "request", _ANSWER: "answer", 6: "denied"}


class Frame(NamedTuple):
    """A sound frame. `body` is the application data unit."""

    number: int
    time: str
    source: int
    command: int
    body: bytes


class Gbt26875:
    """The codec plug-in `gbt26875-3`.

    Its value: `number`, `time` and `source` of the newest frame that the device itself has sent; `device`, `systems`
    and `components` with what their newest objects say, but fire wins over everything that stands in the same payload;
    `any` with a fire of whomever; `cleared` with the systems whose panel was reset; `commands`, `heartbeats`, `passed`
    and `damaged` as counts. Components are named S{system}-{its address}Z{zone}P{position}.
    """

    name = "gbt26875-3"

    def decode(self, payload: bytes) -> dict[str, Any]:
        """The value of a payload; ValueError when there is no sound frame in it."""
        objects, commands = Objects(), Counter[str]()
        value: dict[str, Any] = {}
        damaged, why = 0, "the payload is empty"
        for found in frames(payload):
            if isinstance(found, str):
                damaged, why = damaged + 1, found
                continue
            commands[_COMMANDS.get(found.command, f"command_{found.command}")] += 1
            if found.command not in (_SEND, _ANSWER):
                continue  # whoever speaks here, it may be the monitoring centre
            if found.body:
                taken = objects.add(found.body)
                if taken.fault is not None:
                    damaged, why = damaged + 1, taken.fault
                    if not taken.objects:
                        continue
            value |= {"number": found.number, "time": found.time, "source": found.source}
            if not found.body:
                value["heartbeats"] = value.get("heartbeats", 0) + 1
        if not value and (damaged or not commands):
            raise ValueError(f"no sound frame of the device: {why}")
        # what only the centre has said is no sign of life of the device, and no point may look like one
        counts = {"damaged": damaged} if value else {}
        return {**value, "commands": dict(commands), **counts, **objects.value()}


def frames(payload: bytes) -> Iterator[Frame | str]:
    """The sound frames of a payload, and for each damaged stretch between them the reason."""
    at = 0
    skipped: str | None = None
    while at < len(payload):
        found = _frame(payload, at)
        if isinstance(found, str):
            skipped = skipped or found
            begin = payload.find(b"@@", at + 1)
            at = begin if begin >= 0 else len(payload)
            continue
        if skipped is not None:
            yield skipped
            skipped = None
        yield found
        at += _HEAD + len(found.body) + 3
    if skipped is not None:
        yield skipped


def _frame(payload: bytes, at: int) -> Frame | str:
    """The frame that begins there, or why there is none."""
    if payload[at : at + 2] != b"@@":
        return f"a frame begins with 40 40, got {payload[at : at + 2].hex(' ')}"
    if len(payload) - at < _HEAD + 3:
        return f"{len(payload) - at} bytes are no whole frame"
    length = int.from_bytes(payload[at + 24 : at + 26], "little")
    end = at + _HEAD + length
    if len(payload) < end + 3:
        return f"{length} bytes of data are announced, and the payload ends before"
    if payload[end + 1 : end + 3] != b"##":
        return f"a frame ends with 23 23, got {payload[end + 1 : end + 3].hex(' ')}"
    if sum(payload[at + 2 : end]) & 0xFF != payload[end]:
        return f"the checksum is {payload[end]:02X}, but the bytes add up to {sum(payload[at + 2 : end]) & 0xFF:02X}"
    if payload[at + 4] != 1:
        return f"version {payload[at + 4]} of the protocol; only 1 is known"
    return Frame(
        number=int.from_bytes(payload[at + 2 : at + 4], "little"),
        time=moment(payload[at + 6 : at + 6 + TIME]),
        source=int.from_bytes(payload[at + 12 : at + 18], "little"),
        command=payload[at + 26],
        body=payload[at + _HEAD : end],
    )
