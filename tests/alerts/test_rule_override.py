"""A site's changes to a packed rule."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from alerts.rule import apply_override
from tests.alerts.building import rule_mapping, text


def when(override: Any, base: Any) -> Any:
    return apply_override(rule_mapping(base), {"when": override})["when"]


def test_mappings_are_merged_and_the_rule_is_not_touched() -> None:
    base = rule_mapping({"at_least": "10 cm", "deadband": "1 cm"}, on_delay="30s")
    merged = apply_override(base, {"when": {"at_least": "12 cm"}, "on_delay": "10s", "title": {"zh": "水"}})
    assert merged["when"] == {"at_least": "12 cm", "deadband": "1 cm"}
    assert merged["on_delay"] == "10s"
    assert merged["title"] == {**text("Test"), "zh": "水"}
    assert base["on_delay"] == "30s"
    assert base["when"]["at_least"] == "10 cm"


def test_another_comparison_replaces_the_first() -> None:
    assert when({"above": "12 cm"}, {"at_least": "10 cm", "deadband": "1 cm"}) == {"above": "12 cm", "deadband": "1 cm"}


def test_a_condition_of_another_kind_replaces_the_whole() -> None:
    other = {"any": [{"above": "12 cm"}, {"point": "high_high_float", "is": True}]}
    assert when(other, {"at_least": "10 cm", "deadband": "1 cm", "samples": 2}) == other
    leaf = {"point": "sump_level", "at_least": "1 m", "deadband": "1 cm", "optional": True}
    assert when({"bad_quality": True}, leaf) == {"point": "sump_level", "bad_quality": True, "optional": True}
    assert when({"any": []}, leaf) == {"any": [], "optional": True}
    assert when({"in": [2]}, {"is": 1, "samples": 2}) == {"in": [2], "samples": 2}
    assert when({"mask": 3, "expect": 1}, {"is": 1}) == {"mask": 3, "expect": 1}


def test_null_takes_a_key_out() -> None:
    assert when({"deadband": None}, {"at_least": "10 cm", "deadband": "1 cm"}) == {"at_least": "10 cm"}
    assert "guidance" not in apply_override(rule_mapping(), {"guidance": None})


def test_an_operand_is_found_by_its_point() -> None:
    base = {"all": [{"point": "load", "above": "2 %"}, {"any": [{"point": "speed", "above": "1 m/s"}]}]}
    assert when({"all": {"load": {"above": "5 %"}}}, base)["all"][0] == {"point": "load", "above": "5 %"}
    assert when({"all": [{"point": "load", "above": "5 %"}]}, base) == {"all": [{"point": "load", "above": "5 %"}]}


@pytest.mark.parametrize(
    ("override", "loc", "says"),
    [
        ({"rule": "T-02"}, ("rule",), "cannot rename"),
        ({"when": {"all": {"loda": {"above": 1}}}}, ("when", "all", "loda"), "did you mean 'load'?"),
        ({"when": {"all": {"load": 5}}}, ("when", "all", "load"), "changed keys"),
    ],
)
def test_what_fits_nowhere_is_refused(override: Any, loc: tuple[Any, ...], says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        apply_override(rule_mapping({"all": [{"point": "load", "above": "2 %"}]}), override)
    (error,) = caught.value.errors()
    assert error["loc"] == loc
    assert says in error["msg"]
