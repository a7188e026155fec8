"""The units behind one link, whatever wire leads there: their registers, their faults, what they were asked."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulators.faults import Answer, Exchange, Fault, Framing, honest, spoil
from simulators.pdu import ERROR_BIT, RegisterMap, answer, refuse
from simulators.request_log import RequestLog
from simulators.wire import Request


@dataclass(slots=True)
class _Armed:
    """A fault and how many plays it has left."""

    fault: Fault
    left: int | None


class Units:
    """Answers requests. `absent` is the exception code for a unit that is not there (None: silence); `now` gives the
    time of fault windows; `seed` makes garbage and probabilities repeatable; `framing` is the wire's."""

    def __init__(
        self,
        units: Mapping[int, RegisterMap],
        framing: Framing,
        *,
        now: Callable[[], float],
        seed: int,
        absent: int | None,
    ) -> None:
        self._units = dict(units)
        self._framing = framing
        self._now = now
        self._absent = absent
        self._faults: dict[int | None, list[_Armed]] = {}
        self.rng = random.Random(seed)
        self.logs: dict[int, RequestLog] = {unit: RequestLog() for unit in self._units}

    def require(self, unit: int) -> None:
        """ValueError when there is no such unit."""
        if unit not in self._units:
            raise ValueError(f"there is no unit {unit} on this link")

    def set_faults(self, unit: int | None, *faults: Fault) -> None:
        """Faults of a unit (None: of every unit on the link), tried in this order; none heals it."""
        if unit is not None:
            self.require(unit)
        for fault in faults:
            self._framing.require(fault.kind)
        self._faults[unit] = [_Armed(fault, fault.times) for fault in faults]

    def answer(self, request: Request, previous: bytes) -> Answer:
        """The answer to one request PDU, spoilt when a fault is due; `previous` is the last answer on this wire."""
        log = self.logs.setdefault(request.unit, RequestLog())
        log.asked(request.pdu)
        registers = self._units.get(request.unit)
        if registers is not None:
            pdu = answer(request.pdu, registers)
        elif self._absent is not None:
            pdu = refuse(request.pdu[0], self._absent)
        else:
            return Answer()
        exchange = Exchange(request, pdu, previous, self.rng, self._framing)
        fault = self._due_fault(request.unit)
        if fault is not None:
            log.faults[fault.kind.value] += 1
            return spoil(fault, exchange)
        if pdu[0] & ERROR_BIT:
            log.exceptions[pdu[1]] += 1
        return honest(exchange)

    def report(self) -> dict[int, Any]:
        """Per unit: requests, function codes seen, exceptions answered, faults played."""
        return {unit: log.report() for unit, log in sorted(self.logs.items())}

    def _due_fault(self, unit: int) -> Fault | None:
        for armed in [*self._faults.get(unit, []), *self._faults.get(None, [])]:
            fault = armed.fault
            if armed.left == 0 or not fault.start <= self._now() < fault.end:
                continue
            if fault.probability < 1 and self.rng.random() >= fault.probability:
                continue
            if armed.left is not None:
                armed.left -= 1
            return fault
        return None
