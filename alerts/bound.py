"""What bind hands to the engine: rules on their sources, and why some rules are not there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, tzinfo

from alerts.annunciate.plan import Plan
from alerts.condition.columns import Columns, Condition
from alerts.maintenance import MaintenanceOptions
from alerts.rule import Rule
from gateway.model import Device


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One rule on one source.

    `part`: of the device, if it is not about all of it. `order`: evaluate in this order, inputs and suppressors come
    first. `suppressed_by`: while one of these alarms is active, this one is suppressed by design. `companion_of` is set
    on `<rule>/protection_lost`: the alarm it guards. `collapse_into`: the device-offline alarm that speaks for this
    one while it is active. `asked`: those of `suppressed_by` that say only what the alarms that its rule asks for
    have lost, and nothing of its own points. `hush`: while it is TRUE the alarm and its companion are suppressed by
    design (the rule's `suppress_when`). `condition_hash` changes when the condition, its points or its delays change,
    `hush_hash` when the other one does, `measures` when a point that either reads is measured otherwise: its unit,
    where its counter begins again, what is made of the raw number.
    """

    rule: Rule
    source: str
    device: Device
    condition: Condition
    unknown_for_ns: int
    order: int
    condition_hash: str
    suppressed_by: tuple[tuple[str, str], ...] = ()
    asked: frozenset[tuple[str, str]] = frozenset()
    companion_of: tuple[str, str] | None = None
    collapse_into: tuple[str, str] | None = None
    part: str | None = None
    hush: Condition | None = None
    hush_hash: str = ""
    measures: str = ""


@dataclass(frozen=True, slots=True)
class BindProblem:
    """A rule that cannot mean what it says on this site. `loc` is the path inside the rule's YAML mapping.

    `missing`: the rule that it asks for and that is not there. `device`: only the rule on that device is wrong.
    """

    rule: str
    loc: tuple[str | int, ...]
    message: str
    missing: str | None = None
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Unbound:
    """A rule, or one operand of it, that does not watch a source, and why. `source` None: it watches nothing at all."""

    rule: str
    source: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Bound:
    """`instances` in order of evaluation. `reduced`: bound, but without an optional operand that the device lacks.

    `windows` are the site's maintenance, in its `zone` and with its `holidays`. `annunciation`: who is told what, and
    when; without it every notice of the engine is one, at once and for everybody.
    """

    instances: tuple[Instance, ...]
    columns: Columns = field(default_factory=Columns)
    problems: tuple[BindProblem, ...] = ()
    unbound: tuple[Unbound, ...] = ()
    reduced: tuple[Unbound, ...] = ()
    windows: tuple[MaintenanceOptions, ...] = ()
    zone: tzinfo = UTC
    holidays: frozenset[date] = frozenset()
    annunciation: Plan | None = None
