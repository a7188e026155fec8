"""The worker: at least once, in order, never dropping CRITICAL; with an outbox in memory and host time at hand."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from alerts.notify import worker as module
from alerts.notify.channel import Delivered, Outcome, Refused, Retry
from alerts.notify.log import LogChannel
from alerts.notify.worker import REFUSALS, DeliveryWorker, backoff_ns
from gateway.model import SECOND, AlarmClass, Notice, Severity, Text
from tests.alerts.test_notify_webhook import notice


@dataclass(frozen=True)
class Row:
    id: int
    key: str
    notice: Notice
    attempts: int = 0
    due: int = 0
    state: str = "pending"


class Outbox:
    def __init__(self, *notices: Notice) -> None:
        self.rows = {number: Row(number, f"k{number}", one) for number, one in enumerate(notices)}
        self.errors: list[str] = []

    def add(self, one: Notice) -> None:
        self.rows[len(self.rows)] = Row(len(self.rows), f"k{len(self.rows)}", one)

    async def due_deliveries(self, channel: str, now_wall_ns: int, limit: int) -> list[Row]:
        due = [row for row in self.rows.values() if row.state == "pending" and row.due <= now_wall_ns]
        return due[:limit]

    async def delivered(self, delivery: int, wall_ns: int) -> None:
        self.rows[delivery] = replace(self.rows[delivery], state="delivered")

    async def retry_at(self, delivery: int, attempts: int, next_wall_ns: int, error: str) -> None:
        self.errors.append(error)
        self.rows[delivery] = replace(self.rows[delivery], attempts=attempts, due=next_wall_ns)

    async def refused(self, delivery: int, error: str) -> None:
        self.rows[delivery] = replace(self.rows[delivery], state="refused")


class Told:
    """A channel that answers as told and remembers."""

    name = "told"

    def __init__(self, answer: Callable[[Notice], Outcome]) -> None:
        self.answer = answer
        self.seen: list[tuple[int, str]] = []
        self.closed = False
        self.sent = asyncio.Event()

    async def send(self, notice: Notice, key: str) -> Outcome:
        self.seen.append((notice.seq, key))
        self.sent.set()
        await asyncio.sleep(0)
        return self.answer(notice)

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The host's wall clock, to be set."""
    clock = {"now": 1_800_000_000 * SECOND}
    monkeypatch.setattr(module, "host_wall_ns", lambda: clock["now"])
    return clock


def worker(channel: Any, outbox: Outbox) -> DeliveryWorker:
    return DeliveryWorker(channel, outbox, rng=random.Random(1))


async def drain(one: DeliveryWorker, outbox: Outbox, host: dict[str, int], rounds: int = 200) -> None:
    """Run rounds, jumping to the next due moment, until nothing is pending."""
    for _ in range(rounds):
        await one.send_due()
        pending = [row.due for row in outbox.rows.values() if row.state == "pending"]
        if not pending:
            return
        host["now"] = max(host["now"], min(pending))


async def test_all_is_delivered_once(host: dict[str, int]) -> None:
    outbox = Outbox(*(notice(seq, number=seq) for seq in range(9)))
    channel = Told(lambda _: Delivered())
    one = worker(channel, outbox)
    await drain(one, outbox, host)
    assert sorted(channel.seen) == [(seq, f"k{seq}") for seq in range(9)]
    assert one.counts.delivered == 9


async def test_no_recover_before_its_raise(host: dict[str, int]) -> None:
    outbox = Outbox(notice(1, "raise"), notice(2, "severity_up"))
    down = {"yes": True}
    channel = Told(lambda _: Retry("down") if down["yes"] else Delivered())
    one = worker(channel, outbox)
    await one.send_due()
    assert [seq for seq, _ in channel.seen] == [1]
    outbox.add(notice(3, "recover"))  # due at once, while the raise backs off
    down["yes"] = False
    await one.send_due()
    assert [seq for seq, _ in channel.seen] == [1]
    await drain(one, outbox, host)
    assert [seq for seq, _ in channel.seen] == [1, 1, 2, 3]


