"""From what stands in a message to a raw value of the declared type, or to the reason why it has none. Pure.

Nothing is coerced: `true` is no number, and `"80"` is one only where the profile says `text_number`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.model import Quality
from gateway.units import UnitError, convert

Literal = bool | int | float | str
Take = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Bad:
    """Instead of a value. `sound`: said as the profile has it; otherwise the message may be none of this device."""

    quality: int
    sound: bool = True


WRONG = Bad(Quality.BAD_DECODE, sound=False)
NOTHING = Bad(Quality.BAD_NO_VALUE)
UNDECLARED = Bad(Quality.BAD_UNDECLARED)

# so small that no scale makes it infinite
_LARGE = 1e200
_WHOLE = 2**63
_EXACT = 2.0**53
LONGEST_TEXT = 256

_NUMBER = re.compile(
    r"\s*([+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?)(?:\s*([^\s0-9.,+-]\S{0,15}))?\s*"
)


def number(value: Any) -> Any:
    """A float."""
    kind = value.__class__
    if (kind is float or kind is int) and -_LARGE < value < _LARGE:
        return value + 0.0  # -0.0 is 0.0
    return NOTHING if value is None else WRONG


def whole(value: Any) -> Any:
    """An int; 3.0 is one."""
    kind = value.__class__
    if kind is int:
        return value if -_WHOLE <= value < _WHOLE else WRONG
    if kind is float and value.is_integer() and -_EXACT <= value <= _EXACT:
        return int(value)
    return NOTHING if value is None else WRONG


def truth(value: Any) -> Any:
    """A bool."""
    return value if value.__class__ is bool else NOTHING if value is None else WRONG


def text(value: Any) -> Any:
    """A printable text."""
    if value.__class__ is not str:
        return NOTHING if value is None else WRONG
    return value if value.isprintable() and len(value) <= LONGEST_TEXT else WRONG


def coded(codes: Iterable[tuple[Literal, str | bool]]) -> Take:
    """A word, or a bool, for each of some literals. Another of the same kind is undeclared, of another kind wrong."""
    table = {typed(literal): meant for literal, meant in codes}
    kinds = {kind for kind, _ in table}

    def take(value: Any) -> Any:
        kind = value.__class__
        if kind is float and value.is_integer():
            value, kind = int(value), int
        if kind in kinds:
            return table.get((kind, value), UNDECLARED)
        return NOTHING if value is None else WRONG

    return take


def with_literals(take: Take, no_value: Mapping[Literal, int]) -> Take:
    """`take`, but some literals say why there is no value."""
    reasons = {typed(literal): Bad(reason) for literal, reason in no_value.items()}
    kinds = {kind for kind, _ in reasons}

    def first(value: Any) -> Any:
        kind = value.__class__
        if kind in kinds and (bad := reasons.get((kind, value))) is not None:
            return bad
        if kind is float and value.is_integer() and (bad := reasons.get((int, int(value)))) is not None:
            return bad
        return take(value)

    return first


def with_text(take: Take, unit: str | None) -> Take:
    """`take`, but a number may be a text: `25.00`, and `25.0 mm` where `unit` is a length."""

    def first(value: Any) -> Any:
        if value.__class__ is not str:
            return take(value)
        match = _NUMBER.fullmatch(value)
        if match is None:
            return WRONG
        read = float(match[1])
        if match[2] is not None:
            if unit is None:
                return WRONG
            try:
                read = convert(read, match[2], unit)
            except (UnitError, OverflowError):
                return WRONG
        elif match[1].lstrip("+-").isdigit():
            return take(int(match[1]))
        return take(read)

    return first


def typed(literal: Literal) -> tuple[type, Literal]:
    """A key for a literal of JSON: there `true` is not 1, but 1.0 is."""
    if isinstance(literal, float) and literal.is_integer():
        return int, int(literal)
    return literal.__class__, literal
