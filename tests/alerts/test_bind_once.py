"""One alarm for a place (`once`), and alarms that speak for those of other devices (`inhibits`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from alerts.bind import bind
from alerts.bound import Bound
from alerts.rule import Rule
from gateway.model import AlarmState as S
from gateway.model import Device, Location
from tests.alerts.building import EAST, WEST, catalogue, device, gateway, panel, rule, rule_mapping, standard, sump
from tests.alerts.playing import Play

LEAK = {"on": {"system": "garage-water", "point": "leak"}, "when": {"is": True}}
FLOAT = {"on": {"system": "garage-water", "point": "high_high_float"}, "when": {"is": True}}


def pit(name: str, zone: str = "east", **changes: Any) -> Device:
    points = standard("garage-water", "leak", "high_high_float")
    return device(name, "garage-water", points, **{"location": Location("1", "B2", zone), **changes})


def bound(*rules: Rule, devices: list[Device]) -> Bound:
    return bind(rules, devices, catalogue())


def sources(found: Bound, name: str) -> list[str]:
    return [each.source for each in found.instances if each.rule.rule == name]


@pytest.mark.parametrize(
    ("once", "expected"),
    [
        ("zone", ["panel-1/L1D1", "panel-1/L1D3", "panel-1/L1D4"]),
        ("floor", ["panel-1/L1D1", "panel-1/L1D3"]),
        ("building", ["panel-1/L1D1"]),
        ("site", ["panel-1/L1D1"]),
    ],
)
def test_the_first_source_of_each_place_stands_for_it(once: str, expected: list[str]) -> None:
    found = bound(rule({"is": True}, on={"system": "fire", "point": "fire", "once": once}), devices=[panel()])
    assert sources(found, "T-01") == expected
    assert found.unbound == ()


def test_a_source_in_no_zone_is_told() -> None:
    parts = {"L1D1": EAST, "L1D2": Location("1", "1")}
    asked = rule({"is": True}, on={"system": "fire", "point": "fire", "once": "zone"})
    found = bound(asked, devices=[panel(parts=parts)])
    assert sources(found, "T-01") == ["panel-1/L1D1"]
    assert [(each.source, each.why) for each in found.unbound] == [("panel-1/L1D2", "it is in no zone")]


def test_the_first_source_that_can_be_bound_stands_for_its_place() -> None:
    without = replace(sump("a", "east"), points=tuple(p for p in sump().points if p.name != "sump_level"))
    asked = rule(
        {"all": [{"at_least": "10 cm"}, {"point": "sump_level", "above": "1 m"}]},
        on={"system": "garage-water", "point": "floor_level", "once": "zone"},
    )
    found = bound(asked, devices=[without, sump("b", "east"), sump("c", "east")])
    assert sources(found, "T-01") == ["b"]
    assert [each.source for each in found.unbound] == ["a"]


def speaker(**inhibits: Any) -> dict[str, Any]:
    return rule_mapping(LEAK["when"], rule="T-00", on=LEAK["on"], inhibits={"rules": ["T-01"], **inhibits})


def test_an_active_alarm_speaks_for_those_of_its_zone_and_gives_them_back() -> None:
    spoken = rule_mapping(FLOAT["when"], on=FLOAT["on"])
    play = Play([spoken, speaker(same="zone")], [pit("a", "east"), pit("b", "east"), pit("c", "west")])
    play.at(0).set("a", leak=True)
    for name in ("b", "c"):
        play.at(1).set(name, high_high_float=True)
    assert play.told == [("raise", "T-00", "a"), ("raise", "T-01", "c")]
    assert play.state("T-01", "b") is S.UNACKED
    play.at(2).set("a", leak=False)
    assert play.told[2:] == [("recover", "T-00", "a"), ("reraise", "T-01", "b")]


def test_a_link_s_alarm_speaks_for_the_devices_that_it_reads() -> None:
    link = rule_mapping(
        {"is": False},
        rule="T-00",
        on={"system": "gateway", "point": "link_up"},
        inhibits={"rules": ["T-01"], "same": "link"},
    )
    spoken = rule_mapping(FLOAT["when"], on=FLOAT["on"])
    behind, beside = pit("a", links=("broker",)), pit("b", links=("garage",))
    play = Play([spoken, link], [behind, beside, gateway(("garage", "broker"))])
    play.at(0).set("gateway", **{"broker/link_up": False, "garage/link_up": True})
    for name in ("a", "b"):
        play.at(1).set(name, high_high_float=True)
    assert play.told == [("raise", "T-00", "gateway/broker"), ("raise", "T-01", "b")]


def test_a_life_safety_alarm_is_never_inhibited_and_who_wants_to_is_told() -> None:
    spoken = rule(FLOAT["when"], on=FLOAT["on"], class_="life_safety")
    found = bound(Rule.model_validate(speaker(same="site")), spoken, devices=[sump()])
    (problem,) = found.problems
    assert (problem.rule, problem.loc) == ("T-00", ("inhibits", "rules", 0))
    assert "never inhibited" in problem.message


def test_a_rule_of_a_pack_that_is_not_loaded_is_no_mistake() -> None:
    assert bound(Rule.model_validate(speaker(same="site")), devices=[sump()]).problems == ()


def test_who_asks_for_the_alarm_that_it_inhibits_asks_in_a_circle() -> None:
    asks = rule(
        {"any": [{"is": True}, {"alarm": "T-01"}]},
        rule="T-00",
        on=LEAK["on"],
        inhibits={"rules": ["T-01"]},
    )
    found = bound(asks, rule(FLOAT["when"], on=FLOAT["on"]), devices=[sump()])
    assert [problem.rule for problem in found.problems] == ["T-00"]


@pytest.mark.parametrize(
    ("changes", "loc"),
    [
        ({"inhibits": {"rules": ["T-01"]}}, ("inhibits", "rules", 0)),
        ({"inhibits": {"rules": []}}, ("inhibits", "rules")),
        ({"inhibits": {"rules": ["T-02"], "same": "street"}}, ("inhibits", "same")),
        ({"on": {"once": "zone"}}, ("on",)),
    ],
)
def test_mistakes_are_told_at_their_place(changes: dict[str, Any], loc: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        rule({"is": True}, **changes)
    assert loc in [tuple(error["loc"]) for error in caught.value.errors()]


def test_places_of_two_devices_meet() -> None:
    """Not only parts: the first device of a zone stands for both."""
    asked = rule(FLOAT["when"], on={**FLOAT["on"], "once": "zone"})
    devices = [sump("a", location=EAST), sump("b", location=EAST), sump("c", location=WEST)]
    assert sources(bound(asked, devices=devices), "T-01") == ["a", "c"]
