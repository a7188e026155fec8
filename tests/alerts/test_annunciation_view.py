"""How annunciation shows itself, in the shape that the API documents."""

from __future__ import annotations

import json

from gateway.api.annunciation_shapes import Annunciation
from gateway.model import SECOND
from tests.alerts.annunciating import Office, fire, plan
from tests.alerts.stage import WALL
from tests.alerts.test_annunciation_flood import high, house

LADDER = [{"steps": [{"after": "2min", "to": ["chief"]}]}]


def shown(office: Office) -> Annunciation:
    return Annunciation.model_validate_json(json.dumps(office.annunciator.view()))


def test_nothing_is_nothing() -> None:
    quiet = shown(Office(fire("F")))
    assert (quiet.flood, quiet.chattering, quiet.waiting, quiet.next, quiet.held) == (None, [], [], [], 0)


def test_what_waits_and_who_is_next() -> None:
    office = Office(high("Q"), to=plan(escalation=LADDER))
    office.at(5).set(a=True)
    (one,) = shown(office).waiting
    assert (one.reason, one.why, one.at and one.at.timestamp()) == ("raise", "group", WALL / SECOND + 15)
    (call,) = shown(office).next
    assert (call.kind, call.step, call.to, call.at.timestamp()) == (
        "unacknowledged",
        1,
        ["log", "chief"],
        WALL / SECOND + 125,
    )
    office.until(16)
    found = shown(office)
    assert found.waiting == [] and [one.kind for one in found.next] == ["unacknowledged", "repeat"]
    assert (found.notices.came, found.notices.sent, found.held) == (1, 1, 0)


def test_a_flood_and_what_chatters() -> None:
    office = Office(high("Q"), devices=house(12))
    for number in range(12):
        office.at(number).set(f"d{number:03}", a=True)
    found = shown(office)
    assert found.flood is not None and found.flood.first_out.source == "d000"
    assert found.flood.since.timestamp() == WALL / SECOND + 10
    assert found.held == 2  # the group of the first ten went out as the flood began
    for number in range(3):
        office.at(30 + number * 2).set("d011", a=False)
        office.at(31 + number * 2).set("d011", a=True)
    assert [(one.source, one.rule) for one in shown(office).chattering] == [("d011", "Q")]
