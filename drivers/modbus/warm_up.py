"""First reads that count for nothing: a panel measures only what somebody reads, and answers 0 to the first. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from drivers.modbus.codec import NOTHING
from drivers.modbus.reading import Reading
from gateway.model import Quality


@dataclass(slots=True)
class _Warming:
    slot: int
    discard: int
    again_after_ns: int
    read: int = 0
    last_ns: int | None = None


class WarmUp:
    """The points of one decoder that need it, and how often each has been read."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._warming = [
            _Warming(slot, *reading.warm_up) for slot, reading in enumerate(readings) if reading.warm_up is not None
        ]

    def begin(self) -> None:
        """A new connection: the device counts its reads anew."""
        for one in self._warming:
            one.read, one.last_ns = 0, None

    def discarded(self, unread: Collection[int], at_ns: int) -> Mapping[int, int]:
        """A cycle has been answered but for the slots `unread`: the slots whose values are none yet."""
        if not self._warming:
            return NOTHING
        cold: dict[int, int] = {}
        for one in self._warming:
            if one.slot in unread:
                continue
            if one.again_after_ns and one.last_ns is not None and at_ns - one.last_ns > one.again_after_ns:
                one.read = 0
            one.read = min(one.read + 1, one.discard + 1)
            one.last_ns = at_ns
            if one.read <= one.discard:
                cold[one.slot] = Quality.BAD_NO_VALUE
        return cold

    def __bool__(self) -> bool:
        return bool(self._warming)
