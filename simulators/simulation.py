"""The simulated building on the wire: physics stepped along the given time, read through Modbus TCP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from simulators import building
from simulators.actions import LinkFaults, Refusing, WireAction
from simulators.answering import registers
from simulators.broker import Broker
from simulators.building import Building
from simulators.faults import Fault
from simulators.modbus_server import ModbusServer
from simulators.mqtt_link import MqttLink
from simulators.notifier import NODE_UNKNOWN
from simulators.pdu import Busy, Refusal
from simulators.play import STEPS_PER_SECOND, Play, steps_until
from simulators.rtu_server import RtuServer
from simulators.scenario import Scenario
from simulators.wiring import FirePanel, LinkWiring, Wiring

PACE_SECONDS = 0.02
"""Host time between two looks at the clock."""
STEPS_AT_ONCE = 500
"""Steps between two yields while catching up, and the most that one request may cause: about 10 ms."""


EPOCH_NS = 1_767_225_600 * 10**9
"""2026-01-01, where building time begins for whoever gives none."""


class SimulatedBuilding:
    """A scenario answering on its links. `now()` is the time since the scenario's start, s; it never goes back.
    `wall()` is the UTC time of the building, ns, which runs beside it: what devices say that know the time.

    No client sees the past: `start` brings the building to `now()` before it opens the links, `run` keeps it there,
    each request steps it to its own moment, and while it is far behind, units answer that they are busy (exception 6).
    What publishes does so from the first `run` on, in building time: what was due before is not said any more, but for
    what a device has kept because its network link is cut.

    Devices that publish find their broker at `broker` (host, port); without it each such link starts its own.
    """

    def __init__(
        self,
        scenario: Scenario,
        wiring: Wiring,
        now: Callable[[], float],
        wall: Callable[[], int] | None = None,
        *,
        broker: tuple[str, int] | None = None,
    ) -> None:
        self._now = now
        self._wall = wall or (lambda: EPOCH_NS + round(now() * 1e9))
        self._play = Play(scenario)
        self._servers = {
            link: self._server_of(link, wired, scenario.seed)
            for link, wired in wiring.links.items()
            if not wired.devices
        }
        self._mqtt = {link: MqttLink(wired.devices) for link, wired in wiring.links.items() if wired.devices}
        self._links = tuple(wiring.links)
        self._outside = broker
        self._brokers = {} if broker else {link: Broker() for link in self._mqtt}
        self._addresses: dict[str, tuple[str, int]] = {}
        self._refusing: set[str] = set()

    def _server_of(self, link: str, wired: LinkWiring, seed: int) -> ModbusServer | RtuServer:
        units = {number: registers(link, number, unit, self._present) for number, unit in wired.units.items()}
        if wired.serial is not None:
            most = wired.max_connections
            return RtuServer(units, baud=wired.serial, now=self._now, seed=seed, max_connections=most)
        fire = any(isinstance(unit, FirePanel) for unit in wired.units.values())
        return ModbusServer(
            units,
            now=self._now,
            seed=seed,
            max_connections=wired.max_connections,
            absent=NODE_UNKNOWN if fire else Refusal.GATEWAY_TARGET_SILENT,
        )

    async def start(self, ports: Mapping[str, int] | None = None, host: str = "127.0.0.1") -> dict[str, int]:
        """Open every link, on the port given for it or a free one; link → port."""
        wanted = ports or {}
        unknown = set(wanted) - set(self._links)
        if unknown:
            raise ValueError(f"no such link: {', '.join(sorted(unknown))}; links: {', '.join(self._links)}")
        await self.catch_up()
        try:
            for link in self._links:
                self._addresses[link] = await self._open(link, host, wanted.get(link, 0))
            await self._set_doors()
        except BaseException:
            await self.stop()
            raise
        return {link: port for link, (_, port) in self._addresses.items()}

    async def _open(self, link: str, host: str, port: int) -> tuple[str, int]:
        if link in self._servers:
            return host, await self._servers[link].start(host, port)
        if self._outside is not None:
            return self._outside
        return host, await self._brokers[link].start(host, port)

    async def run(self) -> None:
        """Keep the building at `now()` and its devices publishing until cancelled."""
        await self.catch_up()
        for publishing in self._mqtt.values():
            publishing.begin()
        try:
            async with asyncio.TaskGroup() as group:
                for link, publishing in self._mqtt.items():
                    group.create_task(publishing.run(*self._addresses[link]))
                while True:
                    await self.catch_up()
                    await self._set_doors()
                    await asyncio.sleep(PACE_SECONDS)
        except BaseExceptionGroup as failed:
            if len(failed.exceptions) > 1:
                raise
            raise failed.exceptions[0] from None  # a mistake in the physics goes by its own name

    async def stop(self) -> None:
        """Close every link; returns when the last socket is closed and the last process gone."""
        for server in self._servers.values():
            await server.stop()
        for own in self._brokers.values():
            await own.stop()

    def report(self) -> dict[str, Any]:
        """Per link: connections, and per unit its requests, function codes seen, exceptions and faults played; of a
        link whose devices publish, the messages that the broker has acknowledged, per device."""
        return {
            link: self._servers[link].report() if link in self._servers else self._mqtt[link].report()
            for link in self._links
        }

    def set_fault(self, link: str, unit: int | None, *faults: Fault) -> None:
        """Let a unit (None: the whole link) misbehave from now on; without faults it is healed."""
        self._server(link).set_faults(unit, *faults)

    def set_refusing(self, link: str, refusing: bool) -> None:
        """Reset the link's connections and refuse new ones, or accept them again; done within one look at the clock."""
        if link not in self._links:
            raise ValueError(f"no such link: {link}; links: {', '.join(self._links)}")
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

    def _server(self, link: str) -> ModbusServer | RtuServer:
        if link not in self._servers:
            raise ValueError(f"no such Modbus link: {link}; links: {', '.join(self._servers)}")
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
            second, rest = divmod(self._play.steps, STEPS_PER_SECOND)
            if rest == 0:
                for publishing in self._mqtt.values():
                    publishing.look(self._play.building, second, self._wall_of)
        return self._play.steps >= due

    def _present(self) -> Building:
        if not self._step_to_now():
            raise Busy
        return self._play.building

    def _wall_of(self, elapsed: float) -> int:
        """UTC of the moment `elapsed` seconds after the start, ns."""
        return self._wall() - round((self._now() - elapsed) * 1e9)

    def _apply(self, action: WireAction) -> None:
        if isinstance(action, LinkFaults):
            self.set_fault(action.link, action.unit, *action.faults)
        elif isinstance(action, Refusing):
            self.set_refusing(action.link, action.refusing)
        else:
            self._mqtt[action.link].apply(action)

    async def _set_doors(self) -> None:
        for link, server in self._servers.items():
            if link not in self._refusing:
                await server.admit()
            elif not server.refusing:
                server.refuse()
                server.drop(reset=True)
        for link, own in self._brokers.items():
            if link in self._refusing and own.running:
                await own.stop()
            elif link not in self._refusing and not own.running:
                await own.start(*self._addresses[link])
