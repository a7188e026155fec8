"""Which time is believed (D21): table tests over the lags of one sender."""

from __future__ import annotations

import pytest

from drivers.mqtt.lateness import Lateness, Verdict
from gateway.model import SECOND, FrameKind, Instant, Layout, Point, PointType, Quality

WALL = 1_700_000_000 * SECOND
DAY = 86_400 * SECOND


def layout(*names: str, device: str = "d") -> Layout:
    return Layout(device, tuple(Point(name, PointType.FLOAT) for name in names))


LAYOUT = layout("a", "b")


class Sender:
    """Messages at a second of building time, `lag` behind."""

    def __init__(self) -> None:
        self.lateness = Lateness()

    def says(self, at_s: float, lag_s: float, of: Layout = LAYOUT, **more: bool) -> Verdict:
        mono = round(at_s * SECOND)
        return self.lateness.judge(of, WALL + mono - round(lag_s * SECOND), Instant(mono, WALL + mono), **more)


@pytest.fixture
def sender() -> Sender:
    return Sender()


def source(at_s: float, lag_s: float) -> int:
    return WALL + round(at_s * SECOND) - round(lag_s * SECOND)


@pytest.mark.parametrize("lag", [0, 0.3, 4.9, 5, -0.5, -5])
def test_in_time_is_live_at_its_own_time(sender: Sender, lag: float) -> None:
    assert sender.says(100, lag) == Verdict(FrameKind.LIVE, source(100, lag))


@pytest.mark.parametrize("lag", [5.001, 60, 3600, 30 * 86_400, 31 * 86_400])
def test_late_is_history_at_its_own_time_however_old(sender: Sender, lag: float) -> None:
    assert sender.says(100, lag) == Verdict(FrameKind.HISTORY, source(100, lag), newest=True)


def test_late_is_the_newest_only_while_nothing_newer_is_known(sender: Sender) -> None:
    assert sender.says(100, 60).newest
    assert sender.says(101, 50).newest
    assert not sender.says(102, 55).newest
    assert sender.says(103, 0).kind is FrameKind.LIVE
    assert not sender.says(104, 6).newest


@pytest.mark.parametrize("lag", [-5.001, -3 * 86_400, 31 * 86_400 + 0.001, 40 * 86_400])
def test_the_future_and_what_is_too_old_get_the_time_of_receipt(sender: Sender, lag: float) -> None:
    assert sender.says(100, lag) == Verdict(FrameKind.LIVE, None, Quality.UNCERTAIN_CLOCK, odd=True)


def test_a_time_that_is_none_gets_the_time_of_receipt(sender: Sender) -> None:
    verdict = sender.lateness.judge(LAYOUT, None, Instant(0, WALL), odd=True)
    assert verdict == Verdict(FrameKind.LIVE, None, Quality.UNCERTAIN_CLOCK, odd=True)


def test_without_a_time_live_is_live(sender: Sender) -> None:
    assert sender.lateness.judge(LAYOUT, None, Instant(0, WALL)) == Verdict(FrameKind.LIVE, None)


def test_out_of_order_is_history(sender: Sender) -> None:
    assert sender.says(100, 0).kind is FrameKind.LIVE
    assert sender.says(101, 2) == Verdict(FrameKind.HISTORY, source(101, 2))
    assert sender.says(102, 1).kind is FrameKind.LIVE


def test_the_same_moment_again_is_live_so_that_the_last_one_wins(sender: Sender) -> None:
    assert sender.says(100, 0).kind is FrameKind.LIVE
    assert sender.says(101, 1).kind is FrameKind.LIVE


def test_points_that_come_in_messages_of_their_own_have_an_order_of_their_own(sender: Sender) -> None:
    a, b, both = layout("a"), layout("b"), layout("a", "b")
    assert sender.says(100, 0, a).kind is FrameKind.LIVE
    assert sender.says(101, 2, b).kind is FrameKind.LIVE  # older than what was said of `a`, but the newest of `b`
    assert sender.says(102, 2.5, both).kind is FrameKind.HISTORY  # of `a` something newer is known
    assert sender.says(103, 0, both).kind is FrameKind.LIVE
    assert sender.says(104, 2, a).kind is FrameKind.HISTORY
    assert sender.says(104, 2, layout("a", device="other")).kind is FrameKind.LIVE


def test_a_clock_that_is_wrong_by_an_hour_is_found_out_after_half_a_minute(sender: Sender) -> None:
    kinds = [sender.says(at, 3600) for at in range(0, 70, 10)]
    assert [verdict.kind for verdict in kinds[:3]] == [FrameKind.HISTORY] * 3
    assert kinds[3:] == [Verdict(FrameKind.LIVE, None, Quality.UNCERTAIN_CLOCK, odd=True)] * 4


