"""The newest sample of every point."""

from __future__ import annotations

from gateway.api.current import CurrentValues
from gateway.model import Frame, FrameKind, Instant, Layout, Quality
from tests.api.conftest import LIFT, WALL, WATER, WATER_LAYOUT

NOW = Instant(1, WALL)


def test_what_was_never_sampled_has_no_quality() -> None:
    assert [(value.point.key, value.quality) for value in CurrentValues([WATER]).values("water-east")] == [
        ("floor_level", None),
        ("pump-1/pump_run", None),
        ("health", None),
    ]


def test_the_newest_frame_of_each_layout() -> None:
    current = CurrentValues([WATER, LIFT])
    health = Layout("water-east", WATER.points[2:])
    current.observe(Frame(WATER_LAYOUT, (0.1, True), NOW))
    current.observe(Frame(health, ("online",), NOW))
    current.observe(Frame(WATER_LAYOUT, (None, False), NOW, (Quality.BAD_RANGE, Quality.GOOD)))
    current.observe(Frame(WATER_LAYOUT, (9.0, True), NOW, kind=FrameKind.HISTORY))
    current.observe(Frame(Layout("stranger", WATER.points), (1, 2, 3), NOW))
    values = [(value.value, value.quality) for value in current.values("water-east")]
    assert values == [(None, Quality.BAD_RANGE), (False, Quality.GOOD), ("online", Quality.GOOD)]
    assert current.frames == 5


def test_a_message_of_some_points_leaves_the_others_as_they_were() -> None:
    current = CurrentValues([WATER])
    level = Layout("water-east", WATER.points[:1])

    def shown() -> list[object]:
        single = [current.value("water-east", point).value for point in WATER.points]
        assert single == [value.value for value in current.values("water-east")]
        return single

    assert shown() == [None, None, None]
    current.observe(Frame(WATER_LAYOUT, (0.1, True), NOW))
    current.observe(Frame(level, (0.2,), NOW))
    assert shown() == [0.2, True, None]
    current.observe(Frame(WATER_LAYOUT, (0.3, False), NOW))
    assert shown() == [0.3, False, None]
    current.observe(Frame(level, (0.4,), NOW))
    assert shown() == [0.4, False, None]


def test_layouts_that_a_new_one_covers_are_forgotten() -> None:
    """A driver that plans anew makes new layouts; the old ones must not pile up."""
    current = CurrentValues([WATER])
    for number in range(100):
        current.observe(Frame(Layout("water-east", WATER.points[:2]), (float(number), True), NOW))
    assert [value.value for value in current.values("water-east")] == [99.0, True, None]
    assert len(current._newest["water-east"]) == len(current._columns) == 1
