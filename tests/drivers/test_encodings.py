"""Decimal digits, sign and magnitude, clocks, texts and codes: what devices make of registers, and what is none."""

from __future__ import annotations

import math
import struct
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.adaptation import Adaptation
from drivers.modbus.decoding import bcd, sign_magnitude, text
from gateway.model import PointType
from tests.drivers.made import profile, read, refusals


def one(point: dict[str, Any], *words: int, **modbus: Any) -> Any:
    """The value of one point at register 7, or why there is none."""
    return read(profile({"p": {"address": 7, **point}}, modbus), {7 + i: word for i, word in enumerate(words)}, "p")


@pytest.mark.parametrize(
    ("kind", "words", "value"),
    [
        ("bcd16", [0x1234], 1234),
        ("bcd16", [0x0000], 0),
        ("bcd16", [0x9999], 9999),
        ("bcd16", [0x000A], "decode"),
        ("bcd16", [0xF000], "decode"),
        ("bcd32", [0x1234, 0x5678], 12345678),
        ("bcd32", [0x1234, 0x567B], "decode"),
        ("bcd64", [0x1234, 0x5678, 0x9012, 0x3456], 1234567890123456),
        ("bcd64", [0, 0, 0, 0xFFFF], "decode"),
        ("sm16", [0x8010], -16),
        ("sm16", [0x0010], 16),
        ("sm16", [0x7FFF], 32767),
        ("sm16", [0xFFFF], -32767),
        ("sm16", [0x8000], 0),
        ("sm32", [0x8000, 0x0001], -1),
        ("sm32", [0x7FFF, 0xFFFF], 2**31 - 1),
    ],
)
def test_numbers(kind: str, words: list[int], value: Any) -> None:
    assert one({"type": kind}, *words) == value


def test_ludp_level_in_centimetres() -> None:
    """CYK LUDP: 0x8010 is -0.16 m, not 327.84 m and not -327.52 m."""
    level = {"type": "sm16", "scale": 0.01, "unit": "m", "range": [-1, 10]}
    assert one(level, 0x8010) == -0.16
    assert one({**level, "type": "uint16"}, 0x8010) == "range"
    assert one({**level, "type": "int16"}, 0x8010) == "range"


def test_orders_and_sentinels_hold_for_them_too() -> None:
    assert one({"type": "bcd32", "word_order": "little"}, 0x5678, 0x1234) == 12345678
    assert one({"type": "sm32", "word_order": "little"}, 0x0001, 0x8000) == -1
    assert one({"type": "bcd16", "byte_order": "little"}, 0x3412) == 1234
    assert one({"type": "bcd16", "sentinels": {0xFFFF: "no_value"}}, 0xFFFF) == "no_value"
    assert one({"type": "sm16", "sentinels": {-16: "sensor"}}, 0x8010) == "sensor"
    assert one({"type": "sm16", "sentinels": {0x8000: "no_value"}}, 0x8000) == "no_value"
    assert one({"type": "bcd16", "enum": {12: "twelve"}}, 0x0012) == "twelve"


@given(st.integers(0, 9_999_999_999_999_999))
def test_bcd_is_what_stands_there(number: int) -> None:
    assert bcd(int(str(number), 16)) == number


@given(st.integers(0, 2**64 - 1))
def test_bcd_never_makes_up_a_digit(raw: int) -> None:
    found = bcd(raw)
    assert found is None if set(f"{raw:x}") - set("0123456789") else found == int(f"{raw:x}")


@given(st.sampled_from([16, 32]), st.integers(0, 2**32 - 1))
def test_sign_and_magnitude(bits: int, raw: int) -> None:
    raw %= 1 << bits
    value = sign_magnitude(bits)(raw)
    assert abs(value) == raw & ((1 << bits - 1) - 1)
    assert value <= 0 or not raw >> bits - 1


CLOCK = {"type": "datetime", "layout": ["year", "month", "day", "hour", "minute", "second"], "zone": "utc"}
PACKED = {"type": "datetime", "layout": ["year_month", "day_hour", "minute_second"], "zone": "+08:00"}


