"""A milder alarm that keeps a more severe one silent is named, with its place and what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.bind import bind
from alerts.milder import milder
from alerts.ordering import needed
from alerts.rule import Rule
from gateway.model import SECOND
from tests.alerts.building import catalogue, packs
from tests.alerts.stage import GUIDANCE, Stage, device, rule

A, B = ({"point": name, "is": True} for name in "ab")
R, S = {"alarm": "R"}, {"alarm": "S"}


def found(*rules: Rule) -> list[tuple[str, str, tuple[Any, ...]]]:
    """Who is silent for whom, and where that is said."""
    bound = bind(rules, [device("one"), device("two")], None)
    assert not bound.problems
    return [(each.silent.rule, each.by.rule, (each.named.rule, *each.loc)) for each in milder(bound)]


def by(severity: str, **fields: Any) -> Rule:
    return rule("S", severity=severity, **fields)


@pytest.mark.parametrize(
    ("own", "other", "told"),
    [
        ("high", "medium", True),
        ("high", "high", False),
        ("high", "critical", False),
        ("critical", "low", True),
        ("low", "medium", False),
        ("medium", "journal", False),  # what is only journalled speaks for nobody: it is heard
    ],
)
def test_who_speaks_for_another_is_at_least_as_severe(own: str, other: str, told: bool) -> None:
    here = [("R", "S", ("R", "suppressed_by", 0))] if told else []
    assert found(rule("R", severity=own, suppressed_by=["S"]), by(other)) == here
    there = [("R", "S", ("S", "inhibits", "rules", 0))] if told else []
    for same in ("device", "site"):
        assert found(rule("R", severity=own), by(other, inhibits={"rules": ["R"], "same": same})) == there


def test_the_more_severe_of_two_is_silent_indeed() -> None:
    stage = Stage(rule("R", severity="high", suppressed_by=["S"]), by("low"))
    stage.at(0).set(a=True)
    assert [notice.occurrence.rule for notice in stage.notices] == ["S"]


def step(severity: str) -> Any:
    return {"escalate": [{"when": B, "severity": severity}], "guidance": GUIDANCE}


@pytest.mark.parametrize(
    ("own", "other", "told"),
    [
        (("low", step("critical")), ("high", {}), True),  # it would become critical, and still be silent
        (("low", step("high")), ("high", {}), False),
        (("high", {}), ("medium", step("critical")), True),  # it is milder until it has escalated
        (("high", step("critical")), ("high", step("critical")), True),  # nobody knows which of them escalates first
        (("high", {}), ("journal", step("critical")), False),  # as long as it is only journalled it suppresses nothing
        (("high", {}), ("journal", step("medium")), True),
    ],
)
def test_what_can_escalate_is_compared_at_its_worst(own: Any, other: Any, told: bool) -> None:
    (severity, fields), (others, more) = own, other
    silent = rule("R", severity=severity, suppressed_by=["S"], **fields)
    assert bool(found(silent, by(others, **more))) is told


def test_what_escalates_behind_a_suppressor_stays_silent_indeed() -> None:
    stage = Stage(rule("R", suppressed_by=["S"], **step("critical")), by("high"))
    stage.at(0).set(a=True, b=False)
    stage.at(1).set(b=True)
    assert [notice.occurrence.rule for notice in stage.notices] == ["S"]


def test_levels_are_severities_too() -> None:
    levels = {"levels": [{"above": "1 m"}, {"above": "2 m", "severity": "critical"}]}
    silent = rule("R", "level", when=levels, suppressed_by=["S"], guidance=GUIDANCE)
    assert found(silent, by("high")) == [("R", "S", ("R", "suppressed_by", 0))]
    assert not found(silent, by("critical"))


@pytest.mark.parametrize(
    ("when", "places"),
    [
        (S, [("alarm",)]),
        ({"any": [B, S]}, [("any", 1, "alarm")]),
        ({"all": [B, S]}, [("all", 1, "alarm")]),
        ({"all": [S, {"alarm": "SEVERE"}]}, []),  # the more severe one speaks, too
        ({"any": [S, {"alarm": "SEVERE"}]}, [("any", 0, "alarm")]),
        ({"all": [{"any": [S, {"alarm": "SEVERE"}]}, B]}, [("all", 0, "any", 0, "alarm")]),
        ({"all": [{"any": [{"alarm": "SEVERE"}, {"alarm": "SEVERE", "same": "site"}]}, S]}, []),
        ({"not": S}, []),  # silent while that is over: no alarm keeps it silent
        ({"votes": 1, "of": [B, S]}, [("of", 1, "alarm")]),
        ({"together": [S, B], "within": "1min"}, [("together", 0, "alarm")]),
        ({"together": [S, {"alarm": "SEVERE"}], "within": "1min"}, []),
        ({"absent": S, "after": B, "by": "1min"}, []),
        ({"absent": B, "after": S, "by": "1min"}, [("after", "alarm")]),
        ({"expr": 'b or alarm("S")'}, [("expr", 11)]),
        ({"expr": 'alarm("S") and alarm("SEVERE")'}, []),
        ({"expr": 'not alarm("S")'}, []),
        ({"alarm": "SEVERE"}, []),
        (B, []),
    ],
)
def test_a_milder_alarm_in_suppress_when_is_told_at_its_place(when: Any, places: list[tuple[Any, ...]]) -> None:
    severe = rule("SEVERE", "c", severity="critical")
    told = found(rule("R", severity="high", suppress_when=when), by("low"), severe)
    assert told == [("R", "S", ("R", "suppress_when", *place)) for place in places]


def test_in_suppress_when_a_journalled_alarm_silences_too() -> None:
    assert found(rule("R", severity="high", suppress_when=S), by("journal"))
    stage = Stage(rule("R", severity="high", suppress_when=S), by("journal"))
    stage.at(0).set(a=True)
    assert stage.notices == []


def test_what_is_not_there_silences_nothing() -> None:
    assert not found(rule("R", severity="high", suppressed_by=["S"]), by("low", enabled=False))
    elsewhere = by("low", inhibits={"rules": ["R", "OTHER"]}, on={"device": "two", "point": "a"})
    assert not found(rule("R", severity="high", on={"device": "one", "point": "a"}), elsewhere)
    either = {"any": [B, {**S, "optional": True}]}
    assert not found(rule("R", severity="high", suppress_when=either), by("low", enabled=False))


def test_a_device_on_which_one_of_them_is_otherwise_is_named() -> None:
    mild = by("high").with_devices({"two": by("low")})
    bound = bind([rule("R", severity="high", suppressed_by=["S"]), mild], [device("one"), device("two")], None)
    (told,) = milder(bound)
    assert told.by.device == "two"
    assert told.message == (
        "R (high) is silent while S on two (low) is active, so nobody hears that it is high;"
        " give S the severity high, or take S out of `suppressed_by`"
    )


def test_life_safety_is_silent_for_nobody() -> None:
    saving = rule("R", severity="high", **{"class": "life_safety"}, suppress_when=B)
    assert not found(saving, by("low"))


def test_no_rule_of_the_catalogue_is_silent_for_a_milder_one() -> None:
    """Whatever a site has: every suppressor and every target on one device that each of them watches."""
    rules = {each["rule"]: Rule.model_validate(each) for each in packs()}
    plain = {
        name: rule(
            name,
            severity=each.severity.word,
            suppressed_by=each.suppressed_by,
            unknown_for=f"{max(each.unknown_for or 0, SECOND) // SECOND}s",
            escalate=[{"when": B, "severity": other.word} for other in each.severities if other < each.severity],
            **({} if each.inhibits is None else {"inhibits": each.inhibits.model_dump()}),
            **{"class": each.class_.value, "guidance": GUIDANCE},
        )
        for name, each in rules.items()
    }
    bound = bind(list(plain.values()), [device()], catalogue())
    assert not bound.problems
    asked = [instance for instance in bound.instances if instance.suppressed_by and instance.companion_of is None]
    assert {"WA-01", "FI-03", "EL-07", "GW-01"} <= {each.rule.rule for each in asked}
    assert [each.message for each in milder(bound)] == []
    hushed = [each.rule for each in rules.values() for loc, _ in needed(each) if loc[0] == "suppress_when"]
    assert hushed == [], "those that ask for alarms there must be compared, too"
