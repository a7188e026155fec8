"""The words of a file of rule tests: what happens at which time, and what must have come of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, RootModel
from pydantic.json_schema import WithJsonSchema

from gateway.config.nearest import nearest
from gateway.fields import Duration, Id, Line, Prose, SeverityField, Strict, parse_duration
from gateway.model import AlarmState, Health, Quality

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


def _one_of(words: Iterable[str]) -> AfterValidator:
    known = tuple(words)

    def check(value: str) -> str:
        if value not in known:
            near = nearest(value, known)
            hint = f"; did you mean {near!r}?" if near else ""
            raise ValueError(f"one of {', '.join(known)} is expected, got {value!r}{hint}")
        return value

    return AfterValidator(check)


_ROWS = (
    *("raise", "reraise", "severity_up", "severity_down", "return", "return_cancelled", "returning"),
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
    if kind not in _ROWS and (near := nearest(kind, _ROWS, cutoff=0.75)):
        return f"no row is of the kind {kind!r}; did you mean {near!r}?"
    return None


def _row_kind(kind: str) -> str:
    if slip := slip_of_kind(kind):
        raise ValueError(slip)
    return kind


RowKind = Annotated[Line, AfterValidator(_row_kind)]


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _about(value: Any) -> Any:
    return {"alarm": value} if isinstance(value, str) else value


def _span(value: Any) -> int:
    """A duration that may go back: `-1h`."""
    if isinstance(value, str) and value.strip().startswith("-"):
        return -parse_duration(value.strip()[1:])
    return parse_duration(value)


BadReason = Annotated[str, _one_of(BAD_REASONS)]
UncertainReason = Annotated[str, _one_of(UNCERTAIN_REASONS)]
State = Annotated[AlarmState, Field(strict=False)]
Span = Annotated[int, BeforeValidator(_span), WithJsonSchema({"type": "string"})]
Moment = Annotated[Duration, Field(le=LONGEST_NS)]
"""Since the beginning of the test."""
Names = Annotated[list[Id], BeforeValidator(_listed)]
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
    refused: Annotated[str, _one_of(REFUSALS)] | None = None


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

    reason: Annotated[Line, _one_of(_NOTICES)]
    rule: Line | None = None
    source: Line | None = None
    to: list[Line] | None = None
    at: Moment | None = None


Wishes = Annotated[list[Annotated[Wish, BeforeValidator(_about)]], BeforeValidator(_listed)]
Resets = Annotated[list[Annotated[Reset, BeforeValidator(_about)]], BeforeValidator(_listed)]


class Step(Strict):
    """Everything at one moment, in this order: the house's own troubles, values, people, and then what is expected."""

    at: Moment
    clock_step: Span | None = None
    restart: Restart | None = None
    offline: Names = Field(default_factory=list)
    silent: Names = Field(default_factory=list)
    speaks: Names = Field(default_factory=list)
    set: Settings = Field(default_factory=dict)
    ramp: dict[str, Ramp] = Field(default_factory=dict)
    bad: dict[str, BadReason] = Field(default_factory=dict)
    uncertain: dict[str, UncertainReason] = Field(default_factory=dict)
    backlog: Annotated[list[Backlog], BeforeValidator(_listed)] = Field(default_factory=list)
    ack: Wishes = Field(default_factory=list)
    reset: Resets = Field(default_factory=list)
    shelve: Annotated[list[Shelve], BeforeValidator(_listed)] = Field(default_factory=list)
    unshelve: Wishes = Field(default_factory=list)
    out_of_service: Annotated[list[OutOfService], BeforeValidator(_listed)] = Field(default_factory=list)
    in_service: Resets = Field(default_factory=list)
    expect: dict[str, State | Shown] = Field(default_factory=dict)
    expect_health: dict[Id, Annotated[Health, Field(strict=False)]] = Field(default_factory=dict)
    expect_journal: list[Row] | None = None
    expect_notices: list[Told] | None = None
    expect_count: dict[str, int | dict[RowKind, int]] = Field(default_factory=dict)

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