@pytest.mark.parametrize(
    ("point", "words", "value"),
    [
        (CLOCK, [2026, 11, 23, 19, 53, 13], "2026-11-23T19:53:13+00:00"),
        (CLOCK, [26, 11, 23, 19, 53, 13], "2026-11-23T19:53:13+00:00"),
        (CLOCK, [2024, 2, 29, 0, 0, 0], "2024-02-29T00:00:00+00:00"),
        (CLOCK, [2026, 2, 29, 0, 0, 0], "decode"),
        (CLOCK, [2026, 13, 1, 0, 0, 0], "decode"),
        (CLOCK, [2026, 1, 1, 24, 0, 0], "decode"),
        (CLOCK, [2026, 1, 1, 0, 0, 60], "decode"),
        (CLOCK, [0, 0, 0, 0, 0, 0], "decode"),
        (CLOCK, [0xFFFF] * 6, "decode"),
        (CLOCK, [99, 12, 31, 23, 59, 59], "2099-12-31T23:59:59+00:00"),
        # years since 1900, a register too far, and what nobody's clock can say
        (CLOCK, [126, 11, 23, 19, 53, 13], "decode"),
        (CLOCK, [1969, 12, 31, 0, 0, 0], "decode"),
        (CLOCK, [2100, 1, 1, 0, 0, 0], "decode"),
        (CLOCK, [9999, 12, 31, 23, 59, 59], "decode"),
        (CLOCK, [2026, 0, 1, 0, 0, 0], "decode"),
        (CLOCK, [2026, 1, 0, 0, 0, 0], "decode"),
        (PACKED, [0x1A0B, 0x1713, 0x350D], "2026-11-23T19:53:13+08:00"),
        ({**PACKED, "byte_order": "little"}, [0x0B1A, 0x1317, 0x0D35], "2026-11-23T19:53:13+08:00"),
        ({**PACKED, "bcd": True}, [0x2611, 0x2319, 0x5313], "2026-11-23T19:53:13+08:00"),
        ({**PACKED, "bcd": True}, [0x261A, 0x2319, 0x5313], "decode"),
        ({**CLOCK, "bcd": True}, [0x2026, 0x11, 0x23, 0x19, 0x53, 0x13], "2026-11-23T19:53:13+00:00"),
        ({**CLOCK, "layout": ["day_month", "skip_year"]}, [0x170B, 0x051A], "2026-11-23T00:00:00+00:00"),
        (
            {**CLOCK, "layout": ["year", "skip", "month_day"], "zone": "-03:30"},
            [2026, 9, 0x0B17],
            "2026-11-23T00:00:00-03:30",
        ),
    ],
)
def test_clocks(point: dict[str, Any], words: list[int], value: str) -> None:
    assert one(point, *words) == value


@given(st.lists(st.integers(0, 0xFFFF), min_size=3, max_size=3), st.booleans())
def test_a_clock_is_a_time_or_none(words: list[int], digits: bool) -> None:
    value = one({**PACKED, "bcd": digits}, *words)
    assert value == "decode" or datetime.fromisoformat(value).utcoffset() is not None


def test_a_devices_clock_is_in_the_zone_of_its_site() -> None:
    made = profile({"p": {"address": 0, **CLOCK, "zone": "site"}, "q": {"address": 10}})
    words = dict(enumerate([2026, 10, 25, 2, 30, 0]))
    assert read(made, words, "p") == "2026-10-25T02:30:00+00:00"
    assert read(made.adapted(Adaptation(), "Asia/Shanghai"), words, "p") == "2026-10-25T02:30:00+08:00"
    berlin = made.adapted(Adaptation(), "Europe/Berlin")
    assert read(berlin, words, "p") == "2026-10-25T02:30:00+02:00", "of two that it can be, the earlier"
    spring = dict(enumerate([2026, 3, 29, 2, 30, 0]))
    assert read(berlin, spring, "p") == "decode", "that hour is left out"
    assert read(berlin, {**spring, 3: 3}, "p") == "2026-03-29T03:30:00+02:00"
    assert made.adapted(Adaptation(), "UTC") is made
    assert profile({"q": {"address": 1}}).adapted(Adaptation(), "Asia/Shanghai").readings["q"].cell is not None


