"""A capture: what a device answered, or what was said on a broker, with times, as lines of JSON. Pure.

The first line says what it is; each further one is an answer or a message, `t` seconds after that:

    {"capture": 1, "wire": "modbus", "link": "pump-room", "began": "2026-11-23T10:00:00.000Z"}
    {"t": 0.0, "unit": 5, "table": "input", "address": 0, "words": "4366 3333", "took_ms": 12.4}
    {"t": 1.0, "unit": 5, "table": "coil", "address": 0, "bits": "0110"}
    {"t": 2.0, "unit": 5, "table": "input", "address": 80, "count": 2, "exception": 2}
    {"t": 3.0, "unit": 6, "table": "input", "address": 0, "count": 2, "silent": true}
    {"t": 0.4, "topic": "maple/gully-3/state", "payload": "{\\"level\\": 35}", "retain": true}
    {"t": 0.9, "topic": "maple/gully-3/raw", "base64": "/wA="}

docs/probe.md describes it for people, and simulators/capture.py reads it.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from drivers.bench.decoding import unpacked
from drivers.modbus.cell import Table
from drivers.modbus.plan import Block
from gateway.model import SECOND

VERSION = 1


def head(wire: str, link: str, began_wall_ns: int) -> str:
    """The first line."""
    began = datetime.fromtimestamp(began_wall_ns / SECOND, UTC).isoformat(timespec="milliseconds")
    return _line({"capture": VERSION, "wire": wire, "link": link, "began": began.replace("+00:00", "Z")})


def answered(t: float, unit: int, block: Block, payload: bytes, took_s: float) -> str:
    """The line of an answer."""
    said = list(unpacked(block, payload).values())
    values = {"bits": "".join(map(str, said))} if block.table.is_bits else {"words": " ".join(f"{w:04X}" for w in said)}
    return _line({**_question(t, unit, block.table, block.address), **values, "took_ms": round(took_s * 1000, 1)})


def refused(t: float, unit: int, block: Block, code: int) -> str:
    """The line of an exception answer."""
    return _line({**_question(t, unit, block.table, block.address), "count": block.count, "exception": code})


def silent(t: float, unit: int, block: Block) -> str:
    """The line of a question that nobody answered."""
    return _line({**_question(t, unit, block.table, block.address), "count": block.count, "silent": True})


def message(t: float, topic: str, payload: bytes, *, retain: bool) -> str:
    """The line of a message; bytes that are no text stand there in base64."""
    said: dict[str, Any] = {"t": round(t, 3), "topic": topic}
    try:
        said["payload"] = payload.decode()
    except UnicodeDecodeError:
        said["base64"] = base64.b64encode(payload).decode()
    return _line({**said, **({"retain": True} if retain else {})})


def _question(t: float, unit: int, table: Table, address: int) -> dict[str, Any]:
    return {"t": round(t, 3), "unit": unit, "table": str(table), "address": address}


def _line(said: dict[str, Any]) -> str:
    return json.dumps(said, ensure_ascii=False)
