"""Parts and their places, rules in place of others, any of several points, and whose companion speaks."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.bind import bind
from alerts.bound import Bound, Unbound
from alerts.rule import Rule
from gateway.model import SECOND, Device, Location, Part, Point, PointType, Severity
from tests.alerts.building import catalogue, device, rule, sump, table

FIRE = {"system": "fire", "point": "fire"}
WATER = {"system": "garage-water"}


def panel(*parts: str, whole: bool = False, name: str = "panel-1", **places: Location) -> Device:
    """A fire panel with `fire` and `prealarm` of these parts; `whole`: it also has a `fire` of its own."""
    own = [Point("fire", PointType.BOOL)] if whole else []
    points = [Point(each, PointType.BOOL, part=part) for part in parts for each in ("fire", "prealarm")]
    named = {part: Part(part, None, places.get(part, Location())) for part in parts}
    return device(name, "fire", [*own, *points], location=Location("1", "1"), parts=named)


def charger(name: str, place: Location, *points: str) -> Device:
    fitted = [catalogue()["ev-charging"][point] for point in points or ("charger_state", "current")]
    return device(name, "ev-charging", fitted, location=place)


def keys(bound: Bound, rule: str) -> list[str]:
    return [each.source for each in bound.instances if each.rule.rule == rule]


def alarms(bound: Bound, rule: str, source: str) -> set[tuple[str, str]]:
    (found,) = [each for each in bound.instances if (each.rule.rule, each.source) == (rule, source)]
    return set(found.condition.alarms)


def test_a_panel_with_a_fire_of_its_own_is_watched_beside_its_parts() -> None:
    bound = bind([rule({"is": True}, on=FIRE)], [panel("L1D1", "L1D2", whole=True)], catalogue())
    assert keys(bound, "T-01") == ["panel-1", "panel-1/L1D1", "panel-1/L1D2"]
    assert [each.part for each in bound.instances[::2]] == [None, "L1D1", "L1D2"]


@pytest.mark.parametrize(("parts", "truth"), [("every", False), ("any", True)])
def test_every_and_any_part_leave_the_device_s_own_point_out(parts: str, truth: bool) -> None:
    when = {"point": "fire", "is": True, "parts": parts}
    both = table([rule(when, on={"system": "fire"})], [panel("L1D1", "L1D2", whole=True)])
    both.set(1, "panel-1", {"fire": parts == "every", "L1D1/fire": True, "L1D2/fire": False})
    assert both.truth("T-01", "panel-1") is truth


ZONE = Location(None, "B2", "garage-east")


@pytest.mark.parametrize(
    ("same", "part_at", "charger_at", "together"),
    [
        ("zone", ZONE, Location("1", "B2", "garage-east"), True),  # the part's building is its panel's
        ("zone", ZONE, Location("2", "B2", "garage-east"), False),
        ("zone", ZONE, Location("1", "B2", "garage-west"), False),
        ("zone", Location(), Location("1", "1"), False),  # no zone is no common zone
        ("floor", ZONE, Location("1", "B2", "elsewhere"), True),
        ("floor", ZONE, Location("1", "B3"), False),
        ("floor", ZONE, Location("2", "B2"), False),
        ("floor", ZONE, Location("1"), False),  # no floor is no common floor
        ("site", ZONE, Location("2"), True),
        ("site", ZONE, Location(), True),
        ("building", ZONE, Location("1"), True),
        ("building", Location("2", "B2", "x"), Location("1"), False),
        ("device", ZONE, Location("1", "B2", "garage-east"), False),
    ],
)
def test_the_place_of_an_alarm_is_its_part_s(
    same: str, part_at: Location, charger_at: Location, together: bool
) -> None:
    fire = rule({"is": True}, rule="F", on=FIRE)
    asks = rule({"alarm": "F", "same": same}, rule="X", on={"system": "ev-charging"})
    bound = bind([fire, asks], [panel("L1D3", L1D3=part_at), charger("c", charger_at)], catalogue())
    assert bound.problems == ()
    assert keys(bound, "X") == (["c"] if together else [])
    if together:
        assert alarms(bound, "X", "c") == {("F", "panel-1/L1D3")}


def test_a_part_asks_for_the_alarms_of_its_own_zone() -> None:
    """Not for those of its panel's place."""
    wet = rule(rule="W")
    asks = rule({"all": [{"is": True}, {"alarm": "W", "same": "zone"}]}, rule="X", on=FIRE)
    east, west = (Location("1", "B2", zone) for zone in ("garage-east", "garage-west"))
    devices = [sump("e", "garage-east"), sump("w", "garage-west"), panel("A", "B", "C", A=east, B=west)]
    bound = bind([wet, asks], devices, catalogue())
    assert keys(bound, "X") == ["panel-1/A", "panel-1/B"]
    assert alarms(bound, "X", "panel-1/A") == {("W", "e")}
    assert alarms(bound, "X", "panel-1/B") == {("W", "w")}


