"""The gateway's own numbers: what the store says of itself reaches /metrics and the gateway's health."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.app.figures import Figures
from gateway.bus import Bus, Change
from gateway.health import verdict
from gateway.model import SECOND
from gateway.store.journal import Journal
from gateway.store.samples import Counters, Samples


class Store(SimpleNamespace):
    """A store with nothing to say, but for what a test changes."""

    def __init__(self, **changes: Any) -> None:
        fine = {
            "blocked": False,
            "busy_ns": 0,
            "reserve_held": True,
            "full_disk": False,
            "set_aside": None,
            "queued": 0,
            "oldest_ns": 2**63,
        }
        super().__init__(**(fine | {"counters": Counters()} | changes))

    async def outbox_counts(self) -> dict[str, dict[str, int]]:
        return {"log": {"pending": 2, "delivered": 5}, "duty": {"pending": 1}}

    async def late_notices(self, before_wall_ns: int) -> bool:
        return before_wall_ns > self.oldest_ns


def figures(journal: Any, samples: Any) -> Figures:
    bus: Bus[Change] = Bus()
    return Figures(Path("/"), journal, samples, bus, ())


def shown(found: Figures) -> dict[tuple[str, str], float]:
    return {
        (family.name, ",".join(labels.values())): number
        for family in found.families()
        for labels, number in family.samples
    }


@pytest.mark.parametrize(
    ("journal", "samples", "said", "clause"),
    [
        ({}, {}, "ok", None),
        ({"blocked": True}, {}, "failed", "another program holds alarm.db"),
        ({}, {"blocked": True}, "failed", "another program holds tele.db"),
        (
            {"blocked": True, "reserve_held": False},
            {},
            "failed",
            "the disk is full to the last: alarm.db waits for space",
        ),
        ({"reserve_held": False}, {}, "degraded", "the space kept for alarms is used up"),
        ({"busy_ns": 4 * SECOND}, {"busy_ns": 4 * SECOND}, "ok", None),
        ({"busy_ns": 7 * SECOND}, {}, "degraded", "alarm.db has been writing for 7 s"),
        ({}, {"busy_ns": 7 * SECOND}, "degraded", "tele.db has been writing for 7 s"),
        ({"busy_ns": 31 * SECOND}, {}, "failed", "alarm.db has been writing for 31 s: the disk does not answer"),
        ({}, {"full_disk": True}, "degraded", "the disk is full: samples are judged but not kept"),
        (
            {},
            {"set_aside": Path("/data/tele.db.damaged-1")},
            "degraded",
            "tele.db was damaged at start; what it held is in tele.db.damaged-1",
        ),
    ],
)
async def test_a_store_in_trouble_is_told(
    journal: dict[str, Any], samples: dict[str, Any], said: str, clause: str | None
) -> None:
    found = figures(Store(**journal), Store(**samples))
    found._folder = Path("/nowhere/at/all")  # this machine's own disk is none of the test's business
    status = await found.status()
    assert verdict(status) == said
    assert clause is None or clause in [text.en for text in (*status.failed, *status.degraded)]
    assert clause is not None or (status.failed, status.degraded) == ((), ())


@pytest.mark.parametrize(("age_s", "late"), [(60, False), (61, True)])
async def test_a_notice_of_a_grave_alarm_is_late_after_a_minute(age_s: int, late: bool) -> None:
    bus: Bus[Change] = Bus()
    now = 1_800_000_000 * SECOND
    journal: Any = Store(oldest_ns=now - age_s * SECOND)
    samples: Any = Store()
    found = Figures(Path("/nowhere/at/all"), journal, samples, bus, (), now=lambda: now)
    status = await found.status()
    assert (status.notices_late, verdict(status)) == (late, "degraded" if late else "ok")


async def test_the_outbox_is_not_asked_where_the_answer_would_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """A status that waits for a dying disk with everybody else cannot tell of it."""
    monkeypatch.setattr("gateway.app.figures.ANSWER_SECONDS", 0.01)
    journal = Store()
    found = figures(journal, Store())
    assert (await found.status()).outbox_pending == 3

    async def never() -> dict[str, dict[str, int]]:
        await asyncio.Event().wait()
        return {}

    journal.outbox_counts = never
    journal.busy_ns = 40 * SECOND
    status = await found.status()
    assert (status.outbox_pending, verdict(status)) == (3, "failed")
    journal.blocked = True
    assert (await found.status()).outbox_pending == 3


def test_every_sample_has_one_fate() -> None:
    counters = Counters(received=20, stored=10, unchanged=1, duplicate=2, quarantined=3, dropped=1)
    seen = shown(figures(Store(), Store(counters=counters)))
    fates = sum(number for (name, _), number in seen.items() if name == "anlou_samples_total")
    assert ("anlou_samples_total", "received") not in seen
    assert seen["anlou_samples_queued", ""] == 3
    assert seen["anlou_samples_received_total", ""] == fates + seen["anlou_samples_queued", ""]


def test_the_stores_own_facts_are_metrics() -> None:
    journal = Store(busy_ns=SECOND // 2, reserve_held=False)
    samples = Store(blocked=True, full_disk=True, set_aside=Path("x"))
    seen = shown(figures(journal, samples))
    assert seen["anlou_store_busy_seconds", "alarm.db"] == 0.5
    assert (seen["anlou_store_blocked", "alarm.db"], seen["anlou_store_blocked", "tele.db"]) == (0, 1)
    assert seen["anlou_samples_disk_full", ""] == seen["anlou_samples_set_aside", ""] == 1
    assert seen["anlou_alarm_reserve_held", ""] == 0


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[tuple[Journal, Samples]]:
    journal, samples = Journal.open(tmp_path / "alarm.db", ["log"]), Samples.open(tmp_path / "tele.db")
    yield journal, samples
    await journal.close()
    await samples.close()


async def test_the_real_stores_have_nothing_to_say(stores: tuple[Journal, Samples]) -> None:
    found = figures(*stores)
    status = await found.status()
    assert (status.failed, status.degraded, status.outbox_pending) == ((), (), 0)
    assert shown(found)["anlou_samples_received_total", ""] == 0
