"""Rule tests made ready for one site: every name is somebody's, every value fits its point; or it is said where not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from alerts.bound import Bound
from gateway.config.document import Document, Path
from gateway.config.inspection import Inspection
from gateway.config.nearest import unknown
from gateway.config.problems import Problem, quoted
from gateway.fields import duration_words, parse_quantity
from gateway.model import HEALTH_POINT, Device, Point, PointType, Value
from gateway.rehearsal.model import Bare, RuleTest, RuleTests, Settings, Step, slip_of_kind
from gateway.units import UnitError

Key = tuple[str, str]
"""(rule, source) of an alarm."""
Where = tuple[str, str]
"""(device, point key)."""


class Slope(NamedTuple):
    """A ramp of one point; `start` None: from where it is."""

    start: float | None
    end: float
    over_ns: int


class Past(NamedTuple):
    """A record of a device's own memory."""

    device: str
    ago_ns: int
    values: Mapping[str, Value]


@dataclass(frozen=True)
class ReadyStep:
    """A step with everything that has a name found. `wishes` are (kind of command, its model, the alarm, its place)."""

    step: Step
    path: Path
    values: Mapping[Where, Value]
    slopes: Mapping[Where, Slope]
    qualities: Mapping[Where, str]
    past: Sequence[Past]
    wishes: Sequence[tuple[str, Any, Key, Path]]
    expected: Sequence[tuple[Key, Any, Path]]


@dataclass(frozen=True)
class Script:
    """One test. `devices` are those that it names: its building has no others. `document`: where it is written."""

    name: str
    document: Document
    path: Path
    begin: Mapping[Where, Value]
    steps: Sequence[ReadyStep]
    devices: frozenset[str]
    restarts: bool = False

    def place(self, path: Path, message: str) -> Problem:
        """A sentence at its place in the file."""
        return self.document.at_key(path, message)


