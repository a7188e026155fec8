"""Which alarms a Match means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from alerts.companion import companion_rule
from alerts.match import Match
from gateway.model import SECOND, Location, Part
from tests.alerts.stage import device, rule

HERE = replace(
    device("dev"),
    location=Location("1", "B2", "garage-east"),
    labels={"owner": "metro"},
    parts={"p1": Part("p1", location=Location(zone="garage-west"))},
)
WATER = rule("WA-02", severity="high")


def fits(of: dict[str, Any], part: str | None = None) -> bool:
    return Match.model_validate(of).fits(WATER, HERE, part)


@pytest.mark.parametrize(
    ("of", "meant"),
    [
        ({}, True),
        ({"rule": "WA-02"}, True),
        ({"rule": "WA-2"}, False),
        ({"rule": "WA-02/protection_lost"}, False),
        ({"system": "test"}, True),
        ({"system": "elevator"}, False),
        ({"class": "property"}, True),
        ({"class": "life_safety"}, False),
        ({"severity": "high"}, True),
        ({"severity": ["critical", "high"]}, True),
        ({"severity": ["critical", "low"]}, False),
        ({"building": 1}, True),
        ({"building": "2"}, False),
        ({"floor": "B2"}, True),
        ({"floor": "B1"}, False),
        ({"zone": "garage-east"}, True),
        ({"zone": "garage-west"}, False),
        ({"device": "dev"}, True),
        ({"device": "de"}, False),
        ({"device": "dev/p1"}, False),
        ({"labels": {"owner": "metro"}}, True),
        ({"labels": {"owner": "metro", "phase": "2"}}, False),
        ({"system": "test", "severity": "low"}, False),
    ],
)
def test_all_that_is_given_must_hold(of: dict[str, Any], meant: bool) -> None:
    assert fits(of) is meant


def test_a_part_is_where_the_site_says_and_belongs_to_its_device() -> None:
    assert fits({"zone": "garage-west"}, "p1") and not fits({"zone": "garage-east"}, "p1")
    assert fits({"floor": "B2"}, "p1"), "what the part does not say its device does"
    assert fits({"device": "dev"}, "p1") and fits({"device": "dev/p1"}, "p1") and not fits({"device": "dev/p2"}, "p1")


def test_a_rule_means_its_companion_and_a_companion_only_itself() -> None:
    companion = companion_rule(WATER, 60 * SECOND)
    assert Match(rule="WA-02").fits(companion, HERE, None)
    alone = Match(rule="WA-02/protection_lost")
    assert alone.fits(companion, HERE, None) and not alone.fits(WATER, HERE, None)


@pytest.mark.parametrize(
    "of", [{"severty": "high"}, {"severity": "hihg"}, {"severity": []}, {"class": "fire"}, {"rule": "WA-02/x"}]
)
def test_what_cannot_be_meant_is_refused(of: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Match.model_validate(of)


def test_it_is_read_back_as_it_was_written() -> None:
    of = {"class": "property", "severity": ["high", "low"], "labels": {"owner": "metro"}, "rule": "WA-02"}
    match = Match.model_validate(of)
    assert match.to_json() == of and Match.model_validate(match.to_json()) == match
    assert not match.empty and Match().empty and Match(labels={}).empty


def test_names_that_nothing_has_are_told_with_the_nearest() -> None:
    wrong = Match.model_validate({"rule": "WA-03", "system": "tset", "zone": "garge-east", "labels": {"ownr": "x"}})
    told = dict(wrong.misnamed({"WA-02"}, [HERE]))
    assert set(told) == {"rule", "system", "zone", "labels"}
    assert "garage-east" in told["zone"] and "owner" in told["labels"]
    right = Match.model_validate({"rule": "WA-02/protection_lost", "device": "dev/p1", "zone": "garage-west"})
    assert list(right.misnamed({"WA-02"}, [HERE])) == []
