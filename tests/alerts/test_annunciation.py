"""What becomes a notice, for whom and when: routes, groups, ends, repeats, ladders, settling."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.annunciate import wording
from gateway.model import SECOND, Notice
from tests.alerts.annunciating import Office, fire, plan
from tests.alerts.stage import device, level_rule, rule

EVERYBODY = ("log", "room", "chief")


def of(office: Office, reason: str) -> list[Notice]:
    return [notice for notice in office.notices if notice.reason == reason]


# --- routes and ends


def test_without_routes_everybody_is_told() -> None:
    office = Office(fire("F"))
    office.at(0).set(a=True)
    assert [(notice.reason, notice.to) for notice in office.notices] == [("raise", EVERYBODY)]


def test_the_first_route_counts_unless_it_says_continue_and_the_log_gets_everything() -> None:
    routes = [
        {"match": {"class": "life_safety"}, "to": ["chief"], "continue": True},
        {"match": {"severity": "critical"}, "to": ["room"]},
        {"to": ["chief"]},
    ]
    office = Office(fire("F"), rule("C", "b", severity="critical"), rule("Q", "c"), to=plan(routes=routes))
    office.at(0).set(a=True, b=True, c=True)
    office.until(30)
    assert {notice.occurrence.rule: notice.to for notice in office.notices} == {
        "F": EVERYBODY,
        "C": ("log", "room"),
        "Q": ("log", "chief"),
    }


def test_what_no_route_knows_is_everybodys() -> None:
    office = Office(rule("Q"), to=plan(routes=[{"match": {"rule": "other"}, "to": ["chief"]}]))
    office.at(0).set(a=True)
    office.until(30)
    assert [notice.to for notice in office.notices] == [EVERYBODY]


def test_a_recovery_goes_to_exactly_those_who_were_told_whatever_mutes_now() -> None:
    steps = [{"after": "2min", "to": ["chief"]}]
    routes = [{"to": ["room"]}]
    office = Office(rule("Q", severity="high"), to=plan(routes=routes, escalation=[{"steps": steps}]))
    office.at(0).set(a=True)
    office.until(60)
    assert [notice.to for notice in office.notices] == [("log", "room")]
    office.until(121)
    assert office.said[-1][:2] == (120.0, "escalate") and office.notices[-1].to == ("log", "chief")
    office.do("shelve", comment="c", for_ns=3600 * SECOND)
    office.at(130).set(a=False)
    assert (office.notices[-1].reason, office.notices[-1].to) == ("recover", EVERYBODY)
    office.balanced()


def test_who_was_called_and_heard_the_end_is_not_told_of_the_next_one() -> None:
    ladder = [{"steps": [{"after": "2min", "to": ["chief"]}]}]
    office = Office(rule("Q", severity="high"), to=plan(routes=[{"to": ["room"]}], escalation=ladder, **FEW))
    office.at(0).set(a=True)
    office.until(130)
    office.at(130).set(a=False)
    office.at(200).set(a=True)
    office.until(220)
    office.at(220).set(a=False)
    ends = [notice.to for notice in office.notices if notice.reason == "recover"]
    assert ends == [EVERYBODY, ("log", "room")]


def test_a_recovery_says_how_long_who_and_how_far() -> None:
    office = Office(level_rule("W", "0.10 m", severity="critical"))
    office.at(0).set(level=0.2)
    office.at(60).set(level=0.35)
    office.do("ack", by="Li")
    office.at(600).set(level=0.0)
    end = office.notices[-1]
    assert end.reason == "recover"
    assert {key: end.body[key] for key in ("duration_s", "acked_by", "peak", "unit")} == {
        "duration_s": 600,
        "acked_by": "Li",
        "peak": 0.35,
        "unit": "m",
    }
    assert end.body["text"]["en"] == "W (dev) is back to normal after 10 min; acknowledged by Li; peak 0.35 m"
    assert end.body["text"]["zh"] == "W（dev）已恢复正常，持续10 分钟；确认人：Li；峰值 0.35 m"


def test_a_latched_one_says_normal_awaiting_reset_and_recovers_at_the_reset() -> None:
    office = Office(fire("F"))
    office.at(0).set(a=True)
    office.at(50).set(a=False)
    assert [reason for _, reason, _ in office.said] == ["raise", "returned"]
    assert office.notices[-1].body["text"]["en"].endswith("awaiting reset; not acknowledged")
    office.do("ack")
    office.do("reset", comment="looked")
    assert [reason for _, reason, _ in office.said] == ["raise", "returned", "recover"]
    assert office.annunciator.memory.cases == {}


def test_what_answers_itself_recovers_to_those_who_were_told() -> None:
    office = Office(rule("Q", severity="critical", auto_ack=True), to=plan(routes=[{"to": ["room"]}]))
    office.at(0).set(a=True)
    office.at(5).set(a=False)
    assert [(notice.reason, notice.to) for notice in office.notices] == [
        ("raise", ("log", "room")),
        ("recover", ("log", "room")),
    ]


def test_a_recovery_of_what_was_told_before_anybody_kept_a_record_goes_to_all() -> None:
    office = Office(rule("Q", severity="critical"))
    office.at(0).set(a=True)
    office.save()
    office.instances = {key: one for key, one in office.instances.items() if key[0] != "*"}
    assert office.checkpoint is not None
    object.__setattr__(office.checkpoint, "instances", tuple(i for i in office.checkpoint.instances if i.rule != "*"))
    office.restart()
    office.at(1).set(a=False)
    assert (office.notices[-1].reason, office.notices[-1].to) == ("recover", EVERYBODY)


def test_a_removed_rule_recovers_by_its_reason_to_those_who_were_told() -> None:
    office = Office(rule("Q", severity="critical"), rule("P", "b"), to=plan(routes=[{"to": ["room"]}]))
    office.at(0).set(a=True)
    office.restart(rules=(rule("P", "b"),))
    assert (office.notices[-1].reason, office.notices[-1].to) == ("recover", ("log", "room"))
    assert office.notices[-1].body["text"]["en"].startswith("Q (dev) is not watched any more: its rule was removed")


# --- groups


@pytest.mark.parametrize(("severity", "wait"), [("critical", 0), ("high", 10), ("medium", 30), ("low", 30)])
def test_how_long_each_severity_waits(severity: str, wait: int) -> None:
    office = Office(rule("Q", severity=severity))
    office.at(5).set(a=True)
    office.until(100)
    assert office.said == [(5.0 + wait, "raise", "Q")]
    office.balanced()


def test_a_group_goes_as_one_when_the_first_of_it_is_due() -> None:
    office = Office(
        rule("A", "a"), rule("B", "b"), rule("H", "c", severity="high"), rule("E", "d", **{"class": "system"})
    )
    office.at(0).set(a=True, d=True)
    office.at(5).set(b=True)
    office.at(12).set(c=True)
    office.until(100)
    assert office.said == [(22.0, "digest", "3"), (30.0, "raise", "E")]
    body = office.notices[0].body
    assert body["kind"] == "group" and body["rules"] == {"H": 1, "A": 1, "B": 1} and len(body["occurrences"]) == 3
    assert office.notices[0].occurrence.rule == "H"  # what weighs most
    assert body["text"] == {"en": "3 alarms together: H ×1, A ×1, B ×1", "zh": "3 条报警：H ×1、A ×1、B ×1"}
    office.at(40).set(a=False)
    assert (office.notices[-1].reason, office.notices[-1].occurrence.rule) == ("recover", "A")
    office.balanced()


def test_the_rest_waits_until_the_groups_last_message_is_five_minutes_old_and_high_does_not() -> None:
    office = Office(rule("A", "a"), rule("B", "b"), rule("H", "c", severity="high"))
    office.at(0).set(a=True, b=False, c=False)
    office.until(30)
    office.at(40).set(b=True)
    office.until(60)
    office.at(60).set(c=True)
    office.until(69)
    assert office.said == [(30.0, "raise", "A")]
    office.until(400)
    assert office.said == [(30.0, "raise", "A"), (70.0, "digest", "2")]  # B goes along with the one that is high
    office.at(401).set(b=False)
    office.do("ack", office.life("B").occurrence)
    office.at(402).set(b=True)
    office.until(431)
    assert len(office.said) == 3  # the recovery only: 70 + 300 s is over, 402 + 30 s is not
    office.until(432)
    assert office.said[-1] == (432.0, "raise", "B")


def test_one_that_ends_while_it_waits_is_told_as_one() -> None:
    office = Office(rule("Q", severity="high"))
    office.at(0).set(a=True)
    office.at(4).set(a=False)
    office.until(60)
    assert office.said == [(10.0, "raised_and_recovered", "Q")]
    assert office.notices[0].body["duration_s"] == 4
    assert office.counts.combined == 2
    office.balanced()
    office.do("ack")
    assert len(office.notices) == 1 and office.annunciator.memory.cases == {}


def test_one_that_ends_and_comes_back_while_it_waits_is_a_raise() -> None:
    office = Office(rule("Q", severity="high"))
    office.at(0).set(a=True)
    office.at(3).set(a=False)
    office.at(6).set(a=True)
    office.until(60)
    assert office.said == [(10.0, "raise", "Q")]
    assert (office.counts.sent, office.counts.merged) == (1, 2)
    office.balanced()


def test_one_that_becomes_critical_while_it_waits_goes_at_once() -> None:
    levels = [
        {"at_least": "0.10 m", "deadband": "0.01 m"},
        {"at_least": "0.30 m", "deadband": "0.01 m", "severity": "critical"},
    ]
    office = Office(level_rule("W", "", severity="medium", when={"levels": levels}))
    office.at(0).set(level=0.2)
    office.at(7).set(level=0.4)
    assert office.said == [(7.0, "raise", "W")] and office.notices[0].occurrence.severity.word == "critical"
    office.balanced()


def test_held_notices_survive_kill_and_restart_and_are_said_once() -> None:
    for saved in (False, True):
        office = Office(rule("Q", severity="high"), rule("P", "b"))
        office.at(0).set(a=True)
        if saved:
            office.save()
        office.at(4).set(b=True)
        office.restart(outage_s=600)
        office.until(5)
        assert office.notices == []
        office.until(10)
        assert [(n.reason, n.occurrence.rule, n.body.get("count")) for n in office.notices] == [("digest", "Q", 2)]
        office.restart(outage_s=1)
        office.until(60)
        assert len(office.notices) == 1
        office.balanced()


def test_what_is_muted_while_it_waits_is_not_told_and_is_told_when_it_is_heard_again() -> None:
    rules = (level_rule("LOW", "0.03 m", suppressed_by=["TOP"]), level_rule("TOP", "0.10 m", severity="critical"))
    office = Office(*rules)
    office.at(0).set(level=0.05)
    office.at(10).set(level=0.2)
    office.until(100)
    assert office.said == [(10.0, "raise", "TOP")]
    office.at(110).set(level=0.05)
    assert [what for _, _, what in office.said] == ["TOP", "TOP", "LOW"]
    assert office.notices[-1].reason == "raise"
    office.balanced()
    office.heard_or_held()


def test_what_was_muted_while_it_waited_and_is_over_is_nobodys_news() -> None:
    office = Office(rule("Q", severity="high"))
    office.at(0).set(a=True)
    office.do("shelve", comment="c", for_ns=3600 * SECOND)
    office.at(5).set(a=False)
    office.until(60)
    assert office.notices == [] and office.counts.hushed == 2
    office.balanced()


def test_a_latched_one_that_was_muted_while_it_waited_is_not_forgotten() -> None:
    office = Office(rule("Q", severity="high", latching=True))
    office.at(0).set(a=True)
    office.do("shelve", comment="c", for_ns=60 * SECOND)
    office.at(20).set(a=False)
    office.until(59)
    assert office.notices == []
    office.until(61)
    assert office.said == [(60.0, "raise", "Q")]
    office.balanced()


# --- repeats


def test_repeats_by_severity_while_nobody_has_acknowledged() -> None:
    for severity, times in (("critical", [120.0, 240.0, 360.0]), ("low", [])):
        office = Office(rule("Q", severity=severity))
        office.at(0).set(a=True)
        office.until(400)
        assert [at for at, reason, _ in office.said if reason == "repeat"] == times
        office.do("ack")
        office.until(1000)
        assert len(of(office, "repeat")) == len(times)


def test_repeats_by_a_list_and_their_steps_differ() -> None:
    office = Office(rule("Q", severity="high"), to=plan(repeat={"high": ["15min", "30min", "60min"]}))
    office.at(0).set(a=True)
    office.until(4 * 3600)
    times = [(at - 10) / 60 for at, reason, _ in office.said if reason == "repeat"]
    assert times == pytest.approx([15 + 1 / 6, 45 + 1 / 6, 105 + 1 / 6, 165 + 1 / 6, 225 + 1 / 6])
    keys = [(notice.seq, notice.step) for notice in of(office, "repeat")]
    assert len(set(keys)) == len(keys)


def test_repeats_stop_at_the_return_and_while_it_is_muted() -> None:
    office = Office(rule("Q", severity="critical"), rule("P", "b", severity="critical"))
    office.at(0).set(a=True, b=True)
    office.at(100).set(a=False)
    office.do("shelve", office.life("P").occurrence, comment="c", for_ns=600 * SECOND)
    office.until(599)
    assert of(office, "repeat") == []
    office.until(900)
    assert office.said[3] == (700.0, "reraise", "P")
    assert [at for at, reason, _ in office.said if reason == "repeat"] == [820.0]


# --- ladders

LADDER = [
    {"match": {"severity": "high"}, "steps": [{"after": "2min", "to": ["room"]}, {"after": "5min", "to": ["chief"]}]}
]
FEW = {"repeat": {"high": "never", "critical": "never"}}


def called(office: Office) -> list[tuple[float, tuple[str, ...] | None, int]]:
    return [(notice.at.mono_ns / SECOND, notice.to, notice.step) for notice in of(office, "escalate")]


def test_the_ladder_counts_from_the_raise_and_an_acknowledgement_stops_it() -> None:
    office = Office(rule("Q", severity="high"), to=plan(escalation=LADDER, **FEW))
    office.at(0).set(a=True)
    office.until(1000)
    assert called(office) == [(120.0, ("log", "room"), 1), (300.0, ("log", "chief"), 2)]
    assert office.notices[-1].body["text"]["en"] == "Q (dev): nobody has acknowledged it for 5 min"
    other = Office(rule("Q", severity="high"), to=plan(escalation=LADDER, **FEW))
    other.at(0).set(a=True)
    other.until(200)
    other.do("ack")
    other.until(1000)
    assert called(other) == [(120.0, ("log", "room"), 1)]
    assert [event.kind for event in other.events] == ["raise", "escalate", "ack"]


def test_an_acknowledgement_is_not_stale_because_somebody_was_called() -> None:
    office = Office(rule("Q", severity="high"), to=plan(escalation=LADDER, **FEW))
    office.at(0).set(a=True)
    seq = office.life("Q").seq
    office.until(200)
    office.do("ack", expected_seq=seq)


def test_more_severe_begins_the_ladder_again() -> None:
    levels = [
        {"at_least": "0.10 m", "deadband": "0.01 m"},
        {"at_least": "0.30 m", "deadband": "0.01 m", "severity": "critical"},
    ]
    when = {"levels": levels}
    office = Office(level_rule("W", "", severity="high", when=when), to=plan(escalation=LADDER, **FEW))
    office.at(0).set(level=0.2)
    office.until(200)
    office.at(200).set(level=0.4)
    office.until(1000)
    assert [at for at, _, _ in called(office)] == [120.0, 320.0, 500.0]


def test_a_mute_pauses_the_ladder_and_it_goes_on_with_what_was_left() -> None:
    office = Office(rule("Q", severity="high"), to=plan(escalation=LADDER, **FEW))
    office.at(0).set(a=True)
    office.until(90)
    office.do("shelve", comment="c", for_ns=600 * SECOND)
    office.restart(outage_s=5)
    office.at(91).set(a=True)
    office.until(684)
    assert called(office) == []
    office.until(2000)
    lifted = next(at for at, reason, _ in office.said if reason == "reraise") - 10  # it waited for its group
    assert [at for at, _, _ in called(office)] == [lifted + 30, lifted + 210]


def test_acknowledged_but_not_resolved_in_time_calls_the_next() -> None:
    unresolved = [{"steps": [{"after": "0s", "to": ["room"]}, {"after": "10min", "to": ["chief"]}]}]
    office = Office(rule("Q", severity="high"), to=plan(unresolved=unresolved, **FEW))  # ten minutes to respond
    office.at(0).set(a=True)
    office.until(60)
    office.do("ack")
    office.until(3000)
    assert [at for at, _, _ in called(office)] == [600.0, 1200.0]
    assert office.notices[-1].body["ladder"] == "unresolved"
    late = Office(rule("Q", severity="high"), to=plan(unresolved=unresolved, **FEW))
    late.at(0).set(a=True)
    late.until(900)
    late.do("ack")
    late.until(950)
    late.at(950).set(a=False)
    late.until(3000)
    assert [at for at, _, _ in called(late)] == [900.0]


def test_the_rungs_are_there_on_time_across_a_kill() -> None:
    office = Office(rule("Q", severity="high"), to=plan(escalation=LADDER, **FEW))
    office.at(0).set(a=True)
    office.until(110)
    office.restart()
    office.at(111).set(a=True)
    office.until(121)
    office.restart()
    office.until(1000)
    assert [at for at, _, _ in called(office)] == [120.0, 300.0]


def test_a_ladder_that_the_site_has_no_more_ends() -> None:
    office = Office(rule("Q", severity="high"), to=plan(escalation=LADDER, **FEW))
    office.at(0).set(a=True)
    office.until(125)
    office.plan = plan(**FEW)
    office.restart()
    office.until(1000)
    assert len(called(office)) == 1


def test_a_ladder_that_the_site_has_shortened_ends() -> None:
    office = Office(rule("Q", severity="high"), to=plan(escalation=LADDER, **FEW))
    office.at(0).set(a=True)
    office.until(125)
    office.plan = plan(escalation=[{"steps": [{"after": "2min", "to": ["room"]}]}], **FEW)
    office.restart()
    office.at(126).set(a=True)
    office.until(1000)
    assert [at for at, _, _ in called(office)] == [120.0]


# --- settling


def test_what_is_raised_before_everybody_was_heard_is_one_message_after_a_start() -> None:
    office = Office(rule("A", "a"), rule("B", "b", severity="high"), rule("C", "c", severity="high"), fire("F", "d"))
    office.restart()
    office.at(1).set(a=True, d=True)
    office.at(2).set(b=True)
    assert office.said == [(1.0, "raise", "F")]  # life safety at once
    office.until(59)
    assert len(office.said) == 1
    office.until(70)
    assert office.said == [(1.0, "raise", "F"), (60.0, "digest", "2")]
    assert office.notices[-1].body["kind"] == "start_up"
    office.balanced()


def test_settling_ends_when_everybody_was_heard() -> None:
    office = Office(rule("A", "a"), rule("B", "b"))
    office.restart()
    office.at(3).set(a=True, b=True)
    office.until(60)
    assert office.said == [(4.0, "digest", "2")]  # asked once a second


def test_nothing_that_was_announced_is_announced_again_after_a_start() -> None:
    office = Office(rule("A", "a", severity="critical"), rule("B", "b"))
    office.at(0).set(a=True, b=True)
    office.until(60)
    told = len(office.notices)
    office.restart(outage_s=60)
    office.at(61).set(a=True, b=True)
    office.until(100)
    assert len(office.notices) == told
    office.at(101).set(a=False, b=False)
    assert [reason for _, reason, _ in office.said[told:]] == ["recover", "recover"]


# --- texts


def test_every_text_is_there_in_both_languages_with_the_same_places() -> None:
    import string

    for key, text in wording.texts().items():
        places = [sorted(name for _, name, _, _ in string.Formatter().parse(one) if name) for one in text]
        assert places[0] == places[1], key
        assert text.en.strip() and text.zh.strip()
    for key in ("recover", "returned", "raised_and_recovered", "repeat", "escalate", "unresolved"):
        assert key in wording.texts()
    for kind in ("group", "flood", "start_up"):
        assert f"digest_{kind}" in wording.texts()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (-5, "0 s")]
)
def test_durations_are_cut(seconds: int, text: str) -> None:
    assert wording.duration(seconds * SECOND).en == text


def test_devices_of_other_systems_are_other_groups() -> None:
    devices: Any = (device("one"), device("two", "garage"))
    rules = (rule("A", on={"system": "test", "point": "a"}), rule("B", on={"system": "garage", "point": "a"}))
    office = Office(*rules, devices=devices)
    office.at(0).set("one", a=True)
    office.at(1).set("two", a=True)
    office.until(60)
    assert office.said == [(30.0, "raise", "A"), (31.0, "raise", "B")]
