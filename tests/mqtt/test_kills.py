"""Acknowledged is durable: the gateway and the broker are killed again and again, and nothing is missing (E3)."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from gateway.store.samples import Samples
from tests.mqtt.brokers import ROOT, Mosquitto, deployed

SAID = """
import sys, time, json, paho.mqtt.client as paho
port, count, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
client = paho.Client(paho.CallbackAPIVersion.VERSION2, "sayer", protocol=paho.MQTTv5)
client.max_queued_messages_set(0)
said = set()
client.on_publish = lambda client, userdata, mid, reason, properties: said.add(mid)
client.connect("127.0.0.1", port, clean_start=False)
client.loop_start()
last, handed = 0, []
for number in range(count):
    last = max(last + 1, round(time.time() * 1000))
    text = json.dumps({"ts": last, "level": 1 if number % 50 else 2000, "n": number})
    handed.append(client.publish(f"dev/d{number % 5}/up", text, 1))
    time.sleep(pause)
for _ in range(600):
    if all(one.mid in said for one in handed):
        print("all said", flush=True)
        break
    time.sleep(0.1)
"""


class Gateway:
    """The consumer, a process that is killed and started again."""

    def __init__(self, port: int, folder: Path) -> None:
        self.command = [sys.executable, "-m", "tests.mqtt.house", str(port), str(folder)]
        self.log = folder.with_name("gateway.log")
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=ROOT, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def stored(folder: Path) -> Counter[int]:
    samples = Samples.open(folder / "tele.db")
    try:
        return Counter(int(frame.values[1] or 0) for _, frame in samples.replay(0) if len(frame.values) == 2)
    finally:
        asyncio.run(samples.close())


def wait_for_session(log: Path, since: int, gateway: Gateway) -> None:
    """The broker says so behind this place of its log."""
    deadline = time.monotonic() + 120
    while b"as anlou-test-broker" not in log.read_bytes()[since:]:
        assert time.monotonic() < deadline, gateway.log.read_text()[-2000:]
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("messages", "kills", "broker_kills"),
    [pytest.param(300, 2, 1, id="few"), pytest.param(2000, 15, 5, id="many", marks=pytest.mark.long)],
)
def test_nothing_is_missing_and_nothing_stored_twice(
    tmp_path: Path, messages: int, kills: int, broker_kills: int
) -> None:
    chance = random.Random(kills)
    broker = Mosquitto(tmp_path, deployed(tmp_path))
    broker.start()
    folder = tmp_path / "house"
    folder.mkdir()
    gateway = Gateway(broker.port, folder)
    log, since = tmp_path / "broker.log", 0
    seconds = 3.0 * (kills + broker_kills)
    try:
        # the broker has to know us before anything is said: a session begins with the first subscription
        wait_for_session(log, since, gateway)
        time.sleep(1.5)  # and to have saved that
        sayer = subprocess.Popen(
            [sys.executable, "-c", SAID, str(broker.port), str(messages), str(seconds / messages)],
            stdout=subprocess.PIPE,
            text=True,
        )
        turns = ["gateway"] * kills + ["broker"] * broker_kills
        chance.shuffle(turns)
        for turn in turns:
            time.sleep(chance.uniform(1.0, 3.0))
            if turn == "gateway":
                gateway.kill()
                time.sleep(chance.uniform(0, 0.5))
                since = log.stat().st_size
                gateway.start()
            else:
                wait_for_session(log, since, gateway)  # by itself it would hold what nobody has taken yet
                time.sleep(1.2)  # the broker saves once a second; what it took since the last time dies with it (E5)
                broker.kill()
                since = log.stat().st_size
                broker.start()
        out, _ = sayer.communicate(timeout=120)
        assert "all said" in out
        for patience in (3, 6, 12, 24, 48):  # a slow machine needs seconds to start a process
            time.sleep(patience)
            gateway.kill()
            numbers = stored(folder)
            if len(numbers) == messages:
                break
            gateway.start()
    finally:
        if gateway.process.poll() is None:
            gateway.kill()
        broker.stop()
    missing = sorted(set(range(messages)) - set(numbers))
    twice = {number: count for number, count in numbers.items() if count > 1}
    assert not missing and not twice, (missing[:20], twice)
