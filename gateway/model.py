"""The words of the house as types (docs/design.md §2). Standard library only; imports nobody.

Times are integers in nanoseconds. `mono_ns` is building time that never steps and goes on across restarts without the
downtime; `wall_ns` is its UTC label (nanoseconds since 1970). Only the label may step.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple, NoReturn, Protocol

Value = float | int | bool | str | None
Truth = bool | None
"""A condition's answer: True, False, or None for UNKNOWN (Kleene)."""

SECOND = 1_000_000_000


class Instant(NamedTuple):
    """One moment of building time."""

    mono_ns: int
    wall_ns: int


class Text(NamedTuple):
    """A text in both languages of the product."""

    en: str
    zh: str

    def in_language(self, language: str) -> str:
        return self.zh if language == "zh" else self.en


class Quality(IntEnum):
    """Quality with its reason in one byte: 0 good, 0x40.. uncertain, 0x80.. bad."""

    GOOD = 0
    UNCERTAIN_INITIAL = 0x40
    UNCERTAIN_CLOCK = 0x41
    UNCERTAIN_BACKLOG = 0x42
    BAD_COMM = 0x80  # no answer, or an answer that is not provably this question's
    BAD_RANGE = 0x81  # outside the declared range
    BAD_SENSOR = 0x82  # live zero lost, wire break, sensor's own fault code
    BAD_CONFIG = 0x83  # the device says that the point is not programmed or not configured
    BAD_DECODE = 0x84  # NaN, infinity, not a text, undecodable
    BAD_NOT_FITTED = 0x85  # the device's "not present" code
    BAD_NO_VALUE = 0x86  # the device's "temporarily not available" code
    BAD_UNDECLARED = 0x87  # an enumeration code that the profile does not know

    @property
    def is_bad(self) -> bool:
        return self >= 0x80

    @property
    def is_good(self) -> bool:
        return self == 0

    @property
    def grade(self) -> str:
        """`good`, `uncertain` or `bad`."""
        return self.name.split("_", 1)[0].lower()

    @property
    def reason(self) -> str | None:
        """The reason in lower case (`sensor`, `not_fitted`), None when GOOD."""
        _, _, reason = self.name.partition("_")
        return reason.lower() or None


class PointType(StrEnum):
    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    ENUM = "enum"  # values are the enumeration's names (str)
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Point:
    """A declared point of a device. `codes` are an enumeration's names; `part` is the part it belongs to, if any.

    `counter` marks a number that only grows: the value at which it begins again at 0 (infinity: it only resets).
    """

    name: str
    type: PointType
    unit: str | None = None
    part: str | None = None
    codes: tuple[str, ...] = ()
    counter: float | None = None

    @property
    def key(self) -> str:
        """Unique within the device: `name`, or `part/name`."""
        return f"{self.part}/{self.name}" if self.part else self.name


