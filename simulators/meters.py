"""What measures electricity, on the wire: Eastron SDM630 (mbmd's `sdm.go`) and the Acrel ASJ residual-current relay.

Values are read at the moment of the request, of the feeder that they hang on.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence

from simulators.feeder import Feeder, Phases
from simulators.pdu import Refusal, Refused, RegisterMap, Table

SDM630_MOST = 80
SDM630_END = 0x0180
"""Behind the last measured value of the maker's table; what the table leaves out before it reads 0.0."""
FREQUENCY = 50.0
ASJ_MOST_MA = 30_000
ASJ_NORMAL, ASJ_WARNING, ASJ_ALARM, ASJ_BROKEN = 0b000, 0b001, 0b010, 0b100


def sdm630(feeder: Callable[[], Feeder]) -> RegisterMap:
    """A three-phase meter: function 4, each value a big-endian float in two registers, at most 80 registers at once.

    A question that begins or ends within a value is refused, with code 2 for its beginning and 3 for its length.
    """

    def registers(table: Table, address: int, count: int) -> Sequence[int] | None:
        if table is not Table.INPUT:
            raise Refused(Refusal.ILLEGAL_FUNCTION)
        if count % 2 or count > SDM630_MOST:
            raise Refused(Refusal.ILLEGAL_VALUE)
        if address % 2 or address + count > SDM630_END:
            return None
        values = sdm630_values(feeder())
        words: list[int] = []
        for place in range(address, address + count, 2):
            words += struct.unpack(">HH", struct.pack(">f", values.get(place, 0.0)))
        return words

    return registers


def sdm630_values(feeder: Feeder) -> dict[int, float]:
    """Address → value, in the units of the maker's table."""
    apparent = [volts * amperes for volts, amperes in zip(feeder.voltages, feeder.currents, strict=True)]
    power, reactive, total = feeder.power, sum(feeder.reactive), sum(apparent)
    values = {
        **_phases(0x0000, feeder.voltages),
        **_phases(0x0006, feeder.currents),
        **_phases(0x000C, feeder.powers),
        **_phases(0x0012, apparent),
        **_phases(0x0018, feeder.reactive),
        **_phases(0x001E, [_ratio(watts, each) for watts, each in zip(feeder.powers, apparent, strict=True)]),
        0x0034: power,
        0x0038: total,
        0x003C: reactive,
        0x003E: _ratio(power, total),
        0x0046: FREQUENCY,
        0x0048: feeder.energy,
        0x004C: sum(feeder.reactive_energies),
        0x0156: feeder.energy,
        0x0158: sum(feeder.reactive_energies),
        **_phases(0x00EA, (2.1, 2.0, 2.2)),
        0x00F8: 2.1,
        **_phases(0x015A, feeder.energies),
    }
    return values


def _phases(first: int, values: Sequence[float] | Phases) -> Mapping[int, float]:
    return {first + 2 * place: value for place, value in enumerate(values)}


def _ratio(power: float, apparent: float) -> float:
    return min(1.0, power / apparent) if apparent else 1.0


def acrel_asj(
    feeder: Callable[[], Feeder], broken: Callable[[], bool], *, rated: int = 300, warning: int = 50, unit: int = 1
) -> RegisterMap:
    """A residual-current relay set to `rated` mA, warning at `warning` percent of it; function 3.

    With a broken sensor line it measures nothing and says so.
    """

    def registers(table: Table, address: int, count: int) -> Sequence[int] | None:
        if table is not Table.HOLDING:
            raise Refused(Refusal.ILLEGAL_FUNCTION)
        words = asj_words(feeder().leakage, broken(), rated, warning, unit)
        try:
            return [words[place] for place in range(address, address + count)]
        except KeyError:
            return None

    return registers


def asj_words(leakage: float, broken: bool, rated: int, warning: int, unit: int) -> dict[int, int]:
    """The relay's registers for one residual current, mA."""
    measured = 0 if broken else min(ASJ_MOST_MA, round(leakage))
    if broken:
        status = ASJ_BROKEN
    elif measured >= rated:
        status = ASJ_ALARM
    else:
        status = ASJ_WARNING if measured >= rated * warning / 100 else ASJ_NORMAL
    return {
        0x0000: measured,
        0x0008: rated,
        0x0009: warning,
        0x0010: 200,  # non-driving time, ms
        0x0018: unit,
        0x0019: 2,  # baud rate code, descending: 0 = 38400 … 5 = 1200
        0x001A: 1,  # line-break alarm enabled
        0x001B: status,
        0x001E: 0,
        0x0024: 26 << 8 | 1,
        0x0025: 1 << 8,
    }
