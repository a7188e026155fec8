"""What the simulated things look like on the wire: register maps, written from the makers' documents.

NICE3000+: fields of `NICE3000+_State.json`. ADAM-6024 and ADAM-4100: Advantech's Modbus tables. All values are read at
the moment of the request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from simulators.lift import Lift, Mode, Phase
from simulators.pdu import RegisterMap, Table, mapped

FULL_SCALE_MA = 20.0  # the modules are set to 0–20 mA: 0 … 65535 counts
COUNTS = 0xFFFF
LIVE_ZERO_MA = 4.0
STATUS_OK, STATUS_OVER, STATUS_UNDER = 0, 1, 2

MODE_CODES = {
    Mode.INSPECTION: 0,
    Mode.FIRE_RETURN: 3,
    Mode.FIREMAN: 4,
    Mode.FAULT: 5,
    Mode.ATTENDANT: 6,
    Mode.AUTOMATIC: 7,
    Mode.LOCKED: 8,
    Mode.PARKED: 9,
    Mode.VIP: 15,
}
MOTION_CODES = {Phase.OPENING: 1, Phase.OPEN: 2, Phase.CLOSING: 3, Phase.RUNNING: 5, Phase.STOPPED: 6}
WAITING, CLOSE_HELD = 0, 4
UP, DOWN, STANDING = 1, 2, 3


def nice3000(lift: Callable[[], Lift]) -> RegisterMap:
    """Controller of one lift. All of it is in the holding table: the maker's tool asks with function 3."""

    def registers(table: Table, address: int, count: int) -> Sequence[int] | None:
        if table is not Table.HOLDING:
            return None
        words = nice3000_words(lift())
        try:
            return [words[place] for place in range(address, address + count)]
        except KeyError:
            return None

    return registers


def nice3000_words(lift: Lift) -> dict[int, int]:
    """The controller's registers for one state of the lift."""
    shape = lift.shape
    speed = abs(lift.velocity)
    running = lift.phase is Phase.RUNNING
    words = {
        0x1010: round(speed * 1000),
        0x1011: round(shape.rated_speed * 1000),
        0x1012: 5400,  # bus voltage, 0.1 V
        0x1013: round((250 + 900 * lift.load_ratio) if running else 0),  # output current, 0.01 A
        0x1014: round(5000 * speed / shape.rated_speed),  # output frequency, 0.01 Hz
        0x1015: 0,
        0x1016: 0,
        0x1017: 0,
        0x1018: lift.floor,
        0x1019: round(max(0.0, lift.height) * 10),
        0x101A: round(lift.load_ratio * 1000),
        0x101B: _car_inputs(lift),
        0x101C: _car_outputs(lift),
        0x101D: _system_state(lift),
        0x101E: 0,
        0x101F: round(shape.rated_speed**2 / (2 * shape.acceleration) * 10),
        0x3000: STANDING if lift.velocity == 0 else UP if lift.velocity > 0 else DOWN,
        0x8000: lift.fault,
    }
    words.update(dict.fromkeys(range(0x1020, 0x1024), 0))  # terminals whose meaning the installer programmes
    words.update(_calls(0x2000, 6, 8, [(trip.destination, 0) for trip in lift.riding]))
    hall = [(trip.origin, 0 if trip.destination > trip.origin else 1) for trip in lift.waiting]
    words.update(_calls(0x2010, 12, 4, hall))
    return words


def _car_inputs(lift: Lift) -> int:
    return _bits({2: lift.door >= 1, 4: lift.door <= 0, 6: lift.full, 7: lift.overload})


def _car_outputs(lift: Lift) -> int:
    return _bits({0: lift.phase is Phase.OPENING, 1: lift.phase is Phase.CLOSING, 13: lift.overload})


def _system_state(lift: Lift) -> int:
    flags = _bits({2: lift.door <= 0, 3: lift.hall_fire, 12: lift.full, 13: lift.overload})
    return flags | MODE_CODES[lift.mode] << 4 | _motion(lift) << 8


def _motion(lift: Lift) -> int:
    if lift.phase is Phase.WAIT:
        return CLOSE_HELD if lift.riding or lift.waiting else WAITING
    return MOTION_CODES[lift.phase]


def _bits(flags: Mapping[int, bool]) -> int:
    return sum(1 << place for place, flag in flags.items() if flag)


def _calls(first: int, registers: int, floors_each: int, calls: list[tuple[int, int]]) -> dict[int, int]:
    """Call lamps: 8 floors a register for the car; 4 for the halls, each floor with an up bit and a down bit."""
    words = dict.fromkeys(range(first, first + registers), 0)
    width = 8 // floors_each
    for floor, direction in calls:
        register, place = divmod(floor - 1, floors_each)
        if register < registers:
            words[first + register] |= 1 << (place * width + direction)
    return words


def loop_current(value: float, low: float, high: float) -> float:
    """mA of a 4–20 mA transmitter spanned low … high; it saturates at 3.8 and 20.5 mA, as NAMUR NE 43 asks."""
    return min(20.5, max(3.8, LIVE_ZERO_MA + (value - low) / (high - low) * (FULL_SCALE_MA - LIVE_ZERO_MA)))


def adam_6024(currents: Callable[[], Sequence[float]], inputs: Callable[[], Sequence[bool]]) -> RegisterMap:
    """Six analogue inputs set to 0–20 mA at holding 0…5 (ref 40001), their status at 20…25, two outputs at 10…11,
    two digital inputs at coils 0…1 (ref 00001), two digital outputs at 16…17.

    An open loop is 0 mA, which lies within 0–20 mA: the module calls it ok.
    """

    def registers(table: Table, address: int, count: int) -> Sequence[int] | None:
        loops = currents()
        holding = {place: counts(current) for place, current in enumerate(loops)}
        holding |= {20 + place: status(current) for place, current in enumerate(loops)}
        holding |= {10: 0, 11: 0}
        coils = {place: int(closed) for place, closed in enumerate(inputs())} | {16: 0, 17: 0}
        return mapped({Table.HOLDING: holding, Table.COILS: coils})(table, address, count)

    return registers


def counts(current: float) -> int:
    """0…65535 for 0…20 mA; the converter saturates at both ends."""
    return min(COUNTS, max(0, round(current / FULL_SCALE_MA * COUNTS)))


def status(current: float) -> int:
    """The module's own judgement of a channel."""
    return STATUS_OVER if current > FULL_SCALE_MA else STATUS_UNDER if current < 0 else STATUS_OK


def adam_4100(inputs: Callable[[], Sequence[bool]]) -> RegisterMap:
    """Digital inputs as bits of holding 300 (ref 40301), outputs as bits of holding 302 (ref 40303)."""

    def registers(table: Table, address: int, count: int) -> Sequence[int] | None:
        word = sum(1 << place for place, closed in enumerate(inputs()) if closed)
        return mapped({Table.HOLDING: {300: word, 302: 0}})(table, address, count)

    return registers
