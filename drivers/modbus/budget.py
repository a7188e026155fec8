"""Whether a link has the time for what is due on it: requests, bytes and seconds of every unit and pace. Pure.

One question is in flight at a time, so a link's load is the sum of what its requests take, each divided by its period.
What the devices take to answer nobody knows before they have been asked; it is assumed here, and said.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from drivers.assign import LinkAssignment, Pace, UnitAssignment
from drivers.modbus.blocks import blocks_of
from drivers.modbus.codec import answer_bytes
from drivers.modbus.options import ModbusLinkOptions
from drivers.modbus.pace import PROBE_FIRST, PROBE_REST
from drivers.modbus.plan import Block
from drivers.profile import ModbusProfile
from gateway.fields import duration_words
from gateway.model import SECOND

_MS = SECOND // 1000
# from the end of a question to the beginning of its answer, by a device on a serial line. JUMO LOGOSCREEN nt, manual
# §4.3: typically 5 … 45 ms; single-processor devices begin within 20 … 30 ms
SERIAL_ANSWER = 20 * _MS
# of a device or a serial server with a network port of its own, for the whole question and answer
NETWORK_ANSWER = 20 * _MS
# of a gateway with a serial line behind it of which nothing is said: over 85 ms with a common converter (SmartEVSE,
# pull request 302)
GATEWAY_ANSWER = 85 * _MS
FULL = 0.7
"""Above this share of its time a link has little left for repeats, probes and cuts: worth a warning."""

# bytes of a question and of an answer without its data: unit, function, address, count, CRC; unit, function, byte
# count, CRC (MODBUS over Serial Line V1.02 §2.3). Over TCP a header stands for unit and CRC (MODBUS Messaging on TCP/IP
# V1.0b §3.1.3)
_RTU = (8, 5)
_TCP = (12, 9)
_STEPS = (1, 2, 3, 4, 5, 10, 15, 20, 30)
_NICE = [*(step * SECOND for step in _STEPS), *(step * 60 * SECOND for step in _STEPS), 3600 * SECOND]
"""Periods that people would write."""
_MOST = 10
"""A unit is asked to be that much slower at most, before all of them are."""


@dataclass(frozen=True)
class PaceBudget:
    """One cycle of a pace: its requests, their bytes both ways, and how long they take."""

    period_ns: int
    urgent: bool
    points: int
    blocks: tuple[Block, ...]
    bytes_out: int
    bytes_in: int
    seconds: float

    @property
    def load(self) -> float:
        """Share of the link's time."""
        return self.seconds * SECOND / self.period_ns


@dataclass(frozen=True)
class UnitBudget:
    """A unit of the link. `dead_s`: what one question costs that it does not answer."""

    name: str
    unit: int
    profile: str
    paces: tuple[PaceBudget, ...]
    dead_s: float

    @property
    def load(self) -> float:
        return sum(pace.load for pace in self.paces)


@dataclass(frozen=True)
class LinkBudget:
    """A link and its units. `answer_ns` is what a device is assumed to take; `told`: the site says so itself."""

    link: str
    options: ModbusLinkOptions
    answer_ns: int
    told: bool
    units: tuple[UnitBudget, ...]

    @cached_property
    def paces(self) -> tuple[PaceBudget, ...]:
        return tuple(pace for unit in self.units for pace in unit.paces)

    @cached_property
    def load(self) -> float:
        """Share of its time that is due; above 1 it cannot do all its polls."""
        return sum(unit.load for unit in self.units)

    @property
    def period_ns(self) -> int:
        """The shortest period on the link."""
        return min(pace.period_ns for pace in self.paces)

    @property
    def due_s(self) -> float:
        """What is due in the shortest period, slower paces by their share."""
        return self.load * self.period_ns / SECOND

    @property
    def cycle_s(self) -> float:
        """How long it takes when everything is due at once."""
        return sum(pace.seconds for pace in self.paces)

    @property
    def requests_due(self) -> float:
        """Requests in the shortest period, slower paces by their share."""
        return sum(len(pace.blocks) * self.period_ns / pace.period_ns for pace in self.paces)

    @property
    def load_with_dead(self) -> float:
        """The load in the long run with the one dead unit that costs most: instead of its polls it is probed."""
        most = 0.0
        for unit in self.units:
            between = max(PROBE_FIRST / SECOND, PROBE_REST * unit.dead_s)
            most = max(most, unit.dead_s / (unit.dead_s + between) - unit.load)
        return self.load + most

    @property
    def dead_s(self) -> float:
        """How long the others wait for a unit that has just died, in each of two cycles, until it is skipped."""
        return max(unit.dead_s for unit in self.units) * (1 + self.options.retries)

    def slower(self, answer_ns: int) -> float:
        """The load if the devices took `answer_ns` to answer."""
        requests_per_s = sum(len(pace.blocks) * SECOND / pace.period_ns for pace in self.paces)
        return self.load + requests_per_s * (answer_ns - self.answer_ns) / SECOND

    @property
    def is_gateway(self) -> bool:
        """Several units behind one network port, and nothing said of the line that they are on."""
        numbers = {unit.unit for unit in self.units}
        return self.options.line is None and not self.told and len(numbers) > 1