# --- one rule in place of another


def offline(name: str = "GW-01", on: dict[str, str] | None = None, **changes: Any) -> Rule:
    on = on or {"point": "health"}
    return rule({"is": "offline"}, rule=name, on=on, class_="system", severity="medium", **changes)


PANELS_OWN = {"name": "FI-09", "on": {"system": "fire", "point": "health"}, "instead_of": ["GW-01"]}


@pytest.mark.parametrize("first", [0, 1])
def test_a_rule_stands_in_place_of_another(first: int) -> None:
    rules = [offline(), offline(**PANELS_OWN)]
    devices = [panel("L1D1"), sump()]
    bound = bind([rules[first], rules[1 - first]], devices, catalogue())
    assert bound.problems == ()
    assert keys(bound, "GW-01") == ["water-east"]
    assert keys(bound, "FI-09") == ["panel-1"]
    assert bound.unbound == (Unbound("GW-01", "panel-1", "FI-09 watches it instead"),)


def test_the_other_rule_may_be_absent_and_a_disabled_one_replaces_nobody() -> None:
    assert bind([offline(**PANELS_OWN)], [panel("L1D1")], catalogue()).problems == ()
    bound = bind([offline(), offline(**PANELS_OWN, enabled=False)], [panel("L1D1")], catalogue())
    assert keys(bound, "GW-01") == ["panel-1"]


def test_companions_gather_under_whoever_says_offline() -> None:
    guarded = rule({"is": True}, on=FIRE)
    bound = bind([guarded, rule(rule="T-02"), offline(), offline(**PANELS_OWN)], [panel("A"), sump()], catalogue())
    collapse = {each.source: each.collapse_into for each in bound.instances if each.companion_of}
    assert collapse == {"panel-1/A": ("FI-09", "panel-1"), "water-east": ("GW-01", "water-east")}


def test_a_rule_that_asks_for_what_it_replaces_is_refused() -> None:
    odd = rule({"alarm": "T-02"}, rule="T-01", on={"system": "garage-water"}, instead_of=["T-02"])
    for rules in ([odd, rule(rule="T-02")], [rule(rule="T-02"), odd]):
        assert any(found.rule == "T-01" for found in bind(rules, [sump()], catalogue()).problems)
    with pytest.raises(ValueError, match="instead of itself"):
        rule(instead_of=["T-01"])


def test_a_rule_that_is_not_there_is_named_apart() -> None:
    (found,) = bind([rule({"alarm": "WA-01"}, on={"system": "garage-water"})], [sump()], catalogue()).problems
    assert (found.loc, found.missing) == (("when", "alarm"), "WA-01")


# --- any of several points

PHASES = ["current", "current_l1", "current_l2", "current_l3"]


@pytest.mark.parametrize("fitted", [("current",), ("current_l1", "current_l2", "current_l3")])
def test_any_of_several_points_takes_those_that_there_are(fitted: tuple[str, ...]) -> None:
    over = rule({"points": PHASES, "above": "1 A"}, on={"system": "ev-charging"})
    shown = table([over], [charger("c", Location(), *fitted)])
    assert shown.bound.reduced == () and shown.bound.unbound == ()
    shown.set(1, "c", dict.fromkeys(fitted, 0.5))
    assert shown.truth("T-01", "c") is False
    shown.set(2, "c", {fitted[-1]: 1.5})
    assert shown.truth("T-01", "c") is True


