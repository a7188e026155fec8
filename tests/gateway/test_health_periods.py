"""Points with periods of their own: each counts by its own, and shows when it was last good. In virtual time."""

from __future__ import annotations

import pytest

from gateway.health import HealthBook, PointHealth
from gateway.model import SECOND, ErrorKind, Frame, FrameKind, Health, Layout, Quality
from tests.gateway.test_health import WALL, at
from tests.gateway.test_health_why import (
    ENERGY,
    FAST,
    FLOW,
    LEVEL,
    MINUTE,
    SLOW,
    book,
    device,
    error,
    good,
    in_chinese,
    report,
    said,
    unit,
    whys,
)

PACED = device(periods={"energy": 60 * SECOND})


def points(one: HealthBook, seconds: float) -> dict[str, PointHealth]:
    found = {point.key: point for point in one.points("pump", at(seconds))}
    in_chinese(point.why for point in found.values() if point.why is not None)
    return found


def fast(one: HealthBook, begin: int, end: int) -> None:
    for seconds in range(begin, end):
        one.observe(good(seconds))


def test_a_slow_point_is_waited_for_by_its_own_period() -> None:
    one = book(PACED)
    one.observe(good(0, SLOW))
    fast(one, 0, 300)
    assert [one.state("pump", at(seconds)) for seconds in (179, 180, 181, 299)] == [
        Health.ONLINE,
        Health.ONLINE,
        Health.DEGRADED,
        Health.DEGRADED,
    ]
    assert whys(one, 299) == [("silent", "nothing since 06:13:20 of energy")]
    view = one.device("pump", at(299)).points
    assert (view.good, view.bad, view.silent) == (2, 1, 1)
    energy = points(one, 299)["energy"]
    assert (energy.silent, energy.period_ns, energy.age_ns) == (True, 60 * SECOND, 299 * SECOND)
    assert energy.why is not None and energy.why.en == "nothing since 06:13:20, though it is expected every 1 min"
    one.observe(good(300, SLOW))
    assert one.state("pump", at(300)) is Health.ONLINE


def test_a_fire_panels_points_have_a_hundred_seconds() -> None:
    one = book(device(system="fire", periods={"energy": 10 * SECOND}))
    one.observe(good(0, SLOW))
    fast(one, 0, 120)
    assert [one.state("pump", at(seconds)) for seconds in (100, 101)] == [Health.ONLINE, Health.DEGRADED]


def test_a_slow_point_that_was_good_does_not_keep_a_dead_unit_alive() -> None:
    """Its energy is read each half hour: an hour of a dead pump must not look like a partial fault."""
    one = book(device(periods={"energy": 30 * MINUTE}))
    one.observe(good(100, SLOW))
    fast(one, 90, 101)
    for layout in (FAST, SLOW):
        one.observe(said(102, *[Quality.BAD_COMM] * len(layout.points), layout=layout))
    one.report(report(102, unit(error=error(ErrorKind.TIMEOUT), misses=2, backoff_until_ns=108 * SECOND)))
    states = [one.state("pump", at(seconds)) for seconds in (102, 105.5, 110.5)]
    assert states == [Health.DEGRADED, Health.STALE, Health.OFFLINE]


def test_a_device_that_only_has_slow_points_is_online_between_them() -> None:
    one = book(device(periods=dict.fromkeys(("level", "flow", "energy", "serial"), 60 * SECOND)))
    one.observe(good(0))
    assert [one.state("pump", at(seconds)) for seconds in (60, 120, 121, 180, 181)] == [
        Health.ONLINE,
        Health.ONLINE,
        Health.STALE,
        Health.STALE,
        Health.OFFLINE,
    ]


def test_what_speaks_only_of_changes_is_not_missed_beside_what_speaks_regularly() -> None:
    """A door contact that is told when it opens, beside a level that is told each minute."""
    one = book(device(poll_ns=60 * SECOND, periods={"energy": 0}))
    one.observe(good(0, SLOW))
    for seconds in range(0, 3600, 60):
        one.observe(good(seconds))
        assert one.silenced(at(seconds)) == [] or seconds < 300
    assert one.state("pump", at(3600)) is Health.ONLINE
    assert points(one, 3600)["energy"].why is None
    assert [one.state("pump", at(seconds)) for seconds in (3719, 3721)] == [Health.ONLINE, Health.DEGRADED]
    one.report(report(3800, unit(None), connected=False, lost_at_ns=3790 * SECOND))
    assert one.state("pump", at(3900)) is Health.OFFLINE