@dataclass(frozen=True, slots=True)
class Location:
    building: str | None = None
    floor: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """An instance inside a device (a panel's detector): its own name and place, where the site gives them."""

    id: str
    name: Text | None = None
    location: Location = Location()


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A thing in the building as judgement, store, health and API see it: no wire in it.

    `points` includes the point `health` (enum HEALTH_CODES) that health publishes for every device. `poll_ns` is the
    time within which something is expected of it, 0 when nothing is: it speaks only when something changes, and its
    availability topic alone says whether it lives. `periods` are those of points (by key) that have another one; 0: the
    point is said only when it changes. `labels` are the site's own, for rules, routes and maintenance to choose by.
    `parts` are those that the site names; points may have others. `links` are those over which it is read. `made` marks
    by key what is made of a point's raw number: under another mark the same unit's values are not those of before.
    """

    id: str
    system: str
    name: Text
    profile: str | None
    location: Location
    poll_ns: int
    points: tuple[Point, ...]
    disabled: bool = False
    periods: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    made: Mapping[str, str] = field(default_factory=dict, compare=False)

    def place(self, part: str | None) -> Location:
        """Where the device, or that part of it, is; a part without a place of its own is where its device is."""
        own = self.parts.get(part) if part is not None else None
        if own is None:
            return self.location
        here, there = own.location, self.location
        return Location(here.building or there.building, here.floor or there.floor, here.zone or there.zone)


class Health(StrEnum):
    ONLINE = "online"
    DEGRADED = "degraded"
    STALE = "stale"
    OFFLINE = "offline"
    DISABLED = "disabled"
    STARTING = "starting"


HEALTH_POINT = Point("health", PointType.ENUM, codes=tuple(Health))
GATEWAY_DEVICE = "gateway"


@dataclass(frozen=True, eq=False)
class Layout:
    """What the columns of a frame mean. Immutable, made once per block plan and shared; compared by identity."""

    device: str
    points: tuple[Point, ...]


class FrameKind(IntEnum):
    LIVE = 0
    INITIAL = 1  # first after (re)connect: sets state, is not an edge
    HISTORY = 2  # stored at its own time, never current, no edge, no rate


@dataclass(slots=True)
class Frame:
    """The samples of one poll or one message, in columns, applied together.

    `quality` None means that all are GOOD. A BAD sample's value is None. `accept` is called once the frame is judged
    and durable (a PUBACK hangs on it); None means that nobody waits.
    """

    layout: Layout
    values: Sequence[Value]
    at: Instant
    quality: Sequence[int] | None = None
    source_ns: int | None = None
    kind: FrameKind = FrameKind.LIVE
    accept: Callable[[], None] | None = None


Emit = Callable[[Frame], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message that is no sample: its bytes, kept aside. `reason` is a code of drivers.mqtt.poison."""

    link: str
    topic: str
    payload: bytes
    reason: str
    message: str
    at: Instant


class ErrorKind(StrEnum):
    """Who failed and how, as health shows it."""

    CONNECT = "connect"  # refused, unreachable, closed
    TIMEOUT = "timeout"
    EXCEPTION = "exception"  # the device said no (Modbus exception by name in the message)
    BAD_REPLY = "bad_reply"  # a foreign answer: another function, unit, count or transaction than the question's
    CRC = "crc"  # bytes damaged on the way: a checksum does not fit
    IDENTITY = "identity"  # another type of device than the profile's, or none of its variants
    DECODE = "decode"
    RANGE = "range"
    SENSOR = "sensor"


@dataclass(frozen=True, slots=True)
class LinkError:
    kind: ErrorKind
    message: str
    at_wall_ns: int


class Refused(NamedTuple):
    """Registers that a device has refused, left out of its polls until `again_ns` (mono)."""

    where: str  # as in `anlou check --plan`: `holding 40…43`
    why: str
    since_wall_ns: int
    again_ns: int


