"""What the answers look like, for the documentation. The tests hold every route to them, member by member.

Answers are built as plain dictionaries and encoded by msgspec: these models would cost five times as much.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.model import AlarmClass, AlarmState, Health, PointType

Scalar = float | int | bool | str | None
Grade = Literal["good", "uncertain", "bad"] | None
SeverityWord = Literal["critical", "high", "medium", "low", "journal"]
Item = TypeVar("Item")


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=False)


class Listing(Shape, Generic[Item]):
    """`next` is the `after` of the next page, null on the last."""

    items: list[Item]
    next: str | int | None


class Words(Shape):
    en: str
    zh: str


class Status(Shape):
    status: Literal["ok", "degraded", "failed"]


class Site(Shape):
    id: str
    name: Words
    timezone: str
    language: str
    version: str
    now: AwareDatetime
    status: Literal["ok", "degraded", "failed"]
    systems: list[str]
    devices: dict[Health, int] = Field(description="How many devices are in each state.")


class Place(Shape):
    building: str | None
    floor: str | None
    zone: str | None


class LinkFault(Shape):
    """As the driver said it."""

    kind: str = Field(
        description="connect, timeout, exception, bad_reply, crc, identity, decode, range, sensor: see docs/api.md."
    )
    message: str
    at: AwareDatetime


class DeviceError(LinkFault):
    """Beside the driver's kinds: config, no_value, undeclared, comm (points); silent; unavailable; resources."""

    why: Words = Field(description="The whole sentence, for people.")


class RoundTrip(Shape):
    p50: float | None
    p99: float | None


class Counts(Shape):
    """`bad` holds the `silent` ones, of which nothing came for too long, and none of those that are not fitted."""

    total: int
    good: int
    bad: int
    not_fitted: int
    silent: int


class Part(Shape):
    id: str
    name: Words | None
    location: Place


class Device(Shape):
    id: str
    name: Words
    system: str
    profile: str | None
    location: Place
    parts: list[Part] = Field(description="Those that the site names; points may have others.")
    health: Health
    since: AwareDatetime
    last_good_at: AwareDatetime | None
    age_s: float | None
    poll_s: float | None = Field(description="Null: nothing is expected of it unless something changes.")
    error: DeviceError | None
    success_ratio: float | None
    rtt_ms: RoundTrip
    points: Counts


class Refusal(Shape):
    """Registers that the device has refused: they are left out of the polls until `again_at`."""

    where: str
    why: str
    since: AwareDatetime
    again_at: AwareDatetime


class UnitNow(Shape):
    """A unit of a link since start; `unit` is its number on a Modbus link."""

    link: str
    endpoint: str = Field(description="The address in use, where a link has two.")
    name: str
    unit: int | None
    devices: list[str]
    variant: str | None = Field(description="The profile's variant that it has turned out to be.")
    available: bool | None = Field(description="The last word of its availability topic.")
    polls: int
    good: int
    overruns: int
    misses: int = Field(description="Cycles missed in a row.")
    errors: dict[str, int]
    exceptions: dict[str, int] = Field(description="The device's refusals by the standard's name.")
    error: LinkFault | None = Field(description="Null while its last request was good.")
    last_error: LinkFault | None
    why: Words | None
    last_good_at: AwareDatetime | None
    last_good_age_s: float | None
    backoff_until: AwareDatetime | None = Field(description="It is left out until then, and only probed.")
    rtt_ms: RoundTrip
    refused: list[Refusal]


class DeviceWithUnits(Device):
    """`causes` is all that is wrong, the nearest first; `notes` are worth knowing and no trouble."""

    causes: list[DeviceError]
    notes: list[DeviceError]
    units: list[UnitNow]


class Newcomer(Shape):
    """A device that has announced itself. It is never added by itself: `snippet` goes under `devices:`."""

    profile: str
    topic: str
    variables: dict[str, str]
    at: AwareDatetime
    known: bool
    available: bool | None = Field(description="The last word of its availability topic, where it has announced that.")
    snippet: str | None = Field(description="Null when the site has it.")


class Link(Shape):
    link: str
    endpoint: str
    connected: bool
    connects: int
    error: LinkFault | None
    why: Words | None
    down_s: float | None = Field(description="For how long it has been lost.")
    busy: float | None = Field(description="Share of the last minute with a question on the wire.")
    counts: dict[str, int] = Field(description="What an MQTT link counts of its messages, since start.")
    units: list[UnitNow]
    announced: list[Newcomer]


