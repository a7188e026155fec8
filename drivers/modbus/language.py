"""The profile language for registers: a type of device, its variants, and the examples that it must keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from drivers.adaptation import Adaptation, AdaptationError
from drivers.computed import ComputedPoint, ParameterField
from drivers.conversion import AsTuple
from drivers.language import Badness, Code, Expected, PointFault, PointKey, Profile, Source, Wire, many, refuse
from drivers.modbus.adapting import blamed, defaults_of, understood, variant_of
from drivers.modbus.building import Built, Site
from drivers.modbus.points import ModbusDefaults, ModbusPoint, Number, Parts
from drivers.modbus.reading import Reading
from drivers.modbus.variants import Choice, Variant, united, variant_faults
from drivers.part_ids import hint
from gateway.fields import QuantityField, Strict
from gateway.model import Value

__all__ = ["Image", "ModbusDefaults", "ModbusPoint", "ModbusProfile", "Parts", "Vector"]

Word = Annotated[int, Field(ge=0, le=0xFFFF)]
Words = Annotated[tuple[Word, ...], BeforeValidator(many)]
Flags = Annotated[tuple[bool, ...], BeforeValidator(many)]


class Image(Strict):
    """Registers as one unit sends them. `registers` are of the profile's own table."""

    registers: dict[int, Words] = Field(default_factory=dict)
    holding: dict[int, Words] = Field(default_factory=dict)
    input: dict[int, Words] = Field(default_factory=dict)
    coil: dict[int, Flags] = Field(default_factory=dict)
    discrete: dict[int, Flags] = Field(default_factory=dict)


class Vector(Image):
    """Registers as the device sends them, and what must come out; a site's clocks are in UTC here."""

    units: dict[Code | Number, Image] = Field(default_factory=dict, description="registers of its further units")
    parts: Annotated[tuple[str, ...], BeforeValidator(many)] = Field(default=(), description="parts that it is about")
    variant: str | None = Field(default=None, description="which it is; must be what its identity says, where that is")
    parameters: dict[Code, QuantityField] = Field(default_factory=dict, description="as a site gives them")
    expect: dict[PointKey, Expected] = Field(default_factory=dict)
    bad: dict[PointKey, Badness] = Field(default_factory=dict)


