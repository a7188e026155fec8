"""The words of a file of rule tests: what happens at which time, and what must have come of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, RootModel
from pydantic.json_schema import JsonSchemaValue, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from gateway.fields import Duration, Id, Line, Prose, SeverityField, Strict, parse_duration
from gateway.model import AlarmState, Health, Quality
from gateway.near import either, hint, nearest_all

LONGEST_NS = 366 * 86_400 * 10**9

BAD_REASONS = {str(one.reason): one for one in Quality if one.is_bad}
UNCERTAIN_REASONS = {str(one.reason): one for one in Quality if not one.is_bad and not one.is_good}
REFUSALS = (
    "not_found",
    "stale",
    "not_active",
    "still_active",
    "needs_ack",
    "condition_unknown",
    "life_safety",
    "invalid",
)


class _OneOf:
    """One of these words; an editor knows them."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = tuple(words)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "enum": list(self._words)}

    def _check(self, value: str) -> str:
        if value not in self._words:
            raise ValueError(f"one of {', '.join(self._words)} is expected, got {value!r}{hint(value, self._words)}")
        return value


_ROWS = (
    *("raise", "reraise", "severity_up", "severity_down", "reclassify", "return", "return_cancelled", "returning"),
    *("ack", "reset", "close", "recover", "escalate", "digest"),
    *("shelve", "unshelve", "suppress", "unsuppress", "out_of_service", "in_service", "silence", "unsilence"),
    *("maintenance", "maintenance_over", "flood_begin", "flood_end", "chatter_begin", "chatter_end"),
    *("clock_step", "start", "stop", "reload", "reload_refused"),
)
_NOTICES = (
    *("raise", "reraise", "severity_up", "returned", "recover", "raised_and_recovered"),
    *("repeat", "escalate", "digest"),
)


def slip_of_kind(kind: str) -> str | None:
    """What is nearly a common kind of row is a slip and counts none; parts of the house have kinds of their own."""
    if kind not in _ROWS and (near := nearest_all(kind, _ROWS, cutoff=0.75)):
        return f"no row is of the kind {kind!r}; did you mean {either(near)}?"
    return None


def _row_kind(kind: str) -> str:
    if slip := slip_of_kind(kind):
        raise ValueError(slip)
    return kind


RowKind = Annotated[Line, AfterValidator(_row_kind)]


def listed(value: Any) -> Any:
    """One needs no brackets."""
    return value if isinstance(value, list) else [value]


def about(value: Any) -> Any:
    """An alarm alone is a command without anything else to say."""
    return {"alarm": value} if isinstance(value, str) else value


def _span(value: Any) -> int:
    """A duration that may go back: `-1h`."""
    if isinstance(value, str) and value.strip().startswith("-"):
        return -parse_duration(value.strip()[1:])
    return parse_duration(value)


BadReason = Annotated[str, _OneOf(BAD_REASONS)]
UncertainReason = Annotated[str, _OneOf(UNCERTAIN_REASONS)]
State = Annotated[AlarmState, Field(strict=False)]
Span = Annotated[int, BeforeValidator(_span), WithJsonSchema({"type": "string"})]
Moment = Annotated[Duration, Field(le=LONGEST_NS)]
"""Since the beginning of the test."""
Names = Annotated[list[Id], BeforeValidator(listed)]
Settings = dict[str, Any]
"""`device.point` or `device.part/point` → its value."""


class Ramp(Strict):
    """A number that moves evenly from what it is (or `from`) to `to`."""

    to: Any
    over: Annotated[Duration, Field(gt=0)]
    from_: Any = Field(None, alias="from")


class Stored(Strict):
    """What a device measured earlier and says only now."""

    ago: Duration
    set: Settings = Field(min_length=1)


class Backlog(Strict):
    """Points are named as on the device: `floor_level`, `pump-1/pump_run`."""

    device: Id
    samples: list[Stored] = Field(min_length=1)


class Restart(Strict):
    """The gateway is killed, and started again `after` this time."""

    after: Annotated[Duration, Field(le=LONGEST_NS)]


class Wish(Strict):
    """An operator's command. `refused`: the code with which it must be refused."""

    alarm: Line
    by: Line = "operator"
    comment: Prose | None = None
    refused: Annotated[str, _OneOf(REFUSALS)] | None = None


class Reset(Wish):
    comment: Prose | None = "rule test"


class Shelve(Reset):
    for_: Duration | None = Field(None, alias="for")
    one_shot: bool = False


class OutOfService(Reset):
    permit: Line | None = None
    for_: Duration | None = Field(None, alias="for")
    second: Line | None = None


