"""What a sender and its link did since start, counted; health draws the conclusions."""

from __future__ import annotations

from collections import Counter

from gateway.model import LINK_COUNTS, ErrorKind, Instant, LinkError, UnitReport


class LinkTally:
    """The counts of one MQTT link."""

    __slots__ = LINK_COUNTS

    def __init__(self) -> None:
        for name in LINK_COUNTS:
            setattr(self, name, 0)

    messages: int
    quarantined: int
    duplicates: int
    conflicts: int
    unknown_device: int
    retained: int
    history: int
    clock: int
    ignored_fields: int
    missed: int
    restarts: int
    gaps: int
    overflows: int

    def counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in LINK_COUNTS}


class UnitTally:
    """The counts of one sender. A poll is a message; good is one that gave samples."""

    def __init__(self, name: str, devices: tuple[str, ...]) -> None:
        self._name = name
        self._devices = devices
        self._errors: Counter[ErrorKind] = Counter()
        self._error: LinkError | None = None
        self._last_error: LinkError | None = None
        self._last_good: Instant | None = None
        self._available: bool | None = None
        self._available_at_ns: int | None = None
        self._told: UnitReport | None = None
        self._marks: tuple[object, ...] = ()
        self.polls = 0
        self.good = 0

    @property
    def available(self) -> bool | None:
        return self._available

    def alive(self, at: Instant) -> None:
        """It has said something that is true now."""
        self._last_good = at

    def well(self) -> None:
        """The last message was as it should be."""
        self._error = None

    def said(self, available: bool, at: Instant) -> bool:
        """Its availability topic has spoken, in the order of receipt; True when that is news."""
        news = available is not self._available
        self._available, self._available_at_ns = available, at.mono_ns
        return news

    def failed(self, kind: ErrorKind, message: str, at: Instant) -> bool:
        """A message was not as it should be; True when that is news."""
        self._errors[kind] += 1
        news = self._error is None or self._error.kind is not kind
        self._error = self._last_error = LinkError(kind, message, at.wall_ns)
        return news

    def report(self) -> UnitReport:
        """The same object as before when nothing has happened: most of a thousand senders are silent in a second."""
        marks = (self.polls, self._available_at_ns, self._last_good, self._last_error)
        if self._told is not None and marks == self._marks:
            return self._told
        self._marks = marks
        self._told = UnitReport(
            name=self._name,
            unit=None,
            devices=self._devices,
            available=self._available,
            available_at_ns=self._available_at_ns,
            polls=self.polls,
            good=self.good,
            errors=dict(self._errors),
            error=self._error,
            last_error=self._last_error,
            last_good_mono_ns=self._last_good.mono_ns if self._last_good else None,
            last_good_wall_ns=self._last_good.wall_ns if self._last_good else None,
        )
        return self._told
