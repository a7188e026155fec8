"""Expected rows against those that came: found one after the other, others may stand between them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.fields import duration_words

_FIRST = ("at", "kind", "reason", "rule", "source", "by", "to")


def unmet(wanted: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> int | None:
    """The number of the first wanted row that does not follow; None when all are there in this order.

    Nothing wanted: nothing may have come.
    """
    if not wanted:
        return 0 if rows else None
    place = 0
    for number, row in enumerate(wanted):
        while place < len(rows) and not fits(row, rows[place]):
            place += 1
        if place == len(rows):
            return number
        place += 1
    return None


def fits(wanted: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Everything that is wanted stands in the row; of a mapping only what is wanted of it."""
    for key, value in wanted.items():
        found = row.get(key)
        if isinstance(value, Mapping):
            if not isinstance(found, Mapping) or not fits(value, found):
                return False
        elif found != value:
            return False
    return True


def moment(test_ns: int) -> str:
    """A time of the test as people write it."""
    return duration_words(test_ns) if test_ns else "0s"


def told_rows(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each, as short as it can be understood."""
    return [_line(row) for row in rows] or ["nothing"]


def _line(row: Mapping[str, Any]) -> str:
    words = [_word(key, row[key]) for key in _FIRST if row.get(key) is not None]
    return " ".join(
        [*words, *(f"{key}={value}" for key, value in (row.get("says") or {}).items() if value is not None)]
    )


def _word(key: str, value: Any) -> str:
    if key == "at":
        return moment(value)
    return f"by {value}" if key == "by" else f"to {', '.join(value)}" if key == "to" else str(value)
