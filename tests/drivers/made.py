"""Profiles, links and assignments made in a line, for the tests of this room."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML

from drivers.assign import ChannelSpec, LinkAssignment, UnitSpec, assign
from drivers.modbus.cell import Cell
from drivers.modbus.codec import Decoder
from drivers.modbus.plan import plan
from drivers.modbus.reading import cells_of
from drivers.profile import ChannelOptions, ModbusProfile, Profile, library, parse_profile
from gateway.model import SECOND, Quality

HEAD = {
    "profile": "made",
    "title": {"en": "made for a test", "zh": "测试"},
    "source": [{"ref": "the test itself", "verified": "code"}],
}


def profile(points: Mapping[str, Any], modbus: Mapping[str, Any] | None = None, **more: Any) -> ModbusProfile:
    defaults = {"type": "uint16", **(modbus or {})}
    return ModbusProfile.model_validate({**HEAD, "modbus": defaults, "points": points, **more})


def files() -> list[Traversable]:
    return sorted((f for f in library().iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)


def any_shipped(name: str) -> Profile:
    return parse_profile(YAML(typ="safe", pure=True).load((library() / f"{name}.yaml").read_text("utf-8")))


def shipped(name: str) -> ModbusProfile:
    found = any_shipped(name)
    assert isinstance(found, ModbusProfile)
    return found


def cell(of: ModbusProfile, key: str) -> Cell:
    """Where that point stands; it is one that is read."""
    found = of.readings[key].cell
    assert found is not None
    return found


def unit(name: str, number: int, of: Profile, *, poll_ns: int = SECOND, own: bool = True, link: str = "l") -> UnitSpec:
    return UnitSpec(name, link, number, of, poll_ns, own)


def channel(device: str, key: str, source: str, **options: Any) -> ChannelSpec:
    parsed = ChannelOptions.model_validate({"from": source, **options})
    return ChannelSpec(device, key, parsed.module, parsed.point, parsed)


def link(*units: UnitSpec, channels: tuple[ChannelSpec, ...] = ()) -> LinkAssignment:
    return assign(units, channels)["l"]


def read(of: ModbusProfile, image: Mapping[int, int], key: str) -> Any:
    """What comes out for one point of a profile whose registers hold `image`: its value, or the reason why not."""
    needed = {name: of.readings[name] for name in (key, *of.readings[key].needs)}
    blocks = plan(cells_of(needed.values()), of.modbus.limits)
    answers = [struct.pack(f">{b.count}H", *(image.get(a, 0) for a in range(b.address, b.end))) for b in blocks]
    values, quality = Decoder(needed, blocks).decode(answers)
    return values[0] if quality is None or not quality[0] else Quality(quality[0]).reason


def refusals(points: Mapping[str, Any], modbus: Mapping[str, Any] | None = None, **more: Any) -> list[tuple[Any, str]]:
    """(place, sentence) of everything that is wrong with such a profile; it is an error when nothing is."""
    try:
        profile(points, modbus, **more)
    except ValidationError as error:
        return [(one["loc"], one["msg"]) for one in error.errors()]
    raise AssertionError("nothing is refused")
