"""The valid name nearest to a wrong one."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.config.problems import quoted
from gateway.near import CUTOFF, either, nearest_all

LONGEST_LIST = 24


def nearest(name: object, valid: Iterable[str], cutoff: float = CUTOFF) -> str | None:
    """The first of the names in `valid` that `name` was probably meant to be. To say them is `near.hint`'s."""
    return next(iter(nearest_all(name, valid, cutoff)), None)


def unknown(what: str, name: object, valid: Iterable[str]) -> str:
    """`unknown key 'treshold'; did you mean 'threshold'?`, or the list of what would be valid."""
    known = list(dict.fromkeys(valid))
    found = known if len(known) == 1 else nearest_all(name, known)
    if found:
        return f"unknown {what} {quoted(name)}; did you mean {either(found)}?"
    if not known:
        return f"unknown {what} {quoted(name)}; there is none here"
    listed = ", ".join(known[:LONGEST_LIST]) + (", …" if len(known) > LONGEST_LIST else "")
    return f"unknown {what} {quoted(name)}; valid: {listed}"
