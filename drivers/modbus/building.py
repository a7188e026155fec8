"""All points of a profile, as they are on one device: each by itself, then with what it needs of the others. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, TypeVar

from drivers.adaptation import Order
from drivers.computed import ComputedPoint, compute
from drivers.language import PointFault
from drivers.modbus.checks import Wrong, default_faults, forbidden, overlapping, sharing_bits, sharing_parts
from drivers.modbus.encoding import Loc
from drivers.modbus.linking import Linked, finished, link
from drivers.modbus.parts import Place
from drivers.modbus.points import ModbusDefaults, ModbusPoint, Parts, VariantPoint
from drivers.modbus.reading import Reading, absent, moved
from drivers.modbus.resolving import Setting, resolve
from gateway.fields import Strict

if TYPE_CHECKING:
    from drivers.modbus.language import ModbusProfile

Spec = TypeVar("Spec", ModbusPoint, ComputedPoint)


@dataclass(frozen=True, slots=True)
class Site:
    """What a site says of one device: `changes` are the words that it says otherwise, by the keys of its points."""

    parameters: Mapping[str, float | None] = field(default_factory=dict)
    changes: Mapping[str, Strict] = field(default_factory=dict)
    zone: tzinfo = UTC
    word_order: Order | None = None
    byte_order: Order | None = None


class Built:
    """The points of a profile, of one of its variants. What is wrong stands in `faults`."""

    def __init__(self, profile: ModbusProfile, site: Site, variant: Mapping[str, VariantPoint] | None = None) -> None:
        self._profile = profile
        self.site = site
        self._variant = variant or {}
        orders = {"word_order": site.word_order, "byte_order": site.byte_order}
        self._defaults: ModbusDefaults = profile.modbus.model_copy(
            update={key: order for key, order in orders.items() if order is not None}
        )
        self.faults: list[PointFault] = list(default_faults(self._defaults))
        self.locs: dict[str, Loc] = {}
        self._failed: set[str] = set()
        self.readings: dict[str, Reading] = {}
        self.firsts: list[dict[str, Reading]] = []
        """The readings of every template's first part; the others' are the same further on."""
        self._meant: set[str] = set()
        self._build()

    # the device's own points

    def _build(self) -> None:
        profile = self._profile
        alone: dict[str, Reading] = {}
        specs: dict[str, ModbusPoint] = {}
        sections: Sequence[tuple[str, Mapping[str, ModbusPoint]]] = (
            ("identity", profile.identity_points),
            ("points", profile.points),
        )
        for section, points in sections:
            for key, declared in points.items():
                if key in alone:
                    self.faults.append(PointFault((section, key), f"{key!r} stands under `identity` already"))
                    continue
                specs[key] = point = self._changed(key, declared)
                self._resolve(key, (section, key), point, Setting(self._defaults, self.site.zone), alone)
                self._meant |= {key} if point.overlaps else set()
        computed = self._computed(profile.computed, "", alone, ("computed",))
        linked = self._link(alone, specs, lambda said: said) | computed
        self.readings, faults = finished(linked, {})
        self.faults += faults
        self.faults += self._placed(self._wrong(self.readings, self._meant))
        if not self.faults:
            for index, parts in enumerate(profile.parts):
                self._template(index, parts)

    def _changed(self, key: str, declared: Spec) -> Spec:
        """The words of a point, with what the variant and then the site say otherwise."""
        for said in (self._variant.get(key), self.site.changes.get(key)):
            if said is not None:
                update = {name: getattr(said, name) for name in said.model_fields_set}
                update.pop("absent", None)
                if update.get("address", 0) is None:
                    del update["address"]
                declared = declared.model_copy(update=update)
        return declared

    def _resolve(self, key: str, loc: Loc, point: ModbusPoint, setting: Setting, into: dict[str, Reading]) -> None:
        self.locs[key] = loc
        try:
            reading = resolve(key, loc, point, setting)
        except PointFault as fault:
            self.faults.append(fault)
            self._failed.add(key)
            return
        variant = self._variant.get(key)
        into[key] = absent(reading) if variant is not None and variant.absent else reading

    def _link(
        self, alone: Mapping[str, Reading], specs: Mapping[str, ModbusPoint], name: Callable[[str], str]
    ) -> dict[str, Linked]:
        """The readings of `specs` with what they need; `alone` are all that they may need."""
        made: dict[str, Linked] = {}
        for key, spec in specs.items():
            if key not in alone or alone[key].meaning.absent:
                if key in alone:
                    made[key] = Linked(alone[key], {})
                continue
            for one in link(key, self.locs[key], spec, alone, name):
                if isinstance(one, PointFault):
                    # what hangs on a point that is wrong itself is not wrong
                    self.faults += [] if self._failed else [one]
                else:
                    made[key] = one
        return made

    def _computed(
        self, computed: Mapping[str, ComputedPoint], part: str, alone: dict[str, Reading], section: Loc
    ) -> dict[str, Linked]:
        """Computed points, added to `alone`: each may use those above it."""
        made: dict[str, Linked] = {}
        parameters, values = self._profile.parameters, self.site.parameters
        known = _by_name(alone, part)
        for name, declared in computed.items():
            key = f"{part}/{name}" if part else name
            self.locs[key] = (*section, name)
            if key in alone:
                self.faults.append(PointFault(self.locs[key], f"there is a point {key!r} already"))
                continue
            spec = self._changed(key, declared)
            try:
                point, meaning = compute(
                    key,
                    spec,
                    {said: reading.point for said, reading in known.items()},
                    {said: values.get(said) for said in parameters},
                    units={said: parameter.unit for said, parameter in parameters.items()},
                    later=[*computed][[*computed].index(name) :],
                )
            except PointFault as fault:
                if not self._failed:
                    self.faults.append(PointFault((*self.locs[key], *fault.loc[2:]), fault.sentence))
                self._failed.add(key)
                continue
            operands = [alone[other] for other in meaning.needs]
            every = min((one.every_ns or 0 for one in operands), default=0) or None
            reading = Reading(point, None, meaning, unit=operands[0].unit, every_ns=spec.every or every)
            alone[key] = known[name] = reading
            place = (*self.locs[key], "expr")
            made[key] = Linked(reading, dict.fromkeys(meaning.needs, place))
        return made

    def _wrong(self, readings: Mapping[str, Reading], meant: set[str]) -> Iterator[Wrong]:
        yield from forbidden(readings, self._defaults)
        yield from overlapping(readings)
        yield from sharing_bits(readings, meant, self._defaults.bit_base)

    def _placed(self, wrong: Iterable[Wrong]) -> Iterator[PointFault]:
        for key, word, sentence in wrong:
            yield PointFault((*self.locs[key], word), sentence)

    @property
    def has_clock(self) -> bool:
        """Some point is a datetime in the zone of the site."""
        parts = [point for parts in self._profile.parts for point in parts.points.values()]
        points = [*self._profile.identity_points.values(), *self._profile.points.values(), *parts]
        return any(point.layout is not None and point.zone in (None, "site") for point in points)

    # parts

    def _template(self, index: int, parts: Parts) -> None:
        """What is wrong with a template shows in its first and its last part."""
        template = parts.template
        for part in template.ends:
            if any(other.template.place(part) is not None for other in self._profile.parts[:index]):
                self.faults.append(PointFault(("parts", index, "id"), f"{part!r} is also a part of a template above"))
                return
            place = template.place(part)
            if place is None:
                continue
            before = len(self.faults)
            made = self._part(index, parts, part, place)
            if len(self.faults) == before:
                meant = self._meant | {f"{part}/{name}" for name, point in parts.points.items() if point.overlaps}
                self.faults += self._placed(self._wrong({**self.readings, **made}, meant))
            if len(self.faults) > before:
                self.faults[before:] = [PointFault(one.loc, f"{part}: {one.sentence}") for one in self.faults[before:]]
                return
            if part == template.ends[0]:
                self.firsts.append({name: made[f"{part}/{name}"] for name in parts.names})
                if (told := sharing_parts(template, self.firsts[-1].values())) is not None:
                    self.faults.append(PointFault(("parts", index, "address"), told))
                    return

    def _part(self, index: int, parts: Parts, part: str, place: Place) -> dict[str, Reading]:
        """The points of one part, each resolved by itself."""
        names = set(parts.names)
        specs: dict[str, ModbusPoint] = {}
        alone = dict(self.readings)
        setting = Setting(self._defaults, self.site.zone, place.unit, parts.packed)
        for name, declared in parts.points.items():
            key = f"{part}/{name}"
            loc = ("parts", index, "points", name)
            if parts.packed and declared.address:
                self.faults.append(PointFault((*loc, "address"), "the points of a packed part stand in its state"))
                continue
            specs[key] = self._changed(key, declared.model_copy(update={"address": place.address + declared.address}))
            self._resolve(key, loc, specs[key], setting, alone)
            reading = alone.get(key)
            if reading is not None and reading.meaning.field is not None and place.shift is not None:
                shifted = replace(reading.meaning, field=(place.shift, reading.meaning.field[1]))
                alone[key] = replace(reading, meaning=shifted)
        computed = self._computed(parts.computed, part, alone, ("parts", index, "computed"))
        linked = self._link(alone, specs, lambda said: f"{part}/{said}" if said in names else said) | computed
        done, faults = finished(linked, self.readings)
        self.faults += faults
        return done

    def with_parts(self, ids: Sequence[str]) -> dict[str, Reading]:
        """The readings together with those of these parts; ValueError with a sentence for an id that is none."""
        readings = dict(self.readings)
        meant = set(self._meant)
        for part in dict.fromkeys(ids):
            index, place = self.part(part)
            parts = self._profile.parts[index]
            changed = [key for key in self.site.changes if key.startswith(f"{part}/")]
            if changed:
                before = len(self.faults)
                made = self._part(index, parts, part, place)
                if len(self.faults) > before:
                    raise self.faults[before]
            else:
                was = parts.template.ends[0]
                first = parts.template.place(was) or place
                made = {
                    f"{part}/{name}": moved(reading, was, part, first, place)
                    for name, reading in self.firsts[index].items()
                }
            readings |= made
            for name, point in parts.points.items():
                self.locs[f"{part}/{name}"] = ("parts", index, "points", name)
                meant |= {f"{part}/{name}"} if point.overlaps else set()
        for key, _, sentence in self._wrong(readings, meant):
            raise ValueError(f"{key}: {sentence}")
        return readings

    def part(self, part: str) -> tuple[int, Place]:
        """(which template makes it, where it stands)."""
        for index, parts in enumerate(self._profile.parts):
            if (place := parts.template.place(part)) is not None:
                return index, place
        raise ValueError(f"{self._profile.profile} has no part {part!r}; its parts are {self._profile.part_hint}")


def _by_name(readings: Mapping[str, Reading], part: str) -> dict[str, Reading]:
    """What an expression may use: the device's own points, and before them those of its own part."""
    own = {key: reading for key, reading in readings.items() if "/" not in key}
    if not part:
        return own
    prefix = f"{part}/"
    return own | {key.removeprefix(prefix): one for key, one in readings.items() if key.startswith(prefix)}