@pytest.mark.parametrize("seed", range(20))
async def test_order_holds_whatever_fails_and_across_restarts(host: dict[str, int], seed: int) -> None:
    rng = random.Random(seed)
    outbox = Outbox()
    channel = Told(lambda _: rng.choice([Delivered(), Retry("down"), Retry("later", 7 * SECOND), Refused("no")]))
    one = worker(channel, outbox)
    for seq in range(12):
        outbox.add(notice(seq, severity=Severity.CRITICAL, number=seq % 3))
        if rng.random() < 0.3:
            one = worker(channel, outbox)  # a restart forgets everything but the outbox
        await one.send_due()
        host["now"] += rng.randrange(3 * SECOND)
    await drain(one, outbox, host)
    done: dict[int, list[int]] = {}
    first = {}
    for seq, _ in channel.seen:
        first.setdefault(seq, len(first))
    for seq in sorted(first, key=lambda seq: first[seq]):
        done.setdefault(seq % 3, []).append(seq)
    assert all(seqs == sorted(seqs) for seqs in done.values())
    assert {row.state for row in outbox.rows.values()} == {"delivered"}


async def test_the_most_severe_goes_first(host: dict[str, int]) -> None:
    outbox = Outbox(*(notice(seq, severity=Severity.LOW, number=seq) for seq in range(8)))
    outbox.add(notice(99, severity=Severity.CRITICAL, number=9))
    channel = Told(lambda _: Delivered())
    await worker(channel, outbox).send_due()
    assert channel.seen[0][0] == 99


@pytest.mark.parametrize(
    ("severity", "state", "tries"), [(Severity.HIGH, "refused", REFUSALS), (Severity.CRITICAL, "pending", 30)]
)
async def test_refusals_end_in_the_dead_letters_but_for_critical(
    host: dict[str, int], severity: Severity, state: str, tries: int
) -> None:
    outbox = Outbox(notice(severity=severity))
    channel = Told(lambda _: Refused("HTTP 404"))
    one = worker(channel, outbox)
    await drain(one, outbox, host, rounds=30)
    assert outbox.rows[0].state == state
    assert len(channel.seen) == tries
    assert one.counts.dead == (state == "refused")
    assert one.counts.last_error == "HTTP 404"


async def test_life_safety_is_never_given_up_however_severe_it_is(host: dict[str, int]) -> None:
    """A charger that leaks current is high, and a person may be holding it."""
    leak = notice(severity=Severity.HIGH)
    leak = replace(leak, occurrence=replace(leak.occurrence, class_=AlarmClass.LIFE_SAFETY))
    refusing, silent = Outbox(leak), Outbox(leak)
    await drain(worker(Told(lambda _: Refused("HTTP 404")), refusing), refusing, host, rounds=30)
    one = DeliveryWorker(Told(lambda _: Retry("down")), silent, rng=random.Random(1), longest=lambda _: SECOND)
    host["now"] = leak.at.wall_ns + 3600 * SECOND
    await one.send_due()
    assert (refusing.rows[0].state, silent.rows[0].state) == ("pending", "pending")


async def test_life_safety_goes_before_what_is_as_severe_and_what_has_become_critical_before_what_is_not(
    host: dict[str, int],
) -> None:
    outbox = Outbox(*(notice(seq, severity=Severity.HIGH, number=seq) for seq in range(20, 50)))
    leak = notice(90, severity=Severity.HIGH, number=1)
    outbox.add(replace(leak, occurrence=replace(leak.occurrence, class_=AlarmClass.LIFE_SAFETY)))
    outbox.add(notice(91, severity=Severity.MEDIUM, number=2))
    outbox.add(notice(92, "severity_up", severity=Severity.CRITICAL, number=2))
    channel = Told(lambda _: Delivered())
    await worker(channel, outbox).send_due()
    assert {90, 91, 92} <= {seq for seq, _ in channel.seen}


async def test_a_failing_channel_is_asked_for_ever(host: dict[str, int]) -> None:
    outbox = Outbox(notice(severity=Severity.LOW))
    one = worker(Told(lambda _: Retry("down")), outbox)
    await drain(one, outbox, host, rounds=50)
    assert (outbox.rows[0].state, outbox.rows[0].attempts, one.counts.dead) == ("pending", 50, 0)


async def test_the_receivers_wish_is_honoured(host: dict[str, int]) -> None:
    outbox = Outbox(notice())
    await worker(Told(lambda _: Retry("busy", 90 * SECOND)), outbox).send_due()
    assert outbox.rows[0].due - host["now"] == 90 * SECOND


async def test_a_bug_in_a_channel_is_a_reason_to_try_again(host: dict[str, int]) -> None:
    def fail(_: Notice) -> Outcome:
        raise ZeroDivisionError("oh")

    outbox = Outbox(notice())
    one = worker(Told(fail), outbox)
    await one.send_due()
    assert outbox.errors == ["ZeroDivisionError: oh"]


