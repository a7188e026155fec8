"""What the journal says of chatter and floods: how much, within what, how long it lasted."""

from __future__ import annotations

from typing import Any

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
