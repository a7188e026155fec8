"""Plays rule tests and compares: what was expected, what came, and how it came to that."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerts.engine import AlarmEngine
from alerts.lifecycle import Trigger, Way
from gateway.config.problems import Problem
from gateway.fields import parse_quantity
from gateway.model import AlarmState, Command, CommandKind, CommandRefused, Event, Notice, Occurrence
from gateway.rehearsal.coverage import Coverage
from gateway.rehearsal.house import RehearsedHouse
from gateway.rehearsal.matching import moment, told_rows, unmet
from gateway.rehearsal.model import BAD_REASONS, UNCERTAIN_REASONS, Shown
from gateway.rehearsal.rebinding import Rebinding
from gateway.rehearsal.script import Key, ReadyStep, Script
from gateway.units import UnitError

_OF_THE_ALARM = frozenset({CommandKind.OUT_OF_SERVICE, CommandKind.IN_SERVICE})
"""Commands that need no occurrence."""
_NEVER = "-"
"""The occurrence of an alarm that has had none."""
_WORDS = {True: "TRUE", False: "FALSE", None: "UNKNOWN"}


@dataclass(frozen=True)
class Failure:
    """An expectation that was not met: at which time of the test, where it is written, what was expected and got."""

    at_ns: int
    problem: Problem
    details: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """As people read it."""
        return [f"{self.problem} (at {moment(self.at_ns)})", *(f"    {line}" for line in self.details)]


@dataclass(frozen=True)
class Outcome:
    """What came of one test. `played_ns` is how much building time it took."""

    script: Script
    failures: tuple[Failure, ...]
    played_ns: int

    @property
    def passed(self) -> bool:
        return not self.failures


def play(script: Script, site: Rebinding, coverage: Coverage) -> Outcome:
    """Play one test to its end; a step that fails does not keep the next ones from being looked at."""
    return _Play(script, site, coverage).whole()


class _Play:
    def __init__(self, script: Script, site: Rebinding, coverage: Coverage) -> None:
        self._script = script
        self._coverage = coverage
        self._failures: list[Failure] = []
        self._history: dict[Key, list[str]] = defaultdict(list)
        named = [device for device in site.site.devices if device.id in script.devices]
        self._house = RehearsedHouse(named, lambda: site.bound(script.devices), self._took, recovers=script.restarts)
        self._seen_events = self._seen_notices = 0

    def whole(self) -> Outcome:
        self._house.say(self._script.begin, {}, {})
        for step in self._script.steps:
            self._house.go_on(step.step.at)
            self._play(step)
            self._look_for_calm()
        self._coverage.raised(event.rule for event in self._house.events if event.kind == "raise")
        return Outcome(self._script, tuple(self._failures), self._house.test_ns)

    @property
    def _engine(self) -> AlarmEngine:
        return self._house.engine

    def _took(self, rule: str, source: str, state: AlarmState, trigger: Trigger, way: Way) -> None:
        self._coverage.took(state, trigger, way)
        if way.to is not state:
            at = moment(self._house.test_ns)
            self._history[rule, source].append(f"{at} {state} → {way.to} ({trigger})")

    # what happens

    def _play(self, ready: ReadyStep) -> None:
        house, step = self._house, ready.step
        if step.clock_step is not None:
            house.step_clock(step.clock_step)
        if step.restart is not None:
            house.restart(step.restart.after)
        for device in step.offline:
            house.lose_link(device)
        for device in step.silent:
            house.fall_silent(device)
        for device in step.speaks:
            house.speak(device)
        reasons = BAD_REASONS | UNCERTAIN_REASONS
        qualities = {where: reasons[reason] for where, reason in ready.qualities.items()}
        for where in house.say(ready.values, ready.slopes, qualities):
            name = ".".join(where)
            self._fail((*ready.path, "ramp", name), f"{name} has no value to begin from; set it first, or say `from`")
        for past in ready.past:
            house.remember(past.device, past.ago_ns, past.values)
        for kind, wish, key, path in ready.wishes:
            self._command(kind, wish, key, path)
        self._look(ready)

    def _command(self, kind: str, wish: Any, key: Key, path: tuple[Any, ...]) -> None:
        newest = self._house.newest.get(key)
        occurrence = _NEVER if newest is None else newest.occurrence
        command = Command(
            kind=CommandKind(kind),
            occurrence="" if kind in _OF_THE_ALARM else occurrence,
            by=wish.by,
            comment=wish.comment,
            rule=key[0],
            source=key[1],
            permit=getattr(wish, "permit", None),
            second=getattr(wish, "second", None),
            for_ns=getattr(wish, "for_", None),
            one_shot=getattr(wish, "one_shot", False),
        )
        try:
            self._house.command(command)
        except CommandRefused as refusal:
            if wish.refused != refusal.code:
                said = "" if wish.refused is None else f", not {wish.refused}"
                self._fail(path, f"{kind} of {_name(key)} was refused: {refusal.code} ({refusal}){said}", key)
            return
        if wish.refused is not None:
            self._fail(path, f"{kind} of {_name(key)} must be refused ({wish.refused}), but was carried out", key)

    # what is expected

    def _look(self, ready: ReadyStep) -> None:
        step, path = ready.step, ready.path
        for key, wanted, at in ready.expected:
            for message in self._differences(key, wanted):
                self._fail(at, f"{_name(key)}: {message}", key)
        for device, health in step.expect_health.items():
            found = self._house.health_of(device)
            if found is not health:
                self._fail((*path, "expect_health", device), f"{device}: expected {health}, got {found}")
        if step.expect_journal is not None:
            fresh = self._house.events[self._seen_events :]
            self._seen_events = len(self._house.events)
            rows = [_event_facts(event, self._house.test_time(event.at)) for event in fresh]
            self._rows(
                (*path, "expect_journal"),
                "journal",
                [row.model_dump(exclude_unset=True) for row in step.expect_journal],
                rows,
            )
        if step.expect_notices is not None:
            told = self._house.notices[self._seen_notices :]
            self._seen_notices = len(self._house.notices)
            rows = [_notice_facts(notice, self._house.test_time(notice.at)) for notice in told]
            self._rows(
                (*path, "expect_notices"),
                "notices",
                [row.model_dump(exclude_unset=True) for row in step.expect_notices],
                rows,
            )
        for name, wanted in step.expect_count.items():
            self._count((*path, "expect_count", name), name, wanted)

    def _rows(
        self, path: tuple[Any, ...], what: str, wanted: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]
    ) -> None:
        missing = unmet(wanted, rows)
        if missing is None:
            return
        since = [f"{what} since the last look:", *(f"  {line}" for line in told_rows(rows))]
        if not wanted:
            self._fail(path, f"{what}: expected nothing, got {len(rows)}", details=since)
        else:
            self._fail((*path, missing), f"{what}: not found in this order: {_shown(wanted[missing])}", details=since)

    def _count(self, path: tuple[Any, ...], name: str, wanted: int | dict[str, int]) -> None:
        counts = {name: wanted} if isinstance(wanted, int) else wanted
        for kind, number in counts.items():
            events = [event for event in self._house.events if event.kind == kind and _is_of(event, name, wanted)]
            if len(events) != number:
                about = "" if isinstance(wanted, int) else f" of {name}"
                rows = [_event_facts(event, self._house.test_time(event.at)) for event in events]
                self._fail(path, f"{kind}{about}: expected {number}, got {len(events)}", details=told_rows(rows))

    def _differences(self, key: Key, wanted: AlarmState | Shown) -> Iterator[str]:
        view = next(view for view in self._engine.rules_view() if (view.rule, view.source) == key)
        if not isinstance(wanted, Shown):
            wanted = Shown(state=wanted)
        life = self._life(key)
        if wanted.state is not None and wanted.state is not view.state:
            yield f"expected {wanted.state}, got {view.state}"
        if wanted.condition is not None:
            expected = None if wanted.condition == "unknown" else bool(wanted.condition)
            if expected is not view.condition:
                yield f"condition: expected {_WORDS[expected]}, got {_WORDS[view.condition]}"
        if wanted.mutes is not None and sorted(wanted.mutes) != (found := sorted({mute.kind for mute in view.mutes})):
            yield f"mutes: expected {', '.join(sorted(wanted.mutes)) or 'none'}, got {', '.join(found) or 'none'}"
        if "value" in wanted.model_fields_set and not _same(wanted.value, life):
            yield f"value: expected {wanted.value}, got {_reading(life)}"
        severity = None if life is None else life.severity
        if wanted.severity is not None and wanted.severity is not severity:
            yield f"severity: expected {wanted.severity.word}, got {severity.word if severity else 'none: not open'}"
        if wanted.announced is not None and wanted.announced is not (life is not None and life.announced):
            yield f"announced: expected {wanted.announced}, got {life is not None and life.announced}"
        if wanted.acked_by is not None and wanted.acked_by != (life.acked_by if life else None):
            yield f"acked_by: expected {wanted.acked_by}, got {life.acked_by if life else None}"

    def _life(self, key: Key) -> Occurrence | None:
        return next((one for one in self._engine.open_occurrences() if (one.rule, one.source) == key), None)

    def _fail(self, path: tuple[Any, ...], message: str, key: Key | None = None, details: Sequence[str] = ()) -> None:
        lines = [*details, *(self._circumstances(key) if key else ())]
        self._failures.append(Failure(self._house.test_ns, self._script.place(path, message), tuple(lines)))

    def _circumstances(self, key: Key) -> Iterator[str]:
        """How the alarm came to where it is, and what it reads."""
        view = next(view for view in self._engine.rules_view() if (view.rule, view.source) == key)
        yield f"condition {_WORDS[view.condition]}" + (f" ({view.fault})" if view.fault else "")
        if view.due_ns is not None:
            yield f"its delay ends in {moment(max(0, view.due_ns - self._house.now.mono_ns))}"
        yield "history: " + ("; ".join(self._history[key]) or "it has been normal all the time")
        columns = self._house.bound.columns
        instance = next(one for one in self._house.bound.instances if (one.rule.rule, one.source) == key)
        for slot in sorted(instance.condition.slots):
            device, point = columns.keys[slot]
            quality = columns.quality[slot]
            if quality < 0:
                yield f"{device}.{point}: not heard yet"
                continue
            word = "" if quality == 0 else f" ({_quality_word(quality)})"
            age = self._house.now.mono_ns - columns.at_ns[slot]
            yield f"{device}.{point}: {columns.values[slot]}{word}, {moment(age)} old"
        for other in sorted(instance.condition.alarms):
            yield f"{_name(other)}: {self._engine.state(*other)}"

    def _look_for_calm(self) -> None:
        self._coverage.calm(view.rule for view in self._engine.rules_view() if view.condition is False)


def _name(key: Key) -> str:
    return "/".join(key)


def _quality_word(quality: int) -> str:
    found = {int(one): reason for reason, one in (BAD_REASONS | UNCERTAIN_REASONS).items()}
    return ("bad: " if quality >= 0x80 else "uncertain: ") + found.get(quality, str(quality))


def _is_of(event: Event, name: str, wanted: int | dict[str, int]) -> bool:
    return isinstance(wanted, int) or name in (event.rule, f"{event.rule}/{event.source}")


def _event_facts(event: Event, at_ns: int) -> dict[str, Any]:
    facts = {"kind": event.kind, "rule": event.rule, "source": event.source, "by": event.by, "at": at_ns}
    return {**facts, "says": dict(event.body)}


def _notice_facts(notice: Notice, at_ns: int) -> dict[str, Any]:
    life = notice.occurrence
    to = None if notice.to is None else list(notice.to)
    return {"reason": notice.reason, "rule": life.rule, "source": life.source, "to": to, "at": at_ns}


def _shown(row: Mapping[str, Any]) -> str:
    return next(iter(told_rows([row])))


def _same(wanted: Any, life: Occurrence | None) -> bool:
    if life is None:
        return wanted is None
    if isinstance(wanted, (bool, type(None))) or isinstance(life.value, (bool, str, type(None))):
        return bool(wanted == life.value)
    try:
        return math.isclose(parse_quantity(wanted).to(life.unit), life.value, rel_tol=1e-6, abs_tol=1e-9)
    except (UnitError, ValueError):
        return False


def _reading(life: Occurrence | None) -> str:
    if life is None:
        return "none: it is not open"
    return f"{life.value} {life.unit}" if life.unit else str(life.value)
