"""Routes: why an alarm is as it is, and why a rule did not raise one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import Response

from gateway.api import shapes
from gateway.api.answers import ULID, answer
from gateway.api.devices import parse_time
from gateway.api.guard import HouseOf, Viewer
from gateway.api.problems import Problem
from gateway.api.shapes import Scalar, Shape, Words, answers
from gateway.model import AlarmState

router = APIRouter(prefix="/api/v1", tags=["alarms"])


class NotExplained(Exception):  # noqa: N818 - an answer
    """There is nothing to explain; the message says why."""


class ReadPoint(Shape):
    """A point that a condition read; `quality` null: nothing has been heard of it since the start."""

    device: str
    point: str
    value: Scalar
    quality: shapes.Grade
    reason: str | None
    age_s: float | None


class AskedAlarm(Shape):
    rule: str
    source: str
    active: str


class Operand(Shape):
    """A condition and what it is made of. `since` is there where stored frames have been judged once more."""

    kind: str
    text: Words
    sentence: Words
    answer: str = Field(description="true, false or unknown.")
    since: AwareDatetime | None
    value: Scalar
    limit: Scalar
    unit: str | None
    due_at: AwareDatetime | None = Field(description="When time alone may change its answer.")
    inputs: list[ReadPoint]
    alarms: list[AskedAlarm]
    operands: list[Operand]


class Delays(Shape):
    """`left_s` without `due_at`: the delay stands still."""

    on_s: float
    off_s: float
    began_at: AwareDatetime | None
    due_at: AwareDatetime | None
    left_s: float | None


class Transition(Shape):
    seq: int
    at: AwareDatetime
    kind: str
    by: str | None
    body: dict[str, Any]


class NoticeTold(Shape):
    """`channel` null: it was for nobody."""

    at: AwareDatetime
    reason: str
    step: int
    channel: str | None
    state: str | None
    attempts: int | None
    next_at: AwareDatetime | None
    done_at: AwareDatetime | None
    error: str | None


class AlarmTold(Shape):
    """As in a notice."""

    model_config = ConfigDict(extra="allow")

    occurrence: str
    state: AlarmState
    seq: int
    life: shapes.Life


class Explained(Shape):
    """`judged`: `live`, or `stored` where the frames since `judged_from` were judged once more by the present rules."""

    rule: str
    source: str
    written: dict[str, Any] | None = Field(description="The rule as its file has it.")
    at: AwareDatetime
    judged: str
    judged_from: AwareDatetime | None
    frames: int | None
    damaged: int
    state: AlarmState | None
    reasons: list[Words]
    condition: Operand | None
    delays: Delays | None
    mutes: list[shapes.Mute]
    fault: str | None
    alarm: AlarmTold | None = Field(description="Null where a rule was asked for.")
    transitions: list[Transition]
    notices: list[NoticeTold]
    left_out: int = Field(description="Transitions behind the first that had no room.")


class RuleQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rule: Annotated[str, Field(max_length=200)]
    source: Annotated[str, Field(max_length=200)]
    at: Annotated[str | None, Field(max_length=40, description="RFC 3339; now.")] = None


@router.get("/alarms/{occurrence}/explain", responses=answers(Explained))
async def explain_alarm(_: Viewer, house: HouseOf, occurrence: str) -> Response:
    """Inputs, answers, delays, transitions, mutes and notices: of an open alarm now, of a closed one when raised."""
    found: Mapping[str, Any] | None = await house.explain(occurrence) if ULID.fullmatch(occurrence) else None
    if found is None:
        raise Problem(404, "there is no such alarm")
    return answer(found)


@router.get("/explain", responses=answers(Explained))
async def explain_rule(_: Viewer, house: HouseOf, query: Annotated[RuleQuery, Query()]) -> Response:
    """Why a rule did, or did not, raise an alarm on a source at a time."""
    at_ns = None if query.at is None else parse_time(query.at, "at")
    try:
        return answer(await house.explain_rule(query.rule, query.source, at_ns))
    except NotExplained as refused:
        raise Problem(404, str(refused)) from None
