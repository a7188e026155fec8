"""Python's search for cycles of objects, held back while much is made that lives long."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def laying_up() -> Iterator[None]:
    """What is made in here lives long: the search waits until the end, and leaves it alone from then on.

    Looking through it again and again is 40 % of a start with 10,000 open alarms, and 40–170 ms at a time afterwards
    with 1,000 devices.
    """
    gc.disable()
    try:
        yield
        gc.collect()
        gc.freeze()
    finally:
        gc.enable()


def lay_up_again() -> None:
    """What was laid up has been replaced: the old goes, cycles and all, and what is there is left alone instead."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
