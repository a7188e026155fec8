"""What is muted, silences, and alarms out of service: the routes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from gateway.api import muting_shapes, shapes
from gateway.api.app import create_app
from gateway.api.house import House
from gateway.api.tokens import Role
from gateway.model import SECOND, CommandKind, Silence, SilenceWish
from tests.alerts.stage import Stage, device, level_rule
from tests.api.conftest import IDS, Journal, bearer

OUT = {"permit": "WO-17", "comment": "sensor replaced", "for": "2h"}
SILENCE = {"of": {"zone": "garage-east", "severity": ["low", "medium"]}, "for": "2h", "reason": "paint works"}


async def test_a_silence_begins_is_listed_and_ends(operator: httpx.AsyncClient) -> None:
    begun = await operator.post("/api/v1/silences", json=SILENCE)
    assert begun.status_code == 200
    made = muting_shapes.Silence.model_validate(begun.json())
    assert (made.of, made.by, made.reason) == (SILENCE["of"], "the operator", "paint works")
    assert (made.until - made.began_at).total_seconds() == 7200
    assert (await operator.get("/api/v1/silences")).json()["items"] == [begun.json()]
    ended = await operator.delete(f"/api/v1/silences/{made.silence}")
    assert ended.json() == begun.json()
    assert (await operator.get("/api/v1/silences")).json() == {"items": [], "next": None}
    assert (await operator.delete(f"/api/v1/silences/{made.silence}")).status_code == 404
    assert (await operator.delete("/api/v1/silences/nonsense")).status_code == 404


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({**SILENCE, "of": {"zoen": "garage-east"}}, ["of", "zoen"]),
        ({**SILENCE, "of": {"severity": "hihg"}}, ["of", "severity"]),
        ({**SILENCE, "for": "0s"}, ["for"]),
        ({**SILENCE, "for": 7200}, ["for"]),
        ({**SILENCE, "reason": ""}, ["reason"]),
        ({key: value for key, value in SILENCE.items() if key != "reason"}, ["reason"]),
    ],
)
async def test_a_silence_that_says_too_little_is_refused_at_its_place(
    operator: httpx.AsyncClient, journal: Journal, body: dict[str, object], loc: list[str]
) -> None:
    reply = await operator.post("/api/v1/silences", json=body)
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["loc"][: len(loc)] == loc
    assert journal.silent == {}


@pytest.mark.parametrize(
    ("of", "words"),
    [
        ({"rule": "WA-03"}, "there is no rule 'WA-03'; did you mean 'WA-01' or 'WA-02'?"),
        ({"rule": "WA-1/protection_lost"}, "there is no rule 'WA-1'; did you mean 'WA-01'?"),
        ({"device": "smup"}, "there is no device 'smup'; did you mean 'sump'?"),
        ({"labels": {"ownr": "metro"}}, "no device has the label 'ownr'; did you mean 'owner'?"),
        ({"labels": {"owner": "metre"}}, "no device has the label owner 'metre'; did you mean 'metro'?"),
        ({"rule": "WA-01", "device": "smup"}, "did you mean 'sump'?"),
    ],
)
async def test_a_silence_of_what_is_not_there_names_what_is_nearest(
    make_house: Callable[..., House], of: dict[str, object], words: str
) -> None:
    """The engine itself refuses."""
    sump = replace(device("sump"), labels={"owner": "metro"})
    stage = Stage(level_rule("WA-01", "0.1 m"), level_rule("WA-02", "0.2 m"), devices=(sump,))

    async def silence(wish: SilenceWish) -> Silence:
        return stage.engine.silence(wish, stage.now, stage.position)[0]

    transport = httpx.ASGITransport(create_app(make_house(silence=silence)))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", headers=bearer(Role.OPERATOR)
    ) as http:
        reply = await http.post("/api/v1/silences", json={**SILENCE, "of": of})
    assert reply.status_code == 422 and words in reply.json()["detail"], reply.text
    assert stage.engine.silences() == []


async def test_life_safety_is_forbidden_to_silence(operator: httpx.AsyncClient) -> None:
    reply = await operator.post("/api/v1/silences", json={**SILENCE, "of": {"class": "life_safety"}})
    assert (reply.status_code, reply.json()["code"]) == (403, "life_safety")


async def test_an_open_alarm_goes_out_of_service_and_back(operator: httpx.AsyncClient, journal: Journal) -> None:
    body = OUT | {"second": "li", "expected_seq": 7}
    shapes.Alarm.model_validate((await operator.post(f"/api/v1/alarms/{IDS[1]}/out_of_service", json=body)).json())
    await operator.post(f"/api/v1/alarms/{IDS[1]}/in_service", json={"comment": "done"})
    out, back = journal.commands
    assert (out.kind, out.permit, out.for_ns, out.second, out.expected_seq, out.by) == (
        CommandKind.OUT_OF_SERVICE,
        "WO-17",
        7200 * SECOND,
        "li",
        7,
        "the operator",
    )
    assert (back.kind, back.occurrence) == (CommandKind.IN_SERVICE, IDS[1])
    stale = await operator.post(f"/api/v1/alarms/{IDS[0]}/out_of_service", json=OUT | {"expected_seq": 1})
    assert stale.status_code == 409 and stale.json()["current"]["seq"] == 7


async def test_an_alarm_that_is_not_open_goes_out_of_service_by_rule_and_source(
    operator: httpx.AsyncClient, journal: Journal
) -> None:
    reply = await operator.post("/api/v1/rules/EL-01/lift-1/out_of_service", json=OUT)
    watched = muting_shapes.Watched.model_validate(reply.json())
    assert (watched.rule, watched.source, watched.alarm) == ("EL-01", "lift-1", None)
    assert [(mute.kind, mute.reason, mute.by) for mute in watched.mutes] == [
        ("out_of_service", "WO-17", "the operator")
    ]
    (item,) = (await operator.get("/api/v1/mutes")).json()["items"]
    assert (item["rule"], item["source"], item["kind"], item["state"]) == (
        "EL-01",
        "lift-1",
        "out_of_service",
        "normal",
    )
    assert (await operator.post("/api/v1/rules/EL-01/lift-1/in_service", json={})).json()["mutes"] == []
    missing = await operator.post("/api/v1/rules/EL-01/lift-9/out_of_service", json=OUT)
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "rule", "source"),
    [
        ("EL-01/protection_lost/lift-1", "EL-01/protection_lost", "lift-1"),
        ("EL-01/lift-1", "EL-01", "lift-1"),
    ],
)
async def test_a_companion_is_named_by_its_whole_rule(
    operator: httpx.AsyncClient, journal: Journal, path: str, rule: str, source: str
) -> None:
    await operator.post(f"/api/v1/rules/{path}/out_of_service", json=OUT)
    assert [(command.rule, command.source) for command in journal.commands] == [(rule, source)]


@pytest.mark.parametrize("missing", ["permit", "comment", "for"])
async def test_out_of_service_needs_permit_comment_and_an_end(
    operator: httpx.AsyncClient, journal: Journal, missing: str
) -> None:
    body = {key: value for key, value in OUT.items() if key != missing}
    for path in (f"/api/v1/alarms/{IDS[0]}/out_of_service", "/api/v1/rules/EL-01/lift-1/out_of_service"):
        assert (await operator.post(path, json=body)).status_code == 422
    assert journal.commands == []


async def test_a_viewer_mutes_nothing(viewer: httpx.AsyncClient, journal: Journal) -> None:
    for path, body in (
        ("/api/v1/silences", SILENCE),
        ("/api/v1/rules/EL-01/lift-1/out_of_service", OUT),
        (f"/api/v1/alarms/{IDS[0]}/out_of_service", OUT),
    ):
        assert (await viewer.post(path, json=body)).status_code == 403
    assert (await viewer.delete(f"/api/v1/silences/{IDS[0]}")).status_code == 403
    assert journal.commands == [] and journal.silent == {}
