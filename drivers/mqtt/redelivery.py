"""What has been taken before: QoS 1 delivers at least once, and devices repeat themselves. Pure.

A record is known by its event id or its source time. Without either, only a message that the broker marks as delivered
again can be recognised: by its packet number, which it keeps (MQTT 5 §4.4), and its bytes. Bytes alone say nothing: a
detector that says `0` and `1` has said it all before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import Enum
from itertools import islice

from gateway.model import Frame, FrameKind, Layout, Value

REMEMBERED = 256
_CONTENTS = 16


class Seen(Enum):
    NEW = "new"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"  # the same event with another content: the first one stands
    REPLACES = "replaces"  # the same moment with another content: the last one stands


class Memory:
    """The newest records of one sender, at most `REMEMBERED` of each kind."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int | str], Sequence[Value]] = {}
        self._earlier: dict[tuple[int, int | str], list[Sequence[Value]]] = {}  # contents that were replaced
        self._numbers: dict[Layout, int] = {}
        self._contents: dict[tuple[str, tuple[str, ...]], int] = {}
        self._taken: dict[int, int] = {}  # packet number → what it was, newest last
        self._restored: Counter[tuple[int, tuple[Value, ...]]] = Counter()

    def judge(
        self,
        layout: Layout,
        source_ns: int | None,
        event_id: str | None,
        values: Sequence[Value],
        redelivered: bool = False,
    ) -> Seen:
        """What a record with a time or an id is; from now on it is remembered.

        A clock of whole seconds says several things at one moment: one that comes again unmarked is said again, and
        stands; one that the broker sends again was replaced already.
        """
        number = self._numbers.get(layout) or self._number(layout)
        known = self._known
        if event_id is not None:
            key: tuple[int, int | str] = (number, event_id)
            before = known.get(key)
            if before is not None:
                return Seen.DUPLICATE if before == values else Seen.CONFLICT
            self._keep(key, values)
            # a time that is known without an id comes from an earlier run, where ids were not kept
            before = None if source_ns is None else known.get((number, source_ns))
            if source_ns is not None and before != values:
                self._keep((number, source_ns), values)
            return Seen.DUPLICATE if before is not None and before == values else Seen.NEW
        if source_ns is None:
            return Seen.NEW
        key = (number, source_ns)
        before = known.get(key)
        if before is None:
            self._keep(key, values)
            return Seen.NEW
        if before == values or (redelivered and values in self._earlier.get(key, ())):
            return Seen.DUPLICATE
        self._keep(key, values)
        return Seen.REPLACES

    def message(self, topic: str, payload: bytes, mid: int, redelivered: bool) -> bool:
        """A message without time and id: True when it is one that was taken before. Remembered if not."""
        digest = hash((topic, payload))
        taken = self._taken
        if redelivered and taken.get(mid) == digest:
            return True
        taken.pop(mid, None)
        taken[mid] = digest
        if len(taken) > REMEMBERED:
            del taken[next(iter(taken))]
        return False

    def restored(self, layout: Layout, values: Sequence[Value]) -> bool:
        """A record without time and id of a redelivered message: True when an earlier run has stored its values.

        It may be another message that says the same: packet numbers are not stored.
        """
        key = (self._number(layout), tuple(values))
        if self._restored.get(key, 0) > 0:
            self._restored[key] -= 1
            return True
        return False

    def refill(self, frames: Sequence[Frame], since_ns: int) -> None:
        """What an earlier run has stored, newest first. What came before `since_ns` was acknowledged for certain."""
        for frame in reversed(frames[:REMEMBERED]):
            number = self._number(frame.layout)
            if frame.source_ns is not None:
                self._keep((number, frame.source_ns), list(frame.values))
            elif frame.kind is not FrameKind.INITIAL and frame.at.mono_ns >= since_ns:  # restated is not received
                self._restored[number, tuple(frame.values)] += 1

    def _keep(self, key: tuple[int, int | str], values: Sequence[Value]) -> None:
        known = self._known
        if key in known:
            self._earlier[key] = [*self._earlier.get(key, ()), known[key]][-_CONTENTS:]
        known[key] = values
        if len(known) > REMEMBERED:
            oldest = next(iter(known))
            del known[oldest]
            self._earlier.pop(oldest, None)

    def _number(self, layout: Layout) -> int:
        """Layouts of equal content are one: those that the store gives back are objects of their own."""
        number = self._numbers.get(layout)
        if number is None:
            content = (layout.device, tuple(point.key for point in layout.points))
            number = self._contents.setdefault(content, len(self._contents) + 1)
            self._numbers[layout] = number
            while len(self._numbers) > 4 * REMEMBERED:
                del self._numbers[next(iter(islice(self._numbers, 1)))]
        return number
