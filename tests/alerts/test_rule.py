"""The rule file: every mistake is found, at its key, with the rule's name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.condition.leaves import RateSpec, StateSpec, ThresholdSpec
from alerts.condition.spec import AllSpec, walk
from alerts.rule import Rule
from gateway.fields import Quantity
from gateway.model import SECOND, AlarmClass, Severity, Text
from tests.alerts.building import guidance, rule, rule_mapping, text


def mistakes(mapping: Any) -> list[tuple[tuple[Any, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        Rule.model_validate(mapping)
    return [(error["loc"], error["msg"]) for error in caught.value.errors()]


def test_a_rule_reads_like_a_sentence() -> None:
    parsed = rule(
        {"at_least": "10 cm", "deadband": "1 cm"}, title={"en": "Water", "zh": "积水"}, on_delay="30s", off_delay="5min"
    )
    assert parsed.title == Text("Water", "积水")
    assert parsed.severity is Severity.HIGH
    assert parsed.class_ is AlarmClass.PROPERTY
    assert parsed.on_delay == 30 * SECOND
    assert isinstance(parsed.when, ThresholdSpec)
    assert parsed.when.at_least == Quantity(10, "cm")
    assert parsed.latching is False


@pytest.mark.parametrize(("class_", "latching"), [("life_safety", True), ("property", False), ("equipment", False)])
def test_life_safety_latches_unless_it_says_otherwise(class_: str, latching: bool) -> None:
    assert rule(class_=class_).latching is latching
    assert rule(class_=class_, latching=not latching).latching is not latching


TRIP = {"all": [{"above": "1 m", "on_unknown": "trip"}, {"point": "sump_level", "above": "1 m"}]}
TIME = ("guidance", "time_to_respond")
LEVELS = [{"above": "3 cm"}, {"above": "10 cm", "severity": "critical"}]


@pytest.mark.parametrize(
    ("changes", "loc", "says"),
    [
        ({"on_delay": -1}, ("on_delay",), "a duration with its unit is expected"),
        ({"on_delay": 0.001}, ("on_delay",), "a duration with its unit is expected"),
        ({"off_delay": 1e9}, ("off_delay",), "a duration with its unit is expected"),
        ({"on_delay": "-1s"}, ("on_delay",), "a duration with its unit is expected"),
        ({"on_delay": "2d"}, ("on_delay",), "must lie within 0s … 1d"),
        ({"unknown_for": "0s"}, ("unknown_for",), "greater than 0"),
        ({"guidance": None}, ("guidance",), "a rule of severity high needs its guidance record"),
        (
            {"severity": "low", "guidance": guidance(time_to_respond="4min")},
            ("guidance", "time_to_respond"),
            "too urgent",
        ),
        (
            {"severity": "medium", "guidance": guidance(time_to_respond="299s")},
            ("guidance", "time_to_respond"),
            "urgent",
        ),
        ({"guidance": guidance(time_to_respond="0s")}, ("guidance", "time_to_respond"), "greater than 0"),
        ({"guidance": guidance(cause={"en": "x"})}, ("guidance", "cause", "zh"), "Field required"),
        ({"guidance": guidance(review_date="yesterday")}, ("guidance", "review_date"), "date"),
        ({"severity": "urgent"}, ("severity",), "one of critical, high"),
        ({"class_": "safety"}, ("class",), "AlarmClass"),
        ({"colour": "red"}, ("colour",), "Extra inputs"),
        ({"on": {}}, ("on",), "a system, device, profile, label, place or point"),
        ({"on": {"sytem": "x"}}, ("on", "sytem"), "Extra inputs"),
        ({"suppressed_by": ["T-01"]}, ("suppressed_by", 0), "suppress itself"),
        ({"suppressed_by": ["T-02"], "class_": "life_safety"}, ("suppressed_by", 0), "never suppressed"),
        ({"when": {"alarm": "T-01"}}, ("when", "alarm"), "its own alarm"),
        ({"when": {"not": {"any": [{"alarm": "T-01"}]}}}, ("when", "not", "any", 0, "alarm"), "its own alarm"),
        ({"when": {}}, ("when",), "no condition; exactly one of above"),
        ({"when": {"at_lest": "1 m"}}, ("when",), "did you mean 'at_least'?"),
        ({"when": "wet"}, ("when",), "a condition is expected"),
        ({"when": {"above": "1 m", "is": True}}, ("when", "is"), "`above` and `is` are given"),
        ({"when": {"above": "1 m", "below": "2 m"}}, ("when", "below"), "`above` and `below` are given"),
        ({"when": {"above": "1 m", "deadbnd": 1}}, ("when", "deadbnd"), "Extra inputs"),
        ({"when": {"above": "1 parsec"}}, ("when", "above"), "unknown unit 'parsec'"),
        ({"when": {"above": "1 m", "deadband": "-1 cm"}}, ("when", "deadband"), "must not be negative"),
        ({"when": {"above": "1 m", "deadband": "1 m"}}, ("when", "deadband"), "could never clear"),
        (
            {"when": {"above": "1 m", "deadband": "1 s"}},
            ("when", "deadband"),
            "its deadband 1 s do not measure the same",
        ),
        ({"when": {"above": "1 m", "samples": 0}}, ("when", "samples"), "greater than or equal to 1"),
        ({"when": {"above": {"point": "sump_level", "facto": 2}}}, ("when", "above", "facto"), "Extra inputs"),
        ({"when": {"levels": []}}, ("when", "levels"), "at least one is expected"),
        ({"when": {"levels": LEVELS, "deadband": "1 cm"}}, ("when", "deadband"), "its own deadband"),
        ({"when": {"levels": [LEVELS[0], {"above": "10 cm"}]}}, ("when", "levels", 1), "a severity is expected"),
        (
            {"when": {"levels": [{"above": "10 cm"}, {"above": "100 mm", "severity": "critical"}]}},
            ("when", "levels", 1),
            "100 mm must lie beyond 10 cm",
        ),
        (
            {"when": {"levels": [{"below": "10 cm"}, {"below": "20 cm", "severity": "critical"}]}},
            ("when", "levels", 1),
            "must lie beyond",
        ),
        (
            {"when": {"levels": [{"below": "10 cm"}, {"at_most": "2 cm", "severity": "critical"}]}},
            ("when", "levels", 1),
            "all levels must say the same",
        ),
        ({"when": {"levels": [{"above": "1 m", "below": "2 m"}]}}, ("when", "levels", 0), "exactly one of"),
        (
            {"when": {"levels": [{"above": "1 m", "severity": "low"}]}},
            ("when", "levels", 0, "severity"),
            "the first level is the rule's own",
        ),
        (
            {"when": {"levels": [{"above": "1 m"}, {"above": "2 m", "severity": "low"}]}},
            ("when", "levels", 1, "severity"),
            "less severe than the rule itself",
        ),
        ({"when": {"any": [{"levels": LEVELS}]}}, ("when", "any", 0, "levels"), "stand alone"),
        ({"when": {"mask": 1}}, ("when",), "`mask` and `expect` are given together"),
        ({"when": {"mask": 1, "expect": 2}}, ("when", "expect"), "could never be seen"),
        ({"when": {"in": []}}, ("when", "in"), "at least one is expected"),
        ({"when": {"rises_by": "0 cm", "within": "1min"}}, ("when", "rises_by"), "a change of zero"),
        ({"when": {"rises_by": "5 cm"}}, ("when", "within"), "Field required"),
        ({"when": {"rises_by": "5 cm", "within": "2d"}}, ("when", "within"), "1s … 1d"),
        ({"when": {"rises_by": "5 cm", "within": "1min", "min_span": "2min"}}, ("when", "min_span"), "at most as long"),
        ({"when": {"rises_by": "5 cm", "within": "1min", "max_gap": "0s"}}, ("when", "max_gap"), "longer than 0s"),
        ({"when": {"rises_by": "5 cm", "within": "1min", "deadband": "5 cm"}}, ("when", "deadband"), "less than 5 cm"),
        ({"when": {"bad_quality": False}}, ("when", "bad_quality"), "say `true`"),
        ({"when": {"bad_quality": ["comm", "senso"]}}, ("when", "bad_quality", 1), "did you mean 'sensor'?"),
        ({"when": {"all": []}}, ("when", "all"), "at least one is expected"),
        ({"when": TRIP}, ("when", "all", 0, "on_unknown"), "class life_safety only"),
        (
            {"when": {"any": TRIP["all"]}, "class_": "life_safety"},
            ("when", "any", 0, "on_unknown"),
            "needs another operand",
        ),
        ({"when": {"above": "1 m", "optional": True}}, ("when", "optional"), "cannot be left out"),
        (
            {"escalate": [{"when": {"above": "1 m"}, "severity": "medium"}]},
            ("escalate", 0, "severity"),
            "must be more severe",
        ),
        (
            {"escalate": [{"when": {"abov": 1}, "severity": "critical"}]},
            ("escalate", 0, "when"),
            "did you mean 'above'?",
        ),
    ],
)
def test_mistakes(changes: Any, loc: tuple[Any, ...], says: str) -> None:
    ((found, message),) = mistakes(rule_mapping(**changes))
    assert found == loc
    assert message.startswith("T-01: "), "an operator must read which rule it is"
    assert says in message


def test_all_mistakes_are_told_at_once() -> None:
    mapping = rule_mapping({"any": [{"above": "1 x"}, {"iss": 1}]}, on_delay=-1, colour="red", severity="x")
    places = {loc for loc, _ in mistakes(mapping)}
    assert places == {("severity",), ("when", "any", 0, "above"), ("when", "any", 1), ("on_delay",), ("colour",)}


def test_a_message_may_hold_braces() -> None:
    ((_, message),) = mistakes(rule_mapping("{wet}", rule="T-01", title=text("{en}")))
    assert "{point: floor_level, at_least: 0.10 m}" in message


def test_a_low_rule_needs_no_guidance_but_one_that_escalates_does() -> None:
    step = {"when": {"above": "1 m"}, "severity": "critical"}
    assert rule(severity="low", guidance=None).guidance is None
    ((loc, message),) = mistakes(rule_mapping(severity="low", guidance=None, escalate=[step]))
    assert loc == ("guidance",)
    assert "severity critical" in message


WORDS = st.sampled_from(
    [
        "above",
        "is",
        "in",
        "levels",
        "all",
        "any",
        "not",
        "rises_by",
        "within",
        "deadband",
        "point",
        "alarm",
        "mask",
        "x",
    ]
)
SCALARS = st.sampled_from(["1 m", "", "5", True, None, 0, -1, 1e308, float("nan"), "floor_level", "10min", "T-01", 7])
GARBAGE = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.integers(), inner, max_size=4)
)


@settings(deadline=None)
@given(GARBAGE)
def test_garbage_is_refused_politely(when: Any) -> None:
    try:
        Rule.model_validate(rule_mapping(when))
    except ValidationError as error:
        assert all("T-01" in each["msg"] for each in error.errors())


def test_a_bottomless_condition_is_refused() -> None:
    when: Any = {"above": "1 m"}
    for _ in range(3000):
        when = {"not": when}
    assert mistakes(rule_mapping(when)) == [(("when",), "T-01: the condition is nested too deeply")]


def test_rules_are_frozen_and_nothing_is_coerced() -> None:
    parsed = rule()
    with pytest.raises(ValidationError):
        parsed.severity = Severity.LOW  # type: ignore[misc]
    assert mistakes(rule_mapping(latching="yes"))[0][0] == ("latching",)
    assert mistakes(rule_mapping({"above": "5"}))[0][0] == ("when", "above")


def test_codes_keep_their_type() -> None:
    when = rule({"in": [True, 1, "1"]}).when
    assert isinstance(when, StateSpec)
    assert [type(code) for code in when.in_ or ()] == [bool, int, str]


def test_walk_tells_paths_and_parents() -> None:
    when = rule({"all": [{"above": "1 m"}, {"not": {"rises_by": "1 m", "within": "1min"}}]}, class_="life_safety").when
    found = [(loc, type(parent).__name__) for loc, _, parent in walk(when, ("when",))]
    assert found == [
        (("when",), "NoneType"),
        (("when", "all", 0), "AllSpec"),
        (("when", "all", 1), "AllSpec"),
        (("when", "all", 1, "not"), "NotSpec"),
    ]
    assert isinstance(when, AllSpec)
    assert isinstance([spec for _, spec, _ in walk(when)][-1], RateSpec)


def test_the_schema_for_editors_can_be_made() -> None:
    schema = Rule.model_json_schema()
    threshold = schema["$defs"]["ThresholdSpec"]["properties"]
    kinds = [each.get("type", each.get("$ref")) for each in threshold["above"]["anyOf"]]
    assert kinds == ["number", "string", "#/$defs/PointLimit", "null"]
