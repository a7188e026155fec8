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
from gateway.model import HEALTH_POINT, SECOND, AlarmClass, Severity
from gateway.units import UNITS
from tests.alerts.building import catalogue, demo, pack, packs

C, H, M = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM
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
    "GW-01": (M, False, 0, 10),
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
    assert found.reduced == ()
    assert {each.rule for each in found.unbound} == set()
    sources = {name: sorted(each.source for each in found.instances if each.rule.rule == name) for name in CATALOGUE}
    lifts, waters = ["lift-1", "lift-2"], ["water-east", "water-west"]
    assert sources["EL-01"] == sources["EL-03"] == sources["EL-04"] == sources["EL-07"] == lifts
    assert sources["WA-08"] == [f"{water}/pump-{number}" for water in waters for number in (1, 2)]
    assert sources["GW-01"] == ["gateway", *lifts, *waters]
    for name in CATALOGUE:
        assert sources[name] or name == "GW-01"
        if name.startswith("WA") and name != "WA-08":
            assert sources[name] == waters


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
    assert found == set(CATALOGUE) - {"WA-12", "WA-12-sump", "GW-01"}
    assert all(each.collapse_into == ("GW-01", each.device.id) for each in bound().instances if each.companion_of)


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
