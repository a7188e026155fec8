"""Too many alarms at once, and one alarm too often: with numbers, in virtual time."""

from __future__ import annotations

from typing import Any

from alerts.rule import Rule
from gateway.model import HEALTH_POINT, SECOND, Device, Location, Point, PointType, Text
from tests.alerts import stage as building
from tests.alerts.annunciating import Office, fire, plan
from tests.alerts.stage import rule

QUIET = {"repeat": {"critical": "never", "high": "never", "medium": "never"}}


def house(devices: int) -> tuple[Device, ...]:
    return tuple(
        Device(
            id=f"d{number:03}",
            system="test",
            name=Text("d", "d"),
            profile=None,
            location=Location(),
            poll_ns=SECOND,
            points=(*(Point(name, PointType.BOOL) for name in building.BOOLS), HEALTH_POINT),
        )
        for number in range(devices)
    )


def high(name: str, point: str = "a", **fields: Any) -> Rule:
    """Without a companion: class system has none."""
    return rule(name, point, severity="high", **{"class": "system", **fields})


def rows(office: Office, kind: str) -> list[tuple[float, dict[str, Any]]]:
    return [(event.at.mono_ns / SECOND, dict(event.body)) for event in office.events if event.kind == kind]


def test_500_alarms_in_10_s_life_safety_one_by_one_at_once_the_rest_by_digest() -> None:
    """A building loses power: 25 lifts with people in them, 475 devices gone."""
    rules = (high("GONE"), fire("TRAPPED", "b"))
    office = Office(*rules, devices=house(500), to=plan(**QUIET))
    for number in range(500):
        office.at(number * 0.02)
        trapped = number % 20 == 0
        judgement = office.set(f"d{number:03}", a=not trapped, b=trapped)
        if trapped:
            (notice,) = judgement.notices  # in the very judgement that raised it
            assert (notice.reason, notice.occurrence.rule, notice.at) == ("raise", "TRAPPED", office.now)
        else:
            assert judgement.notices == []
    for number in range(500):  # so that nothing else becomes of it
        office.at(10 + number / 1000).set(f"d{number:03}", a=number % 20 != 0, b=number % 20 == 0)
    office.until(120)
    assert [reason for _, reason, _ in office.said] == ["raise"] * 25 + ["digest"]
    digest = office.notices[-1]
    assert digest.at.mono_ns <= 11 * SECOND
    assert (digest.body["count"], digest.body["rules"], len(digest.body["alarms"])) == (475, {"GONE": 475}, 20)
    assert digest.body["first_out"] == {
        "occurrence": office.events[0].occurrence,
        "rule": "TRAPPED",
        "source": "d000",
    }
    assert digest.body["text"]["en"] == "475 more alarms, top causes: GONE ×475; it began with TRAPPED (d000)"
    assert [at for at, _ in rows(office, "flood_begin")] == [0.2]
    office.until(700)
    (ended,) = rows(office, "flood_end")
    assert 600 < ended[0] <= 610
    assert office.counts.digested == 475 and office.counts.sent == 25
    office.balanced()
    office.heard_or_held()


def test_a_flood_begins_with_the_eleventh_and_ends_when_fewer_than_five_came() -> None:
    office = Office(high("Q"), devices=house(30), to=plan(**QUIET))
    for number in range(10):
        office.at(number * 60).set(f"d{number:03}", a=True)
        office.until(number * 60 + 59)
    assert rows(office, "flood_begin") == []
    office.at(599.5).set("d010", a=True)
    (began,) = rows(office, "flood_begin")
    assert began[0] == 599.5 and began[1]["count"] == 11
    office.until(3000)
    # the fifth newest came at 360 s: ten minutes later there are four
    assert [at for at, _ in rows(office, "flood_end")] == [960.0]
    office.balanced()


def test_an_alarm_a_minute_is_not_a_flood_after_ten_minutes() -> None:
    office = Office(high("Q"), devices=house(30), to=plan(**QUIET))
    for number in range(30):
        office.at(number * 60).set(f"d{number:03}", a=True)
    assert rows(office, "flood_begin") == []


