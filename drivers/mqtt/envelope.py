"""What network servers wrap around what a device says: topic, time, identity, and where the decoded fields are.

ChirpStack v4 and The Things Stack v3, as their own documents have it: the payload is decoded only if the server has a
codec for the device, and an uplink may carry no payload at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from drivers.mqtt.source_time import TimeFormat

EnvelopeName = Literal["chirpstack-v4", "ttn-v3"]


@dataclass(frozen=True, slots=True)
class Envelope:
    topic: str
    root: str
    time: str
    time_format: TimeFormat
    identity: str
    equals: str
    event_id: str | None
    sequence: str
    raw: str  # the undecoded payload
    no_codec: str  # what it means when there is that, but no root


ENVELOPES: dict[EnvelopeName, Envelope] = {
    "chirpstack-v4": Envelope(
        topic="application/{app}/device/{dev_eui}/event/up",
        root="object",
        time="time",
        time_format="rfc3339",
        identity="deviceInfo.devEui",
        equals="{dev_eui}",
        event_id="deduplicationId",
        sequence="fCnt",
        raw="data",
        no_codec="ChirpStack has sent raw bytes without an `object`: set the codec of the device's profile there",
    ),
    "ttn-v3": Envelope(
        topic="v3/{app}@{tenant}/devices/{device}/up",
        root="uplink_message.decoded_payload",
        time="received_at",
        time_format="rfc3339",
        identity="end_device_ids.device_id",
        equals="{device}",
        event_id=None,
        sequence="uplink_message.f_cnt",
        raw="uplink_message.frm_payload",
        no_codec="The Things Stack has sent raw bytes without `decoded_payload`: set the payload formatter there",
    ),
}
