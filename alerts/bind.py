"""Rules × devices → instances, pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alerts.bound import BindProblem, Bound, Instance, Unbound
from alerts.rule import Rule
from gateway.model import Device, Point

__all__ = ["BindProblem", "Bound", "Catalogue", "Instance", "Unbound", "bind"]

Catalogue = Mapping[str, Mapping[str, Point]]
"""The standard points: system (or `any`) → name → point."""


def bind(rules: Sequence[Rule], devices: Sequence[Device], catalogue: Catalogue | None = None) -> Bound:
    raise NotImplementedError
