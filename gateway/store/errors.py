"""What can go wrong with the store, as one family."""

from __future__ import annotations


class StoreError(Exception):
    """The store cannot do what was asked. A sentence for a person; the SQLite error is the cause."""


class DiskFull(StoreError):  # noqa: N818 - a finding, read by people
    """There was no space for this; there may be for the next."""


class Damaged(StoreError):  # noqa: N818 - a finding, read by people
    """A file does not hold what was written into it."""


class CorruptRow(Damaged):
    """A row that does not hold what was written into it."""
