"""Every quantity of every condition is converted to its point's unit, and refused where it measures something else."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.bind import bind
from alerts.bound import Bound
from gateway.model import Point, PointType
from tests.alerts.building import Table, device, rule

POINTS = [
    Point("depth", PointType.FLOAT, "mm"),
    Point("other", PointType.FLOAT, "m"),
    Point("count", PointType.INT),
    Point("air", PointType.FLOAT, "°C"),
]


def bound(when: Any, **changes: Any) -> Bound:
    return bind([rule(when, on={"system": "test", "point": "depth"}, **changes)], [device("d", "test", POINTS)])


# what it is, the condition with Q where the quantity stands, and the path there
QUANTITIES: list[tuple[str, Any, tuple[Any, ...]]] = [
    *((key, {key: "Q"}, (key,)) for key in ("above", "at_least", "below", "at_most")),
    ("deadband", {"above": "5 m", "deadband": "Q"}, ("deadband",)),
    ("level", {"levels": [{"above": "Q"}]}, ("levels", 0, "above")),
    ("band of a level", {"levels": [{"above": "5 m", "deadband": "Q"}]}, ("levels", 0, "deadband")),
    ("second level", {"levels": [{"above": "1 mm"}, {"above": "Q", "severity": "critical"}]}, ("levels", 1, "above")),
    ("rises_by", {"rises_by": "Q", "within": "10min"}, ("rises_by",)),
    ("falls_by", {"falls_by": "Q", "within": "10min"}, ("falls_by",)),
    ("band of a rate", {"rises_by": "5 m", "within": "10min", "deadband": "Q"}, ("deadband",)),
    ("deviates_by", {"deviates_by": "Q", "from": "1 m"}, ("deviates_by",)),
    ("from", {"deviates_by": "1 m", "from": "Q"}, ("from",)),
    ("deviates_by of a point", {"deviates_by": "Q", "from": {"point": "other"}}, ("deviates_by",)),
    ("deviates_by of its median", {"deviates_by": "Q", "from": {"median": "10min"}}, ("deviates_by",)),
    ("band of a deviation", {"deviates_by": "5 m", "from": "1 m", "deadband": "Q"}, ("deadband",)),
    ("flat_within", {"flat_within": "Q", "over": "10min"}, ("flat_within",)),
    ("expr", {"expr": 'depth > "Q"'}, ("expr", 8)),
    ("expr in a list", {"expr": 'depth in ["Q"]'}, ("expr", 10)),
    ("expr in a sum", {"expr": 'depth + "Q" > other'}, ("expr", 8)),
    ("expr over a window", {"expr": 'avg(depth, "10min") > "Q"'}, ("expr", 22)),
]
NESTED: list[tuple[Any, tuple[Any, ...]]] = [
    ({"all": ["C"]}, ("all", 0)),
    ({"any": ["C"]}, ("any", 0)),
    ({"not": "C"}, ("not",)),
    ({"n_of": 1, "these": ["C"]}, ("these", 0)),
    ({"count": 3, "of": "C", "within": "10min"}, ("of",)),
    ({"votes": 1, "of": ["C"]}, ("of", 0)),
    ({"together": [{"point": "other", "above": "1 m"}, "C"], "within": "1min"}, ("together", 1)),
    ({"sequence": [{"point": "other", "above": "1 m"}, "C"], "after": ["0s", "1min"]}, ("sequence", 1)),
    ({"absent": {"point": "other", "above": "1 m"}, "after": "C", "by": "1min"}, ("after",)),
    ({"flat_within": "1 mm", "over": "10min", "while": "C"}, ("while",)),
]


def filled(pattern: Any, sign: str, value: Any) -> Any:
    if isinstance(pattern, dict):
        return {key: filled(inner, sign, value) for key, inner in pattern.items()}
    if isinstance(pattern, list):
        return [filled(inner, sign, value) for inner in pattern]
    if pattern == sign:
        return value
    return pattern.replace(sign, value) if isinstance(pattern, str) and isinstance(value, str) else pattern


@pytest.mark.parametrize(("what", "pattern", "loc"), QUANTITIES, ids=[each[0] for each in QUANTITIES])
def test_a_quantity_of_the_same_kind_fits(what: str, pattern: Any, loc: tuple[Any, ...]) -> None:
    found = bound(filled(pattern, "Q", "0.10 m"))
    assert found.problems == () and {each.source for each in found.instances} == {"d"}


@pytest.mark.parametrize("unit", ["°C", "kPa", "A", "%", "s"])
@pytest.mark.parametrize(("what", "pattern", "loc"), QUANTITIES, ids=[each[0] for each in QUANTITIES])
def test_one_of_another_kind_is_refused_at_its_place(what: str, pattern: Any, loc: tuple[Any, ...], unit: str) -> None:
    try:
        found = bound(filled(pattern, "Q", f"0.10 {unit}"))
    except ValueError as error:  # against another quantity of the condition it is told before any device is looked at
        assert "measure" in str(error) and unit in str(error)
        return
    assert [problem.loc for problem in found.problems] == [("when", *loc)], found.problems
    assert unit in found.problems[0].message and "mm" in found.problems[0].message


@pytest.mark.parametrize(("what", "pattern", "loc"), QUANTITIES, ids=[each[0] for each in QUANTITIES])
def test_a_number_without_its_unit_is_refused_with_what_to_write(what: str, pattern: Any, loc: tuple[Any, ...]) -> None:
    written = {"expr": pattern["expr"].replace('"Q"', "3")} if "expr" in pattern else filled(pattern, "Q", 3)
    try:
        found = bound(written)
    except ValueError as error:
        assert "unit" in str(error)
        return
    assert [problem.loc for problem in found.problems] == [("when", *loc)], found.problems
    assert "write" in found.problems[0].message and "3 mm" in found.problems[0].message


@pytest.mark.parametrize(("outer", "step"), NESTED, ids=[str(next(iter(each[0]))) for each in NESTED])
def test_inside_every_other_condition_too(outer: Any, step: tuple[Any, ...]) -> None:
    good, bad = ({"point": "depth", "above": f"1 {unit}"} for unit in ("m", "kPa"))
    assert bound(filled(outer, "C", good)).problems == ()
    (problem,) = bound(filled(outer, "C", bad)).problems
    assert problem.loc == ("when", *step, "above") and "'kPa' measures pressure" in problem.message


def test_in_escalations_and_in_what_suppresses_it() -> None:
    bad = {"point": "depth", "above": "1 kPa"}
    (step,) = bound({"above": "1 m"}, escalate=[{"when": bad, "severity": "critical"}]).problems
    (hush,) = bound({"above": "1 m"}, suppress_when=bad).problems
    assert step.loc == ("escalate", 0, "when", "above") and hush.loc == ("suppress_when", "above")


@pytest.mark.parametrize("when", [{"point": "count", "above": "3 m"}, {"expr": 'count > "3 m"'}])
def test_a_point_without_a_unit_takes_plain_numbers_only(when: Any) -> None:
    (problem,) = bound(when).problems
    assert "no unit" in problem.message
    assert bound({"point": "count", "above": 3}).problems == () == bound({"expr": "count > 3"}).problems


def test_what_is_compared_has_been_converted() -> None:
    rules = [
        rule(when, rule=f"T-{number}", on={"system": "test", "point": "depth"}, severity="low", guidance=None)
        for number, when in enumerate([{"above": "0.10 m"}, {"expr": 'depth > "0.10 m"'}, {"expr": "depth > other"}])
    ]
    shown = Table(bind(rules, [device("d", "test", POINTS)]))
    shown.set(1, "d", {"depth": 101.0, "other": 0.1})
    assert [shown.truth(f"T-{number}", "d") for number in range(3)] == [True, True, True]
    shown.set(2, "d", {"depth": 100.0, "other": 0.1})
    assert [shown.truth(f"T-{number}", "d") for number in range(3)] == [False, False, False]