def budget(assignment: LinkAssignment, options: ModbusLinkOptions) -> LinkBudget:
    """The arithmetic of a Modbus link."""
    answer_ns = options.assumed_rtt or _assumed(options)
    units = tuple(_unit(unit, options, answer_ns) for unit in assignment.units)
    return LinkBudget(assignment.link, options, answer_ns, options.assumed_rtt is not None, units)


def overrun(found: LinkBudget) -> str | None:
    """Why the link cannot do its polls, and what would help; None when it can."""
    if found.load <= 1:
        return None
    return f"{_needs(found)}; {_cure(found)}"


def tight(found: LinkBudget) -> str | None:
    """Why the link may not be able to do its polls; None when there is time enough."""
    if found.load > 1:
        return None
    if found.load > FULL:
        return f"{_needs(found)}: little is left for repeats and for units that do not answer"
    if found.is_gateway and (slow := found.slower(GATEWAY_ANSWER)) > 1:
        needed, each = _seconds(slow * found.period_ns / SECOND), duration_words(GATEWAY_ANSWER)
        return (
            f"{len(found.units)} units behind one port may be a gateway with a serial line; if it takes {each} for each"
            f" answer, {needed} are needed for what is due each {duration_words(found.period_ns)}: measure how long it"
            " takes, and say `assumed_rtt`"
        )
    return None


def _assumed(options: ModbusLinkOptions) -> int:
    if not options.rtu:
        return NETWORK_ANSWER
    return SERIAL_ANSWER if options.modbus.scheme == "rtu" else SERIAL_ANSWER + NETWORK_ANSWER


def _unit(unit: UnitAssignment, options: ModbusLinkOptions, answer_ns: int) -> UnitBudget:
    profile = unit.spec.profile
    if not isinstance(profile, ModbusProfile) or unit.unit is None:
        raise TypeError(f"{unit.spec.name}: {profile.profile} is no profile of registers")
    paces = tuple(_pace(pace, profile, options, answer_ns) for pace in unit.paces)
    patience = options.answer_ns(2, profile.modbus.limits.timeout)
    dead_s = patience / SECOND + _pause(profile, options)
    return UnitBudget(unit.spec.name, unit.unit, profile.profile, paces, dead_s)


def _pace(pace: Pace, profile: ModbusProfile, options: ModbusLinkOptions, answer_ns: int) -> PaceBudget:
    question, bare = _RTU if options.rtu else _TCP
    blocks = blocks_of(profile, pace.keys)
    out = [question for _ in blocks]
    back = [bare + answer_bytes(block) for block in blocks]
    seconds = len(blocks) * (answer_ns / SECOND + _pause(profile, options))
    if options.line is not None:
        seconds += options.line.seconds(sum(out) + sum(back))
    return PaceBudget(pace.period_ns, pace.urgent, len(pace.keys), blocks, sum(out), sum(back), seconds)


def _pause(profile: ModbusProfile, options: ModbusLinkOptions) -> float:
    """The silence between an answer and the next question."""
    gap_ns = options.line.gap_ns if options.line is not None else 0
    return max(gap_ns, options.pause, profile.modbus.limits.pause or 0) / SECOND


def _needs(found: LinkBudget) -> str:
    line = found.options.line
    bus = f"this {line.baud:,}-baud bus" if line is not None else "this link"
    told = "" if found.told else " (assumed: `assumed_rtt` may say otherwise)"
    return (
        f"{bus} needs {_seconds(found.due_s)} for what is due each {duration_words(found.period_ns)}:"
        f" {found.requests_due:.3g} requests of {len(found.units)} unit{'s' if len(found.units) > 1 else ''},"
        f" {duration_words(found.answer_ns)} for each answer{told}"
    )


def _cure(found: LinkBudget) -> str:
    """One unit that is polled too often, when that alone is it; else all of them."""
    most = max(found.units, key=lambda unit: unit.load)
    quick = min(pace.period_ns for pace in most.paces)
    own = sum(pace.seconds for pace in most.paces if pace.period_ns == quick)
    rest = found.load - own * SECOND / quick
    if rest < FULL and (period := _nice(own * SECOND / (FULL - rest))) <= _MOST * quick:
        return f"poll {most.name} each {duration_words(period)}"
    factor = found.load / FULL
    return f"poll its units {factor:.1f} times less often, each {duration_words(_nice(factor * found.period_ns))}"


def _nice(nanoseconds: float) -> int:
    """The next longer period that people would write."""
    return next((nice for nice in _NICE if nice >= nanoseconds), _NICE[-1])


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
