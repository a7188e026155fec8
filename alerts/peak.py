"""How far an alarm has gone: the value that lies farthest beyond the limit."""

from __future__ import annotations

from gateway.model import Value


def farther(peak: Value, value: Value, limit: Value) -> Value:
    """The one of two values that is farther beyond the limit; without a numeric limit the greater, else the newer."""
    numbers = [number for number in (peak, value) if isinstance(number, (int, float)) and not isinstance(number, bool)]
    if len(numbers) < 2:
        return value if value is not None else peak
    if isinstance(limit, (int, float)) and not isinstance(limit, bool):
        return max(numbers, key=lambda number: abs(number - limit))
    return max(numbers)
