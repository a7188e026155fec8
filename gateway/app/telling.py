"""What becomes of notices between the engine and the outbox, for /metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway.api.metrics import Family, single


def telling_families(view: Callable[[], Mapping[str, Any]]) -> Iterator[Family]:
    """Of `view`, which `GET /api/v1/annunciation` answers with."""
    told = view()
    came, fates = told["notices"]["came"], {fate: n for fate, n in told["notices"].items() if fate != "came"}
    flooding = 0 if told["flood"] is None else 1
    yield single("anlou_notices_flood", "gauge", "1 while a flood is told by digests.", flooding)
    yield single("anlou_notices_held", "gauge", "Notices that wait for a digest, a group or a limit.", told["held"])
    yield single("anlou_notices_chattering", "gauge", "Alarms that come and go, told seldom.", len(told["chattering"]))
    yield single("anlou_notices_came_total", "counter", "Notices that the engine gave.", came)
    samples = [({"fate": fate}, float(number)) for fate, number in fates.items()]
    yield Family("anlou_notices_total", "counter", "Notices by fate; with those held all that came.", samples)