def test_back_off_doubles_to_five_minutes_with_jitter() -> None:
    spans = [[backoff_ns(attempts, random.Random(seed)) / SECOND for seed in range(200)] for attempts in range(40)]
    for attempts, waits in enumerate(spans):
        top = min(2**attempts, 300)
        assert all(top / 2 <= wait <= top for wait in waits)
        assert max(waits) - min(waits) > top / 4


async def test_it_wakes_at_once_and_closes_its_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 3600)  # by itself it would look again then
    outbox, channel = Outbox(), Told(lambda _: Delivered())
    one = worker(channel, outbox)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(one.run())
        await asyncio.sleep(0.02)
        outbox.add(notice())
        one.wake()
        async with asyncio.timeout(60):
            await channel.sent.wait()
        running.cancel()
    assert channel.closed


async def test_a_failing_outbox_ends_the_worker() -> None:
    class Broken(Outbox):
        async def due_deliveries(self, channel: str, now_wall_ns: int, limit: int) -> list[Row]:
            raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        await worker(Told(lambda _: Delivered()), Broken()).run()


async def test_the_log_channel_writes_one_line_of_json(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "anlou.notice")
    hostile = replace(notice().occurrence, title=Text("a\r\n\x1b[31mb\u202e", "水"))
    assert await LogChannel("riverside-1").send(replace(notice(), occurrence=hostile), "k") == Delivered()
    line = caplog.records[0].getMessage()
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["alarm"]["title"] == {"en": "a\r\n\x1b[31mb\u202e", "zh": "水"}


def digest(seq: int, *numbers: int) -> Notice:
    names = [notice(number=number).occurrence.occurrence for number in numbers]
    return replace(notice(seq, "digest", number=numbers[0]), body={"occurrences": names})


async def test_what_follows_a_digest_waits_for_it(host: dict[str, int]) -> None:
    outbox = Outbox(digest(1, 0, 1, 2))
    down = {"yes": True}
    channel = Told(lambda _: Retry("down") if down["yes"] else Delivered())
    one = worker(channel, outbox)
    await one.send_due()
    down["yes"] = False
    outbox.add(notice(2, "recover", number=2))
    outbox.add(notice(3, "raise", number=7))
    await one.send_due()
    assert [seq for seq, _ in channel.seen] == [1, 3]
    await drain(one, outbox, host)
    assert [seq for seq, _ in channel.seen] == [1, 3, 1, 2]


async def test_a_digest_and_what_follows_it_in_one_round(host: dict[str, int]) -> None:
    outbox = Outbox(notice(4, "recover", number=2), digest(1, 0, 1, 2))
    channel = Told(lambda _: Delivered())
    one = worker(channel, outbox)
    await drain(one, outbox, host)
    assert [seq for seq, _ in channel.seen] == [1, 4]


async def test_repetitions_of_one_raise_keep_their_order(host: dict[str, int]) -> None:
    again = [replace(notice(1, "repeat"), step=step) for step in (2, 1)]
    outbox = Outbox(*again, notice(1))
    answers = iter([Retry("down"), *[Delivered()] * 9])
    steps: list[int] = []

    def answer(one: Notice) -> Outcome:
        steps.append(one.step)
        return next(answers)

    await drain(worker(Told(answer), outbox), outbox, host)
    assert steps == [0, 0, 1, 2]


@pytest.mark.parametrize(
    ("severity", "given_up"), [(Severity.LOW, True), (Severity.HIGH, False), (Severity.CRITICAL, False)]
)
async def test_a_notice_that_nobody_takes_grows_too_old_but_for_critical(
    host: dict[str, int], severity: Severity, given_up: bool
) -> None:
    longest = {Severity.LOW: 3600 * SECOND, Severity.HIGH: 48 * 3600 * SECOND}
    outbox = Outbox(notice(1, severity=severity))
    one = DeliveryWorker(
        Told(lambda _: Retry("down")), outbox, rng=random.Random(1), longest=lambda word: longest.get(word, 0)
    )
    host["now"] = notice().at.wall_ns + 3600 * SECOND
    await one.send_due()
    assert outbox.rows[0].state == "pending" and one.counts.dead == 0
    host["now"] += 600 * SECOND
    await one.send_due()
    assert (outbox.rows[0].state == "refused", one.counts.dead == 1) == (given_up, given_up)
