"""What the API needs of the house. The app fills it in; tests fill it with fakes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from alerts.annunciate.memory import Memory
from alerts.annunciate.view import view
from alerts.kpi import Norms, kpis
from alerts.tally import Tally
from gateway.api.current import CurrentValues
from gateway.api.metrics import Family
from gateway.api.options import ApiOptions
from gateway.api.problems import Problem
from gateway.api.reloaded import Reload, no_reload
from gateway.api.tokens import Identity
from gateway.bus import Bus, Change
from gateway.clock import Clock
from gateway.health import HealthBook
from gateway.model import (
    AlarmClass,
    AlarmState,
    Command,
    Device,
    Event,
    Instant,
    Mute,
    Occurrence,
    Quarantined,
    Severity,
    Silence,
    SilenceWish,
    Text,
)
from gateway.store.history import History


class Site(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> Text: ...
    @property
    def timezone(self) -> str: ...
    @property
    def language(self) -> str: ...


class Records(Protocol):
    """The journal's read side. Called in worker threads."""

    def occurrences(
        self,
        *,
        state: str | None = None,
        system: str | None = None,
        severity: Severity | None = None,
        open_only: bool,
        after: str | None = None,
        limit: int = 100,
    ) -> Sequence[Occurrence]: ...
    def occurrence(self, occurrence: str) -> Occurrence | None: ...
    def events(self, after: int, limit: int) -> Sequence[Event]: ...
    def last_seq(self) -> int: ...


class UnboundRule(Protocol):
    """A rule, or one operand of it, that does not watch a source (alerts.bound.Unbound)."""

    @property
    def rule(self) -> str: ...
    @property
    def source(self) -> str | None: ...
    @property
    def why(self) -> str: ...


class AlarmRule(Protocol):
    """What the API shows of a rule (alerts.rule.Rule)."""

    @property
    def rule(self) -> str: ...
    @property
    def title(self) -> Text: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def class_(self) -> AlarmClass: ...
    @property
    def guidance(self) -> Any: ...


def _no_figures(begin_ns: int, end_ns: int) -> Mapping[str, Any]:
    nobody = Norms(lambda rule: 0, lambda rule: None, lambda rule: None)
    return {**kpis(Tally(begin_ns, end_ns), nobody), "muted_now": {}, "delivery": {}}


def _everything_at_once() -> Mapping[str, Any]:
    return view(Memory(), Instant(0, 0))


class Muted(NamedTuple):
    """One mute of one alarm; `occurrence` None while that is not open."""

    rule: str
    source: str
    state: AlarmState
    occurrence: str | None
    mute: Mute


async def nothing_explained(*_: object) -> Mapping[str, Any]:
    """Of a house that keeps nothing."""
    raise Problem(503, "this gateway cannot explain")


def _nothing(_: int) -> Sequence[tuple[int, Quarantined]]:
    return ()


@dataclass(eq=False, kw_only=True)
class House:
    """Everything that the routes read, and the one door for commands. A reload replaces `rules` and `unbound` whole.

    `history(device, point_key, from_wall_ns, to_wall_ns, max_points)` and `records` may block: the API calls them in
    worker threads. `authenticate(sha256)` too; it answers None for unknown, revoked and expired alike.
    `command` answers after COMMIT, or raises CommandRefused; None of an alarm that is not open. So do `silence` and
    `unsilence(silence, by)`; `silences` are those that last, `mutes` all that is muted now.
    `live` gives the open alarms as they are judged now. `changes` tells what has been committed, in the journal's
    order. `quarantined(limit)` gives the newest messages kept aside with their numbers, newest first, and may block.
    `annunciation` is how that stands (alerts.annunciate.view). `kpi(from_wall_ns, to_wall_ns)` reads the journal and
    blocks. `explain(occurrence)` and `explain_rule(rule, source, at_wall_ns or None)` give the body of Explained; where
    there is nothing, the first gives None and the second raises NotExplained.
    """

    site: Site
    devices: Sequence[Device]
    clock: Clock
    health: HealthBook
    current: CurrentValues
    records: Records
    history: Callable[[str, str, int, int, int], History]
    command: Callable[[Command], Awaitable[Occurrence | None]]
    silence: Callable[[SilenceWish], Awaitable[Silence]]
    unsilence: Callable[[str, str], Awaitable[Silence]]
    authenticate: Callable[[bytes], Identity | None]
    has_users: Callable[[], bool]
    rules: Mapping[str, AlarmRule]
    rules_view: Callable[[], Sequence[Mapping[str, Any]]] = tuple
    silences: Callable[[], Sequence[Silence]] = tuple
    mutes: Callable[[], Sequence[Muted]] = tuple
    live: Callable[[], Iterable[Occurrence]] = tuple
    unbound: Sequence[UnboundRule] = ()
    changes: Bus[Change] = field(default_factory=Bus)
    quarantined: Callable[[int], Sequence[tuple[int, Quarantined]]] = _nothing
    kpi: Callable[[int, int], Mapping[str, Any]] = _no_figures
    annunciation: Callable[[], Mapping[str, Any]] = _everything_at_once
    metrics: Sequence[Callable[[], Iterable[Family]]] = ()
    options: ApiOptions = field(default_factory=ApiOptions)
    reload: Reload = no_reload
    explain: Callable[[str], Awaitable[Mapping[str, Any] | None]] = nothing_explained
    explain_rule: Callable[[str, str, int | None], Awaitable[Mapping[str, Any]]] = nothing_explained
    version: str = "0"

    @cached_property
    def by_id(self) -> Mapping[str, Device]:
        """The devices by their names."""
        return {device.id: device for device in self.devices}
