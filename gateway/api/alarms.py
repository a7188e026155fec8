"""Routes: alarms, and what an operator may do with them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import anyio
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from gateway.api import shapes
from gateway.api.answers import ULID, alarm, alarm_with_life, answer, as_now, listing, page
from gateway.api.guard import HouseOf, Operator, Viewer
from gateway.api.house import House
from gateway.api.problems import Problem
from gateway.api.reading import ReadingOf
from gateway.api.shapes import answers
from gateway.api.strict import read_body
from gateway.api.tokens import Identity
from gateway.fields import Duration, Prose, Strict
from gateway.model import AlarmState, Command, CommandKind, CommandRefused, Occurrence, Severity

STATUS = {"not_found": 404, "life_safety": 403, "invalid": 422}

router = APIRouter(prefix="/api/v1/alarms", tags=["alarms"])

Seq = Annotated[int, Field(ge=0, lt=2**63)]


class AlarmQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    state: AlarmState | None = None
    system: Annotated[str | None, Field(max_length=64)] = None
    severity: Literal["critical", "high", "medium", "low", "journal"] | None = None
    open: Annotated[bool, Field(description="false: closed ones too.")] = True
    after: Annotated[
        str | None, Field(pattern=ULID.pattern, max_length=26, description="`next` of the page before.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class Ack(Strict):
    """`expected_seq`: the alarm's `seq` as the operator saw it; when it has changed since, the answer is 409."""

    expected_seq: Seq | None = None
    comment: Prose | None = None


class Reset(Strict):
    expected_seq: Seq | None = None
    comment: Prose


class Shelve(Strict):
    """Either `for` (`30min`) or `one_shot` (until it returns to normal)."""

    model_config = ConfigDict(populate_by_name=False)

    expected_seq: Seq | None = None
    comment: Prose
    for_: Duration | None = Field(default=None, alias="for")
    one_shot: bool = False

    @model_validator(mode="after")
    def _either(self) -> Shelve:
        if (self.for_ is not None) == self.one_shot:
            raise ValueError("either `for` or `one_shot` is expected")
        if self.for_ == 0:
            raise ValueError("`for` must be longer than nothing")
        return self


class Unshelve(Ack):
    """As an acknowledgement."""


def _takes(model: type[BaseModel]) -> dict[str, Any]:
    """For the documentation: the body is read by `read_body`, not by FastAPI."""
    schema = model.model_json_schema()
    return {"requestBody": {"content": {"application/json": {"schema": schema}}, "required": "required" in schema}}


@router.get("", responses=answers(shapes.Listing[shapes.Alarm]))
async def alarms(_: Viewer, house: HouseOf, reading: ReadingOf, query: Annotated[AlarmQuery, Query()]) -> Response:
    """Open alarms, newest first; `open=false` for all that ever were."""
    rows = await reading.run(
        house.records.occurrences,
        state=None if query.state is None else query.state.value,
        system=query.system,
        severity=None if query.severity is None else Severity[query.severity.upper()],
        open_only=query.open,
        after=query.after,
        limit=query.limit + 1,
    )
    kept, after = page(rows, query.limit, lambda row: row.occurrence)
    return listing([alarm(row, house) for row in as_now(kept, house)], after)


@router.get("/{occurrence}", responses=answers(shapes.AlarmWithLife))
async def one_alarm(_: Viewer, house: HouseOf, reading: ReadingOf, occurrence: str) -> Response:
    """One alarm; `life` tells how it went on and how it ended."""
    (found,) = as_now([await _find(house, reading, occurrence)], house)
    return answer(alarm_with_life(found, house))


@router.post("/{occurrence}/ack", openapi_extra=_takes(Ack), responses=answers(shapes.Alarm))
async def ack(by: Operator, house: HouseOf, occurrence: str, request: Request) -> Response:
    """I have seen it. Twice is as good as once."""
    body = await read_body(request, Ack)
    return await _command(house, by, occurrence, CommandKind.ACK, body.expected_seq, comment=body.comment)


@router.post("/{occurrence}/reset", openapi_extra=_takes(Reset), responses=answers(shapes.Alarm))
async def reset(by: Operator, house: HouseOf, occurrence: str, request: Request) -> Response:
    """Let go of a latched alarm whose condition is over."""
    body = await read_body(request, Reset)
    return await _command(house, by, occurrence, CommandKind.RESET, body.expected_seq, comment=body.comment)


@router.post("/{occurrence}/shelve", openapi_extra=_takes(Shelve), responses=answers(shapes.Alarm))
async def shelve(by: Operator, house: HouseOf, occurrence: str, request: Request) -> Response:
    """Silence it for a time, or until it returns to normal. Never a life-safety alarm."""
    body = await read_body(request, Shelve)
    return await _command(
        house,
        by,
        occurrence,
        CommandKind.SHELVE,
        body.expected_seq,
        comment=body.comment,
        for_ns=body.for_,
        one_shot=body.one_shot,
    )


@router.post("/{occurrence}/unshelve", openapi_extra=_takes(Unshelve), responses=answers(shapes.Alarm))
async def unshelve(by: Operator, house: HouseOf, occurrence: str, request: Request) -> Response:
    """Let it speak again."""
    body = await read_body(request, Unshelve)
    return await _command(house, by, occurrence, CommandKind.UNSHELVE, body.expected_seq, comment=body.comment)


async def _find(house: House, reading: ReadingOf, occurrence: str) -> Occurrence:
    found = await reading.run(house.records.occurrence, occurrence) if ULID.fullmatch(occurrence) else None
    if found is None:
        raise Problem(404, "there is no such alarm")
    return found


async def _command(
    house: House, by: Identity, occurrence: str, kind: CommandKind, expected_seq: int | None, **wish: Any
) -> Response:
    if not ULID.fullmatch(occurrence):
        raise Problem(404, "there is no such alarm")
    command = Command(kind=kind, occurrence=occurrence, by=by.name, expected_seq=expected_seq, **wish)
    try:
        # the request's deadline must not cut a commit in two
        with anyio.CancelScope(shield=True):
            changed = await house.command(command)
    except CommandRefused as refusal:
        current = None if refusal.current is None else alarm(refusal.current, house)
        raise Problem(STATUS.get(refusal.code, 409), str(refusal), code=refusal.code, current=current) from None
    return answer(alarm(changed, house))
