"""A device of a rule test: what it says, how often, and what becomes of its words when it or its link falls silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.model import (
    HEALTH_POINT,
    SECOND,
    Device,
    Frame,
    FrameKind,
    Instant,
    Layout,
    LinkReport,
    PointType,
    Quality,
    UnitReport,
    Value,
)
from gateway.rehearsal.script import Slope

BLIND_AFTER = 10 * SECOND
"""A link of messages is given up after this."""
MOVING_EVERY = SECOND
"""What is said only when it changes is said so often while it moves."""


@dataclass(slots=True)
class _Moving:
    start: float
    end: float
    began_ns: int
    over_ns: int

    def at(self, test_ns: int) -> float:
        share = min(1.0, (test_ns - self.began_ns) / self.over_ns)
        # twelve digits: a ramp to 0.3 m ends at 0.3
        return float(f"{self.start + (self.end - self.start) * share:.12g}")


class Speaker:
    """One device. Points of one period come in one frame; a point that nobody has set is not said."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._points = {point.key: point for point in device.points if point.key != HEALTH_POINT.key}
        self._values: dict[str, Value] = {}
        self._quality: dict[str, int] = {}
        self._moving: dict[str, _Moving] = {}
        self._layouts: dict[tuple[str, ...], Layout] = {}
        self._due: dict[int, int] = {}  # period → building time
        self._grouped: dict[int, tuple[str, ...]] = {}
        self._initial = True
        self.silent = False
        self.lost_ns: int | None = None
        self._blinded = False

    # what it is told to be

    def put(self, key: str, value: Value) -> None:
        """From now on this, and good."""
        if key not in self._values:
            self._grouped = {}
        self._values[key] = value
        self._quality.pop(key, None)
        self._moving.pop(key, None)

    def move(self, key: str, slope: Slope, test_ns: int) -> bool:
        """A ramp begins; False when nobody knows from where."""
        start = slope.start if slope.start is not None else self._values.get(key)
        if not isinstance(start, (int, float)) or isinstance(start, bool):
            return False
        self.put(key, start)
        self._moving[key] = _Moving(float(start), slope.end, test_ns, slope.over_ns)
        return True

    def spoil(self, key: str, quality: Quality) -> None:
        """From now on of this quality, until it is set again."""
        if key not in self._values:
            self.put(key, None)
        self._quality[key] = int(quality)

    def fall_silent(self) -> None:
        self.silent = True

    def lose_link(self, now: Instant) -> list[Frame]:
        """Its link is down: what is polled is BAD at once, what comes in messages after a while."""
        self.silent, self.lost_ns, self._blinded = True, now.mono_ns, False
        return [] if self._is_of_messages else self.blind(now)

    def speak(self) -> None:
        """It is there again; what it says first is no edge."""
        self.silent, self.lost_ns, self._initial = False, None, True

    def restarted(self) -> None:
        """The gateway hears it for the first time."""
        self._initial = True
        self._due = {}

    # what it says

    @property
    def _is_of_messages(self) -> bool:
        return self.device.poll_ns == 0

    def due_ns(self) -> int | None:
        """When it says something by itself."""
        if self.lost_ns is not None:
            return None if self._blinded else self.lost_ns + BLIND_AFTER
        return None if self.silent else min(self._due.values(), default=None)

    def say(self, now: Instant, test_ns: int, *, whole: bool = False) -> list[Frame]:
        """What is due by now, or everything, and then in its periods from now on."""
        if self.lost_ns is not None:
            return [] if self._blinded or now.mono_ns < self.lost_ns + BLIND_AFTER else self.blind(now)
        if self.silent:
            return []
        frames = []
        for period, keys in self._groups().items():
            if whole or self._due.get(period, 0) <= now.mono_ns:
                frames.append(self._frame(keys, now, test_ns))
                self._schedule(period, keys, now, test_ns)
        self._initial = self._initial and not frames
        return frames

    def blind(self, now: Instant) -> list[Frame]:
        """Nothing is known of any point."""
        self._blinded = True
        keys = tuple(self._values)
        return [Frame(self._layout(keys), [None] * len(keys), now, [int(Quality.BAD_COMM)] * len(keys))] if keys else []

    def past(self, values: Mapping[str, Value], now: Instant, source_ns: int) -> Frame:
        """A record of its own memory."""
        return Frame(self._layout(tuple(values)), list(values.values()), now, None, source_ns, FrameKind.HISTORY)

    def report(self, now: Instant) -> LinkReport:
        """What its driver says of the link: every device has one of its own here."""
        is_quiet = self._is_of_messages and self.silent and self.lost_ns is None
        there = (not is_quiet) if self._is_of_messages else None  # its availability topic
        unit = UnitReport(name=self.device.id, unit=None, devices=(self.device.id,), available=there)
        return LinkReport(
            link=self.device.id,
            endpoint="rehearsal",
            connected=self.lost_ns is None,
            at=now,
            units=(unit,),
            lost_at_ns=self.lost_ns,
        )

    def _groups(self) -> dict[int, tuple[str, ...]]:
        if not self._grouped:
            groups: dict[int, list[str]] = {}
            for key in self._values:
                groups.setdefault(self.device.periods.get(key, self.device.poll_ns), []).append(key)
            self._grouped = {period: tuple(keys) for period, keys in groups.items()}
        return self._grouped

    def _schedule(self, period: int, keys: Sequence[str], now: Instant, test_ns: int) -> None:
        if period == 0 and any(self._is_moving(key, test_ns) for key in keys):
            self._due[period] = now.mono_ns + MOVING_EVERY
        elif period == 0:
            self._due[period] = 1 << 62
        else:
            self._due[period] = now.mono_ns + period

    def _is_moving(self, key: str, test_ns: int) -> bool:
        moving = self._moving.get(key)
        return moving is not None and test_ns < moving.began_ns + moving.over_ns

    def _frame(self, keys: tuple[str, ...], now: Instant, test_ns: int) -> Frame:
        quality = [self._quality.get(key, 0) for key in keys]
        values = [None if word >= 0x80 else self._now(key, test_ns) for key, word in zip(keys, quality, strict=True)]
        kind = FrameKind.INITIAL if self._initial else FrameKind.LIVE
        return Frame(self._layout(keys), values, now, quality if any(quality) else None, kind=kind)

    def _now(self, key: str, test_ns: int) -> Value:
        moving = self._moving.get(key)
        if moving is None:
            return self._values[key]
        value = moving.at(test_ns)
        self._values[key] = round(value) if self._points[key].type is PointType.INT else value
        return self._values[key]

    def _layout(self, keys: tuple[str, ...]) -> Layout:
        if keys not in self._layouts:
            self._layouts[keys] = Layout(self.device.id, tuple(self._points[key] for key in keys))
        return self._layouts[keys]
