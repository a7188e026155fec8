"""The options compiled: for each alarm who is told, who is next, and how long things wait. Pure and frozen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from alerts.annunciate.options import AnnunciationOptions, LadderOptions, RouteOptions
from alerts.match import Match
from alerts.rule import Rule
from gateway.model import AlarmClass, Device, Occurrence, Severity

LOG = "log"
"""The channel that gets everything, whatever the routes say."""


class Instance(Protocol):
    """One rule on one source (alerts.bound.Instance)."""

    @property
    def rule(self) -> Rule: ...
    @property
    def device(self) -> Device: ...
    @property
    def part(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Step:
    after_ns: int
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ladder:
    match: Match
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """`channels` are all that the site has, the log first. `repeat` by severity: the last interval goes on."""

    channels: tuple[str, ...] = (LOG,)
    options: AnnunciationOptions = field(default_factory=AnnunciationOptions)

    def to(self, instance: Instance | None) -> tuple[str, ...]:
        """Who is told of this alarm. Whom no route knows, and what has no rule any more, is everybody's."""
        wanted = set() if instance is None else self._routed(instance)
        return self.ordered(wanted) if wanted else self.channels

    def _routed(self, instance: Instance) -> set[str]:
        wanted: set[str] = set()
        for route in self.options.routes:
            if route.match.fits(instance.rule, instance.device, instance.part):
                wanted.update(route.to)
                if not route.continue_:
                    break
        return wanted

    def ordered(self, names: set[str] | Sequence[str]) -> tuple[str, ...]:
        """These channels and the log, as far as the site has them, in its order."""
        return tuple(channel for channel in self.channels if channel == LOG or channel in names)

    def escalation(self, instance: Instance | None) -> Ladder | None:
        """Who is next while nobody acknowledges it."""
        return self._first(self.options.escalation, instance)

    def unresolved(self, instance: Instance | None) -> Ladder | None:
        """Who is next when its time to respond is over and it is still there."""
        if instance is None or instance.rule.guidance is None:
            return None
        return self._first(self.options.unresolved, instance)

    def _first(self, ladders: Sequence[LadderOptions], instance: Instance | None) -> Ladder | None:
        for ladder in ladders:
            if instance is not None and ladder.match.fits(instance.rule, instance.device, instance.part):
                return Ladder(ladder.match, tuple(Step(step.after, self.ordered(step.to)) for step in ladder.steps))
        return None

    def repeat(self, severity: Severity) -> tuple[int, ...]:
        """Intervals between repetitions."""
        by_word: Mapping[str, tuple[int, ...]] = dict(self.options.repeat)
        return by_word.get(severity.word, ())

    def wait_ns(self, severity: Severity) -> int:
        """How long it waits for others of its group."""
        return self.options.group.high if severity <= Severity.HIGH else self.options.group.rest

    def longest_ns(self, severity: Severity) -> int:
        """How old an undelivered notice may grow; 0: it has no end."""
        by_word: Mapping[str, int] = dict(self.options.give_up)
        return by_word.get(severity.word, 0)


def urgent(record: Occurrence) -> bool:
    """Never held, never in a digest, never limited: life safety, and whatever is critical."""
    return record.class_ is AlarmClass.LIFE_SAFETY or record.severity is Severity.CRITICAL


def names(options: AnnunciationOptions) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every channel that is named, with its path under `notify:`."""
    for index, route in enumerate(options.routes):
        yield from ((("routes", index, "to", place), name) for place, name in enumerate(route.to))
    for key, ladders in (("escalation", options.escalation), ("unresolved", options.unresolved)):
        for index, ladder in enumerate(ladders):
            for number, step in enumerate(ladder.steps):
                for place, name in enumerate(step.to):
                    yield (key, index, "steps", number, "to", place), name


def matches(options: AnnunciationOptions) -> Iterator[tuple[tuple[str | int, ...], Match]]:
    """Every match, with its path under `notify:`."""
    entries: tuple[tuple[str, Sequence[RouteOptions | LadderOptions]], ...] = (
        ("routes", options.routes),
        ("escalation", options.escalation),
        ("unresolved", options.unresolved),
    )
    for key, several in entries:
        for index, one in enumerate(several):
            yield (key, index, "match"), one.match
