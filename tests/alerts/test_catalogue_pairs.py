"""Every rule of the catalogue, at every severity that it can have, has what raises it and what must not."""

from __future__ import annotations

import pytest

from tests.alerts.catalogue_of_fire import CHARGING, CROSS, FIRE, ITSELF
from tests.alerts.catalogue_of_water import ELEVATOR, WATER_PAIRS
from tests.alerts.catalogue_pairs import Pair
from tests.alerts.whole import levels, play, reached, rules

TABLE = (*ELEVATOR, *WATER_PAIRS, *FIRE, *CHARGING, *CROSS, *ITSELF)


@pytest.mark.parametrize("pair", TABLE, ids=lambda pair: pair.name)
def test_what_raises_it(pair: Pair) -> None:
    assert pair.severity in reached(pair.raises, pair.rule, pair.source)


@pytest.mark.parametrize("pair", TABLE, ids=lambda pair: pair.name)
def test_what_must_not(pair: Pair) -> None:
    assert pair.severity not in reached(pair.quiet, pair.rule, pair.source)


def test_no_rule_is_without_its_pair() -> None:
    wanted = {(rule.rule, severity) for rule in rules() for severity in levels(rule)}
    assert wanted == {(pair.rule, pair.severity) for pair in TABLE}


def test_a_building_at_rest_is_quiet() -> None:
    """For a minute and a half: after that the heartbeat, and the rates that nobody feeds, rightly say so."""
    assert play([80.0]).told == []


def test_every_rule_watches_something_in_the_whole_building() -> None:
    watched = {view.rule for view in play([]).engine.rules_view()}
    assert {rule.rule for rule in rules()} <= watched