class PointSample(Shape):
    """`quality` null: not sampled since start. `value` is null whenever it is bad."""

    point: str
    part: str | None
    type: PointType
    unit: str | None
    codes: list[str]
    value: Scalar
    quality: Grade
    reason: str | None
    at: AwareDatetime | None
    source_at: AwareDatetime | None
    age_s: float | None


class PointNow(PointSample):
    """`last_good_age_s` is to be compared with `period_s`; null there: nothing is expected unless it changes."""

    last_good_at: AwareDatetime | None
    last_good_age_s: float | None
    period_s: float | None
    silent: bool = Field(description="Nothing came of it for three periods (at least 10 s).")
    why: Words | None = Field(description="Why it is not simply good.")


class Bucket(Shape):
    """Of numbers. `quality` null: nothing was stored. `late`: how many came from a backlog, after their time."""

    from_: AwareDatetime = Field(alias="from")
    to: AwareDatetime
    count: int
    bad: int
    min: float | None
    min_at: AwareDatetime | None
    max: float | None
    max_at: AwareDatetime | None
    mean: float | None
    last: float | None
    last_at: AwareDatetime | None
    late: int
    quality: Grade
    reason: str | None


class Change(Shape):
    """Of everything else: this value from then on. `late`: it came from a backlog, after its time."""

    at: AwareDatetime
    value: Scalar
    late: bool
    quality: Grade
    reason: str | None


class History(Shape):
    device: str
    point: str
    type: PointType | None
    unit: str | None
    from_: AwareDatetime = Field(alias="from")
    to: AwareDatetime
    kind: Literal["buckets", "changes"]
    truncated: bool
    items: list[Bucket] | list[Change]
    next: None


class Mute(Shape):
    kind: str
    reason: str
    by: str | None
    until: AwareDatetime | None
    one_shot: bool


class Alarm(Shape):
    occurrence: str
    rule: str
    source: str
    system: str
    severity: SeverityWord
    class_: AlarmClass = Field(alias="class")
    state: AlarmState
    condition: Literal["true", "false", "unknown"]
    latched: bool
    acked_by: str | None
    raised_at: AwareDatetime
    active_at: AwareDatetime
    returned_at: AwareDatetime | None
    value: Scalar
    limit: Scalar
    unit: str | None
    title: Words
    guidance: dict[str, Any] | None
    mutes: list[Mute]
    seq: int = Field(description="Send it back as `expected_seq`.")
    part: str | None
    location: Place = Field(description="Of the part, or else of the device.")


class Life(Shape):
    acked_at: AwareDatetime | None
    closed_at: AwareDatetime | None
    close_reason: str | None
    peak: Scalar
    announced: bool
    held: bool
    chatter: int
    chattering: bool


class AlarmWithLife(Alarm):
    life: Life


class Event(Shape):
    seq: int
    at: AwareDatetime
    kind: str
    occurrence: str | None
    rule: str | None
    source: str | None
    by: str | None
    body: dict[str, Any]


class Quarantined(Shape):
    """A message that is no sample. `text` is there when it is printable."""

    number: int
    at: AwareDatetime
    link: str
    topic: str
    reason: str
    message: str
    size: int
    payload: str = Field(description="Base64.")
    text: str | None


class Unbound(Shape):
    source: str | None
    why: str


class Rule(Shape):
    rule: str
    title: Words
    severity: SeverityWord
    class_: AlarmClass = Field(alias="class")
    guidance: dict[str, Any] | None
    instances: list[dict[str, Any]]
    unbound: list[Unbound]


class Snapshot(Shape):
    """How everything stands. It holds every row up to `seq`; what it shows may be newer."""

    reason: Literal["first", "resumed", "gap", "ahead"]
    seq: int
    site: Site
    alarms: list[Alarm]
    devices: list[Device]


class AlarmChange(Shape):
    """`event` null: the alarm moved without a row of the journal."""

    event: Event | None
    alarm: AlarmWithLife


class PointChange(PointSample):
    device: str


class Frames(Shape):
    """The live stream: what the `data` of each kind of event holds."""

    snapshot: Snapshot
    alarm: AlarmChange
    journal: Event
    health: Device
    point: PointChange


class ErrorAt(Shape):
    loc: list[str]
    message: str


class ProblemShape(Shape):
    """RFC 9457, as application/problem+json. `current`: the alarm as it is, when the command came too late."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[ErrorAt]
    current: Alarm | None


def answers(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route."""
    return {200: {"model": model}, "default": {"model": ProblemShape, "description": "A problem."}}
