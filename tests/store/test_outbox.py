"""Whom a notice goes to, what tells two notices of one row apart, and what is late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from gateway.model import SECOND, Judgement, Severity
from gateway.store.journal import Journal
from gateway.store.records import encode, notice_key, notice_of
from tests.alerts.annunciating import Office, plan
from tests.alerts.stage import rule
from tests.store.material import WALL, judgement

CHANNELS = ("log", "room", "chief")


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = Journal.open(tmp_path / "alarm.db", CHANNELS)
    yield opened
    await opened.close()


async def waiting(journal: Journal, channel: str) -> list[str]:
    return [one.key for one in await journal.due_deliveries(channel, WALL, limit=10)]


async def test_a_notice_goes_to_whom_it_is_for(journal: Journal) -> None:
    born = judgement(1, notice=True)
    born.notices[0] = replace(born.notices[0], to=("log", "chief", "left-last-year"))
    await journal.commit(born)
    assert [len(await waiting(journal, channel)) for channel in CHANNELS] == [1, 0, 1]


async def test_a_raise_its_repetitions_and_a_digest_of_one_row_are_told_apart(journal: Journal) -> None:
    born = judgement(1, notice=True)
    one = born.notices[0]
    born.notices[1:] = [replace(one, reason="repeat", step=step) for step in (1, 2)]
    await journal.commit(born)
    keys = await waiting(journal, "room")
    assert len(set(keys)) == 3 and keys[0] == notice_key(one)


async def test_late_is_what_is_critical_or_high_and_waits(journal: Journal) -> None:
    assert not await journal.late_notices(WALL)
    mild, grave = judgement(1, notice=True), judgement(2, notice=True, rule="WA-03")
    for found, severity in ((mild, Severity.MEDIUM), (grave, Severity.HIGH)):
        about = replace(found.notices[0].occurrence, severity=severity)
        found.notices[0] = replace(found.notices[0], occurrence=about)
    at = grave.notices[0].at.wall_ns
    await journal.commit(Judgement(events=mild.events, occurrences=mild.occurrences, notices=mild.notices))
    assert not await journal.late_notices(at + 60 * SECOND)
    await journal.commit(grave)
    assert await journal.late_notices(at) and not await journal.late_notices(at - 1)
    for channel in CHANNELS:
        for one in await journal.due_deliveries(channel, WALL, limit=10):
            await journal.delivered(one.id, WALL)
    assert not await journal.late_notices(at)


async def test_a_ladder_fills_the_outbox_on_time_with_the_network_gone(journal: Journal) -> None:
    """Nobody takes anything for six hours; every call stands there with its own time, and they go out in order."""
    steps = [{"after": "2min", "to": ["room"]}, {"after": "5min", "to": ["chief"]}, {"after": "3h", "to": ["chief"]}]
    to = plan(CHANNELS, escalation=[{"steps": steps}], repeat={"high": "never"})
    office = Office(rule("Q", severity="high", **{"class": "system"}), to=to)
    office.set(a=True)
    while (due := office.engine.next_due()) is not None and due <= 6 * 3600 * SECOND:
        office.now_ns = due
        office.tick()
    born = Judgement(events=office.events, occurrences=office.occurrences, notices=office.notices)
    await journal.commit(born)
    waits = {
        channel: [
            (one.notice.reason, (one.notice.at.wall_ns - office.wall) // SECOND)
            for one in await journal.due_deliveries(channel, office.now.wall_ns, limit=10)
        ]
        for channel in CHANNELS
    }
    assert waits == {
        "log": [("raise", 10), ("escalate", 120), ("escalate", 300), ("escalate", 10800)],
        "room": [("raise", 10), ("escalate", 120)],
        "chief": [("raise", 10), ("escalate", 300), ("escalate", 10800)],
    }


def test_a_notice_of_an_earlier_version_can_still_be_read() -> None:
    one = judgement(1, notice=True).notices[0]
    stored = msgspec.json.decode(encode(one))
    for key in ("to", "step", "body"):
        del stored[key]
    del stored["occurrence"]["chattering"]
    assert notice_of(msgspec.json.encode(stored).decode()) == one
