"""A bench under test: servers in a thread of their own, and `anlou probe` in this one, as at a terminal."""

from __future__ import annotations

import asyncio
import json
import struct
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.main import main
from simulators.modbus_server import ModbusServer
from simulators.pdu import Refusal, RegisterMap, Table, mapped
from simulators.rtu_server import RtuServer

VOLTAGES = (230.2173, 229.5411, 231.1299)


@dataclass
class Done:
    """What a command has said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def line(self, begin: str) -> str:
        """The line that begins so."""
        return next(line for line in self.lines if line.startswith(begin))


class Bench:
    """Runs `anlou probe` in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: object) -> Done:
        self._capsys.readouterr()
        try:
            code = main(["probe", *map(str, words)])
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err, err
        return Done(code, out, err)


class Behind:
    """A loop in a thread, where simulators live while the bench has the main thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(30)
        self.loop.close()


@contextmanager
def behind() -> Iterator[Behind]:
    made = Behind()
    try:
        yield made
    finally:
        made.end()


@contextmanager
def served(units: Mapping[int, RegisterMap], **more: Any) -> Iterator[tuple[ModbusServer, str]]:
    """A Modbus TCP server and its address."""
    with behind() as thread:
        server = ModbusServer(units, **more)
        port = thread.run(server.start())
        try:
            yield server, f"tcp://127.0.0.1:{port}"
        finally:
            thread.run(server.stop())
            for unit in server.report()["units"].values():
                assert set(unit["functions"]) <= {1, 2, 3, 4}, "the bench never writes"


@contextmanager
def on_a_line(units: Mapping[int, RegisterMap], **more: Any) -> Iterator[tuple[RtuServer, str]]:
    """Units behind a serial server: RTU frames over TCP."""
    with behind() as thread:
        server = RtuServer(units, **more)

        async def start() -> int:
            return await server.start()

        port = thread.run(start())
        try:
            yield server, f"rtu+tcp://127.0.0.1:{port}"
        finally:
            thread.run(server.stop())


def floats(values: Mapping[int, float], *, swapped: bool = False) -> dict[int, int]:
    """Address → register of floats."""
    words: dict[int, int] = {}
    for address, value in values.items():
        pair = struct.unpack(">2H", struct.pack(">f", value))
        words |= dict(enumerate(pair[::-1] if swapped else pair, address))
    return words


def meter(*, swapped: bool = False) -> RegisterMap:
    """Every register that the profile eastron-sdm630 reads, and no other."""
    said = {2 * i: value for i, value in enumerate((*VOLTAGES, 5.2131, 4.8713, 0.31, 1180.4, 1102.6, 71.2))}
    more = {0x34: 2354.2, 0x3E: 0.98, 0x46: 49.98, 0x48: 1234.5, 0x4A: 12.5}
    return mapped({Table.INPUT: floats({**said, **more}, swapped=swapped)})


def silent_but(*codes: int) -> RegisterMap:
    """A unit that answers everything with one exception."""
    from simulators.pdu import Refused

    def refuse(table: Table, address: int, count: int) -> None:
        raise Refused(codes[0])

    return refuse


BUSY, DEVICE_FAILED = Refusal.BUSY, 4
NOWHERE = Path("/nonexistent")


@pytest.fixture
def probe(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    """`anlou probe` on a machine where no gateway runs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    return Bench(capsys)
