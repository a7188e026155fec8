"""Line protocol: what is written can be read back, and nothing else is ever written."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.historian.lines import SampleLines, escaped, head
from gateway.model import Device, Frame, Instant, Layout, Location, Part, Point, PointType, Quality, Text, Value

AT = Instant(5, 1_700_000_000_123_456_789)
MS = 1_700_000_000_123
POINTS = (
    Point("speed", PointType.FLOAT, "m/s"),
    Point("floor", PointType.INT),
    Point("door_open", PointType.BOOL),
    Point("mode", PointType.ENUM, codes=("automatic", "inspection")),
    Point("label", PointType.TEXT),
    Point("fire", PointType.BOOL, part="L1D1"),
)
LIFT = Layout("lift-1", POINTS)
NAMED = Text("x", "x")
DEVICE = Device(
    id="lift-1",
    system="elevator",
    name=NAMED,
    profile=None,
    location=Location("1", "B2", "garage east"),
    poll_ns=0,
    points=POINTS,
    parts={"L1D1": Part("L1D1", NAMED, Location(zone="kitchen-3a"))},
)


def lines_of(values: list[Value], quality: list[int] | None = None) -> list[str]:
    return SampleLines("site-1", {"lift-1": DEVICE}).of(Frame(LIFT, values, AT, quality), MS)


def test_a_frame_is_one_line_for_each_sample_that_is_no_text() -> None:
    start = "point,site=site-1,system=elevator,zone=garage\\ east,device=lift-1"
    assert lines_of([1.5, -3, True, "inspection", "hello", False]) == [
        f"{start},point=speed value=1.5 {MS}",
        f"{start},point=floor value=-3 {MS}",
        f"{start},point=door_open value=1 {MS}",
        f"{start},point=mode value=1 {MS}",
        f"point,site=site-1,system=elevator,zone=kitchen-3a,device=lift-1,part=L1D1,point=fire value=0 {MS}",
    ]


def fields_of(values: list[Value], quality: list[int] | None = None) -> list[str]:
    return [line.rsplit(" ", 2)[1] for line in lines_of(values, quality)]


def test_what_is_not_good_carries_its_quality() -> None:
    comm, initial, sensor = int(Quality.BAD_COMM), int(Quality.UNCERTAIN_INITIAL), int(Quality.BAD_SENSOR)
    assert fields_of([None, 3, None, "automatic", "hello", True], [comm, initial, sensor, 0, 0, initial]) == [
        f"quality={comm}",
        f"value=3,quality={initial}",
        f"quality={sensor}",
        "value=0",
        f"value=1,quality={initial}",
    ]
    assert fields_of([None] * 6, [comm] * 6) == [f"quality={comm}"] * 6


@pytest.mark.parametrize("quality", [None, [0] * 6])
def test_what_is_no_number_is_told_as_bad(quality: list[int] | None) -> None:
    undecoded, undeclared = int(Quality.BAD_DECODE), int(Quality.BAD_UNDECLARED)
    assert fields_of([math.nan, "three", math.inf, "fire_return", "x", None], quality) == [
        f"quality={undecoded}",
        f"quality={undecoded}",
        f"quality={undecoded}",
        f"quality={undeclared}",
        f"quality={undecoded}",
    ]


def test_a_device_that_the_site_no_longer_has_is_named_all_the_same() -> None:
    [line, *_] = SampleLines("s", {}).of(Frame(LIFT, [1.0, 1, True, "automatic", "", True], AT), MS)
    assert line == f"point,site=s,device=lift-1,point=speed value=1.0 {MS}"


def read_tag(text: str) -> str:
    """A tag's value as both databases read it: a backslash before `,`, `=` or a space stands for that alone."""
    return re.sub(r"\\([,= ])", r"\1", text)


@given(st.text(min_size=1))
def test_any_text_can_be_a_tag(text: str) -> None:
    written = escaped(text)
    assert re.fullmatch(r"(?:\\[,= ]|[^,= \\])+", written)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", written)
    written.encode()  # no lone surrogate
    assert read_tag(written) == re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", "_", text).replace("\\", "/")


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text() | st.none()))
def test_a_head_is_read_back_tag_by_tag(tags: dict[str, str | None]) -> None:
    written = head("point", tags.items())
    assert written.endswith(" ")
    parts = re.split(r"(?<!\\),", written[:-1])
    assert parts[0] == "point"
    assert [part.partition("=")[0] for part in parts[1:]] == [key for key, value in tags.items() if value]


NUMBERS = st.floats() | st.integers(-(2**63), 2**64 - 1) | st.booleans() | st.text() | st.none()


@given(
    st.lists(NUMBERS, min_size=6, max_size=6),
    st.none() | st.lists(st.sampled_from(list(Quality)), min_size=6, max_size=6),
)
def test_every_line_is_numbers_only_and_says_the_same_number(values: list[Value], quality: list[int] | None) -> None:
    lines = lines_of(values, quality)
    marks = quality or [0] * 6
    assert len(lines) == 5 + (marks[4] >= 0x80)
    for line in lines:
        _, fields, ms = line.rsplit(" ", 2)
        assert ms == str(MS)
        for part in fields.split(","):
            name, number = part.split("=")
            assert name in {"value", "quality"}
            assert math.isfinite(float(number))
    first = values[0]
    if type(first) is float and math.isfinite(first) and marks[0] < 0x80:
        assert float(lines[0].rsplit("value=", 1)[1].partition(" ")[0].partition(",")[0]) == first
