"""What the tests have not touched: rules that none raised or showed calm, ways of the life cycle that none went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from alerts.bound import Bound
from alerts.companion import SUFFIX
from alerts.lifecycle import TABLE, Trigger, Way
from gateway.model import AlarmState

_Step = tuple[AlarmState, Trigger, Way]


@dataclass
class Coverage:
    """Of all tests of one run."""

    _raised: set[str] = field(default_factory=set)
    _calm: set[str] = field(default_factory=set)
    _taken: set[tuple[AlarmState, Trigger, int]] = field(default_factory=set)
    _rules: dict[str, None] = field(default_factory=dict)
    _idle: dict[str, None] = field(default_factory=dict)

    def of(self, bound: Bound) -> None:
        """The rules of this site count; companions come with theirs."""
        watching = {one.rule.rule for one in bound.instances}
        for one in bound.instances:
            if one.companion_of is None:
                self._rules.setdefault(one.rule.rule)
        for lost in bound.unbound:
            if lost.rule not in watching:
                self._idle.setdefault(lost.rule)

    def raised(self, rules: Iterable[str | None]) -> None:
        self._raised.update(rule for rule in rules if rule is not None)

    def calm(self, rules: Iterable[str]) -> None:
        """Their condition was FALSE: its values were there, and nothing was wrong."""
        self._calm.update(rules)

    def took(self, state: AlarmState, trigger: Trigger, way: Way) -> None:
        """One way of the table was gone."""
        self._taken.add((state, trigger, TABLE[state][trigger].index(way)))

    @property
    def never_raised(self) -> list[str]:
        return [rule for rule in self._rules if rule not in self._raised]

    @property
    def never_calm(self) -> list[str]:
        return [rule for rule in self._rules if rule not in self._calm]

    @property
    def idle(self) -> list[str]:
        """Rules that watch nothing on this site."""
        return [rule for rule in self._idle if rule not in self._rules]

    def untouched(self) -> list[_Step]:
        """The ways that nobody went."""
        return [
            (state, trigger, way)
            for state, trigger, number, way in _ways()
            if (state, trigger, number) not in self._taken
        ]

    def body(self) -> dict[str, Any]:
        """As JSON."""
        untouched = [
            {"state": str(state), "trigger": str(trigger), "when": way.when and str(way.when), "to": str(way.to)}
            for state, trigger, way in self.untouched()
        ]
        return {
            "rules": len(self._rules),
            "never_raised": self.never_raised,
            "never_calm": self.never_calm,
            "idle": self.idle,
            "protection_lost_raised": sorted(rule for rule in self._raised if rule.endswith(SUFFIX)),
            "transitions": sum(1 for _ in _ways()),
            "untouched_transitions": untouched,
        }

    def lines(self) -> Iterator[str]:
        """As people read it."""
        rules, ways = len(self._rules), sum(1 for _ in _ways())
        yield f"coverage: {rules - len(self.never_raised)} of {rules} rules raised, {rules - len(self.never_calm)} calm"
        for what, names in (("never raised", self.never_raised), ("never calm", self.never_calm)):
            if names:
                yield f"  {what}: {', '.join(names)}"
        if self.idle:
            yield f"  watch nothing on this site: {', '.join(self.idle)}"
        untouched = self.untouched()
        yield f"  {ways - len(untouched)} of {ways} transitions taken; not taken:"
        by_state: dict[AlarmState, list[str]] = {}
        for state, trigger, way in untouched:
            guard = f" [{way.when}]" if way.when else ""
            by_state.setdefault(state, []).append(f"{trigger}{guard}")
        for state, triggers in by_state.items():
            yield f"    {state}: {', '.join(triggers)}"


def _ways() -> Iterator[tuple[AlarmState, Trigger, int, Way]]:
    """Every way of the table that changes anything or refuses, but for those that only a change of the rules takes."""
    for state, row in TABLE.items():
        for trigger, ways in row.items():
            if trigger in (Trigger.EDITED, Trigger.LIFE_SAFETY, Trigger.WITHDRAWN):
                continue
            for number, way in enumerate(ways):
                if way.to is not state or way.do or way.refusal or len(ways) > 1:
                    yield state, trigger, number, way
