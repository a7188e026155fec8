"""Field types of every configuration model: durations, quantities, texts, names. Strict: nothing is coerced."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.json_schema import WithJsonSchema

from gateway.model import SECOND, AlarmClass, Severity, Text
from gateway.units import UNITS, UnitError, convert


class Strict(BaseModel):
    """Base of every configuration model: unknown keys are errors, values are never coerced, objects never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)")
_LONGEST_NS = 36_500 * 86_400 * SECOND
_DURATION_NS = {"ms": SECOND // 1000, "s": SECOND, "min": 60 * SECOND, "h": 3600 * SECOND, "d": 86400 * SECOND}


def parse_duration(value: Any) -> int:
    """`30s`, `5min`, `1.5h` → nanoseconds. A number without a unit is refused: 30 of what?"""
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        nanoseconds = float(match[1]) * _DURATION_NS[match[2]]
        if nanoseconds > _LONGEST_NS:
            raise ValueError(f"too long: at most 100 years (36500d) can be told, got {value[:40]}")
        return round(nanoseconds)
    raise ValueError(f"a duration with its unit is expected, such as 500ms, 30s, 5min, 8h or 1d; got {value!r}")


def duration_words(nanoseconds: int) -> str:
    """A duration as people write it: `30s`, `5min`, `500ms`."""
    for unit in ("d", "h", "min", "s"):
        if nanoseconds and nanoseconds % _DURATION_NS[unit] == 0:
            return f"{nanoseconds // _DURATION_NS[unit]}{unit}"
    return f"{nanoseconds / _DURATION_NS['ms']:g}ms"


def within(low_ns: int, high_ns: int, words: str) -> AfterValidator:
    """Bounds for a Duration; `words` is how people read them."""

    def check(value: int) -> int:
        if not low_ns <= value <= high_ns:
            raise ValueError(f"must lie within {words}")
        return value

    return AfterValidator(check)


_duration_schema = WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|min|h|d)$"})
Duration = Annotated[int, BeforeValidator(parse_duration), _duration_schema]
"""Nanoseconds, written as `30s`."""
Delay = Annotated[Duration, within(0, 86400 * SECOND, "0s … 1d")]
"""On- and off-delays."""
Period = Annotated[Duration, within(SECOND // 10, 3600 * SECOND, "100ms … 1h")]
"""Poll periods."""


class Quantity(NamedTuple):
    """A number with its unit (None: a bare number, for points without a unit)."""

    value: float
    unit: str | None

    def to(self, unit: str | None, *, difference: bool = False) -> float:
        """The number in `unit`; UnitError when it does not measure that."""
        if unit is None:
            if self.unit is not None:
                raise UnitError(f"{self} was given, but what it is compared with has no unit; give both one, or none")
            return self.value
        if self.unit is None:
            raise UnitError(f"{self} was given, but the point's unit is {unit}; write {self} {unit}")
        return convert(self.value, self.unit, unit, difference=difference)

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}" if self.unit else f"{self.value:g}"


_QUANTITY = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S.*)?")


def parse_quantity(value: Any) -> Quantity:
    """`0.10 m` → Quantity(0.1, 'm'); a bare finite number → Quantity(n, None). A quoted bare number is refused."""
    if isinstance(value, Quantity):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if math.isfinite(value):
            return Quantity(float(value), None)
        raise ValueError(f"a finite number is expected, got {value!r}")
    if isinstance(value, str) and (match := _QUANTITY.fullmatch(value.strip())):
        number, unit = float(match[1]), match[2]
        if unit is None:
            raise ValueError(f"a number (without quotes) or a number with a unit is expected, got the text {value!r}")
        if not math.isfinite(number):
            raise ValueError(f"a finite number is expected, got {value!r}")
        if unit not in UNITS:
            raise ValueError(f"unknown unit {unit!r}; known: {', '.join(UNITS)}")
        return Quantity(number, unit)
    raise ValueError(f"a number with its unit is expected, such as 0.10 m; got {value!r}")


QuantityField = Annotated[
    Quantity, BeforeValidator(parse_quantity), WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]})
]


def _printable(value: str) -> str:
    for character in value:
        # Cc control, Cf format (bidirectional overrides), Cs surrogate, Zl/Zp line and paragraph separators
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            raise ValueError(f"must be printable; it holds U+{ord(character):04X}")
    if value != value.strip():
        raise ValueError("must not begin or end with a space")
    return value


Line = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_printable)]
"""One printable line, at most 64 characters."""
Prose = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_printable)]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
"""A name used as a key: letters, digits, `-` and `_`, at most 64."""


class _ProseModel(Strict):
    en: Prose
    zh: Prose


class _LineModel(Strict):
    en: Line
    zh: Line


def _text_as(model: type[_ProseModel] | type[_LineModel]) -> BeforeValidator:
    def read(value: Any) -> Text:
        if isinstance(value, Text):
            return value
        parsed = model.model_validate(value)
        return Text(parsed.en, parsed.zh)

    return BeforeValidator(read)


TextField = Annotated[Text, _text_as(_ProseModel), WithJsonSchema(_ProseModel.model_json_schema())]
"""`{en: …, zh: …}`, both required."""
NameField = Annotated[Text, _text_as(_LineModel), WithJsonSchema(_LineModel.model_json_schema())]
"""`{en: …, zh: …}`, each one line of at most 64 characters."""


def _severity(value: Any) -> Severity:
    words = {severity.word: severity for severity in Severity}
    if isinstance(value, Severity):
        return value
    if isinstance(value, str) and value in words:
        return words[value]
    raise ValueError(f"one of {', '.join(words)} is expected, got {value!r}")


SeverityField = Annotated[
    Severity, BeforeValidator(_severity), WithJsonSchema({"enum": [severity.word for severity in Severity]})
]
ClassField = Annotated[
    AlarmClass,
    BeforeValidator(lambda value: AlarmClass(value) if isinstance(value, str) else value),
    Field(description="life_safety, property, equipment or system"),
]