@pytest.mark.parametrize("period", [0.1, 1, 1.5])
def test_a_sender_that_speaks_often_is_found_out_as_soon(sender: Sender, period: float) -> None:
    """The newest 20 messages of one that speaks each second say nothing of half a minute."""
    kinds = [sender.says(period * number, 10).kind for number in range(round(60 / period))]
    assert FrameKind.LIVE in kinds and period * kinds.index(FrameKind.LIVE) <= 30 + period
    back = [sender.says(60 + period * number, 0).odd for number in range(round(60 / period))]
    assert False in back and period * back.index(False) <= 30 + period


def test_two_messages_far_apart_are_enough(sender: Sender) -> None:
    assert sender.says(0, -0.1).source_ns is not None
    assert sender.says(600, 3600).kind is FrameKind.HISTORY
    assert sender.says(1200, 3600).odd


def test_a_clock_that_was_set_right_is_believed_again_after_half_a_minute(sender: Sender) -> None:
    for at in range(0, 60, 10):
        sender.says(at, 3600)
    assert [sender.says(at, 0).odd for at in range(60, 120, 10)] == [True, True, True, False, False, False]


@pytest.mark.parametrize("rate", [1e9, 60, 2, 1.2])
def test_a_backlog_is_history_and_says_nothing_of_the_clock(sender: Sender, rate: float) -> None:
    """After half an hour without a network: one message a minute, drained at `rate` times the pace of time."""
    for at in range(0, 600, 60):
        assert sender.says(at, 0.2).kind is FrameKind.LIVE
    at, said = 2400.0, 600.0
    while said < at - 5:
        verdict = sender.says(at, at - said)
        assert verdict.kind is FrameKind.HISTORY and not verdict.odd
        at, said = at + 60 / rate, said + 60
    assert sender.lateness.trusted
    assert sender.says(at + 60, 0.2).kind is FrameKind.LIVE


def test_what_waited_at_the_broker_says_nothing_of_the_clock(sender: Sender) -> None:
    for at in range(0, 100, 10):
        assert sender.says(at, 700, drained=True).kind is FrameKind.HISTORY
    assert sender.lateness.trusted


def test_one_odd_message_does_not_make_a_wrong_clock_right(sender: Sender) -> None:
    for at in range(0, 60, 10):
        sender.says(at, 3600)
    sender.says(60, 100)
    assert sender.says(70, 3600).odd and sender.says(80, 3600).odd


def test_a_slow_drift_is_followed(sender: Sender) -> None:
    """0.1 s more with each minute: believed until the median is over 5 s."""
    odd = [sender.says(60 * n, 0.1 * n).odd for n in range(120)]
    assert not any(odd[:50]) and all(odd[70:])


def test_history_of_the_device_itself_is_never_current(sender: Sender) -> None:
    assert sender.says(100, 1, history=True) == Verdict(FrameKind.HISTORY, source(100, 1))
    assert sender.says(101, 0.5).kind is FrameKind.LIVE


def test_history_of_a_wrong_clock_is_kept_at_the_time_of_receipt(sender: Sender) -> None:
    for at in range(0, 60, 10):
        sender.says(at, 3600)
    assert sender.says(60, 7200, history=True) == Verdict(FrameKind.HISTORY, None, Quality.UNCERTAIN_CLOCK, odd=True)


def test_retained_sets_state_and_is_no_edge(sender: Sender) -> None:
    assert sender.says(100, 30 * 86_400, retained=True) == Verdict(
        FrameKind.INITIAL, source(100, 30 * 86_400), Quality.UNCERTAIN_INITIAL
    )
    year = sender.says(100, 365 * 86_400, retained=True)
    assert year == Verdict(FrameKind.INITIAL, None, Quality.UNCERTAIN_CLOCK, odd=True)
    assert sender.lateness.judge(LAYOUT, None, Instant(0, WALL), retained=True) == Verdict(
        FrameKind.INITIAL, None, Quality.UNCERTAIN_INITIAL
    )


def test_retained_that_is_older_than_what_is_known_is_history(sender: Sender) -> None:
    sender.says(100, 0)
    assert sender.says(101, 60, retained=True).kind is FrameKind.HISTORY


def test_what_an_earlier_run_took_as_current_counts(sender: Sender) -> None:
    sender.lateness.accepted(layout("a", "b"), source(99, 0))
    sender.lateness.accepted(LAYOUT, source(100, 0))
    sender.lateness.accepted(LAYOUT, source(90, 0))
    assert sender.says(101, 2).kind is FrameKind.HISTORY
    assert sender.says(101, 0).kind is FrameKind.LIVE


def test_without_a_time_what_waited_at_the_broker_is_uncertain(sender: Sender) -> None:
    assert sender.lateness.judge(LAYOUT, None, Instant(0, WALL), drained=True) == Verdict(
        FrameKind.HISTORY, None, Quality.UNCERTAIN_BACKLOG
    )
    assert sender.lateness.judge(LAYOUT, None, Instant(0, WALL), odd=True, drained=True).kind is FrameKind.HISTORY
