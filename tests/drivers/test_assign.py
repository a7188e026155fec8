"""Who feeds whom: layouts, picks, and what is refused."""

from __future__ import annotations

import pytest

from drivers.assign import AssignmentError, UnitAssignment, assign
from drivers.modbus.unit import Unit
from gateway.model import Frame, Instant, Quality
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
    asked = []
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
