"""What each answer of the target does to the sending: none missing, none twice, and never a second in flight."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.clock import host_mono_ns, host_wall_ns
from gateway.historian import historian as historian_module
from gateway.historian.answers import Trouble
from gateway.historian.batch import LINES, Batch
from gateway.historian.delivery import Delivery
from gateway.historian.historian import CURSOR, Historian
from gateway.historian.target import Target
from gateway.model import SECOND, Frame, FrameKind, Quality
from gateway.store import samples as samples_module
from tests.historian import stub as stubs
from tests.historian.house import QUICK, SITE, House, at_work, device, influx
from tests.historian.stub import BUSY, INTERNAL, NOT_FOUND, UNAUTHORIZED, Answer, Stub, running
from tests.store.material import MIXED, frame, judgement, layout, until

SUMP = layout()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House.open(tmp_path, [device("sump-b2"), device("lift-1")])
    yield house
    await house.close()


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with running() as stub:
        yield stub


async def arrived(house: House, stub: Stub) -> None:
    await until(lambda: house.samples.queued == 0)
    wanted = house.series()
    await until(lambda: stub.count() == wanted)


async def test_the_log_arrives_whole(house: House, stub: Stub) -> None:
    await house.put(*(frame(SUMP, at) for at in range(100)))
    await house.put(frame(MIXED, 1, [1.0, 2, True, "inspection"]))
    await house.put(frame(MIXED, 2, [None] * 4, quality=[Quality.BAD_COMM] * 4))
    async with at_work(house.historian(influx(stub))) as historian:
        await arrived(house, stub)
        await until(lambda: sum(stub.count("point", "quality").values()) == 4)
        await house.put(*(frame(SUMP, at) for at in range(100, 110)))
        await arrived(house, stub)
        await until(lambda: historian.status.behind_s == 0)
        assert historian.status.refused is None
        assert historian.status.sent >= 3 * 110 + 4 + 4
    assert stub.points[f"point,site={SITE},system=elevator,zone=z,device=lift-1,point=mode", 1_700_000_001_000] == {
        "value": 1.0
    }


async def test_events_arrive_with_their_numbers(house: House, stub: Stub) -> None:
    for seq in range(1, 6):
        judged = judgement(seq, rule=f"WA-0{seq}")
        body = {"state": "unacked", "severity": "high"} if seq < 5 else {"version": "1"}  # a row of the house itself
        judged.events = [replace(one, body=body) for one in judged.events]
        await house.journal.submit(judged)
    async with at_work(house.historian(influx(stub))) as historian:
        await until(lambda: sum(stub.count("alarm_event", "seq").values()) == 4)
        await until(lambda: historian.status.behind_s == 0)
    [fields] = [fields for (series, _), fields in stub.points.items() if "rule=WA-02" in series]
    assert fields == {"severity": 2.0, "state_code": 2.0, "active": 1.0, "acked": 0.0, "seq": 2.0}


@pytest.mark.parametrize(
    "answers",
    [
        [INTERNAL] * 3,
        [BUSY],
        [Answer(429, "too many requests", "", (("Retry-After", "0"),))],
        [UNAUTHORIZED, NOT_FOUND],
        [Answer(way="cut")],
        [Answer(way="reset")] * 2,
        [Answer(301, headers=(("Location", "http://127.0.0.1:1/"),))],
        [Answer(way="hang")],
        [Answer(way="drip")],
        [Answer(status=1000)],
    ],
    ids=lambda answers: f"{answers[0].way or answers[0].status}",
)
async def test_after_any_answer_all_is_there_once(house: House, stub: Stub, answers: list[Answer]) -> None:
    stub.next.extend(answers)
    await house.put(*(frame(SUMP, at) for at in range(50)))
    threads = threading.active_count()
    async with at_work(house.historian(influx(stub), replace(QUICK, total=0.3))):
        await arrived(house, stub)
        await house.put(*(frame(SUMP, at) for at in range(50, 60)))
        await arrived(house, stub)
        await until(lambda: stub.open <= 1 and threading.active_count() <= threads + 1)
    assert sum(stub.count().values()) == 180


async def test_who_must_mend_it_is_told_why(house: House, stub: Stub) -> None:
    stub.always = NOT_FOUND
    await house.put(frame(SUMP, 1))
    async with at_work(house.historian(influx(stub))) as historian:
        await until(lambda: historian.status.refused)
        assert historian.status.refused == 'HTTP 404: bucket "anlou" not found'
        assert historian.status.behind_s > 0
        stub.always = None
        await arrived(house, stub)
        await until(lambda: historian.status.refused is None and historian.status.behind_s == 0)


async def test_a_request_to_wait_is_honoured(house: House, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def noted(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0.005)

    monkeypatch.setattr("gateway.historian.historian._pause", noted)
    stub.next.append(Answer(429, "too many requests", "slow down", (("Retry-After", "86400"),)))
    await house.put(frame(SUMP, 1))
    async with at_work(house.historian(influx(stub))):
        await arrived(house, stub)
    assert 600 in waits


async def test_bad_lines_are_found_and_the_rest_arrives(house: House, stub: Stub) -> None:
    stub.poison = lambda line: ",point=p1 " in line and "value=4321" in line
    await house.put(*(frame(SUMP, at) for at in range(5000)))
    async with at_work(house.historian(influx(stub))) as historian:
        await until(lambda: sum(stub.count().values()) == 14_999)
        await until(lambda: historian.status.kept_aside == 1)
        await until(lambda: house.samples.unsent(9))
        [(_, kept)] = house.samples.unsent(9)
        assert b",point=p1 value=4321" in kept.text and "unable to parse" in kept.message
        extra = len(stub.writes()) - -(-15_000 // LINES)
        assert extra <= 14 + 4
        # what is sent again after a restart of the target is not searched for again
        writes = len(stub.writes())
        stub.started += 1
        await until(lambda: len(stub.writes()) > writes)
        await asyncio.sleep(0.1)
        assert historian.status.kept_aside == 1
        assert len(stub.writes()) - writes < 14


@pytest.mark.parametrize("bad", [0, 1, 2, LINES // 2, 2 * LINES // 3, LINES - 2, LINES - 1])
async def test_one_bad_line_costs_at_most_fourteen_requests(house: House, stub: Stub, bad: int) -> None:
    target = Target(influx(stub))
    delivery = Delivery(target, house.samples)
    lines = [f"point,device=d,point=p{n} value={n} 1700000000000" for n in range(2 * LINES)]
    stub.poison = lambda line: f",point=p{bad} " in line
    await delivery.deliver(Batch(5, False, lines, [5] * len(lines)), judged=0)
    await until(lambda: house.samples.unsent(9))
    assert len(stub.writes()) <= 14 + 2  # with what comes behind it
    assert sum(stub.count().values()) == delivery.sent == 2 * LINES - 1
    assert [kept.text for _, kept in house.samples.unsent(9)] == [lines[bad].encode()]
    await target.close()


async def test_no_good_line_goes_aside_with_a_bad_one(house: House, stub: Stub) -> None:
    """A refusal that does not come back is not held against the last line that was left."""
    target = Target(influx(stub))
    delivery = Delivery(target, house.samples)
    stub.next.append(Answer(400, "invalid", "a proxy was in a bad mood"))
    lines = [f"point,device=d value={n} {1700000000000 + n}" for n in range(1000)]
    await delivery.deliver(Batch(5, False, lines, [5] * 1000), judged=0)
    assert (len(stub.points), delivery.kept_aside) == (1000, 0)
    await target.close()


async def test_points_beyond_retention_go_aside_at_once(house: House, stub: Stub) -> None:
    stub.beyond = lambda line: int(line.rsplit(" ", 1)[1]) < 1_700_000_900_000
    await house.put(*(frame(SUMP, at) for at in range(3000)))
    async with at_work(house.historian(influx(stub))) as historian:
        await until(lambda: sum(stub.count().values()) == 3 * 2100)
        await until(lambda: historian.status.kept_aside == 2700)
        assert len(stub.writes()) < 80


async def test_requests_that_are_too_large_become_smaller(house: House, stub: Stub) -> None:
    stub.most_bytes = 2000
    await house.put(*(frame(SUMP, at) for at in range(3000)))
    async with at_work(house.historian(influx(stub))) as historian:
        await arrived(house, stub)
        assert historian.status.kept_aside == 0
        assert stub.writes()[-1] < LINES


async def test_sending_goes_on_from_what_is_confirmed(house: House, stub: Stub) -> None:
    await house.put(*(frame(SUMP, at) for at in range(100)))
    async with at_work(house.historian(influx(stub))):
        await arrived(house, stub)
        await until(lambda: (house.samples.cursor(CURSOR) or "").startswith('{"live": [100, 100,'))
    stub.requests.clear()
    await house.put(frame(SUMP, 100))
    async with at_work(house.historian(influx(stub))):
        await arrived(house, stub)
    assert sum(stub.writes()) <= 3 + 3  # and canaries


async def test_a_target_that_forgets_is_given_the_last_minute_again(house: House, stub: Stub) -> None:
    async with at_work(house.historian(influx(stub), replace(QUICK, confirm=30.0))):
        await house.put(*(frame(SUMP, at) for at in range(200)))
        await arrived(house, stub)
        stub.points.clear()  # killed; what it had not written down is gone, and nobody was told
        stub.started += 1
        await arrived(house, stub)
        assert house.samples.cursor(CURSOR) is None


async def test_the_newest_go_before_the_backlog(house: House, stub: Stub) -> None:
    """Hours behind: what happens now is not at the end of the queue, and the hole is filled without a seam."""
    await house.put(*(frame(SUMP, at) for at in range(5000)))
    await until(lambda: house.samples.queued == 0)
    now = frame(layout("lift-1", 1), (host_wall_ns() - 1_700_000_000 * SECOND) / SECOND)
    order: list[bool] = []
    store = stub.store

    def noted(lines: list[str]) -> None:
        order.extend("device=lift-1" in line for line in lines if line.startswith("point"))
        store(lines)

    stub.store = noted  # type: ignore[method-assign]
    stub.always = INTERNAL
    async with at_work(house.historian(influx(stub))):
        await until(stub.writes)
        await house.put(now)
        await until(lambda: house.samples.queued == 0)
        stub.always = None
        await arrived(house, stub)
    assert order.index(True) < len(order) - 5000
    assert sum(stub.count().values()) == 15_001


async def test_a_late_row_is_not_passed(house: House, stub: Stub) -> None:
    """A frame that changed an alarm waits for the journal; frames behind it are committed first."""
    early = house.samples.reserve()
    await house.put(*(frame(SUMP, at) for at in range(1, 50)))
    async with at_work(house.historian(influx(stub))):
        await until(lambda: house.samples.queued == 0)
        await asyncio.sleep(0.1)
        assert stub.count() == {}
        house.samples.append(early, frame(SUMP, 0))
        await arrived(house, stub)
    assert sum(stub.count().values()) == 150


async def test_a_row_that_waits_for_a_locked_journal_is_not_passed(
    house: House, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """alarm.db may be held by another program, or its disk be full, for as long as it takes: no wait is too long."""
    early = house.samples.reserve()
    await house.put(*(frame(SUMP, at) for at in range(1, 50)))
    async with at_work(house.historian(influx(stub))):
        await until(lambda: len(stub.count("canary")) == 1)
        monkeypatch.setattr(historian_module, "host_mono_ns", lambda: host_mono_ns() + 3600 * SECOND)
        await asyncio.sleep(0.3)
        house.samples.append(early, frame(SUMP, 0))
        await arrived(house, stub)


REFUSE_ALL = Answer(400, "bad request", "the plain HTTP request was sent to an HTTPS port")


async def test_a_target_that_refuses_every_line_is_no_reason_to_pass_them_all(house: House, stub: Stub) -> None:
    """A proxy in front of it, not the lines: they wait, and somebody is told."""
    stub.always = REFUSE_ALL
    await house.put(*(frame(SUMP, at) for at in range(200)))
    async with at_work(house.historian(influx(stub))) as historian:
        await until(lambda: historian.status.refused)
        assert "HTTPS port" in (historian.status.refused or "")
        await asyncio.sleep(0.3)
        assert historian.status.kept_aside == 0
        stub.always = None
        await arrived(house, stub)
        await until(lambda: historian.status.refused is None)
    assert house.samples.unsent(9) == []


async def test_a_canary_that_is_refused_stops_nothing_and_is_told(house: House, stub: Stub) -> None:
    stub.poison = lambda line: line.startswith("canary")
    await house.put(*(frame(SUMP, at) for at in range(100)))
    async with at_work(house.historian(influx(stub), replace(QUICK, canary=0.1))) as historian:
        await until(lambda: historian.status.refused)
        await until(lambda: (house.samples.cursor(CURSOR) or "").startswith('{"live": [100, 100,'))
        stub.poison = lambda line: False
        await until(lambda: historian.status.refused is None)


async def test_nothing_from_before_2020_is_sent(house: House, stub: Stub) -> None:
    old = replace(frame(SUMP, 1, source_ns=77), kind=FrameKind.HISTORY)
    await house.put(old, frame(SUMP, 2), old)
    async with at_work(house.historian(influx(stub))) as historian:
        await until(lambda: historian.status.kept_aside == 6)
        await until(lambda: sum(stub.count().values()) == 3)
        await until(lambda: house.samples.unsent(1))
    assert house.samples.unsent(1)[0][1].reason == "before_2020"


async def test_a_canary_comes_back(house: House, stub: Stub) -> None:
    async with at_work(house.historian(influx(stub), replace(QUICK, canary=0.1, patience=2.0))) as historian:
        await until(lambda: len(stub.count("canary")) == 1 and sum(stub.count("canary").values()) > 2)
        assert not historian.status.lost
        stub.keeps = False
        await until(lambda: historian.status.lost)
        assert historian.status.refused is None
        stub.keeps = True
        await until(lambda: not historian.status.lost)


async def test_a_dead_target_costs_a_thousand_tries_nothing(house: House, stub: Stub) -> None:
    target = Target(influx(stub), 0.01)
    stub.always = Answer(way="hang")
    for _ in range(100):
        with pytest.raises(Trouble, match=r"no answer within|timed out"):  # whoever looks first
            await target.write(["point value=1 1700000000000"])
    assert stub.open <= 1
    await target.close()


async def test_a_full_disk_does_not_stop_the_sending(house: House, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.put(*(frame(SUMP, at) for at in range(10)))
    await until(lambda: house.samples.queued == 0)
    monkeypatch.setattr(samples_module, "free_bytes", lambda folder: 0)
    async with at_work(house.historian(influx(stub))) as historian:
        await arrived(house, stub)
        await until(lambda: historian.status.behind_s == 0)
        await asyncio.sleep(0.3)
        assert historian.status.behind_s == 0
    assert house.samples.cursor(CURSOR) is None


def frames(count: int) -> list[Frame]:
    return [frame(SUMP, at) for at in range(count)]


async def test_the_token_is_never_shown(house: House, stub: Stub, caplog: pytest.LogCaptureFixture) -> None:
    stub.always = UNAUTHORIZED
    await house.put(*frames(3))
    async with at_work(house.historian(influx(stub))) as historian:
        await until(lambda: historian.status.refused)
        assert isinstance(historian, Historian)
        assert stubs.TOKEN not in f"{historian.status}{caplog.text}{vars(historian)}"
