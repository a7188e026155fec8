"""The rule: a strict, frozen model that reads like a sentence (docs/design.md §6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ModelWrapValidatorHandler, PrivateAttr, ValidationError, model_validator
from pydantic.json_schema import WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from alerts.condition.correlating import AbsentSpec, SequenceSpec, TogetherSpec
from alerts.condition.leaves import ThresholdSpec
from alerts.condition.located import misplaced
from alerts.condition.operand import PointName, Some
from alerts.condition.spec import AllSpec, Condition, Spec, walk
from alerts.condition.timed import ScheduleSpec
from alerts.override import apply_override
from gateway.fields import ClassField, Delay, Duration, Id, Line, SeverityField, Strict, TextField
from gateway.model import SECOND, AlarmClass, Severity

__all__ = ["Escalation", "Guidance", "On", "Rule", "apply_override"]

_PROMPT = 5 * 60 * SECOND
_LONGEST_UNKNOWN = 3600 * SECOND
MOST_CONDITIONS = 200
"""Of one rule, those inside others too: more than anybody could check, and each is built for every source."""


def _date(value: Any) -> Any:
    # only the long form: fromisoformat also takes 20260101, which YAML could mean as a number
    return date.fromisoformat(value) if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) else value


def _name(value: Any) -> Any:
    # `floor: -2` and `building: 1` are how people write these names
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_spelt = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}]})
Name = Annotated[Line, BeforeValidator(_name), _spelt]


class Guidance(Strict):
    """The rationalisation record (ISA-18.2): what an operator who has never seen this alarm must know.

    `time_to_respond` is how long there is before the consequence; `basis` names the source of the numbers, or says
    that they are a judgement.
    """

    cause: TextField
    consequence: TextField
    corrective_action: TextField
    time_to_respond: Annotated[Duration, Field(gt=0)]
    confirm_how: TextField
    owner: TextField
    basis: TextField
    review_date: Annotated[date | None, BeforeValidator(_date)] = None


class On(Strict):
    """Which devices: of a system, of a profile, with labels, at a place, one device, all that have the point.

    What is given must all hold. Each part that has the point is its own source; a place is compared with the source's.
    `once: zone` leaves only the first source of each zone (floor, building, the site), in the order of the site file:
    one alarm for a place, whatever stands in it. A source that is in no such place is not watched.
    """

    system: Id | None = None
    device: Id | None = None
    profile: Id | None = None
    labels: dict[Id, Name] = Field(default_factory=dict)
    building: Name | None = None
    floor: Name | None = None
    zone: Name | None = None
    point: PointName | None = None
    once: Literal["zone", "floor", "building", "site"] | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not self.model_fields_set - {"once"}:
            raise ValueError("a system, device, profile, label, place or point is expected")
        return self


class Escalation(Strict):
    """A second condition that makes the alarm more severe while the rule's own condition is TRUE."""

    when: Spec
    severity: SeverityField


class Inhibits(Strict):
    """The rules whose alarms this one speaks for, while it is active, on the same device, at the same place or link.

    A rule of another pack may be absent. A life-safety rule is never inhibited. `link`: this rule's source is the
    part of `gateway` that is the link, the others' are the devices that it reads.
    """

    rules: Annotated[Some[Id], Field(strict=False)]
    same: Literal["device", "zone", "floor", "building", "site", "link"] = "device"


