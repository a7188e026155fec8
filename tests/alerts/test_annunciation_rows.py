"""What the journal says of chatter and floods: how much, within what, how long it lasted."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.annunciate import chatter, flood
from alerts.annunciate.case import Arrival, Chatter, Room
from gateway.model import SECOND
from tests.alerts.annunciating import Office, plan
from tests.alerts.stage import BOOLS, device, rule

QUIET = {"repeat": {"high": "never", "critical": "never"}, "escalation": []}


def bodies(office: Office, kind: str) -> list[dict[str, Any]]:
    own = ("state", "severity")  # what every row of an alarm shows
    events = [event for event in office.events if event.kind == kind]
    return [{key: value for key, value in event.body.items() if key not in own} for event in events]


def test_chatter_says_how_often_within_what_and_how_long_it_lasted() -> None:
    office = Office(rule("Q"), to=plan(**QUIET))
    for number in range(3):
        office.at(number * 20).set(a=True)
        office.at(number * 20 + 12).set(a=False)
    office.until(2000)
    assert bodies(office, "chatter_begin") == [{"count": 3, "within_s": 60}]
    assert bodies(office, "chatter_end") == [{"lasted_s": 600}]


def test_a_flood_says_where_it_began_how_long_it_lasted_and_how_many_went_by_digest() -> None:
    rules = [rule(f"Q{name}", name, severity="high", **{"class": "system"}) for name in BOOLS]
    devices = tuple(device(f"d{number}") for number in range(3))
    office = Office(*rules, devices=devices, to=plan(**QUIET))
    for number, each in enumerate(devices):
        office.at(number).set(each.id, **dict.fromkeys(BOOLS, True))
    first = office.events[0].occurrence
    office.until(2000)
    assert bodies(office, "flood_begin") == [{"count": 11, "first_out": first}]
    (ended,) = bodies(office, "flood_end")
    assert ended["lasted_s"] == 600 and ended["digested"] == 15


def test_a_digest_names_its_alarms() -> None:
    office = Office(rule("Q", severity="high"), rule("S", "b", severity="low"), to=plan(**QUIET))
    office.at(0).set(a=True, b=True)
    office.until(1000)
    (notice,) = [notice for notice in office.notices if notice.reason == "digest"]
    first, second = (event.occurrence for event in office.events if event.kind == "raise")
    assert notice.body["occurrences"] == [first, second]
    common = {"reason": "raise", "source": "dev"}
    assert notice.body["alarms"] == [
        {"occurrence": first, "rule": "Q", "severity": "high", "title": {"en": "Q", "zh": "Q"}, **common},
        {"occurrence": second, "rule": "S", "severity": "low", "title": {"en": "S", "zh": "S"}, **common},
    ]
    assert (notice.body["kind"], notice.body["reasons"]) == ("group", {"raise": 2})
    assert (notice.body["rules"], notice.body["systems"]) == ({"Q": 1, "S": 1}, {"test": 2})
    (row,) = bodies(office, "digest")
    assert row["occurrences"] == [first, second] and row["count"] == 2


def test_a_group_waits_for_its_own_last_message_whoever_spoke_meanwhile() -> None:
    def said_at(*, others: bool) -> float:
        rules = [rule("A", "a"), rule("B", "b", **{"class": "system"}), rule("C", "c")]
        office = Office(*rules, to=plan(**QUIET))
        office.at(0).set(a=True)
        office.until(120)
        office.at(121).set(b=others)
        office.until(240)
        office.at(241).set(c=True)
        office.until(5000)
        return next(at for at, _, what in office.said if what == "C")

    alone = Office(rule("C", "c"), to=plan(**QUIET))
    alone.at(241).set(c=True)
    alone.until(5000)
    assert said_at(others=True) == said_at(others=False) > alone.said[0][0]


@pytest.mark.parametrize(("third_s", "began"), [(59, True), (60, False)])
def test_chatter_is_within_a_minute_and_its_end_is_known_in_advance(third_s: int, began: bool) -> None:
    one, options = Chatter(), plan().options.chatter
    for at in (0, 30):
        assert chatter.activate(one, at * SECOND, options) is False
        assert chatter.due_ns(one, options) == at * SECOND + options.within
    assert chatter.activate(one, third_s * SECOND, options) is began
    assert chatter.due_ns(one, options) == third_s * SECOND + (options.quiet if began else options.within)


def test_of_a_flood_only_what_can_decide_is_kept() -> None:
    room, options = Room(), plan().options.flood
    begun = [flood.arrive(room, Arrival(at, str(at), "R", "d"), options) for at in range(40)]
    assert begun.index(True) == options.above and begun.count(True) == 1
    assert [arrival.at_ns for arrival in room.arrivals] == list(range(40 - options.above - 1, 40))


def test_a_digest_says_its_three_most_frequent_causes() -> None:
    rules = [rule(f"Q{name}", name, severity="high", **{"class": "system"}) for name in BOOLS]
    office = Office(*rules, to=plan(**QUIET))
    office.at(0).set(**dict.fromkeys(BOOLS, True))
    office.until(60)
    (notice,) = [notice for notice in office.notices if notice.reason == "digest"]
    assert len(notice.body["rules"]) == 5
    assert notice.body["text"]["en"].count("×") == 3
