"""Property tests have no deadline: the machine is shared. Under mutation (`make prove`) they try few examples, always
the same ones, and shrink nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, Phase, settings

UNDER_MUTATION = "MUTANT_UNDER_TEST" in os.environ
FEW = 40

# here, before any room is imported: what a test says of its examples is said upon the profile of that moment
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


def _few(said: settings) -> settings:
    return settings(
        said,
        max_examples=min(said.max_examples, FEW),
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """What a test itself or its room's profile says of examples would stand above a profile of here."""
    for item in items if UNDER_MUTATION else ():
        test, machine = getattr(item, "function", None), getattr(item, "cls", None)
        if (said := getattr(test, "_hypothesis_internal_use_settings", None)) is not None:
            test._hypothesis_internal_use_settings = _few(said)  # type: ignore[union-attr]
        if machine is not None and isinstance(getattr(machine, "settings", None), settings):
            machine.settings = _few(machine.settings)
