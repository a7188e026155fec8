"""What an expression may say of a device: names, types, units, codes; and what is told when they do not fit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alerts.bind import bind
from alerts.condition.scope import Absent, Mistake
from gateway.model import HEALTH_POINT, Quality
from tests.alerts.building import catalogue, demo, rule, sump, table
from tests.alerts.expressions import Played, walked


@pytest.mark.parametrize(
    ("text", "values", "truth"),
    [
        ('level > "50 cm"', {"level": 0.51}, True),
        ('level > "50 cm"', {"level": 0.5}, False),
        ('"500 mm" <= level', {"level": 0.5}, True),
        ('"5 cm" + level > "1 m"', {"level": 0.96}, True),
        ('level + "5 cm" > "1 m"', {"level": 0.95}, False),
        ('level - "5 cm" >= "0 m"', {"level": 0.05}, True),
        ("level > gap", {"level": 0.07, "gap": 7}, False),  # 7 cm are 0.07 m, not a hair less
        ("gap >= level", {"level": 0.29, "gap": 29}, True),
        ('level * 2 > "1 m"', {"level": 0.51}, True),
        ('2 * level / 4 > "1 m"', {"level": 2.1}, True),
        ("level / depth > 0.5", {"level": 1.1, "depth": 2}, True),
        ("level / gap > 2", {"level": 1, "gap": 49}, True),
        ('level / depth > "50 %"', {"level": 1.1, "depth": 2}, True),
        ("power / level > 100", {"power": 300, "level": 2}, True),  # W/m is no unit of ours: a plain number
        ("factor < 0.9", {"factor": 0.8}, True),
        ('factor < "90 %"', {"factor": 0.95}, False),
        ('share > "0.5 1"', {"share": 60}, True),
        ('air > "300 K"', {"air": 26.8}, False),
        ('air > "300 K"', {"air": 26.9}, True),
        ('air - oil > "5 K"', {"air": 26, "oil": 20}, True),
        ('air - gas > "5 K"', {"air": 26, "gas": 293.15}, True),
        ('air - "5 K" > "20 °C"', {"air": 26}, True),
        ('(air + oil) / 2 > "20 °C"', {"air": 26, "oil": 15}, True),
        ("air > gas", {"air": 0, "gas": 273}, True),
        ("count == 3", {"count": 3}, True),
        ("count in [1, 2, -3]", {"count": -3}, True),
        ('level not in ["5 cm", "1 m"]', {"level": 1.0}, False),
        ('abs(level - depth) > "5 cm"', {"level": 1, "depth": 1.06}, True),
        ('max(level, gap, "30 cm") > "40 cm"', {"level": 0.1, "gap": 41}, True),
        ('min(level, depth) < "1 m"', {"level": 2, "depth": 0.9}, True),
        ('-level < "-1 m"', {"level": 2}, True),
        ('"1 m" < level < "2 m"', {"level": 1.5}, True),
        ('"1 m" < level < "2 m"', {"level": 2.5}, False),
        ('m == "run"', {"m": "run"}, True),
        ('m in ["run", "stop"]', {"m": "fault"}, False),
        ('m != "run"', {"m": "something else"}, None),  # undeclared: UNKNOWN, and not merely another
        ("m == n", {"m": "run", "n": "run"}, True),
        ('note == "E 17"', {"note": "E 17"}, True),
        ('note not in ["", "E 17"]', {"note": "x"}, True),
        ("a == True", {"a": False}, False),
        ("a == b", {"a": False, "b": False}, True),
        ("a", {"a": 1}, None),  # a 1 is no True, and a text is neither
        ("not a", {"a": "OFF"}, None),
        ("a != b", {"a": 0, "b": True}, None),
        ('point("pump-1/run") and not p3.run', {"pump-1/run": True, "p3/run": False}, True),
        ("x / y > 1", {"x": 1.0, "y": 0}, None),
        ("x * y > 1", {"x": 1e308, "y": 1e308}, None),
        ("1 / (x * y) < 1", {"x": 1e308, "y": 1e308}, None),
        ("min(x * y, 1) == 1", {"x": 1e308, "y": 1e308}, None),
        ("x > 1", {"x": float("nan")}, None),
        ("x != 1", {"x": float("inf")}, None),
        ("a or x > 1", {"a": True}, True),
        ("a and x > 1", {"a": True}, None),
    ],
)
def test_what_it_means(text: str, values: dict[str, Any], truth: bool | None) -> None:
    assert Played(text).put(1, values) is truth


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "!="])
def test_a_point_against_a_number_on_both_sides_of_it(sign: str) -> None:
    for value in (0.0, 1.0, 2.0, 1, True, float("inf"), float("-inf"), float("nan")):
        known = {"x": value}
        assert Played(f"x {sign} 1").put(1, known) is walked(f"x {sign} 1", known), value
        assert Played(f"1 {sign} x").put(1, known) is walked(f"1 {sign} x", known), value
        assert Played(f"x + 0 {sign} 1").put(1, known) is walked(f"x + 0 {sign} 1", known), value


def mistake(text: str, **changes: Any) -> tuple[str, str]:
    with pytest.raises(Mistake) as caught:
        Played(text, **changes)
    offset = caught.value.loc[2]
    assert caught.value.loc[:2] == ("when", "expr") and isinstance(offset, int)
    return text[offset:], str(caught.value)


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("level > 0.5", "0.5", '`level` is in m: write "0.5 m"'),
        ("0.5 < level", "0.5", 'write "0.5 m"'),
        ("level + 1 > depth", "1 >", 'write "1 m"'),
        ('level > "5 °C"', '"5 °C"', "`level` is in m"),
        ('level > "5 parsec"', '"5 parsec"', "unknown unit 'parsec'"),
        ('level > "0.5"', '"0.5"', "a number with a unit is expected"),
        ("level > power", "power", "measures power"),
        ("level > count", "count", "`count` has no unit, and `level` is in m"),
        ('count > "5 m"', '"5 m"', "has no unit"),
        ('power * level > "5 W"', '"5 W"', "the unit of `power * level` is not known: compare it with a plain number"),
        ("air + oil > gas", "gas", "Give both the same unit"),
        ("level", "level", 'is a number, not true or false; compare it, such as level > "1 m"'),
        ("count and a", "count", "such as count > 0"),
        ("m", "m", 'compare it, such as m == "run"'),
        ("not note", "note", "is a text, not true or false"),
        ('a and "run"', '"run"', "neither true nor false"),
        ("a == 1", "1", "write `a` or `not a`"),
        ('a == "ON"', '"ON"', "`a` is true or false, and nothing else"),
        ("a > 1", "a", "neither less nor more"),
        ('m < "run"', "m", "neither less nor more"),
        ("a + 1 > 2", "a", "is true or false, not a number"),
        ("m == 1", "1", "and cannot be `1`"),
        ('m == "rum"', '"rum"', "did you mean 'run'?"),
        ('m in ["run", "sop"]', '"sop"', "did you mean 'stop'?"),
        ("m in [1]", "1]", "a quoted text is expected"),
        ("a in [1]", "a", "cannot be looked for in a list"),
        ("level in [1]", "1]", 'write "1 m"'),
        ("run and a", "run", 'say which: point("pump-1/run")'),
        ('"1 m" < "2 m" or a', '"1 m"', "two texts"),
        ("x / 0 > 1", "0", "divides by zero"),
        ("x / (1 - 1) > 1", "1 - 1", "divides by zero"),
        ("x > 1e200 * 1e200", "1e200 *", "too large"),
        ('rate(a, "10min") > 1', "a,", "not a number"),
        ('rate(level, "10min") > 1', "1", 'write "1 m/s"'),
        ('rate(air, "10min") > "5 kPa/min"', '"5 kPa/min"', "'kPa' measures pressure"),
        ("age(level) > 5", "5", 'write "5 s"'),
    ],
)
def test_what_does_not_fit_is_told_at_its_character(text: str, at: str, says: str) -> None:
    where, sentence = mistake(text)
    assert where.startswith(at) and says in sentence, (where, sentence)


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("x ** 2 > 4", "**", "write a * a"),
        ("(x) % 2 > 1", "%", "no %"),
        ("a && b", "&&", "write `and`"),
        ("a || b", "||", "write `or`"),
        ("!a", "!", "write `not`"),
        ("x = 1", "=", "write =="),
        ("x is 1", "is", "write =="),
        ("level > 0.5 m", "5 m", "stands in quotes"),
        ("share > 80 %", "0 %", "stands in quotes"),
        ("x ＞ 1", "＞", "full-width"),
        ("true and a", "true", "write True"),
        ("a if b else c", "a", "use and, or, not"),
        ("[a for a in b]", "[", "more than an expression"),
        ("lambda: a", "lambda", "more than an expression"),
        ("(y := x) > 1", "y", "nothing can be kept"),
        ('f"{x}" == note', "f", "without an f"),
        ("max(*x)", "max", "is written"),
        ("x[0] > 1", "x[", "more than an expression"),
        ("d.e.f > 1", "d.e", "part.name"),
        ("x.__class__ > 1", "x", "no point's name"),
        ("x in y", "y", "a list of values"),
        ("x in [1] in [2]", "x", "stands alone"),
        ("agee(x) > 1", "agee", "did you mean 'age'?"),
        ("age(1) > 1", "age", "is written age(point)"),
        ("avg(x) > 1", "avg", "is written"),
        ('avg(x, "2s") > 1', '"2s"', "a window lies within 10s … 1d"),
        ('avg(x, length="10min") > 1', "avg", "is written"),
        ('alarm("F", "town")', '"town"', "one of device, zone"),
        ('alarm("F", "flor")', '"flor"', "did you mean 'floor'?"),
        ("alarm(x)", "alarm", "is written"),
        ("None == x", "None", "not None"),
        ("a # and b", "#", "a comment"),
        ('note == "a\\n"', "\\", "backslash"),
        ("1 > 2", "1", "asks about no point"),
    ],
)
def test_what_is_more_than_the_subset_is_told_at_its_character(text: str, at: str, says: str) -> None:
    where, sentence = refused(text)
    assert where.startswith(at) and says in sentence, (where, sentence)


def refused(text: str) -> tuple[str, str]:
    with pytest.raises(ValueError) as caught:
        rule({"expr": text})
    (error,) = caught.value.errors()  # type: ignore[attr-defined]
    assert error["loc"][:2] == ("when", "expr")
    return text[error["loc"][2] :], error["msg"]


def test_names_that_nobody_knows_are_slips_and_points_that_a_device_lacks_are_not() -> None:
    on = {"system": "garage-water"}
    (problem,) = bind([rule({"expr": 'flor_level > "5 cm"'}, on=on)], [sump()], catalogue()).problems
    assert problem.loc == ("when", "expr", 0) and "did you mean 'floor_level'?" in problem.message
    lacking = sump(points=(HEALTH_POINT,))
    bound = bind([rule({"expr": 'floor_level > "5 cm"'}, on=on)], [lacking], catalogue())
    assert bound.problems == () and "has no point 'floor_level'" in bound.unbound[0].why


def test_an_operand_that_the_device_lacks_can_be_left_out() -> None:
    either = {"any": [{"expr": 'sump_level > "1 m"', "optional": True}, {"expr": "high_high_float", "optional": True}]}
    bound = bind([rule(either, on={"system": "garage-water"})], [sump()], catalogue())
    assert bound.problems == () and {each.source for each in bound.instances} >= {"water-east"}


def test_a_code_of_other_devices_only_is_no_protection() -> None:
    for text in ('m == "elsewhere"', 'm == "elsewhere" and a', 'm in ["elsewhere"]'):
        with pytest.raises(Absent, match="never is elsewhere"):
            Played(text)
    assert Played('m == "elsewhere" or a').put(1, {"m": "run", "a": True}) is True


def test_a_device_that_is_starting_is_neither_offline_nor_not() -> None:
    shown = table([rule({"expr": 'health == "offline"'}, on={"system": "garage-water"})], [sump()])
    for code, truth in (("offline", True), ("starting", None), ("online", False)):
        shown.set(1, "water-east", {"health": code})
        assert shown.truth("T-01", "water-east") is truth


def test_a_part_s_own_point_comes_before_the_device_s() -> None:
    assert Played("run and own", part="pump-1").put(1, {"pump-1/run": True, "pump-1/own": True}) is True
    assert Played('run or level > "1 m"', part="pump-2").put(1, {"pump-2/run": False, "level": 2.0}) is True
    with pytest.raises(Absent, match="has no point 'own'"):
        Played("own", part="pump-2")


def test_uncertain_is_judged_and_bad_is_unknown() -> None:
    played = Played('level > "1 m"')
    assert played.put(1, {"level": 2.0}, Quality.UNCERTAIN_CLOCK) is True
    assert played.put(2, {"level": 2.0}, Quality.BAD_SENSOR) is None
    played.put(3, {"level": 2.0})
    played.columns.forget()
    assert played.tick(4) is None


def test_what_is_shown_is_the_first_comparison() -> None:
    played = Played('a and level * 1 > depth and "50 cm" < level')
    played.put(1, {"a": True, "level": 0.6, "depth": 0.1})
    assert played.node.reading(played.columns) == (0.6, 0.5, "m")
    assert Played("a").put(1, {"a": True}) is True
    plain = Played("not a")
    plain.put(1, {"a": False})
    assert plain.node.reading(plain.columns) == (False, None, None)
    alarm = Played('alarm("F")')
    assert alarm.node.reading(alarm.columns) == (None, None, None)


def test_companions_and_hashes_know_its_points() -> None:
    played = Played('level > "1 m" and age(power) > "5 min" and alarm("F")')
    names = {played.columns.keys[slot][1] for slot in played.node.slots}
    needed = {played.columns.keys[slot][1] for slot in played.node.needs}
    assert names == {"level", "power"} and needed == {"level"}
    assert played.node.alarms == {("F", "d"), ("F", "e")}


def test_other_alarms_are_known_or_not() -> None:
    played = Played('alarm("F", "zone") and a')
    active = played.columns.alarm_active
    assert played.put(1, {"a": True}) is None
    active["F", "d"] = False
    assert played.tick(1) is None
    active["F", "e"] = True
    assert played.tick(1) is True
    active["F", "e"] = False
    assert played.tick(1) is False
    with pytest.raises(Absent, match="watches nothing on the same floor"):
        Played('alarm("G", "floor")')


def test_rules_ask_for_each_other_in_expressions_too() -> None:
    on = {"system": "garage-water"}
    first = rule({"expr": 'alarm("T-02")'}, rule="T-01", on=on)
    second = rule({"expr": 'alarm("T-01") or high_high_float'}, rule="T-02", on=on)
    assert any("circle" in problem.message for problem in bind([first, second], [sump()], catalogue()).problems)
    (problem,) = bind([first], [sump()], catalogue()).problems
    assert (problem.loc, problem.missing) == (("when", "expr", 6), "T-02")
    water = rule(rule="T-02")
    (instance, *_) = [each for each in bind([first, water], demo(), catalogue()).instances if each.rule.rule == "T-01"]
    assert instance.condition.alarms == {("T-02", instance.source)}


def test_one_function_serves_all_devices_of_a_rule() -> None:
    text = {"expr": 'floor_level > "5 cm" and not high_high_float'}
    shown = table([rule(text, on={"system": "garage-water"})], [sump("e"), sump("w")])
    shown.set(1, "e", {"floor_level": 0.1, "high_high_float": False})
    shown.set(1, "w", {"floor_level": 0.01, "high_high_float": False})
    assert (shown.truth("T-01", "e"), shown.truth("T-01", "w")) == (True, False)
    one, other = (shown.instance("T-01", source).condition for source in "ew")
    assert one._function.__code__ is other._function.__code__  # type: ignore[attr-defined]


def test_its_state_is_json() -> None:
    played = Played('avg(level, "1min") > "1 m" or rate(level, "1min") > "1 m/s" or age(a) > "5 s" or alarm("F")')
    for at in range(100):
        played.put(at, {"level": at / 50, "a": True})
    assert len(json.dumps(played.node.snapshot())) < 8000


def test_a_sum_of_temperatures_is_neither_a_temperature_nor_a_difference() -> None:
    assert "temperature or difference?" in mistake("air + oil > gas + gas")[1]
    assert "temperature or difference?" in mistake("air + oil > gas")[1]
