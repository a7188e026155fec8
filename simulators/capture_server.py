"""Answers what a capture's units answered, at the times at which they did: a Modbus TCP server and a timeline."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence

from simulators.capture import Answered, Capture
from simulators.faults import Answer
from simulators.modbus_server import ModbusServer
from simulators.pdu import READ_QUESTION, RegisterMap, Table, refuse
from simulators.wire import Request, frame

SLOW = 0.02
"""Seconds: a quicker answer than this is given at once."""


class Timeline:
    """What each register held when, by the capture: before its first record what that one says."""

    def __init__(self, answers: Sequence[Answered]) -> None:
        self._held: dict[tuple[int, Table, int], list[tuple[float, int]]] = defaultdict(list)
        self._asked: dict[tuple[int, Table, int, int], list[Answered]] = defaultdict(list)
        for one in answers:
            self._asked[one.unit, one.table, one.address, one.count].append(one)
            for place, value in enumerate(one.values):
                self._held[one.unit, one.table, one.address + place].append((one.t, value))

    def registers(self, unit: int, now: Callable[[], float]) -> RegisterMap:
        """The register map of one unit."""

        def held(table: Table, address: int, count: int) -> Sequence[int] | None:
            found = [self.value(unit, table, place, now()) for place in range(address, address + count)]
            return None if None in found else [value for value in found if value is not None]

        return held

    def value(self, unit: int, table: Table, address: int, t: float) -> int | None:
        """What stood there at `t`, None when nobody ever read it."""
        held = self._held.get((unit, table, address))
        if held is None:
            return None
        return held[max(0, bisect_right(held, t, key=lambda one: one[0]) - 1)][1]

    def asked(self, unit: int, table: Table, address: int, count: int, t: float) -> Answered | None:
        """What became of this very question at `t`, None when it was never asked."""
        asked = self._asked.get((unit, table, address, count))
        if asked is None:
            return None
        return asked[max(0, bisect_right(asked, t, key=lambda one: one.t) - 1)]


class CaptureServer(ModbusServer):
    """Serves the answers of a capture. Its time begins with the first question; `elapsed` is any clock in seconds.

    A question that was asked in the same way gets what came then: its exception, its silence, as late as it was. Any
    other one gets the registers that it covers, or exception 2 where one of them was never read.
    """

    def __init__(self, capture: Capture, elapsed: Callable[[], float]) -> None:
        self._timeline = Timeline(capture.answers)
        self._elapsed = elapsed
        self._began: float | None = None
        units = dict.fromkeys(one.unit for one in capture.answers)
        super().__init__({unit: self._timeline.registers(unit, self._moment) for unit in units})

    def _moment(self) -> float:
        if self._began is None:
            self._began = self._elapsed()
        return self._elapsed() - self._began

    def answer(self, request: Request, previous: bytes) -> Answer:
        """The recorded answer, or the one of the registers at this moment."""
        recorded = self._recorded(request)
        if recorded is None or not (recorded.silent or recorded.exception is not None):
            given = super().answer(request, previous)
            return _delayed(given, recorded.took_s if recorded else 0.0)
        self.logs[request.unit].asked(request.pdu)
        if recorded.exception is None:
            return Answer()
        self.logs[request.unit].exceptions[recorded.exception] += 1
        pdu = refuse(request.pdu[0], recorded.exception)
        return _delayed(Answer(((0.0, frame(request.transaction, request.unit, pdu)),)), recorded.took_s)

    def _recorded(self, request: Request) -> Answered | None:
        try:
            function, address, count = READ_QUESTION.unpack(request.pdu)
            table = Table(function)
        except (struct.error, ValueError):
            return None
        return self._timeline.asked(request.unit, table, address, count, self._moment())


def _delayed(given: Answer, seconds: float) -> Answer:
    if seconds < SLOW or not given.pieces:
        return given
    (wait, content), *rest = given.pieces
    return Answer(((wait + seconds, content), *rest), given.ending)
