"""What a unit was asked: the evidence that only reads were seen."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from simulators.pdu import READS

KEPT_REFUSALS = 100


@dataclass(slots=True)
class RequestLog:
    """Counts of one unit; `refused` keeps the last requests that were not reads (function codes other than 1 to 4)."""

    requests: int = 0
    functions: Counter[int] = field(default_factory=Counter)
    exceptions: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    refused: deque[bytes] = field(default_factory=lambda: deque(maxlen=KEPT_REFUSALS))

    def asked(self, pdu: bytes) -> None:
        self.requests += 1
        self.functions[pdu[0]] += 1
        if pdu[0] not in READS:
            self.refused.append(pdu)

    def report(self) -> dict[str, Any]:
        """Plain values: requests, function code → count, exception code → count, fault → count, refused as hex."""
        return {
            "requests": self.requests,
            "functions": dict(sorted(self.functions.items())),
            "exceptions": dict(sorted(self.exceptions.items())),
            "faults": dict(sorted(self.faults.items())),
            "refused": [request.hex() for request in self.refused],
        }
