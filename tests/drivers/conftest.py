"""Every test of this room begins with lines that owe nothing."""

from __future__ import annotations

import pytest

from drivers.modbus import connect


@pytest.fixture(autouse=True)
def _nothing_is_owed() -> None:
    """Pseudo terminals and ports have the numbers of those that were closed; these lines are not the same ones."""
    connect._OWED.clear()
