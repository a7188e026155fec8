"""One point with everything inherited, as far as it can be known without the others: its cell and its meaning. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, tzinfo

from drivers.conversion import ConversionError, converted, point_of
from drivers.language import PointFault
from drivers.meaning import Meaning
from drivers.modbus.cell import LAST_ADDRESS, AddressError, bit_cell, locate
from drivers.modbus.encoding import Encoding, Loc
from drivers.modbus.parts import Packed
from drivers.modbus.points import ModbusDefaults, ModbusPoint
from drivers.modbus.reading import Reading
from gateway.model import Point, PointType


@dataclass(frozen=True, slots=True)
class Setting:
    """What points are read by: the profile's defaults, the zone of the site's clocks; of a part its unit and states."""

    defaults: ModbusDefaults
    zone: tzinfo = UTC
    unit: int | None = None
    packed: Packed | None = None


def resolve(key: str, loc: Loc, point: ModbusPoint, setting: Setting) -> Reading:
    """The reading of `point`, whose words stand at `loc`; PointFault at the key that is wrong."""
    return _Resolver(
        key, point, setting, Encoding(loc, point, setting.defaults, setting.zone, setting.packed)
    ).reading()


@dataclass(frozen=True, slots=True)
class _Resolver:
    key: str
    point: ModbusPoint
    setting: Setting
    encoding: Encoding

    def fault(self, field: str, sentence: str) -> PointFault:
        return self.encoding.fault(field, sentence)

    def reading(self) -> Reading:
        point, defaults = self.point, self.setting.defaults
        # a manual's reference says its table itself; what all points are said to be must not differ from it unseen
        table_said = defaults.table if defaults.base == "ref" and "table" in defaults.model_fields_set else None
        try:
            table, address = locate(point.address, defaults.base, point.table or table_said, defaults.table)
        except AddressError as error:
            raise self.fault("address", str(error)) from None
        wire = self.encoding.wire(table)
        cell = bit_cell(table, address) if table.is_bits else self.encoding.cell(table, address, wire)
        if cell.end > LAST_ADDRESS + 1:
            raise self.fault(
                "address",
                f"{cell.words} registers from {address} on end behind register {LAST_ADDRESS}, the last there is",
            )
        kind, raw = self.encoding.raw(wire, table)
        made, meaning = self.meant(kind, raw)
        warm = point.warm_up
        return Reading(
            made,
            cell,
            meaning,
            unit=self.unit(),
            every_ns=point.every,
            optional=point.optional,
            warm_up=(warm.reads, warm.again_after or 0) if warm else None,
        )

    def meant(self, kind: PointType, raw: Meaning) -> tuple[Point, Meaning]:
        """The point, and its meaning without what other points have to say."""
        point = self.point
        kind = self.multiplied(kind)
        try:
            made = converted(point, kind, None)
        except ConversionError as error:
            raise self.fault(error.key, str(error)) from None
        then = made.meaning()
        words = tuple(dict.fromkeys((point.enum or {}).values()))
        return point_of(self.key, made, words), replace(
            raw, scale=then.scale, offset=then.offset, curves=then.curves, range=then.range, invert=then.invert
        )

    def multiplied(self, kind: PointType) -> PointType:
        """Its type once other points have had their say: nothing whole comes out of it."""
        for field in ("scale_from", "unit_from"):
            if getattr(self.point, field) is None:
                continue
            if kind not in (PointType.INT, PointType.FLOAT):
                raise self.fault(field, f"`{field}` needs a number, but this is a point of type {kind}")
            kind = PointType.FLOAT
        if self.point.unit_from is not None:
            if self.point.unit is None:
                raise self.fault("unit_from", "the unit that is made of it must be said, too: `unit`")
            for field in ("signal", "linear"):
                if getattr(self.point, field) is not None:
                    raise self.fault("unit_from", f"`{field}` says a unit, too; take one of the two")
        return kind

    def unit(self) -> str | int | None:
        at = self.point.at_unit
        if at is None:
            return self.setting.unit
        if self.setting.unit is not None:
            raise self.fault("at_unit", "the `unit` of these parts says already which unit has it")
        if at not in self.setting.defaults.units:
            known = ", ".join(self.setting.defaults.units) or "none"
            raise self.fault("at_unit", f"there is no {at!r} under `units` of `modbus:`; it has {known}")
        return at
