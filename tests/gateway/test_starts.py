"""Which starts had no stop before them."""

from __future__ import annotations

import pytest

from gateway.app.starts import unclean_starts
from gateway.model import SECOND, Event, Instant


class Journal:
    """What the reader answers: the last rows of these kinds, the newest first."""

    def __init__(self, kinds: str) -> None:
        words = {"+": "start", "-": "stop"}
        self.events = [
            Event(seq=seq, at=Instant(seq * SECOND, seq * SECOND), kind=words[each])
            for seq, each in enumerate(kinds, 1)
        ]

    def newest(self, kinds: tuple[str, ...], limit: int) -> list[Event]:
        assert kinds == ("start", "stop")
        return self.events[::-1][:limit]


@pytest.mark.parametrize(
    ("journal", "expected"),
    [
        ("", []),
        ("+-", []),
        ("+-+-", []),
        ("+", [100]),
        ("+-+", [100]),
        ("++-", [2]),
        ("++", [100, 2]),
        ("+-+++", [100, 5, 4]),
        ("-+", [100]),
    ],
)
def test_a_start_behind_a_start_was_no_orderly_end(journal: str, expected: list[int]) -> None:
    found = unclean_starts(Journal(journal), Instant(100 * SECOND, 100 * SECOND))  # type: ignore[arg-type]
    assert [at // SECOND for at in found] == expected
