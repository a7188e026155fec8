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

C, H, M, L = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW
# the catalogue: severity, class life_safety (the L), on- and off-delay in seconds
CATALOGUE = {
    "EL-01": (C, True, 60, 0),
    "EL-03": (C, True, 0, 0),
    "EL-04": (C, True, 0, 0),
    "EL-07": (H, False, 5, 30),
    "WA-01": (M, False, 60, 300),
    "WA-02": (H, False, 30, 300),
    "WA-03": (C, True, 10, 300),
    "WA-04": (H, False, 10, 600),  # catalogue: 0; one splash is one sample
    "WA-05": (H, False, 5, 60),
    "WA-07": (H, False, 30, 10),
    "WA-08": (H, False, 3, 10),
    "WA-12": (M, False, 15, 60),
    "WA-12-sump": (M, False, 15, 60),
    "FI-01": (C, True, 0, 0),
    "FI-03": (H, False, 0, 0),
    "FI-04": (H, False, 0, 10),
    "FI-05": (M, False, 0, 10),
    "FI-05-panel": (M, False, 0, 10),
    "FI-06": (M, False, 60, 10),
    "FI-08": (M, False, 60, 60),
    "FI-09": (H, False, 0, 30),
    "FI-15": (H, False, 15, 60),
    "FI-15-sensor": (M, False, 15, 60),
    "EV-01": (M, False, 0, 60),  # its 60 s and 5 s are in the condition: two limits, two times
    "EV-02": (H, False, 10, 120),
    "EV-03": (H, True, 0, 0),
    "EV-04": (H, True, 0, 0),
    "EV-05": (C, True, 0, 0),  # catalogue: 10; a charger that says itself that it is stuck is believed at once
    "XC-01": (C, True, 10, 0),
    "XC-03": (C, True, 60, 0),
    "GW-01": (M, False, 0, 10),
    "GW-03": (L, False, 60, 600),
    "GW-04": (M, False, 60, 60),
    "GW-11": (M, False, 30, 60),
    "GW-13": (M, False, 0, 60),
    "GW-14": (M, False, 10, 10),
    "GW-15": (M, False, 0, 60),
    "GW-16": (L, False, 0, 60),
    "GW-17": (M, False, 0, 60),
    "GW-18": (M, False, 60, 60),
    "GW-19": (M, False, 0, 60),
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
    assert sources["GW-14"] == ["gateway/broker", "gateway/garage"]
    assert sources["GW-04"] == sources["GW-18"] == ["gateway/historian"]
    assert sources["GW-13"] == sources["GW-15"] == sources["GW-16"] == sources["GW-17"] == ["gateway/broker"]
    assert sources["GW-03"] == sources["GW-11"] == sources["GW-19"] == ["gateway"]
    for name in CATALOGUE:
        if name.startswith("WA") and name != "WA-08":
            assert sources[name] == waters


def test_what_a_device_lacks_is_told_and_nothing_else() -> None:
    found = bound()
    assert {(each.rule, each.source) for each in found.unbound} == {
        ("GW-01", "panel-1"),  # FI-09 stands there
        *((rule, "feeder-east") for rule in ("EV-01", "EV-02", "EV-03", "EV-04", "EV-05")),
    }
    assert {(each.rule, each.source) for each in found.reduced} == {
        ("EV-01", "charger-east-1"),  # no pilot signal
        ("EV-01", "charger-west-1"),  # no limit
        ("EV-02", "charger-east-1"),
        *(("EV-03", charger) for charger in ("charger-east-1", "charger-west-1")),
        *((rule, "feeder-east") for rule in ("XC-01", "XC-03")),
        *((rule, "charger-west-1") for rule in ("XC-01", "XC-03")),
    }


def test_packs_for_systems_that_a_site_has_not_got_watch_nothing_and_are_no_mistake() -> None:
    found = bind(rules(), [lift(), gateway(links=())], catalogue())
    assert found.problems == ()
    watched = {each.rule.rule for each in found.instances}
    assert not [rule for rule in watched if rule.startswith(("WA", "FI", "EV", "XC"))]
    silent = {each.rule for each in found.unbound if each.source is None}
    assert {"WA-01", "FI-01", "FI-15", "EV-03", "XC-01", "XC-03", "GW-13", "GW-14"} <= silent


@pytest.mark.parametrize(("lacking", "missing"), [("garage-water", {"WA-01", "WA-02", "WA-03"}), ("fire", {"FI-01"})])
def test_a_cross_system_rule_does_not_pass_without_the_pack_that_it_asks(lacking: str, missing: set[str]) -> None:
    kept = [each for path in sorted(RULES.glob("*.yaml")) if path.stem != lacking for each in pack(path.stem)]
    found = bind([Rule.model_validate(each) for each in kept], demo(), catalogue())
    assert {each.missing for each in found.problems} == missing


def test_a_charger_outside_all_zones_of_water_and_fire_is_named() -> None:
    alone = charger("alone", Location("1", "B1"), KEBA)
    found = bind(rules(), [*demo(), alone], catalogue())
    assert {each.rule for each in found.unbound if each.source == "alone"} == {"XC-01", "XC-03"}


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
    system = {rule for rule in CATALOGUE if rule.startswith("GW")}
    assert found == set(CATALOGUE) - {"WA-12", "WA-12-sump", "FI-09"} - system
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
