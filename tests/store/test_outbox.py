"""Whom a notice goes to, what tells two notices of one row apart, and what is late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from gateway.model import SECOND, AlarmClass, Judgement, Severity
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
    born.notices.append(replace(one, reason="digest"))
    assert len({notice_key(each) for each in born.notices}) == 4
    await journal.commit(born)
    keys = await waiting(journal, "room")
    assert len(set(keys)) == len(keys) and keys[0] == notice_key(one)


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


def of(seq: int, reason: str, *, step: int = 0, severity: Severity = Severity.MEDIUM, about: int = 1) -> Judgement:
    """A judgement with one notice about the occurrence that row `about` raised."""
    made, told = judgement(seq, notice=True), judgement(about, notice=True).notices[0]
    occurrence = replace(told.occurrence, severity=severity)
    return Judgement(
        events=made.events, notices=[replace(told, seq=seq, reason=reason, step=step, occurrence=occurrence)]
    )


def again(of_seq: int, row: int, step: int) -> Judgement:
    """A repetition of the notice of row `of_seq`, in a judgement whose row is `row`."""
    made, told = judgement(row, notice=True), judgement(of_seq, notice=True).notices[0]
    return Judgement(events=made.events, notices=[replace(told, reason="repeat", step=step)])


async def test_repetitions_do_not_pile_up_for_a_channel_that_is_dead(journal: Journal) -> None:
    """A weekend without network: not a thousand times the same when it is back, and what is new in between is there."""
    await journal.commit(judgement(1, notice=True))
    for row in range(2, 40):
        await journal.commit(again(1, row, row - 1))
        for one in await journal.due_deliveries("log", WALL, limit=10):
            await journal.delivered(one.id, WALL)
    assert [one.rpartition("-")[2] for one in await waiting(journal, "room")] == ["raise"]
    for one in await journal.due_deliveries("room", WALL, limit=10):
        await journal.delivered(one.id, WALL)
    for row in (40, 41):
        await journal.commit(again(1, row, row - 1))
    assert [one.rpartition("-")[2] for one in await waiting(journal, "room")] == ["39"], "taken: said again, once"
    assert await waiting(journal, "log") == [*await waiting(journal, "room")]


async def test_a_thousand_older_notices_do_not_hide_an_urgent_one(journal: Journal) -> None:
    for seq in range(1, 31):
        await journal.commit(of(seq, "raise", about=seq))
    await journal.commit(of(31, "severity_up", severity=Severity.CRITICAL, about=20))
    leak = of(32, "raise", severity=Severity.HIGH, about=32)
    about = replace(leak.notices[0].occurrence, class_=AlarmClass.LIFE_SAFETY)
    await journal.commit(Judgement(events=leak.events, notices=[replace(leak.notices[0], occurrence=about)]))
    found = await journal.due_deliveries("room", WALL, limit=5)
    assert [one.notice.seq for one in found] == [32, 20, 31, 1, 2], "what became critical from its beginning on"


async def test_what_waits_for_a_channel_that_is_gone_is_not_late_for_ever(tmp_path: Path) -> None:
    first = Journal.open(tmp_path / "alarm.db", CHANNELS)
    await first.commit(of(1, "raise", severity=Severity.CRITICAL))
    for channel in ("log", "room"):
        for one in await first.due_deliveries(channel, WALL, limit=10):
            await first.delivered(one.id, WALL)
    assert await first.late_notices(WALL + 3600 * SECOND)
    await first.close()
    without = Journal.open(tmp_path / "alarm.db", CHANNELS[:2])
    assert not await without.late_notices(WALL + 3600 * SECOND)
    await without.close()
    back = Journal.open(tmp_path / "alarm.db", CHANNELS)
    assert len(await waiting(back, "chief")) == 1, "nothing is thrown away: it may be back"
    await back.close()