class Announced(NamedTuple):
    """A device that has announced itself on a broker: shown, never added by itself.

    `available` is the last word of its availability topic, where that is the same one.
    """

    profile: str
    topic: str
    variables: Mapping[str, str]  # what a site would write under `vars`
    at_wall_ns: int
    known: bool  # the site has a device with these variables
    available: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitReport:
    """One unit on a link since start. `name` is the device's or module's id; `devices` whom it feeds.

    `unit` is its number on a Modbus link, None elsewhere. `available` is the last word of its availability topic
    (None: it has none, or it has not spoken), said at `available_at_ns` (mono). `polls` counts what was asked or came,
    `good` what of it was answered or sound. `error` is the present error, None while the last request was good;
    `last_error` stays. `exceptions` counts the device's refusals by the standard's name. `misses` are cycles missed in
    a row. `rtt_ns` holds the newest round trips (≤ 64). `backoff_until_ns` (mono) is set while a dead unit is skipped
    and only probed. `variant` is the profile's variant that the device has turned out to be.
    """

    name: str
    unit: int | None
    devices: tuple[str, ...]
    available: bool | None = None
    available_at_ns: int | None = None
    polls: int = 0
    good: int = 0
    errors: Mapping[ErrorKind, int] = field(default_factory=dict)
    error: LinkError | None = None
    last_error: LinkError | None = None
    last_good_mono_ns: int | None = None
    last_good_wall_ns: int | None = None
    rtt_ns: tuple[int, ...] = ()
    backoff_until_ns: int | None = None
    overruns: int = 0
    exceptions: Mapping[str, int] = field(default_factory=dict)
    misses: int = 0
    refused: tuple[Refused, ...] = ()
    variant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReport:
    """A link since start. `counts` are an MQTT link's (LINK_COUNTS); `lost_at_ns` (mono) is set while it is down.

    `endpoint` is the address in use (a link may have a second one). `busy` is the share of the last minute in which a
    question was on the wire, None where nothing is asked.
    """

    link: str
    endpoint: str
    connected: bool
    at: Instant
    error: LinkError | None = None
    connects: int = 0
    units: tuple[UnitReport, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    lost_at_ns: int | None = None
    announced: tuple[Announced, ...] = ()
    busy: float | None = None


LINK_COUNTS = (
    "messages",  # received, whatever became of them
    "quarantined",  # kept aside with their bytes
    "duplicates",  # delivered again, stored before
    "conflicts",  # the same event or moment with another content
    "unknown_device",  # from nobody that the site knows; also quarantined
    "retained",
    "history",  # records stored at a time of their own
    "clock",  # records whose source time could not be believed
    "ignored_fields",
    "missed",  # numbers that a sender's own count left out
    "restarts",  # a sender's own count began anew
    "gaps",  # the broker lost our session, or said that it dropped messages: something may be missing
    "overflows",  # the window was full: acknowledging stopped, and the connection was made anew
)


class Driver(Protocol):
    """One link's reader. `run` never returns: it leaves by cancellation or by a session error."""

    @property
    def link(self) -> str: ...
    @property
    def layouts(self) -> Sequence[Layout]: ...
    async def run(self, emit: Emit) -> NoReturn: ...


class Severity(IntEnum):
    CRITICAL = 1
    HIGH = 2
    MEDIUM = 3
    LOW = 4
    JOURNAL = 5

    @property
    def word(self) -> str:
        return self.name.lower()


class AlarmClass(StrEnum):
    LIFE_SAFETY = "life_safety"
    PROPERTY = "property"
    EQUIPMENT = "equipment"
    SYSTEM = "system"


class AlarmState(StrEnum):
    """ISA-18.2 states with our delay sub-states (docs/alarms.md)."""

    NORMAL = "normal"
    PENDING = "pending"
    UNACKED = "unacked"
    UNACKED_REC = "unacked_rec"
    ACKED = "acked"
    ACKED_REC = "acked_rec"
    RTN_UNACKED = "rtn_unacked"
    RTN_PENDING = "rtn_pending"
    LATCHED_UNACKED = "latched_unacked"
    LATCHED_ACKED = "latched_acked"


@dataclass(frozen=True, slots=True)
class Mute:
    """Why an alarm is not annunciated: `shelved`, `suppressed`, `out_of_service`, `silenced` or `maintenance`.

    `second` is the other person who agreed to take it out of service.
    """

    kind: str
    reason: str
    by: str | None = None
    until_wall_ns: int | None = None
    one_shot: bool = False
    second: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Nobody is told of these alarms for a while. `of` says which, as alerts.match.Match is written."""

    id: str  # ULID
    of: Mapping[str, Any]
    by: str
    reason: str
    began_ns: int  # wall
    until_wall_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One life of an alarm, from raise to close, as the journal keeps it and the API shows it.

    `seq` is the journal's number of its last change (what `expected_seq` is compared with). `closed_ns` is set when it
    is over; `close_reason` then says how (`returned`, `reset`, `rule_removed`, `disabled`, `superseded`).
    """

    occurrence: str  # ULID
    rule: str
    source: str  # `device` or `device/part`
    system: str
    severity: Severity
    class_: AlarmClass
    state: AlarmState
    condition: Truth
    latched: bool
    title: Text
    raised_ns: int  # wall
    active_ns: int  # wall time of the first TRUE sample
    returned_ns: int | None = None
    closed_ns: int | None = None
    close_reason: str | None = None
    acked_by: str | None = None
    acked_ns: int | None = None
    value: Value = None
    peak: Value = None
    limit: Value = None
    unit: str | None = None
    mutes: tuple[Mute, ...] = ()
    announced: bool = False
    held: bool = False  # the condition is UNKNOWN and the alarm is kept as it was
    chatter: int = 0
    chattering: bool = False  # it comes and goes too often (docs/alarms.md)
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A row of the journal. `body` is JSON-able and says what changed."""

    seq: int
    at: Instant
    kind: str
    occurrence: str | None = None
    rule: str | None = None
    source: str | None = None
    by: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message to a person or system, born in the same transaction as the event `seq` that it tells of.

    `reason`: raise, reraise, severity_up, returned (but latched), recover, repeat, escalate, raised_and_recovered,
    digest. `to` are the channels it goes to (None: all). `step` tells the notices of one event apart. `body` is
    JSON-able: what a digest, an end or an escalation says besides; the occurrence of a digest is the most severe of its
    alarms.
    """

    seq: int
    reason: str
    occurrence: Occurrence
    at: Instant
    to: tuple[str, ...] | None = None
    step: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InstanceSnapshot:
    """The whole state of one (rule, source), JSON-able, judged up to log position `position`."""

    rule: str
    source: str
    position: int
    state: Mapping[str, Any]


@dataclass(slots=True)
class Judgement:
    """What one frame, tick or command changed; committed to alarm.db in one transaction."""

    events: list[Event] = field(default_factory=list)
    occurrences: dict[str, Occurrence] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    instances: list[InstanceSnapshot] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.events or self.occurrences or self.notices or self.instances)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The engine as a whole: the columns that rules read and every instance, judged up to `position` at `at`."""

    position: int
    at: Instant
    next_seq: int
    columns: Mapping[str, Any]
    instances: tuple[InstanceSnapshot, ...]


class CommandKind(StrEnum):
    ACK = "ack"
    RESET = "reset"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    OUT_OF_SERVICE = "out_of_service"
    IN_SERVICE = "in_service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """An operator's wish. `shelve` needs `comment` and either `for_ns` or `one_shot`; reset needs `comment`.

    It is about an open occurrence, or about the alarm (`rule`, `source`), which need not be open to be taken out of
    service: that needs `permit`, `for_ns`, `comment`, and for life safety `second`, another person who agrees.
    """

    kind: CommandKind
    occurrence: str = ""
    by: str
    rule: str | None = None
    source: str | None = None
    permit: str | None = None
    second: str | None = None
    expected_seq: int | None = None
    comment: str | None = None
    for_ns: int | None = None
    one_shot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceWish:
    """An operator's wish that nobody is told of these alarms (`of` as in Silence) for a while."""

    of: Mapping[str, Any]
    for_ns: int
    by: str
    reason: str


class CommandRefused(Exception):  # noqa: N818 - the operator's command was refused; the gateway did not fail
    """`code`: not_found, stale, not_active, still_active, needs_ack, condition_unknown, life_safety, invalid."""

    def __init__(self, code: str, message: str, current: Occurrence | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.current = current


class Engine(Protocol):
    """Judgement: frames, ticks and commands in, transitions out. Pure of I/O; time is an argument."""

    def judge(self, frame: Frame, position: int) -> Judgement: ...
    def tick(self, now: Instant, position: int) -> Judgement: ...
    def command(self, command: Command, now: Instant, position: int) -> Judgement: ...
    def silence(self, wish: SilenceWish, now: Instant, position: int) -> tuple[Silence, Judgement]: ...
    def unsilence(self, silence: str, by: str, now: Instant, position: int) -> tuple[Silence, Judgement]: ...
    def note(
        self, kind: str, now: Instant, by: str | None = None, body: Mapping[str, Any] | None = None
    ) -> Judgement: ...
    def next_due(self) -> int | None: ...
    def checkpoint(self, now: Instant, position: int) -> Checkpoint: ...
