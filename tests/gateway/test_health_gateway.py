"""The gateway as a device: its numbers, its links and its historian as points, and what /healthz makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from gateway.health import GatewayStatus, HealthBook, gateway_points, problems, verdict
from gateway.model import (
    HEALTH_POINT,
    LINK_COUNTS,
    SECOND,
    Device,
    ErrorKind,
    Frame,
    Health,
    Layout,
    LinkReport,
    Location,
    Point,
    PointType,
    Quality,
    Text,
    UnitReport,
    Value,
)
from tests.gateway.test_health import at, book

FINE: dict[str, Any] = {"disk_used": 40.0, "outbox_pending": 0, "queue_depth": 3, "loop_lag_s": 0.01}
NOTHING: Mapping[str, int] = MappingProxyType({})
LINE: dict[str, Value] = {"bad_replies": False, "offline_share": 0.0}
QUIET: dict[str, Value] = {
    "data_gap": False,
    "poison": False,
    "unknown_device": False,
    "conflict": False,
    "storm": False,
    "offline_share": 0.0,
}


class Sink(NamedTuple):
    behind_s: float = 2.0
    refused: str | None = None
    lost: bool = False


def gateway(links: dict[str, bool] | None = None, *, historian: bool = False) -> Device:
    return Device(
        id="gateway",
        system="gateway",
        name=Text("Gateway", "网关"),
        profile=None,
        location=Location(),
        poll_ns=10 * SECOND,
        points=(*gateway_points(links or {}, historian=historian), HEALTH_POINT),
    )


def told(frame: Frame) -> dict[str, Value]:
    return {point.key: value for point, value in zip(frame.layout.points, frame.values, strict=True)}


def of_link(frame: Frame, link: str) -> dict[str, Value]:
    return {key.split("/")[1]: value for key, value in told(frame).items() if key.startswith(f"{link}/")}


def report(
    seconds: float, counts: Mapping[str, int] = NOTHING, *, link: str = "broker", connected: bool = True
) -> LinkReport:
    every = dict.fromkeys(LINK_COUNTS, 0) | dict(counts)
    return LinkReport(link=link, endpoint="mqtt://127.0.0.1:1883", connected=connected, at=at(seconds), counts=every)


@pytest.mark.parametrize(
    ("changes", "said", "health"),
    [
        ({}, "ok", Health.ONLINE),
        ({"disk_used": 86.0}, "degraded", Health.DEGRADED),
        ({"outbox_pending": 1001}, "degraded", Health.DEGRADED),
        ({"notices_late": True}, "degraded", Health.DEGRADED),
        ({"queue_depth": 10_001}, "degraded", Health.DEGRADED),
        ({"loop_lag_s": 1.5}, "degraded", Health.DEGRADED),
        ({"loop_lag_s": 6.0}, "failed", Health.DEGRADED),
        ({"reload_refused": True}, "degraded", Health.DEGRADED),
        ({"failed": (Text("the writer is stuck", "写入停滞"),)}, "failed", Health.DEGRADED),
        ({"degraded": (Text("samples are not kept", "采样未保存"),)}, "degraded", Health.DEGRADED),
    ],
)
def test_the_gateway_is_a_device(changes: dict[str, Any], said: str, health: Health) -> None:
    status = GatewayStatus(**(FINE | changes))
    one = book(gateway())
    published = one.gateway(status, at(1))
    assert told(published) == {
        "disk_used": status.disk_used,
        "outbox_pending": status.outbox_pending,
        "notices_late": status.notices_late,
        "queue_depth": status.queue_depth,
        "loop_lag": status.loop_lag_s,
        "samples_dropped": False,
        "reload_refused": status.reload_refused,
        "storage_slow": False,
        "storage_fault": False,
        "clock_synced": True,
        "unclean_starts": 0,
        "rule_fault": False,
    }
    one.observe(published)
    view = one.device("gateway", at(1))
    assert (verdict(status), view.health) == (said, health)
    assert (view.error.message if view.error else None) == ("; ".join(text.en for text in problems(status)) or None)


def test_a_gateway_that_stops_telling_has_failed() -> None:
    """A writer that hangs holds up the very loop that would report it; silence must show."""
    status = GatewayStatus(**FINE)
    one = book(gateway())
    assert one.verdict(at(1)) == "ok"
    one.observe(one.gateway(status, at(1)))
    assert [one.verdict(at(seconds)) for seconds in (1, 20, 25, 32)] == ["ok", "ok", "degraded", "failed"]
    one.observe(one.gateway(status, at(33)))
    assert one.verdict(at(33)) == "ok"
    assert book().verdict(at(1000)) == "ok"


def test_a_disk_that_does_not_say() -> None:
    published = book(gateway()).gateway(GatewayStatus(**(FINE | {"disk_used": None})), at(1))
    assert published.quality is not None
    assert published.quality[0] == Quality.BAD_NO_VALUE and set(published.quality[1:]) == {Quality.GOOD}


def test_a_notice_that_was_given_up_is_told_for_a_minute() -> None:
    one = book(gateway())
    seen = []
    for seconds, lost in ((0, 0), (10, 1), (69, 1), (70, 1)):
        seen.append(told(one.gateway(GatewayStatus(**FINE, notices_lost=lost), at(seconds)))["notices_late"])
    assert seen == [False, True, True, False]


def test_dropped_samples_are_told_for_a_minute() -> None:
    one = book(gateway())
    seen = []
    for seconds, dropped in ((0, 0), (10, 3), (20, 3), (60, 3), (70, 3), (80, 3), (90, 4), (150, 4)):
        frame = one.gateway(GatewayStatus(**FINE, samples_dropped=dropped), at(seconds))
        one.observe(frame)
        seen.append((seconds, told(frame)["samples_dropped"], one.verdict(at(seconds))))
    assert seen == [
        (0, False, "ok"),
        (10, True, "degraded"),
        (20, True, "degraded"),
        (60, True, "degraded"),
        (70, False, "ok"),
        (80, False, "ok"),
        (90, True, "degraded"),
        (150, False, "ok"),
    ]
    one.gateway(GatewayStatus(**FINE, samples_dropped=1204), at(160))
    error = one.device("gateway", at(160)).error
    assert error is not None and error.message == "samples are being dropped, 1,204 since start"


@pytest.mark.parametrize(
    ("sink", "said", "words"),
    [
        (Sink(), "ok", ()),
        (Sink(behind_s=601), "degraded", ("the historian is 10 min behind",)),
        (Sink(refused="401 unauthorized"), "degraded", ("the historian refuses what it is sent: 401 unauthorized",)),
        (Sink(lost=True), "degraded", ("the historian does not keep what it has taken",)),
    ],
)
def test_the_historian_in_words_and_points(sink: Sink, said: str, words: tuple[str, ...]) -> None:
    status = GatewayStatus(**FINE, historian=sink)
    assert (verdict(status), tuple(text.en for text in problems(status))) == (said, words)
    frame = book(gateway(historian=True)).gateway(status, at(1))
    assert of_link(frame, "historian") == {
        "sink_behind": float(sink.behind_s),
        "sink_refused": sink.refused is not None,
        "sink_lost": sink.lost,
    }


def test_a_historian_that_has_said_nothing_is_not_well_either() -> None:
    frame = book(gateway(historian=True)).gateway(GatewayStatus(**FINE), at(1))
    assert frame.quality is not None
    assert [quality for point, quality in zip(frame.layout.points, frame.quality, strict=True) if point.part] == [
        Quality.BAD_NO_VALUE
    ] * 3


def test_links_that_never_connected_are_down() -> None:
    """UNKNOWN for ever would be silence; the layout is the same from the first word on."""
    one = book(gateway({"bus": False, "broker": True}))
    first = one.gateway(GatewayStatus(**FINE), at(0))
    assert of_link(first, "bus") == {"link_up": False} | LINE
    assert of_link(first, "broker") == {"link_up": False} | QUIET
    one.report(report(1, link="bus"))
    one.report(report(1, connected=False))
    second = one.gateway(GatewayStatus(**FINE), at(10))
    assert of_link(second, "bus") == {"link_up": True} | LINE
    assert of_link(second, "broker") == {"link_up": False} | QUIET
    assert second.layout is first.layout and second.quality is None


def test_what_a_link_says_is_told_when_it_changes() -> None:
    """A link that is down for a moment may not seem to be down until the numbers come again."""
    one = book(gateway({"broker": True}))
    assert one.gateway_news(at(0)) is None
    one.gateway(GatewayStatus(**FINE), at(0))
    one.report(report(1))
    up = one.gateway_news(at(1))
    assert up is not None and told(up)["disk_used"] == 40.0
    assert of_link(up, "broker") == {"link_up": True} | QUIET
    assert one.gateway_news(at(2)) is None
    one.report(report(3, {"gaps": 1}, connected=False))
    down = one.gateway_news(at(3))
    assert down is not None and of_link(down, "broker") == {"link_up": False} | QUIET | {"data_gap": True}
    assert one.gateway_news(at(62)) is None
    over = one.gateway_news(at(63))
    assert over is not None and of_link(over, "broker")["data_gap"] is False


@pytest.mark.parametrize(
    ("counts", "troubles"),
    [
        ({"messages": 5, "duplicates": 2, "retained": 1, "history": 4, "clock": 1, "overflows": 1}, set()),
        ({"gaps": 1}, {"data_gap"}),
        ({"quarantined": 1}, {"poison"}),
        ({"quarantined": 2, "unknown_device": 2}, {"unknown_device"}),
        ({"quarantined": 2, "unknown_device": 1}, {"unknown_device", "poison"}),
        ({"conflicts": 1}, {"conflict"}),
    ],
)
def test_a_count_that_rose_is_told_for_a_minute(counts: dict[str, int], troubles: set[str]) -> None:
    one = book(gateway({"broker": True}))
    one.report(report(100, counts))
    one.report(report(130, counts))  # it stays where it is: nothing new happened
    seen = {seconds: of_link(one.gateway(GatewayStatus(**FINE), at(seconds)), "broker") for seconds in (101, 159, 160)}
    assert seen[101] == seen[159] == {"link_up": True} | QUIET | dict.fromkeys(troubles, True)
    assert seen[160] == {"link_up": True} | QUIET


def test_a_count_that_began_anew_has_risen_if_it_is_not_nothing() -> None:
    one = book(gateway({"broker": True}))
    one.report(report(0, {"gaps": 3}))
    one.report(report(100, {"gaps": 0}))
    assert of_link(one.gateway(GatewayStatus(**FINE), at(100)), "broker")["data_gap"] is False
    one.report(report(101, {"gaps": 3}))
    one.report(report(200, {"gaps": 1}))
    assert of_link(one.gateway(GatewayStatus(**FINE), at(201)), "broker")["data_gap"] is True


def test_a_site_without_its_gateway_still_tells() -> None:
    assert told(HealthBook((), {}, at(0)).gateway(GatewayStatus(**FINE), at(1)))["disk_used"] == 40.0


def test_a_storm_is_more_than_five_hundred_messages_a_second_over_ten() -> None:
    one = book(gateway({"broker": True}))
    seen = []
    for seconds, messages in ((0, 0), (5, 10_000), (10, 10_001), (20, 10_100), (65, 10_200), (71, 10_300)):
        one.report(report(seconds, {"messages": messages}))
        seen.append(told(one.gateway(GatewayStatus(**FINE), at(seconds)))["broker/storm"])
    assert seen == [False, False, True, True, True, False]


def test_a_burst_that_the_ten_seconds_carry_is_no_storm() -> None:
    one = book(gateway({"broker": True}))
    for seconds, messages in ((0, 0), (2, 3_750), (10, 4_999), (20, 5_000)):
        one.report(report(seconds, {"messages": messages}))
        assert told(one.gateway(GatewayStatus(**FINE), at(seconds)))["broker/storm"] is False


@pytest.mark.parametrize(
    ("devices", "poll_s", "usual", "limit"), [(10, 120, 1, 500), (200, 1, 200, 4_000), (2_000, 1, 2_000, 10_000)]
)
def test_what_is_a_storm_follows_from_what_the_links_devices_are_expected_to_say(
    devices: int, poll_s: int, usual: int, limit: int
) -> None:
    """Two thousand messages a second are a large site's ordinary day, and ten sensors' impossible one."""
    many = [
        replace(gateway(), id=f"d{number}", poll_ns=poll_s * SECOND, links=("broker",), points=())
        for number in range(devices)
    ]
    for per_second, storm in ((usual, False), (limit, False), (limit + 10, True)):
        one = book(gateway({"broker": True}), *many)
        for seconds in (0, 10):
            one.report(report(seconds, {"messages": seconds * per_second}))
        assert told(one.gateway(GatewayStatus(**FINE), at(10)))["broker/storm"] is storm


def foreign(seconds: float, replies: int) -> LinkReport:
    unit = UnitReport(name="d", unit=1, devices=("d",), errors={ErrorKind.BAD_REPLY: replies, ErrorKind.TIMEOUT: 7})
    return LinkReport(link="line", endpoint="tcp://127.0.0.1:502", connected=True, at=at(seconds), units=(unit,))


def test_answers_to_nobody_s_question_are_told_for_a_minute() -> None:
    one = book(gateway({"line": False}))
    seen = []
    for seconds, replies in ((0, 0), (10, 2), (60, 2), (70, 2)):
        one.report(foreign(seconds, replies))
        seen.append(told(one.gateway(GatewayStatus(**FINE), at(seconds)))["line/bad_replies"])
    assert seen == [False, True, True, False]


def behind(name: str) -> Device:
    return replace(gateway(), id=name, system="elevator", points=(Point("speed", PointType.FLOAT, "m/s"), HEALTH_POINT))


def several(seconds: float, *names: str) -> LinkReport:
    units = tuple(UnitReport(name=name, unit=number, devices=(name,)) for number, name in enumerate(names, 1))
    return LinkReport(link="line", endpoint="tcp://127.0.0.1:502", connected=True, at=at(seconds), units=units)


def test_the_share_of_the_devices_behind_a_link_that_are_offline() -> None:
    devices = [behind(name) for name in "abcd"]
    one = book(*devices, gateway({"line": False}), feeds={name: [name] for name in "abcd"})
    one.report(several(0, *"abcd"))
    assert told(one.gateway(GatewayStatus(**FINE), at(0)))["line/offline_share"] == 0.0
    for device in devices[:1]:
        one.observe(Frame(Layout(device.id, device.points[:1]), (1.0,), at(55)))
    one.frames(at(60))  # the others were never heard
    news = one.gateway_news(at(60))
    assert news is not None
    assert told(news)["line/offline_share"] == 75.0


def test_one_device_behind_a_link_is_no_share() -> None:
    one = book(behind("a"), gateway({"line": False}), feeds={"a": ["a"]})
    one.report(several(0, "a"))
    one.frames(at(60))
    assert told(one.gateway(GatewayStatus(**FINE), at(60)))["line/offline_share"] == 0.0


def test_unclean_starts_are_counted_for_an_hour() -> None:
    one = book(gateway())
    starts = (at(0).mono_ns, at(1800).mono_ns)
    counts = [
        told(one.gateway(GatewayStatus(**FINE, unclean_starts_ns=starts), at(seconds)))["unclean_starts"]
        for seconds in (1800, 3599, 3600, 5400)
    ]
    assert counts == [2, 2, 1, 0]


@pytest.mark.parametrize(("synced", "expected"), [(True, True), (False, False), (None, True)])
def test_a_clock_of_which_nothing_is_known_is_no_alarm(synced: bool | None, expected: bool) -> None:
    assert told(book(gateway()).gateway(GatewayStatus(**FINE, clock_synced=synced), at(1)))["clock_synced"] is expected
