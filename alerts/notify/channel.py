"""What a channel is: it takes one notice with its idempotency key and answers what became of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from gateway.model import Notice


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """It may work later; `after_ns` is the receiver's own wish."""

    why: str
    after_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """It will not work as it is: the receiver says no, or the address is not allowed."""

    why: str


Outcome = Delivered | Retry | Refused


class Channel(Protocol):
    """One way to tell people. At least once is the promise: `send` may be called again with the same notice.

    `key` is the notice's own, the same on all channels; `idempotency_key` adds whom it goes to.
    """

    @property
    def name(self) -> str: ...
    async def send(self, notice: Notice, key: str) -> Outcome: ...
    async def close(self) -> None: ...


def idempotency_key(gateway: str, notice: Notice, channel: str, recipient: str) -> str:
    """Equal for every attempt to tell one recipient one thing; the receiver may drop a second one.

    What is said again of the same row (a repetition) is another thing.
    """
    row = f"{notice.seq}-{notice.reason}-{notice.step}" if notice.step else str(notice.seq)
    return hashlib.sha256(
        "|".join((gateway, notice.occurrence.occurrence, row, channel, recipient)).encode()
    ).hexdigest()


def about(notice: Notice) -> tuple[str, ...]:
    """The occurrences that it tells of: a digest's are many. What comes later of any of them waits for it."""
    also = notice.body.get("occurrences", ())
    return tuple(dict.fromkeys((notice.occurrence.occurrence, *also)))