def test_a_device_with_none_of_the_points_is_listed() -> None:
    over = rule({"points": PHASES, "above": "1 A"}, on={"system": "ev-charging"})
    (found,) = [each for each in bind([over], [charger("c", Location(), "power")], catalogue()).unbound if each.source]
    assert found.why == "the device has none of the points current, current_l1, current_l2, current_l3"


def test_a_slip_among_several_points_is_told() -> None:
    over = rule({"points": ["current", "curent_l1"], "above": "1 A"}, on={"system": "ev-charging"})
    (found,) = bind([over], [charger("c", Location())], catalogue()).problems
    assert found.loc == ("when", "points", 1)
    assert "did you mean 'current_l1'?" in found.message


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ({"points": ["a"], "point": "b", "above": 1}, "stands alone"),
        ({"points": ["a"], "parts": "any", "above": 1}, "stands alone"),
        ({"points": [], "above": 1}, "at least one"),
        ({"points": ["a", "b"], "levels": [{"above": 1}]}, "levels are of one point"),
        ({"point": "a", "parts": "any", "levels": [{"above": 1}]}, "levels are of one point"),
    ],
)
def test_wrong_ways_to_name_points(when: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        rule(when)


# --- escalations and windows that a device cannot have


def test_an_escalation_whose_points_the_device_lacks_is_left_out_and_told() -> None:
    hot = {"when": {"point": "temperature", "at_least": "90 °C"}, "severity": "critical"}
    state = rule({"point": "charger_state", "is": "over_temperature"}, on={"system": "ev-charging"}, escalate=[hot])
    shown = table([state], [charger("plain", Location()), charger("full", Location(), "charger_state", "temperature")])
    assert shown.bound.reduced == (Unbound("T-01", "plain", "the device has no point 'temperature'"),)
    for each in ("plain", "full"):
        shown.set(1, each, {"charger_state": "over_temperature", "temperature": 95.0})
        assert shown.truth("T-01", each) is True
    assert shown.severity("T-01", "plain") is None
    assert shown.severity("T-01", "full") is Severity.CRITICAL


@pytest.mark.parametrize(("poll_s", "bound"), [(299, True), (599, True), (600, False), (900, False), (0, True)])
def test_a_device_that_is_heard_less_often_than_the_window_is_long_cannot_fill_it(poll_s: int, bound: bool) -> None:
    rise = rule({"rises_by": "5 cm", "within": "10min"})
    found = bind([rise], [sump(poll_ns=poll_s * SECOND)], catalogue())
    assert keys(found, "T-01") == (["water-east"] if bound else [])
    if not bound:
        assert "too slow for a window of 600 s" in found.unbound[0].why


# --- whose companion speaks


def speakers(bound: Bound, rule: str, source: str) -> set[tuple[str, str]]:
    (found,) = [each for each in bound.instances if each.companion_of == (rule, source)]
    return set(found.suppressed_by)


def test_one_dead_detector_is_one_companion() -> None:
    fire = rule({"is": True}, rule="F-1", on=FIRE, severity="critical")
    first = rule({"is": True}, rule="F-2", on={"system": "fire", "point": "prealarm"}, severity="high")
    same = rule({"is": False}, rule="F-3", on={"system": "fire", "point": "prealarm"}, severity="high")
    bound = bind([fire, first, same], [panel("A", "B")], catalogue())
    assert speakers(bound, "F-1", "panel-1/A") == set()
    assert speakers(bound, "F-2", "panel-1/A") == {("F-1/protection_lost", "panel-1/A")}
    assert speakers(bound, "F-3", "panel-1/B") == {("F-1/protection_lost", "panel-1/B")}


def test_two_rules_on_one_device_are_not_two_on_one_part() -> None:
    bound = bind([rule(severity="critical"), rule(rule="T-02", severity="high")], [sump()], catalogue())
    assert speakers(bound, "T-02", "water-east") == set()


def test_a_dead_input_of_an_alarm_that_is_asked_for_is_told_once() -> None:
    wet = rule(rule="W")
    asks = rule(
        {"all": [{"alarm": "W", "same": "zone"}, {"point": "current", "above": "1 A"}]},
        rule="X",
        on={"system": "ev-charging"},
    )
    place = Location("1", "B2", "garage-east")
    devices = [sump(), charger("c-1", place), charger("c-2", place)]
    bound = bind([wet, asks, offline()], devices, catalogue())
    for each in ("c-1", "c-2"):
        assert speakers(bound, "X", each) == {("W/protection_lost", "water-east"), ("GW-01", "water-east")}
    assert speakers(bound, "W", "water-east") == set()
    beside = rule({"all": [{"alarm": "W"}, {"is": True}]}, rule="Y", on={**WATER, "point": "high_high_float"})
    own = bind([wet, beside, offline()], [sump()], catalogue())
    assert speakers(own, "Y", "water-east") == {("W/protection_lost", "water-east")}, "its own device collapses it"
    assert speakers(bind([wet, asks], devices, catalogue()), "X", "c-1") == {("W/protection_lost", "water-east")}


# --- codes that a device never says


def state_of(*codes: str) -> Device:
    return device("c", "ev-charging", [Point("charger_state", PointType.ENUM, codes=codes), HOT])


HOT = Point("temperature", PointType.FLOAT, "°C")
NEVER = "'charger_state' of this device never is over_temperature"


def test_a_code_that_the_device_never_says_is_no_protection() -> None:
    charging = {"system": "ev-charging"}
    alone = rule({"point": "charger_state", "is": "over_temperature"}, on=charging)
    hot = {"point": "temperature", "above": "75 °C"}
    beside = rule({"any": [hot, {"point": "charger_state", "is": "over_temperature", "optional": True}]}, on=charging)
    (lacking,) = [each for each in bind([alone], [state_of("charging")], catalogue()).unbound if each.source]
    assert lacking == Unbound("T-01", "c", NEVER)
    assert bind([alone], [state_of("charging", "over_temperature")], catalogue()).unbound == ()
    bound = bind([beside], [state_of("charging")], catalogue())
    assert bound.reduced == (Unbound("T-01", "c", NEVER),) and keys(bound, "T-01") == ["c"]


def test_an_operand_that_is_not_optional_stays() -> None:
    """Else a lift whose mode knows no `fault` would not be watched for entrapment at all."""
    when = {"any": [{"point": "charger_state", "is": "over_temperature"}, {"point": "temperature", "above": "75 °C"}]}
    bound = bind([rule(when, on={"system": "ev-charging"})], [state_of("charging")], catalogue())
    assert keys(bound, "T-01") == ["c"] and bound.reduced == ()
    other = {"point": "charger_state", "not_in": ["over_temperature"]}
    assert keys(bind([rule(other, on={"system": "ev-charging"})], [state_of("charging")], catalogue()), "T-01") == ["c"]


HERE = Location(None, "B2", "garage-east")


@pytest.mark.parametrize(
    ("others", "together"), [((), True), ((Location("1", "3", "x"),), True), ((Location("2", "3", "x"),), False)]
)
def test_what_names_no_building_is_in_the_site_s_only_one(others: tuple[Location, ...], together: bool) -> None:
    """A sensor without `building` beside a charger with it: the water alarm and the charger must meet all the same."""
    fitted = [catalogue()["garage-water"]["floor_level"]]
    devices = [device("w", "garage-water", fitted, location=HERE), charger("c", Location("1", "B2", "garage-east"))]
    devices += [charger(f"x{index}", place) for index, place in enumerate(others)]
    rules = [rule(rule="W", on=WATER | {"point": "floor_level"})]
    rules += [rule({"alarm": "W", "same": same}, rule=same, on={"device": "c"}) for same in ("zone", "building")]
    bound = bind(rules, devices, catalogue())
    assert bound.problems == ()
    assert [keys(bound, same) for same in ("zone", "building")] == ([["c"], ["c"]] if together else [[], []])


def test_a_rule_whose_alarms_are_nowhere_near_says_so() -> None:
    """Not: the device has none of the points."""
    near = [{"alarm": "W", "same": "zone", "optional": True}]
    asks = rule({"all": [{"any": near}, {"point": "current", "above": "1 A"}]}, rule="X", on={"system": "ev-charging"})
    water = rule(rule="W", on=WATER | {"point": "floor_level"})
    bound = bind([water, asks], [sump(), charger("c", Location("1", "B2", "elsewhere"))], catalogue())
    assert Unbound("X", "c", "rule W watches nothing on the same zone") in bound.unbound
