"""Loop currents and lines: a broken wire is never 0 m."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.conversion import ChannelOptions, ConversionError, converted
from drivers.meaning import Curve, compile_steps, run_steps
from drivers.profile import channel_point
from gateway.model import PointType, Quality
from tests.drivers.made import channel, link, profile, unit


def through(options: dict[str, Any], raw: float, unit: str | None = None) -> tuple[Any, int]:
    made = converted(ChannelOptions.model_validate({"from": "io.ai0", **options}), PointType.INT, unit)
    values: list[Any] = [raw]
    quality = run_steps(compile_steps([made.meaning()], {}), values, {})
    return values[0], quality[0] if quality else 0


LOOP = {"linear": {"4 mA": "0 m", "20 mA": "1 m"}}


@pytest.mark.parametrize(
    ("current", "value", "quality"),
    [
        (4, 0.0, 0),
        (20, 1.0, 0),
        (12, 0.5, 0),
        (3.6, -0.025, 0),
        (21, 1.0625, 0),
        (3.59, None, Quality.BAD_SENSOR),
        (0, None, Quality.BAD_SENSOR),
        (-1, None, Quality.BAD_SENSOR),
        (21.01, None, Quality.BAD_SENSOR),
    ],
)
def test_live_zero(current: float, value: float | None, quality: int) -> None:
    got, reason = through(LOOP, current, "mA")
    assert got == (None if value is None else pytest.approx(value))
    assert reason == quality


@pytest.mark.parametrize(("current", "quality"), [(3.5, Quality.BAD_SENSOR), (22, 0), (22.1, Quality.BAD_SENSOR)])
def test_a_table_beyond_the_failure_current_still_has_its_live_zero(current: float, quality: int) -> None:
    assert through({"linear": {"4 mA": "0 m", "22 mA": "1 m"}}, current, "mA")[1] == quality


def test_counts_to_signal_to_level() -> None:
    options = {"signal": {0: "0 mA", 65535: "20 mA"}, **LOOP}
    assert through(options, 65535) == (1.0, 0)
    assert through(options, 13107) == (0.0, 0)
    assert through(options, 0) == (None, Quality.BAD_SENSOR)
    assert through({**options, "range": ["0 m", "50 cm"]}, 65535) == (None, Quality.BAD_RANGE)
    assert through({**options, "unit": "cm"}, 65535) == (100.0, 0)
    assert through({**options, "linear": {"4 mA": 0, "20 mA": 5}, "unit": "m"}, 65535) == (5.0, 0)
    assert through({"linear": {13107: "0 m", 65535: "5 m"}}, 0) == (None, Quality.BAD_RANGE), "no wire, no water level"


def test_a_table_without_live_zero_ends() -> None:
    options = {"linear": {0: "0 m", 10000: "5 m"}}
    assert through(options, 10500)[0] == pytest.approx(5.25)
    assert through(options, 10501) == (None, Quality.BAD_RANGE)
    assert through(options, -500)[0] == pytest.approx(-0.25)
    assert through(options, -501) == (None, Quality.BAD_RANGE)
    assert through({"linear": {"0 mA": "0 m", "20 mA": "1 m"}}, 0, "mA") == (0.0, 0)


def test_units_of_the_source_are_converted() -> None:
    assert through({"unit": "m"}, 150, "cm") == (1.5, 0)
    assert through({"unit": "°C"}, 300, "K")[0] == pytest.approx(26.85)
    assert through({"scale": 0.1, "unit": "m"}, 15) == (1.5, 0)
    assert through({"scale": 1.1, "unit": "cm"}, 150, "cm") == (pytest.approx(165), 0)


@pytest.mark.parametrize("given", [{"scale": 0.01}, {"offset": 0.05}, {"scale": 2, "offset": 1}])
def test_centimetres_are_not_made_metres_twice(given: dict[str, float]) -> None:
    """`scale: 0.01, unit: m` on a sensor in cm: half a metre of water would be shown as 5 mm, and as GOOD."""
    key = next(iter(given))
    with pytest.raises(ConversionError, match=f"the source is in cm, and `unit` makes m of it: `{key}`") as caught:
        through({**given, "unit": "m"}, 50, "cm")
    assert caught.value.key == key


@given(
    st.dictionaries(st.integers(-1000, 1000), st.integers(-1000, 1000), min_size=2, max_size=8),
    st.integers(-2000, 2000),
)
def test_curve_passes_through_its_points_and_stays_between(table: dict[int, int], x: int) -> None:
    curve = Curve.through({float(k): float(v) for k, v in table.items()}, loop_current=False)
    assert all(curve.at(float(k)) == float(v) for k, v in table.items())
    if min(table) <= x <= max(table):
        left, right = max(k for k in table if k <= x), min(k for k in table if k >= x)
        low, high = sorted((table[left], table[right]))
        assert low - 1e-9 <= curve.at(float(x)) <= high + 1e-9
    if len(table) == 2:
        assert curve.line()(float(x)) == pytest.approx(curve.at(float(x)))


@pytest.mark.parametrize(
    ("options", "counter", "expected"),
    [
        ({}, 65536, 65536),
        ({"scale": 0.1}, 65536, 6553.6),
        ({"unit": "kWh"}, 65536, 65.536),
        ({"scale": 0.1}, math.inf, math.inf),
        ({"scale": 0.1, "counter": 1000}, 65536, 1000),
        ({"offset": 5}, 65536, None),
        ({"scale": -1}, 65536, None),
        ({"linear": {0: "0 m", 9: "5 m"}}, 65536, None),
        ({"counter": True}, None, math.inf),
        ({}, None, None),
    ],
)
def test_a_channel_of_a_counter_is_a_counter(options: dict[str, Any], counter: float | None, expected: Any) -> None:
    unit = "Wh" if options.get("unit") else None
    made = converted(ChannelOptions.model_validate({"from": "io.c0", **options}), PointType.INT, unit, counter)
    assert made.counter == (None if expected is None else pytest.approx(expected))


def test_a_counter_goes_on_through_a_module() -> None:
    io = profile({"pulses": {"address": 0, "type": "uint32", "counter": 2**32}})
    energy = channel("d", "energy", "io.pulses", scale=0.001, unit="kWh")
    (assigned,) = link(unit("io", 1, io, own=False), channels=(energy,)).units
    (point,) = assigned.feeds[0].layout.points
    assert point.counter == pytest.approx(2**32 / 1000) and point.unit == "kWh"
    assert channel_point("energy", energy.options, io).counter == pytest.approx(2**32 / 1000)
