"""`anlou probe device` of a device that speaks: its next messages, each decoded point by point, or why it is poison."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from drivers.bench.hints import told
from drivers.bench.shape import shortened
from drivers.mqtt.codec import Decoded, DeviceCodec
from drivers.mqtt.packet import Arrived
from drivers.mqtt.poison import Poison
from gateway.cli.probe_listen import listen
from gateway.cli.probe_run import columns, complete, show_json
from gateway.cli.probe_target import Target
from gateway.model import SECOND, Quality

LONGEST_PAYLOAD = 400
MOST_MESSAGES = 200


@dataclass(frozen=True, slots=True)
class Message:
    """One message, and what the profile makes of it: `decoded`, or the reason why it is poison."""

    topic: str
    payload: bytes
    retained: bool
    after_s: float
    decoded: Decoded | None = None
    poison: Poison | None = None


@dataclass(slots=True)
class Heard:
    """What was heard; over when each topic has spoken, or there is enough."""

    codec: DeviceCodec
    most: int | None
    over: asyncio.Event
    messages: list[Message] = field(default_factory=list)
    began_ns: int | None = None

    def take(self, message: Arrived, at_ns: int) -> None:
        if self.over.is_set():
            return
        self.began_ns = self.began_ns or at_ns
        after_s = (at_ns - self.began_ns) / SECOND
        decoded, poison = _decoded(self.codec, message)
        self.messages.append(Message(message.topic, message.payload, message.retain, after_s, decoded, poison))
        spoken = {one.topic for one in self.messages}
        enough = len(self.messages) >= (self.most or MOST_MESSAGES)
        if enough or (self.most is None and spoken >= set(listened(self.codec))):
            self.over.set()


def _decoded(codec: DeviceCodec, message: Arrived) -> tuple[Decoded | None, Poison | None]:
    try:
        return codec.decode(message.topic, message.payload), None
    except Poison as poison:
        return None, poison


def listened(codec: DeviceCodec) -> list[str]:
    """The topics on which the device speaks."""
    return sorted({*codec.topics, *([codec.availability_topic] if codec.availability_topic else [])})


def add_listening(parser: argparse.ArgumentParser) -> None:
    """The words for devices that speak by themselves."""
    parser.add_argument("--seconds", type=float, default=30.0, metavar="N", help="MQTT: listen so long (default: 30)")
    parser.add_argument("--messages", type=int, metavar="N", help="MQTT: so many (default: until each topic spoke)")


def run_heard(target: Target, options: argparse.Namespace) -> int:
    """0 when something was heard and nothing of it is poison."""
    (assignment,) = target.assignments
    codec = DeviceCodec(assignment)
    topics = listened(codec)

    async def work(stop: asyncio.Event) -> Heard:
        heard = Heard(codec, options.messages, stop)
        await listen(target.mqtt, topics, options.seconds, stop, heard.take)
        return heard

    heard = complete(work, gentle=True)
    if options.json:
        show_json({"device": codec.name, "endpoint": target.options.endpoint, "topics": topics, **_body(heard)})
    else:
        for line in _lines(target, topics, heard, options.seconds):
            print(line)
    return 0 if heard.messages and all(message.poison is None for message in heard.messages) else 1


def _body(heard: Heard) -> dict[str, Any]:
    return {
        "messages": [
            {
                "topic": message.topic,
                "retained": message.retained,
                "payload": shortened_payload(message.payload),
                "poison": message.poison and {"reason": message.poison.reason, "message": message.poison.message},
                "available": message.decoded.available if message.decoded else None,
                "points": list(_points(message)),
            }
            for message in heard.messages
        ]
    }


def _points(message: Message) -> Iterator[dict[str, Any]]:
    for record in message.decoded.records if message.decoded else ():
        for slot, point in enumerate(record.layout.points):
            quality = Quality.GOOD if record.quality is None else Quality(record.quality[slot])
            yield {
                "point": point.key,
                "value": record.values[slot],
                "unit": point.unit,
                "quality": quality.grade,
                "reason": quality.reason,
                "source_ns": record.source_ns,
                "history": record.history,
            }


def _lines(target: Target, topics: list[str], heard: Heard, seconds: float) -> Iterator[str]:
    unit = target.unit
    yield f"{unit.name if unit else ''}: {unit.profile.profile if unit else ''} at {target.options.endpoint}"
    for message in heard.messages:
        kept = ", kept by the broker" if message.retained else ""
        yield f"{message.topic} (after {message.after_s:.1f} s{kept})"
        yield f"    {shortened_payload(message.payload)}"
        if message.poison is not None:
            yield f"    poison: {message.poison.reason}: {message.poison.message}"
        if message.decoded is not None and message.decoded.available is not None:
            yield f"    it says that it is {'there' if message.decoded.available else 'gone'}"
        rows = [_row(point) for point in _points(message)]
        yield from columns(rows, indent="    ")
    silent = [topic for topic in topics if topic not in {message.topic for message in heard.messages}]
    if silent:
        yield f"within {seconds:g} s nothing came on {', '.join(silent)}"


def _row(point: dict[str, Any]) -> tuple[str, ...]:
    value = "-" if point["value"] is None else told(point["value"], point["unit"])
    quality = f"{point['quality']}: {point['reason']}" if point["reason"] else str(point["quality"])
    return str(point["point"]), value, quality, "from its history" if point["history"] else ""


def shortened_payload(payload: bytes) -> str:
    """A payload as one line that cannot disturb a screen."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return f"{payload[: LONGEST_PAYLOAD // 2].hex()}{'…' if len(payload) > LONGEST_PAYLOAD // 2 else ''} (bytes)"
    return shortened(text, LONGEST_PAYLOAD)