class Shown(Strict):
    """What is expected of an alarm; what is not said is not looked at."""

    state: State | None = None
    condition: bool | Literal["unknown"] | None = None
    severity: SeverityField | None = None
    value: Any = None
    mutes: list[Line] | None = None
    announced: bool | None = None
    acked_by: Line | None = None


class Row(Strict):
    """A row of the journal; `says`: what its body must hold."""

    kind: RowKind
    rule: Line | None = None
    source: Line | None = None
    by: Line | None = None
    at: Moment | None = None
    says: dict[str, Any] = Field(default_factory=dict)


class Told(Strict):
    """A notice."""

    reason: Annotated[Line, _OneOf(_NOTICES)]
    rule: Line | None = None
    source: Line | None = None
    to: list[Line] | None = None
    at: Moment | None = None


Wishes = Annotated[list[Annotated[Wish, BeforeValidator(about)]], BeforeValidator(listed)]
Resets = Annotated[list[Annotated[Reset, BeforeValidator(about)]], BeforeValidator(listed)]


class Step(Strict):
    """Everything at one moment, in this order: the house's own troubles, values, people, and then what is expected."""

    at: Moment = Field(description="since the beginning of the test: 90s, 2h")
    clock_step: Span | None = Field(None, description="the gateway's clock is set by 1h, -1d; building time goes on")
    restart: Restart | None = Field(None, description="the gateway is killed, and starts again `after` a time")
    offline: Names = Field(default_factory=list, description="devices whose link is lost: every value is bad at once")
    silent: Names = Field(default_factory=list, description="devices that say nothing any more")
    speaks: Names = Field(default_factory=list, description="devices that are there again, with what they were set to")
    set: Settings = Field(default_factory=dict, description="DEVICE.POINT, DEVICE.PART/POINT: its value from now on")
    ramp: dict[str, Ramp] = Field(default_factory=dict, description="numbers that move evenly to a value")
    bad: dict[str, BadReason] = Field(default_factory=dict, description="points that are bad until set, and why")
    uncertain: dict[str, UncertainReason] = Field(default_factory=dict, description="points in doubt, and why")
    backlog: Annotated[list[Backlog], BeforeValidator(listed)] = Field(
        default_factory=list, description="what a device measured earlier and says only now"
    )
    ack: Wishes = Field(default_factory=list, description="alarms (RULE/SOURCE) that somebody acknowledges")
    reset: Resets = Field(default_factory=list, description="alarms that somebody resets")
    shelve: Annotated[list[Shelve], BeforeValidator(listed)] = Field(
        default_factory=list, description="alarms that somebody shelves, `for` a time or `one_shot`"
    )
    unshelve: Wishes = Field(default_factory=list, description="alarms whose shelf somebody ends")
    out_of_service: Annotated[list[OutOfService], BeforeValidator(listed)] = Field(
        default_factory=list, description="alarms that somebody takes out of service, `for` a time under a `permit`"
    )
    in_service: Resets = Field(default_factory=list, description="alarms that somebody returns to service")
    expect: dict[str, State | Shown] = Field(default_factory=dict, description="alarms (RULE/SOURCE) as they must be")
    expect_health: dict[Id, Annotated[Health, Field(strict=False)]] = Field(
        default_factory=dict, description="what health must conclude of devices"
    )
    expect_journal: list[Row] | None = Field(
        None, description="rows since the last look, in this order; others may stand between them; []: none at all"
    )
    expect_notices: list[Told] | None = Field(None, description="who must have been told since the last look, likewise")
    expect_count: dict[str, int | dict[RowKind, int]] = Field(
        default_factory=dict, description="rows of a kind since the beginning: of all, or of a rule or an alarm"
    )

    @property
    def expects(self) -> bool:
        """It looks at something."""
        looks = self.expect or self.expect_health or self.expect_count
        wishes = (*self.ack, *self.reset, *self.shelve, *self.unshelve, *self.out_of_service, *self.in_service)
        told = self.expect_journal is not None or self.expect_notices is not None
        return bool(looks or told or any(wish.refused for wish in wishes))


class RuleTest(Strict):
    """One test. `begin` is set before its first step, at 0s."""

    test: Prose
    begin: Settings = Field(default_factory=dict)
    steps: list[Step] = Field(min_length=1)


class RuleTests(Strict):
    """A file with a head: its site (a path beside the file), and what every test begins with."""

    site: Line | None = None
    begin: Settings = Field(default_factory=dict)
    tests: list[RuleTest] = Field(min_length=1)


class Bare(RootModel[list[RuleTest]]):
    """A file that is only a list of tests."""
