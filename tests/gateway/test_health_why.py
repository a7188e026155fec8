"""Why a device is not well: each cause by its sentence, in both languages. In virtual time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.health import HealthBook
from gateway.model import (
    HEALTH_POINT,
    SECOND,
    Device,
    ErrorKind,
    Frame,
    Health,
    Layout,
    LinkError,
    LinkReport,
    Location,
    Point,
    PointType,
    Quality,
    Refused,
    Text,
    UnitReport,
)
from tests.gateway.test_health import WALL, at

POINTS = tuple(Point(name, PointType.FLOAT) for name in ("level", "flow", "energy", "serial"))
LEVEL, FLOW, ENERGY, SERIAL = POINTS
MINUTE = 60 * SECOND
HANZI = re.compile("[\u4e00-\u9fff]")
FAST, SLOW = Layout("pump", (LEVEL, FLOW)), Layout("pump", (ENERGY,))


def device(**changes: Any) -> Device:
    made = Device(
        id="pump",
        system="garage-water",
        name=Text("Pump", "泵"),
        profile="some-pump",
        location=Location(),
        poll_ns=SECOND,
        points=(*POINTS, HEALTH_POINT),
    )
    return replace(made, **changes)


def book(*devices: Device, units: tuple[str, ...] = ("pump",)) -> HealthBook:
    return HealthBook(devices or (device(),), {"pump": units}, at(0), ZoneInfo("Asia/Shanghai"))


def unit(number: int = 5, name: str = "pump", **changes: Any) -> UnitReport:
    return UnitReport(**({"name": name, "unit": number, "devices": ("pump",), "polls": 9, "good": 9} | changes))


def report(seconds: float, *units: UnitReport, connected: bool = True, **changes: Any) -> LinkReport:
    return LinkReport(
        link="cellar", endpoint="rtu:///dev/ttyUSB0", connected=connected, at=at(seconds), units=units, **changes
    )


def error(kind: ErrorKind, message: str = "it said so", seconds: float = 100) -> LinkError:
    return LinkError(kind, message, WALL + round(seconds * SECOND))


def good(seconds: float, layout: Layout = FAST) -> Frame:
    return Frame(layout, (1.0,) * len(layout.points), at(seconds))


def said(seconds: float, *quality: Quality, layout: Layout = FAST) -> Frame:
    return Frame(layout, (None,) * len(layout.points), at(seconds), quality)


def whys(one: HealthBook, seconds: float) -> list[tuple[str, str]]:
    """(kind, sentence) of every cause; that the Chinese one is Chinese is checked on the way, and that a list of
    devices shows the first of them."""
    whole = one.device("pump", at(seconds))
    assert one.brief("pump", at(seconds)) == replace(whole, causes=whole.causes[:1], notes=())
    causes = whole.causes
    in_chinese(cause.why for cause in causes)
    return [(cause.kind, cause.why.en) for cause in causes]


def in_chinese(texts: Iterable[Text]) -> None:
    for text in texts:
        assert HANZI.search(text.zh) and not HANZI.search(text.en), text


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (ErrorKind.CONNECT, "unit 5 is not reached since"),
        (ErrorKind.TIMEOUT, "unit 5 has not answered since"),
        (ErrorKind.EXCEPTION, "unit 5 answers with a refusal, without values since"),
        (ErrorKind.BAD_REPLY, "unit 5 gives answers that belong to no question; they are dropped"),
        (ErrorKind.CRC, "answers of unit 5 arrive damaged"),
        (ErrorKind.IDENTITY, "unit 5 is not the type of device that its profile describes"),
        (ErrorKind.DECODE, "unit 5 sends what cannot be read"),
        (ErrorKind.RANGE, "unit 5 sends values out of their range"),
        (ErrorKind.SENSOR, "unit 5 reports a fault of its sensor"),
    ],
)
def test_every_kind_of_error_has_a_sentence(kind: ErrorKind, words: str) -> None:
    one = book()
    one.observe(good(100))
    sick = unit(error=error(kind), misses=3, last_good_mono_ns=100 * SECOND, last_good_wall_ns=WALL + 100 * SECOND)
    one.report(report(106, sick))
    view = one.device("pump", at(106))
    assert view.health is Health.STALE
    assert view.error is not None and (view.error.kind, view.error.message) == (kind.value, "it said so")
    assert view.error.why.en.startswith(words) and "it said so" in view.error.why.en
    assert "06:15:00" in view.error.why.en and "06:15:00" in view.error.why.zh  # the last good answer, local time
    in_chinese([view.error.why])
    (shown,) = one.units("pump", at(106))
    assert shown.why == view.error.why._replace(
        en=view.error.why.en.replace("unit 5", "pump (unit 5)"),
        zh=view.error.why.zh.replace("从站 5", "pump（从站 5）"),
    )


def test_a_dead_unit_says_when_it_is_asked_again() -> None:
    one = book()
    one.observe(good(100))
    one.observe(said(102, Quality.BAD_COMM, Quality.BAD_COMM))
    lost = error(ErrorKind.TIMEOUT, "unit 5 did not answer within 1 s")
    dead = unit(error=lost, misses=4, backoff_until_ns=130 * SECOND, last_good_wall_ns=WALL + 100 * SECOND)
    one.report(report(103, dead))
    told = "unit 5 has not answered since 06:15:00, asked again at 06:15:30 (unit 5 did not answer within 1 s)"
    assert whys(one, 103) == [("timeout", told)]  # that its points have no value goes without saying
    view = one.device("pump", at(103))
    assert view.error is not None
    assert view.error.why.zh == "从站 5 自 06:15:00 起没有应答，06:15:30 再次询问（unit 5 did not answer within 1 s）"


def test_one_that_never_answered_says_so_and_another_day_has_its_date() -> None:
    one = book()
    one.report(report(1, unit(good=0, error=error(ErrorKind.TIMEOUT, seconds=1), misses=3)))
    assert whys(one, 20)[0][1] == "unit 5 has not answered since the start (it said so)"
    one.observe(good(30))
    one.report(report(90_000, unit(error=error(ErrorKind.TIMEOUT), misses=3, last_good_wall_ns=WALL + 30 * SECOND)))
    assert "since 2023-11-15 06:13:50 (" in whys(one, 90_000)[0][1]


def test_one_missed_cycle_is_no_failure_however_seldom_a_unit_is_asked() -> None:
    one = book(device(poll_ns=SECOND, periods=dict.fromkeys(("level", "flow", "energy", "serial"), 30 * MINUTE)))
    one.observe(good(100))
    once = unit(error=error(ErrorKind.TIMEOUT), misses=1, last_good_mono_ns=100 * SECOND)
    one.report(report(1900, once))
    assert one.state("pump", at(1900)) is Health.ONLINE
    one.report(report(3700, replace(once, misses=2)))
    assert one.state("pump", at(3700)) is Health.DEGRADED


def test_a_device_of_several_units_is_degraded_by_the_silent_one_which_is_named() -> None:
    """A charging post whose sockets answer as units of their own: one dead socket once hid behind the other."""
    one = book()
    dead = unit(2, error=error(ErrorKind.TIMEOUT), misses=5, backoff_until_ns=140 * SECOND, good=0)
    for order in ((unit(1), dead), (dead, unit(1))):
        one.observe(good(100))
        one.report(report(101, *order))
        view = one.device("pump", at(101))
        assert view.health is Health.DEGRADED
        assert [cause[1] for cause in whys(one, 101)] == [
            "unit 2 has not answered since the start, asked again at 06:15:40 (it said so)"
        ]
    assert [shown.report.unit for shown in one.units("pump", at(101))] == [1, 2]
    assert view.success_ratio == 0.5
    one.report(report(102, unit(1), unit(2)))
    assert one.state("pump", at(102)) is Health.ONLINE


def test_two_units_that_are_both_dead_make_it_offline() -> None:
    one = book()
    one.observe(good(100))
    one.report(report(102, *(unit(n, error=error(ErrorKind.TIMEOUT), misses=5) for n in (1, 2))))
    assert one.state("pump", at(111)) is Health.OFFLINE
    assert [why.split()[1] for _, why in whys(one, 111)] == ["1", "2"]


def test_a_unit_of_another_name_is_named() -> None:
    one = book(units=("pump", "io-b2"))
    one.observe(good(100))
    one.report(report(106, unit(), unit(3, "io-b2", error=error(ErrorKind.CRC), misses=3)))
    assert whys(one, 106)[0][1].startswith("answers of io-b2 (unit 3) arrive damaged")


def test_a_link_that_is_down_is_told_once_for_all_its_units() -> None:
    one = book()
    one.observe(good(100))
    refused = LinkError(ErrorKind.CONNECT, "connection refused", WALL + 101 * SECOND)
    one.report(report(101, unit(1), unit(2), connected=False, error=refused, lost_at_ns=101 * SECOND))
    told = "the link cellar at rtu:///dev/ttyUSB0 is down since 06:15:01 (connection refused)"
    assert whys(one, 108) == [("connect", told)]
    (link,) = one.link_healths(at(108))
    assert link.why is not None and link.why.en == told
    in_chinese([link.why])


REFUSALS = (
    Refused("holding 40…43", "illegal data address", WALL + 50 * SECOND, 86_450 * SECOND),
    Refused("input 7", "illegal function", WALL + 60 * SECOND, 86_460 * SECOND),
)


def test_refused_registers_degrade_a_device_and_are_named() -> None:
    one = book()
    one.observe(said(100, Quality.GOOD, Quality.BAD_CONFIG))
    one.report(report(100, unit(refused=REFUSALS)))
    assert one.state("pump", at(100)) is Health.DEGRADED
    kinds = whys(one, 100)
    assert [kind for kind, _ in kinds] == ["config", "config"]
    assert kinds[0][1] == (
        "unit 5 refuses holding 40…43 since 06:14:10 (illegal data address), asked again at 2023-11-16 06:14:10;"
        " input 7 since 06:14:20 (illegal function), asked again at 2023-11-16 06:14:20"
    )
    assert kinds[1][1] == "bad: flow (not configured)"
    (flow,) = [point for point in one.points("pump", at(100)) if point.key == "flow"]
    assert flow.why is not None and "holding 40…43" in flow.why.en
    in_chinese([flow.why])


def test_many_refusals_are_counted() -> None:
    one = book()
    one.observe(said(100, Quality.GOOD, Quality.BAD_CONFIG))
    many = tuple(Refused(f"holding {n}", "illegal data address", WALL, SECOND) for n in range(10))
    one.report(report(100, unit(refused=many)))
    sentence = whys(one, 100)[0][1]
    assert sentence.count("illegal data address") == 3 and sentence.endswith(" and 7 more")


def test_what_is_not_fitted_is_no_trouble() -> None:
    """An optional point that this model does not have, though its registers are refused: worth a note, no more."""
    one = book()
    one.observe(said(100, Quality.GOOD, Quality.BAD_NOT_FITTED))
    one.report(report(100, unit(refused=REFUSALS)))
    view = one.device("pump", at(100))
    assert (view.health, view.causes) == (Health.ONLINE, ())
    assert (view.points.good, view.points.bad, view.points.not_fitted) == (1, 0, 1)
    assert [note.kind for note in view.notes] == ["not_fitted", "config"]
    assert view.notes[0].why == Text("not fitted: flow", "未安装：flow")
    assert one.state("pump", at(105)) is Health.ONLINE
    (flow,) = [point for point in one.points("pump", at(100)) if point.key == "flow"]
    assert flow.why is not None and flow.why.en.endswith("no fault")


def test_a_part_that_is_not_fitted_is_never_silent() -> None:
    """It is asked once a day; nobody waits for its word in between."""
    one = book()
    one.observe(said(1, Quality.BAD_NOT_FITTED, layout=SLOW))
    for seconds in range(1, 200):
        one.observe(good(seconds))
    assert one.state("pump", at(200)) is Health.ONLINE
    assert [
        frame for seconds in range(200) for frame in one.silenced(at(seconds)) if ENERGY in frame.layout.points
    ] == []


@pytest.mark.parametrize(
    ("quality", "kind", "word"),
    [
        (Quality.BAD_SENSOR, "sensor", "sensor fault"),
        (Quality.BAD_RANGE, "range", "out of range"),
        (Quality.BAD_DECODE, "decode", "not readable"),
        (Quality.BAD_UNDECLARED, "undeclared", "unknown code"),
        (Quality.BAD_CONFIG, "config", "not configured"),
        (Quality.BAD_NO_VALUE, "no_value", "no value for now"),
        (Quality.BAD_COMM, "comm", "no answer"),
    ],
)
def test_bad_points_are_named_with_their_reason(quality: Quality, kind: str, word: str) -> None:
    one = book()
    one.observe(good(99))
    one.observe(said(100, Quality.GOOD, quality))
    view = one.device("pump", at(100))
    assert whys(one, 100) == [(kind, f"bad: flow ({word})")]
    assert view.error is not None and view.error.message == f"bad: flow ({kind})"


def starved(one: HealthBook, busy: float | None) -> None:
    for polls in range(0, 300, 10):
        one.observe(good(polls))
        one.report(report(polls, unit(polls=polls, good=polls * 3 // 4, overruns=polls // 4), busy=busy))


def test_a_bus_that_is_too_slow_is_a_note_until_points_starve() -> None:
    one = book(device(periods={"energy": 10 * SECOND}))
    one.observe(good(0, SLOW))
    starved(one, 0.98)
    (late,) = [cause for cause in one.device("pump", at(290)).causes if cause.kind == "overrun"]
    assert late.why.en == (
        "cellar is too slow for all that is asked on it: 24% of the last polls were skipped,"
        " it is busy 98% of the time, trends have gaps"
    )
    in_chinese([late.why])
    one.observe(good(290, SLOW))
    view = one.device("pump", at(290))
    assert (view.health, [note.kind for note in view.notes]) == (Health.ONLINE, ["overrun"])


def test_a_bus_with_a_rare_overrun_is_not_slow() -> None:
    one = book()
    for polls in range(0, 300, 10):
        one.observe(good(polls))
        one.report(report(polls, unit(polls=polls, good=polls, overruns=polls // 100)))
    assert one.device("pump", at(290)).notes == ()


def test_a_disabled_device_complains_of_nothing() -> None:
    one = book(device(disabled=True))
    one.report(report(1, unit(error=error(ErrorKind.TIMEOUT), misses=9, refused=REFUSALS)))
    view = one.device("pump", at(100))
    assert (view.health, view.causes, view.notes) == (Health.DISABLED, (), ())
    assert {point.why.en for point in one.points("pump", at(100)) if point.why} == {"the site has disabled this device"}
