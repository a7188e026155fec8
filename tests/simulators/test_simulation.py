"""The simulated building on the wire: paced by the given time alone, the same after a restart, gone when stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from simulators.faults import Fault, FaultKind
from simulators.play import run
from simulators.rtu_wire import opened, sealed
from simulators.scenario import Event, Scenario, load_scenario
from simulators.simulation import SimulatedBuilding
from simulators.wiring import load_wiring
from tests.simulators.raw import DEMO, PATIENCE, Raw, dial

WIRING = load_wiring(DEMO / "simulation.yaml")


def scenario(name: str) -> Scenario:
    return load_scenario(DEMO / "scenarios" / f"{name}.yaml", WIRING)


class Moment:
    """Building time under the test's hand."""

    def __init__(self, elapsed: float = 0.0) -> None:
        self.elapsed = elapsed

    def __call__(self) -> float:
        return self.elapsed


@asynccontextmanager
async def living(play: Scenario, now: Moment) -> AsyncIterator[tuple[SimulatedBuilding, dict[str, int]]]:
    simulated = SimulatedBuilding(play, WIRING, now)
    ports = await simulated.start()
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(simulated.run())
            try:
                yield simulated, ports
            finally:
                running.cancel()
    finally:
        await simulated.stop()


async def until(simulated: SimulatedBuilding, elapsed: float) -> None:
    async with asyncio.timeout(PATIENCE):
        while simulated.elapsed < elapsed - 0.05:  # noqa: ASYNC110  # nothing announces a step
            await asyncio.sleep(0.005)


async def words(raw: Raw, unit: int, address: int, count: int) -> list[int]:
    answer = await raw.ask(f"00 01 00 00 00 06 {unit:02x} 03 {address:04x} {count:04x}", 9 + 2 * count)
    octets = bytes.fromhex(answer)[9:]
    return [int.from_bytes(octets[place : place + 2]) for place in range(0, len(octets), 2)]


async def test_it_answers_what_the_physics_say() -> None:
    now = Moment(500.0)
    async with living(scenario("storm-night"), now) as (simulated, ports), dial(ports["garage"]) as raw:
        assert simulated.elapsed == 500.0
        zone = simulated.building.garages["garage-east"]
        loops = await words(raw, 3, 0, 6)
        assert (loops[0] / 65535 * 20 - 4) / 16 == pytest.approx(zone.floor_level, abs=1e-4)
        assert (loops[1] / 65535 * 20 - 4) / 16 * 5 == pytest.approx(zone.sump_level, abs=1e-3)
        assert loops[2:] == [0, 0, 0, 0]
        assert await words(raw, 4, 300, 1) == [0b10110]  # pump 1 tripped, pump 2 runs, float up
        now.elapsed = 1000.0
        await until(simulated, 1000.0)
        assert (await words(raw, 3, 0, 1))[0] > loops[0]
        async with dial(ports["lifts"]) as lifts:
            assert (await words(lifts, 1, 0x1011, 1)) == [1750]
            assert (await words(lifts, 11, 300, 1))[0] & 0b00110011 == 0


async def test_an_open_loop_reads_0_ma_and_the_module_finds_nothing_wrong() -> None:
    async with living(scenario("sensor-dies"), Moment(600.0)) as (simulated, ports), dial(ports["garage"]) as raw:
        assert simulated.building.garages["garage-east"].floor_level > 0.04
        assert (await words(raw, 3, 0, 2))[0] == 0
        assert (await words(raw, 3, 20, 2)) == [0, 0]


async def test_a_restart_comes_to_the_same_state() -> None:
    now = Moment()
    async with living(scenario("storm-night"), now) as (simulated, _):
        for now.elapsed in (3.7, 60.0, 61.3, 400.0):  # read by the simulation
            await until(simulated, now.elapsed)
        first = simulated.building
    async with living(scenario("storm-night"), Moment(400.0)) as (simulated, _):
        assert simulated.building == first
    assert list(run(scenario("storm-night"), 400.0))[-1][1] == first


async def test_half_an_hour_is_caught_up_without_holding_the_loop() -> None:
    turns = 0

    async def watch() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    simulated = SimulatedBuilding(scenario("storm-night"), WIRING, Moment(1800.0))
    watching = asyncio.ensure_future(watch())
    await simulated.start()
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    await simulated.stop()
    assert simulated.elapsed == 1800.0
    assert turns > 30


async def test_nobody_is_served_before_the_present_is_reached() -> None:
    simulated = SimulatedBuilding(scenario("storm-night"), WIRING, Moment(1800.0))
    starting = asyncio.ensure_future(simulated.start())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="not running"):
        _ = simulated._servers["garage"].port
    await starting
    await simulated.stop()


async def test_a_client_never_reads_the_past() -> None:
    now = Moment()
    simulated = SimulatedBuilding(scenario("storm-night"), WIRING, now)
    ports = await simulated.start()
    async with dial(ports["garage"]) as raw:
        assert (await words(raw, 3, 0, 1)) == [13107]
        now.elapsed = 5.0  # nothing runs: the request itself brings the building to its moment
        await words(raw, 3, 0, 1)
        assert simulated.elapsed == 5.0
        now.elapsed = 800.0  # the clock has jumped, as it does when a gateway goes on from its journal
        assert (await raw.ask("00 01 00 00 00 06 03 03 00 00 00 01", 9)).endswith("83 06")
        running = asyncio.ensure_future(simulated.run())
        await until(simulated, 800.0)
        assert (await words(raw, 3, 0, 1))[0] > 26000
        running.cancel()
    await simulated.stop()


