"""Times that people ask for on the command line: with a zone, or in the site's, and then it is said what was meant."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gateway.model import SECOND, Text
from gateway.texts import both, joined

YEARS = range(1970, 2200)
EXPECTED = "a time such as 2026-11-23T13:30 (the site's) or 2026-11-23T13:30:00+08:00 is expected, from 1970 to 2199"


class Meant(NamedTuple):
    """The moment. `said`: how it was understood; None: it had its zone."""

    wall_ns: int
    said: Text | None


def parse(text: str) -> datetime:
    """ISO 8601, with or without a zone; ValueError otherwise."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.year not in YEARS:
        raise ValueError(f"{EXPECTED}, got {text!r}")
    return found


def meant(at: datetime, zone: ZoneInfo) -> Meant:
    """Without a zone it is the site's: one that the clocks skip is as long behind the change, of two the first."""
    if at.tzinfo is not None:
        return Meant(_ns(at), None)
    first, second = at.replace(tzinfo=zone, fold=0), at.replace(tzinfo=zone, fold=1)
    wall_ns = _ns(first)
    shown = datetime.fromtimestamp(wall_ns // SECOND, zone).isoformat()
    said = [both("asked_local", asked=at.isoformat(timespec="seconds"), zone=zone.key, meant=shown)]
    if _ns(second) > wall_ns:
        said.append(both("asked_twice", first=_offset(first), second=_offset(second)))
    elif _ns(second) < wall_ns:
        said.append(both("asked_skipped"))
    return Meant(wall_ns, joined(said))


def _offset(at: datetime) -> str:
    return at.isoformat(timespec="seconds")[19:]


def _ns(at: datetime) -> int:
    return int(at.replace(microsecond=0).timestamp()) * SECOND + at.microsecond * 1000
