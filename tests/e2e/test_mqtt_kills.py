"""2,000 messages at QoS 1 while gateway and broker die: each is stored, and none is heard twice."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.store.samples import Samples
from tests.e2e.running import PATIENCE, TOKEN, Anlou
from tests.mqtt.brokers import Mosquitto, deployed

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(900)]

MESSAGES = 2000
GATEWAY_KILLS, BROKER_KILLS = 15, 5
SENDERS = {"timed-1": "timed", "timed-2": "timed", "plain-1": "plain", "plain-2": "plain"}
PROFILE = """
profile: {name}
title: {{en: Numbered messages, zh: 编号报文}}
system: garage-water
source: [{{ref: "this test", verified: code}}]
mqtt:
  topic: "count/{{id}}/up"
  expect_every: 10min
{time}
points:
  number: {{path: n, type: int}}
vectors:
  - {{variables: {{id: a}}, payload: {{n: 7, t: 1790000000000}}, expect: {{number: 7}}}}
"""
RULE = """
- rule: COUNT-1
  title: {en: "Past a hundred", zh: 超过一百}
  severity: low
  class: equipment
  latching: true
  on: {point: number}
  when: {at_least: 100}
"""
SITE = """
site: {{id: kills, name: {{en: Kills, zh: 杀}}, timezone: UTC, language: en}}
profiles: [./profiles]
links: {{broker: {{mqtt: "mqtt://127.0.0.1:{port}"}}}}
devices:
{devices}
rules: {{packs: [gateway], files: [./rules.yaml]}}
"""


def site(folder: Path, port: int) -> Path:
    (folder / "profiles").mkdir(parents=True)
    for name, when in (("timed", "  time: {path: t, format: unix_ms}"), ("plain", "")):
        (folder / "profiles" / f"{name}.yaml").write_text(PROFILE.format(name=name, time=when), encoding="utf-8")
    (folder / "rules.yaml").write_text(RULE, encoding="utf-8")
    devices = "\n".join(f"  {name}: {{profile: {kind}, link: broker}}" for name, kind in SENDERS.items())
    file = folder / "site.yaml"
    file.write_text(SITE.format(port=port, devices=devices), encoding="utf-8")
    return file


class Publisher(threading.Thread):
    """Publishes number after number for each sender in turn; `done` when the broker has acknowledged them all."""

    def __init__(self, port: int, per_second: float) -> None:
        super().__init__(daemon=True)
        self._pause = 1 / per_second
        self._left = MESSAGES
        self._fresh = threading.Condition()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="sender", protocol=paho.MQTTv5)
        self._client.on_publish = self._published
        self._client.reconnect_delay_set(0.1, 0.5)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", port, clean_start=False, properties=properties)

    def run(self) -> None:
        self._client.loop_start()
        for number in range(MESSAGES):
            sender = list(SENDERS)[number % len(SENDERS)]
            body = {"n": number // len(SENDERS), "t": time.time_ns() // 1_000_000}
            self._client.publish(f"count/{sender}/up", json.dumps(body), qos=1)
            time.sleep(self._pause)

    def _published(self, *_: object) -> None:
        with self._fresh:
            self._left -= 1
            self._fresh.notify_all()

    def finish(self, seconds: float) -> None:
        self.join(seconds)
        with self._fresh:
            assert self._fresh.wait_for(lambda: self._left == 0, seconds), f"{self._left} never acknowledged"
        self._client.disconnect()
        self._client.loop_stop()


async def stored(data: Path) -> dict[str, Counter[int]]:
    """How often each number stands in the log, per device; what a drain restated is no message and is left out."""
    found: dict[str, Counter[int]] = {name: Counter() for name in SENDERS}
    samples = Samples.open(data / "tele.db")
    try:
        for _, frame in samples.replay(0):
            restated = frame.kind == 1 and frame.quality is not None
            for point, value in zip(frame.layout.points, frame.values, strict=True):
                if point.name == "number" and isinstance(value, int) and not restated:
                    found[frame.layout.device][value] += 1
    finally:
        await samples.close()
    return found


def viewer(data: Path) -> str:
    command = [Path(sys.executable).with_name("anlou"), "token", "create", "--role", "viewer", "--name", "test"]
    done = subprocess.run([*command, "--data", data], check=True, timeout=PATIENCE, capture_output=True, text=True)
    (token,) = TOKEN.findall(done.stdout)
    return str(token)


def connected(running: Anlou) -> bool:
    return any(link["connected"] for link in running.items("/api/v1/links"))


def _through_the_kills(tmp_path: Path, data: Path) -> None:
    rng = random.Random(7)
    kills = ["gateway"] * GATEWAY_KILLS + ["broker"] * BROKER_KILLS
    rng.shuffle(kills)
    (tmp_path / "broker").mkdir()
    broker = Mosquitto(tmp_path / "broker", deployed(tmp_path / "broker"))
    broker.start()
    try:
        file = site(tmp_path / "site", broker.port)
        arguments = ("run", "--site", file, "--data", data, "--port", "0")
        running = Anlou(*arguments, cwd=tmp_path)
        try:
            running.ready()
            token = viewer(data)
            running.use_token(token)
            running.wait_until("its session stands", lambda: connected(running))
            publisher = Publisher(broker.port, per_second=30)
            publisher.start()
            for victim in kills:
                time.sleep(rng.uniform(0.5, 2.5))
                if victim == "gateway":
                    running.kill()
                    running = Anlou(*arguments, cwd=tmp_path)
                    running.use_token(token)
                    running.ready()
                else:
                    # what nobody has taken dies with what it has not saved: it saves once a second
                    running.wait_until("its session stands", lambda: connected(running))  # noqa: B023
                    time.sleep(1.2)
                    broker.kill()
                    broker.start()
            publisher.finish(180)
            running.wait_until("its session stands", lambda: connected(running))
            time.sleep(8)  # what the broker still holds
            assert running.interrupt() == 0, running.output
            assert "Traceback" not in running.output
        finally:
            running.close()
    finally:
        broker.kill()


async def test_kills_of_gateway_and_broker_lose_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    await asyncio.to_thread(_through_the_kills, tmp_path, data)
    counted = await stored(data)
    expected = set(range(MESSAGES // len(SENDERS)))
    missing = {name: sorted(expected - set(numbers))[:10] for name, numbers in counted.items()}
    assert not any(missing.values()), missing
    twice = {name: {n: times for n, times in numbers.items() if times > 1} for name, numbers in counted.items()}
    print("stored twice:", twice)
    # a sender that did not hear the broker's acknowledgement says it again, and that is a message of its own
    assert sum(len(numbers) for numbers in twice.values()) <= 10 * BROKER_KILLS, twice