TEXT = {"type": "string", "length": 4}


def words_of(raw: bytes) -> list[int]:
    return list(struct.unpack(f">{len(raw) // 2}H", raw))


@pytest.mark.parametrize(
    ("more", "raw", "value"),
    [
        ({}, b"C2\0\0\0\0\0\0", "C2"),
        ({}, b"A  \0\0   ", "A"),
        ({}, b"\0" * 8, ""),
        ({}, "烟感".encode("gb18030") + b"\0" * 4, "decode"),
        ({"encoding": "gb18030"}, "烟感".encode("gb18030") + b"  \0\0", "烟感"),
        ({"encoding": "gb18030"}, "烟感区".encode("gb18030") + b"\xc7\x00", "烟感区"),
        ({"encoding": "gb18030"}, "一层烟感".encode("gb18030"), "一层烟感"),
        ({"encoding": "gb18030"}, "层烟感".encode("gb18030") + b"  ", "层烟感"),
        ({"encoding": "gb18030"}, "A\u3000B".encode("gb18030") + b"\0" * 4, "A\u3000B"),
        ({"encoding": "gb18030"}, b"\xff\xff\0\0\0\0\0\0", "decode"),
        ({"encoding": "utf-8"}, "水位".encode() + b"\0\0", "水位"),
        ({"encoding": "utf-8"}, "水位深".encode()[:8], "水位"),
        ({"encoding": "utf-8"}, b"\xc3\x28\0\0\0\0\0\0", "decode"),
        ({"encoding": "utf-16"}, "烟感A".encode("utf-16-be") + b"\0\0", "烟感A"),
        ({"encoding": "utf-16", "byte_order": "little"}, "烟感A ".encode("utf-16-le"), "烟感A"),
        ({"encoding": "utf-16"}, b"\x00\x07\0\0\0\0\0\0", "decode"),
        ({"chars": "low"}, b"\0L\0i\0f\0t", "Lift"),
        ({"chars": "high"}, b"L\xffi\xfff\xfft\xff", "Lift"),
        ({"enum": {"A1": "idle", "C2": "charging"}}, b"C2\0\0\0\0\0\0", "charging"),
        ({"enum": {"A1": "idle", "C2": "charging"}}, b"F0\0\0\0\0\0\0", "undeclared"),
        ({"enum": {"A1": "idle"}}, b"\x80\x80\0\0\0\0\0\0", "decode"),
    ],
)
def test_texts(more: dict[str, Any], raw: bytes, value: str) -> None:
    assert one({**TEXT, **more}, *words_of(raw)) == value


@given(
    st.text(st.characters(codec="gb18030", categories=["L", "N"]), max_size=40),
    st.integers(0, 80),
    st.binary(max_size=0),
)
def test_a_text_cut_anywhere_loses_its_last_character_at_most(whole: str, at: int, _: bytes) -> None:
    read_text = text("gb18030", "both")
    raw = whole.encode("gb18030")[:at]
    for padding in (b"", b"\0", b"   ", b" \0\0 "):
        found = read_text(raw + padding)
        assert found is not None and whole.startswith(found)
        assert len(raw) - len(found.encode("gb18030")) < 4


@given(
    st.sampled_from(["ascii", "utf-8", "utf-16", "gb18030"]),
    st.sampled_from(["both", "low", "high"]),
    st.binary(max_size=64),
)
def test_no_bytes_make_a_text_that_cannot_be_shown(encoding: Any, chars: Any, raw: bytes) -> None:
    found = text(encoding, chars)(raw)
    assert found is None or found.replace("\u3000", " ").isprintable()


KINDS = [
    "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64",
    "bcd16", "bcd32", "bcd64", "sm16", "sm32", "bool",
]  # fmt: skip