def test_digests_come_each_minute_and_hold_ends_and_calls_too() -> None:
    ladder = [{"match": {"rule": "Q"}, "steps": [{"after": "90s", "to": ["chief"]}]}]
    to = plan(routes=[{"to": ["room"]}], escalation=ladder, **QUIET)
    office = Office(high("Q"), devices=house(40), to=to)
    for number in range(20):
        office.at(number * 0.1).set(f"d{number:03}", a=True)
    office.until(30)
    (digest,) = office.notices
    assert (digest.at.mono_ns, digest.body["count"], digest.to) == (11 * SECOND, 20, ("log", "room"))
    office.at(30).set("d000", a=False)
    office.at(31).set("d030", a=True)
    office.until(70)
    assert office.said == [(11.0, "digest", "20")]
    office.until(71)
    assert office.said[1:] == [(71.0, "digest", "2")]
    assert office.notices[-1].body["reasons"] == {"recover": 1, "raise": 1}
    office.until(131)
    (calls,) = (notice for notice in office.notices if notice.at.mono_ns == 131 * SECOND)
    assert (calls.to, calls.body["reasons"]) == (("log", "chief"), {"escalate": 20})
    assert len(rows(office, "escalate")) == 20  # d000 is over, d030 has come
    office.balanced()


def test_channels_that_are_told_other_alarms_get_other_digests() -> None:
    routes = [{"match": {"rule": "Q"}, "to": ["room"]}, {"to": ["chief"]}]
    office = Office(high("Q"), rule("P", "b"), devices=house(8), to=plan(routes=routes, **QUIET))
    for number in range(8):
        office.at(number * 0.1).set(f"d{number:03}", a=True, b=True)
    office.until(20)
    told = {notice.to: notice.body["count"] for notice in office.notices}
    assert told == {("log",): 16, ("room",): 8, ("chief",): 8}
    assert len({(notice.seq, notice.step) for notice in office.notices}) == 3
    assert rows(office, "digest")[0][1]["rules"] == {"Q": 8, "P": 8}


def test_a_flood_survives_a_kill() -> None:
    office = Office(high("Q"), devices=house(40), to=plan(**QUIET))
    for number in range(20):
        office.at(number * 0.1).set(f"d{number:03}", a=True)
    office.restart()
    office.until(20)
    assert office.said == [(11.0, "digest", "20")]
    office.restart(outage_s=30)
    office.until(1000)
    assert len(rows(office, "flood_begin")) == len(rows(office, "flood_end")) == 1
    assert [reason for _, reason, _ in office.said].count("digest") == 1


def test_three_times_in_a_minute_is_chatter_and_it_is_told_once_in_ten_minutes_with_the_count() -> None:
    office = Office(high("Q"), to=plan(**QUIET))
    for number in range(12):
        office.at(number * 20).set(a=True)
        office.at(number * 20 + 12).set(a=False)
    begun = rows(office, "chatter_begin")
    assert [at for at, _ in begun] == [40.0] and begun[0][1]["count"] == 3
    assert office.life("Q").chattering
    before = [(at, reason) for at, reason, _ in office.said if at < 40]
    assert before == [(10.0, "raise"), (12.0, "recover"), (30.0, "reraise"), (32.0, "recover")]
    office.until(2000)
    later = [(at, reason) for at, reason, _ in office.said if at >= 40]
    assert [at for at, _ in later] == [50.0, 640.0]  # ten minutes after the one that began it
    assert office.notices[-1].body["chattering"] == {"count": 9}
    assert office.notices[-1].reason == "recover"
    assert [at for at, _ in rows(office, "chatter_end")] == [820.0]  # ten minutes after the last activation
    assert not office.life("Q").chattering
    assert office.counts.limited > 10
    office.balanced()


def test_life_safety_is_never_limited() -> None:
    office = Office(fire("F", latching=False), to=plan(**QUIET))
    for number in range(10):
        office.at(number * 10).set(a=True)
        office.at(number * 10 + 5).set(a=False)
    assert [reason for _, reason, _ in office.said] == ["raise", "recover"] + ["reraise", "recover"] * 9
    assert len(rows(office, "chatter_begin")) == 1 and office.life("F").chattering


def test_a_broken_off_return_counts_as_an_activation() -> None:
    office = Office(rule("Q", off_delay="1min"), to=plan(**QUIET))
    for number in range(3):
        office.at(number * 10).set(a=True)
        office.at(number * 10 + 5).set(a=False)
    assert [at for at, _ in rows(office, "chatter_begin")] == [20.0]


def test_chatter_of_new_lives_leaves_nobody_with_an_alarm_that_is_over() -> None:
    office = Office(high("Q", auto_ack=True), to=plan(**QUIET))
    for number in range(20):
        office.at(number * 15).set(a=True)
        assert number < 2 or office.life("Q").chattering
        office.at(number * 15 + 11).set(a=False)
    office.until(2000)
    on: dict[str, bool] = {}
    for notice in office.notices:
        on[notice.occurrence.occurrence] = notice.reason in ("raise", "reraise")
    assert not any(on.values())
    assert office.annunciator.memory.cases == {}
    office.balanced()


