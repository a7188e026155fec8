"""Floods and held notices on /metrics."""

from __future__ import annotations

from typing import Any

from gateway.api.metrics import render
from gateway.app.telling import telling_families
from tests.api.exposition import Exposition


def view(**changes: Any) -> dict[str, Any]:
    counts = {"came": 9, "sent": 2, "digested": 3, "combined": 1, "merged": 0, "limited": 0, "hushed": 0}
    return {"flood": None, "chattering": [], "held": 3, "notices": counts, **changes}


def test_a_flood_and_what_waits_are_on_metrics() -> None:
    calm = Exposition(render(telling_families(view)))
    assert calm.value("anlou_notices_flood") == 0
    assert calm.value("anlou_notices_held") == 3
    flooding = Exposition(render(telling_families(lambda: view(flood={"since": "…"}, chattering=[{}, {}]))))
    assert flooding.value("anlou_notices_flood") == 1
    assert flooding.value("anlou_notices_chattering") == 2


def test_what_came_is_what_became_of_it_and_what_is_held() -> None:
    told = Exposition(render(telling_families(view)))
    fates = sum(number for (name, _), number in told.samples.items() if name == "anlou_notices_total")
    assert told.value("anlou_notices_held") == 3
    assert told.value("anlou_notices_came_total") == fates + 3 == 9
