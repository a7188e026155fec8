"""Who feeds whom: layouts, picks, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drivers.assign import AssignmentError, UnitAssignment, UnitSpec, assign
from drivers.meaning import Formula, Meaning
from drivers.modbus.unit import Unit
from drivers.profile import ModbusProfile
from gateway.model import SECOND, Frame, Instant, Quality
from tests.drivers.made import channel, profile, shipped, unit

ADAM = shipped("advantech-adam-6024")
LIFT = shipped("inovance-nice3000-plus")
LOOP = {"signal": {0: "0 mA", 65535: "20 mA"}, "linear": {"4 mA": "0 m", "20 mA": "1 m"}}
AT = Instant(0, 0)


def answered(assignment: UnitAssignment, *answers: bytes) -> tuple[list[tuple[str, int]], list[Frame]]:
    """What a unit of one pace is asked, and the frames of these answers (the last of them repeated as needed)."""
    poller = Unit(assignment, AT, lambda: 0.0)
    (cycle,) = poller.cycles
    poller.begin(cycle, 0)
    asked: list[tuple[str, int]] = []
    while (one := cycle.next(0)) is not None:
        cycle.answered(one, answers[min(len(asked), len(answers) - 1)])
        asked.append((str(one.block), one.question.function))
    return asked, poller.answered(cycle, AT)


def test_a_module_feeds_two_devices() -> None:
    made = assign(
        [unit("io", 3, ADAM, own=False)],
        [
            channel("east", "floor_level", "io.ai0", **LOOP),
            channel("west", "floor_level", "io.ai1", **LOOP),
            channel("east", "pump-1/pump_run", "io.di1"),
        ],
    )["l"]
    assert [layout.device for layout in made.layouts] == ["east", "west"]
    assert [point.key for point in made.layouts[0].points] == ["floor_level", "pump-1/pump_run"]
    assert made.units[0].keys == ("ai0", "ai1", "ai0_status", "ai1_status", "di1"), (
        "with its judge, without idle channels"
    )
    asked, (east, west) = answered(made.units[0], b"\1", b"\x33\x33\xff\xff", b"\0\0\0\1")
    assert asked == [("coil 1", 1), ("holding 0…1", 3), ("holding 20…21", 3)]
    assert (east.values, east.quality) == ([0.0, True], None)
    assert (west.values, west.quality) == ([None], [Quality.BAD_SENSOR])


def test_a_device_with_own_points_and_channels_of_the_same_unit() -> None:
    made = assign(
        [unit("lift-1", 1, LIFT), unit("io", 11, shipped("advantech-adam-4100"), own=False)],
        [
            channel("lift-1", "mains_failed", "io.di0", invert=True),
            channel("lift-1", "speed_cm", "lift-1.load", unit="1"),
        ],
    )["l"]
    own, module = made.units
    assert [feed.layout.device for feed in own.feeds] == ["lift-1"]
    assert own.feeds[0].layout.points[-1].key == "speed_cm"
    assert module.devices == ("lift-1",)
    _, (frame,) = answered(own, b"\x00\x64")
    assert frame.values[-1] == pytest.approx(0.1)
    assert len(frame.values) == len(frame.layout.points)


def test_a_module_without_channels_is_still_asked() -> None:
    (module,) = assign([unit("io", 3, ADAM, own=False)], [])["l"].units
    assert len(module.keys) == len(ADAM.points)
    assert module.feeds == ()


def test_links_are_kept_apart() -> None:
    made = assign([unit("a", 1, ADAM, link="x"), unit("b", 1, ADAM, link="y")], [])
    assert {link: [u.spec.name for u in a.units] for link, a in made.items()} == {"x": ["a"], "y": ["b"]}


@pytest.mark.parametrize(
    ("units", "channels", "words"),
    [
        ([unit("a", 1, ADAM), unit("b", 1, ADAM)], [], "b: a already is unit 1 of link l"),
        ([unit("a", 1, ADAM), unit("a", 2, ADAM)], [], "two modules or devices"),
        ([unit("a", 0, ADAM)], [], "1 … 255, got 0"),
        ([unit("a", 256, ADAM)], [], "1 … 255, got 256"),
        ([unit("a", 1, ADAM)], [channel("a", "ai0", "a.ai1")], "a would have the point 'ai0' twice"),
        ([unit("a", 1, ADAM)], [channel("d", "x", "b.ai1")], "d.x: there is no module or device 'b'"),
        ([unit("a", 1, ADAM)], [channel("d", "x", "a.ai9")], "has no point 'ai9'"),
        ([unit("a", 1, ADAM)], [channel("d", "x", "a.di0", scale=2)], "d.x: scale: `scale` needs a number"),
        ([unit("a", 1, ADAM)], [channel("d", "X", "a.di0")], "d.X: a point is named"),
        (
            [unit("a", 1, ADAM), unit("b", 2, ADAM)],
            [channel("d", "x", "a.di0"), channel("d", "x", "b.di0")],
            "d would have the point 'x' twice",
        ),
    ],
)
def test_refused(units: list, channels: list, words: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(AssignmentError, match=words):
        assign(units, channels)


def test_the_chain_of_judges_is_read_too() -> None:
    made = profile(
        {
            "v": {"address": 1, "valid_when": {"s": "ok"}},
            "s": {"address": 2, "enum": {0: "ok", 1: "bad"}, "valid_when": {"t": True}},
            "t": {"address": 3, "bit": 0},
            "idle": {"address": 4},
        }
    )
    (one,) = assign([unit("m", 1, made, own=False)], [channel("d", "x", "m.v")])["l"].units
    assert one.keys == ("v", "s", "t")


# periods and numbers


def paced(made: ModbusProfile, **changes: dict[str, Any]) -> ModbusProfile:
    """The profile with other readings, as its language would have made them."""
    for key, change in changes.items():
        made._readings[key] = replace(made._readings[key], **change)
    return made


def keys_by_period(assignment: UnitAssignment) -> dict[int, tuple[str, ...]]:
    return {pace.period_ns // SECOND: pace.keys for pace in assignment.paces}


def test_a_point_is_read_no_more_often_than_profile_and_site_say() -> None:
    points = {name: {"address": index} for index, name in enumerate("abcd")}
    made = paced(profile(points), b={"every_ns": 60 * SECOND}, c={"every_ns": SECOND})
    spec = UnitSpec("d", "l", 1, made, 10 * SECOND, True, every={"d": 60 * SECOND})
    (one,) = assign([spec], [])["l"].units
    assert keys_by_period(one) == {10: ("a", "c"), 60: ("b", "d")}
    assert [[point.key for point in layout.points] for layout in assign([spec], [])["l"].layouts] == [
        ["a", "c"],
        ["b", "d"],
    ]
    assert one.keys == ("a", "c", "b", "d") and one.devices == ("d",)


def test_what_a_point_needs_is_read_with_it_and_as_often_as_the_fastest_that_needs_it() -> None:
    judged = {"valid_when": {"s": "ok"}}
    made = paced(
        profile(
            {"fast": {"address": 1, **judged}, "s": {"address": 2, "enum": {0: "ok"}}, "slow": {"address": 3, **judged}}
        ),
        s={"every_ns": 600 * SECOND},
        slow={"every_ns": 60 * SECOND},
    )
    (one,) = assign([UnitSpec("d", "l", 1, made, SECOND, True)], [])["l"].units
    assert keys_by_period(one) == {1: ("fast", "s"), 60: ("s", "slow")}
    fed = [[point.key for feed in pace.feeds for point in feed.layout.points] for pace in one.paces]
    assert fed == [["fast", "s"], ["slow"]], "each point's samples come from one pace"
    assert one.keys == ("fast", "s", "slow")


def test_channels_come_at_the_pace_of_their_source_and_make_it_urgent() -> None:
    spec = UnitSpec("io", "l", 3, ADAM, SECOND, False, every={"ai1": 60 * SECOND}, urgent=frozenset({"ai1"}))
    channels = [channel("east", "floor_level", "io.ai0", **LOOP), channel("east", "sump_level", "io.ai1", **LOOP)]
    (one,) = assign([spec], channels)["l"].units
    assert [(pace.period_ns // SECOND, pace.urgent) for pace in one.paces] == [(1, False), (60, True)]
    assert [feed.layout.points[0].key for pace in one.paces for feed in pace.feeds] == ["floor_level", "sump_level"]


def test_a_slow_pace_is_not_urgent_for_what_it_only_needs() -> None:
    made = paced(
        profile({"v": {"address": 1, "valid_when": {"s": "ok"}}, "s": {"address": 2, "enum": {0: "ok"}}}),
        v={"every_ns": 60 * SECOND},
    )
    (one,) = assign([UnitSpec("d", "l", 1, made, SECOND, True, urgent=frozenset({"s"}))], [])["l"].units
    # the judge is as fast as the fastest that needs it, and no faster than it may be
    assert [(pace.keys, pace.urgent) for pace in one.paces] == [(("s",), True), (("v", "s"), False)]


def test_a_device_of_several_units_has_an_assignment_for_each() -> None:
    points = {name: {"address": index} for index, name in enumerate("abc")}
    made = paced(profile(points), b={"unit": "station"}, c={"unit": 7})
    units = assign([UnitSpec("cp", "l", 1, made, SECOND, True, units={"station": 200})], [])["l"].units
    assert [(one.spec.name, one.unit, one.keys) for one in units] == [
        ("cp", 1, ("a",)),
        ("cp", 200, ("b",)),
        ("cp", 7, ("c",)),
    ]


@pytest.mark.parametrize(
    ("units", "other", "words"),
    [
        ({"station": 200}, 200, "x: cp already is unit 200 of link l"),
        ({"station": 200}, 7, "x: cp already is unit 7 of link l"),
        ({"station": 256}, 9, "cp: a unit lies within 1 … 255, got 256"),
        ({}, 9, "cp: nobody says which number its unit 'station' has"),
    ],
)
def test_numbers_of_further_units(units: dict[str, int], other: int, words: str) -> None:
    made = paced(profile({"b": {"address": 1}, "c": {"address": 2}}), b={"unit": "station"}, c={"unit": 7})
    with pytest.raises(AssignmentError, match=words):
        assign([UnitSpec("cp", "l", 1, made, SECOND, True, units=units), unit("x", other, ADAM)], [])


def test_what_is_computed_is_read_with_what_it_is_computed_from_and_asks_for_nothing() -> None:
    computed = Meaning(formula=Formula(("distance",), lambda values, qualities: (1, 0)))
    made = paced(
        profile({name: {"address": index} for index, name in enumerate(("distance", "level", "constant", "absent"))}),
        distance={"unit": 7, "every_ns": 60 * SECOND},
        level={"cell": None, "needs": ("distance",), "meaning": computed},
        constant={"cell": None, "meaning": Meaning(formula=Formula((), lambda values, qualities: (1, 0)))},
        absent={"cell": None, "unit": 8, "meaning": Meaning(absent=True)},
    )
    units = assign([UnitSpec("d", "l", 1, made, SECOND, True)], [])["l"].units
    assert [(one.unit, keys_by_period(one)) for one in units] == [
        (7, {1: ("distance", "level", "constant", "absent")})
    ], "who needs it is read each second; and nobody is asked for nothing"
