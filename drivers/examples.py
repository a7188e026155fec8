"""Comparing what comes out of an example with what its author has written. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gateway.model import Quality, Value

# registers and floats have fewer digits than the numbers people write
CLOSE = 1e-6


def compared(key: str, value: Value, quality: int, expect: Mapping[str, Value], bad: Mapping[str, str]) -> str | None:
    """What is wrong with the point `key` that came out like this; None when it is as written."""
    reason, wanted = Quality(quality).reason, bad.get(key)
    if reason != wanted:
        return f"expected {wanted or 'a value'}, got {reason or value!r}"
    if wanted is None and not same(value, expect[key]):
        return f"expected {expect[key]!r}, got {value!r}"
    return None


def same(value: Value, expected: Value) -> bool:
    if isinstance(value, (bool, str)) or isinstance(expected, (bool, str)) or value is None or expected is None:
        return value is expected or (isinstance(value, str) and value == expected)
    return math.isclose(value, expected, rel_tol=CLOSE, abs_tol=1e-12)
