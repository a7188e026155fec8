"""Which time is believed (D21): table tests over the lags of one sender."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.mqtt.lateness import LATE, MAX_SKEW, OLDEST, SPAN, STEADY, WATCHED, Lateness, Verdict
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
    for live in range(0, 600, 60):
        assert sender.says(live, 0.2).kind is FrameKind.LIVE
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


def heard(sender: Sender, *lags_ns: int, every_ns: int = SPAN // 3) -> None:
    """Live messages at an even pace, from now on."""
    for number, lag_ns in enumerate(lags_ns):
        at = number * every_ns
        sender.lateness.judge(LAYOUT, WALL + at - lag_ns, Instant(at, WALL + at))


@pytest.mark.parametrize(
    ("lag_ns", "kind", "believed"),
    [
        (LATE, FrameKind.LIVE, True),
        (LATE + 1, FrameKind.HISTORY, True),
        (-MAX_SKEW, FrameKind.LIVE, True),
        (-MAX_SKEW - 1, FrameKind.LIVE, False),
        (OLDEST, FrameKind.HISTORY, True),
        (OLDEST + 1, FrameKind.LIVE, False),
    ],
)
def test_the_bounds_of_a_single_message_to_the_nanosecond(
    sender: Sender, lag_ns: int, kind: FrameKind, believed: bool
) -> None:
    verdict = sender.lateness.judge(LAYOUT, WALL - lag_ns, Instant(0, WALL))
    assert (verdict.kind, verdict.source_ns) == (kind, WALL - lag_ns if believed else None)


@pytest.mark.parametrize(
    ("lags_s", "trusted"),
    [
        ((10, 10, 10), True),  # 20 s are not half a minute
        ((10, 10, 10, 10), False),
        ((10, 15, 15, 15), False),  # as steady as a live device may be, against the first and the one before
        ((10, 8, 13, 13), False),  # just steady against the one before
        ((10, 12.5, 15, 15), False),  # just steady against the first
        ((10, 15.001, 15, 15), True),  # not steady: counted anew from the second
        ((10, 15.001, 15, 15, 15), False),
        ((10, 6, 14, 14), True),  # near the first, but a leap from the one before
        ((10, 13, 16, 16), True),  # small steps, but away from the first
        ((-10, -10, -10, -10), False),
        ((-10, -15, -15, -15), False),
    ],
)
def test_what_is_steady(sender: Sender, lags_s: tuple[float, ...], trusted: bool) -> None:
    heard(sender, *[round(lag * SECOND) for lag in lags_s])
    assert sender.lateness.trusted is trusted


@pytest.mark.parametrize("away", [1, -1])
def test_half_a_minute_is_half_a_minute(away: int) -> None:
    for first_to_last, trusted in ((SPAN - 1, True), (SPAN, False)):
        sender = Sender()
        heard(sender, away * 2 * MAX_SKEW, away * 2 * MAX_SKEW, every_ns=first_to_last)
        assert sender.lateness.trusted is trusted


@pytest.mark.parametrize("last_s", [5, 3, 2, -2, -5])
def test_a_message_in_time_takes_no_trust_away(sender: Sender, last_s: int) -> None:
    """Whatever was said before it: only one that is itself off may be the last straw."""
    before_s = 7 if last_s > 0 else -7
    heard(sender, before_s * SECOND, before_s * SECOND, before_s * SECOND, last_s * SECOND)
    assert sender.lateness.trusted


@pytest.mark.parametrize(
    ("lags_s", "trusted"),
    [
        ((4, 4, 6, 6), False),
        ((4, 4, 4, 6), True),
        ((5, 5, 5, 6), True),  # the one in the middle is just in time
        ((4, 5.001, 6, 6), False),
    ],
)
def test_the_one_in_the_middle_decides(sender: Sender, lags_s: tuple[float, ...], trusted: bool) -> None:
    heard(sender, *[round(lag * SECOND) for lag in lags_s])
    assert sender.lateness.trusted is trusted


@pytest.mark.parametrize(("lag_ns", "trusted"), [(MAX_SKEW, True), (MAX_SKEW + 1, False), (-MAX_SKEW, True)])
def test_trust_comes_back_with_a_clock_that_is_just_right(sender: Sender, lag_ns: int, trusted: bool) -> None:
    heard(sender, *[3600 * SECOND] * 4)
    assert not sender.lateness.trusted
    heard(sender, *[lag_ns] * 4)
    assert sender.lateness.trusted is trusted


def test_only_the_newest_are_watched(sender: Sender) -> None:
    """Hours in time do not outvote the last minute."""
    heard(sender, *[4 * SECOND] * 500, *[6 * SECOND] * (WATCHED // 2 - 1))
    assert sender.lateness.trusted
    sender = Sender()
    heard(sender, *[4 * SECOND] * 500, *[6 * SECOND] * (WATCHED // 2))
    assert not sender.lateness.trusted
    assert len(sender.lateness._run) == WATCHED


@given(st.integers(-2 * MAX_SKEW, 2 * MAX_SKEW), st.lists(st.integers(0, STEADY), min_size=4, max_size=60))
def test_a_live_device_is_believed_exactly_while_its_lag_can_be(base: int, jitter: list[int]) -> None:
    """One whose lag never leaves a band as wide as `STEADY`: trust follows the side of the bound it is on."""
    sender = Sender()
    heard(sender, *[base + one for one in jitter])
    if base >= -MAX_SKEW and base + max(jitter) <= MAX_SKEW:
        assert sender.lateness.trusted
    if base > MAX_SKEW or base + max(jitter) < -MAX_SKEW:
        assert not sender.lateness.trusted


@given(st.lists(st.integers(STEADY + 1, 3600 * SECOND), min_size=2, max_size=60))
def test_lags_that_keep_leaping_say_nothing_of_the_clock(leaps: list[int]) -> None:
    lags = [20 * 86_400 * SECOND]
    for leap in leaps:
        lags.append(lags[-1] - leap)
    sender = Sender()
    heard(sender, *lags)
    assert sender.lateness.trusted


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ({}, FrameKind.LIVE),
        ({"retained": True}, FrameKind.INITIAL),
        ({"history": True}, FrameKind.HISTORY),
        ({"drained": True}, FrameKind.HISTORY),
        ({"retained": True, "history": True}, FrameKind.HISTORY),
    ],
)
def test_an_odd_time_changes_nothing_about_what_the_message_is(
    sender: Sender, how: dict[str, bool], kind: FrameKind
) -> None:
    expected = Verdict(kind, None, Quality.UNCERTAIN_CLOCK, odd=True)
    assert sender.lateness.judge(LAYOUT, None, Instant(0, WALL), odd=True, **how) == expected
    assert sender.says(0, -60, LAYOUT, **how) == expected
    assert sender.says(0, 40 * 86_400, LAYOUT, **how) == expected


@pytest.mark.parametrize("how", ["history", "drained", "retained"])
def test_only_live_messages_say_how_a_clock_goes(sender: Sender, how: str) -> None:
    for at in range(0, 200, 10):
        sender.says(at, 3600, LAYOUT, **{how: True})
    assert sender.lateness.trusted
    for at in range(200, 240, 10):
        sender.says(at, 3600)
    for at in range(240, 400, 10):
        sender.says(at, 0, LAYOUT, **{how: True})
    assert not sender.lateness.trusted


@pytest.mark.parametrize(
    ("other", "shares"),
    [
        (layout("b"), True),
        (layout("b", "c"), True),
        (layout("a", "b"), True),
        (layout("c"), False),
        (layout("a", "b", device="other"), False),
    ],
)
@pytest.mark.parametrize("met_first", [True, False])
def test_layouts_look_at_each_other_only_over_a_point_they_share(
    sender: Sender, other: Layout, shares: bool, met_first: bool
) -> None:
    """Both ways, whichever of them came first."""
    first, second = (other, LAYOUT) if met_first else (LAYOUT, other)
    assert sender.says(100, 4, first).kind is FrameKind.LIVE
    assert sender.says(101, 1, second).kind is FrameKind.LIVE
    assert sender.says(102, 3, first).kind is (FrameKind.HISTORY if shares else FrameKind.LIVE)
    assert sender.says(103, 0, first).kind is FrameKind.LIVE
    assert sender.says(104, 3, second).kind is (FrameKind.HISTORY if shares else FrameKind.LIVE)


def test_a_time_before_1970_is_a_time(sender: Sender) -> None:
    """A computer that has just been switched on without a clock counts from 1970: only the difference matters."""
    at = Instant(0, SECOND)
    assert sender.lateness.judge(LAYOUT, -SECOND, at) == Verdict(FrameKind.LIVE, -SECOND)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), max_size=40))
def test_a_message_is_current_exactly_if_no_point_of_it_is_known_newer(said: list[tuple[str, int]]) -> None:
    layouts = {"a": layout("x"), "b": layout("y"), "c": layout("x", "y")}
    lateness = Lateness()
    newest: dict[str, int] = {}
    for number, (of, lag) in enumerate(said):
        names = [point.key for point in layouts[of].points]
        when = WALL + (number - lag) * SECOND
        verdict = lateness.judge(layouts[of], when, Instant(number * SECOND, WALL + number * SECOND))
        current = all(when >= newest.get(name, when) for name in names)
        assert verdict == Verdict(FrameKind.LIVE if current else FrameKind.HISTORY, when)
        if current:
            newest.update(dict.fromkeys(names, when))
