"""`anlou probe` at a real broker: what is said there, by whom, and nothing left behind."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from simulators.capture import read_capture
from tests.gateway.probe_stage import Bench, probe
from tests.mqtt.brokers import Mosquitto

__all__ = ["probe"]

UPLINK = "application/riverside/device/{}/event/up"
EUIS = ("24e124454d083401", "24e124454d083402")


def uplink(eui: str, depth: Any = 12) -> bytes:
    said = {"time": "2026-07-30T10:15:00Z", "deviceInfo": {"devEui": eui}, "object": {"depth": depth, "battery": 98}}
    return json.dumps(said).encode()


class Speaker:
    """Somebody who publishes again and again while the bench listens."""

    def __init__(self, port: int, *messages: tuple[str, bytes], retain: bool = False) -> None:
        self._messages, self._retain = messages, retain
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="speaker", protocol=paho.MQTTv5)
        self._client.connect("127.0.0.1", port)
        self._over, self.heard = threading.Event(), threading.Event()
        self._client.on_publish = lambda *_: self.heard.set()
        self._thread = threading.Thread(target=self._speak, daemon=True)

    def _speak(self) -> None:
        while not self._over.wait(0.05):
            for topic, payload in self._messages:
                self._client.publish(topic, payload, qos=1, retain=self._retain)

    def __enter__(self) -> Speaker:
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)
        self._client.disconnect()
        self._client.loop_stop()


def test_topics_are_grouped_and_profiles_named(probe: Bench, mosquitto: Mosquitto) -> None:
    said = [*((UPLINK.format(eui), uplink(eui)) for eui in EUIS), ("pump/speed", b"1450"), ("odd", b"\xff\x00")]
    with Speaker(mosquitto.port, *said):
        done = probe("topics", "--link", f"mqtt://127.0.0.1:{mosquitto.port}", "--seconds", "2", "--json")
    assert done.code == 0, done.err
    groups = {group["template"]: group for group in done.json["groups"]}
    ours = groups["application/riverside/device/{dev_eui}/event/up"]
    assert ours["variables"] == {"dev_eui": list(EUIS)}
    assert ours["keys"]["object.depth"]["types"] == ["int"]
    assert 0 < ours["every_s"] < 2
    assert (groups["pump/speed"]["kind"], groups["odd"]["kind"]) == ("int", "bytes")
    best = [match for match in done.json["profiles"] if match["profile"] == "milesight-em500-swl"]
    assert [match["variables"]["dev_eui"] for match in best] == list(EUIS)
    assert best[0]["entry"].startswith("{profile: milesight-em500-swl, link: LINK, vars: {app: riverside, dev_eui:")


def test_only_what_the_filter_lets_through(probe: Bench, mosquitto: Mosquitto) -> None:
    with Speaker(mosquitto.port, ("a/b", b"1"), ("c/d", b"2")):
        words = ("--link", f"mqtt://127.0.0.1:{mosquitto.port}", "--filter", "a/#", "--seconds", "2")
        done = probe("topics", *words)
    assert "a/b" in done.out
    assert "c/d" not in done.out


def test_a_device_s_messages_point_by_point_and_poison_with_its_reason(probe: Bench, mosquitto: Mosquitto) -> None:
    eui = EUIS[0]
    words = ("device", "--link", f"mqtt://127.0.0.1:{mosquitto.port}", "--profile", "milesight-em500-swl")
    variables = ("--var", "app=riverside", "--var", f"dev_eui={eui}", "--seconds", "10")
    with Speaker(mosquitto.port, (UPLINK.format(eui), uplink(eui))):
        done = probe(*words, *variables, "--json")
    assert done.code == 0, done.err
    (message,) = done.json["messages"]
    points = {point["point"]: (point["value"], point["unit"], point["quality"]) for point in message["points"]}
    assert points == {"depth": (12.0, "cm", "good"), "battery": (98.0, "%", "good")}
    with Speaker(mosquitto.port, (UPLINK.format(eui), uplink(EUIS[1]))):
        done = probe(*words, *variables)
    assert done.code == 1
    assert "poison: identity" in done.out


def test_silence_is_said(probe: Bench, mosquitto: Mosquitto) -> None:
    words = ("--link", f"mqtt://127.0.0.1:{mosquitto.port}", "--profile", "milesight-em500-swl", "--seconds", "0.3")
    done = probe("device", *words, "--var", "app=a", "--var", f"dev_eui={EUIS[0]}")
    assert done.code == 1
    assert f"nothing came on application/a/device/{EUIS[0]}/event/up" in done.out


def test_what_the_broker_keeps_is_marked(probe: Bench, mosquitto: Mosquitto) -> None:
    with Speaker(mosquitto.port, ("state", b"on"), retain=True) as speaker:
        assert speaker.heard.wait(60)
    done = probe("topics", "--link", f"mqtt://127.0.0.1:{mosquitto.port}", "--seconds", "2", "--json")
    assert (done.json["groups"][0]["retained"], done.json["groups"][0]["every_s"]) == (1, None)


def test_no_broker_and_no_right(probe: Bench, mosquitto: Mosquitto, tmp_path: Path) -> None:
    done = probe("topics", "--link", "mqtt://127.0.0.1:1", "--seconds", "1")
    assert (done.code, done.out) == (1, "")
    assert "anlou: mqtt://127.0.0.1:1: " in done.err


def test_messages_are_recorded(probe: Bench, mosquitto: Mosquitto, tmp_path: Path) -> None:
    file = tmp_path / "said.jsonl"
    with Speaker(mosquitto.port, ("a/level", b'{"level": 35}'), ("a/raw", b"\xff\x00")):
        words = ("--link", f"mqtt://127.0.0.1:{mosquitto.port}", "--filter", "a/#", "--seconds", "2")
        done = probe("record", "--out", file, *words)
    assert done.code == 0, done.err
    capture = read_capture(file)
    assert {(one.topic, one.payload) for one in capture.messages} == {
        ("a/level", b'{"level": 35}'),
        ("a/raw", b"\xff\x00"),
    }


@pytest.mark.parametrize("password", ["right", "wrong"])
def test_with_a_name_and_a_password_from_a_file(probe: Bench, tmp_path: Path, password: str) -> None:
    import subprocess

    users = tmp_path / "users"
    users.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(users), "bench", "right"], check=True, capture_output=True)
    secret = tmp_path / "secret"
    secret.write_text(f"{password}\n")
    broker = Mosquitto(tmp_path, f"allow_anonymous false\npassword_file {users}")
    broker.start()
    try:
        words = ("--link", f"mqtt://127.0.0.1:{broker.port}", "--option", "username=bench")
        done = probe("topics", *words, "--option", f"password=@{secret}", "--seconds", "0.3")
    finally:
        broker.stop()
    assert done.code == 1
    assert ("refuses us" in done.err) == (password == "wrong"), done.err
    assert password not in done.out + done.err
