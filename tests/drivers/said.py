"""Profiles of messages, and their codecs, made in a line, for the tests of this room."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from drivers.assign import ChannelSpec, UnitSpec, assign
from drivers.mqtt.codec import Decoded, DeviceCodec, Record
from drivers.mqtt.poison import REASONS, Poison
from drivers.profile import MqttProfile
from gateway.model import SECOND, Quality
from tests.drivers.made import HEAD

TOPIC = "t/1"


def profile(points: Mapping[str, Any], mqtt: Mapping[str, Any] | None = None, **more: Any) -> MqttProfile:
    frame = {"topic": TOPIC, "expect_every": "10s", **(mqtt or {})}
    return MqttProfile.model_validate({**HEAD, "mqtt": frame, "points": points, **more})


def codec(
    of: MqttProfile,
    *channels: ChannelSpec,
    name: str = "d",
    own: bool = True,
    variables: Mapping[str, str] | None = None,
) -> DeviceCodec:
    unit = UnitSpec(name, "l", None, of, 10 * SECOND, own, variables or {})
    return DeviceCodec(assign([unit], channels)["l"].units[0])


def of(points: Mapping[str, Any], mqtt: Mapping[str, Any] | None = None, **variables: str) -> DeviceCodec:
    return codec(profile(points, mqtt), variables=variables)


def said(payload: object) -> bytes:
    return payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()


def read(made: DeviceCodec, payload: object, topic: str = TOPIC) -> dict[str, Any]:
    """Values of the only record; a bad one is its reason in brackets."""
    (record,) = made.decode(topic, said(payload)).records
    return shown(record)


def shown(record: Record) -> dict[str, Any]:
    quality = record.quality or [0] * len(record.values)
    return {
        point.key: f"<{Quality(mark).reason}>" if mark else value
        for point, value, mark in zip(record.layout.points, record.values, quality, strict=True)
    }


def poison(made: DeviceCodec, payload: object, topic: str = TOPIC) -> str:
    """Why the message is none."""
    try:
        got: Decoded = made.decode(topic, said(payload))
    except Poison as error:
        assert error.reason in REASONS
        assert error.message and error.message.isprintable() and len(error.message) < 500
        return error.reason
    raise AssertionError(f"no poison: {got}")
