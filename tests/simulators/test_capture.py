"""A capture served again: at its times, with its exceptions and silences, and refused where it is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulators.capture import CaptureError, read_capture
from simulators.capture_server import CaptureServer, Timeline
from simulators.pdu import READ_QUESTION, Table
from simulators.wire import HEADER, Request

HEAD = {"capture": 1, "wire": "modbus", "link": "pump-room", "began": "2026-11-23T10:00:00Z"}


def written(folder: Path, *lines: object, head: object = HEAD) -> Path:
    file = folder / "c.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in (head, *lines)))
    return file


def ask(unit: int, table: Table, address: int, count: int) -> Request:
    return Request(7, 0, unit, READ_QUESTION.pack(int(table), address, count))


async def test_registers_are_answered_as_they_were(tmp_path: Path) -> None:
    capture = read_capture(
        written(
            tmp_path,
            {"t": 0, "unit": 5, "table": "input", "address": 0, "words": "4366 3333", "took_ms": 3},
            {"t": 5, "unit": 5, "table": "input", "address": 0, "words": "4367 0001", "took_ms": 900},
            {"t": 0, "unit": 5, "table": "input", "address": 80, "count": 2, "exception": 2},
            {"t": 0, "unit": 6, "table": "coil", "address": 3, "count": 2, "silent": True},
            {"t": 9, "unit": 6, "table": "coil", "address": 3, "bits": "10"},
        )
    )
    assert (capture.link, capture.seconds) == ("pump-room", 9.0)
    at = 100.0
    server = CaptureServer(capture, lambda: at)

    def answered(request: Request) -> tuple[float, bytes] | None:
        pieces = server.answer(request, b"").pieces
        return (pieces[0][0], pieces[0][1][HEADER.size :]) if pieces else None

    assert answered(ask(5, Table.INPUT, 0, 2)) == (0.0, bytes.fromhex("04044366 3333"))
    assert answered(ask(5, Table.INPUT, 1, 1)) == (0.0, bytes.fromhex("04023333"))
    assert answered(ask(5, Table.INPUT, 80, 2)) == (0.0, bytes.fromhex("8402"))
    assert answered(ask(5, Table.INPUT, 0, 3)) == (0.0, bytes.fromhex("8402")), "register 2 was never read"
    assert answered(ask(6, Table.COILS, 3, 2)) is None
    assert answered(ask(5, Table.HOLDING, 0, 1)) == (0.0, bytes.fromhex("8302"))
    at = 105.5
    assert answered(ask(5, Table.INPUT, 0, 2)) == (0.9, bytes.fromhex("04044367 0001")), "as late as it was"
    at = 109.0
    assert answered(ask(6, Table.COILS, 3, 2)) == (0.0, bytes.fromhex("010101"))
    assert server.report()["units"][6]["functions"] == {1: 2}


def test_before_its_first_record_a_register_has_that_value() -> None:
    timeline = Timeline(())
    assert timeline.value(1, Table.HOLDING, 0, 0) is None
    assert timeline.asked(1, Table.HOLDING, 0, 1, 0) is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"unit": 5, "table": "input", "address": 0, "words": "1"}, "'t' is missing"),
        ({"t": 0, "unit": 5, "table": "inputs", "address": 0, "words": "1"}, "`table` is one of"),
        ({"t": 0, "unit": 999, "table": "input", "address": 0, "words": "1"}, "`unit`"),
        ({"t": 0, "unit": 5, "table": "input", "address": 0}, "`words`, `bits`"),
        ({"t": 0, "unit": 5, "table": "input", "address": 65535, "words": "1 2"}, "no question of Modbus"),
        ({"t": 0, "unit": 5, "table": "input", "address": 0, "words": "1ffff"}, "no question of Modbus"),
        ({"t": -1, "unit": 5, "table": "input", "address": 0, "words": "1"}, "`t` is in seconds"),
        ([], "one JSON object"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: object, why: str) -> None:
    with pytest.raises(CaptureError, match=why) as refused:
        read_capture(written(tmp_path, line))
    assert ":2:" in str(refused.value)


@pytest.mark.parametrize("head", [{"capture": 2, "wire": "modbus"}, {"capture": 1, "wire": "knx"}, {"a": 1}, 5])
def test_what_is_no_capture_is_refused(tmp_path: Path, head: object) -> None:
    with pytest.raises(CaptureError):
        read_capture(written(tmp_path, head=head))


def test_messages(tmp_path: Path) -> None:
    head = {"capture": 1, "wire": "mqtt", "link": "broker"}
    good = [{"t": 1, "topic": "a/b", "payload": "液位", "retain": True}, {"t": 0, "topic": "a", "base64": "/wA="}]
    capture = read_capture(written(tmp_path, *good, head=head))
    assert [(one.topic, one.payload, one.retain) for one in capture.messages] == [
        ("a", b"\xff\x00", False),
        ("a/b", "液位".encode(), True),
    ]
    for wrong in (
        {"t": 0, "topic": "a/#", "payload": ""},
        {"t": 0, "topic": "a", "base64": "%"},
        {"t": 0, "topic": "a"},
    ):
        with pytest.raises(CaptureError):
            read_capture(written(tmp_path, wrong, head=head))
