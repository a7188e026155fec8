"""Routes: what is muted and by whom; silences; alarms that are out of service, open or not."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from alerts.companion import SUFFIX
from alerts.match import Match
from alerts.notify.body import mute_body, rfc3339
from gateway.api import muting_shapes as shapes
from gateway.api.alarms import OutOfService, ReturnToService, done, takes
from gateway.api.answers import ULID, alarm, answer, listing
from gateway.api.guard import HouseOf, Operator, Viewer
from gateway.api.house import House, Muted
from gateway.api.problems import Problem
from gateway.api.shapes import Listing, answers
from gateway.api.strict import read_body
from gateway.fields import Duration, Prose, Strict
from gateway.model import Command, CommandKind, Silence, SilenceWish

router = APIRouter(prefix="/api/v1", tags=["mutes"])


class BeginSilence(Strict):
    """`of`: which alarms, as under `maintenance:`; all that is given must hold."""

    model_config = ConfigDict(populate_by_name=False)

    of: Match
    for_: Duration = Field(alias="for", gt=0)
    reason: Prose


@router.get("/mutes", responses=answers(Listing[shapes.Muted]))
async def mutes(_: Viewer, house: HouseOf) -> Response:
    """Everything that is muted now, whether an alarm is open or not: one item for each mute."""
    return listing([_muted_body(muted) for muted in house.mutes()])


@router.get("/silences", responses=answers(Listing[shapes.Silence]))
async def silences(_: Viewer, house: HouseOf) -> Response:
    """Those that last, oldest first."""
    return listing([_silence_body(silence) for silence in house.silences()])


@router.post("/silences", openapi_extra=takes(BeginSilence), responses=answers(shapes.Silence))
async def begin_silence(by: Operator, house: HouseOf, request: Request) -> Response:
    """Nobody is told of these alarms for at most 24 h. Those of life safety speak all the same."""
    body = await read_body(request, BeginSilence)
    wish = SilenceWish(of=body.of.to_json(), for_ns=body.for_, by=by.name, reason=body.reason)
    return answer(_silence_body(await done(house.silence(wish), house)))


@router.delete("/silences/{silence}", responses=answers(shapes.Silence))
async def end_silence(by: Operator, house: HouseOf, silence: str) -> Response:
    """They speak again: what is active is announced."""
    if not ULID.fullmatch(silence):
        raise Problem(404, "there is no such silence")
    return answer(_silence_body(await done(house.unsilence(silence, by.name), house)))


@router.post(
    "/rules/{rule}/{source:path}/out_of_service", openapi_extra=takes(OutOfService), responses=answers(shapes.Watched)
)
async def out_of_service(by: Operator, house: HouseOf, rule: str, source: str, request: Request) -> Response:
    """Take an alarm out of service that need not be open. Of a companion: /rules/RULE/protection_lost/SOURCE/…"""
    body = await read_body(request, OutOfService)
    wish = Command(
        kind=CommandKind.OUT_OF_SERVICE,
        by=by.name,
        expected_seq=body.expected_seq,
        **body.wish(),
        **_alarm_of(rule, source),
    )
    return await _watched(house, wish)


@router.post(
    "/rules/{rule}/{source:path}/in_service", openapi_extra=takes(ReturnToService), responses=answers(shapes.Watched)
)
async def return_to_service(by: Operator, house: HouseOf, rule: str, source: str, request: Request) -> Response:
    """Return it to service: judged it was all the time, so what is active by then is announced."""
    body = await read_body(request, ReturnToService)
    wish = Command(kind=CommandKind.IN_SERVICE, by=by.name, expected_seq=body.expected_seq, **_alarm_of(rule, source))
    return await _watched(house, wish)


def _alarm_of(rule: str, source: str) -> dict[str, Any]:
    guards, _, rest = source.partition("/")
    if f"/{guards}" == SUFFIX and rest:
        rule, source = rule + SUFFIX, rest
    return {"rule": rule, "source": source}


async def _watched(house: House, wish: Command) -> Response:
    changed = await done(house.command(wish), house)
    found = [muted.mute for muted in house.mutes() if (muted.rule, muted.source) == (wish.rule, wish.source)]
    return answer(
        {
            "rule": wish.rule,
            "source": wish.source,
            "mutes": [mute_body(mute) for mute in found],
            "alarm": None if changed is None else alarm(changed, house),
        }
    )


def _muted_body(muted: Muted) -> dict[str, Any]:
    return {
        "rule": muted.rule,
        "source": muted.source,
        "occurrence": muted.occurrence,
        "state": muted.state.value,
        **mute_body(muted.mute),
    }


def _silence_body(silence: Silence) -> dict[str, Any]:
    return {
        "silence": silence.id,
        "of": dict(silence.of),
        "by": silence.by,
        "reason": silence.reason,
        "began_at": rfc3339(silence.began_ns),
        "until": rfc3339(silence.until_wall_ns),
    }
