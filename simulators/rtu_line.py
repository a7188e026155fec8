"""A serial line as its only listener hears it: characters take their time, and who talks at once spoils both."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

AT_ONCE = 16
"""Characters that a UART hands on together."""
GAP_CHARACTERS = 3.5
UNPACED_GAP = 0.002
"""What ends a question on a line whose characters take no time, s."""
FAST_GAP = 0.00175
FAST_BAUD = 19_200


class _Speech:
    """Bytes on their way; `spoilt` when somebody else talks too."""

    def __init__(self) -> None:
        self.timers: list[asyncio.TimerHandle] = []
        self.spoilt = False


class RtuLine:
    """Paced by `baud` with `bits` per character (None: all at once); `hear` gets what arrives at the listener."""

    def __init__(self, baud: int | None, bits: int, rng: random.Random, hear: Callable[[bytes], None]) -> None:
        self._character = 0.0 if baud is None else bits / baud
        self.gap = UNPACED_GAP if baud is None else FAST_GAP if baud > FAST_BAUD else GAP_CHARACTERS * self._character
        self._rng = rng
        self._hear = hear
        self._speeches: set[_Speech] = set()

    def seconds(self, count: int) -> float:
        """How long so many characters take."""
        return count * self._character

    @property
    def busy(self) -> bool:
        """Somebody is talking."""
        return bool(self._speeches)

    def say(self, content: bytes) -> float:
        """Put bytes on the line, now; how long they take. Whoever is talking already is spoilt, and so is this."""
        if not self._character:
            self._hear(content)
            return 0.0
        speech = _Speech()
        if self._speeches:
            speech.spoilt = True
            for other in self._speeches:
                other.spoilt = True
        self._speeches.add(speech)
        loop = asyncio.get_running_loop()
        for start in range(0, len(content), AT_ONCE):
            piece = content[start : start + AT_ONCE]
            due = self.seconds(start + len(piece))
            speech.timers.append(loop.call_later(due, self._arrived, speech, piece))
        speech.timers.append(loop.call_later(self.seconds(len(content)), self._over, speech))
        return self.seconds(len(content))

    def _arrived(self, speech: _Speech, piece: bytes) -> None:
        if speech.spoilt:
            mask = self._rng.randbytes(len(piece))
            piece = bytes(one ^ other for one, other in zip(piece, mask, strict=True))
        self._hear(piece)

    def _over(self, speech: _Speech) -> None:
        self._speeches.discard(speech)

    def hush(self) -> None:
        """Nobody talks any more."""
        for speech in self._speeches:
            for timer in speech.timers:
                timer.cancel()
        self._speeches.clear()