class Rule(Strict):
    """One alarm rule. Mistakes are reported at the exact key, with the rule's name.

    `suppressed_by`: rules whose active alarm on the same source makes this one needless. `instead_of`: rules that do
    not watch the sources that this one watches; they may be absent. `unknown_for`: how long the inputs may be UNKNOWN
    before `<rule>/protection_lost` is raised (bind chooses it when it is not given). `suppress_when`: suppressed by
    design while this is TRUE; a life-safety rule may ask only its own device, for its own test or maintenance state.
    `realarm_after`: acknowledged for so long and still active, it wants a new answer. On single devices a site may have
    the rule otherwise: `on_device` is another object with the same id then.
    """

    rule: Id
    title: TextField
    severity: SeverityField
    class_: ClassField = Field(alias="class")
    on: On
    when: Spec
    on_delay: Delay = 0
    off_delay: Delay = 0
    latching: bool = False
    auto_ack: bool = False
    suppressed_by: Annotated[tuple[Id, ...], Field(strict=False)] = ()
    instead_of: Annotated[tuple[Id, ...], Field(strict=False)] = ()
    suppress_when: Spec | None = None
    inhibits: Inhibits | None = None
    realarm_after: Annotated[Duration, Field(gt=0)] | None = None
    unknown_for: Annotated[Duration, Field(gt=0, le=_LONGEST_UNKNOWN)] | None = None
    escalate: Annotated[tuple[Escalation, ...], Field(strict=False)] = ()
    guidance: Guidance | None = None
    enabled: bool = True
    _here: dict[str, Rule] = PrivateAttr(default_factory=dict)
    _device: str | None = PrivateAttr(default=None)

    def with_devices(self, here: Mapping[str, Rule]) -> Rule:
        """The rule with another one, of the same id, on these devices."""
        whole = self.model_copy()
        whole._here = {device: rule.model_copy() for device, rule in here.items()}
        for device, rule in whole._here.items():
            rule._device = device
        return whole

    @property
    def here(self) -> Mapping[str, Rule]:
        """The devices on which it is otherwise, and how."""
        return self._here

    @property
    def device(self) -> str | None:
        """The device that this object is for alone; None: for all that have no other."""
        return self._device

    def on_device(self, device: str) -> Rule:
        """What watches that device."""
        return self._here.get(device, self)

    @property
    def severities(self) -> tuple[Severity, ...]:
        """Those that it can have: its own first, then its levels' and its escalations'."""
        levels = self.when.levels or () if isinstance(self.when, ThresholdSpec) else ()
        reached = (level.severity for level in levels if level.severity is not None)
        return (self.severity, *reached, *(step.severity for step in self.escalate))

    @property
    def worst(self) -> Severity:
        """The highest severity that it can reach."""
        return min(self.severities)

    @property
    def conditions(self) -> tuple[tuple[tuple[str | int, ...], Condition], ...]:
        """The conditions with their paths: `when`, then each escalation's, then `suppress_when`."""
        steps = [(("escalate", index, "when"), step.when) for index, step in enumerate(self.escalate)]
        quiet = [] if self.suppress_when is None else [(("suppress_when",), self.suppress_when)]
        return ((("when",), self.when), *steps, *quiet)

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_guidance()
        self._check_life_safety()
        self._check_hush()
        self._check_conditions()
        self._check_severities()
        return self

    def _check_guidance(self) -> None:
        if self.guidance is None:
            if self.worst <= Severity.MEDIUM:
                keys = ", ".join(key for key, each in Guidance.model_fields.items() if each.is_required())
                message = f"a rule of severity {self.worst.word} needs its guidance record: {keys}"
                raise misplaced(message, "guidance")
        elif self.guidance.time_to_respond < _PROMPT and self.worst >= Severity.MEDIUM:
            message = f"less than 5min to respond is too urgent for severity {self.worst.word}"
            raise misplaced(message, "guidance", "time_to_respond")

    def _check_life_safety(self) -> None:
        if self.class_ is AlarmClass.LIFE_SAFETY and self.suppressed_by:
            raise misplaced("a life-safety alarm is never suppressed by another alarm", "suppressed_by", 0)
        for index, other in enumerate(self.suppressed_by):
            if other == self.rule:
                raise misplaced("the rule would suppress itself", "suppressed_by", index)
        if self.inhibits is not None and self.rule in self.inhibits.rules:
            raise misplaced("the rule would inhibit itself", "inhibits", "rules", self.inhibits.rules.index(self.rule))
        if self.rule in self.instead_of:
            raise misplaced("the rule would stand instead of itself", "instead_of", self.instead_of.index(self.rule))

    def _check_hush(self) -> None:
        """What silences a life-safety alarm by design is its own device's test or maintenance state."""
        if self.suppress_when is None or self.class_ is not AlarmClass.LIFE_SAFETY:
            return
        for loc, spec, _ in walk(self.suppress_when, ("suppress_when",)):
            for step, other in spec.asked_rules():
                told = f"a life-safety alarm is never suppressed by another alarm ({other})"
                raise misplaced(f"{told}; ask its own device's points, such as {{point: test, is: true}}", *loc, *step)
            if isinstance(spec, ScheduleSpec):
                told = (
                    "a life-safety alarm is never suppressed by the calendar; plan work with `maintenance`, or take it"
                )
                raise misplaced(f"{told} out of service with a permit", *loc, "schedule")

    def _check_conditions(self) -> None:
        count = 0
        for start, condition in self.conditions:
            for loc, spec, parent in walk(condition, start):
                count += 1
                if count > MOST_CONDITIONS:
                    told = (
                        f"a rule has at most {MOST_CONDITIONS} conditions; make two of it, or ask `points` or `parts`"
                    )
                    raise misplaced(told, *loc)
                for step, other in spec.asked_rules():
                    if other == self.rule:
                        raise misplaced("the rule would ask for its own alarm", *loc, *step)
                if spec.on_unknown == "trip" and self.class_ is not AlarmClass.LIFE_SAFETY:
                    raise misplaced("`trip` is for rules of class life_safety only", *loc, "on_unknown")
                awaited = isinstance(parent, AbsentSpec) and spec is parent.absent
                if spec.on_unknown == "trip" and not awaited and not isinstance(parent, AllSpec):
                    message = "`trip` needs another operand beside it: in an `all`, or as the `absent` of an absence"
                    raise misplaced(message, *loc, "on_unknown")
                if isinstance(spec, ScheduleSpec) and self.class_ is AlarmClass.LIFE_SAFETY:
                    raise misplaced(
                        "a life-safety alarm is watched at every hour, without a schedule", *loc, "schedule"
                    )
                if isinstance(parent, (TogetherSpec, SequenceSpec, AbsentSpec)) and (spec.optional or spec.for_profile):
                    key = "optional" if spec.optional else "for_profile"
                    raise misplaced("of two conditions none can be left out", *loc, key)
                if isinstance(spec, ThresholdSpec) and spec.levels and loc != ("when",):
                    raise misplaced("`levels` stand alone under `when`; in a larger one use `escalate`", *loc, "levels")
                if parent is None and (spec.optional or spec.for_profile):
                    key = "optional" if spec.optional else "for_profile"
                    raise misplaced("the whole condition cannot be left out", *loc, key)

    def _check_severities(self) -> None:
        if isinstance(self.when, ThresholdSpec) and self.when.levels:
            first = self.when.levels[0].severity
            if first is not None and first != self.severity:
                message = f"the first level is the rule's own: {self.severity.word}, not {first.word}"
                raise misplaced(message, "when", "levels", 0, "severity")
            if len(self.when.levels) > 1 and (second := self.when.levels[1].severity) and second > self.severity:
                raise misplaced("is less severe than the rule itself", "when", "levels", 1, "severity")
        for index, step in enumerate(self.escalate):
            if step.severity >= self.severity:
                raise misplaced("an escalation must be more severe than the rule", "escalate", index, "severity")

    # below `_check`: pydantic runs the last validator outermost, so that these errors too get the rule's name
    @model_validator(mode="wrap")
    @classmethod
    def _say_which(cls, values: Any, parse: ModelWrapValidatorHandler[Self]) -> Self:
        name = values.get("rule") if isinstance(values, dict) else None
        if isinstance(values, dict) and "latching" not in values:
            values = {**values, "latching": values.get("class", values.get("class_")) == AlarmClass.LIFE_SAFETY}
        try:
            return parse(values)
        except ValidationError as error:
            raise _named(name, error) from None
        except RecursionError:
            raise _named(name, misplaced("the condition is nested too deeply", "when")) from None


def _named(name: object, error: ValidationError) -> ValidationError:
    """The same errors at the same places, each beginning with the rule's name."""
    who = f"{name}: " if isinstance(name, str) and name else ""
    lines = []
    for line in error.errors(include_url=False):
        message = line["msg"].removeprefix("Value error, ")
        told = message if message.startswith(who) else who + message
        kind = PydanticCustomError(line["type"], "{text}", {**line.get("ctx", {}), "text": told})
        lines.append(InitErrorDetails(type=kind, loc=line["loc"], input=line["input"]))
    return ValidationError.from_exception_data(f"rule {name}" if who else "rule", lines)
