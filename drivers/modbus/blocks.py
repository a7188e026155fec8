"""The requests that read some points of a profile. Pure; the driver, the vectors and the site check share it."""

from __future__ import annotations

from collections.abc import Iterable

from drivers.modbus.cell import Cell
from drivers.modbus.language import ModbusProfile
from drivers.modbus.plan import Block, plan


def blocks_of(profile: ModbusProfile, keys: Iterable[str]) -> tuple[Block, ...]:
    """The requests for `keys`. Points that need not be there share none with those that must; they come last."""
    wanted: set[Cell] = set()
    fitted: set[Cell] = set()
    for key in keys:
        reading = profile.readings[key]
        if reading.cell is None:  # computed, or not there in this variant
            continue
        wanted.add(reading.cell)
        if not reading.optional:
            fitted.add(reading.cell)
    limits, base = profile.modbus.limits, profile.modbus.base
    return plan(wanted, limits, limits.forbidden(base), limits.boundaries(base), apart=wanted - fitted)
