"""Durations, quantities, texts and names: what is read, and what is refused with which sentence."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.fields import (
    Delay,
    Id,
    Line,
    Period,
    Quantity,
    SeverityField,
    TextField,
    parse_duration,
    parse_quantity,
)
from gateway.model import SECOND, Severity, Text
from gateway.units import UNITS, UnitError, convert


@pytest.mark.parametrize(
    ("text", "ns"),
    [("30s", 30 * SECOND), ("5min", 300 * SECOND), ("1.5h", 5400 * SECOND), ("250ms", SECOND // 4), ("0s", 0)],
)
def test_durations(text: str, ns: int) -> None:
    assert parse_duration(text) == ns


@pytest.mark.parametrize("wrong", [30, 0.5, True, None, "30", "s", "-1s", "1e9s", "30 sec", "5m", "22:30", "NaNs", ""])
def test_wrong_durations_are_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="duration with its unit"):
        parse_duration(wrong)


def test_a_unit_on_one_side_only_is_told_with_what_to_write() -> None:
    assert Quantity(5.0, None).to(None) == 5.0
    with pytest.raises(UnitError, match=r"5 was given, but the point's unit is m; write 5 m"):
        Quantity(5.0, None).to("m")
    with pytest.raises(UnitError, match=r"1 cm was given, but what it is compared with has no unit"):
        Quantity(1.0, "cm").to(None)


@pytest.mark.parametrize("long", ["36501d", "9" * 30 + "h", "9" * 400 + "s"])
def test_a_duration_that_nobody_can_mean_is_refused(long: str) -> None:
    assert parse_duration("36500d") == 36_500 * 86_400 * SECOND
    with pytest.raises(ValueError, match="at most 100 years"):
        parse_duration(long)


@pytest.mark.parametrize(("field", "wrong"), [(Delay, "25h"), (Period, "50ms"), (Period, "61min"), (Period, "0s")])
def test_ranges(field: object, wrong: str) -> None:
    with pytest.raises(ValidationError, match="must lie within"):
        TypeAdapter(field).validate_python(wrong)


def test_quantities() -> None:
    assert parse_quantity("0.10 m") == Quantity(0.1, "m")
    assert parse_quantity("-4mA") == Quantity(-4.0, "mA")
    assert parse_quantity(7) == Quantity(7.0, None)
    assert parse_quantity("10 cm").to("m") == 0.1
    assert parse_quantity("5 °C").to("K") == 278.15
    assert parse_quantity("5 °C").to("K", difference=True) == 5.0


@pytest.mark.parametrize("wrong", ["80", True, None, math.inf, math.nan, "1e400 m", "5 furlong", "m", [], "0x7f m"])
def test_wrong_quantities_are_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"expected|unknown unit"):
        parse_quantity(wrong)


@pytest.mark.parametrize(
    ("quantity", "unit"), [(Quantity(1, "m"), "A"), (Quantity(1, None), "m"), (Quantity(1, "m"), None)]
)
def test_a_unit_that_does_not_fit_is_refused(quantity: Quantity, unit: str | None) -> None:
    with pytest.raises(UnitError):
        quantity.to(unit)


@given(st.floats(-1e6, 1e6), st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)))
def test_conversion_there_and_back(value: float, unit: str, to: str) -> None:
    if UNITS[unit][0] != UNITS[to][0]:
        with pytest.raises(UnitError):
            convert(value, unit, to)
        return
    assert convert(convert(value, unit, to), to, unit) == pytest.approx(value, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(
    "wrong", ["", "a" * 65, "two\nlines", "\x1b[31mred", "\u202eright to left", " padded", "nul\0", 7]
)
def test_lines_are_short_and_printable(wrong: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Line).validate_python(wrong, strict=True)


@pytest.mark.parametrize("wrong", ["", "a.b", "a/b", "../x", "-a", "ä", "a b", "x" * 65])
def test_ids_are_plain(wrong: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Id).validate_python(wrong)


def test_texts_need_both_languages() -> None:
    adapter = TypeAdapter(TextField)
    assert adapter.validate_python({"en": "Pump room", "zh": "水泵房"}) == Text("Pump room", "水泵房")
    for wrong in ({"en": "x"}, {"zh": "x"}, {"en": "", "zh": "x"}, {"en": "x", "zh": "y", "de": "z"}, "x", None):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


def test_severities_are_words() -> None:
    adapter = TypeAdapter(SeverityField)
    assert adapter.validate_python("critical") is Severity.CRITICAL
    for wrong in (1, "1", "Critical", "urgent", True):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)
