"""What devices publish, without a broker: payloads after their documents, the store, and every fault."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from simulators.building import Building
from simulators.charger import Car, Charger, ChargerShape, Trouble, plug_in
from simulators.chirpstack import STATUS_EVERY, NetworkServer, measurement, rfc3339
from simulators.gully import Gully, GullyShape
from simulators.mqtt_device import KEPT_AT_MOST, POISONS, WAITING_AT_MOST, Message, MqttFault, MqttFaultKind
from simulators.openevse import Evse, evse_values
from simulators.wiring import OpenEvse, SubmersibleLevel

WALL_NS = 1_795_392_000 * 10**9  # 2026-11-23T00:00Z
EUI = "24e124454d083402"
CHARGING = replace(plug_in(Charger(ChargerShape("west", 1)), Car(32, 60)), plugged_for=60.0, current=16.0)
STATE = Building(
    gullies={"plant": Gully(GullyShape(floor_m2=10.0), water=1.24)},
    chargers={"ev": CHARGING, "idle": Charger(ChargerShape("w"))},
)


def wall_of(elapsed: float) -> int:
    return WALL_NS + round(elapsed * 1e9)


def server() -> NetworkServer:
    level = SubmersibleLevel("plant", "floor_level", "riverside", EUI, every=60, start=20)
    made = NetworkServer("riverside", {"swl": level})
    made.begin()
    return made


def evse(charger: str = "ev") -> Evse:
    made = Evse("west", OpenEvse(charger, "openevse-west-1", "a1b2"))
    made.begin()
    return made


def looked(publisher: NetworkServer | Evse, seconds: range, state: Building = STATE) -> list[Message]:
    for second in seconds:
        publisher.look(state, second, wall_of)
    said = list(publisher.outbox)
    publisher.outbox.clear()
    return said


def events(messages: list[Message]) -> list[dict[str, Any]]:
    return [json.loads(message.payload) for message in messages]


def test_an_uplink_is_a_chirpstack_v4_event() -> None:
    status, uplink = looked(server(), range(1, 60))
    assert uplink.topic == f"application/riverside/device/{EUI}/event/up"
    assert not uplink.retain
    event = json.loads(uplink.payload)
    assert event["time"] == "2026-11-23T00:00:20.000000000+00:00"
    assert event["deviceInfo"]["devEui"] == EUI
    assert event["deviceInfo"]["tags"] == {"place": "plant"}
    assert event["object"] == {"battery": 98, "depth": 12}
    assert base64.b64decode(event["data"]) == bytes.fromhex("01 75 62 03 77 0c 00")
    only_status = json.loads(status.payload)
    assert set(only_status["object"]) == {"device_status", "sn", "hardware_version", "firmware_version"}
    assert (only_status["fCnt"], event["fCnt"]) == (0, 1)


@pytest.mark.parametrize(
    ("depth", "failed", "frame", "decoded"),
    [
        (0.10, False, "01 75 64 03 77 0a 00", {"battery": 100, "depth": 10}),
        (0.0, False, "01 75 64 03 77 00 00", {"battery": 100, "depth": 0}),
        (9999.0, False, "01 75 64 03 77 fc ff", {"battery": 100, "depth": 0xFFFC}),
        (0.10, True, "01 75 64 03 77 ff ff", {"battery": 100, "depth_error": "collection failed"}),
    ],
)
def test_the_sensors_frame(depth: float, failed: bool, frame: str, decoded: dict[str, object]) -> None:
    assert measurement(depth, 100, failed=failed) == (bytes.fromhex(frame), decoded)


def test_frames_are_counted_and_told_apart() -> None:
    said = events(looked(server(), range(1, 60 * 2 * STATUS_EVERY)))
    assert len(said) == 2 * STATUS_EVERY + 2
    assert [event["fCnt"] for event in said] == list(range(len(said)))
    assert len({event["deduplicationId"] for event in said}) == len(said)
    times = [datetime.fromisoformat(event["time"]) for event in said if "depth" in event["object"]]
    assert {(after - before).total_seconds() for before, after in itertools.pairwise(times)} == {60.0}


def test_times_are_written_to_the_nanosecond() -> None:
    assert rfc3339(WALL_NS + 5) == "2026-11-23T00:00:00.000000005+00:00"
    assert rfc3339(WALL_NS - 1) == "2026-11-22T23:59:59.999999999+00:00"


def test_a_cut_link_keeps_uplinks_and_gives_them_late_in_order_with_their_own_times() -> None:
    publisher = server()
    looked(publisher, range(1, 100))
    publisher.set_cut("swl", True)
    assert looked(publisher, range(100, 700)) == []
    publisher.set_cut("swl", False)
    late = events(looked(publisher, range(700, 750)))
    depths = [event for event in late if "depth" in event["object"]]
    said_at = [(datetime.fromisoformat(event["time"]).timestamp() * 10**9 - WALL_NS) / 1e9 for event in depths]
    assert said_at == [*range(140, 700, 60), 740]
    assert [event["fCnt"] for event in late] == sorted(event["fCnt"] for event in late)


def test_what_is_kept_is_kept_before_anybody_listens_too() -> None:
    publisher = NetworkServer("a", {"swl": SubmersibleLevel("plant", "floor_level", "a", EUI)})
    assert looked(publisher, range(1, 300)) == []  # the past: nobody hears it
    publisher.set_cut("swl", True)
    looked(publisher, range(300, 600))
    publisher.begin()  # a restart in the middle of the cut
    looked(publisher, range(600, 900))
    publisher.set_cut("swl", False)
    assert len([each for each in events(looked(publisher, range(900, 901))) if "depth" in each["object"]]) == 10


def test_the_store_and_the_queue_are_bounded() -> None:
    publisher = server()
    publisher.set_cut("swl", True)
    looked(publisher, range(1, 60 * 1200))
    kept = publisher.standing["swl"].kept
    assert len(kept) == KEPT_AT_MOST
    assert json.loads(kept[-1].payload)["fCnt"] > 1200  # the newest stay
    charger = evse()
    for second in range(1, 30 * 800):
        charger.look(STATE, second, wall_of)
    assert len(charger.outbox) == WAITING_AT_MOST
    assert charger.dropped > 0


FAULTS: dict[MqttFaultKind, Callable[[list[Message]], bool]] = {
    MqttFaultKind.SILENT: lambda said: said == [],
    MqttFaultKind.DUPLICATE: lambda said: len(said) == 2 and said[0] == said[1],
    MqttFaultKind.POISON: lambda said: [message.payload for message in said] == [POISONS[0]],
    MqttFaultKind.WRONG_CLOCK: lambda said: events(said)[0]["time"].startswith("2026-11-22T23:02:20"),
    MqttFaultKind.SENSOR_ERROR: lambda said: "depth" not in events(said)[0]["object"],
}


@pytest.mark.parametrize("kind", MqttFaultKind)
def test_each_fault_and_its_end(kind: MqttFaultKind) -> None:
    publisher = server()
    publisher.set_faults("swl", (MqttFault(kind, end=200.0, seconds=-3600.0),))
    looked(publisher, range(1, 100))  # with the status uplink of the first turn
    publisher.standing["swl"].poisoned = 0
    assert FAULTS[kind](looked(publisher, range(100, 160)))
    looked(publisher, range(160, 250))
    (after,) = events(looked(publisher, range(250, 300)))
    assert after["object"] == {"battery": 98, "depth": 12}
    assert after["time"].startswith("2026-11-23T00:04:20")


def test_poisons_come_in_turn() -> None:
    publisher = server()
    publisher.set_faults("swl", (MqttFault(MqttFaultKind.POISON),))
    said = looked(publisher, range(1, 60 * 2 * len(POISONS)))
    assert [message.payload for message in said[: len(POISONS)]] == list(POISONS)
    assert said[len(POISONS)].payload == POISONS[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"state": "3", "vehicle": "1", "amp": "16000", "status": "active", "pilot": "32"}),
        ({"car": None, "current": 0.0}, {"state": "1", "vehicle": "0", "amp": "0", "power": "0"}),
        ({"plugged_for": 1.0, "current": 0.0}, {"state": "2", "vehicle": "1"}),
        ({"trouble": Trouble.OVER_TEMPERATURE}, {"state": "10", "amp": "16000"}),
        ({"trouble": Trouble.RESIDUAL_CURRENT, "current": 0.0}, {"state": "6"}),
        ({"stopped": True}, {"state": "254", "status": "disabled"}),
        ({"temperature": 95.34}, {"temp": "953", "temp1": "953", "temp2": "false"}),
        ({"session_kwh": 1.2345, "total_kwh": 512.3456}, {"session_energy": "1234", "total_energy": "512.346"}),
        ({}, {"frequency": "5000", "session_elapsed": "60"}),
    ],
)
def test_openevse_values(changes: dict[str, object], expected: dict[str, str]) -> None:
    said = evse_values(replace(CHARGING, **changes))  # type: ignore[arg-type]
    assert {key: said[key] for key in expected} == expected


def test_openevse_announces_itself_and_its_will_takes_it_back() -> None:
    charger = evse()
    looked(charger, range(1, 2))
    announced, override, *values = charger.greeting()
    assert (announced.topic, announced.retain) == ("openevse/announce/a1b2", True)
    assert json.loads(announced.payload)["state"] == "connected"
    assert json.loads(announced.payload)["mqtt"] == "openevse-west-1"
    assert (override.payload, override.retain) == (b'{"state":"null"}', True)
    assert {message.topic.removeprefix("openevse-west-1/") for message in values} == set(evse_values(CHARGING))
    assert not any(message.retain for message in values)
    assert charger.will is not None
    assert (charger.will.topic, charger.will.retain) == ("openevse/announce/a1b2", True)
    assert json.loads(charger.will.payload)["state"] == "disconnected"


def test_openevse_speaks_on_change_and_every_30_seconds() -> None:
    charger = evse("idle")
    assert len(looked(charger, range(1, 31))) >= 16
    assert looked(charger, range(31, 60)) == []
    assert len(looked(charger, range(60, 61))) == 16
    plugged = STATE.with_charger("idle", plug_in(STATE.chargers["idle"], Car(32, 60)))
    changed = looked(charger, range(61, 62), plugged)  # an event is said at once, a measurement when it is made
    assert {message.topic.split("/")[1]: message.payload for message in changed} == {"state": b"2", "vehicle": b"1"}


def test_openevse_says_nothing_while_it_is_cut_off_or_hangs() -> None:
    charger = evse()
    charger.set_cut("west", True)
    assert not charger.up
    assert looked(charger, range(1, 100)) == []
    charger.set_cut("west", False)
    assert charger.up
    assert looked(charger, range(100, 101)) != []  # nothing of what was before
    charger.set_power("west", False)
    assert not charger.up
    charger.set_power("west", True)
    charger.set_faults("west", (MqttFault(MqttFaultKind.SILENT, end=200),))
    assert charger.up
    assert looked(charger, range(101, 200)) == []
    assert len(looked(charger, range(200, 211))) >= 16
