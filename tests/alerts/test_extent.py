"""What no machine could carry is refused when it is bound, with the rule's name, its place and how to narrow it."""

from __future__ import annotations

from typing import Any

import pytest

from alerts import extent
from alerts.bind import bind
from alerts.condition import scope
from alerts.condition.leaves import MOST_LEVELS
from alerts.rule import MOST_CONDITIONS, Rule
from gateway.model import Point, PointType
from tests.alerts.building import catalogue, device, rule, rule_mapping, sump
from tests.alerts.test_rule import mistakes

PUMPS = {"system": "garage-water", "point": "pump_fault"}


def told(*rules: Rule, sumps: int = 4) -> list[tuple[str, Any, str]]:
    found = bind(rules, [sump(f"s{number}") for number in range(sumps)], catalogue()).problems
    return [(each.rule, each.loc, each.message) for each in found]


def of_a_rule(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extent, "MOST_OF_A_RULE", most)


def test_the_figures_hold_what_is_promised() -> None:
    assert extent.MOST_OF_A_RULE >= 10 * 2000 and extent.MOST_IN_ALL >= 50 * 2000
    assert scope.MOST_ASKED >= 10_000  # `parts: any` on the largest panel


@pytest.mark.parametrize(("most", "refused"), [(7, True), (8, False)])
def test_sources_of_a_rule_its_companions_not_counted(
    most: int, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_a_rule(most, monkeypatch)
    said = told(rule({"is": True}, on=PUMPS), rule(rule="T-02"))
    message = f"T-01 would watch more than {most} sources on this site"
    how = "narrow `on` by system, labels, place or device, or by `once: zone`"
    assert said == ([("T-01", ("on",), f"{message}: {how}")] if refused else [])


@pytest.mark.parametrize(("most", "refused"), [(23, True), (24, False)])
def test_alarms_in_all_name_the_greatest(most: int, refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extent, "MOST_IN_ALL", most)
    said = told(rule({"is": True}, on=PUMPS), rule(rule="T-02"))  # 8 and 4, each with its companion
    assert bool(said) is refused
    if refused:
        ((name, loc, message),) = said
        assert (name, loc) == ("T-01", ("on",))
        assert message.startswith(
            f"T-01: the site would have more than {most} alarms, most of them of T-01 (8), T-02 (4): "
        )


def test_what_is_behind_the_last_that_has_room_is_not_bound_and_makes_no_noise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extent, "MOST_IN_ALL", 10)
    rules = [rule({"is": True}, on=PUMPS, rule=f"T-{number:02}") for number in range(50)]
    assert len(told(*rules)) == 1


@pytest.mark.parametrize(("most", "refused"), [(1, True), (2, False)])
def test_points_of_one_alarm_at_the_condition_that_asks(
    most: int, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scope, "MOST_ASKED", most)
    when = {"any": [{"point": "pump_fault", "is": True, "parts": "any"}]}
    said = told(rule(when, on={"system": "garage-water"}), sumps=1)
    how = "points and alarms: narrow it to a zone, a device or one part"
    message = f"one alarm (on s0) would ask about more than {most} {how}"
    assert said == ([("T-01", ("when", "any", 0), message)] if refused else [])


def test_alarms_of_one_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "MOST_ASKED", 3)
    asking = rule({"alarm": "T-01", "same": "site"}, on={"system": "garage-water"}, rule="T-02")
    assert {(name, loc) for name, loc, _ in told(rule(), asking)} == {("T-02", ("when",))}
    assert not told(rule(), asking, sumps=3)


@pytest.mark.parametrize("key", ["when", "inhibits"])
def test_what_all_ask_together_grows_with_the_square_and_is_refused(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extent, "MOST_ASKED_IN_ALL", 1000)
    first = rule(inhibits={"rules": ["T-02"], "same": "site"}) if key == "inhibits" else rule()
    when = {"alarm": "T-01", "same": "site"} if key == "when" else None
    other = rule(when, on={"system": "garage-water", "point": "floor_level"}, rule="T-02")
    assert not told(first, other, sumps=10)
    ((name, loc, message),) = told(first, other, sumps=40)
    assert (name, loc) == ("T-02", ("on",))
    assert message.startswith("T-02: the alarms of the site would ask about more than 1,000 points and alarms, most in")


def test_a_panel_of_ten_thousand_detectors_is_carried() -> None:
    fires = [Point("fire", PointType.BOOL, part=f"L{number}") for number in range(10_000)]
    panel = device("panel", "fire", fires)
    each = rule({"is": True}, on={"system": "fire", "point": "fire"})
    whole = rule({"point": "fire", "is": True, "parts": "any"}, on={"system": "fire"}, rule="T-02")
    bound = bind([each, whole], [panel], None)
    assert not bound.problems and len(bound.instances) == 2 * 10_001


@pytest.mark.parametrize("more", [0, 1])
def test_conditions_of_a_rule(more: int) -> None:
    mapping = rule_mapping({"any": [{"above": f"{number} m"} for number in range(MOST_CONDITIONS - 1 + more)]})
    if more:
        (found,) = mistakes(mapping)
        assert found[0] == ("when", "any", MOST_CONDITIONS - 1)
        assert found[1].startswith(f"T-01: a rule has at most {MOST_CONDITIONS} conditions")
    else:
        assert Rule.model_validate(mapping)


def test_conditions_of_a_rule_are_counted_over_its_escalations_and_what_suppresses_it() -> None:
    some = {"any": [{"above": f"{number} m"} for number in range(MOST_CONDITIONS // 2)]}
    (found,) = mistakes(rule_mapping(some, suppress_when=some))
    assert found[0][:2] == ("suppress_when", "any")


@pytest.mark.parametrize("more", [0, 1])
def test_levels_of_a_threshold(more: int) -> None:
    levels = [{"above": f"{number + 1} m", "severity": "high"} for number in range(MOST_LEVELS + more)]
    mapping = rule_mapping({"levels": levels})
    if more:
        (found,) = mistakes(mapping)
        assert found == (("when", "levels", MOST_LEVELS), f"T-01: a threshold has at most {MOST_LEVELS} levels")
    else:
        assert Rule.model_validate(mapping)
