"""From what a device says to what the building means: scale, loop signal, straight lines, range, inversion.

The same words in a profile's points and in the `points:` of a site.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic.json_schema import WithJsonSchema

from drivers.meaning import Curve, Meaning
from gateway.fields import Quantity, QuantityField, Strict, parse_quantity
from gateway.model import Point, PointType
from gateway.units import UNITS, convert


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


AsTuple = BeforeValidator(_tuple)
"""A YAML list for a field that never changes."""


def _unit(value: Any) -> Any:
    if isinstance(value, str) and value not in UNITS:
        raise ValueError(f"unknown unit {value!r}; known: {', '.join(UNITS)}")
    return value


UnitField = Annotated[str, BeforeValidator(_unit)]


def _table(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    if len(value) < 2:
        raise ValueError("at least two points are needed to draw a line, such as {4 mA: 0 m, 20 mA: 5 m}")
    seen: set[Quantity] = set()
    for key in value:
        if (x := parse_quantity(key)) in seen:
            raise ValueError(f"{x} stands there twice")
        seen.add(x)
    return value


TableField = Annotated[dict[QuantityField, QuantityField], BeforeValidator(_table)]


RangeField = Annotated[tuple[QuantityField, QuantityField], AsTuple]


# so large that no scale is larger, so small that no raw number overflows by it
Factor = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]


def _counter(value: Any) -> Any:
    if value is True:
        return math.inf
    if value is None or value is False:
        return None
    if not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ValueError(f"true, or the number at which it begins again at 0, is expected; got {value!r}")
    return float(value)


class Bounds(Strict):
    """What every number may say of itself: its unit, its range, whether it only grows."""

    unit: UnitField | None = Field(default=None, description="unit of the result")
    range: RangeField | None = Field(default=None, description="outside it the value is BAD (range)")
    counter: Annotated[
        float | None, BeforeValidator(_counter), WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "number"}]})
    ] = Field(default=None, description="it only grows: true, or the value at which it begins again at 0")


class Conversion(Bounds):
    """How a number becomes a quantity: × scale + offset, then signal, linear, range. `invert` is for bools."""

    scale: Factor | None = Field(default=None, description="the number is multiplied by this")
    offset: Factor | None = Field(default=None, description="added after the scale")
    signal: TableField | None = Field(default=None, description="what raw counts mean: {0: 0 mA, 65535: 20 mA}")
    linear: TableField | None = Field(default=None, description="what the signal means: {4 mA: 0 m, 20 mA: 5 m}")
    invert: bool = False

    @property
    def is_number_only(self) -> str | None:
        """The first key that makes sense for numbers only."""
        for key in ("scale", "offset", "signal", "linear", "range", "unit", "counter"):
            if getattr(self, key) is not None:
                return key
        return None


_FROM = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]*)\.(\S+)")


def _reference(value: Any) -> Any:
    if isinstance(value, str) and not _FROM.fullmatch(value):
        raise ValueError(f"the point of a module is expected, such as io-b2.ai1; got {value!r}")
    return value


class ChannelOptions(Conversion):
    """A point of a device that comes from a channel of a module (or of another device on any link)."""

    from_: Annotated[str, BeforeValidator(_reference)] = Field(alias="from", description="module.point")

    @property
    def module(self) -> str:
        """Name of the module (or device) that has the channel."""
        return self.from_.partition(".")[0]

    @property
    def point(self) -> str:
        """Key of the module's point."""
        return self.from_.partition(".")[2]


@dataclass(frozen=True, slots=True)
class Converted:
    """What a conversion makes of a source point: its type and unit, and how."""

    type: PointType
    unit: str | None
    scale: float = 1.0
    offset: float = 0.0
    curves: tuple[Curve, ...] = ()
    range: tuple[float, float] | None = None
    invert: bool = False
    counter: float | None = None

    def meaning(self) -> Meaning:
        return Meaning(
            floating=self.type is PointType.FLOAT,
            # whole numbers stay whole
            scale=int(self.scale) if self.type is PointType.INT else self.scale,
            offset=int(self.offset) if self.type is PointType.INT else self.offset,
            curves=self.curves,
            range=self.range,
            invert=self.invert,
        )


