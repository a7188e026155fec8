"""The layout table: what packed rows mean, addressed by content so that a restart finds its layouts again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import apsw
import msgspec

from gateway.model import Layout, Point
from gateway.store.connection import rows
from gateway.store.errors import CorruptRow
from gateway.store.packing import Packing

_points = msgspec.json.Decoder(tuple[Point, ...])


def digest(device: str, points: bytes) -> bytes:
    return hashlib.sha256(device.encode() + b"\0" + points).digest()


class LayoutTable:
    """Layouts of one tele.db by number and by identity; the writer's side gives numbers to new ones.

    `known` are layouts already alive in this process: a stored one with the same content is represented by that very
    object, because layouts are compared by identity.
    """

    def __init__(self, known: Iterable[Layout] = ()) -> None:
        self._alive = {digest(layout.device, encode(layout)): layout for layout in known}
        self._by_number: dict[int, Packing] = {}
        self._by_layout: dict[Layout, Packing] = {}
        self._by_digest: dict[bytes, Packing] = {}
        self._devices: dict[str, int] = {}

    def load(self, connection: apsw.Connection, device: str | None = None) -> None:
        """Read what is stored, of one device or of all, and not known yet."""
        self._devices.update(rows(connection, "SELECT name, id FROM device"))
        newest = max(self._by_number, default=0)
        stored = rows(
            connection,
            "SELECT layout.id, digest, name, points FROM layout JOIN device ON device.id = layout.device"
            " WHERE layout.id > ? AND name = ifnull(?, name)",
            (newest, device),
        )
        for number, mark, owner, points in stored:
            if digest(owner, points.encode()) != mark:
                raise CorruptRow(f"the layout {number} of {owner} is damaged")
            layout = self._alive.get(mark) or Layout(owner, _points.decode(points))
            self._remember(Packing(layout, number), mark)

    def use(self, known: Iterable[Layout]) -> None:
        """Let these objects represent stored layouts of the same content from now on."""
        for layout in known:
            mark = digest(layout.device, encode(layout))
            self._alive[mark] = layout
            if (old := self._by_digest.get(mark)) is not None:
                self._remember(Packing(layout, old.number), mark)

    def _remember(self, packing: Packing, mark: bytes) -> None:
        self._by_number[packing.number] = self._by_digest[mark] = packing
        self._by_layout[packing.layout] = packing

    def of(self, layout: Layout) -> Packing:
        """The packing of a live layout. A new one gets the next number, to be stored before the first of its rows."""
        packing = self._by_layout.get(layout)
        if packing is None:
            points = encode(layout)
            mark = digest(layout.device, points)
            if (same := self._by_digest.get(mark)) is not None:
                packing = self._by_layout[layout] = Packing(layout, same.number)
            else:
                packing = Packing(layout, max(self._by_number, default=0) + 1)
                self._remember(packing, mark)
                self._devices.setdefault(layout.device, len(self._devices) + 1)
        return packing

    def numbered(self, number: int) -> Packing:
        """The packing of a stored layout; CorruptRow when there is none."""
        try:
            return self._by_number[number]
        except KeyError:
            raise CorruptRow(f"a row names layout {number}, which is not stored") from None

    def __contains__(self, number: int) -> bool:
        return number in self._by_number

    def packings(self) -> Iterable[tuple[int, Packing]]:
        """Every stored layout known, by number."""
        return self._by_number.items()

    def number_of(self, device: str) -> int | None:
        """The number of a device that has layouts."""
        return self._devices.get(device)


def store(connection: apsw.Connection, layout: Layout, number: int, device: int) -> None:
    """Write a layout and its device under their numbers; again for the same ones is harmless."""
    points = encode(layout)
    rows(connection, "INSERT OR IGNORE INTO device (id, name) VALUES (?, ?)", (device, layout.device))
    rows(
        connection,
        "INSERT OR IGNORE INTO layout (id, digest, device, points) VALUES (?, ?, ?, ?)",
        (number, digest(layout.device, points), device, points.decode()),
    )


def encode(layout: Layout) -> bytes:
    return msgspec.json.encode(layout.points)
