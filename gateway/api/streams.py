"""Who listens to the live stream, and the one task that makes its frames: once per change, whoever listens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import anyio

from gateway.api.frames import Piece, pieces
from gateway.api.house import House
from gateway.api.metrics import Family, single
from gateway.api.points import PointTexts
from gateway.api.problems import Problem
from gateway.bus import Bus, Change, Subscription

log = logging.getLogger("anlou.api")

MOST_STREAMS = 32
MOST_PER_USER = 8
QUEUED_CHANGES = 10_000
QUEUED_BYTES = 768 * 1024  # of one stream; with what its socket holds it stays under 1 MiB
AT_ONCE = 8  # frames made before the listeners may take them
TRY_AGAIN = {"Retry-After": "5"}


@dataclass(frozen=True, slots=True)
class Pace:
    """Host seconds. Within `recheck` and `taking` together a revoked token ends its streams: a minute at most."""

    ping: float = 15.0
    recheck: float = 45.0
    taking: float = 10.0  # for a caller to take what is written
    together: float = 0.05  # what comes closer than this goes out in one piece
    points: float = 1.0

    @classmethod
    def within(cls, request_seconds: float) -> Pace:
        """The usual one, but no more patience than other answers get."""
        usual = cls()
        return replace(usual, taking=min(usual.taking, request_seconds))


class Seat:
    """One listener's place. `end` lets go of it at once, whatever it waits for; the first reason counts."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.reason: str | None = None
        self.scope = anyio.CancelScope()

    def end(self, reason: str) -> None:
        if self.reason is None:
            self.reason = reason
            self.scope.cancel()


class Streams:
    """The live streams of one server. `run` must run while there are any."""

    def __init__(self, house: House, pace: Pace) -> None:
        self.pace = pace
        self.points = PointTexts(house)
        self._house = house
        self._pieces: Bus[Piece] = Bus(weigh=_weight)
        self._seats: set[Seat] = set()
        self._closing = False
        self._opened = 0
        self._ended: Counter[str] = Counter()

    @contextlib.contextmanager
    def enter(self, user: str) -> Iterator[Seat]:
        """A seat for the length of the block. Problem 429 or 503 when there is none."""
        if self._closing:
            raise Problem(503, "the gateway is stopping", headers=TRY_AGAIN)
        if sum(seat.user == user for seat in self._seats) >= MOST_PER_USER:
            raise Problem(429, f"at most {MOST_PER_USER} live streams for one token", headers=TRY_AGAIN)
        if len(self._seats) >= MOST_STREAMS:
            raise Problem(503, f"all {MOST_STREAMS} live streams are taken", headers=TRY_AGAIN)
        seat = Seat(user)
        self._seats.add(seat)
        self._opened += 1
        try:
            yield seat
        finally:
            self._seats.discard(seat)
            self._ended[seat.reason or "gone"] += 1

    @contextlib.contextmanager
    def join(self, seat: Seat) -> Iterator[Subscription[Piece, None]]:
        """Every frame from now on. A listener that leaves too many waiting is let go of."""
        joined = self._pieces.subscribe(lambda: None, QUEUED_BYTES, lambda: seat.end("slow"))
        try:
            yield joined
        finally:
            joined.close()

    def close(self) -> None:
        """Let go of all, and take no more."""
        self._closing = True
        self._end_all("stopping")

    async def run(self) -> None:
        """Make frames of the house's changes, for ever."""
        changes = self._house.changes.subscribe(lambda: None, QUEUED_CHANGES)
        missed = 0
        try:
            async for change in changes:
                if changes.dropped > missed:
                    missed = changes.dropped
                    self._end_all("behind")  # they come back, and the journal tells them what we did not
                await self._tell(change)
        finally:
            changes.close()

    def families(self) -> Iterator[Family]:
        """What /metrics shows of them."""
        yield single("anlou_streams", "gauge", "Live streams open.", len(self._seats))
        yield single("anlou_streams_opened_total", "counter", "Live streams opened.", self._opened)
        ended = [({"reason": reason}, float(count)) for reason, count in sorted(self._ended.items())]
        yield Family("anlou_streams_ended_total", "counter", "Live streams ended by reason.", ended)

    async def _tell(self, change: Change) -> None:
        if not self._pieces.observed:
            return
        try:
            for made, piece in enumerate(pieces(change, self._house), 1):
                self._pieces.publish(piece)
                if made % AT_ONCE == 0:
                    await asyncio.sleep(0)
        except Exception:
            log.exception("a change cannot be shown")
            self._end_all("failed")
        await asyncio.sleep(0)

    def _end_all(self, reason: str) -> None:
        for seat in tuple(self._seats):
            seat.end(reason)


def _weight(piece: Piece) -> int:
    return len(piece.text)
