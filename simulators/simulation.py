"""The simulated building on the wire: physics stepped along the given time, read through Modbus TCP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from simulators import building
from simulators.actions import LinkFaults, Refusing
from simulators.building import Building
from simulators.devices import adam_4100, adam_6024, loop_current, nice3000
from simulators.faults import Fault
from simulators.modbus_server import ModbusServer
from simulators.pdu import Busy, RegisterMap
from simulators.play import Play, steps_until
from simulators.scenario import Scenario
from simulators.wiring import (
    AI_CHANNELS,
    DI_CHANNELS,
    AnalogueModule,
    DigitalModule,
    LiftController,
    Unit,
    Wiring,
    loop_name,
)

PACE_SECONDS = 0.02
"""Host time between two looks at the clock."""
STEPS_AT_ONCE = 500
"""Steps between two yields while catching up, and the most that one request may cause: about 10 ms."""


class SimulatedBuilding:
    """A scenario answering on its links. `now()` is the time since the scenario's start, s; it never goes back.

    No client sees the past: `start` brings the building to `now()` before it opens the links, `run` keeps it there,
    each request steps it to its own moment, and while it is far behind, units answer that they are busy (exception 6).
    """

    def __init__(self, scenario: Scenario, wiring: Wiring, now: Callable[[], float]) -> None:
        self._now = now
        self._play = Play(scenario)
        self._servers = {
            link: ModbusServer(
                {number: self._registers(link, number, unit) for number, unit in wired.units.items()},
                now=now,
                seed=scenario.seed,
                max_connections=wired.max_connections,
            )
            for link, wired in wiring.links.items()
        }
        self._refusing: set[str] = set()

    async def start(self, ports: Mapping[str, int] | None = None, host: str = "127.0.0.1") -> dict[str, int]:
        """Open every link, on the port given for it or a free one; link → port."""
        wanted = ports or {}
        unknown = set(wanted) - set(self._servers)
        if unknown:
            raise ValueError(f"no such link: {', '.join(sorted(unknown))}; links: {', '.join(self._servers)}")
        await self.catch_up()
        opened = {}
        try:
            for link, server in self._servers.items():
                opened[link] = await server.start(host, wanted.get(link, 0))
            await self._set_doors()
        except BaseException:
            await self.stop()
            raise
        return opened

    async def run(self) -> None:
        """Keep the building at `now()` until cancelled."""
        while True:
            await self.catch_up()
            await self._set_doors()
            await asyncio.sleep(PACE_SECONDS)

    async def stop(self) -> None:
        """Close every link; returns when the last socket is closed."""
        for server in self._servers.values():
            await server.stop()

    def report(self) -> dict[str, Any]:
        """Per link: connections, and per unit its requests, function codes seen, exceptions and faults played."""
        return {link: server.report() for link, server in self._servers.items()}

    def set_fault(self, link: str, unit: int | None, *faults: Fault) -> None:
        """Let a unit (None: the whole link) misbehave from now on; without faults it is healed."""
        self._server(link).set_faults(unit, *faults)

    def set_refusing(self, link: str, refusing: bool) -> None:
        """Reset the link's connections and refuse new ones, or accept them again; done within one look at the clock."""
        self._server(link)
        (self._refusing.add if refusing else self._refusing.discard)(link)

    @property
    def building(self) -> Building:
        """The physical state now."""
        return self._play.building

    @property
    def elapsed(self) -> float:
        """Seconds of building time since the scenario's start that have been played."""
        return self._play.elapsed

    def describe(self) -> str:
        """The physical state in one short line."""
        return f"{self.elapsed:.0f} s | {building.describe(self.building)}"

    def _server(self, link: str) -> ModbusServer:
        if link not in self._servers:
            raise ValueError(f"no such link: {link}; links: {', '.join(self._servers)}")
        return self._servers[link]

    async def catch_up(self) -> None:
        """Play everything up to `now()`: after it, nobody who asks sees the past."""
        while not self._step_to_now():  # noqa: ASYNC110  # nobody but this loop brings the present nearer
            await asyncio.sleep(0)

    def _step_to_now(self) -> bool:
        """At most STEPS_AT_ONCE steps; whether the present has been reached."""
        due = steps_until(self._now())
        for _ in range(min(STEPS_AT_ONCE, due - self._play.steps)):
            for action in self._play.step():
                self._apply(action)
        return self._play.steps >= due

    def _present(self) -> Building:
        if not self._step_to_now():
            raise Busy
        return self._play.building

    def _apply(self, action: LinkFaults | Refusing) -> None:
        if isinstance(action, LinkFaults):
            self.set_fault(action.link, action.unit, *action.faults)
        else:
            self.set_refusing(action.link, action.refusing)

    async def _set_doors(self) -> None:
        for link, server in self._servers.items():
            if link not in self._refusing:
                await server.admit()
            elif not server.refusing:
                server.refuse()
                server.drop(reset=True)

    def _registers(self, link: str, number: int, unit: Unit) -> RegisterMap:
        if isinstance(unit, LiftController):
            return nice3000(lambda: self._present().lifts[unit.lift])
        if isinstance(unit, AnalogueModule):
            names = [loop_name(link, number, channel) for channel in range(AI_CHANNELS)]
            return adam_6024(lambda: _currents(self._present(), unit, names), lambda: (False, False))
        return adam_4100(lambda: _contacts(self._present(), unit))


def _currents(state: Building, module: AnalogueModule, names: list[str]) -> list[float]:
    currents = [0.0] * AI_CHANNELS
    for channel, loop in module.loops.items():
        if names[channel] not in state.open_loops:
            currents[channel] = loop_current(building.level(state, loop.thing, loop.signal), loop.low, loop.high)
    return currents


def _contacts(state: Building, module: DigitalModule) -> list[bool]:
    wired = module.contacts
    return [
        channel in wired and building.contact(state, wired[channel].thing, wired[channel].signal)
        for channel in range(DI_CHANNELS)
    ]
