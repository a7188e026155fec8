"""The shipped rule packs: complete, in both languages, and bound to the demo building."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from alerts.bind import bind
from alerts.bound import Bound
from alerts.companion import texts_of_companions
from alerts.rule import Rule, apply_override
from gateway.model import HEALTH_POINT, SECOND, AlarmClass, Location, Severity
from gateway.units import UNITS
from tests.alerts.building import KEBA, PARTS, RULES, catalogue, charger, demo, gateway, lift, pack, packs

C, H, M, L, J = Severity
# the catalogue: severity, class life_safety (the L), on- and off-delay in seconds
CATALOGUE = {
    "EL-01": (C, True, 60, 0),
    "EL-02": (C, True, 3, 0),
    "EL-03": (C, True, 0, 0),
    "EL-04": (C, True, 0, 0),
    "EL-05": (L, False, 0, 3600),  # its 5 s and the count are in the condition
    "EL-06": (C, True, 0, 0),
    "EL-07": (H, False, 5, 30),
    "EL-08": (H, False, 0, 0),  # catalogue: 15; three attempts of 15 s are counted
    "EL-09": (L, False, 0, 30),  # catalogue: 120; in the condition, for the count has no delay
    "EL-10": (H, False, 0, 0),  # catalogue: 45; in the condition
    "EL-11": (M, False, 10, 30),
    "EL-12": (M, False, 60, 60),
    "EL-13": (H, False, 60, 60),
    "EL-14": (L, False, 0, 60),  # catalogue: 600; in the condition
    "EL-15": (L, False, 14400, 0),
    "EL-16": (M, False, 60, 60),
    "WA-01": (M, False, 60, 300),
    "WA-02": (H, False, 30, 300),
    "WA-03": (C, True, 10, 300),
    "WA-04": (H, False, 10, 600),  # catalogue: 0; one splash is one sample
    "WA-05": (H, False, 5, 60),
    "WA-06": (H, False, 300, 60),
    "WA-07": (H, False, 30, 10),
    "WA-08": (H, False, 3, 10),
    "WA-09": (M, False, 600, 10),
    "WA-10": (L, False, 0, 1800),
    "WA-11": (M, False, 0, 0),
    "WA-12": (M, False, 15, 60),
    "WA-12-sump": (M, False, 15, 60),
    "WA-13": (M, False, 60, 60),
    "WA-14": (M, False, 10, 60),
    "WA-15": (L, False, 600, 600),
    "WA-16": (M, False, 60, 60),
    "FI-01": (C, True, 0, 0),
    "FI-02": (C, True, 0, 0),
    "FI-03": (H, False, 0, 0),
    "FI-04": (H, False, 0, 10),
    "FI-05": (M, False, 0, 10),
    "FI-05-panel": (M, False, 0, 10),
    "FI-06": (M, False, 60, 10),
    "FI-07": (L, False, 7200, 0),
    "FI-08": (M, False, 60, 60),
    "FI-09": (H, False, 0, 30),
    "FI-10": (H, False, 15, 15),
    "FI-11": (H, False, 60, 10),
    "FI-12": (C, True, 120, 0),
    "FI-13": (H, False, 60, 60),
    "FI-14": (L, False, 0, 3600),
    "FI-16": (H, False, 10, 30),
    "FI-15": (H, False, 15, 60),
    "FI-15-sensor": (M, False, 15, 60),
    "EV-01": (M, False, 0, 60),  # its 60 s and 5 s are in the condition: two limits, two times
    "EV-02": (H, False, 10, 120),
    "EV-03": (H, True, 0, 0),
    "EV-04": (H, True, 0, 0),
    "EV-05": (C, True, 0, 0),  # catalogue: 10; a charger that says itself that it is stuck is believed at once
    "EV-06": (L, False, 900, 900),
    "EV-07": (L, False, 0, 300),  # catalogue: 900, 300, 60; three limits, three times
    "EV-08": (H, False, 60, 120),
    "EV-09": (M, False, 0, 0),
    "EV-09-plug": (M, False, 28800, 0),
    "EV-10": (H, False, 30, 60),
    "EV-11": (H, False, 5, 60),
    "EV-12": (M, False, 60, 30),
    "EV-13": (L, False, 900, 900),
    "XC-01": (C, True, 10, 0),
    "XC-02": (C, True, 60, 0),
    "XC-03": (C, True, 60, 0),
    "XC-04": (H, True, 5, 60),
    "XC-04-lift": (J, False, 0, 30),
    "XC-04-meter": (J, False, 0, 30),
    "XC-04-panel": (J, False, 0, 30),
    "XC-05": (C, True, 120, 0),
    "XC-06": (H, True, 10, 60),
    "XC-07": (C, True, 0, 0),
    "XC-08": (M, False, 60, 300),
    "XC-09": (H, False, 5, 60),
    "GW-01": (M, False, 0, 10),  # catalogue: 2 polls
    "GW-02": (L, False, 600, 600),
    "GW-02-unsynced": (L, False, 86400, 600),
    "GW-03": (L, False, 60, 600),  # catalogue: 600; the second level must not wait so long
    "GW-04": (M, False, 60, 60),
    "GW-05": (H, False, 0, 300),
    "GW-06": (H, False, 0, 0),
    "GW-07": (H, False, 0, 30),
    "GW-08": (M, False, 10, 60),
    "GW-09": (L, False, 0, 0),
    "GW-10": (M, False, 0, 0),
    "GW-11": (M, False, 30, 60),
    "GW-12": (L, False, 0, 0),
    "GW-13": (M, False, 0, 60),
    "GW-14": (M, False, 10, 10),
    "GW-15": (M, False, 0, 60),
    "GW-16": (L, False, 0, 60),
    "GW-17": (M, False, 0, 60),
    "GW-18": (M, False, 60, 60),
    "GW-19": (M, False, 0, 60),
    "GW-20": (M, False, 0, 60),
    "GW-21": (H, False, 0, 60),
    "GW-22": (L, False, 600, 60),
    "GW-23": (M, False, 0, 60),
}


def rules() -> list[Rule]:
    return [Rule.model_validate(mapping) for mapping in packs()]


def bound() -> Bound:
    return bind(rules(), demo(), catalogue())


def texts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], dict[str, str]]]:
    """Every mapping that holds one of the languages."""
    if isinstance(value, dict):
        if {"en", "zh"} & value.keys():
            yield path, value
        for key, child in value.items():
            yield from texts(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from texts(child, (*path, index))


def test_the_packs_hold_the_catalogue_s_values() -> None:
    found = {
        rule.rule: (
            rule.severity,
            rule.class_ is AlarmClass.LIFE_SAFETY,
            rule.on_delay // SECOND,
            rule.off_delay // SECOND,
        )
        for rule in rules()
    }
    assert found == CATALOGUE


@pytest.mark.parametrize("mapping", [*packs(), texts_of_companions()], ids=lambda each: each.get("rule", "companion"))
def test_every_text_is_there_in_both_languages(mapping: Any) -> None:
    found = list(texts(mapping))
    assert len(found) >= 6
    for path, text in found:
        assert text.keys() == {"en", "zh"}, path
        assert re.search("[一-鿿]", text["zh"]), f"no Chinese at {path}"
        assert not re.search("[一-鿿]", text["en"]), f"Chinese in the English at {path}"
    steps = mapping.get("guidance", mapping)["corrective_action"]
    assert re.findall(r"(\d)\. ", steps["en"]) == re.findall(r"(\d)．", steps["zh"])


@pytest.mark.parametrize("mapping", packs(), ids=lambda each: each["rule"])
def test_guidance_is_written_for_this_alarm(mapping: Any) -> None:
    guidance = mapping["guidance"]
    assert "judgement" in guidance["basis"]["en"], "what is a judgement says so"
    assert "工程判断" in guidance["basis"]["zh"]
    assert len({text["en"] for _, text in texts(guidance)}) == len(list(texts(guidance))), "no sentence twice"


def test_every_pack_rule_is_bound_on_the_demo_building() -> None:
    found = bound()
    assert found.problems == ()
    sources = {name: sorted(each.source for each in found.instances if each.rule.rule == name) for name in CATALOGUE}
    lifts, waters = ["lift-1", "lift-2"], ["water-east", "water-west"]
    assert sources["EL-01"] == sources["EL-03"] == sources["EL-04"] == sources["EL-07"] == lifts
    assert sources["WA-08"] == [f"{water}/pump-{number}" for water in waters for number in (1, 2)]
    chargers = ["charger-east-1", "charger-west-1"]
    assert sources["GW-01"] == sorted(["gateway", *lifts, *waters, *chargers, "feeder-east", "residual-east"])
    for name in ("FI-01", "FI-03", "FI-04", "FI-05", "FI-06"):
        assert sources[name] == [f"panel-1/{part}" for part in sorted(PARTS)]
    for name in ("FI-05-panel", "FI-08", "FI-09"):
        assert sources[name] == ["panel-1"]
    assert sources["FI-15"] == sources["FI-15-sensor"] == ["residual-east"]
    assert sources["EV-01"] == sources["EV-04"] == sources["EV-05"] == chargers
    assert sources["EV-02"] == sources["EV-03"] == chargers
    assert sources["XC-01"] == sources["XC-03"] == [*chargers, "feeder-east"]
    assert sources["GW-14"] == sources["GW-23"] == sources["XC-09"] == ["gateway/broker", "gateway/garage"]
    assert sources["GW-04"] == sources["GW-18"] == ["gateway/historian"]
    assert sources["GW-13"] == sources["GW-15"] == sources["GW-16"] == sources["GW-17"] == ["gateway/broker"]
    assert sources["GW-03"] == sources["GW-11"] == sources["GW-19"] == ["gateway"]
    for name in ("WA-01", "WA-02", "WA-03", "WA-04", "WA-05", "WA-06", "WA-07", "WA-12", "WA-13"):
        assert sources[name] == waters
    assert sources["FI-02"] == ["panel-1/L1D1", "panel-1/L1D3"], "the first detector of each zone that has two signals"
    assert sources["XC-02"] == sources["XC-06"] == sources["XC-07"] == lifts
    assert sources["XC-04"] == ["gateway"]


def test_what_a_device_lacks_is_told_and_nothing_else() -> None:
    """Of the rules that watch something in the demo building; what watches nothing there is in the next test."""
    found = bound()
    silent = {each.rule for each in found.unbound if each.source is None}
    assert {(each.rule, each.source) for each in found.unbound if each.rule not in silent} == {
        ("GW-01", "panel-1"),  # FI-09 stands there
        ("FI-02", "panel-1/L1D4"),  # the only one in its zone
        *((rule, "feeder-east") for rule in ("EV-01", "EV-02", "EV-03", "EV-04", "EV-05", "EV-12")),
    }
    both = ("charger-east-1", "charger-west-1")
    assert {(each.rule, each.source) for each in found.reduced} == {
        *((rule, lift) for rule in ("EL-08", "EL-10", "XC-02") for lift in ("lift-1", "lift-2")),
        *((rule, charger) for rule in ("EV-01", "EV-02", "EV-03", "EV-05") for charger in both),
        *(("WA-11", water) for water in ("water-east", "water-west")),
        *((rule, device) for rule in ("XC-01", "XC-03") for device in ("feeder-east", "charger-west-1")),
        ("XC-04", "gateway"),  # no meter is labelled as the incoming one
    }


def test_what_the_demo_building_has_no_points_for_watches_nothing() -> None:
    silent = {each.rule for each in bound().unbound if each.source is None}
    assert silent == {
        *("EL-02", "EL-05", "EL-11", "EL-12", "EL-13", "EL-14", "EL-16"),
        *("WA-09", "WA-14", "WA-15", "WA-16"),
        *("FI-10", "FI-11", "FI-12", "FI-13", "FI-14", "FI-16"),
        *("EV-06", "EV-07", "EV-08", "EV-09", "EV-09-plug", "EV-10", "EV-11", "EV-13"),
        *("XC-04-meter", "XC-05", "XC-08", "GW-07", "GW-08"),
    }


def test_packs_for_systems_that_a_site_has_not_got_watch_nothing_and_are_no_mistake() -> None:
    found = bind(rules(), [lift(), gateway(links=())], catalogue())
    assert found.problems == ()
    watched = {each.rule.rule for each in found.instances}
    assert {rule for rule in watched if rule.startswith(("WA", "FI", "EV", "XC"))} == {"XC-04-lift"}
    silent = {each.rule for each in found.unbound if each.source is None}
    assert {"WA-01", "FI-01", "FI-15", "EV-03", "XC-01", "XC-03", "GW-13", "GW-14"} <= silent


@pytest.mark.parametrize(
    ("lacking", "missing"),
    [
        ("garage-water", {"WA-01", "WA-02", "WA-03"}),
        ("fire", {"FI-01", "FI-02"}),
        ("elevator", {"EL-01"}),
        ("ev-charging", {"EV-07"}),
    ],
)
def test_a_cross_system_rule_does_not_pass_without_the_pack_that_it_asks(lacking: str, missing: set[str]) -> None:
    kept = [each for path in sorted(RULES.glob("*.yaml")) if path.stem != lacking for each in pack(path.stem)]
    found = bind([Rule.model_validate(each) for each in kept], demo(), catalogue())
    assert {each.missing for each in found.problems} == missing


def test_a_charger_outside_all_zones_of_water_and_fire_is_named() -> None:
    alone = charger("alone", Location("1", "B1"), KEBA)
    found = bind(rules(), [*demo(), alone], catalogue())
    silent = {each.rule for each in bound().unbound if each.source is None}
    assert {each.rule for each in found.unbound if each.source == "alone"} - silent == {"XC-01", "XC-03"}


def test_a_higher_stage_suppresses_the_lower_ones() -> None:
    by_key = {(each.rule.rule, each.source): each for each in bound().instances}
    east = "water-east"
    assert by_key["WA-01", east].suppressed_by == (("WA-02", east), ("WA-03", east))
    assert by_key["WA-02", east].suppressed_by == (("WA-03", east),)
    assert by_key["WA-03", east].suppressed_by == ()
    assert by_key["WA-03", east].order < by_key["WA-02", east].order < by_key["WA-01", east].order


def test_one_dead_floor_sensor_leaves_one_companion_unsuppressed() -> None:
    suffix = "/protection_lost"
    companions = [each for each in bound().instances if each.companion_of and each.source == "water-east"]
    floor = [each for each in companions if each.rule.rule[:5] in {"WA-01", "WA-02", "WA-03", "WA-04"}]
    assert len(floor) == 4
    assert [each.rule.rule for each in floor if not each.suppressed_by] == ["WA-03" + suffix]


def test_who_has_a_companion() -> None:
    found = {each.companion_of[0] for each in bound().instances if each.companion_of}
    watched = {each.rule.rule for each in bound().instances if each.companion_of is None}
    people_must_come = {rule for rule, (severity, *_) in CATALOGUE.items() if severity <= M}
    system = {rule for rule in CATALOGUE if rule.startswith("GW")} | {"XC-09"}
    assert found == (watched & people_must_come) - {"WA-12", "WA-12-sump", "FI-09"} - system
    for each in bound().instances:
        if each.companion_of:
            offline = "FI-09" if each.device.system == "fire" else "GW-01"
            assert each.collapse_into == (offline, each.device.id)


def test_the_standard_points_have_known_units() -> None:
    for system, points in catalogue().items():
        for name, point in points.items():
            assert point.unit is None or point.unit in UNITS, f"{system}.{name}"
            assert bool(point.codes) == (point.type == "enum"), f"{system}.{name}"
    assert catalogue()["all"]["health"].codes == HEALTH_POINT.codes


@pytest.mark.parametrize(
    ("name", "rule", "override", "reached"),
    [
        ("garage-water", "WA-02", {"when": {"at_least": "0.12 m"}}, ("at_least", "0.12 m")),
        ("garage-water", "WA-04", {"when": {"rises_by": "8 cm"}}, ("rises_by", "8 cm")),
        ("garage-water", "WA-07", {"when": {"all": [{"at_least": "1.8 m"}]}}, ("all", [{"at_least": "1.8 m"}])),
    ],
)
def test_a_site_can_set_its_own_numbers(name: str, rule: str, override: Any, reached: tuple[str, Any]) -> None:
    mapping = next(each for each in pack(name) if each["rule"] == rule)
    merged = apply_override(mapping, override)
    assert merged["when"][reached[0]] == reached[1]
    Rule.model_validate(merged)


def test_the_load_of_an_entrapment_is_overridden_by_its_point() -> None:
    merged = apply_override(pack("elevator")[0], {"when": {"all": {"load": {"above": "6 %"}}}})
    assert merged["when"]["all"][2]["above"] == "6 %"
    assert bind([Rule.model_validate(merged)], demo(), catalogue()).problems == ()