class ConversionError(ValueError):
    """A conversion that cannot be; `key` names the wrong field."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def converted(
    options: Conversion, source: PointType, source_unit: str | None, counter: float | None = None
) -> Converted:
    """What `options` makes of a point of that type and unit; ConversionError with the wrong key.

    `counter` is the source's own: a number that only grows does so in another unit, too.
    """
    if source not in (PointType.INT, PointType.FLOAT):
        if key := options.is_number_only:
            raise ConversionError(key, f"`{key}` needs a number, but this is a point of type {source}")
        if options.invert and source is not PointType.BOOL:
            raise ConversionError("invert", f"`invert` needs a bool, but this is a point of type {source}")
        return Converted(source, None, invert=options.invert)
    if options.invert:
        raise ConversionError("invert", f"`invert` needs a bool, but this is a point of type {source}")
    return _number(options, source, source_unit, counter)


def _number(options: Conversion, source: PointType, source_unit: str | None, counter: float | None) -> Converted:
    scale = 1.0 if options.scale is None else options.scale
    offset = 0.0 if options.offset is None else options.offset
    if scale == 0.0:
        raise ConversionError("scale", "a scale of 0 would make every value 0")
    tables = [(key, table) for key, table in (("signal", options.signal), ("linear", options.linear)) if table]
    unit = source_unit
    curves = []
    for key, table in tables:
        wanted = options.unit if key == tables[-1][0] else None
        curve, unit = _curve(key, table, unit, wanted)
        curves.append(curve)
    if not tables and options.unit is not None:
        if source_unit is not None and source_unit != options.unit:
            for key in ("scale", "offset"):
                if getattr(options, key) is not None:
                    # who writes `scale: 0.01, unit: m` for a source in cm means one conversion, not two
                    told = f"the source is in {source_unit}, and `unit` makes {options.unit} of it: `{key}` would come"
                    raise ConversionError(key, f"{told} on top; take one of the two, or draw the line with `linear`")
            scale, offset = _between(source_unit, options.unit)
        unit = options.unit
    whole = source is PointType.INT and not tables and scale.is_integer() and offset.is_integer()
    kind = PointType.INT if whole else PointType.FLOAT
    if options.counter is not None or tables or offset or scale < 0:
        counter = options.counter
    elif counter is not None:
        counter *= scale
    return Converted(kind, unit, scale, offset, tuple(curves), limits(options, unit), counter=counter)


def _between(unit: str, to: str) -> tuple[float, float]:
    try:
        shift = convert(0.0, unit, to)
        return convert(1.0, unit, to, difference=True), shift
    except ValueError as error:
        raise ConversionError("unit", str(error)) from None


def _curve(
    key: str, table: Mapping[Quantity, Quantity], unit: str | None, wanted: str | None
) -> tuple[Curve, str | None]:
    if unit is None and key == "linear" and any(x.unit is not None for x in table):
        raise ConversionError(
            key,
            "the source is raw counts without a unit; say what they mean, such as signal: {0: 0 mA, 65535: 20 mA}",
        )
    bare = all(y.unit is None for y in table.values())
    target = wanted or next(iter(table.values())).unit
    try:
        # bare numbers are in the unit of the result
        points = {x.to(unit): y.value if bare else y.to(target) for x, y in table.items()}
        if len(points) != len(table):
            raise ConversionError(key, "the same x stands there twice")
        current = unit is not None and UNITS[unit][0] == "current"
        in_ma = {convert(x, unit, "mA"): y for x, y in points.items()} if current and unit is not None else points
        if current and unit != "mA" and Curve.through(in_ma, loop_current=True).outside.reason == "sensor":
            raise ConversionError(key, f"write a loop current in mA, not in {unit}")
        return Curve.through(points, loop_current=current and unit == "mA"), target
    except ConversionError:
        raise
    except ValueError as error:
        raise ConversionError(key, str(error)) from None


def limits(options: Bounds, unit: str | None) -> tuple[float, float] | None:
    """The range of a point of that unit, in it; ConversionError when it is none."""
    if options.range is None:
        return None
    try:
        # a bare number is in the point's own unit
        low, high = (limit.value if limit.unit is None else limit.to(unit) for limit in options.range)
    except ValueError as error:
        raise ConversionError("range", str(error)) from None
    if not low < high:
        raise ConversionError("range", f"the range must rise, got {low:g} … {high:g}")
    return low, high


_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def point_name(key: str) -> tuple[str | None, str]:
    """(part, name) of a point key `name` or `part/name`; ValueError when it is neither."""
    part, slash, name = key.rpartition("/")
    if not _NAME.fullmatch(name) or (slash and not _PART.fullmatch(part)) or len(name) > 64:
        raise ValueError(
            f"a point is named `name` or `part/name`: small letters, digits and `_` (a part also capitals and `-`);"
            f" got {key!r}"
        )
    return part or None, name


def point_of(key: str, made: Converted, codes: tuple[str, ...]) -> Point:
    """The declared point that a conversion yields."""
    part, name = point_name(key)
    return Point(name, made.type, made.unit, part, codes, made.counter)