class ModbusProfile(Profile):
    """A type of device with registers."""

    wire: ClassVar[Wire] = "modbus"

    modbus: ModbusDefaults = ModbusDefaults()
    identity_points: dict[PointKey, ModbusPoint] = Field(
        default_factory=dict, alias="identity", description="points that are read first and decide which variant it is"
    )
    points: dict[PointKey, ModbusPoint] = Field(default_factory=dict)
    computed: dict[Code, ComputedPoint] = Field(default_factory=dict)
    parameters: ParameterField = Field(default_factory=dict)
    parts: Annotated[tuple[Parts, ...], AsTuple] = ()
    variants: Annotated[tuple[Variant, ...], AsTuple] = ()
    variants_else: Literal["base", "refuse"] = Field(default="refuse", description="what holds when no variant fits")
    vectors: Annotated[tuple[Vector, ...], AsTuple] = ()

    _base: Built = PrivateAttr()
    _of_variants: tuple[Built, ...] = PrivateAttr(default=())
    _readings: dict[str, Reading] = PrivateAttr(default_factory=dict)
    _asked: tuple[str, ...] = PrivateAttr(default=())
    """Ids of the parts whose points it has."""
    _variant: int | None = PrivateAttr(default=None)
    _decided: bool = PrivateAttr(default=False)
    _adapted: dict[str, ModbusProfile] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _resolve(self) -> ModbusProfile:
        faults = [PointFault(("parameters", name), told) for name, told in self._parameter_faults()]
        if not (self.points or self.parts or self.identity_points):
            faults.append(PointFault(("points",), "at least 1 point is needed, here or under `parts`"))
        faults += self._build(Site() if faults else Site(defaults_of(self)))
        faults += [] if faults else _unknown_in_vectors(self)
        if faults:
            refuse(self.profile, faults)
        return self

    def _parameter_faults(self) -> Iterator[tuple[str, str]]:
        for name, parameter in self.parameters.items():
            if name in {**self.identity_points, **self.points, **self.computed}:
                yield name, f"there is a point {name!r}, too; an expression could not tell them apart"
            try:
                parameter.value(None)
                parameter.bounds  # noqa: B018 - a range that falls
            except ValueError as error:
                yield name, str(error)

    def _build(self, site: Site) -> list[PointFault]:
        """Make all points as they are on a device of that site; what is wrong with it."""
        self._base = Built(self, site)
        self._readings = self._base.readings
        if self._base.faults:
            return self._base.faults
        identity = {key: self._readings[key].point for key in self.identity_points}
        points = {key: self._readings[key].point for key in self.points}
        faults = list(variant_faults(self.variants, identity, points, "variants_else" in self.model_fields_set))
        if len({self._readings[key].unit for key in self.identity_points}) > 1:
            faults.append(PointFault(("identity",), "all of it stands in one unit, or it could not be asked at once"))
        if faults:
            return faults
        self._of_variants = tuple(Built(self, site, variant.points) for variant in self.variants)
        for index, built in enumerate(self._of_variants):
            faults += [_of_variant(index, fault) for fault in built.faults]
        return faults or list(united(self._base, self._of_variants))

    # what it has

    @property
    def readings(self) -> Mapping[str, Reading]:
        """Every point with its cell and its meaning, in the order of the profile; of parts those asked for."""
        return self._readings

    @property
    def part_hint(self) -> str:
        return hint([parts.template.ids for parts in self.parts])

    def sources(self, key: str) -> tuple[Source, ...]:
        part, _, name = key.rpartition("/")
        sections: Iterable[Mapping[str, ModbusPoint | ComputedPoint]] = (
            self.identity_points,
            self.points,
            self.computed,
            *(one.points for one in self.parts if part and one.template.place(part) is not None),
            *(one.computed for one in self.parts if part and one.template.place(part) is not None),
        )
        for index, section in enumerate(sections):
            if (found := section.get(key if index < 3 else name)) is not None:
                return found.source or self.source
        raise KeyError(key)

    @property
    def has_examples(self) -> bool:
        return any(vector.expect or vector.bad for vector in self.vectors)

    # what it is on one device

    def for_parts(self, ids: Sequence[str]) -> ModbusProfile:
        """The profile with the points of these parts; ValueError with a sentence for an id that is none."""
        if not self.parts:
            return super().for_parts(ids)
        made = self.model_copy()
        made._asked = tuple(dict.fromkeys([*self._asked, *ids]))
        made._adapted = {}
        made._readings = self._with_points(self._now().with_parts(made._asked))
        return made

    def adapted(self, changes: Adaptation, timezone: str) -> ModbusProfile:
        """The profile as it is on one device whose clock is in `timezone`; AdaptationError at what does not fit."""
        cached = f"{timezone} {changes.given!r}"
        if (made := self._adapted.get(cached)) is None:
            self._adapted[cached] = made = self._adapt(changes, timezone)
        return made

    def _adapt(self, changes: Adaptation, timezone: str) -> ModbusProfile:
        variant = variant_of(self, changes)
        site = understood(self, changes, timezone, self._asked)
        same = variant is None and not changes.given and site == replace(self._base.site, zone=site.zone)
        if same and (timezone == "UTC" or not self._base.has_clock):
            return self
        made = self.model_copy()
        faults = made._build(site)
        if faults:
            raise blamed(faults[0], changes, {loc: key for key, loc in made._base.locs.items()})
        made._adapted = {}
        made._variant, made._decided = variant, variant is not None
        try:
            made._readings = made._now().with_parts(self._asked)
        except PointFault as fault:
            raise blamed(fault, changes, {loc: key for key, loc in made._now().locs.items()}) from None
        except ValueError as error:
            raise AdaptationError(("adjust",), str(error)) from None
        return made

    def _now(self) -> Built:
        return self._base if self._variant is None else self._of_variants[self._variant]

    # which variant it is

    @property
    def identity(self) -> tuple[str, ...]:
        """The points that are read first after each connect and decide which variant it is; () when nothing need be."""
        return () if self._decided else tuple(self.identity_points)

    @property
    def variant_name(self) -> str | None:
        """Which of the type's variants this profile is; None while nobody has chosen, and for a type without any."""
        return None if self._variant is None else self.variants[self._variant].variant

    def chosen(self, values: Mapping[str, Value]) -> ModbusProfile | None:
        """The profile of the variant that says this of its `identity`; None when there is no such variant.

        It has the same keys in the same order and the same points, with other cells and meanings. A point of the
        identity that has no value fits no variant.
        """
        if self._decided or not self.variants:
            return self
        points = {key: self._readings[key].point for key in self.identity_points}
        index = Choice(self.variants, points).index(values)
        if index is None and self.variants_else == "refuse":
            return None
        made = self.model_copy()
        made._adapted = {}
        made._variant, made._decided = index, True
        made._readings = self._with_points(made._now().with_parts(self._asked))
        return made

    def _with_points(self, readings: dict[str, Reading]) -> dict[str, Reading]:
        """These readings with the very points of the ones it has."""
        mine = self._readings
        return {
            key: replace(reading, point=mine[key].point) if key in mine else reading
            for key, reading in readings.items()
        }


def never_read(profile: ModbusProfile) -> tuple[tuple[int, int], ...]:
    """The spans that no request may touch, as addresses on the wire, both ends included."""
    return profile.modbus.limits.forbidden(profile.modbus.base)


def _of_variant(index: int, fault: PointFault) -> PointFault:
    """A fault that shows in a variant, at the variant's own words."""
    return PointFault(("variants", index, "points", *fault.loc[1:]), fault.sentence)


def _unknown_in_vectors(profile: ModbusProfile) -> Iterator[PointFault]:
    names = [variant.variant for variant in profile.variants]
    for index, vector in enumerate(profile.vectors):
        try:
            known = profile.for_parts(vector.parts).readings if vector.parts else profile.readings
        except ValueError as error:
            yield PointFault(("vectors", index, "parts"), str(error))
            continue
        if vector.variant is not None and vector.variant not in names:
            yield PointFault(("vectors", index, "variant"), f"there is no variant {vector.variant!r} in this profile")
        for name in vector.parameters:
            if name not in profile.parameters:
                told = f"there is no parameter {name!r} in this profile"
                yield PointFault(("vectors", index, "parameters", name), told)
        for unit in vector.units:
            if isinstance(unit, str) and unit not in profile.modbus.units:
                yield PointFault(("vectors", index, "units", unit), f"there is no {unit!r} under `units` of `modbus:`")
        for name, keys in (("expect", vector.expect), ("bad", vector.bad)):
            for key in keys:
                if key not in known:
                    yield PointFault(("vectors", index, name, key), f"there is no point {key!r} in this profile")
