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


def test_a_new_plan_ends_the_old_layouts() -> None:
    current = CurrentValues([WATER])
    current.observe(Frame(WATER_LAYOUT, (0.1, True), NOW))
    current.observe(Frame(Layout("water-east", WATER.points[:1]), (0.2,), NOW))
    assert [value.value for value in current.values("water-east")] == [0.2, None, None]
