"""The engine's mutable side of an instance, and how instances hang together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from alerts.alarm import Alarm, Terms
from alerts.bound import Instance
from alerts.budget import Pace
from alerts.changed import changed
from alerts.condition.columns import Condition
from alerts.condition.logic import Blind
from alerts.lifecycle import ACTIVE, Trigger, Way
from alerts.mute import SUPPRESSED, may_mute, speaks
from alerts.pulse import Past
from gateway.model import AlarmState, Instant, Occurrence

Key = tuple[str, str]
Moment = tuple[int, int]
"""(log position, mono time): a frame is at its position, a tick between two of them."""
NOT_IN_REPLAY: Moment = (1 << 62, 0)
"""`seen` of a rule that is new: it judges no frames from before its time."""
DEVICE_OFFLINE = "device_offline"
NOTHING = Past()


@dataclass(slots=True, eq=False)
class Hush:
    """A rule's `suppress_when` at work; its companion shares it. UNKNOWN leaves `on` as it was.

    But a life-safety alarm is not kept silent by what nobody knows: no longer than `unknown_for`, counted since
    `unknown_ns`.
    """

    condition: Condition
    on: bool = False
    unknown_ns: int | None = None
    due_ns: int | None = None
    fault: str | None = None
    pace: Pace | None = None


def _never(now_ns: int) -> bool:
    return False


@dataclass(slots=True, eq=False)
class Live:
    """One instance at work. `index` is its place in the order of evaluation; all other numbers are such places.

    `readers` ask for its activity, `companion` shares its condition, `targets` are suppressed while it speaks,
    `suppressors` (place, cause) suppress it, those of `asked` only until it is blind by `itself`. `closure` is
    everybody whose judgement can follow from its own.
    `group`: the same rule on all parts of the device, itself too. `guards`: it is such a companion, of `guarded`.
    `seen`: while the log is judged, the (log position, mono time) up to which everything is already in its state;
    `inputs` are the samples that it had seen by then. `hush`: suppressed by design while it is on. `pace`: it may take
    too long. `own` are its rule's terms, `terms` those in force for what is open.
    """

    index: int
    instance: Instance
    terms: Terms
    alarm: Alarm
    condition: Condition
    guards: bool = False
    guarded: Live | None = None
    companion: int | None = None
    readers: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    suppressors: list[tuple[int, str]] = field(default_factory=list)
    asked: frozenset[int] = frozenset()
    itself: Callable[[int], bool] = _never
    closure: tuple[int, ...] = ()
    group: Sequence[int] = ()
    seen: Moment | None = None
    inputs: Sequence[Sequence[Any]] = ()
    hush: Hush | None = None
    condition_due_ns: int | None = None
    mute_due_ns: int | None = None
    edited: bool = False
    calm: bool = False  # live, FALSE, without a deadline: another FALSE changes nothing
    fault: str | None = None
    pace: Pace | None = None
    closed: Occurrence | None = None  # its newest closed occurrence since start
    past: Past = NOTHING
    written: tuple[Alarm, Any] | None = None  # its alarm as a snapshot shows it
    own: Terms = field(init=False)

    def __post_init__(self) -> None:
        self.own = self.terms

    @property
    def key(self) -> Key:
        return self.instance.rule.rule, self.instance.source

    @property
    def remembers(self) -> bool:
        """A pulse in its history would be told: life safety, and the rule itself, not its companion."""
        return self.terms.life_safety and not self.guards

    @property
    def unanswered(self) -> bool:
        """A reload has edited it and its other condition has not answered: it may be over, so who suppressed it still
        does. (What may not mute it any more is ended behind that, with its row: alerts.obey.)
        """
        return self.edited and self.seen is None and self.alarm.life is not None

    def due(self) -> int | None:
        """When it must be looked at without a new sample."""
        hush = None if self.hush is None or self.guards else self.hush.due_ns
        dues = (self.alarm.due_ns, self.condition_due_ns, self.mute_due_ns, self.alarm.realarm_ns, hush)
        return min((due for due in dues if due is not None), default=None)

    @property
    def on_label(self) -> bool:
        """It reads the calendar."""
        hushed = self.hush is not None and not self.guards and self.hush.condition.on_label
        return self.condition.on_label or hushed

    @property
    def slots(self) -> frozenset[int]:
        """The points whose samples it is asked after."""
        slots = self.condition.slots
        return slots if self.hush is None or self.guards else slots | self.hush.condition.slots

    @property
    def suppresses(self) -> bool:
        """It is active and would be heard, so others may be silent."""
        return self.alarm.state in ACTIVE and speaks(self.alarm)


Watch = Callable[[str, str, AlarmState, Trigger, Way], None]
"""Told of every way that an alarm (rule, source) takes."""


def terms_of(
    instance: Instance,
    mint: Callable[[Instant], str],
    watch: Watch | None = None,
    known: dict[int, Terms] | None = None,
) -> Terms:
    """What the life cycle takes from the rule. `known` keeps those of each rule: most of it is the same everywhere."""
    rule = instance.rule
    took = None if watch is None else partial(watch, rule.rule, instance.source)
    if known is not None and (base := known.get(id(rule))) is not None:
        return changed(base, source=instance.source, system=instance.device.system, took=took)
    made = Terms(
        rule=rule.rule,
        source=instance.source,
        system=instance.device.system,
        title=rule.title,
        class_=rule.class_,
        on_delay_ns=rule.on_delay,
        off_delay_ns=rule.off_delay,
        latching=rule.latching,
        auto_ack=rule.auto_ack,
        mint=mint,
        took=took,
        realarm_ns=rule.realarm_after,
        companion=instance.companion_of is not None,
    )
    if known is not None:
        known[id(rule)] = made
    return made


def wire(instances: Sequence[Instance], mint: Callable[[Instant], str], watch: Watch | None = None) -> list[Live]:
    """The instances in order of evaluation, each knowing whom it must wake."""
    ordered = sorted(instances, key=lambda instance: instance.order)
    known: dict[int, Terms] = {}
    lives = [
        Live(
            index,
            instance,
            terms_of(instance, mint, watch, known),
            Alarm(severity=instance.rule.severity),
            instance.condition,
        )
        for index, instance in enumerate(ordered)
    ]
    places = {live.key: live.index for live in lives}
    if len(places) < len(lives):
        raise ValueError("two instances have the same rule and source")
    for live in lives:
        _join(live, lives, places)
    for live in lives:
        live.closure = _closure(live, lives)
    _group(lives)
    return lives


def _group(lives: Sequence[Live]) -> None:
    groups: dict[Key, list[int]] = {}
    for live in lives:
        if live.instance.part is not None and not live.guards:
            groups.setdefault((live.instance.rule.rule, live.instance.device.id), []).append(live.index)
    for places in groups.values():
        for place in places:
            lives[place].group = places  # one list for a thousand detectors


def _join(live: Live, lives: list[Live], places: dict[Key, int]) -> None:
    instance = live.instance
    live.guards = instance.companion_of is not None
    if instance.hush is not None:
        live.hush = Hush(instance.hush)
    hushing = frozenset[Key]() if instance.hush is None else instance.hush.alarms
    for key in instance.condition.alarms | hushing:
        if key in places:
            lives[places[key]].readers.append(live.index)
    if instance.companion_of is not None and instance.companion_of in places:
        guarded = lives[places[instance.companion_of]]
        guarded.companion, live.guarded, live.hush = live.index, guarded, guarded.hush
    causes = [(key, key[0]) for key in instance.suppressed_by if may_mute(live.terms, SUPPRESSED, key[0])]
    if instance.collapse_into is not None:
        causes.append((instance.collapse_into, DEVICE_OFFLINE))
    for key, cause in causes:
        if key in places and places[key] != live.index:
            live.suppressors.append((places[key], cause))
            lives[places[key]].targets.append(live.index)
    live.asked = frozenset(places[key] for key in instance.asked if key in places)
    if live.asked and isinstance(instance.condition, Blind):
        live.itself = instance.condition.by_itself


def _closure(live: Live, lives: list[Live]) -> tuple[int, ...]:
    found: set[int] = set()
    open_ = [live]
    while open_:
        here = open_.pop()
        nexts = [*here.readers, *here.targets, *([] if here.companion is None else [here.companion])]
        for index in nexts:
            if index not in found and index != live.index:
                found.add(index)
                open_.append(lives[index])
    return tuple(sorted(found))
