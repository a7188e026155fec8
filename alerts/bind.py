"""Rules × devices → instances, pure: which rule watches what, on which slots, in which order, guarded by whom."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, tzinfo

from alerts.asked import can_be_blind, fills, matches, named_points, tells_of_silence, unknown_for
from alerts.bound import BindProblem, Bound, Instance, Unbound
from alerts.companion import SUFFIX, companion_rule, has_companion
from alerts.condition.build import Absent, Fitted, Mistake, Scope, build
from alerts.condition.columns import Columns
from alerts.condition.logic import Blind, Escalated
from alerts.condition.node import Node
from alerts.condition.operand import Loc, nearest
from alerts.extent import Extent, TooMuch
from alerts.marks import condition_hash, digest, measures
from alerts.ordering import in_order
from alerts.places import Places
from alerts.rule import Rule
from alerts.unreached import unreached
from gateway.model import HEALTH_POINT, AlarmClass, Device, Point, Severity

__all__ = ["BindProblem", "Bound", "Catalogue", "Instance", "Unbound", "bind"]

Catalogue = Mapping[str, Mapping[str, Point]]
"""The standard points: system → name → point; the system `all` has those of every device."""

OFFLINE_RULE = "GW-01"
"""The device-offline alarm that speaks for the companions of its device."""


def bind(
    rules: Sequence[Rule],
    devices: Sequence[Device],
    catalogue: Catalogue | None = None,
    *,
    zone: tzinfo = UTC,
    holidays: frozenset[date] = frozenset(),
    profiles: Collection[str] = (),
) -> Bound:
    """Every rule on every source that has its points.

    A point that belongs to parts makes one instance for each part (and one for the device, if it has it too). A rule
    whose points a device lacks is listed in `unbound`, never silently left away. Disabled devices and rules are not
    watched, and listed. With `problems` the site must not start. `zone` and `holidays` are the site's, for schedules.
    `profiles` are all that there are, so that a rule for another one is told.
    """
    ordered, problems = in_order(rules)
    places = Places(devices, tuple(catalogue or {}), profiles)
    binder = _Binder(devices, catalogue or {}, zone, holidays, places, problems=list(problems))
    for rule in ordered:
        if not binder.extent.is_full:
            binder.bind_rule(rule)
    return binder.bound()


@dataclass(slots=True)
class _Binder:
    devices: Sequence[Device]
    catalogue: Catalogue
    zone: tzinfo
    holidays: frozenset[date]
    places: Places
    columns: Columns = field(default_factory=Columns)
    hashes: dict[object, str] = field(default_factory=dict)
    instances: list[Instance] = field(default_factory=list)
    problems: list[BindProblem] = field(default_factory=list)
    unbound: list[Unbound] = field(default_factory=list)
    reduced: list[Unbound] = field(default_factory=list)
    by_rule: dict[str, list[Instance]] = field(default_factory=dict)
    companions: dict[tuple[str, str | None, int], Rule] = field(default_factory=dict)
    by_source: dict[tuple[str, str], Instance] = field(default_factory=dict)
    fitted: dict[str, Fitted] = field(default_factory=dict)
    companions_at: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    heard_within: dict[tuple[str, str], int] = field(default_factory=dict)  # alarm → for how long it may be UNKNOWN
    placed: dict[tuple[str, str], dict[tuple[str | None, ...] | None, list[tuple[str, str]]]] = field(
        default_factory=dict
    )  # (rule, same) → place → its sources there
    replaced: dict[tuple[str, str], str] = field(default_factory=dict)  # (rule, source) → who stands instead of it
    inhibited: dict[str, list[Rule]] = field(default_factory=dict)  # rule → those bound that speak for it
    extent: Extent = field(default_factory=Extent)
    taken: set[tuple[str, tuple[str | None, ...]]] = field(default_factory=set)  # (rule, place) of rules once a place

    def bound(self) -> Bound:
        problems = tuple(dict.fromkeys(self.problems))
        return Bound(
            self._collapsed(),
            self.columns,
            problems,
            tuple(self.unbound),
            tuple(self.reduced),
            zone=self.zone,
            holidays=self.holidays,
        )

    def bind_rule(self, rule: Rule) -> None:
        self.by_rule[rule.rule] = []
        candidates = [device for device in self.devices if matches(rule, device)]
        if slips := list(self.places.slips(rule.on)):
            for loc, message in slips:
                self._problem(rule, loc, message)
            return
        for each in (rule, *rule.here.values()):
            self._check_names(each, candidates)
        for other in self.inhibited.get(rule.rule, ()) if rule.class_ is AlarmClass.LIFE_SAFETY else ():
            loc = ("inhibits", "rules", other.inhibits.rules.index(rule.rule) if other.inhibits else 0)
            self._problem(other, loc, f"{rule.rule} is of life safety, and such an alarm is never inhibited")
        if not rule.enabled and not any(each.enabled for each in rule.here.values()):
            self.unbound.append(Unbound(rule.rule, None, "the rule is disabled"))
            return
        for device in candidates:
            here = rule.on_device(device.id)
            if device.disabled:
                self.unbound.append(Unbound(rule.rule, device.id, "the device is disabled"))
            elif not here.enabled:
                why = "the rule is disabled" if here is rule else "disabled here by the site"
                self.unbound.append(Unbound(rule.rule, device.id, why))
            else:
                self._bind_device(here, device)
        if rule.here and not self.extent.is_full and all(problem.rule != rule.rule for problem in self.problems):
            watched = {instance.device.id for instance in self.by_rule[rule.rule]}
            self.problems += unreached(rule, self.devices, candidates, watched, self.unbound)
        for target in rule.inhibits.rules if rule.inhibits else ():
            self.inhibited.setdefault(target, []).append(rule)
        if not self.by_rule[rule.rule]:
            self.unbound.append(Unbound(rule.rule, None, "the rule watches nothing on this site"))

    def _bind_device(self, rule: Rule, device: Device) -> None:
        parts: list[str | None] = [None]
        if rule.on.point is not None:
            parts = [point.part for point in self._fitted(device).watched(rule.on.point)]
            # a rule for whoever has the point (health, …) says nothing about those that lack it
            named = rule.on.system is not None or rule.on.device is not None
            if not parts and named and self.places.fits(rule.on, device.location):
                self.unbound.append(Unbound(rule.rule, device.id, f"the device has no point {rule.on.point!r}"))
        for part in parts:
            if self.extent.refuses(rule):
                return
            if not self.places.fits(rule.on, device.place(part)):
                continue
            source = f"{device.id}/{part}" if part else device.id
            if (other := self.replaced.get((rule.rule, source))) is not None:
                self.unbound.append(Unbound(rule.rule, source, f"{other} watches it instead"))
                continue
            where = self._where(rule.on.once, device, part) if rule.on.once else None
            if rule.on.once and where is None:
                self.unbound.append(Unbound(rule.rule, source, f"it is in no {rule.on.once}"))
                continue
            if where is not None and (rule.rule, where) in self.taken:
                continue
            try:
                self._instance(rule, device, part, source)
                if where is not None:
                    self.taken.add((rule.rule, where))
            except Absent as absent:
                self.unbound.append(Unbound(rule.rule, source, str(absent)))
            except TooMuch as much:
                self._problem(much.rule, much.loc, str(much))
            except Mistake as mistake:
                self._problem(rule, mistake.loc, str(mistake))

    def _instance(self, rule: Rule, device: Device, part: str | None, source: str) -> None:
        unknown_for_ns = unknown_for(rule, device, part)
        scope = Scope(
            device=device,
            fitted=self._fitted(device),
            part=part,
            own_point=rule.on.point,
            severity=rule.severity,
            columns=self.columns,
            unknown_for_ns=unknown_for_ns,
            sources=lambda other, same: self._sources(other, same, device, part),
            codes=lambda name: self._codes(device.system, name),
            compile=build,
            life_safety=rule.class_ is AlarmClass.LIFE_SAFETY,
            zone=self.zone,
            holidays=self.holidays,
        )
        node = build(rule.when, scope, ("when",))
        if rule.escalate:
            node = Escalated(node, _steps(rule, scope))
        hush, hush_hash = _hush(rule, scope)
        self.reduced.extend(Unbound(rule.rule, source, why) for why in dict.fromkeys(scope.left_out))
        instance = Instance(
            rule=rule,
            source=source,
            device=device,
            condition=node,
            unknown_for_ns=unknown_for_ns,
            order=len(self.instances),
            condition_hash=condition_hash(rule, node, scope, self.hashes),
            suppressed_by=(*self._suppressors(rule, device, source), *self._inhibitors(rule, device, part)),
            part=part,
            hush=hush,
            hush_hash=hush_hash,
            measures=measures(scope, node.slots if hush is None else node.slots | hush.slots, self.hashes),
        )
        self._add(instance, scope.asked)
        self.heard_within[rule.rule, source] = max(
            [unknown_for_ns, *(self.heard_within.get(key, 0) for key in node.alarms)]
        )
        self.replaced.update({(other, source): rule.rule for other in rule.instead_of})
        if has_companion(rule) and can_be_blind(node, scope):
            self._companion(instance, node)

    def _fitted(self, device: Device) -> Fitted:
        if device.id not in self.fitted:
            self.fitted[device.id] = Fitted(device)
        return self.fitted[device.id]

    def _add(self, instance: Instance, asked: int = 1) -> None:
        self.extent.take(instance, asked)
        self.instances.append(instance)
        self.by_rule.setdefault(instance.rule.rule, []).append(instance)
        self.by_source[instance.rule.rule, instance.source] = instance

    def _companion(self, guarded: Instance, node: Node) -> None:
        rule = self._companion_rule(guarded.rule, guarded.unknown_for_ns)
        speakers = self._speakers(guarded, node)
        asked = [key for other, at in sorted(node.alarms) if (key := (other + SUFFIX, at)) in self.by_source]
        patience = {key: self.heard_within.get(key, 0) - guarded.unknown_for_ns for key in node.alarms}
        companion = Instance(
            rule=rule,
            source=guarded.source,
            device=guarded.device,
            condition=Blind(node, guarded.unknown_for_ns if node.alarms else None, fills(guarded.rule), patience),
            unknown_for_ns=guarded.unknown_for_ns,
            order=len(self.instances),
            condition_hash=self._hash_of_companion(guarded.condition_hash),
            suppressed_by=tuple(dict.fromkeys((*speakers, *asked))),
            asked=frozenset(asked) - frozenset(speakers),
            companion_of=(guarded.rule.rule, guarded.source),
            part=guarded.part,
            measures=guarded.measures,
        )
        self._add(companion)
        self.companions_at.setdefault(guarded.source, []).append((rule.rule, guarded.source))

    def _hash_of_companion(self, guarded: str) -> str:
        if guarded not in self.hashes:
            self.hashes[guarded] = digest([guarded, "protection_lost"])
        return self.hashes[guarded]

    def _companion_rule(self, rule: Rule, unknown_for_ns: int) -> Rule:
        """One object for all sources: a thousand devices do not need a thousand copies of the guidance."""
        key = rule.rule, rule.device, unknown_for_ns
        if key not in self.companions:
            self.companions[key] = companion_rule(rule, unknown_for_ns)
        return self.companions[key]

    def _speakers(self, guarded: Instance, node: Node) -> list[tuple[str, str]]:
        """Whose companions say it already: one dead sensor or detector, one alarm.

        Those of suppressing alarms that need all the same points; those of more severe rules on the same part. (Those
        of the alarms that the rule itself asks for say it only while its own points are there.)
        """
        found = [
            key
            for other, source in guarded.suppressed_by
            if (speaker := self.by_source.get(key := (other + SUFFIX, source)))
            and node.needs <= speaker.condition.slots
        ]
        if guarded.part is not None:
            found += [key for key in self.companions_at.get(guarded.source, ()) if self._outranks(key, guarded)]
        return found

    def _outranks(self, companion: tuple[str, str], guarded: Instance) -> bool:
        other = self.by_source[companion].companion_of
        return other is not None and self.by_source[other].rule.severity < guarded.rule.severity

    def _suppressors(self, rule: Rule, device: Device, source: str) -> tuple[tuple[str, str], ...]:
        """The alarms of the same source, or of the whole device where the other rule knows no parts."""
        keys = ((other, place) for other in rule.suppressed_by for place in dict.fromkeys((source, device.id)))
        return tuple(key for key in keys if key in self.by_source)

    def _inhibitors(self, rule: Rule, device: Device, part: str | None) -> Iterator[tuple[str, str]]:
        """The alarms elsewhere that speak for this one while they are active."""
        if rule.class_ is AlarmClass.LIFE_SAFETY:
            return
        for other in self.inhibited.get(rule.rule, ()):
            if other.inhibits is None:
                continue
            if other.inhibits.same == "link":
                links = self.by_rule[other.rule]
                yield from ((other.rule, link.source) for link in links if link.part in device.links)
            else:
                yield from self._sources(other.rule, other.inhibits.same, device, part)

    def _sources(self, rule: str, same: str, device: Device, part: str | None) -> list[tuple[str, str]]:
        if (rule, same) not in self.placed:
            found = self.placed[rule, same] = {}
            for other in self.by_rule.get(rule, ()):
                found.setdefault(self._where(same, other.device, other.part), []).append((rule, other.source))
        here = self._where(same, device, part)
        return [] if here is None else self.placed[rule, same].get(here, [])

    def _where(self, same: str, device: Device, part: str | None) -> tuple[str | None, ...] | None:
        """What two sources of the same device, zone, floor or building have in common; None: it is in no such place.

        A zone's name is unique within its building; what names no building is in the site's only one, if it has one.
        """
        if same == "device":
            return (device.id,)
        if same == "site":
            return ()
        place = device.place(part)
        building = place.building or self.places.only_building
        if same == "building":
            return (building,)
        if same == "floor":
            return None if place.floor is None else (building, place.floor)
        return None if place.zone is None else (building, place.zone)

    def _codes(self, system: str, name: str) -> tuple[str, ...]:
        point = self.catalogue.get(system, {}).get(name)
        return point.codes if point else ()

    def _collapsed(self) -> tuple[Instance, ...]:
        """Companions, and what else only tells of silence, with the device-offline alarms that speak for them.

        Beside its own device's also those of the devices whose alarms its rule asks for. A rule that is more severe
        than the loss of its device speaks for itself.
        """
        offline = {
            instance.source: instance.rule
            for instance in self.instances
            if instance.rule.rule == OFFLINE_RULE or OFFLINE_RULE in instance.rule.instead_of
        }
        return tuple(
            self._under(instance, offline) if instance.companion_of or tells_of_silence(instance.rule) else instance
            for instance in self.instances
        )

    def _under(self, silent: Instance, offline: Mapping[str, Rule]) -> Instance:
        asked = dict.fromkeys(
            [silent.device.id, *(self.by_source[key].device.id for key in sorted(silent.condition.alarms))]
        )
        own, *others = (
            (offline[device].rule, device)
            if device in offline and (silent.companion_of or max(offline[device].severities) <= silent.rule.worst)
            else None
            for device in asked
        )
        speakers = [other for other in others if other is not None]
        return replace(
            silent,
            collapse_into=own,
            suppressed_by=(*silent.suppressed_by, *speakers),
            asked=silent.asked | frozenset(speakers),
        )

    def _check_names(self, rule: Rule, candidates: Sequence[Device]) -> None:
        """A point that no standard and no device knows is a slip of the pen, not a device without it."""
        systems = {rule.on.system} if rule.on.system else {*self.catalogue, *(device.system for device in candidates)}
        standard = {name for system in (*systems, "all") for name in self.catalogue.get(system, {})}
        fitted = {name for device in candidates for point in device.points for name in (point.name, point.key)}
        known = standard | fitted | {HEALTH_POINT.name}
        if not standard and not candidates:
            return
        for loc, name in named_points(rule):
            if name not in known and name.rpartition("/")[2] not in standard:
                where = f"system {rule.on.system!r}" if rule.on.system else "any device"
                self._problem(rule, loc, f"{name!r} is no point of {where}{nearest(name, known)}")

    def _problem(self, rule: Rule, loc: Loc, message: str) -> None:
        self.problems.append(BindProblem(rule.rule, loc, message, device=rule.device))


def _steps(rule: Rule, scope: Scope) -> list[tuple[Node, Severity]]:
    """The escalations; one whose points the device lacks is left out, and told."""
    built = []
    for index, step in enumerate(rule.escalate):
        try:
            built.append((build(step.when, scope, ("escalate", index, "when")), step.severity))
        except Absent as absent:
            scope.left_out.append(str(absent))
    return built


def _hush(rule: Rule, scope: Scope) -> tuple[Node | None, str]:
    """What suppresses it, and the mark by which that is known again. Left out, and told, where the device lacks it."""
    if rule.suppress_when is None:
        return None, ""
    asked = replace(scope, read={})  # what it reads is no input of the alarm's own
    try:
        node = build(rule.suppress_when, asked, ("suppress_when",))
        scope.asked = asked.asked
    except Absent as absent:
        scope.left_out.append(f"suppress_when: {absent}")
        return None, ""
    points = sorted(asked.read[slot] for slot in node.slots)
    return node, digest([rule.suppress_when.model_dump(mode="json", exclude_unset=True), points, sorted(node.alarms)])