def test_health_says_a_starved_slow_point_to_the_rules() -> None:
    one = book(PACED)
    one.observe(good(0, SLOW))
    told = []
    for seconds in range(400):
        one.observe(good(seconds))
        told += [(seconds, [point.key for point in frame.layout.points]) for frame in one.silenced(at(seconds))]
    assert [keys for seconds, keys in told if seconds > 20] == [["energy"]]
    assert 180 < next(seconds for seconds, keys in told if keys == ["energy"]) <= 190


def test_what_never_spoke_is_told_by_its_own_period() -> None:
    one = book(PACED)
    told = []
    for seconds in range(400):
        one.observe(good(seconds))
        told += [(seconds, [point.key for point in frame.layout.points]) for frame in one.silenced(at(seconds))]
    assert [keys for _, keys in told] == [["serial"], ["energy"]]
    assert 10 < told[0][0] <= 20 and 180 < told[1][0] <= 190
    found = points(one, 170)["energy"]
    assert (found.quality, found.silent, found.why and found.why.en) == (
        None,
        False,
        "not heard yet; it is expected every 1 min",
    )
    found = points(one, 390)["energy"]
    assert (found.silent, found.why and found.why.en) == (True, "nothing has come of it since the start at 06:13:20")


def test_each_point_knows_when_it_was_last_good() -> None:
    one = book()
    steps = [
        (1, (Quality.GOOD, Quality.GOOD)),
        (2, None),
        (3, (Quality.GOOD, Quality.BAD_SENSOR)),
        (4, (Quality.GOOD, Quality.BAD_SENSOR)),
        (5, (Quality.BAD_RANGE, Quality.GOOD)),
        (6, (Quality.BAD_RANGE, Quality.UNCERTAIN_CLOCK)),
        (7, (Quality.BAD_RANGE, Quality.BAD_RANGE)),
        (8, None),
    ]
    seen = []
    for seconds, quality in steps:
        one.observe(good(seconds) if quality is None else said(seconds, *quality))
        found = points(one, seconds)
        seen.append(tuple((found[key].last_good_wall_ns or 0) - WALL for key in ("level", "flow")))
    expected = [(1, 1), (2, 2), (3, 2), (4, 2), (4, 5), (4, 6), (4, 6), (8, 8)]
    assert seen == [(level * SECOND, flow * SECOND) for level, flow in expected]
    assert points(one, 8)["serial"].last_good_wall_ns is None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_each_point_of_partial_messages_knows_when_it_was_last_good(order: tuple[int, int]) -> None:
    one = book()
    layouts = (Layout("pump", (LEVEL, FLOW)), Layout("pump", (FLOW, ENERGY)))
    for index in order:
        one.observe(good(1, layouts[index]))
    one.observe(Frame(layouts[0], (None, 1.0), at(2), (Quality.BAD_SENSOR, Quality.GOOD)))
    one.observe(Frame(layouts[1], (None, 1.0), at(3), (Quality.BAD_RANGE, Quality.GOOD)))
    found = points(one, 4)
    assert {key: (found[key].age_ns or 0) // SECOND for key in ("level", "flow", "energy")} == {
        "level": 3,
        "flow": 2,
        "energy": 1,
    }
    assert found["flow"].quality is Quality.BAD_RANGE


def test_a_first_bad_word_has_never_been_good() -> None:
    one = book()
    one.observe(said(1, Quality.BAD_SENSOR, Quality.GOOD))
    level = points(one, 1)["level"]
    assert (level.age_ns, level.why and level.why.en) == (None, "a fault of the sensor or its wire, last good: never")


def test_what_was_kept_is_not_good_when_it_comes_again() -> None:
    one = book()
    one.observe(good(1))
    again = Frame(FAST, (1.0, 1.0), at(50), (Quality.UNCERTAIN_CLOCK, Quality.UNCERTAIN_CLOCK), kind=FrameKind.INITIAL)
    one.observe(again)
    assert points(one, 51)["level"].age_ns == 50 * SECOND


@pytest.mark.parametrize("quality", [quality for quality in Quality if quality is not Quality.GOOD])
def test_every_quality_says_why(quality: Quality) -> None:
    one = book()
    one.observe(said(1, quality, Quality.GOOD))
    found = points(one, 1)
    assert found["level"].why is not None and found["flow"].why is None
    assert "{" not in found["level"].why.en + found["level"].why.zh


def test_an_unanswered_point_tells_what_is_wrong_with_its_unit() -> None:
    one = book()
    one.observe(good(100))
    one.observe(said(102, Quality.BAD_COMM, Quality.BAD_COMM))
    one.report(report(103, unit(error=error(ErrorKind.CRC), misses=4, backoff_until_ns=130 * SECOND)))
    level = points(one, 103)["level"].why
    assert level is not None and level.en.startswith("answers of unit 5 arrive damaged")
