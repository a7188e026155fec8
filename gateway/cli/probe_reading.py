"""Reading registers for the bench: block by block, around what a device refuses, never faster than its limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from drivers.assign import UnitAssignment
from drivers.base import DriverError, RequestError, SessionError
from drivers.bench.decoding import Said, decoded, unpacked
from drivers.bench.hints import DeviceHint, Hint, around, device_hints, needs_hint, point_hints
from drivers.modbus.blocks import blocks_of
from drivers.modbus.cell import Cell, Table
from drivers.modbus.codec import answer_bytes
from drivers.modbus.exceptions import Consequence, ExceptionAnswer
from drivers.modbus.frame import Question
from drivers.modbus.limits import Limits
from drivers.modbus.plan import Block, halves
from drivers.modbus.reading import Reading
from drivers.profile import ModbusProfile
from gateway.cli.probe_link import Asker
from gateway.clock import Clock
from gateway.model import SECOND, Quality

# looking for what a device refuses, and around what reads wrong, ends somewhere
MOST_CUTS = 64
MOST_HINTED = 12
MOST_EDGES = 12
# silence twice in a row, and nothing ever answered: nobody is there
SILENCES = 2
BUSY_PAUSE = SECOND // 5


@dataclass(slots=True)
class Asked:
    """One question and what became of it. `payload` None: `error` says why."""

    unit: int
    block: Block
    took_s: float | None = None
    payload: bytes | None = None
    error: DriverError | None = None
    aside: bool = False
    """Asked only to see whether a neighbour fits better."""


@dataclass(slots=True)
class UnitReader:
    """Asks one unit, keeps what it has said, and rests between two questions as long as the device wants."""

    asker: Asker
    clock: Clock
    unit: int
    limits: Limits = field(default_factory=Limits)
    timeout_ns: int | None = None
    asked: list[Asked] = field(default_factory=list)
    registers: dict[tuple[Table, int], int] = field(default_factory=dict)
    missing: dict[tuple[Table, int], int] = field(default_factory=dict)
    took_s: dict[tuple[Table, int], float] = field(default_factory=dict)
    silences: int = 0

    @property
    def gone(self) -> bool:
        """It is not worth asking any further."""
        return self.silences >= SILENCES

    async def read(self, blocks: Iterable[Block], *, optional: Iterable[Cell] = ()) -> None:
        """Ask for all blocks; one that is refused is cut until only what is not there is left out."""
        may_lack = set(optional)
        waiting = list(blocks)
        cuts = 0
        while waiting:
            block = waiting.pop(0)
            reason = Quality.BAD_COMM
            if not self.gone:
                asked = await self._twice_when_busy(block)
                if asked.payload is not None:
                    continue
                if isinstance(asked.error, ExceptionAnswer) and asked.error.consequence is Consequence.REFUSED:
                    parts = halves(block, self.limits) if asked.error.can_be_cut and cuts < MOST_CUTS else None
                    if parts is not None:
                        cuts += 1
                        waiting[:0] = parts
                        continue
                    reason = Quality.BAD_NOT_FITTED if may_lack.issuperset(block.cells) else Quality.BAD_CONFIG
            self.missing |= {(block.table, address): int(reason) for address in range(block.address, block.end)}

    async def _twice_when_busy(self, block: Block) -> Asked:
        asked = await self.ask(block)
        if isinstance(asked.error, ExceptionAnswer) and asked.error.consequence is Consequence.BUSY:
            await self._rest(BUSY_PAUSE)
            asked = await self.ask(block)
        return asked

    async def ask(self, block: Block) -> Asked:
        """One question, whatever becomes of it."""
        if self.asked:
            await self._rest(self.limits.pause or 0)
        size = answer_bytes(block)
        timeout_ns = self.timeout_ns if self.timeout_ns is not None else self.limits.timeout
        question = Question(self.unit, block.table.function, block.address, block.count, size, timeout_ns)
        asked = Asked(self.unit, block)
        self.asked.append(asked)
        try:
            reply = await self.asker.ask(question)
        except (RequestError, SessionError) as error:
            asked.error = error
            answers = isinstance(error, ExceptionAnswer) and error.consequence is not Consequence.ABSENT
            self.silences = 0 if answers else self.silences + 1
            return asked
        self.silences = 0
        asked.payload, asked.took_s = reply
        found = unpacked(block, reply.payload)
        self.registers |= found
        self.took_s |= dict.fromkeys(found, reply.took_s)
        return asked

    async def _rest(self, pause_ns: int) -> None:
        if pause_ns:
            await self.clock.sleep_until(self.clock.now().mono_ns + pause_ns)


@dataclass(frozen=True, slots=True)
class Read:
    """A point as it was read. `words` None: not all of them are there, or it has none of its own."""

    key: str
    unit: int
    reading: Reading
    cell: Cell | None
    words: tuple[int, ...] | None
    said: Said
    took_s: float | None
    hints: tuple[Hint, ...] = ()


@dataclass(slots=True)
class DeviceRead:
    """Everything that was read of a device. `misfit` says why no variant of its profile fits."""

    points: list[Read] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    hints: list[DeviceHint] = field(default_factory=list)
    variant: str | None = None
    misfit: str | None = None


async def read_device(assignments: Iterable[UnitAssignment], asker: Asker, clock: Clock) -> DeviceRead:
    """Read every point of a device once, who it is first, and look for what would read better."""
    found = DeviceRead()
    for assignment in assignments:
        profile, number = assignment.spec.profile, assignment.unit
        if not isinstance(profile, ModbusProfile) or number is None:
            raise TypeError(f"{profile.profile} is no profile of registers")
        reader = UnitReader(asker, clock, number, profile.modbus.limits)
        chosen = await _chosen(profile, assignment.keys, reader, found)
        await _read_keys(chosen, assignment.keys, reader)
        await _tell(chosen, assignment.keys, reader, found)
        found.asked += reader.asked
    return found


async def _chosen(
    profile: ModbusProfile, keys: tuple[str, ...], reader: UnitReader, found: DeviceRead
) -> ModbusProfile:
    """The profile's variant that the device turns out to be."""
    who = [key for key in profile.identity if key in keys]
    if not who:
        return profile
    await _read_keys(profile, tuple(who), reader)
    said = decoded({key: profile.readings[key] for key in who}, reader.registers, reader.missing)
    chosen = profile.chosen({key: one.value for key, one in said.items()})
    if chosen is None:
        told = ", ".join(f"{key} = {one.value!r}" for key, one in said.items())
        found.misfit = f"none of the variants of {profile.profile} fits: it says {told}"
        return profile
    found.variant = chosen.variant_name
    return chosen


