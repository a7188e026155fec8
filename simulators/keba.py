"""A KEBA KeContact P30 on the wire: evcc's `keba-modbus.go` and keba-modbus-client.

Unit 255, function 3; every value is 32 bits in two registers and is asked for by itself. The energies count tenths of
a watt-hour (the sources disagree about 1502; this follows evcc).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulators.charger import Charger, Trouble
from simulators.pdu import Refusal, Refused, RegisterMap, Table

WORDS_PER_VALUE = 2
NOT_READY, READY, CHARGING, ERROR, SUSPENDED = 1, 2, 3, 4, 5
NO_CABLE, STATION_AND_CAR, LOCKED_AT_BOTH = 0, 5, 7


def keba_p30(charger: Callable[[], Charger]) -> RegisterMap:
    """One charging station; any question that is not for exactly one value is refused."""

    def registers(table: Table, address: int, count: int) -> Sequence[int] | None:
        if table is not Table.HOLDING:
            raise Refused(Refusal.ILLEGAL_FUNCTION)
        values = keba_values(charger())
        if address not in values:
            return None
        if count != WORDS_PER_VALUE:
            raise Refused(Refusal.ILLEGAL_VALUE)
        return [values[address] >> 16, values[address] & 0xFFFF]

    return registers


def keba_values(charger: Charger) -> dict[int, int]:
    """Address → value, for one state of the charging point."""
    amperes = [round(current * 1000) for current in charger.currents]
    volts = [round(voltage) for voltage in charger.voltages]
    return {
        1000: _state(charger),
        1004: _cable(charger),
        1006: 0 if charger.trouble is Trouble.NONE else 0x0001_0000 | list(Trouble).index(charger.trouble),
        1008: amperes[0],
        1010: amperes[1],
        1012: amperes[2],
        1014: 23_345_678,
        1016: 3_214_000,
        1018: 31_010,
        1020: round(charger.power * 1000),
        1036: round(charger.total_kwh * 10_000),
        1040: volts[0],
        1042: volts[1],
        1044: volts[2],
        1100: round(charger.shape.limit * 1000),
        1110: 32_000,
        1500: 0,
        1502: round(charger.session_kwh * 10_000),
        1550: 0,
        1552: charger.shape.phases,
        1600: 0,
        1602: 0,
    }


def _state(charger: Charger) -> int:
    if charger.trouble is not Trouble.NONE:
        return ERROR
    if charger.charging:
        return CHARGING
    if charger.car is None:
        return NOT_READY
    return SUSPENDED if charger.stopped else READY


def _cable(charger: Charger) -> int:
    if charger.car is None:
        return NO_CABLE
    return LOCKED_AT_BOTH if charger.charging else STATION_AND_CAR
