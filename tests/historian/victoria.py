"""A real victoria-metrics on loopback, in a folder of its own, ended by its process id."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from gateway.clock import host_wall_ns
from gateway.model import SECOND

DEDUP = "-dedup.minScrapeInterval=1ms"


class Victoria:
    def __init__(self, folder: Path, *flags: str) -> None:
        found = shutil.which("victoria-metrics")
        assert found, "victoria-metrics is not installed (make test-deps)"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._folder = folder
        self._command = [
            found,
            f"-storageDataPath={folder}",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            "-retentionPeriod=10y",
            "-memory.allowedPercent=5",
            *flags,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with Path(f"{self._folder}.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)
        if number in {signal.SIGKILL, signal.SIGTERM}:
            self._process.wait(60)

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)

    async def answers(self) -> None:
        async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as client:
            while True:
                try:
                    if (await client.get(f"{self.url}/health")).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.02)

    async def write(self, *lines: str) -> int:
        async with httpx.AsyncClient(trust_env=False) as client:
            reply = await client.post(f"{self.url}/api/v2/write?precision=ms", content="\n".join(lines))
        return reply.status_code

    async def export(self, name: str, *, raw: bool = False) -> dict[str, dict[int, list[float]]]:
        """What is stored under a name: series → millisecond → values. `raw` shows what deduplication would hide."""
        # up to two days ahead, as it takes them: a building that runs fast is ahead of the server's clock
        query = {"match[]": name, "start": "0", "end": str(host_wall_ns() // SECOND + 2 * 86400)}
        query |= {"reduce_mem_usage": "1"} if raw else {}
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            await client.get(f"{self.url}/internal/force_flush")
            text = (await client.get(f"{self.url}/api/v1/export", params=query)).text
        found: dict[str, dict[int, list[float]]] = {}
        for row in map(json.loads, text.splitlines()):
            name, *tags = row["metric"].pop("__name__"), *sorted(row["metric"].items())
            stored = found.setdefault(",".join([name, *(f"{key}={value}" for key, value in tags)]), {})
            for ms, value in zip(row["timestamps"], row["values"], strict=True):
                stored.setdefault(ms, []).append(value)
        return found


@contextmanager
def victoria_metrics(folder: Path, *flags: str) -> Iterator[Victoria]:
    server = Victoria(folder, *(flags or (DEDUP,)))
    server.start()
    try:
        yield server
    finally:
        server.end()
