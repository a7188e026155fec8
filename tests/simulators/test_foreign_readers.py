"""Clients that others wrote read the demo's panel, meters and charger: pymodbus and pyModbusTCP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pyModbusTCP.client import ModbusClient
from pyModbusTCP.utils import decode_ieee, word_list_to_long

from simulators.scenario import load_scenario
from simulators.simulation import SimulatedBuilding
from simulators.wiring import load_wiring
from tests.simulators.raw import DEMO

WIRING = load_wiring(DEMO / "simulation.yaml")


class House:
    """A scenario standing still at one moment."""

    def __init__(self, name: str, elapsed: float) -> None:
        scenario = load_scenario(DEMO / "scenarios" / f"{name}.yaml", WIRING)
        self.simulated = SimulatedBuilding(scenario, WIRING, lambda: elapsed)
        self.ports: dict[str, int] = {}


@pytest.fixture
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    standing = House(*request.param)
    standing.ports = await standing.simulated.start()
    yield standing
    await standing.simulated.stop()


def client_of(house: House, link: str) -> AsyncModbusTcpClient:
    return AsyncModbusTcpClient("127.0.0.1", port=house.ports[link], timeout=30, retries=0)


@pytest.mark.parametrize("house", [("kitchen-fire", 300.0)], indirect=True)
async def test_pymodbus_reads_the_fire_panel(house: House) -> None:
    client = client_of(house, "fire")
    assert await client.connect()
    try:
        points = await client.read_holding_registers(0, count=4, device_id=1)
        assert points.registers == [0x0C10, 0x0C10, 0x1400, 0x1400]
        assert (await client.read_holding_registers(200, count=1, device_id=1)).registers == [0x1400]
        assert (await client.read_holding_registers(4, count=1, device_id=1)).exception_code == 2
        assert (await client.read_holding_registers(0, count=101, device_id=1)).exception_code == 3
        assert (await client.read_holding_registers(0, count=1, device_id=2)).exception_code == 0x0A
        assert (await client.read_input_registers(0, count=1, device_id=1)).exception_code == 1
        assert (await client.write_register(0, 0x0200, device_id=1)).exception_code == 1
    finally:
        client.close()


@pytest.mark.parametrize("house", [("storm-night", 600.0)], indirect=True)
async def test_pymodbus_reads_the_meters(house: House) -> None:
    state = house.simulated.building
    feeder = state.feeders["feeder-east"]
    client = client_of(house, "charging")
    assert await client.connect()
    try:
        answer = await client.read_input_registers(0, count=80, device_id=5)
        values = client.convert_from_registers(answer.registers, client.DATATYPE.FLOAT32)
        assert isinstance(values, list)
        assert values[0:3] == pytest.approx(feeder.voltages)
        assert values[3:6] == pytest.approx(feeder.currents)
        assert values[0x34 // 2] == pytest.approx(feeder.power)
        assert values[0x48 // 2] == pytest.approx(feeder.energy)
        residual = await client.read_holding_registers(0, count=1, device_id=7)
        assert residual.registers == [round(feeder.leakage)]
        assert residual.registers[0] > 300
        assert (await client.read_holding_registers(0x1B, count=1, device_id=7)).registers == [0b010]
        assert (await client.read_input_registers(0, count=81, device_id=5)).exception_code == 3
    finally:
        client.close()


@pytest.mark.parametrize("house", [("storm-night", 600.0)], indirect=True)
async def test_pymodbustcp_reads_the_charging_station_at_unit_255(house: House) -> None:
    charger = house.simulated.building.chargers["charger-east-1"]

    def read() -> list[object]:
        client = ModbusClient(
            host="127.0.0.1", port=house.ports["charger-east-1"], unit_id=255, timeout=30, auto_open=True
        )
        try:
            found: list[object] = []
            for address in (1000, 1008, 1020, 1502):
                words = client.read_holding_registers(address, 2)
                found += word_list_to_long(words) if words else [None]
            return [*found, client.read_holding_registers(1008, 4), client.last_except]
        finally:
            client.close()

    state, amperes, power, energy, several, refused = await asyncio.to_thread(read)
    assert (state, amperes) == (3, 32_000)
    assert power == pytest.approx(charger.power * 1000, abs=1)
    assert energy == pytest.approx(charger.session_kwh * 10_000, abs=1)
    assert (several, refused) == (None, 3)


@pytest.mark.parametrize("house", [("storm-night", 600.0)], indirect=True)
async def test_pymodbustcp_reads_a_float(house: House) -> None:
    def read() -> list[int] | None:
        client = ModbusClient(host="127.0.0.1", port=house.ports["charging"], unit_id=5, timeout=30, auto_open=True)
        try:
            found: list[int] | None = client.read_input_registers(0x46, 2)
            return found
        finally:
            client.close()

    words = await asyncio.to_thread(read)
    assert words is not None
    assert decode_ieee(word_list_to_long(words)[0]) == 50.0


@pytest.mark.parametrize("house", [("calm-day", 60.0)], indirect=True)
async def test_a_lost_panel_and_a_broken_coil(house: House) -> None:
    panel, charging = client_of(house, "fire"), client_of(house, "charging")
    assert await panel.connect() and await charging.connect()
    play = house.simulated._play
    try:
        play.building = play.building.with_panel("panel-1", replace(play.building.panels["panel-1"], lost=True))
        assert (await panel.read_holding_registers(0, count=1, device_id=1)).exception_code == 0x0B
        play.building = replace(play.building, open_loops=frozenset({"charging.7.ct"}))
        assert (await charging.read_holding_registers(0x1B, count=1, device_id=7)).registers == [0b100]
        assert (await charging.read_holding_registers(0, count=1, device_id=7)).registers == [0]
    finally:
        panel.close()
        charging.close()
