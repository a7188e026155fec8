"""Routes: alarms, and what an operator may do with them."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Any, Literal, TypeVar

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
from gateway.fields import Duration, Line, Prose, Strict
from gateway.model import AlarmState, Command, CommandKind, CommandRefused, Occurrence, Severity

STATUS = {"not_found": 404, "life_safety": 403, "invalid": 422}

router = APIRouter(prefix="/api/v1/alarms", tags=["alarms"])

Answer = TypeVar("Answer")
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


class OutOfService(Strict):
    """`permit`: the work permit or order. A life-safety alarm needs `second`, another person who agrees."""

    model_config = ConfigDict(populate_by_name=False)

    expected_seq: Seq | None = None
    permit: Line
    comment: Prose
    for_: Duration = Field(alias="for", gt=0)
    second: Line | None = None

    def wish(self) -> dict[str, Any]:
        """The command's fields."""
        return {"permit": self.permit, "comment": self.comment, "for_ns": self.for_, "second": self.second}


class ReturnToService(Ack):
    """As an acknowledgement."""


def takes(model: type[BaseModel]) -> dict[str, Any]:
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


@router.post("/{occurrence}/ack", openapi_extra=takes(Ack), responses=answers(shapes.Alarm))
async def ack(by: Operator, house: HouseOf, occurrence: str, request: Request) -> Response:
    """I have seen it. Twice is as good as once."""
    body = await read_body(request, Ack)
    return await _command(house, by, occurrence, CommandKind.ACK, body.expected_seq, comment=body.comment)


@router.post("/{occurrence}/reset", openapi_extra=takes(Reset), responses=answers(shapes.Alarm))
async def reset(by: Operator, house: HouseOf, occurrence: str, request: Request) -> Response:
    """Let go of a latched alarm whose condition is over."""
    body = await read_body(request, Reset)
    return await _command(house, by, occurrence, CommandKind.RESET, body.expected_seq, comment=body.comment)


@router.post("/{occurrence}/shelve", openapi_extra=takes(Shelve), responses=answers(shapes.Alarm))
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


@router.post("/{occurrence}/unshelve", openapi_extra=takes(Unshelve), responses=answers(shapes.Alarm))
async def unshelve(by: Operator, house: HouseOf, occurrence: str, request: Request) -> Response:
    """Let it speak again."""
    body = await read_body(request, Unshelve)
    return await _command(house, by, occurrence, CommandKind.UNSHELVE, body.expected_seq, comment=body.comment)


@router.post("/{occurrence}/out_of_service", openapi_extra=takes(OutOfService), responses=answers(shapes.Alarm))
async def out_of_service(by: Operator, house: HouseOf, occurrence: str, request: Request) -> Response:
    """Take it out of service under a permit, for at most 30 days; life safety by two persons, for at most 7."""
    body = await read_body(request, OutOfService)
    kind = CommandKind.OUT_OF_SERVICE
    return await _command(house, by, occurrence, kind, body.expected_seq, **body.wish())


@router.post("/{occurrence}/in_service", openapi_extra=takes(ReturnToService), responses=answers(shapes.Alarm))
async def return_to_service(by: Operator, house: HouseOf, occurrence: str, request: Request) -> Response:
    """Return it to service. It was judged all the time, so if it is active by then it is announced."""
    body = await read_body(request, ReturnToService)
    kind = CommandKind.IN_SERVICE
    return await _command(house, by, occurrence, kind, body.expected_seq, comment=body.comment)


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
    changed = await done(house.command(command), house)
    if changed is None:
        raise AssertionError("a command on an occurrence answers with it")
    return answer(alarm(changed, house))


async def done(doing: Awaitable[Answer], house: House) -> Answer:
    """What the house answers; a refusal as a Problem."""
    try:
        # the request's deadline must not cut a commit in two
        with anyio.CancelScope(shield=True):
            answered = await doing
        return answered
    except CommandRefused as refusal:
        current = None if refusal.current is None else alarm(refusal.current, house)
        raise Problem(STATUS.get(refusal.code, 409), str(refusal), code=refusal.code, current=current) from None
