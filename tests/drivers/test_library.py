"""Every profile that comes with AnLou: it loads, keeps its own vectors, and says where it is from."""

from __future__ import annotations

from importlib.resources.abc import Traversable

import pytest
from ruamel.yaml import YAML

from drivers.modbus.plan import plan
from drivers.modbus.vectors import vector_failures
from drivers.profile import ModbusProfile, never_read, profile_points
from gateway.model import PointType
from tests.drivers.made import files, shipped


@pytest.mark.parametrize("file", files(), ids=lambda file: file.name)
def test_profile(file: Traversable) -> None:
    profile = ModbusProfile.model_validate(YAML().load(file.read_text("utf-8")))
    assert f"{profile.profile}.yaml" == file.name
    assert profile.vectors, "a profile without an example is a guess"
    assert list(vector_failures(profile)) == []
    assert len(profile_points(profile)) == len(profile.points)
    for key in profile.points:
        assert all(source.verified != "memory" for source in profile.sources(key))
    assert {key for vector in profile.vectors for key in [*vector.expect, *vector.bad]}


def test_nice3000_has_the_standard_points() -> None:
    points = {point.key: point for point in profile_points(shipped("inovance-nice3000-plus"))}
    assert set(points) == {
        "speed", "rated_speed", "floor", "position", "load", "mode", "motion", "door_open", "door_closed", "overload",
        "full_load", "fault_code", "hall_fire",
    }  # fmt: skip
    assert points["speed"].unit == "m/s"
    assert points["load"].unit == "%"
    assert points["floor"].type is PointType.INT
    assert len(points["mode"].codes) == 16
    assert points["motion"].codes[-1] == "stopped"


def test_nice3000_never_touches_a_command_register() -> None:
    profile = shipped("inovance-nice3000-plus")
    blocks = plan((reading.cell for reading in profile.readings.values()), profile.modbus.limits, never_read(profile))
    read = {address for block in blocks for address in range(block.address, block.end)}
    assert read == {0x1010, 0x1011, 0x1018, 0x1019, 0x101A, 0x101B, 0x101D, 0x8000}
    assert all(block.count == 1 for block in blocks)


def test_adam_addresses() -> None:
    adam = shipped("advantech-adam-6024").readings
    assert [adam[f"ai{i}"].cell.address for i in range(6)] == [0, 1, 2, 3, 4, 5]
    assert [adam[f"ai{i}_status"].cell.address for i in range(6)] == [20, 21, 22, 23, 24, 25]
    assert [(adam[f"di{i}"].cell.table, adam[f"di{i}"].cell.address) for i in range(2)] == [("coil", 0), ("coil", 1)]
    assert {r.cell.address for r in shipped("advantech-adam-4100").readings.values()} == {300}
