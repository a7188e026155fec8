"""What a rule is on: system, profile, labels and places, the source's own; and what life safety may be silenced by."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.bind import bind
from alerts.bound import Bound
from gateway.model import Device, Location, Part, Point, PointType
from tests.alerts.building import catalogue, device, rule

FIRE = Point("fire", PointType.BOOL)
KITCHEN = Location(None, "3", "kitchen-3a")
GARAGE = Location("1", "B2", "garage-east")


def panel(name: str = "panel-1", **changes: Any) -> Device:
    points = [Point("fire", PointType.BOOL, part=part) for part in ("L1D1", "L1D2")]
    parts = {"L1D1": Part("L1D1", None, KITCHEN)}
    return device(name, "fire", points, **{"location": Location("1", "1", "lobby"), "parts": parts, **changes})


DEVICES = [
    panel(profile="acme-panel", labels={"owner": "metro"}),
    device("d-garage", "fire", [FIRE], location=GARAGE, profile="other-panel", labels={"owner": "estate", "row": "3"}),
    device("d-nowhere", "fire", [FIRE], location=Location()),
    device("d-tower", "fire", [FIRE], location=Location("2", "3", "roof"), disabled=True),
]


def bound(on: dict[str, Any], devices: list[Device] = DEVICES, **changes: Any) -> Bound:
    on = {"system": "fire", "point": "fire", **on}
    when = {"point": "health", "is": "offline"} if on["point"] == "health" else {"point": "fire", "is": True}
    rules = [rule(when, on={key: value for key, value in on.items() if value is not None})]
    return bind(rules, devices, catalogue(), **changes)


def sources(found: Bound) -> list[str]:
    assert found.problems == ()
    return [instance.source for instance in found.instances if instance.companion_of is None]


@pytest.mark.parametrize(
    ("on", "watched"),
    [
        ({}, ["panel-1/L1D1", "panel-1/L1D2", "d-garage", "d-nowhere"]),
        ({"device": "d-garage"}, ["d-garage"]),
        ({"profile": "acme-panel"}, ["panel-1/L1D1", "panel-1/L1D2"]),
        ({"labels": {"owner": "estate"}}, ["d-garage"]),
        ({"labels": {"owner": "estate", "row": "3"}}, ["d-garage"]),
        ({"labels": {"owner": "metro", "row": "3"}}, []),
        ({"labels": {"row": 3}}, ["d-garage"]),  # as people write such names
        ({"floor": "3"}, ["panel-1/L1D1"]),  # the part's own floor, not its panel's
        ({"floor": 1}, ["panel-1/L1D2"]),
        ({"floor": "B2"}, ["d-garage"]),
        ({"zone": "lobby"}, ["panel-1/L1D2"]),
        ({"zone": "kitchen-3a"}, ["panel-1/L1D1"]),
        ({"building": 1}, ["panel-1/L1D1", "panel-1/L1D2", "d-garage"]),  # the part's building is its device's
        ({"building": 1, "floor": "3"}, ["panel-1/L1D1"]),
        ({"building": 2}, []),
        ({"system": None, "floor": "3"}, ["panel-1/L1D1"]),
    ],
)
def test_what_is_given_must_all_hold_of_the_source(on: dict[str, Any], watched: list[str]) -> None:
    assert sources(bound(on)) == watched


def test_of_a_rule_without_a_point_the_device_s_place_counts() -> None:
    on = {"point": None, "floor": "B2"}
    assert sources(bound(on)) == ["d-garage"]


def test_what_names_no_building_is_in_the_only_one() -> None:
    only = DEVICES[:3]
    assert "d-nowhere" in sources(bound({"building": 1}, only))
    assert "d-nowhere" not in sources(bound({"building": 1}))


def test_a_device_elsewhere_is_not_listed_as_lacking_the_point() -> None:
    without = device("d-bare", "fire", [], location=GARAGE)
    told = {each.source for each in bound({"floor": "B2"}, [*DEVICES, without]).unbound}
    assert "d-bare" in told
    assert "d-bare" not in {each.source for each in bound({"floor": "3"}, [*DEVICES, without]).unbound}


@pytest.mark.parametrize(
    ("on", "loc", "message"),
    [
        ({"zone": "loby"}, ("on", "zone"), "there is no zone 'loby'; did you mean 'lobby'?"),
        ({"floor": "7"}, ("on", "floor"), "there is no floor '7'; the site names 1, 3, B2"),
        ({"building": "X"}, ("on", "building"), "there is no building 'X'; the site names 1, 2"),
        ({"labels": {"ownr": "metro"}}, ("on", "labels", "ownr"), "there is no label 'ownr'; did you mean 'owner'?"),
        (
            {"labels": {"owner": "mtro"}},
            ("on", "labels", "owner"),
            "there is no label owner 'mtro'; did you mean 'metro'?",
        ),
        ({"profile": "acme-panl"}, ("on", "profile"), "there is no profile 'acme-panl'; did you mean 'acme-panel'?"),
        ({"device": "d-garag"}, ("on", "device"), "there is no device 'd-garag'; did you mean 'd-garage'?"),
        ({"system": "fier"}, ("on", "system"), "there is no system 'fier'; did you mean 'fire'?"),
    ],
)
def test_a_name_that_is_nobody_s_is_a_slip(on: dict[str, Any], loc: tuple[str, ...], message: str) -> None:
    problems = bound(on, profiles=["acme-panel", "eastron-sdm630"]).problems
    assert [(problem.loc, problem.message) for problem in problems] == [(loc, message)]


@pytest.mark.parametrize(
    "on",
    [
        {"profile": "eastron-sdm630"},  # a pack's, for a device that this site has not got
        {"system": "elevator"},
        {"labels": {"use": "lithium-store"}},  # a pack's word that this site does not use
        {"labels": {"owner": "railways"}},
    ],
)
def test_what_a_site_has_not_got_is_no_slip(on: dict[str, Any]) -> None:
    found = bound({"point": "health", **on}, profiles=["acme-panel", "eastron-sdm630"])
    assert sources(found) == []
    assert found.unbound[-1].why == "the rule watches nothing on this site"


def test_without_a_library_every_profile_may_be_somebody_s() -> None:
    assert sources(bound({"profile": "acme-panl"})) == []


# --- a rule that is otherwise on a device, as bind sees it


def test_one_identity_on_every_source() -> None:
    base = rule({"is": True}, on={"system": "fire", "point": "fire"})
    slow = rule({"is": True}, on={"system": "fire", "point": "fire"}, on_delay="5s")
    found = bind([base.with_devices({"panel-1": slow})], DEVICES, catalogue())
    keys = [(each.rule.rule, each.source) for each in found.instances]
    assert found.problems == () and len(keys) == len(set(keys))
    delays = {each.source: each.rule.on_delay for each in found.instances if each.companion_of is None}
    assert delays == {"panel-1/L1D1": 5 * 10**9, "panel-1/L1D2": 5 * 10**9, "d-garage": 0, "d-nowhere": 0}
    assert base.here == {} and base.device is None


def test_the_order_keeps_to_what_is_asked_on_one_device_too() -> None:
    on = {"system": "fire", "point": "fire"}
    base, other = rule({"is": True}, on=on), rule({"is": True}, rule="T-02", on=on)
    asks = rule({"alarm": "T-02"}, on=on)
    found = bind([base.with_devices({"d-garage": asks}), other], DEVICES, catalogue())
    order = [each.rule.rule for each in found.instances if each.source == "d-garage" and each.companion_of is None]
    assert found.problems == () and order == ["T-02", "T-01"]
    (missing,) = bind([base.with_devices({"d-garage": asks})], DEVICES, catalogue()).problems
    assert (missing.missing, missing.device) == ("T-02", "d-garage")
    circle = rule({"alarm": "T-01"}, rule="T-02", on=on)
    (problem, *_) = bind([base.with_devices({"d-garage": asks}), circle], DEVICES, catalogue()).problems
    assert "circle" in problem.message


# --- what may silence life safety by design

TEST = {"point": "test", "is": True}
EITHER = {"any": [TEST, {"point": "disabled", "is": True}]}
NIGHT = {"from": "22:00", "to": "06:00"}


@pytest.mark.parametrize(
    ("hush", "loc", "says"),
    [
        ({"alarm": "FI-02"}, ("suppress_when", "alarm"), "never suppressed by another alarm (FI-02)"),
        ({"any": [TEST, {"alarm": "X", "same": "zone"}]}, ("suppress_when", "any", 1, "alarm"), "another alarm (X)"),
        ({"expr": 'test or alarm("X")'}, ("suppress_when", "expr", 14), "another alarm (X)"),
        ({"schedule": NIGHT}, ("suppress_when", "schedule"), "by the calendar"),
        (
            {"not": {"schedule": {"from": "08:00", "to": "18:00"}}},
            ("suppress_when", "not", "schedule"),
            "by the calendar",
        ),
    ],
)
def test_life_safety_is_silenced_by_its_own_device_only(hush: Any, loc: tuple[Any, ...], says: str) -> None:
    with pytest.raises(ValueError) as caught:
        rule({"is": True}, on={"system": "fire", "point": "fire"}, class_="life_safety", suppress_when=hush)
    (error,) = caught.value.errors()  # type: ignore[attr-defined]
    assert error["loc"] == loc and says in error["msg"]
    rule({"is": True}, on={"system": "fire", "point": "fire"}, suppress_when=hush)  # of another class it may


@pytest.mark.parametrize(
    "hush", [TEST, {"any": [TEST, {"point": "disabled", "is": True}]}, {"expr": "test or disabled"}]
)
def test_its_own_test_state_may(hush: Any) -> None:
    rule({"is": True}, on={"system": "fire", "point": "fire"}, class_="life_safety", suppress_when=hush)