def test_chatter_survives_a_kill() -> None:
    office = Office(high("Q"), to=plan(**QUIET))
    for number in range(3):
        office.at(number * 10).set(a=True)
        office.at(number * 10 + 5).set(a=False)
    told = len(office.notices)
    office.restart()
    office.at(40).set(a=True)
    office.at(45).set(a=False)
    office.until(600)
    assert office.life("Q").chattering and len(rows(office, "chatter_begin")) == 1
    assert len(office.notices) <= told + 1
    office.until(3000)
    assert len(rows(office, "chatter_end")) == 1


def test_an_occurrence_is_raised_once_however_often_it_comes_and_goes() -> None:
    office = Office(high("Q"), to=plan(chatter={"activations": 9}, **QUIET))
    office.at(0).set(a=True)
    office.until(12)
    for second, on in ((12, False), (13, True), (14, False), (15, True)):
        office.at(second).set(a=on)
    office.until(60)
    assert [reason for _, reason, _ in office.said] == ["raise", "recover", "reraise"]
    office.balanced()


def test_who_is_called_by_a_digest_is_called_and_not_told_that_it_returned() -> None:
    ladder = [{"steps": [{"after": "20s", "to": ["chief"]}]}]
    to = plan(routes=[{"to": ["room"]}], escalation=ladder, **QUIET)
    office = Office(high("Q", latching=True), devices=house(12), to=to)
    for number in range(12):
        office.at(number * 0.1).set(f"d{number:03}", a=True)
    office.until(15)
    office.at(15).set("d000", a=False)
    office.until(71)
    told = {notice.to: notice.body["reasons"] for notice in office.notices if notice.at.mono_ns > 15 * SECOND}
    assert told == {
        ("log",): {"returned": 1, "escalate": 11},
        ("room",): {"returned": 1},
        ("chief",): {"escalate": 12},
    }


def test_nobody_is_called_by_a_digest_for_what_has_been_acknowledged_meanwhile() -> None:
    ladder = [{"steps": [{"after": "20s", "to": ["chief"]}]}]
    to = plan(routes=[{"to": ["room"]}], escalation=ladder, **QUIET)
    office = Office(high("Q"), devices=house(12), to=to)
    for number in range(12):
        office.at(number * 0.1).set(f"d{number:03}", a=True)
    office.until(40)
    assert len(rows(office, "escalate")) == 12
    office.at(40).do("ack", next(iter(office.occurrences)))
    office.until(71)
    (calls,) = (notice for notice in office.notices if "chief" in (notice.to or ()))
    assert calls.body["reasons"] == {"escalate": 11}


def test_a_call_that_a_digest_should_have_made_is_made_when_the_alarm_is_heard_again() -> None:
    """Muted before the digest, and the flood is over by then: not kept for the next flood, whenever that is."""
    ladder = [{"steps": [{"after": "20s", "to": ["chief"]}]}]
    to = plan(routes=[{"to": ["room"]}], escalation=ladder, **QUIET)
    office = Office(high("Q"), high("LATE", "b"), devices=house(12), to=to)
    for number in range(12):
        office.at(number * 0.1).set(f"d{number:03}", a=True)
    office.until(12)
    for name in [*office.occurrences]:
        office.do("ack", name)
    office.at(12).set("d000", b=True)
    office.until(40)
    (late,) = (name for name, one in office.occurrences.items() if one.rule == "LATE")
    assert [event.rule for event in office.events if event.kind == "escalate"] == ["LATE"]
    office.do("shelve", late, comment="c", for_ns=1500 * SECOND)
    office.until(1540)
    assert [event.kind for event in office.events if event.kind.startswith("flood")] == ["flood_begin", "flood_end"]
    assert not [notice for notice in office.notices if "chief" in (notice.to or ())]
    office.until(1551)
    told = [notice for notice in office.notices if notice.occurrence.rule == "LATE"]
    assert {channel for notice in told for channel in notice.to or ()} == {"log", "room", "chief"}
    assert all(not case.called for case in office.annunciator.memory.cases.values())
    office.until(1600)
    office.set("d000", b=False)
    office.until(1700)
    assert office.notices[-1].reason == "recover" and set(office.notices[-1].to or ()) == {"log", "room", "chief"}
    office.balanced()


def test_what_is_heard_again_in_the_moment_of_its_end_still_ends_for_those_who_were_told() -> None:
    office = Office(high("Q"), to=plan(routes=[{"to": ["room"]}], **QUIET))
    office.at(0).set(a=True)
    office.do("shelve", comment="c", for_ns=20 * SECOND)
    office.do("ack")
    office.at(20).set(a=False)  # the shelf is over, and so is the alarm
    assert {notice.to for notice in office.notices} <= {("log", "room")}
    assert office.notices == [] or office.notices[-1].reason in ("recover", "raised_and_recovered")
    office.until(60)
    office.balanced()
