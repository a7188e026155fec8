"""Messages of a broker, grouped by shape and matched with the library."""

from __future__ import annotations

import json
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bench import topics as bench_topics
from drivers.bench.matching import matches
from drivers.bench.shape import paths, read, shortened
from drivers.bench.topics import Topics
from drivers.mqtt.language import MqttProfile
from drivers.mqtt.path import getter, parse_path
from gateway.model import SECOND
from tests.drivers.made import any_shipped, files


@cache
def library() -> list[MqttProfile]:
    found = [any_shipped(file.name.removesuffix(".yaml")) for file in files()]
    return [profile for profile in found if isinstance(profile, MqttProfile)]


def heard(*messages: tuple[str, object]) -> Topics:
    topics = Topics()
    for number, (topic, said) in enumerate(messages):
        payload = said if isinstance(said, bytes) else json.dumps(said).encode()
        topics.take(topic, payload, number * SECOND)
    return topics


def uplink(eui: str, depth: float) -> tuple[str, object]:
    said = {
        "deduplicationId": "3ac7e3c4",
        "time": "2026-07-30T10:15:00Z",
        "deviceInfo": {"devEui": eui},
        "object": {"depth": depth, "battery": 98},
    }
    return f"application/riverside/device/{eui}/event/up", said


def evse(base: str, number: str) -> list[tuple[str, object]]:
    values = {"amp": 16020, "voltage": 230, "power": 3680, "temp": 412, "state": 3, "total_energy": 1234.5}
    announced = {"state": "connected", "id": number, "mqtt": base}
    return [*((f"{base}/{name}", value) for name, value in values.items()), (f"openevse/announce/{number}", announced)]


def test_devices_that_differ_in_one_level_are_one_template() -> None:
    groups = heard(uplink("24e124454d083401", 10), uplink("24e124454d083402", 11)).groups()
    (group,) = groups
    assert group.template == "application/riverside/device/{dev_eui}/event/up"
    assert group.variables == {"dev_eui": ("24e124454d083401", "24e124454d083402")}
    assert group.keys["object.depth"].types == ["int"]
    assert group.keys["deviceInfo.devEui"].example == "24e124454d083402"


def test_values_of_their_own_topics_stay_apart() -> None:
    groups = heard(*evse("openevse-east-1", "a1b2"), *evse("openevse-west-1", "c3d4")).groups()
    templates = {group.template: group for group in groups}
    assert "{id}/amp" in templates
    assert templates["{id}/amp"].variables == {"id": ("openevse-east-1", "openevse-west-1")}
    assert templates["openevse/announce/{id}"].kind == "object"


def test_rooms_without_numbers_are_found_by_what_is_said_below_them() -> None:
    said = [(f"house/{room}/{value}", 1.5) for room in ("kitchen", "hall", "lobby") for value in ("temp", "humidity")]
    assert {group.template for group in heard(*said).groups()} == {"house/{id}/temp", "house/{id}/humidity"}


def test_names_of_values_are_no_variables() -> None:
    said = [("pump/speed", 1450), ("pump/pressure", 3.2), ("pump/power", 1100)]
    assert {group.template for group in heard(*said).groups()} == {"pump/speed", "pump/pressure", "pump/power"}


def test_rates_do_not_count_what_the_broker_has_kept() -> None:
    topics = Topics()
    topics.take("a", b"1", 5 * SECOND, retained=True)
    for at in (10, 20, 30):
        topics.take("a", b"2", at * SECOND)
    (group,) = topics.groups()
    assert (group.messages, group.retained, group.every_s) == (4, 1, 10.0)


@pytest.mark.parametrize(
    ("payload", "kind"),
    [(b"", "empty"), (b"on", "text"), (b"\xff\x00", "bytes"), (b"1.5", "float"), (b"[1]", "array"), (b"{}", "object")],
)
def test_what_a_payload_is(payload: bytes, kind: str) -> None:
    assert read(payload)[0] == kind


def test_paths_are_those_of_the_profile_language() -> None:
    message = {"a": {"b c": [1, 2], "d.e": None}, "f": True}
    found = dict(paths(message))
    assert found == {'a."b c"[0]': 1, 'a."d.e"': None, "f": True}
    for path, value in found.items():
        assert getter(parse_path(path))(message) == value


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_topics, "MOST_TOPICS", 10)
    topics = Topics()
    for number in range(50):
        topics.take(f"t/{number}", json.dumps({str(key): key for key in range(1000)}).encode(), number)
        topics.take("t/1", b"x" * 100_000, number)
    assert len(topics.heard) == 10
    assert topics.beyond == 40
    assert topics.messages == 100
    assert all(len(one.keys) <= bench_topics.MOST_KEYS for one in topics.heard)
    assert sum(len(sample) for one in topics.heard for sample in one.samples) <= 10 * 3 * bench_topics.LONGEST_SAMPLE


def test_what_is_said_cannot_disturb_a_screen() -> None:
    assert shortened("\x1b[2J\u202e" + "x" * 100) == "�[2J�" + "x" * 35 + "…"


def test_a_level_sensor_of_the_library_is_recognised() -> None:
    found = matches(library(), heard(uplink("24e124454d083401", 10)).heard)
    best = found[0]
    assert (best.profile, best.good) == ("milesight-em500-swl", 2)
    assert best.variables == {"app": "riverside", "dev_eui": "24e124454d083401"}
    assert 'vars: {app: riverside, dev_eui: "24e124454d083401"}' in best.entry


def test_chargers_are_recognised_each_with_its_announcement() -> None:
    found = matches(library(), heard(*evse("openevse-east-1", "a1b2"), *evse("openevse-west-1", "c3d4")).heard)
    chargers = [match for match in found if match.profile == "openevse"]
    assert [match.variables for match in chargers] == [
        {"base": "openevse-east-1", "id": "a1b2"},
        {"base": "openevse-west-1", "id": "c3d4"},
    ]
    assert all(match.good == 6 for match in chargers)


def test_nothing_is_made_of_foreign_messages() -> None:
    assert matches(library(), heard(("a/b", {"x": 1}), ("amp", 5), ("site/amp", "off")).heard) == []


@given(st.lists(st.tuples(st.text(max_size=30), st.binary(max_size=60)), max_size=40))
def test_whatever_is_said_it_is_grouped_and_every_topic_once(messages: list[tuple[str, bytes]]) -> None:
    topics = Topics()
    for topic, payload in messages:
        topics.take(topic, payload, 0)
    groups = topics.groups()
    assert sorted(one.topic for group in groups for one in group.topics) == sorted({topic for topic, _ in messages})
    assert sum(group.messages for group in groups) == len(messages)
    matches(library()[:2], topics.heard)
