"""The MQTT driver's decisions in virtual time, on a broker that is a script."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.mqtt.session import TakenOver
from gateway.model import HEALTH_POINT, SECOND, ErrorKind, Frame, FrameKind, Layout, Quality
from tests.drivers.made import channel
from tests.drivers.mqtt_fake import EVENTS, NUMBERED, Scene, scene, spec

LIVE, INITIAL, HISTORY = FrameKind.LIVE, FrameKind.INITIAL, FrameKind.HISTORY


def values(frames: list[Frame]) -> list[list[object]]:
    return [list(frame.values) for frame in frames]


def event(name: str = "e", poll_ns: int = 0) -> object:
    return spec(name, EVENTS, poll_ns)


async def test_a_message_becomes_a_frame_and_is_acknowledged_when_it_is_durable() -> None:
    async with scene() as on:
        on.by_itself = False
        mid = on.level(0.5, 1)
        await on.turn()
        (frame,) = on.taken()
        assert frame.layout.device == "a" and frame.values == [0.5, 3.6] and frame.kind is LIVE
        assert frame.quality is None and frame.source_ns == on.ago(1) * 1_000_000
        assert on.wire.acknowledged == []
        on.commit()
        await on.turn()
        assert on.wire.acknowledged == [mid]
        unit = on.report.units[0]
        await on.turn(1)
        unit = on.report.units[0]
        assert (unit.name, unit.polls, unit.good, unit.error) == ("a", 1, 1, None)
        assert unit.last_good_mono_ns == 0 and on.report.counts["messages"] == 1


async def test_acknowledged_in_the_order_of_arrival() -> None:
    async with scene(spec("a"), spec("b")) as on:
        on.by_itself = False
        mids = [on.level(number, 1 - number / 10, name=name) for number, name in enumerate("abab")]
        await on.turn()
        accepts, on.waiting = on.waiting, []
        for accept in (accepts[3], accepts[1]):
            accept()
        await on.turn()
        assert on.wire.acknowledged == []
        accepts[0]()
        await on.turn()
        assert on.wire.acknowledged == mids[:2]
        accepts[2]()
        await on.turn()
        assert on.wire.acknowledged == mids


async def test_a_message_for_two_devices_is_acknowledged_when_both_are_durable() -> None:
    channels = [channel("one", "floor_level", "a.level"), channel("two", "pit_level", "a.level")]
    module = dataclasses.replace(spec("a"), own_device=False)
    async with scene(module, channels=channels) as on:
        first, second = asyncio.Event(), asyncio.Event()

        async def judged(frame: Frame) -> None:
            await {"one": first, "two": second}[frame.layout.device].wait()

        on.emits = judged
        mid = on.level(1.0)
        first.set()
        await on.turn()
        assert [frame.layout.device for frame in on.frames] == ["one"] and on.wire.acknowledged == []
        second.set()
        await on.turn()
        assert [frame.layout.device for frame in on.frames] == ["one", "two"] and on.wire.acknowledged == [mid]


async def test_one_devices_commit_does_not_hold_up_another() -> None:
    async with scene(spec("a"), spec("b")) as on:
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def emits(frame: Frame) -> None:
            if frame.layout.device == "a":
                await gate

        on.emits = emits
        on.level(1, 0.3, name="a")
        on.level(2, 0.2, name="a")
        on.level(3, 0.1, name="b")
        await on.turn()
        assert values(on.taken()) == [[3, 3.6]]
        gate.set_result(None)
        await on.turn()
        assert values(on.taken()) == [[1, 3.6], [2, 3.6]]


async def test_qos_0_is_taken_without_an_acknowledgement() -> None:
    async with scene() as on:
        on.level(1, qos=0)
        await on.turn()
        (frame,) = on.taken()
        assert frame.accept is None and on.wire.acknowledged == []
        assert on.driver._intake.unsettled == 0


# poison


@pytest.mark.parametrize("payload", [b"", b"\x00", b"{", b"NaN", b"[" * 50_000, b"\xff\xfe", b'{"level": 1e999}'])
async def test_poison_is_kept_aside_and_then_acknowledged(payload: bytes) -> None:
    async with scene() as on:
        on.by_itself = False
        mid = on.says("t/a", payload)
        await on.turn()
        (item,) = on.kept
        assert item.payload == payload and item.topic == "t/a" and item.link == "broker"
        assert on.wire.acknowledged == [] and not on.frames
        on.commit()
        await on.turn(1)
        assert on.wire.acknowledged == [mid]
        unit = on.report.units[0]
        assert unit.error is not None and unit.error.kind is ErrorKind.DECODE and unit.polls == 1 and unit.good == 0
        assert unit.errors == {ErrorKind.DECODE: 1} and on.report.counts["quarantined"] == 1
        on.level(1)
        await on.turn(1)
        assert on.report.units[0].error is None and on.report.units[0].last_error is not None


async def test_a_fault_of_ours_is_poison_too_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async with scene() as on:
        unit = on.driver._units[0]
        unit.codec.decode = lambda topic, payload: 1 // 0  # type: ignore[method-assign, assignment, return-value]
        with caplog.at_level(logging.ERROR):
            mids = [on.level(1), on.level(2)]
            await on.turn()
        assert [item.reason for item in on.kept] == ["internal", "internal"]
        assert on.wire.acknowledged == mids
        assert sum("Traceback" in record.getMessage() or bool(record.exc_info) for record in caplog.records) == 1


async def test_poison_between_sound_messages_does_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with scene() as on:
        for _ in range(50):
            on.level(1.0)
            on.says("t/a", b"{")
            await on.turn(0.01)
        assert len([record for record in caplog.records if "kept aside" in record.message]) == 1
        assert len(on.kept) == 50
        await on.turn(3600)
        on.says("t/a", b"{")
        assert len([record for record in caplog.records if "kept aside" in record.message]) == 2


async def test_more_than_the_limit_is_kept_aside_by_its_head() -> None:
    async with scene(max_payload=1000) as on:
        mid = on.says("t/a", b"x" * 30_000)
        await on.turn()
        (item,) = on.kept
        assert item.reason == "oversize" and len(item.payload) == 1024 and "30000 bytes" in item.message
        assert on.wire.acknowledged == [mid]


async def test_unknown_senders_are_noticed_and_never_made() -> None:
    async with scene(watch=["t/+"]) as on:
        assert on.wire.filters == ["t/+"]
        mid = on.says("t/stranger", b'{"level": 1}')
        on.says("old/topic", b"1")
        on.says("", b"1")
        await on.turn(1)
        assert [item.reason for item in on.kept] == ["unknown_device", "unknown_device", "encoding"]
        assert on.report.counts["unknown_device"] == 3 and on.report.counts["quarantined"] == 3
        assert mid in on.wire.acknowledged and not on.frames
        # nobody watches it: left over in our session, from whatever filter
        assert {"old/topic", "old/+", "+/+", "#", "old/#"} <= set(on.wire.unsubscribed)
        assert "t/+" not in on.wire.unsubscribed
        once = len(on.wire.unsubscribed)
        on.says("old/topic", b"1")
        assert len(on.wire.unsubscribed) == once
        for number in range(20_000):
            on.says(f"{number}/x/y/z", b"1")
        assert once < len(on.wire.unsubscribed) < 6000


async def test_a_failing_store_ends_the_run() -> None:
    async with scene(begin=False) as on:

        async def fails(frame: Frame) -> None:
            raise OSError("the store failed")

        on.emits = fails
        await on.start()
        on.level(1)
        assert on.task is not None
        with pytest.raises(OSError, match="the store failed"):
            await asyncio.wait_for(on.task, 60)
        assert on.wire.closed and on.wire.acknowledged == []


async def test_what_a_failed_run_took_is_new_in_the_next() -> None:
    """The store never got it, so the next run may not call it a duplicate and acknowledge it."""
    async with scene(spec("a"), event(), begin=False) as on:  # type: ignore[arg-type]

        async def fails(frame: Frame) -> None:
            raise OSError("the store failed")

        on.emits = fails
        await on.start()
        body = {"ts": on.ago(), "level": 1.0, "battery": 3.6}
        timed, plain = on.message("t/a", body), on.message("e/e/fire", b"1")
        assert on.wire.receive is not None
        on.wire.receive(timed)
        on.wire.receive(plain)
        assert on.task is not None
        await asyncio.wait([on.task])
        assert isinstance(on.task.exception(), OSError)
        assert not on.report.connected and on.report.lost_at_ns is not None
        on.emits, on.present = None, False
        assert on.report.counts["gaps"] == 0
        on.task = asyncio.ensure_future(on.driver.run(on.emit))
        async with asyncio.timeout(60):
            while len(on.wires) == 1:
                await on.turn(0.1)
                await asyncio.sleep(0.001)  # `recent` is asked in a thread
        await on.turn()
        assert on.wire.receive is not None
        on.wire.receive(timed._replace(dup=True))
        on.wire.receive(plain._replace(dup=True))
        await on.turn()
        assert values(on.taken()) == [[1.0, 3.6], [True]]
        await on.turn(1)
        assert on.report.counts["gaps"] == 1  # the broker has forgotten what the failed run had been given
        assert on.wire.acknowledged == [timed.mid, plain.mid] and on.counted["duplicate"] == 0


# late, again, retained


async def test_late_is_history_and_does_not_make_a_device_alive() -> None:
    async with scene() as on:
        on.level(1, 0)
        await on.turn(60)
        on.level(2, 30)
        await on.turn(1)
        assert [frame.kind for frame in on.taken()] == [LIVE, HISTORY]
        assert on.report.counts["history"] == 1 and on.report.units[0].last_good_mono_ns == 0


async def test_a_late_last_word_holds_when_nothing_follows() -> None:
    """A flood sensor that speaks every ten minutes, heard eight seconds late: its word is what is, and no edge."""
    async with scene(spec("a", poll_ns=600 * SECOND)) as on:
        on.level(1, 0)
        await on.turn(60)
        on.level(2, 30)
        on.level(3, 8)
        await on.turn(0.5)
        assert [(frame.kind, frame.values[0]) for frame in on.taken()] == [(LIVE, 1.0), (HISTORY, 2.0), (HISTORY, 3.0)]
        await on.turn(1)
        (frame,) = on.taken()
        assert (frame.kind, frame.values[0], frame.source_ns) == (INITIAL, 3.0, None)
        assert frame.quality == [Quality.UNCERTAIN_BACKLOG] * 2 and frame.accept is None
        await on.turn(60)
        assert on.taken() == [], "said once"


async def test_a_late_last_word_older_than_its_period_is_only_history() -> None:
    async with scene(spec("a", poll_ns=10 * SECOND)) as on:
        on.level(1, 10.5)
        await on.turn(5)
        assert [frame.kind for frame in on.taken()] == [HISTORY]


async def test_what_follows_in_time_is_what_is() -> None:
    async with scene(spec("a", poll_ns=600 * SECOND)) as on:
        on.level(1, 8)
        on.level(2, 0)
        await on.turn(5)
        assert [(frame.kind, frame.values[0]) for frame in on.taken()] == [(HISTORY, 1.0), (LIVE, 2.0)]


async def test_sound_messages_are_good_whether_they_bring_samples_or_not() -> None:
    async with scene() as on:
        on.level(1)
        on.level(1, mid=1, dup=True)  # again
        on.says("t/a", b"nonsense")
        await on.turn(1)
        unit = on.report.units[0]
        assert (unit.polls, unit.good) == (3, 2)


async def test_a_wrong_clock_is_told() -> None:
    async with scene() as on:
        on.says("t/a", {"ts": on.ago(-3 * 86_400), "level": 1.0, "battery": 3.6})
        await on.turn(1)
        (frame,) = on.taken()
        assert frame.kind is LIVE and frame.source_ns is None
        assert frame.quality == [Quality.UNCERTAIN_CLOCK] * 2 and on.report.counts["clock"] == 1
        error = on.report.units[0].error
        assert error is not None and "it says 2023-11-17" in error.message


async def test_a_message_again_is_acknowledged_and_not_stored_twice() -> None:
    async with scene() as on:
        body = {"ts": on.ago(), "level": 1.0, "battery": 3.6}
        mids = [on.says("t/a", body), on.says("t/a", body, dup=True)]
        mids.append(on.says("t/a", {**body, "level": 2.0}))
        await on.turn(1)
        assert values(on.taken()) == [[1.0, 3.6], [2.0, 3.6]]
        assert on.wire.acknowledged == mids
        assert on.counted["duplicate"] == 2 and on.report.counts["duplicates"] == 1
        assert on.report.counts["conflicts"] == 1


async def test_older_records_of_one_event_are_records_of_their_own() -> None:
    """A ChirpStack uplink with a history has one id for all that is in it."""
    async with scene(spec("h", NUMBERED)) as on:
        body = {"id": "e1", "ts": on.ago(), "level": 9.0}
        history = [{"ts": on.ago(60 * n), "level": level} for n, level in ((3, 1.0), (2, 2.0), (1, 2.0))]
        on.says("n/h", {**body, "history": history})
        await on.turn()
        assert sorted(values(on.taken())) == [[1.0], [2.0], [2.0], [9.0]]
        on.says("n/h", {**body, "history": history}, dup=True)
        on.says("n/h", {"id": "e2", "ts": on.ago(-1), "level": 8.0, "history": history})
        await on.turn(1)
        assert values(on.taken()) == [[8.0]] and on.report.counts["conflicts"] == 0
        assert on.counted["duplicate"] == 7


async def test_after_a_restart_the_store_remembers() -> None:
    async with scene(begin=False) as on:
        layout = on.driver.layouts[0]
        at = on.clock.now()
        on.stored["a"] = [Frame(layout, [1.0, 3.6], at, source_ns=on.ago(2) * 1_000_000)]
        on.present = True
        await on.start()
        mids = [on.level(1.0, 2, dup=True), on.level(5.0, 1)]
        await on.turn()
        assert values(on.taken()) == [[5.0, 3.6]] and on.wire.acknowledged == mids
        assert on.report.counts["gaps"] == 0


async def test_retained_sets_state_and_is_no_edge() -> None:
    async with scene(event()) as on:  # type: ignore[arg-type]
        on.says("e/e/fire", b"1", retain=True)
        on.says("e/e/fire", b"0")
        await on.turn(1)
        first, second = on.taken()
        assert first.kind is INITIAL and first.quality == [Quality.UNCERTAIN_INITIAL] and first.values == [True]
        assert second.kind is LIVE and second.values == [False]  # a change right after connecting is one
        assert on.report.counts["retained"] == 1


async def test_retained_is_state_at_once_though_a_backlog_drains() -> None:
    async with scene(event(), present=True) as on:  # type: ignore[arg-type]
        on.says("e/e/smoke", b"5")
        on.says("e/e/fire", b"1", retain=True)
        await on.turn()
        assert [(frame.values, frame.kind) for frame in on.taken()] == [([5.0], HISTORY), ([True], INITIAL)]


async def test_retained_of_last_year_is_state_only() -> None:
    """MQ10."""
    async with scene() as on:
        on.level(9.9, 365 * 86_400, retain=True)
        await on.turn(1)
        (frame,) = on.taken()
        assert frame.kind is INITIAL and frame.source_ns is None and frame.quality == [Quality.UNCERTAIN_CLOCK] * 2
        assert on.report.units[0].last_good_mono_ns is None  # no sign of life of a device that should speak


async def test_retained_that_was_stored_before_is_said_once_in_a_run() -> None:
    async with scene(begin=False) as on:
        source_ns = on.ago(600) * 1_000_000
        on.stored["a"] = [Frame(on.driver.layouts[0], [1.0, 3.6], on.clock.now(), source_ns=source_ns)]
        on.present = True
        await on.start()
        on.level(1.0, 600, retain=True)
        on.level(1.0, 600, retain=True)
        await on.turn()
        (frame,) = on.taken()
        assert frame.kind is INITIAL and frame.source_ns == source_ns


# availability


async def test_availability_is_told_in_the_order_of_receipt() -> None:
    """MQ15: the last will of the old connection comes after the new one has said that it is there."""
    async with scene(event()) as on:  # type: ignore[arg-type]
        on.says("e/e/there", {"state": "on"}, retain=True)
        await on.turn(1)
        assert on.report.units[0].available is True
        at = on.report.units[0].available_at_ns
        on.says("e/e/there", {"state": "off"})
        on.says("e/e/there", {"state": "on"})
        await on.turn(0.01)
        unit = on.report.units[0]
        assert unit.available is True and unit.available_at_ns is not None and at is not None
        assert unit.available_at_ns > at and not on.frames
        mid = on.says("e/e/there", b"rubbish")
        await on.turn(1)
        assert on.report.units[0].available is True and [item.reason for item in on.kept] == ["json"]
        assert mid in on.wire.acknowledged


# the link


async def test_a_lost_link_leaves_nothing_known_after_ten_seconds() -> None:
    async with scene(spec("a"), event()) as on:  # type: ignore[arg-type]
        on.level(1)
        await on.turn(1)
        on.taken()
        on.reachable = False
        on.hang_up()
        await on.turn()
        await on.turn(9.5)
        assert not on.frames and not on.report.connected and on.report.lost_at_ns == SECOND
        await on.turn(1)
        frames = on.taken()
        assert sorted(frame.layout.device for frame in frames) == ["a", "e"]
        assert all(set(frame.quality or ()) == {Quality.BAD_COMM} and frame.kind is LIVE for frame in frames)
        await on.turn(60)
        assert not on.frames  # said once
        assert on.report.error is not None and on.report.error.message == "refused"
        on.reachable = True
        await on.turn(6)
        assert on.report.connected and on.report.lost_at_ns is None and on.report.error is None


async def test_a_link_that_was_never_there_leaves_nothing_known() -> None:
    async with scene(begin=False) as on:
        on.reachable = False
        await on.start()
        await on.turn(11)
        (frame,) = on.taken()
        assert frame.quality == [Quality.BAD_COMM] * 2


async def test_a_lost_session_is_a_gap() -> None:
    async with scene() as on:
        assert on.report.counts["gaps"] == 0  # the very first one has nothing to lose
        on.hang_up()
        await on.turn(6)
        assert on.report.counts["gaps"] == 0 and len(on.wires) == 2
        on.present = False
        on.hang_up()
        await on.turn(6)
        assert on.report.counts["gaps"] == 1


async def test_a_first_session_is_no_gap_when_the_store_knows_only_what_others_said_of_our_devices() -> None:
    async with scene(begin=False) as on:
        layout, at = on.driver.layouts[0], on.clock.now()
        on.stored["a"] = [
            Frame(Layout("a", (HEALTH_POINT,)), ["starting"], at),
            Frame(layout, [None] * len(layout.points), at, [Quality.BAD_COMM] * len(layout.points)),
        ]
        await on.start()
        await on.turn(1)
        assert on.report.counts["gaps"] == 0


async def test_a_lost_session_is_a_gap_when_only_the_store_remembers_us() -> None:
    async with scene(begin=False) as on:
        on.stored["a"] = [Frame(on.driver.layouts[0], [1.0, 2.0], on.clock.now())]
        await on.start()
        await on.turn(1)
        assert on.report.counts["gaps"] == 1


async def test_two_gateways_with_one_name() -> None:
    async with scene() as on:
        for _ in range(600):
            if not on.wire.lost.done():
                on.wire.lost.set_result(TakenOver(ErrorKind.EXCEPTION, "another client"))
            await on.turn(1)
        assert len([at for at in on.connects if at >= 60]) <= 27
        assert on.report.error is not None and "anlou-test-broker" in on.report.error.message


async def test_a_refused_subscription_is_told() -> None:
    async with scene(begin=False) as on:
        on.refused = {"t/a": "Not authorized"}
        await on.start()
        await on.turn(1)
        assert on.report.connected and on.report.error is not None
        assert "t/a (Not authorized)" in on.report.error.message


async def test_reports_come_each_second() -> None:
    async with scene() as on:
        before = len(on.reports)
        await on.turn(10)
        assert 10 <= len(on.reports) - before <= 14
        assert on.report.endpoint == "mqtt://127.0.0.1:1" and on.report.connects == 1


# backlog


async def test_a_backlog_without_times_is_history_and_its_newest_values_are_said_at_its_end() -> None:
    async with scene(event("e", 600 * SECOND), present=True) as on:  # type: ignore[arg-type]
        mids = [on.says("e/e/fire", b"%d" % (number % 2)) for number in range(5)]
        mids.append(on.says("e/e/smoke", b"7"))
        await on.turn()
        frames = on.taken()
        assert {(frame.kind, frame.source_ns) for frame in frames} == {(HISTORY, None)}
        assert all(frame.quality == [Quality.UNCERTAIN_BACKLOG] for frame in frames)
        assert on.wire.acknowledged == mids  # at once: nothing waits for the end
        await on.turn(0.7)
        assert not on.frames
        await on.turn(1)
        again = on.taken()
        assert {frame.layout.points[0].name: list(frame.values) for frame in again} == {"fire": [False], "smoke": [7.0]}
        assert all(frame.kind is INITIAL and frame.quality == [Quality.UNCERTAIN_BACKLOG] for frame in again)
        assert all(frame.accept is None for frame in again)
        on.says("e/e/fire", b"1")
        await on.turn()
        (frame,) = on.taken()
        assert frame.kind is LIVE and frame.quality is None


async def test_a_backlog_that_does_not_end_is_said_as_it_comes() -> None:
    async with scene(event(), present=True) as on:  # type: ignore[arg-type]
        said = []
        for number in range(400):
            on.says("e/e/smoke", b"%d" % number)
            await on.turn(0.1)
            said += [(number, frame.kind) for frame in on.taken()]
        initial = [number for number, kind in said if kind is INITIAL]
        assert all(later - earlier <= 60 for earlier, later in pairwise(initial)) and initial
        assert said[-1] == (399, LIVE)
        first_live = next(number for number, kind in said if kind is LIVE)
        assert 290 <= first_live <= 310


async def test_a_backlog_with_times_keeps_them() -> None:
    async with scene(present=True) as on:
        for number in range(30):
            on.level(number, 1800 - 60 * number)
        await on.turn()
        assert {frame.kind for frame in on.taken()} == {HISTORY}
        await on.turn(3)
        assert not on.frames
        on.level(99, 0.2)
        await on.turn()
        assert [frame.kind for frame in on.taken()] == [LIVE]


async def test_what_came_with_the_session_before_anybody_asked_is_backlog_too() -> None:
    async with scene(begin=False) as on:
        on.present = True
        on.early = [on.message("t/a", {"ts": on.ago(100), "level": 1.0, "battery": 1.0})]
        await on.start()
        await on.turn()
        assert [frame.kind for frame in on.taken()] == [HISTORY]


async def test_silent_devices_that_only_speak_of_changes_are_restated() -> None:
    async with scene(event(), event("gone"), event("timed", 600 * SECOND)) as on:  # type: ignore[arg-type]
        for name in ("e", "gone", "timed"):
            on.says(f"e/{name}/fire", b"1")
            on.says(f"e/{name}/smoke", b"5")
        await on.turn(1)
        on.reachable = False
        on.hang_up()
        await on.turn(12)
        assert {frame.layout.device for frame in on.taken()} >= {"e", "gone", "timed"}
        on.reachable = True
        for _ in range(12):
            await on.turn(0.5)
            if len(on.wires) == 2:
                break
        on.says("e/gone/there", {"state": "off"})
        on.says("e/e/smoke", b"6")
        await on.turn(4)
        # nothing is known of `gone`, and `timed` will speak by itself
        said = on.taken()
        assert [(frame.layout.points[0].name, frame.kind) for frame in said if frame.layout.device == "e"] == [
            ("smoke", HISTORY),
            ("fire", INITIAL),
            ("smoke", INITIAL),
        ]
        assert {frame.layout.device for frame in said} == {"e"}


async def test_after_a_gap_nothing_is_restated() -> None:
    async with scene(event()) as on:  # type: ignore[arg-type]
        on.says("e/e/fire", b"1")
        await on.turn(1)
        on.taken()
        on.present = False
        on.hang_up()
        await on.turn(10)
        assert not on.taken()
        on.hang_up()  # this time the session is kept: what held before the gap is still not known
        await on.turn(10)
        assert not on.taken()


async def test_what_was_refused_is_no_duplicate_of_what_was_said_before() -> None:
    """`1` and `0` were taken; another `1` was not, and comes again. Its bytes are known, its packet number is not."""
    async with scene(event(), window=10) as on:  # type: ignore[arg-type]
        for number in range(10):
            on.says("e/e/fire", b"%d" % (number % 2))
            await on.turn()
        on.says("e/e/fire", b"0")
        await on.turn()
        on.taken()
        on.hang_up()
        while len(on.wires) == 1:
            await on.turn(0.1)
        mid = on.says("e/e/fire", b"1", dup=True)
        await on.turn()
        assert [(list(frame.values), frame.kind) for frame in on.taken()] == [([True], HISTORY)]
        assert on.wire.acknowledged == [mid] and on.counted["duplicate"] == 0


@pytest.mark.parametrize("period", [0, 600 * SECOND])
async def test_what_comes_again_after_a_restart_says_how_things_stand_whether_it_was_stored_or_not(period: int) -> None:
    """Nobody can tell a `1` that was stored just before a crash from one that was still on its way."""
    async with scene(event("e", period), begin=False) as on:  # type: ignore[arg-type]
        (layout,) = (one for one in on.driver.layouts if [point.name for point in one.points] == ["fire"])
        at = on.clock.now()
        on.stored["e"] = [Frame(layout, [value], at) for value in (False, True)]
        on.present = True
        await on.start()
        mid = on.says("e/e/fire", b"1", dup=True)
        await on.turn(3)
        assert on.wire.acknowledged == [mid] and on.counted["duplicate"] == 1
        last = on.taken()[-1]
        assert (last.values, last.kind) == ([True], INITIAL)


async def test_what_was_stored_long_before_a_crash_cannot_come_again() -> None:
    async with scene(event(), begin=False) as on:  # type: ignore[arg-type]
        (layout,) = (one for one in on.driver.layouts if [point.name for point in one.points] == ["fire"])
        at = on.clock.now()
        long_ago = at._replace(mono_ns=at.mono_ns - 3600 * SECOND)
        on.stored["e"] = [Frame(layout, [False], at), Frame(layout, [True], long_ago)]
        on.present = True
        await on.start()
        on.says("e/e/fire", b"1", dup=True)
        await on.turn()
        assert [(list(frame.values), frame.kind) for frame in on.taken()] == [([True], HISTORY)]


# the window


async def test_a_full_window_connects_anew_and_loses_nothing_that_is_acknowledged() -> None:
    async with scene(window=20) as on:
        on.by_itself = False
        taken = [on.level(number, 2 - number / 100) for number in range(20)]
        refused = [on.level(number, 2 - number / 100) for number in range(20, 30)]
        on.level(99, 0.1, qos=0)
        await on.turn(0.1)
        assert on.wire.paused == [True] and len(on.frames) == 20 and on.counted["dropped"] == 1
        assert not on.wire.closed
        on.commit()
        await on.turn(0.1)
        assert on.wires[0].acknowledged == taken and on.wires[0].closed
        await on.turn(3)
        assert len(on.wires) == 2 and on.report.counts["overflows"] == 1 and on.report.counts["gaps"] == 0
        assert on.report.connected and refused


async def test_what_never_becomes_durable_is_asked_for_again() -> None:
    async with scene() as on:
        on.by_itself = False
        body = {"ts": on.ago(), "level": 1.0, "battery": 3.6}
        on.says("t/a", body)
        await on.turn(1)
        on.waiting.clear()  # forgotten on its way
        await on.turn(30)
        assert len(on.wires) == 1
        on.by_itself = True
        for _ in range(10_000):
            await on.turn(1)
            await asyncio.sleep(0.001)  # `recent` is asked in a thread
            if len(on.wires) == 2:
                break
        assert on.report.counts["overflows"] == 1
        mid = on.says("t/a", body, dup=True)
        await on.turn(1)
        assert len(on.taken()) == 2 and on.wire.acknowledged == [mid]


async def test_duplicates_of_what_is_on_its_way_wait_for_it() -> None:
    async with scene() as on:
        on.by_itself = False
        body = {"ts": on.ago(), "level": 1.0, "battery": 3.6}
        mids = [on.says("t/a", body), on.says("t/a", body)]
        await on.turn()
        assert on.wire.acknowledged == [] and len(on.frames) == 1
        on.commit()
        await on.turn()
        assert on.wire.acknowledged == mids


# any bytes


async def judged(on: Scene, topic: str, payload: bytes) -> None:
    before = len(on.frames) + len(on.kept) + on.counted["duplicate"]
    mid = on.says(topic, payload)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert on.wire.acknowledged[-1] == mid
    assert len(on.frames) + len(on.kept) + on.counted["duplicate"] > before or topic.endswith("there")


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["t/a", "e/e/fire", "e/e/smoke", "e/e/there", "x", ""]),
            st.binary(max_size=200)
            | st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=5),
                max_leaves=20,
            ).map(lambda value: repr(value).encode(errors="surrogatepass"))
            | st.fixed_dictionaries(
                {"ts": st.integers() | st.floats() | st.text(), "level": st.floats() | st.integers() | st.text()}
            ).map(lambda value: __import__("json").dumps(value).encode()),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_any_bytes_end_in_the_store_and_are_acknowledged(messages: list[tuple[str, bytes]]) -> None:
    async def story() -> None:
        async with scene(spec("a"), event(), watch=["x"]) as on:  # type: ignore[arg-type]
            for topic, payload in messages:
                await judged(on, topic, payload)
            assert on.driver._intake.unsettled == 0

    asyncio.run(story())
