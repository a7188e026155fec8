"""The classical trap: 40001 of a manual is a reference number (the first holding register), not the wire's. Pure."""

from __future__ import annotations

from drivers.modbus.cell import Table
from drivers.profile import ModbusProfile

# as manuals write them, with the table in the first of five digits
_SPANS = {Table.HOLDING: (40001, 49999), Table.INPUT: (30001, 39999), Table.DISCRETE: (10001, 19999)}


def reference_trap(profile: ModbusProfile) -> str | None:
    """A sentence when each address looks like a reference number but is taken for a wire's; None when not."""
    base = profile.modbus.base
    cells = [reading.cell for reading in profile.readings.values() if reading.cell is not None]
    if base == "ref" or not cells:
        return None
    numbers = [cell.address + int(base) for cell in cells]
    first, last = min(numbers), max(numbers)
    if not any(low <= first and last <= high for low, high in _SPANS.values()):
        return None
    asked = min(cell.address for cell in cells)
    meant = f"{first} … {last}" if last > first else str(first)
    return (
        f"the addresses {meant} look like the reference numbers of a manual: those need `base: ref`"
        f" (40001 is the first holding register, 0 on the wire); as it stands, register {asked} is asked for"
    )


def is_reference(number: int, table: Table) -> bool:
    """Whether a manual would write a register of that table so; next to no device has one of that number."""
    low, high = _SPANS.get(table, (1, 0))
    return low <= number <= high
