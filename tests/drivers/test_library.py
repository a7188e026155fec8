"""Every profile that comes with AnLou: it loads, keeps its own vectors, and says where it is from."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable

import pytest
from ruamel.yaml import YAML

from drivers.modbus.codec import Decoder
from drivers.modbus.language import Parts
from drivers.modbus.plan import plan
from drivers.modbus.reading import cells_of
from drivers.mqtt.points import MqttParts
from drivers.profile import (
    ModbusProfile,
    MqttProfile,
    Profile,
    library,
    mistakes,
    never_read,
    parse_profile,
    profile_points,
)
from gateway.config.parse import parse
from gateway.config.source import read_packaged
from gateway.model import Point, PointType, Quality
from tests.drivers.made import any_shipped, cell, files, shipped


@pytest.mark.parametrize("file", files(), ids=lambda file: file.name)
def test_profile(file: Traversable) -> None:
    document = parse(read_packaged(library() / file.name))
    assert document.problems == []
    profile = parse_profile(document.value)
    assert f"{profile.profile}.yaml" == file.name
    assert isinstance(profile, (ModbusProfile, MqttProfile))
    assert list(mistakes(profile)) == []
    assert profile.has_examples, "a profile without an example is a guess"
    assert len(profile_points(profile)) == len(profile.readings)
    for key in profile.points:
        assert all(source.verified != "memory" for source in profile.sources(key))


@pytest.mark.parametrize("name", [file.name.removesuffix(".yaml") for file in files()])
def test_every_point_has_an_example(name: str) -> None:
    """A fact that was written down and never tried is how a wrong scale gets into a building."""
    profile = any_shipped(name)
    assert isinstance(profile, (ModbusProfile, MqttProfile))
    shown = {key for vector in profile.vectors for key in [*vector.expect, *vector.bad]}
    shown |= {key for vector in profile.vectors for older in getattr(vector, "history", ()) for key in older.expect}
    assert set(profile.readings) - shown == set()
    for parts in getattr(profile, "parts", ()):
        of_parts = {key.partition("/")[2] for key in shown if _is_one_of(parts, key.partition("/")[0])}
        # both kinds of a panel's points are read alike
        assert set(parts.points) - of_parts - {"prealarm", "fault"} == set()


def _is_one_of(parts: Parts | MqttParts, part: str) -> bool:
    return (parts.ids.numbers if isinstance(parts, MqttParts) else parts.template.address)(part) is not None


@pytest.mark.parametrize("name", [file.name.removesuffix(".yaml") for file in files()])
def test_standard_points_are_standard(name: str) -> None:
    """A point with a standard name has the standard's type, unit and words, or rules would read something else."""
    profile = any_shipped(name)
    standard = YAML(typ="safe", pure=True).load((resources.files("gateway") / "points.yaml").read_text("utf-8"))
    known = standard["all"] | standard.get(profile.system or "", {})
    for point in everything(profile):
        if wanted := known.get(point.name):
            kinds = {"float": ("float", "int")}.get(wanted["type"], (wanted["type"],))
            assert point.type.value in kinds and point.unit == wanted.get("unit"), point.key
            assert set(point.codes) <= set(wanted.get("codes", ())), point.key
            # of a panel's parts; a detector of its own has none, and a station may have its sockets as parts
            assert point.part or not wanted.get("part") or not profile.part_hint, point.key


def everything(profile: Profile) -> tuple[Point, ...]:
    parts = [first.partition(" ")[0] for first in profile.part_hint.split(", ") if first]
    return profile_points(profile.for_parts(parts))


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
    blocks = plan(cells_of(profile.readings.values()), profile.modbus.limits, never_read(profile))
    read = {address for block in blocks for address in range(block.address, block.end)}
    assert read == {0x1010, 0x1011, 0x1018, 0x1019, 0x101A, 0x101B, 0x101D, 0x8000}
    assert all(block.count == 1 for block in blocks)


def test_adam_addresses() -> None:
    adam = shipped("advantech-adam-6024")
    assert [cell(adam, f"ai{i}").address for i in range(6)] == [0, 1, 2, 3, 4, 5]
    assert [cell(adam, f"ai{i}_status").address for i in range(6)] == [20, 21, 22, 23, 24, 25]
    assert [(cell(adam, f"di{i}").table, cell(adam, f"di{i}").address) for i in range(2)] == [("coil", 0), ("coil", 1)]
    assert {cell.address for cell in cells_of(shipped("advantech-adam-4100").readings.values())} == {300}


@pytest.mark.parametrize("word", [0x00FF, 0x04FF, 0x0CFF, 0xFFFF])
@pytest.mark.parametrize("part", ["L1D1", "L10M159"])
@pytest.mark.parametrize("gateway", ["notifier-modbus-gw", "notifier-cgw-mb"])
def test_a_notifier_point_that_is_not_present_is_no_quiet_one(word: int, part: str, gateway: str) -> None:
    """FFh is the code of a point that is not there, in the word of nothing but that, too."""
    panel = shipped(gateway).for_parts([part])
    readings = {key: reading for key, reading in panel.readings.items() if key.startswith(f"{part}/")}
    cells = cells_of(readings.values())
    blocks = plan(cells, panel.modbus.limits, never_read(panel))
    values, quality = Decoder(readings, blocks).decode([word.to_bytes(2, "big")])
    assert set(values) == {None} and quality == [Quality.BAD_NOT_FITTED] * len(cells)
