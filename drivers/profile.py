"""The profile language: what a type of device has in its registers or says in its messages, as data.

A profile is strict: an unknown key (`write` is one) is refused, every point has a source that says how well its facts
are known, and a code, a sentinel or a number out of range never becomes a plausible value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from drivers.conversion import ChannelOptions, ConversionError, converted, point_of
from drivers.language import Mistake, Profile, Source, Wire
from drivers.made import made, made_of_channel
from drivers.modbus.language import ModbusPoint, ModbusProfile, Vector, never_read
from drivers.modbus.limits import Limits
from drivers.modbus.reading import Reading
from drivers.modbus.vectors import mistakes as modbus_mistakes
from drivers.mqtt.language import MqttPoint, MqttProfile
from drivers.mqtt.vectors import mistakes as mqtt_mistakes
from gateway.model import Point

__all__ = [
    "ChannelOptions",
    "Limits",
    "ModbusPoint",
    "ModbusProfile",
    "MqttPoint",
    "MqttProfile",
    "Profile",
    "Reading",
    "Source",
    "Vector",
    "Wire",
    "channel_point",
    "library",
    "made",
    "made_of_channel",
    "mistakes",
    "never_read",
    "parse_profile",
    "profile_class",
    "profile_points",
]


def profile_class(value: object) -> type[ModbusProfile] | type[MqttProfile]:
    """The class that reads this profile: by its key `mqtt` or `modbus`; without either it is one of registers."""
    return MqttProfile if isinstance(value, Mapping) and "mqtt" in value else ModbusProfile


def parse_profile(value: Mapping[str, Any]) -> Profile:
    """The profile in `value`; ValidationError with the place of everything that is wrong."""
    return profile_class(value).model_validate(value)


def mistakes(profile: Profile) -> Iterator[Mistake]:
    """The profile's own examples that it does not keep."""
    if isinstance(profile, ModbusProfile):
        yield from modbus_mistakes(profile)
    elif isinstance(profile, MqttProfile):
        yield from mqtt_mistakes(profile)


def profile_points(profile: Profile) -> tuple[Point, ...]:
    """The points of a device of this type, in the profile's order; of parts those that were asked for."""
    return tuple(reading.point for reading in profile.readings.values())


def channel_point(key: str, options: ChannelOptions, module_profile: Profile) -> Point:
    """The point that a channel becomes; ValueError with a sentence when it cannot."""
    reading = module_profile.readings.get(options.point)
    if reading is None:
        known = ", ".join(module_profile.readings)
        raise ValueError(f"{module_profile.profile} has no point {options.point!r}; it has {known}")
    try:
        made = converted(options, reading.point.type, reading.point.unit, reading.point.counter)
    except ConversionError as error:
        raise ValueError(f"{error.key}: {error}") from None
    return point_of(key, made, reading.point.codes)


def library() -> Traversable:
    """The folder of the profiles that come with AnLou."""
    return files("drivers").joinpath("profiles")
