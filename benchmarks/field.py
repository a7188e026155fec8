"""A field of Modbus devices in a process of its own, so that their cost is not the gateway's.

`python -m benchmarks.field LINKS UNITS FLIPS`: LINKS ports with UNITS units of 100 holding registers each. With
FLIPS > 0 it raises register 0 of one unit after the other, FLIPS times a second, and prints `flip DEVICE HOST_MONO_NS`
each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence

from gateway.clock import host_mono_ns
from simulators.modbus_server import ModbusServer
from simulators.pdu import Table

REGISTERS = 100


class Registers:
    """100 holding registers that drift slowly; register 0 is the one a rule watches."""

    def __init__(self) -> None:
        self.words = [100 + n for n in range(REGISTERS)]

    def __call__(self, table: Table, address: int, count: int) -> Sequence[int] | None:
        if table is not Table.HOLDING or address + count > REGISTERS:
            return None
        return self.words[address : address + count]


async def main(links: int, units: int, flips: int) -> None:
    maps = [[Registers() for _ in range(units)] for _ in range(links)]
    servers = [ModbusServer({number + 1: one for number, one in enumerate(unit_maps)}) for unit_maps in maps]
    print("ports", *[await server.start("127.0.0.1", 0) for server in servers], flush=True)
    if not flips:
        await asyncio.Event().wait()
    for device in range(links * units):
        await asyncio.sleep(1 / flips)
        link, unit = divmod(device, units)
        maps[link][unit].words[0] = 50_000
        print("flip", f"d{device}", host_mono_ns(), flush=True)
    await asyncio.Event().wait()


@contextlib.contextmanager
def field(links: int, units: int, flips: int = 0) -> Iterator[tuple[list[int], subprocess.Popen[str]]]:
    """The field running; its ports, and the process whose further lines are the flips."""
    command = [sys.executable, "-m", "benchmarks.field", str(links), str(units), str(flips)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield [int(port) for port in process.stdout.readline().split()[1:]], process
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:4])))