async def test_given_ports_are_taken_again() -> None:
    simulated = SimulatedBuilding(scenario("calm-day"), WIRING, Moment())
    ports = await simulated.start()
    assert set(ports) == {"lifts", "garage", "fire", "charging", "charger-east-1", "broker"}
    await simulated.stop()
    again = SimulatedBuilding(scenario("calm-day"), WIRING, Moment(5.0))
    assert await again.start(ports) == ports
    third = SimulatedBuilding(scenario("calm-day"), WIRING, Moment())
    with pytest.raises(OSError, match="ddress already in use"):
        await third.start({"garage": ports["garage"]})
    await again.stop()
    with pytest.raises(
        ValueError, match="no such link: garge; links: lifts, garage, fire, charging, charger-east-1, broker"
    ):
        await third.start({"garge": 1})
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_faults_are_played_and_reported() -> None:
    async with living(scenario("calm-day"), Moment(1.0)) as (simulated, ports), dial(ports["garage"]) as raw:
        simulated.set_fault("garage", 3, Fault(FaultKind.EXCEPTION, code=6))
        raw.send("00 01 00 00 00 06 03 03 00 00 00 01")
        assert (await raw.receive(9)).endswith("83 06")
        simulated.set_fault("garage", 3)
        assert len(await words(raw, 3, 0, 1)) == 1
        report = simulated.report()["garage"]
        assert report["units"][3]["functions"] == {3: 2}
        assert report["units"][3]["faults"] == {"exception": 1}
        assert report["units"][3]["refused"] == []
        with pytest.raises(ValueError, match="no such Modbus link"):
            simulated.set_fault("pump-room", None)
        with pytest.raises(ValueError, match="no such link"):
            simulated.set_refusing("pump-room", True)


async def test_faults_of_the_timeline(tmp_path: Path) -> None:
    path = tmp_path / "bad-lines.yaml"
    path.write_text(
        """\
title: {en: Bad lines, zh: 线路故障}
seed: 1
length: 5min
timeline:
  - {at: 10s, do: {fault: {of: garage.3, kind: exception, code: 11, lasts: 20s}}}
  - {at: 40s, do: {refuse: garage}}
  - {at: 50s, do: {admit: garage}}
  - {at: 60s, do: {fault: {of: lifts, kind: close}}}
  - {at: 70s, do: {heal: lifts}}
""",
        encoding="utf-8",
    )
    now = Moment(9.0)
    async with living(load_scenario(path, WIRING), now) as (simulated, ports):
        async with dial(ports["garage"]) as raw:
            assert len(await words(raw, 3, 0, 1)) == 1
            now.elapsed = 15.0
            await until(simulated, 15.0)
            assert (await raw.ask("00 01 00 00 00 06 03 03 00 00 00 01", 9)).endswith("83 0b")
            assert len(await words(raw, 4, 300, 1)) == 1
            now.elapsed = 35.0
            await until(simulated, 35.0)
            assert len(await words(raw, 3, 0, 1)) == 1
            now.elapsed = 45.0
            with pytest.raises(ConnectionResetError):
                await raw.closed()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", ports["garage"])
        now.elapsed = 65.0
        await until(simulated, 65.0)
        async with asyncio.timeout(PATIENCE):
            while simulated._servers["garage"].refusing:  # noqa: ASYNC110  # nothing announces it
                await asyncio.sleep(0.005)
        async with dial(ports["garage"]) as raw, dial(ports["lifts"]) as lifts:
            assert len(await words(raw, 3, 0, 1)) == 1
            lifts.send("00 01 00 00 00 06 01 03 10 10 00 01")
            assert await lifts.closed()
    async with living(load_scenario(path, WIRING), Moment(45.0)) as (simulated, ports):  # a restart in the middle of it
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", ports["garage"])
        async with dial(ports["lifts"]) as lifts:
            assert len(await words(lifts, 1, 0x1010, 1)) == 1


async def test_a_mistake_in_the_physics_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(building: object) -> object:
        raise ZeroDivisionError

    play = replace(scenario("calm-day"), timeline=(Event(1.0, broken),))  # type: ignore[arg-type]
    now = Moment(0.5)
    simulated = SimulatedBuilding(play, WIRING, now)
    await simulated.start()
    now.elapsed = 2.0
    with pytest.raises(ZeroDivisionError):
        await simulated.run()
    await simulated.stop()


async def test_one_line_for_people() -> None:
    async with living(scenario("storm-night"), Moment(500.0)) as (simulated, _):
        line = simulated.describe()
    assert line.startswith("500 s | rain 145 mm/h | garage-east floor 1")
    assert "pumps x+" in line
    assert "lift-2" in line
    assert "\n" not in line


async def test_a_link_can_be_a_serial_line(tmp_path: Path) -> None:
    wired = tmp_path / "simulation.yaml"
    wired.write_text(
        "lifts: {lift-1: {floors: 10, ground: 2}}\n"
        "links:\n"
        "  bus:\n"
        "    serial: {baud: 115200}\n"
        "    units: {1: {kind: nice3000, lift: lift-1}}\n"
    )
    wiring = load_wiring(wired)
    assert wiring.links["bus"].serial == 115_200
    simulated = SimulatedBuilding(Scenario("quiet", {}, 1, 60.0, wiring.building, ()), wiring, Moment())
    ports = await simulated.start()
    try:
        async with dial(ports["bus"]) as raw:
            raw.send(sealed(1, bytes.fromhex("03 10 10 00 01")).hex())
            answered = opened(bytes.fromhex(await raw.receive(7)))
            assert answered is not None and answered.pdu[:2] == b"\x03\x02"
        assert simulated.report()["bus"]["units"][1]["functions"] == {3: 1}
    finally:
        await simulated.stop()
