"""Milesight EM500-SWL level sensors heard by a LoRaWAN network, as a ChirpStack v4 application publishes them."""

from __future__ import annotations

import base64
import json
import struct
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from simulators import building
from simulators.building import Building
from simulators.mqtt_device import Message, MqttFaultKind, Publisher, WallOf
from simulators.wiring import SubmersibleLevel

SECOND = 10**9
DEEPEST = 0xFFFC
"""Raw depths above it are the decoder's error codes."""
STATUS_EVERY = 20
"""Every so many measurements the device also sends an uplink that says only who it is."""
Content = tuple[bytes, dict[str, object]]
"""A sensor's frame, and what the maker's decoder makes of it."""
NAMESPACE = uuid.UUID("7c1d5f0e-30a1-4c0e-9a0e-5b8f2f6f1f2a")


def rfc3339(utc_ns: int) -> str:
    """With nanoseconds and a numeric offset, as the server writes it."""
    seconds, nanoseconds = divmod(utc_ns, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}+00:00"


def measurement(depth_m: float, battery: float, *, failed: bool = False) -> Content:
    """One measurement: whole centimetres, or the error and no depth."""
    level = round(battery)
    raw = 0xFFFF if failed else min(DEEPEST, max(0, round(depth_m * 100)))
    frame = bytes([0x01, 0x75, level, 0x03, 0x77]) + struct.pack("<H", raw)
    return frame, {"battery": level, **({"depth_error": "collection failed"} if failed else {"depth": raw})}


def status(dev_eui: str) -> Content:
    """What the sensor says after a start or a question: power on, serial number, versions."""
    frame = b"\xff\x0b\xff" + b"\xff\x16" + bytes.fromhex(dev_eui) + b"\xff\x09\x03\x10" + b"\xff\x0a\x01\x05"
    return frame, {"device_status": "on", "sn": dev_eui, "hardware_version": "v3.1", "firmware_version": "v1.5"}


class NetworkServer(Publisher):
    """One ChirpStack application and its sensors. A sensor whose link is cut keeps its uplinks with their times."""

    def __init__(self, application: str, sensors: Mapping[str, SubmersibleLevel]) -> None:
        super().__init__(sensors)
        self._application = application
        self._sensors = dict(sensors)
        self.identifier = f"chirpstack-{application}"

    def look(self, building: Building, second: int, wall_of: WallOf) -> None:
        for name, sensor in self._sensors.items():
            turn, rest = divmod(second - sensor.start, sensor.every)
            if turn >= 0 and rest == 0:
                self._uplinks(name, turn, building, second, wall_of)

    def _uplinks(self, name: str, turn: int, state: Building, second: int, wall_of: WallOf) -> None:
        standing, sensor = self.standing[name], self._sensors[name]
        if standing.off or standing.fault(MqttFaultKind.SILENT, second):
            return
        wrong = standing.fault(MqttFaultKind.WRONG_CLOCK, second)
        time = rfc3339(wall_of(second) + (round(wrong.seconds * SECOND) if wrong else 0))
        counter = turn + turn // STATUS_EVERY
        said = []
        if turn % STATUS_EVERY == 0:
            said.append(self._uplink(name, counter, time, status(sensor.dev_eui)))
        depth = building.level(state, sensor.thing, sensor.signal)
        failed = standing.fault(MqttFaultKind.SENSOR_ERROR, second) is not None
        said.append(self._uplink(name, counter + 1, time, measurement(depth, sensor.battery, failed=failed)))
        for message in said:
            spoilt = standing.spoilt(message, second)
            if standing.cut:
                standing.kept.extend(spoilt)
            else:
                self._say(spoilt)

    def _uplink(self, name: str, counter: int, time: str, content: Content) -> Message:
        sensor = self._sensors[name]
        frame, decoded = content
        event = {
            "deduplicationId": str(uuid.uuid5(NAMESPACE, f"{sensor.dev_eui} {counter} {time}")),
            "time": time,
            "deviceInfo": {
                "tenantId": str(uuid.uuid5(NAMESPACE, "tenant")),
                "tenantName": "property",
                "applicationId": self._application,
                "applicationName": self._application,
                "deviceProfileId": str(uuid.uuid5(NAMESPACE, "em500-swl")),
                "deviceProfileName": "EM500-SWL",
                "deviceName": name,
                "devEui": sensor.dev_eui,
                "deviceClassEnabled": "CLASS_A",
                "tags": {"place": sensor.thing},
            },
            "devAddr": sensor.dev_eui[-8:],
            "adr": True,
            "dr": 5,
            "fCnt": counter,
            "fPort": 85,
            "confirmed": False,
            "data": base64.b64encode(frame).decode(),
            "object": decoded,
            "rxInfo": [{"gatewayId": "24e124fffef00001", "uplinkId": counter, "rssi": -87, "snr": 8.5}],
            "txInfo": {"frequency": 486300000},
        }
        topic = f"application/{self._application}/device/{sensor.dev_eui}/event/up"
        return Message(name, topic, json.dumps(event, separators=(",", ":")).encode())
