"""Debian's Mosquitto for whole-process tests: the deployed settings on a loopback port, killed and started again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.e2e.running import PATIENCE

DEPLOYED = Path(__file__).resolve().parents[2] / "config" / "deploy" / "mosquitto.conf"
OF_THE_PLACE = ("listener", "persistence_location", "allow_anonymous", "password_file", "acl_file", "log_dest", "user")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """`start`, `kill` (-9) and `start` again on the same port and the same files."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, "mosquitto is not installed (make test-deps)"
        self.port = free_port()
        self._folder = folder
        folder.mkdir()
        kept = [line for line in DEPLOYED.read_text().splitlines() if line.split(" ")[0] not in OF_THE_PLACE]
        here = [
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            f"persistence_location {folder}/",
            "user root",
        ]
        (folder / "mosquitto.conf").write_text("\n".join([*kept, *here, "log_dest none", ""]))
        self._command = [program, "-c", str(folder / "mosquitto.conf")]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(self._command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self._process.poll() is None, (self._folder / "output").read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("mosquitto does not listen")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def __enter__(self) -> Mosquitto:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
