"""One sender on a link, a device or a module: what its messages become, and what is known of it. No I/O."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from drivers.assign import UnitAssignment
from drivers.mqtt.lateness import Lateness, Verdict, settled
from drivers.mqtt.redelivery import Memory, Seen
from drivers.mqtt.sequence import Sequence as Numbers
from drivers.mqtt.tally import LinkTally, UnitTally
from gateway.model import SECOND, ErrorKind, Frame, FrameKind, Instant, Layout, Quality, Value

if TYPE_CHECKING:
    from drivers.mqtt.codec import Decoded, Record
    from drivers.mqtt.packet import Arrived

_LAYOUTS, _LAYOUTS_OF_CHANGES = 256, 4096


class Codec(Protocol):
    """What a unit needs of its decoder; `DeviceCodec` is one."""

    topics: frozenset[str]
    availability_topic: str | None
    layouts: tuple[Layout, ...]

    def decode(self, topic: str, payload: bytes) -> Decoded: ...
    def blind(self) -> list[Layout]: ...


class _Known(NamedTuple):
    """The newest values of a layout; `number` says what came later."""

    values: Sequence[Value]
    quality: Sequence[int] | None
    number: int


class Unit:
    """State of one sender between messages; the driver brings them, this says what they are."""

    def __init__(
        self, assignment: UnitAssignment, codec: Codec, link: LinkTally, duplicates: Callable[[int], None]
    ) -> None:
        spec = assignment.spec
        self.name = spec.name
        self.devices = assignment.devices
        self.codec = codec
        self.tally = UnitTally(spec.name, assignment.devices)
        # nothing periodic is expected of it: what it said last holds until it says something else
        self.event_driven = spec.poll_ns == 0
        self._period_ns = spec.poll_ns
        self._of_changes = _of_changes(assignment)
        self._points = {(each.layout.device, point.key) for each in assignment.feeds for point in each.layout.points}
        self._lasts: dict[Layout, bool] = {}
        self._parts: dict[tuple[Layout, tuple[int, ...]], Layout] = {}
        self.quiet_ns = min(SECOND, spec.poll_ns // 2) if spec.poll_ns else SECOND
        self._link = link
        self._duplicates = duplicates
        self._lateness = Lateness()
        self._memory = Memory()
        self._numbers = Numbers()
        self._known: dict[Layout, _Known] = {}
        self._number = 0
        self._current: set[Layout] = set()  # said since the link was lost, or since start
        self._waiting: set[Layout] = set()  # came late, and nothing newer is known: to be said when nothing follows
        self.heard_ns = 0

    def take(self, message: Arrived, at: Instant, drained: bool) -> list[Frame]:
        """The frames of a message, none when it brings nothing new. Poison, or whatever else the codec raises."""
        tally = self.tally
        tally.polls += 1
        self.heard_ns = at.mono_ns
        decoded = self.codec.decode(message.topic, message.payload)
        tally.good += 1
        if decoded.ignored_fields:
            self._link.ignored_fields += decoded.ignored_fields
        if decoded.available is not None:
            tally.said(decoded.available, at)
        if decoded.number is not None and not message.retain:
            self._counted(decoded.number)
        records = decoded.records
        if records and message.qos and not message.retain and self._come_again(message, records):
            return []
        frames: list[Frame] = []
        odd: str | None = None
        for record in records:
            layout, source_ns, doubtful = record.layout, record.source_ns, False
            if record.later_ns is not None:
                source_ns, doubtful = settled(record.source_ns, record.later_ns, at)
                record = record._replace(source_ns=source_ns)  # noqa: PLW2901 - the same record, with one time
            if (source_ns is not None or record.event_id is not None) and not self._new(record, message):
                continue
            verdict = self._lateness.judge(
                layout,
                source_ns,
                at,
                odd=record.odd_time is not None,
                history=record.history,
                drained=drained,
                retained=message.retain,
            )
            if verdict.odd:
                self._link.clock += 1
                odd = record.odd_time or _moment(source_ns)
            elif doubtful:
                verdict = verdict._replace(quality=verdict.quality or Quality.UNCERTAIN_CLOCK)
            frames.append(self._frame(record, verdict, at))
        self._concluded(frames, odd, at)
        return frames

    def _counted(self, number: int) -> None:
        """What the sender's own count says of messages that never came."""
        missed, restarts = self._numbers.missed, self._numbers.restarts
        self._numbers.heard(number)
        self._link.missed += self._numbers.missed - missed
        self._link.restarts += self._numbers.restarts - restarts

    def _come_again(self, message: Arrived, records: Sequence[Record]) -> bool:
        """A message without times and ids that was taken before: only its packet number and its bytes tell."""
        if any(record.source_ns is not None or record.event_id is not None for record in records):
            return False
        again = self._memory.message(message.topic, message.payload, message.mid, message.dup)
        if message.dup and not again and all(self._memory.restored(one.layout, one.values) for one in records):
            again = True
            for record in records:  # it may be another one that says the same; either way it says how things stand
                self._know(record.layout, record.values, record.quality)
                self._waiting.add(record.layout)
        if again:
            for record in records:
                self._dropped(record)
            self.tally.well()
        return again

    def _new(self, record: Record, message: Arrived) -> bool:
        seen = self._memory.judge(record.layout, record.source_ns, record.event_id, record.values, message.dup)
        if seen is Seen.NEW:
            return True
        if seen is Seen.REPLACES:
            self._link.conflicts += 1
            return True
        if seen is Seen.CONFLICT:
            self._link.conflicts += 1
        elif message.retain and record.layout not in self._current:
            return True  # stored before, but in this run nobody has said it yet
        self._dropped(record)
        return False

    def _dropped(self, record: Record) -> None:
        self._link.duplicates += 1
        self._duplicates(len(record.values))

    def _frame(self, record: Record, verdict: Verdict, at: Instant) -> Frame:
        layout, values, quality = record.layout, record.values, record.quality
        if verdict.quality:
            quality = _graded(quality, len(values), verdict.quality)
        if verdict.kind is FrameKind.HISTORY:
            self._link.history += 1
            if not record.history and (verdict.source_ns is None or self._still_holds(layout, verdict, at)):
                self._waiting.add(layout)
                self._know(layout, values, quality)
            elif not record.history and verdict.source_ns is not None:
                self._overtaken(layout, values, quality, verdict.source_ns)
        else:
            self._current.add(layout)
            if self._waiting or self._lasting(layout):
                self._know(layout, values, quality)
                self._waiting.discard(layout)
        return Frame(layout, values, at, quality, verdict.source_ns, verdict.kind)

    def _overtaken(
        self, layout: Layout, values: Sequence[Value], quality: Sequence[int] | None, source_ns: int
    ) -> None:
        """Older than another message, which need not have said all of this: a fire that is sent again behind a sign of
        life, or just after the panel's clock was set back, still burns."""
        columns = tuple(i for i in self._lateness.unsurpassed(layout, source_ns) if self._is_of_changes(layout, i))
        if not columns:
            return
        part = self._parts.get((layout, columns))
        if part is None:
            part = Layout(layout.device, tuple(layout.points[i] for i in columns))
            self._parts[layout, columns] = part
        self._lateness.accepted(part, source_ns)
        self._waiting.add(part)
        self._know(part, [values[i] for i in columns], None if quality is None else [quality[i] for i in columns])

    def _is_of_changes(self, layout: Layout, column: int) -> bool:
        return self.event_driven or (layout.device, layout.points[column].key) in self._of_changes

    def _still_holds(self, layout: Layout, verdict: Verdict, at: Instant) -> bool:
        """Late, but no older than what may pass between two messages: unless something newer follows, it is what is."""
        if not verdict.newest or verdict.source_ns is None:
            return False
        return self._lasting(layout) or at.wall_ns - verdict.source_ns <= self._period_ns

    @property
    def has_changes(self) -> bool:
        """It speaks regularly, but of some points only when they change."""
        return bool(self._of_changes) and not self.event_driven

    def _lasting(self, layout: Layout) -> bool:
        """Some point of it is said only when it changes: what it said last holds until it says something else."""
        if self.event_driven:
            return True
        if not self._of_changes:
            return False
        lasts = self._lasts.get(layout)
        if lasts is None:
            lasts = any((layout.device, point.key) in self._of_changes for point in layout.points)
            self._lasts[layout] = lasts
        return lasts

    def _know(self, layout: Layout, values: Sequence[Value], quality: Sequence[int] | None) -> None:
        self._number += 1
        self._known[layout] = _Known(values, quality, self._number)

    def _concluded(self, frames: Sequence[Frame], odd: str | None, at: Instant) -> None:
        tally = self.tally
        if frames:
            kind = frames[-1].kind
            if kind is FrameKind.LIVE or (kind is FrameKind.INITIAL and self.event_driven):
                tally.alive(at)
        if odd is not None:
            tally.failed(ErrorKind.DECODE, f"its clock cannot be believed: it says {odd}", at)
        else:
            tally.well()

    # the link

    def blind(self, at: Instant) -> list[Frame]:
        """The link is lost: nothing is known of any point."""
        self._current.clear()
        self._waiting.clear()
        return [
            Frame(layout, [None] * len(layout.points), at, [int(Quality.BAD_COMM)] * len(layout.points))
            for layout in self.codec.blind()
        ]

    def interrupted(self) -> None:
        """Messages may be missing: what was known may not hold any more."""
        self._known.clear()
        self._waiting.clear()

    @property
    def waits(self) -> bool:
        """The newest values of a backlog have not been said as present ones."""
        return bool(self._waiting)

    def silent(self, now_ns: int) -> bool:
        """Nothing has followed its last message for as long as a backlog never pauses."""
        return now_ns - self.heard_ns >= self.quiet_ns

    def caught_up(self, at: Instant) -> list[Frame]:
        """The newest values of its backlog so far, as the present ones."""
        layouts, self._waiting = self._waiting, set()
        return self._said_again(layouts, at)

    def resumed(self, at: Instant) -> list[Frame]:
        """The backlog is over, and nothing is missing: what was said of points that change seldom still holds."""
        layouts = set(self._waiting)
        if self.tally.available is not False:
            layouts |= {layout for layout in self._known.keys() - self._current if self._lasting(layout)}
        self._waiting.clear()
        frames = self._said_again(layouts, at)
        if frames and self.event_driven:
            self.tally.alive(at)
        return frames

    def _said_again(self, layouts: Iterable[Layout], at: Instant) -> list[Frame]:
        """One frame for each layout with the newest value of every point, whichever layout that came in."""
        newest: dict[tuple[str, str], tuple[Value, int]] = {}
        for layout, known in sorted(self._known.items(), key=lambda item: item[1].number):
            for column, point in enumerate(layout.points):
                quality = known.quality[column] if known.quality is not None else 0
                newest[layout.device, point.key] = known.values[column], quality
        frames: list[Frame] = []
        said: set[tuple[str, str]] = set()
        for layout in sorted(layouts, key=lambda one: (-len(one.points), self._known[one].number)):
            keys = [(layout.device, point.key) for point in layout.points]
            self._current.add(layout)
            if said.issuperset(keys):
                continue
            said.update(keys)
            frames.append(
                Frame(
                    layout,
                    [newest[key][0] for key in keys],
                    at,
                    [q if (q := newest[key][1]) >= Quality.BAD_COMM else Quality.UNCERTAIN_BACKLOG for key in keys],
                    kind=FrameKind.INITIAL,
                )
            )
        return frames

    # an earlier run

    def recall(self, stored: Mapping[str, Sequence[Frame]], since_ns: int) -> bool:
        """What the store holds of its devices, newest first; nothing else counts as stored from now on.

        What came before `since_ns` was acknowledged. The answer is whether any of it came from here: devices have their
        health, and may have points of other links.
        """
        self._memory = Memory()
        most = _LAYOUTS_OF_CHANGES if self.has_changes else _LAYOUTS
        for frames in stored.values():
            self._memory.refill(frames, since_ns)
            for frame in reversed(frames):
                if frame.source_ns is not None and frame.kind is not FrameKind.HISTORY:
                    self._lateness.accepted(frame.layout, frame.source_ns)
                if len(self._known) < most and _holds(frame):
                    self._know(frame.layout, frame.values, frame.quality)
        return any(map(self._came_from_here, itertools.chain.from_iterable(stored.values())))

    def _came_from_here(self, frame: Frame) -> bool:
        lost = frame.quality is not None and all(quality == Quality.BAD_COMM for quality in frame.quality)
        return not lost and any((frame.layout.device, point.key) in self._points for point in frame.layout.points)


def _of_changes(assignment: UnitAssignment) -> frozenset[tuple[str, str]]:
    """(device, point) of those that are said only when they change, while their sender speaks regularly."""
    readings, keys = assignment.spec.profile.readings, assignment.keys
    return frozenset(
        (feed.layout.device, point.key)
        for feed in assignment.feeds
        for point, pick in zip(feed.layout.points, feed.picks, strict=True)
        if readings[keys[pick]].every_ns == 0
    )


def _holds(frame: Frame) -> bool:
    """It says what is, or was when it came: no record of an earlier time, and no lost link."""
    if frame.kind is FrameKind.HISTORY and frame.source_ns is not None:
        return False
    return frame.quality is None or any(quality != Quality.BAD_COMM for quality in frame.quality)


def _graded(quality: Sequence[int] | None, size: int, uncertain: int) -> list[int]:
    if quality is None:
        return [uncertain] * size
    return [one or uncertain for one in quality]


def _moment(source_ns: int | None) -> str:
    if source_ns is None:
        return "nothing"
    try:
        return datetime.fromtimestamp(source_ns // SECOND, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return f"{source_ns} ns"
