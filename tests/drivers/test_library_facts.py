"""What holds for every profile beyond its own vectors: sources, languages, an example of every way to have no value."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import pytest

from drivers.profile import ModbusProfile, MqttProfile, Profile
from gateway.config.nearest import nearest
from gateway.config.oversights import LIKELY_A_SLIP
from tests.config.test_catalogue import systems
from tests.drivers.made import any_shipped, files

NAMES = [file.name.removesuffix(".yaml") for file in files()]
PROFILES = [any_shipped(name) for name in NAMES]
each = pytest.mark.parametrize("profile", PROFILES, ids=NAMES)


def test_the_library_has_devices_of_every_system() -> None:
    assert len(PROFILES) >= 30
    systems = {profile.system for profile in PROFILES}
    assert systems >= {"elevator", "garage-water", "fire", "electrical-fire", "ev-charging"}
    assert {profile.wire for profile in PROFILES} == {"modbus", "mqtt"}


@each
def test_every_fact_has_a_source_that_was_read(profile: Profile) -> None:
    for key in profile.readings:
        assert {source.verified for source in profile.sources(key)} <= {"code", "doc", "issue"}, key


@each
def test_it_speaks_both_languages(profile: Profile) -> None:
    texts = [profile.title, *([profile.needs_liveness] if profile.needs_liveness else [])]
    texts += [parts.title for parts in getattr(profile, "parts", ()) if parts.title]
    for text in texts:
        # a make has no Chinese name as often as not, what the thing is has one
        assert re.search(r"[\u4e00-\u9fff]", text.zh), text
        assert not re.search(r"[\u4e00-\u9fff]", text.en), text


@each
def test_every_way_to_have_no_value_has_an_example(profile: Profile) -> None:
    """What stands there instead of a value becomes a plausible wrong number when it is forgotten."""
    assert isinstance(profile, (ModbusProfile, MqttProfile))
    told: dict[str, set[str]] = defaultdict(set)
    for vector in profile.vectors:
        for outcome in (vector, *getattr(vector, "history", ())):
            for key, reason in outcome.bad.items():
                told[key].add(reason)
                told[key.partition("/")[2]].add(reason)
    for key, point in points_of(profile).items():
        instead = [getattr(point, "sentinels", None), getattr(point, "no_value", None)]
        declared = {reason for reasons in instead for reason in (reasons or {}).values()}
        if (fault := getattr(point, "fault", None)) is not None:
            declared |= set(fault.reasons.values())
        assert declared <= told[key], key


@each
def test_a_closed_list_is_tried_with_another_number(profile: Profile) -> None:
    """A code that nobody has described is no value: of each profile with codes, one example shows it."""
    assert isinstance(profile, (ModbusProfile, MqttProfile))
    closed = [p for p in points_of(profile).values() if p.enum is not None or p.true_for is not None]
    if closed:
        assert any("undeclared" in vector.bad.values() for vector in profile.vectors)


@each
def test_no_name_of_its_own_looks_like_a_slip(profile: Profile) -> None:
    """A site that uses the device would be warned of a name that it has not chosen."""
    known = systems()
    standard = {**known["all"], **known.get(profile.system or "", {})}
    names = {key.rpartition("/")[2] for key in profile.readings}
    for parts in getattr(profile, "parts", ()):
        names |= set(parts.points)
    for name in names - standard.keys():
        meant = nearest(name, standard, LIKELY_A_SLIP)
        assert meant is None or meant in names, f"{name} looks like {meant}"


def points_of(profile: ModbusProfile | MqttProfile) -> dict[str, Any]:
    """What the file says of each point, and of each point of its parts."""
    points: dict[str, Any] = {**profile.points}
    for parts in getattr(profile, "parts", ()):
        points |= parts.points
    return points
