"""Rules × devices → instances: parts, missing points, wrong names, order, companions, hashes."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from alerts.bind import bind
from alerts.bound import Bound, Unbound
from alerts.rule import Rule
from gateway.model import HEALTH_POINT, SECOND, AlarmClass, Device, Location, Point, PointType, Quality, Severity
from tests.alerts.building import MINUTE, catalogue, demo, device, lift, pack, rule, sump, table

PUMPS = {"system": "garage-water", "point": "pump_fault"}
WATER = {"system": "garage-water"}


def keys(bound: Bound, companions: bool = False) -> list[tuple[str, str]]:
    chosen = (each for each in bound.instances if companions or each.companion_of is None)
    return [(each.rule.rule, each.source) for each in chosen]


def problem(*rules: Rule, devices: list[Device] | None = None, standard: bool = True) -> tuple[Any, str]:
    (found,) = bind(rules, [sump()] if devices is None else devices, catalogue() if standard else None).problems
    return found.loc, found.message


def test_one_instance_for_each_device_of_the_system() -> None:
    assert keys(bind([rule()], demo(), catalogue())) == [("T-01", "water-east"), ("T-01", "water-west")]


def test_one_instance_for_each_part_that_has_the_point() -> None:
    bound = bind([rule({"is": True}, on=PUMPS)], [sump()], catalogue())
    assert keys(bound) == [("T-01", "water-east/pump-1"), ("T-01", "water-east/pump-2")]


def test_one_part_or_one_device_can_be_named() -> None:
    one_part = rule({"is": True}, on={**WATER, "point": "pump-2/pump_fault"})
    one_device = rule(on={"device": "water-west", "point": "floor_level"}, rule="T-02")
    bound = bind([one_part, one_device], demo()[2:4], catalogue())
    assert keys(bound) == [("T-01", "water-east/pump-2"), ("T-01", "water-west/pump-2"), ("T-02", "water-west")]


def test_a_part_reads_its_own_points_first_then_the_device() -> None:
    own = {"all": [{"is": True}, {"point": "pump_run", "is": False}, {"point": "sump_level", "above": "1 m"}]}
    both = table([rule(own, on=PUMPS)], [sump()])
    both.set(1, "water-east", {"pump-1/pump_fault": True, "pump-2/pump_fault": True, "sump_level": 2.0})
    both.set(2, "water-east", {"pump-1/pump_run": True, "pump-2/pump_run": False})
    assert both.truth("T-01", "water-east/pump-1") is False
    assert both.truth("T-01", "water-east/pump-2") is True


@pytest.mark.parametrize(("parts", "expected"), [("every", [False, False, True]), ("any", [False, True, True])])
def test_every_part_and_any_part(parts: str, expected: list[bool]) -> None:
    when = {"point": "pump_fault", "is": True, "parts": parts}
    both = table([rule(when, on=WATER)], [sump()])
    seen = []
    for at, (first, second) in enumerate([(False, False), (True, False), (True, True)]):
        both.set(at, "water-east", {"pump-1/pump_fault": first, "pump-2/pump_fault": second})
        seen.append(both.truth("T-01", "water-east"))
    assert seen == expected


def test_a_rule_whose_points_the_device_lacks_is_listed() -> None:
    dry = sump("dry", points=(HEALTH_POINT,))
    bound = bind([rule()], [dry, sump()], catalogue())
    assert bound.unbound == (Unbound("T-01", "dry", "the device has no point 'floor_level'"),)
    assert keys(bound) == [("T-01", "water-east")]


def test_a_rule_that_watches_nothing_is_listed() -> None:
    assert bind([rule()], [lift()], catalogue()).unbound[-1] == Unbound(
        "T-01", None, "the rule watches nothing on this site"
    )
    assert bind([rule(enabled=False)], [sump()], catalogue()).unbound == (
        Unbound("T-01", None, "the rule is disabled"),
    )
    off = sump(disabled=True)
    assert bind([rule()], [off], catalogue()).unbound[0] == Unbound("T-01", "water-east", "the device is disabled")


def test_an_optional_operand_is_left_out_and_told() -> None:
    when = {
        "any": [{"point": "high_high_float", "is": True, "optional": True}, {"point": "sump_level", "above": "3 m"}]
    }
    bare = sump(points=(Point("sump_level", PointType.FLOAT, "m"), HEALTH_POINT))
    bound = bind([rule(when, on=WATER)], [bare], catalogue())
    assert bound.reduced == (Unbound("T-01", "water-east", "the device has no point 'high_high_float'"),)
    assert keys(bound) == [("T-01", "water-east")]


def test_with_all_operands_left_out_there_is_no_rule() -> None:
    when = {"any": [{"point": "high_high_float", "is": True, "optional": True}]}
    bound = bind([rule(when, on=WATER)], [sump(points=(HEALTH_POINT,))], catalogue())
    assert keys(bound) == []
    assert "none of the points" in bound.unbound[0].why


def test_an_operand_for_one_profile() -> None:
    when = {"any": [{"point": "fault_code", "in": [43], "for_profile": "nice"}, {"point": "final_limit", "is": True}]}
    limit = rule(when, on={"system": "elevator"})
    both = table([limit], [lift("a", profile="nice"), lift("b", profile="other")])
    for each in ("a", "b"):
        both.set(1, each, {"fault_code": 43, "final_limit": False})
    assert both.truth("T-01", "a") is True
    assert both.truth("T-01", "b") is False, "43 means something else there"


@pytest.mark.parametrize(
    ("changes", "loc", "says"),
    [
        ({"on": {**WATER, "point": "flor_level"}}, ("on", "point"), "did you mean 'floor_level'?"),
        ({"when": {"point": "sump_lvl", "above": "1 m"}}, ("when", "point"), "did you mean 'sump_level'?"),
        ({"when": {"above": {"point": "sump_levle"}}}, ("when", "above", "point"), "did you mean 'sump_level'?"),
        ({"when": {"above": "1 s"}}, ("when", "above"), "'s' measures time, but 'm' measures length"),
        ({"when": {"above": 5}}, ("when", "above"), "the point's unit is m"),
        ({"when": {"levels": [{"above": "1 s"}]}}, ("when", "levels", 0, "above"), "measures time"),
        ({"when": {"rises_by": "1 °C", "within": "1min"}}, ("when", "rises_by"), "measures temperature"),
        ({"when": {"above": {"point": "high_high_float"}}}, ("when", "above", "point"), "not a number"),
        ({"when": {"point": "pump_run", "is": True}}, ("when", "point"), "say `parts: every` or `parts: any`"),
        ({"on": WATER}, ("when",), "names no point"),
        ({"on": {"device": "water-est"}}, ("on", "device"), "did you mean 'water-east'?"),
        ({"on": {"system": "garage-watr"}}, ("on", "system"), "did you mean 'garage-water'?"),
        ({"when": {"alarm": "T-99"}}, ("when", "alarm"), "there is no rule 'T-99'"),
        ({"suppressed_by": ["T-99"]}, ("suppressed_by", 0), "there is no rule 'T-99'"),
        (
            {"escalate": [{"when": {"point": "sump_level", "above": 1}, "severity": "critical"}]},
            ("escalate", 0, "when", "above"),
            "the point's unit is m",
        ),
    ],
)
def test_problems_have_their_place(changes: Any, loc: tuple[Any, ...], says: str) -> None:
    found, message = problem(rule(**changes))
    assert found == loc
    assert says in message


def test_a_problem_on_ten_devices_is_one_problem() -> None:
    devices = [sump(f"water-{number}") for number in range(10)]
    assert problem(rule({"above": 5}), devices=devices)[0] == ("when", "above")


def test_a_device_s_own_point_is_known_without_the_standard() -> None:
    odd = device("d", "test", [Point("odd", PointType.BOOL)])
    own = rule({"is": True}, on={"system": "test", "point": "odd"})
    assert keys(bind([own], [odd])) == [("T-01", "d")]
    assert problem(rule({"is": True}, on={"system": "test", "point": "od"}), devices=[odd])[0] == ("on", "point")


def test_a_code_of_the_standard_that_this_profile_lacks_is_no_mistake() -> None:
    mode = Point("mode", PointType.ENUM, codes=("automatic",))
    plain = lift(points=(mode, HEALTH_POINT))
    fault = rule({"is": "fault"}, on={"system": "elevator", "point": "mode"})
    assert table([fault], [plain]).bound.problems == ()
    wrong = rule({"is": "broken"}, on={"system": "elevator", "point": "mode"})
    assert problem(wrong, devices=[plain])[0] == ("when", "is")


def test_two_rules_of_one_name() -> None:
    assert problem(rule(), rule()) == (("rule",), "there are two rules of this name")


def test_circles_are_refused() -> None:
    first = rule({"alarm": "T-02"}, rule="T-01", on=WATER)
    second = rule({"any": [{"alarm": "T-01"}, {"point": "floor_level", "above": "1 m"}]}, rule="T-02", on=WATER)
    loc, message = problem(first, second)
    assert loc == ("when", "any", 0, "alarm")
    assert message.endswith("T-01 → T-02 → T-01")
    loc, _ = problem(rule(suppressed_by=["T-02"]), rule(rule="T-02", suppressed_by=["T-01"]))
    assert loc == ("suppressed_by", 0)


def test_inputs_and_suppressors_come_first() -> None:
    on_alarm = rule({"alarm": "T-03", "same": "zone"}, rule="T-01", on=WATER)
    lower = rule(rule="T-02", suppressed_by=["T-03"])
    higher = rule(rule="T-03")
    bound = bind([on_alarm, lower, higher], [sump()], catalogue())
    assert [name for name, _ in keys(bound)] == ["T-03", "T-01", "T-02"]
    assert [each.order for each in bound.instances] == list(range(len(bound.instances)))
    assert bound.instances[-2].suppressed_by == (("T-03", "water-east"),)


def test_a_part_is_suppressed_by_its_own_alarm_or_the_device_s() -> None:
    part = rule({"is": True}, rule="T-01", on=PUMPS, suppressed_by=["T-02", "T-03"])
    also = rule({"is": True}, rule="T-02", on=PUMPS)
    whole = rule(rule="T-03")
    (first, _) = [
        each for each in bind([part, also, whole], [sump()], catalogue()).instances if each.rule.rule == "T-01"
    ]
    assert first.suppressed_by == (("T-02", "water-east/pump-1"), ("T-03", "water-east"))


@pytest.mark.parametrize(
    ("same", "sources"),
    [("device", {"a"}), ("zone", {"a", "b"}), ("building", {"a", "b", "c"})],
)
def test_alarms_of_the_same_place(same: str, sources: set[str]) -> None:
    where = [("a", Location("1", "B2", "z")), ("b", Location("1", "B1", "z")), ("c", Location("1", "B2", "y"))]
    where.append(("d", Location("2", "B2", "z")))
    devices = [sump(name, location=location) for name, location in where]
    asks = rule({"alarm": "T-01", "same": same}, rule="T-02", on={"device": "a"})
    (asking,) = [each for each in bind([rule(), asks], devices, catalogue()).instances if each.rule.rule == "T-02"]
    assert asking.condition.alarms == {("T-01", source) for source in sources}


def test_no_zone_is_the_same_zone_as_none() -> None:
    asks = rule({"alarm": "T-01", "same": "zone"}, rule="T-02", on=WATER)
    bound = bind([rule(), asks], [sump(location=Location())], catalogue())
    assert bound.unbound[0] == Unbound("T-02", "water-east", "rule T-01 watches nothing on the same zone")


@pytest.mark.parametrize(
    ("severity", "class_", "companion"),
    [
        ("critical", "life_safety", Severity.HIGH),
        ("medium", "life_safety", Severity.HIGH),
        ("critical", "property", Severity.HIGH),
        ("high", "property", Severity.MEDIUM),
        ("medium", "equipment", Severity.LOW),
    ],
)
def test_companions(severity: str, class_: str, companion: Severity) -> None:
    guarded, guard = bind([rule(severity=severity, class_=class_, off_delay="1h")], [sump()], catalogue()).instances
    assert guard.rule.rule == "T-01/protection_lost"
    assert guard.source == guarded.source
    assert guard.companion_of == ("T-01", "water-east")
    assert guard.rule.severity is companion
    assert guard.rule.class_ is guarded.rule.class_
    assert guard.rule.latching is False
    assert guard.rule.on_delay == guard.unknown_for_ns == 60 * SECOND
    assert "Test" in guard.rule.title.en
    assert "Test" in guard.rule.title.zh
    assert guard.rule.guidance is not None
    assert guard.rule.guidance.time_to_respond >= 5 * MINUTE
    assert guard.order == guarded.order + 1


@pytest.mark.parametrize(
    "changes",
    [
        {"severity": "low"},
        {"class_": "system"},
        {"when": {"bad_quality": True}},
        {"when": {"point": "health", "is": "offline"}},
    ],
)
def test_what_has_no_companion(changes: Any) -> None:
    assert len(bind([rule(**changes)], [sump()], catalogue()).instances) == 1


def test_unknown_for() -> None:
    slow = sump(poll_ns=40 * SECOND)
    window = {"rises_by": "5 cm", "within": "10min"}
    rules = [rule(), rule(rule="T-02", unknown_for="5s"), rule(window, rule="T-03")]
    assert [
        (bound.instances[0].unknown_for_ns, bound.instances[2].unknown_for_ns, bound.instances[4].unknown_for_ns)
        for bound in (bind(rules, [sump()], catalogue()), bind(rules, [slow], catalogue()))
    ] == [(60 * SECOND, 5 * SECOND, 60 * SECOND), (120 * SECOND, 5 * SECOND, 120 * SECOND)]


EITHER = {"any": [{"point": "high_high_float", "is": True}, {"point": "sump_level", "above": "3 m"}]}


@pytest.mark.parametrize(
    ("changes", "device", "expected"),
    [
        # one missed reading of a point that is read each ten minutes is no loss of protection
        ({}, sump(periods={"floor_level": 10 * MINUTE}), 30 * MINUTE),
        # a quick channel does not wait for the slowest source of its device
        ({}, sump(poll_ns=10 * MINUTE, periods={"floor_level": SECOND}), MINUTE),
        # another point's period is no matter
        ({}, sump(periods={"sump_level": 10 * MINUTE}), MINUTE),
        # of two the quick one must not be missed for as long as the slow one may be
        ({"on": WATER, "when": EITHER}, sump(periods={"sump_level": 10 * MINUTE}), MINUTE),
        (
            {"on": WATER, "when": EITHER},
            sump(periods=dict.fromkeys(("sump_level", "high_high_float"), MINUTE)),
            3 * MINUTE,
        ),
        # what is said only when it changes has none
        ({"on": WATER, "when": EITHER}, sump(poll_ns=40 * SECOND, periods={"sump_level": 0}), 2 * MINUTE),
        ({}, sump(poll_ns=40 * SECOND, periods={"floor_level": 0}), MINUTE),
        # of a part its own
        (
            {"on": PUMPS, "when": {"is": True}},
            sump(periods={"pump-1/pump_fault": 10 * MINUTE, "pump-2/pump_fault": 10 * MINUTE}),
            30 * MINUTE,
        ),
        ({"on": PUMPS, "when": {"is": True}}, sump(periods={"pump-2/pump_fault": 10 * MINUTE}), MINUTE),
    ],
)
def test_unknown_for_is_that_of_the_points_that_a_rule_reads(changes: Any, device: Device, expected: int) -> None:
    instance = bind([rule(**changes)], [device], catalogue()).instances[0]
    assert instance.unknown_for_ns == expected


def test_companions_collapse_into_the_offline_alarm() -> None:
    offline = Rule.model_validate(pack("gateway")[0])
    bound = bind([rule(), offline], [sump()], catalogue())
    by_rule = {each.rule.rule: each for each in bound.instances}
    assert by_rule["T-01/protection_lost"].collapse_into == ("GW-01", "water-east")
    assert by_rule["T-01"].collapse_into is None
    assert bind([rule()], [sump()], catalogue()).instances[1].collapse_into is None


@pytest.mark.parametrize(("severity", "collapses"), [("high", False), ("medium", True), ("low", True)])
def test_a_silence_more_severe_than_the_loss_of_the_device_speaks_for_itself(severity: str, collapses: bool) -> None:
    offline = Rule.model_validate(pack("gateway")[0])
    assert offline.severity is Severity.MEDIUM
    bound = bind([rule({"heartbeat": "90s"}, severity=severity), offline], [sump()], catalogue())
    found = next(each for each in bound.instances if each.rule.rule == "T-01")
    assert found.collapse_into == (("GW-01", "water-east") if collapses else None)


def test_one_dead_sensor_is_one_companion() -> None:
    """Stage 1's companion is silent while stage 3's speaks, as long as it is the same sensor."""
    higher, other = rule(rule="T-02"), rule({"point": "sump_level", "above": "1 m"}, rule="T-03")
    lower = rule({"above": "1 cm"}, rule="T-01", suppressed_by=["T-02", "T-03"])
    bound = bind([lower, higher, other], [sump()], catalogue())
    (companion,) = [each for each in bound.instances if each.companion_of == ("T-01", "water-east")]
    assert companion.suppressed_by == (("T-02/protection_lost", "water-east"),)


def test_the_hash_follows_what_is_judged() -> None:
    def hashed(**changes: Any) -> str:
        return bind([rule(**changes)], [sump()], catalogue()).instances[0].condition_hash

    same = hashed()
    assert hashed(title={"en": "Other", "zh": "别的"}) == same
    assert hashed(severity="medium") == same
    others = {
        hashed(when={"at_least": "11 cm"}),
        hashed(when={"above": "10 cm"}),
        hashed(on_delay="1s"),
        hashed(off_delay="1s"),
        hashed(when={"point": "sump_level", "at_least": "10 cm"}),
        hashed(escalate=[{"when": {"above": "1 m"}, "severity": "critical"}]),
    }
    assert same not in others
    assert len(others) == 6


def test_only_read_points_have_slots() -> None:
    bound = bind([rule()], demo(), catalogue())
    assert set(bound.columns.slots) == {("water-east", "floor_level"), ("water-west", "floor_level")}
    assert set(bound.columns.quality) == {-1}


def test_forgetting_makes_everything_unknown() -> None:
    level = table([rule()], [sump()])
    level.set(1, "water-east", {"floor_level": 0.5})
    assert level.truth("T-01", "water-east") is True
    level.columns.forget()
    assert level.truth("T-01", "water-east") is None
    level.set(2, "water-east", {"floor_level": 0.5}, Quality.BAD_SENSOR)
    assert level.truth("T-01", "water-east") is None


def test_no_devices_no_trouble() -> None:
    bound = bind([rule()], [])
    assert bound.instances == ()
    assert bound.problems == ()
    assert AlarmClass.PROPERTY is rule().class_


def test_what_binding_needs_for_a_while_goes_by_itself() -> None:
    """Cycles of objects, some for each alarm, would be searched through at the end of each start."""
    devices = [sump(name=f"water-{number}") for number in range(100)]
    gc.collect()
    gc.disable()
    try:
        bound = bind([rule()], devices, catalogue())
        assert gc.collect() < 100
    finally:
        gc.enable()
    assert len(bound.instances) == 200
