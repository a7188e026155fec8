"""What raw numbers mean: from columns of raw values to columns of values with their quality. Pure.

A `Meaning` says it for one point. `compile_steps` turns the meanings of a layout into a few steps, each a loop over
only those slots that need it, because a call per point would cost more than reading it off the wire.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import Any

from drivers import steps
from drivers.terms import CLOSED, Curve, Formula, Judge, Marks, Multiplier, Step, Table, UnitCode
from gateway.model import Quality

__all__ = [
    "CLOSED",
    "Curve",
    "Formula",
    "Judge",
    "Marks",
    "Meaning",
    "Multiplier",
    "Step",
    "UnitCode",
    "compile_steps",
    "run_steps",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """How a raw value becomes a value; applied in the order of the fields."""

    absent: bool = False  # this device has no such point
    formula: Formula | None = None  # made of other points, instead of read
    field: tuple[int, int] | None = None  # (shift, mask) of a packed state: to what follows it is the whole
    sentinels: Mapping[float, int] = dataclass_field(default_factory=dict)
    sentinel_mask: int | None = None  # only these bits are compared with the sentinels
    floating: bool = False  # may be NaN or infinite
    not_a_number: int = Quality.BAD_DECODE
    decode: Callable[[Any], Any] | None = None  # raw → value, None for what cannot be one
    bits: tuple[int, int] | None = None  # (shift, mask)
    gate: int | None = None  # while this bit is 0, the number is CLOSED; only together with bits
    truth: bool = False  # 0 and 1 become False and True
    codes: Mapping[Any, str | bool] | None = None
    multipliers: tuple[Multiplier, ...] = ()
    scale: float = 1.0
    offset: float = 0.0
    unit_code: UnitCode | None = None
    as_float: bool = False  # a whole number where another variant of the device has a fraction
    curves: tuple[Curve, ...] = ()
    range: tuple[float, float] | None = None
    invert: bool = False
    valid_when: tuple[Judge, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """Keys of the points without which there is no value, each once."""
        keys = [*self.early, *(judge.key for judge in self.valid_when)]
        return tuple(dict.fromkeys(keys))

    @property
    def early(self) -> tuple[str, ...]:
        """Those of them that must be finished before this one is begun."""
        keys = [*(self.formula.reads if self.formula else ()), *(one.key for one in self.multipliers)]
        return tuple([*keys, self.unit_code.key] if self.unit_code else keys)

    def renamed(self, name: Callable[[str], str]) -> Meaning:
        """The same, needing other points: `name` says which one instead of which."""
        if not self.needs:
            return self
        return replace(
            self,
            formula=self.formula and replace(self.formula, reads=tuple(map(name, self.formula.reads))),
            multipliers=tuple(replace(one, key=name(one.key)) for one in self.multipliers),
            unit_code=self.unit_code and replace(self.unit_code, key=name(self.unit_code.key)),
            valid_when=tuple(replace(one, key=name(one.key)) for one in self.valid_when),
        )


def compile_steps(meanings: Sequence[Meaning], slot_of: Mapping[str, int], first: int = 0) -> tuple[Step, ...]:
    """The steps that give columns of raw values their meaning: meanings[0] is of slot `first`, `slot_of` of a key.

    What is scaled or computed by other points comes when these are finished; its judge comes last of all.
    """
    by_level: dict[int, list[tuple[int, Meaning]]] = {}
    levels: dict[int, int] = {}

    def level(slot: int) -> int:
        if slot not in levels:
            meaning = meanings[slot - first]
            judges = [level(slot_of[judge.key]) for judge in meaning.valid_when]
            levels[slot] = max([0, *judges, *(1 + level(slot_of[key]) for key in meaning.early)])
        return levels[slot]

    for slot, meaning in enumerate(meanings, first):
        by_level.setdefault(level(slot) if meaning.needs else 0, []).append((slot, meaning))
    return tuple(step for _, slots in sorted(by_level.items()) for step in _steps(slots, slot_of))


def _steps(slots: list[tuple[int, Meaning]], slot_of: Mapping[str, int]) -> Iterator[Step]:
    found = (
        steps.absent([i for i, m in slots if m.absent]),
        steps.computed([(i, m.formula, [slot_of[key] for key in m.formula.reads]) for i, m in slots if m.formula]),
        steps.bits([(i, *m.field) for i, m in slots if m.field]),
        steps.sentinels([(i, m.sentinels) for i, m in slots if m.sentinels and m.sentinel_mask is None]),
        steps.masked(
            [(i, m.sentinels, m.sentinel_mask) for i, m in slots if m.sentinels and m.sentinel_mask is not None]
        ),
        steps.finite([(i, m.not_a_number) for i, m in slots if m.floating]),
        steps.decoded([(i, m.decode) for i, m in slots if m.decode]),
        steps.bits([(i, *m.bits) for i, m in slots if m.bits and m.gate is None]),
        steps.gated([(i, m.gate, *m.bits) for i, m in slots if m.bits and m.gate is not None]),
        steps.truths([i for i, m in slots if m.truth]),
        steps.codes([(i, m.codes) for i, m in slots if m.codes is not None]),
        steps.multiplied([(i, _sources(m.multipliers, slot_of)) for i, m in slots if m.multipliers]),
        steps.divide([(i, _divisor(m)) for i, m in slots if _divisor(m) != 1.0]),
        steps.scale(
            [(i, m.scale, m.offset) for i, m in slots if _divisor(m) == 1.0 and (m.scale, m.offset) != (1.0, 0.0)]
        ),
        steps.united([(i, slot_of[m.unit_code.key], m.unit_code.units) for i, m in slots if m.unit_code]),
        steps.as_float([i for i, m in slots if m.as_float]),
        steps.curves([(i, m.curves) for i, m in slots if m.curves]),
        # a finite number times a scale may not be finite
        steps.finite(
            [(i, Quality.BAD_DECODE) for i, m in slots if m.curves or m.multipliers or (m.floating and _grows(m))]
        ),
        steps.whole([i for i, m in slots if isinstance(m.scale, int) and (m.scale, m.offset) != (1, 0)]),
        steps.ranges([(i, *m.range) for i, m in slots if m.range]),
        steps.invert([i for i, m in slots if m.invert]),
        steps.valid_when(_judges_first(slots, slot_of)),
    )
    return (step for step in found if step is not None)


def run_steps(steps: Sequence[Step], values: list[Any], bad: Marks) -> list[int] | None:
    """Apply `steps` in place; the column of qualities, or None when all are GOOD."""
    for step in steps:
        step(values, bad)
    if not bad:
        return None
    quality = [0] * len(values)
    for slot, reason in bad.items():
        quality[slot] = reason
        values[slot] = None
    return quality


def _judges_first(slots: list[tuple[int, Meaning]], slot_of: Mapping[str, int]) -> list[tuple[int, int, Judge]]:
    """(slot, slot of its judge, judge), a judge's own line before those it judges."""
    meaning_of = dict(slots)

    def depth(slot: int) -> int:
        judges = meaning_of[slot].valid_when if slot in meaning_of else ()
        return max((1 + depth(slot_of[judge.key]) for judge in judges), default=0)

    judged = sorted((depth(slot), slot) for slot, meaning in slots if meaning.valid_when)
    return [(slot, slot_of[judge.key], judge) for _, slot in judged for judge in meaning_of[slot].valid_when]


def _grows(meaning: Meaning) -> bool:
    return abs(meaning.scale) > 1 or meaning.unit_code is not None


def _divisor(meaning: Meaning) -> float:
    return _inverse(meaning.scale) if meaning.offset == 0.0 else 1.0


def _inverse(factor: float) -> float:
    # 2302 / 10 is 230.2, 2302 * 0.1 is 230.20000000000002
    if 0 < abs(factor) < 1:
        inverse = round(1 / factor)
        if math.isclose(inverse * factor, 1.0, rel_tol=1e-12):
            return float(inverse)
    return 1.0


def _sources(multipliers: Sequence[Multiplier], slot_of: Mapping[str, int]) -> list[tuple[int, Table]]:
    """(slot, value there → (factor, divisor)) of each; no table where the value itself is the factor."""
    found: list[tuple[int, Table]] = []
    for one in multipliers:
        table = None if one.table is None else {value: _fraction(factor) for value, factor in one.table.items()}
        found.append((slot_of[one.key], table))
    return found


def _fraction(factor: float) -> tuple[float, float]:
    inverse = _inverse(factor)
    return (factor, 1.0) if inverse == 1.0 else (1.0, inverse)
