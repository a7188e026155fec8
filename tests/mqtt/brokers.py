"""Real brokers on loopback and free ports, each in a folder of its own, ended by process id."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"


def free_port() -> int:
    """Below those that the kernel lends to connections: it is still ours when its server is away for a while."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


# by itself Mosquitto drops what is more than 1,000 messages, without a word (E4)
OPEN = "allow_anonymous true\nmax_queued_messages 0\n"


class Broker:
    """A broker's process: start, stop, kill, freeze, thaw; the port stays the same."""

    kind: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def start(self) -> None:
        assert self.process is None
        with (self.folder / "broker.log").open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        for _ in range(3000):
            assert self.process.poll() is None, (self.folder / "broker.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("the broker does not listen")

    def end(self, number: int = signal.SIGTERM) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(number)
        self.process.wait(60)
        self.process = None

    def stop(self) -> None:
        self.end()

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


class Mosquitto(Broker):
    kind = "mosquitto"

    def __init__(self, folder: Path, lines: str = OPEN, listener: str = "127.0.0.1") -> None:
        super().__init__(folder)
        self.lines = lines
        self.listener = listener

    def command(self) -> Sequence[str]:
        found = shutil.which("mosquitto", path=PLACES)
        assert found, "mosquitto is not installed: make test-deps"
        config = self.folder / "mosquitto.conf"
        config.write_text(f"{self.lines}\nuser root\nlistener {self.port} {self.listener}\n")
        return [found, "-c", str(config)]


class Iotcore(Broker):
    kind = "iotcore"

    def command(self) -> Sequence[str]:
        config = self.folder / "broker.toml"
        config.write_text(IOTCORE.format(port=self.port))
        program = f"from iotcore import IotCoreBroker; IotCoreBroker(config_path={str(config)!r}).run_forever()"
        return [sys.executable, "-c", program]


IOTCORE = """
id = 0
[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v5.1]
name = "v5"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 5000
max_payload_size = 40000000
max_inflight_count = 100
"""


def deployed(folder: Path) -> str:
    """The lines of config/deploy/mosquitto.conf above its listener, with its files in `folder` and without users."""
    text = (ROOT / "config/deploy/mosquitto.conf").read_text().partition("\nlistener ")[0]
    lines = text.replace("/var/lib/mosquitto/", f"{folder}/").splitlines()
    door = {"allow_anonymous", "password_file", "acl_file"}
    return "\n".join([*(line for line in lines if line.split(" ")[0] not in door), "allow_anonymous true"])
