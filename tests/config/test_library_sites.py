"""Every profile of the library can be used: a site with one device of each type is good."""

from __future__ import annotations

import json

import pytest

from drivers.profile import ModbusProfile, MqttProfile
from tests.config.conftest import Folder
from tests.drivers.made import any_shipped, files

NAMES = [file.name.removesuffix(".yaml") for file in files()]
VALUES = {"dev_eui": "24e124454d083401"}


@pytest.mark.parametrize("name", NAMES)
def test_a_site_with_one_device_of_the_type_is_good(name: str, folder: Folder) -> None:
    profile = any_shipped(name)
    device: dict[str, object] = {
        "profile": name,
        "system": profile.system or "garage-water",
        "link": "bus" if isinstance(profile, ModbusProfile) else "broker",
        "name": {"en": "One", "zh": "一号"},
    }
    if isinstance(profile, ModbusProfile):
        device |= {"unit": 7, "poll": "10s"}
    elif isinstance(profile, MqttProfile):
        device["vars"] = {variable: VALUES.get(variable, "one") for variable in profile.variables}
    if profile.part_hint:
        device["parts"] = {first.partition(" ")[0]: {} for first in profile.part_hint.split(", ")}
    if parameters := getattr(profile, "parameters", {}):
        device["parameters"] = {key: one.range[0].value for key, one in parameters.items() if one.range}
    site = {
        "site": {"id": "t", "name": {"en": "Test", "zh": "测试"}, "timezone": "Asia/Shanghai"},
        "links": {"bus": {"modbus": "tcp://10.0.0.7:502"}, "broker": {"mqtt": "mqtt://127.0.0.1:1883"}},
        "devices": {"one": device},
        "rules": {"files": ["rules.yaml"]},
    }
    folder.write("site.yaml", json.dumps(site, ensure_ascii=False))
    loaded = folder.load()
    points = {point.key for point in next(each for each in loaded.devices if each.id == "one").points}
    assert points >= set(profile.readings)