async def _read_keys(profile: ModbusProfile, keys: tuple[str, ...], reader: UnitReader) -> None:
    cells = {key: cell for key in keys if (cell := profile.readings[key].cell) is not None}
    fitted = {cell for key, cell in cells.items() if not profile.readings[key].optional}
    blocks = blocks_of(profile, keys)
    warm_up = max((profile.readings[key].warm_up or (0, 0) for key in keys), default=(0, 0))[0]
    for _ in range(warm_up + 1):
        await reader.read(blocks, optional=set(cells.values()) - fitted)


async def _tell(profile: ModbusProfile, keys: tuple[str, ...], reader: UnitReader, found: DeviceRead) -> None:
    readings = {key: profile.readings[key] for key in keys}
    said = decoded(readings, reader.registers, reader.missing)
    wrong = [key for key in keys if needs_hint(readings[key], said[key])]
    if wrong and not reader.gone:
        await _look_around([readings[key] for key in wrong[:MOST_HINTED]], profile, reader)
        found.hints += device_hints(readings, reader.registers)
    for key, reading in readings.items():
        cell = reading.cell
        places = [] if cell is None else [(cell.table, address) for address in range(cell.address, cell.end)]
        whole = places and all(place in reader.registers for place in places)
        words = tuple(reader.registers[place] for place in places) if whole else None
        took = max((reader.took_s[place] for place in places), default=None) if whole else None
        hints = tuple(point_hints(key, readings, reader.registers)) if key in wrong else ()
        found.points.append(Read(key, reader.unit, reading, cell, words, said[key], took, hints))


async def _look_around(readings: Iterable[Reading], profile: ModbusProfile, reader: UnitReader) -> None:
    """The neighbours of what reads wrong, as far as the device has them and the profile lets them be read."""
    forbidden = profile.modbus.limits.forbidden(profile.modbus.base)
    edges: dict[tuple[Table, int], None] = {}
    for reading in readings:
        if (cell := reading.cell) is not None:
            first, end = around(cell)
            edges |= dict.fromkeys([(cell.table, first), (cell.table, end - 1)])
    unread = [edge for edge in edges if edge not in reader.registers and not _stands_in(edge[1], forbidden)]
    for table, address in unread[:MOST_EDGES]:
        if not reader.gone:
            (await reader.ask(Block(table, address, 1, ()))).aside = True


def _stands_in(address: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(low <= address <= high for low, high in spans)


def refusals(asked: Iterable[Asked]) -> Mapping[str, int]:
    """What went wrong with questions, and how often."""
    found: dict[str, int] = {}
    for one in asked:
        if one.error is not None and not one.aside:
            found[one.error.message] = found.get(one.error.message, 0) + 1
    return found
