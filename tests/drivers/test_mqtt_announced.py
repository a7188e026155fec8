"""Devices that announce themselves: seen on links that carry their type, or that look for it; never added."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from drivers.assign import UnitSpec
from drivers.mqtt.announced import MOST, Announcements
from drivers.mqtt.options import MqttLinkOptions
from drivers.mqtt.poison import Poison
from drivers.mqtt.topic import as_filter, as_pattern
from drivers.profile import MqttProfile
from gateway.model import SECOND, Instant
from tests.drivers.made import any_shipped
from tests.drivers.mqtt_fake import Scene, link, scene, spec
from tests.drivers.said import profile

STATION = any_shipped("openevse")
assert isinstance(STATION, MqttProfile)
NOW = Instant(5 * SECOND, 1_795_000_000 * SECOND)


def station(name: str, **variables: str) -> UnitSpec:
    return UnitSpec(name, "broker", None, STATION, 0, True, variables)


def connected(base: object, state: str = "connected") -> bytes:
    import json

    return json.dumps({"state": state, "id": "x", "mqtt": base, "http": "http://10.0.0.7/"}).encode()


def shown(found: Announcements) -> list[tuple[str, dict[str, str], bool, bool | None]]:
    return [(one.topic[-4:], dict(one.variables), one.known, one.available) for one in found.report()]


def test_what_is_announced_is_what_a_site_would_write() -> None:
    found = Announcements([STATION], [station("evse", base="openevse-1", id="a1b2")])
    assert found.filters == ("openevse/announce/+",)
    assert found.hears("openevse/announce/ffff") and not found.hears("openevse/announce/a/b")
    assert not found.hears("openevse/announce/") and not found.hears("openevse/x/ffff")
    found.take("openevse/announce/a1b2", connected("openevse-1"), NOW)
    found.take("openevse/announce/cafe", connected("garage"), NOW)
    found.take("openevse/announce/d00d", connected("home/evse", "disconnected"), NOW)
    assert shown(found) == [
        ("d00d", {"id": "d00d", "base": "home/evse"}, False, False),
        ("cafe", {"id": "cafe", "base": "garage"}, False, True),
        ("a1b2", {"id": "a1b2", "base": "openevse-1"}, True, True),
    ]
    assert found.report() is found.report() and found.report()[0].at_wall_ns == NOW.wall_ns
    assert found.report()[0].profile == "openevse"


def test_a_last_will_shows_that_it_is_gone_and_keeps_what_was_known() -> None:
    found = Announcements([STATION], [station("evse", base="garage", id="cafe")])
    found.take("openevse/announce/cafe", connected("garage"), NOW)
    found.take("openevse/announce/cafe", b'{"state": "disconnected", "id": "cafe"}', NOW)
    assert shown(found) == [("cafe", {"id": "cafe", "base": "garage"}, True, False)]
    found.take("openevse/announce/beef", b'{"state": "disconnected"}', NOW)
    assert shown(found)[0] == ("beef", {"id": "beef"}, False, False), "the will alone is shown, too"
    found.take("openevse/announce/cafe", connected("other"), NOW)
    assert shown(found)[0] == ("cafe", {"id": "cafe", "base": "other"}, False, True), "it speaks elsewhere"
    found.take("openevse/announce/cafe", b"", NOW)
    assert [one[0] for one in shown(found)] == ["beef"], "taken back"


@pytest.mark.parametrize("payload", [b"{", b"[]", b'"x"', b"7", b'{"state": "connected", "state": "x"}', b"\xff"])
def test_what_is_no_announcement(payload: bytes) -> None:
    found = Announcements([STATION], [])
    found.take("openevse/announce/cafe", connected("garage"), NOW)
    with pytest.raises(Poison):
        found.take("openevse/announce/cafe", payload, NOW)
    assert shown(found) == [("cafe", {"id": "cafe", "base": "garage"}, False, True)], "nothing is forgotten by it"


def test_strange_values_are_shown_short_and_printable() -> None:
    found = Announcements([STATION], [])
    for base in ("x" * 500, "a\x1b[31m\u202eb", 7, None, True, ["x"], {"a": 1}, 1.5):
        found.take("openevse/announce/cafe\u202e", connected(base), NOW)
        ((_, variables, _, _),) = shown(found)
        assert all(value.isprintable() and len(value) <= 64 for value in variables.values())


def test_the_newest_are_kept() -> None:
    found = Announcements([STATION], [])
    for number in range(3 * MOST):
        found.take(f"openevse/announce/{number}", connected(f"b{number}"), NOW)
    assert len(found.report()) == MOST
    assert found.report()[0].variables["id"] == str(3 * MOST - 1)
    found.take(f"openevse/announce/{2 * MOST}", connected("again"), NOW)
    assert found.report()[0].variables["base"] == "again" and len(found.report()) == MOST


def test_filters_and_patterns() -> None:
    assert as_filter("a/{b}/c-{d}-{e}/f") == "a/+/+/f"
    match = as_pattern("a.x/{b}/c-{d}").fullmatch("a.x/1/c-2")
    assert match is not None and match.groupdict() == {"b": "1", "d": "2"}
    assert not as_pattern("a.x/{b}").fullmatch("abx/1") and not as_pattern("a/{b}").fullmatch("a/1/2")


@pytest.mark.parametrize(
    ("announce", "words"),
    [
        ({"topic": "a/b"}, "all devices would look alike"),
        ({"topic": "a/{x}", "variables": {"x": "y"}}, "'x' is already said by the topic"),
        ({"topic": "a/{x}/{x}"}, "stands in the topic twice"),
        ({"topic": "a/+"}, "without the wildcards"),
        ({"topic": "a/{x}", "variables": {"y": "a..b"}}, "a path is expected"),
    ],
)
def test_announcements_refused(announce: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        profile({"p": {"path": "p"}}, {"announce": announce})


def test_the_options_name_profiles() -> None:
    def options(*names: str) -> MqttLinkOptions:
        return MqttLinkOptions.model_validate({"mqtt": "mqtt://127.0.0.1", "discover": list(names)})

    assert options("openevse").discover == ("openevse",) and options().discover == ()
    with pytest.raises(ValidationError):
        options("../x")


# in the driver


async def test_a_link_that_carries_a_station_reports_others() -> None:
    async with scene(station("evse", base="b", id="a1b2")) as on:
        assert "openevse/announce/+" in on.wire.filters and "openevse/announce/a1b2" not in on.wire.filters
        assert on.report.announced == ()
        mids = [
            on.says("openevse/announce/a1b2", connected("b"), retain=True),
            on.says("openevse/announce/cafe", connected("garage"), retain=True),
        ]
        await on.turn(1)
        assert [(one.variables["id"], one.known) for one in on.report.announced] == [("cafe", False), ("a1b2", True)]
        assert sorted(on.wire.acknowledged) == mids and not on.kept and not on.frames
        assert on.report.counts["unknown_device"] == 0 and on.report.counts["messages"] == 2
        assert on.report.units[0].available is True and len(on.report.units) == 1, "shown, never added"
        on.says("openevse/announce/cafe", connected("garage", "disconnected"))
        await on.turn(1)
        newest = on.report.announced[0]
        assert (newest.variables["id"], newest.available) == ("cafe", False)


async def test_what_is_no_announcement_is_kept_aside_once() -> None:
    async with scene(station("evse", base="b", id="a1b2"), max_payload=1000) as on:
        mids = [
            on.says("openevse/announce/cafe", b"{"),
            on.says("openevse/announce/a1b2", b"{"),
            on.says("openevse/announce/cafe", b"x" * 5000),
        ]
        await on.turn(1)
        assert [item.reason for item in on.kept] == ["json", "json", "oversize"]
        assert sorted(on.wire.acknowledged) == mids and on.report.announced == ()
        assert on.report.units[0].error is not None


async def test_a_link_looks_for_what_it_is_told_to() -> None:
    """Without a station of its own; without that, nobody asks for announcements."""
    async with scene(spec("a")) as on:
        assert on.wire.filters == ["t/a"]
        on.says("openevse/announce/cafe", connected("garage"))
        await on.turn(1)
        assert on.report.counts["unknown_device"] == 1 and on.report.announced == ()
    told = Scene(link(spec("a")), announce=[STATION, profile({"p": {"path": "p"}})])
    await told.start()
    try:
        assert told.wire.filters == ["openevse/announce/+", "t/a"]
        told.says("openevse/announce/cafe", connected("garage"))
        told.level(1.0)
        await told.turn(1)
        assert [one.variables for one in told.report.announced] == [{"id": "cafe", "base": "garage"}]
        assert len(told.frames) == 1
    finally:
        assert told.task is not None
        told.task.cancel()
