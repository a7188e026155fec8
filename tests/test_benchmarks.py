"""The benchmarks are run by hand: at least they must still fit what they measure."""

from __future__ import annotations

import importlib

import pytest

from benchmarks.__main__ import ALL


@pytest.mark.parametrize("name", ALL)
def test_a_benchmark_can_be_loaded(name: str) -> None:
    assert callable(importlib.import_module(f"benchmarks.{name}").run)
