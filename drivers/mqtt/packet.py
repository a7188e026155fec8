"""A PUBLISH packet's bytes (MQTT 5 §3.3) as a message; its properties are skipped. Pure.

paho makes an object with thirty properties of each, which costs more than all that we do with the message.
"""

from __future__ import annotations

from typing import NamedTuple


class Arrived(NamedTuple):
    """A message as it came. `topic` is empty when it was not UTF-8; `mid` is 0 with QoS 0."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    mid: int


def cut(raw: bytes, at: int) -> tuple[Arrived, int] | None:
    """The message whose packet begins at `at`, and where that ends.

    None when it is another packet, is not all here, has QoS 2 or is malformed: all that is for paho.
    """
    end = len(raw)
    if end - at < 5:
        return None
    first = raw[at]
    qos = first >> 1 & 3
    if first & 0xF0 != 0x30 or qos > 1:
        return None
    size, place = raw[at + 1], at + 2
    if size > 127:
        size += (raw[at + 2] - 1) * 128
        place = at + 3
        if raw[at + 2] > 127:
            size += (raw[at + 3] - 1) * 16384
            place = at + 4
            if raw[at + 3] > 127:
                return None  # 2 MiB and more
    after = place + size
    if after > end:
        return None
    topic = place + 2
    place = topic + (raw[place] << 8 | raw[place + 1])
    mid = 0
    if place + 2 * qos >= after:
        return None
    name = raw[topic:place]
    if qos:
        mid = raw[place] << 8 | raw[place + 1]
        place += 2
    skipped = raw[place]
    if skipped > 127:
        if place + 1 >= after or raw[place + 1] > 127:
            return None  # 16 KiB of properties
        skipped += (raw[place + 1] - 1) * 128 + 1
    place += skipped + 1
    if place > after or not name or (qos and not mid):
        return None
    try:
        words = name.decode()
    except UnicodeDecodeError:
        words = ""
    return Arrived(words, raw[place:after], qos, first & 1 == 1, first & 8 == 8, mid), after
