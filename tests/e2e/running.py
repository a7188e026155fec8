"""A whole `anlou` process under test: its lines, its HTTP, its death."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

READY = re.compile(r"^ready (http://\S+)$")
TOKEN = re.compile(r"\b(anlou_[A-Za-z0-9_-]+)\b")
PATIENCE = 120.0
"""Host seconds for what must come, however busy the machine is."""


class Anlou:
    """`anlou` with arguments, started in its own process group; stdout is kept line by line."""

    def __init__(
        self, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None, anlou: str = ""
    ) -> None:
        program = anlou or str(Path(sys.executable).with_name("anlou"))
        self.lines: list[str] = []
        self._fresh: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            [program, *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._token: str | None = None
        self._client: httpx.Client | None = None

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            self._fresh.put(line)
        self._fresh.put(None)

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def wait_for_line(self, pattern: str | re.Pattern[str], seconds: float = PATIENCE) -> re.Match[str]:
        """The first line (from the start) that matches; fails with the whole output."""
        wanted = re.compile(pattern)
        end = time.monotonic() + seconds
        seen = 0
        while True:
            for line in self.lines[seen:]:
                seen += 1
                if match := wanted.search(line):
                    return match
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"no line like {wanted.pattern!r} in {seconds} s:\n{self.output}")
            try:
                if self._fresh.get(timeout=min(left, 1)) is None and seen >= len(self.lines):
                    raise AssertionError(f"ended ({self.process.wait()}) without {wanted.pattern!r}:\n{self.output}")
            except queue.Empty:
                continue

    def ready(self, seconds: float = PATIENCE) -> str:
        """The base URL, once the process says that it is ready."""
        return self.wait_for_line(READY, seconds).group(1)

    def token(self, seconds: float = PATIENCE) -> str:
        """The token that the demo prints once."""
        if self._token is None:
            self._token = self.wait_for_line(TOKEN, seconds).group(1)
        return self._token

    def use_token(self, token: str) -> None:
        self._token = token

    def http(self) -> httpx.Client:
        if self._client is None:
            self._client = httpx.Client(
                base_url=self.ready(), headers={"Authorization": f"Bearer {self.token()}"}, timeout=PATIENCE
            )
        return self._client

    def close_client(self) -> None:
        """The next request opens a new connection, with the token of then."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def get(self, path: str, **params: Any) -> Any:
        answer = self.http().get(path, params=params)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def items(self, path: str, **params: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get(path, **params)["items"]
        return items

    def events(self) -> list[dict[str, Any]]:
        """The whole journal."""
        rows: list[dict[str, Any]] = []
        while page := self.items("/api/v1/events", after=rows[-1]["seq"] if rows else 0, limit=500):
            rows += page
        return rows

    def wait_until(self, what: str, check: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := check():
                return found
            assert self.process.poll() is None, f"ended while waiting for {what}:\n{self.output}"
            time.sleep(0.1)
        raise AssertionError(f"{what} did not happen in {seconds} s:\n{self.output}")

    def alarm(self, rule: str, source: str | None = None, **states: Any) -> dict[str, Any] | None:
        for item in self.items("/api/v1/alarms", limit=500):
            fits = item["rule"] == rule and source in (None, item["source"])
            if fits and all(item[key] == value for key, value in states.items()):
                return item
        return None

    def interrupt(self, seconds: float = PATIENCE) -> int:
        """Ctrl-C as the terminal gives it: to the whole process group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self._ended(seconds)

    def kill(self) -> None:
        """kill -9, of the process alone."""
        self.process.kill()
        self._ended(PATIENCE)

    def _ended(self, seconds: float) -> int:
        code = self.process.wait(seconds)
        self._reader.join(PATIENCE)
        self.close()
        return code

    def close(self) -> None:
        self.close_client()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)
            self._reader.join(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def left_behind(self) -> list[int]:
        """Processes of this session that are still there after its leader has gone."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                if int(fields[3]) == self.process.pid and fields[0] != "Z":
                    found.append(int(entry.name))
        return found

    def __enter__(self) -> Anlou:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