@dataclass
class Reader:
    """Reads the tests of one file against a site; what is wrong is noted in `inspection`."""

    inspection: Inspection
    document: Document
    devices: Sequence[Device]
    bound: Bound
    _named: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._by_id = {device.id: device for device in self.devices}
        self._points = {device.id: {point.key: point for point in device.points} for device in self.devices}
        keys = [(instance.rule.rule, instance.source) for instance in self.bound.instances]
        self._alarms: dict[str, Key] = {f"{rule}/{source}": (rule, source) for rule, source in keys}

    def scripts(self, tests: Bare | RuleTests) -> list[Script]:
        """Every test; those with problems are left out."""
        root: Path = () if isinstance(tests, Bare) else ("tests",)
        whole = tests.root if isinstance(tests, Bare) else tests.tests
        common = {} if isinstance(tests, Bare) else self._settings(tests.begin, ("begin",))
        return [self._script(test, (*root, number), common) for number, test in enumerate(whole)]

    def _script(self, test: RuleTest, path: Path, common: Mapping[Where, Value]) -> Script:
        self._named = {device for device, _ in common}
        begin = {**common, **self._settings(test.begin, (*path, "begin"))}
        steps = [self._step(step, (*path, "steps", number)) for number, step in enumerate(test.steps)]
        self._order(test, path)
        if not any(step.step.expects for step in steps):
            self.inspection.at_key(self.document, path, "the test expects nothing, so it could never fail")
        restarts = any(step.step.restart is not None for step in steps)
        return Script(test.test, self.document, path, begin, steps, frozenset(self._named), restarts)

    def _order(self, test: RuleTest, path: Path) -> None:
        earliest, why = 0, ""
        for number, step in enumerate(test.steps):
            if step.at < earliest:
                said = f"{duration_words(step.at)} comes before {duration_words(earliest)}{why}"
                self.inspection.at_value(self.document, (*path, "steps", number, "at"), said)
            earliest, why = max(earliest, step.at), ", the time of the step before it"
            if step.restart is not None:
                earliest, why = earliest + step.restart.after, ", when the gateway is there again"

    def _step(self, step: Step, path: Path) -> ReadyStep:
        for word in ("offline", "silent", "speaks"):
            for number, device in enumerate(getattr(step, word)):
                self._device(device, (*path, word, number))
        for device in step.expect_health:
            self._device(device, (*path, "expect_health", device), on_key=True)
        for name, wished in step.expect_count.items():
            at = (*path, "expect_count", name)
            if isinstance(wished, dict) and not self._is_rule(name):
                self._alarm(name, at, on_key=True)
            elif not isinstance(wished, dict) and (slip := slip_of_kind(name)):
                self._problem(at, slip, True)
        slopes = {}
        for name, ramp in step.ramp.items():
            at = (*path, "ramp", name)
            if (found := self._point(name, at)) is not None:
                device, point = found
                end = self._number(point, ramp.to, (*at, "to"))
                start = None if ramp.from_ is None else self._number(point, ramp.from_, (*at, "from"))
                slopes[device, point.key] = Slope(start, end, ramp.over)
        qualities = {}
        for word in ("bad", "uncertain"):
            for name, reason in getattr(step, word).items():
                if (found := self._point(name, (*path, word, name))) is not None:
                    qualities[found[0], found[1].key] = reason
        return ReadyStep(
            step=step,
            path=path,
            values=self._settings(step.set, (*path, "set")),
            slopes=slopes,
            qualities=qualities,
            past=tuple(self._past(step, path)),
            wishes=tuple(self._wishes(step, path)),
            expected=tuple(self._expected(step, path)),
        )

    def _past(self, step: Step, path: Path) -> Iterator[Past]:
        for number, backlog in enumerate(step.backlog):
            at = (*path, "backlog", number) if len(step.backlog) > 1 else (*path, "backlog")
            if not self._device(backlog.device, (*at, "device")):
                continue
            for index, sample in enumerate(backlog.samples):
                here = (*at, "samples", index, "set")
                said = {f"{backlog.device}.{name}": value for name, value in sample.set.items()}
                values = self._settings(said, here, prefix=f"{backlog.device}.")
                yield Past(backlog.device, sample.ago, {key: value for (_, key), value in values.items()})

    def _wishes(self, step: Step, path: Path) -> Iterator[tuple[str, Any, Key, Path]]:
        for kind in ("ack", "reset", "shelve", "unshelve", "out_of_service", "in_service"):
            for wish in getattr(step, kind):
                if (key := self._alarm(wish.alarm, (*path, kind))) is not None:
                    yield kind, wish, key, (*path, kind)

    def _expected(self, step: Step, path: Path) -> Iterator[tuple[Key, Any, Path]]:
        for name, shown in step.expect.items():
            at = (*path, "expect", name)
            if (key := self._alarm(name, at, on_key=True)) is not None:
                yield key, shown, at
        for word in ("expect_journal", "expect_notices"):
            for number, row in enumerate(getattr(step, word) or ()):
                if row.source is not None:
                    self._named.add(row.source.partition("/")[0])
                if row.rule is not None and not self._is_rule(row.rule):
                    told = unknown("rule", row.rule, sorted({rule for rule, _ in self._alarms.values()}))
                    self._problem((*path, word, number, "rule"), told)

    # names

    def _settings(self, settings: Settings, path: Path, prefix: str = "") -> dict[Where, Value]:
        found: dict[Where, Value] = {}
        for name, written in settings.items():
            at = (*path, name.removeprefix(prefix) if prefix else name)
            if (there := self._point(name, at)) is not None:
                device, point = there
                found[device, point.key] = self._value(point, written, at)
        return found

    def _device(self, name: str, path: Path, *, on_key: bool = False) -> bool:
        if name in self._by_id:
            self._named.add(name)
            if self._by_id[name].disabled:
                self._problem(path, f"the device {name!r} is disabled", on_key)
            return True
        self._problem(path, unknown("device", name, self._by_id), on_key)
        return False

    def _point(self, name: str, path: Path) -> tuple[str, Point] | None:
        device, dot, key = name.partition(".")
        if not dot:
            self._problem(path, f"{quoted(name)}: DEVICE.POINT is expected, such as water-east.floor_level", True)
            return None
        if not self._device(device, path, on_key=True):
            return None
        if key == HEALTH_POINT.key:
            self._problem(path, "health is what silence makes of it: use `silent`, `offline` and `speaks`", True)
            return None
        if (point := self._points[device].get(key)) is None:
            known = [one for one in self._points[device] if one != HEALTH_POINT.key]
            self._problem(path, unknown(f"point of {device!r}", key, known), True)
            return None
        return device, point

    def _is_rule(self, name: str) -> bool:
        return any(rule == name for rule, _ in self._alarms.values())

    def _alarm(self, name: str, path: Path, *, on_key: bool = False) -> Key | None:
        if (key := self._alarms.get(name)) is not None:
            self._named.add(key[1].partition("/")[0])
            return key
        self._problem(path, self._no_alarm(name), on_key)
        return None

    def _no_alarm(self, name: str) -> str:
        """Of a rule that is there, why it does not watch this; else the nearest name."""
        rules = {rule for rule, _ in self._alarms.values()}
        rules |= {lost.rule for lost in self.bound.unbound}
        rule = max((one for one in rules if name.startswith(f"{one}/")), key=len, default=None)
        if rule is None and (own := [one for one, (named, _) in self._alarms.items() if named == name]):
            return f"an alarm is RULE/SOURCE, such as {own[0]}; got {name!r}"
        if rule is None:
            return unknown("alarm (RULE/SOURCE)", name, self._alarms)
        source = name.removeprefix(f"{rule}/")
        for lost in self.bound.unbound:
            if lost.rule == rule and lost.source in (None, source):
                return f"{rule} does not watch {source} on this site: {lost.why}"
        return unknown(f"source of {rule}", source, [at for one, at in self._alarms.values() if one == rule])

    def _problem(self, path: Path, message: str, on_key: bool = False) -> None:
        (self.inspection.at_key if on_key else self.inspection.at_value)(self.document, path, message)

    # values

    def _value(self, point: Point, written: Any, path: Path) -> Value:
        wrong = wrong_value(point, written)
        if wrong is not None:
            self._problem(path, wrong)
            return None
        if point.type in (PointType.FLOAT, PointType.INT):
            return self._number(point, written, path)
        return written  # type: ignore[no-any-return]  # a bool or a text, as the point's type says

    def _number(self, point: Point, written: Any, path: Path) -> float | int:
        try:
            number = parse_quantity(written).to(point.unit)
        except (UnitError, ValueError) as error:
            self._problem(path, f"{point.key}: {error}")
            return 0
        if point.type is not PointType.INT:
            return number
        if number != int(number):
            self._problem(path, f"{point.key} is a whole number, got {written}")
        return int(number)


def wrong_value(point: Point, written: Any) -> str | None:
    """Why this cannot be a value of the point; None when it can. Numbers are looked at by themselves."""
    if point.type is PointType.BOOL and not isinstance(written, bool):
        return f"{point.key} is true or false, got {quoted(written)}"
    if point.type is PointType.TEXT and not isinstance(written, str):
        return f"{point.key} is a text, got {quoted(written)}"
    if point.type is PointType.ENUM:
        if not isinstance(written, str):
            return f"{point.key} is one of its words, got {quoted(written)}"
        if point.codes and written not in point.codes:
            return unknown(f"code of {point.key}", written, point.codes)
    return None
