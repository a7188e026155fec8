"""Starts of the gateway that had no stop before them: it was cut off, or crashed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from gateway.model import Event, Instant
from gateway.store.reader import Reader

LOOKED_AT = 20
"""So many rows of starts and stops are looked at; more unclean starts than that within an hour are no news."""


def unclean_starts(reader: Reader, now: Instant) -> tuple[int, ...]:
    """Building time (mono) of each, by the journal; the start that is just being made is the first of them, at `now`.

    To be asked before that start is journalled. Blocking.
    """
    return tuple(_unclean(reader.newest(("start", "stop"), LOOKED_AT), now))


def _unclean(newest_first: Sequence[Event], now: Instant) -> Iterator[int]:
    if newest_first and newest_first[0].kind == "start":
        yield now.mono_ns
    for later, earlier in pairwise(newest_first):
        if later.kind == "start" and earlier.kind == "start":
            yield later.at.mono_ns
