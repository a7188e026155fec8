"""Plain YAML scalars by the 1.2 core schema, and nothing more: `22:30`, `010`, `no`, `2026-11-23` are texts."""

from __future__ import annotations

import math
import re

_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE = {"true", "True", "TRUE"}
_FALSE = {"false", "False", "FALSE"}
# no leading zeros: `010` is eight to one reader and ten to another, so it stays a text and is refused where a
# number is expected
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LARGEST = 2**63

Scalar = str | int | float | bool | None


def resolve(text: str) -> Scalar:
    """The value of a plain scalar; ValueError for a number that is not finite or does not fit 64 bits."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(text) or _HEX.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if not math.isfinite(value):
            raise ValueError(f'the number {text[:40]} is too large; if it is a name, quote it: "{text[:40]}"')
        return value
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is no measurable number; a finite number is expected")
    return text


def _integer(text: str) -> int:
    # bounded before int(), which refuses thousands of digits in its own words
    if len(text) > 24 or not -_LARGEST <= (value := int(text, 0)) < _LARGEST:
        raise ValueError(f"the number {text[:24]}… does not fit 64 bits")
    return value
