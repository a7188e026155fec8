"""The MQTT broker that the simulated building brings along: iotcore in a child process, MQTT 5, one loopback port.

Its state dies with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import tempfile
from pathlib import Path

PATIENCE = 30.0
"""Host seconds until it must listen."""
LOOK_SECONDS = 0.02

# rumqttd speaks one protocol version per listener. Payloads are bounded by the reader of the messages, not here.
_CONFIGURATION = """\
id = 0

[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 10

[v5.1]
name = "v5"
listen = "{listen}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 1048576
max_inflight_count = 100
"""


class Broker:
    """One broker process; `start` and `stop` may take turns."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._listens = False

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._listens

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; the port in use (the given one, or a free one for 0)."""
        if self._process is not None:
            raise RuntimeError("the broker is running")
        # Bound but not listening, this socket keeps the port for the child, which binds it beside us (SO_REUSEADDR).
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as reserved:
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reserved.bind((host, port))
            chosen = int(reserved.getsockname()[1])
            self._folder = tempfile.TemporaryDirectory(prefix="anlou-broker-")
            try:
                configuration = _written(self._folder.name, f"[{host}]:{chosen}" if ":" in host else f"{host}:{chosen}")
                child = Path(__file__).with_name("broker_process.py")
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-P",  # no module of this folder or of the caller's may stand in for a library's
                    str(child),
                    str(configuration),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.DEVNULL,
                )
                await _listening(self._process, host, chosen)
            except BaseException:
                await self.stop()
                raise
        self._listens = True
        return chosen

    async def stop(self) -> None:
        """End the process; returns when it is gone."""
        process = self._process
        if process is not None:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()  # it has nothing to save
            await process.wait()
            if process.stdin is not None:
                process.stdin.close()
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    await process.stdin.wait_closed()
            self._process = None
            self._listens = False
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def _written(folder: str, listen: str) -> Path:
    file = Path(folder) / "broker.toml"
    file.write_text(_CONFIGURATION.format(listen=listen), encoding="utf-8")
    return file


async def _listening(process: asyncio.subprocess.Process, host: str, port: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"the broker ended at its start (code {process.returncode})")
            try:
                _, writer = await asyncio.open_connection(host, port)
            except OSError:
                await asyncio.sleep(LOOK_SECONDS)
                continue
            writer.close()
            await writer.wait_closed()
            return
