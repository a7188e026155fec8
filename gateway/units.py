"""Units of measurement: the few dimensions a building has, with their factors to the SI base. Standard library only."""

from __future__ import annotations

# unit → (dimension, factor, offset): base = value × factor + offset
UNITS: dict[str, tuple[str, float, float]] = {
    "m": ("length", 1.0, 0.0),
    "cm": ("length", 0.01, 0.0),
    "mm": ("length", 0.001, 0.0),
    "m/s": ("speed", 1.0, 0.0),
    "mm/s": ("speed", 0.001, 0.0),
    "A": ("current", 1.0, 0.0),
    "mA": ("current", 0.001, 0.0),
    "V": ("voltage", 1.0, 0.0),
    "mV": ("voltage", 0.001, 0.0),
    "kV": ("voltage", 1000.0, 0.0),
    "W": ("power", 1.0, 0.0),
    "mW": ("power", 0.001, 0.0),
    "kW": ("power", 1000.0, 0.0),
    "VA": ("apparent_power", 1.0, 0.0),
    "kVA": ("apparent_power", 1000.0, 0.0),
    "var": ("reactive_power", 1.0, 0.0),
    "kvar": ("reactive_power", 1000.0, 0.0),
    "Wh": ("energy", 1.0, 0.0),
    "kWh": ("energy", 1000.0, 0.0),
    "varh": ("reactive_energy", 1.0, 0.0),
    "kvarh": ("reactive_energy", 1000.0, 0.0),
    "VAh": ("apparent_energy", 1.0, 0.0),
    "Hz": ("frequency", 1.0, 0.0),
    "rpm": ("rotation", 1.0, 0.0),
    "°C": ("temperature", 1.0, 273.15),
    "K": ("temperature", 1.0, 0.0),
    "Pa": ("pressure", 1.0, 0.0),
    "kPa": ("pressure", 1e3, 0.0),
    "MPa": ("pressure", 1e6, 0.0),
    "bar": ("pressure", 1e5, 0.0),
    "L/s": ("flow", 0.001, 0.0),
    "m³/h": ("flow", 1 / 3600, 0.0),
    "%": ("ratio", 0.01, 0.0),
    "1": ("ratio", 1.0, 0.0),
    "°": ("angle", 1.0, 0.0),
    "s": ("time", 1.0, 0.0),
    "ms": ("time", 0.001, 0.0),
    "min": ("time", 60.0, 0.0),
    "h": ("time", 3600.0, 0.0),
    "B": ("size", 1.0, 0.0),
}


class UnitError(ValueError):
    """A unit that is not known, or two that do not measure the same thing."""


def convert(value: float, unit: str, to: str, *, difference: bool = False) -> float:
    """`value` of `unit` in `to`. A `difference` (deadband, rate) ignores the temperature scales' offsets."""
    if unit == to:
        return value
    for name in (unit, to):
        if name not in UNITS:
            raise UnitError(f"unknown unit {name!r}; known: {', '.join(UNITS)}")
    dimension, factor, offset = UNITS[unit]
    to_dimension, to_factor, to_offset = UNITS[to]
    if dimension != to_dimension:
        raise UnitError(f"{unit!r} measures {dimension}, but {to!r} measures {to_dimension}")
    if difference:
        offset = to_offset = 0.0
    # twelve digits: 10 cm is 0.1 m, not 0.1 and a half of the last bit
    return float(f"{(value * factor + offset - to_offset) / to_factor:.12g}")