@given(
    st.sampled_from(KINDS),
    st.sampled_from([1, 0.1, 1e12, -1e12, 3]),
    st.sampled_from([0, 1e12, -7]),
    st.sampled_from(["big", "little"]),
    st.sampled_from(["big", "little"]),
    st.lists(st.integers(0, 0xFFFF), min_size=4, max_size=4),
)
def test_no_registers_make_a_number_that_is_none(
    kind: str, scale: float, offset: float, byte_order: str, word_order: str, words: list[int]
) -> None:
    point: dict[str, Any] = {"type": kind, "byte_order": byte_order, "word_order": word_order}
    if kind != "bool":
        point |= {"scale": scale, "offset": offset}
    value = one(point, *words)
    assert isinstance(value, str) or (math.isfinite(value) and (isinstance(value, float) or -(2**63) <= value < 2**64))


REFUSED: list[tuple[dict[str, Any], tuple[str | int, ...], str]] = [
    ({"type": "bcd16", "bit": 1}, ("bit",), "from an unsigned whole number, not from bcd16"),
    ({"type": "sm16", "bits": [0, 3]}, ("bits",), "not from sm16"),
    ({"type": "bcd16", "sentinels": {-1: "sensor"}}, ("sentinels",), "cannot stand in a bcd16"),
    ({"type": "datetime"}, ("layout",), "what its registers hold"),
    ({"layout": ["year", "month", "day"]}, ("layout",), "a datetime, and only that"),
    ({"type": "datetime", "layout": ["year", "month", "hour"]}, ("layout",), "without a day"),
    ({"type": "datetime", "layout": ["year", "month", "day", "year"]}, ("layout",), "year stands there twice"),
    ({"type": "datetime", "layout": ["year", "month", "date"]}, ("layout", 2), "a register is one of year, month"),
    ({"type": "datetime", "layout": ["year_month_day"]}, ("layout", 0), "or two of them"),
    ({"type": "datetime", "layout": [1]}, ("layout", 0), "a name is expected"),
    ({**CLOCK, "zone": "Asia/Shanghai"}, ("zone",), "an offset such as +08:00"),
    ({**CLOCK, "zone": "+15:00"}, ("zone",), "an offset such as +08:00"),
    ({**CLOCK, "length": 6}, ("length",), "a string, and only a string"),
    ({**CLOCK, "scale": 2}, ("scale",), "needs a number"),
    ({**CLOCK, "enum": {"x": "y"}}, ("enum",), "whole numbers or texts"),
    ({"zone": "utc"}, ("zone",), "`zone` is of a datetime, but this is a uint16"),
    ({"bcd": True}, ("bcd",), "`bcd` is of a datetime"),
    ({"encoding": "utf-8"}, ("encoding",), "`encoding` is of a string"),
    ({**TEXT, "encoding": "latin-1"}, ("encoding",), "'ascii', 'utf-8'"),
    ({"chars": "low"}, ("chars",), "`chars` is of a string"),
    ({**TEXT, "encoding": "utf-16", "chars": "low"}, ("chars",), "takes both bytes"),
    ({**TEXT, "enum": {1: "idle"}}, ("enum",), "a text is expected here, got 1"),
    ({"enum": {"A1": "idle"}}, ("enum",), "a whole number is expected here, got 'A1'"),
    ({"table": "coil", "encoding": "utf-8", "type": None}, ("encoding",), "a coil is a single bit"),
]


@pytest.mark.parametrize(("point", "tail", "words"), REFUSED)
def test_refused(point: dict[str, Any], tail: tuple[str | int, ...], words: str) -> None:
    found = refusals({"p": {"address": 7, **point}})
    assert [loc for loc, _ in found] == [("points", "p", *tail)]
    assert words in found[0][1]


def test_types_of_points() -> None:
    made = profile({"t": {"address": 1, **CLOCK}, "d": {"address": 9, "type": "bcd32"}, "c": {"address": 11, **TEXT}})
    assert [made.point(key).type for key in "tdc"] == [PointType.TEXT, PointType.INT, PointType.TEXT]
