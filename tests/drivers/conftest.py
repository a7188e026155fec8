"""Property tests of this room have no deadline: the machine is shared."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from drivers.modbus import connect

settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


@pytest.fixture(autouse=True)
def _nothing_is_owed() -> None:
    """Pseudo terminals and ports have the numbers of those that were closed; these lines are not the same ones."""
    connect._OWED.clear()
