"""A buffer before paho's socket, out of which messages are cut without paho."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Any

from drivers.mqtt.packet import Arrived, cut

_CHUNK = 16 * 1024


class Buffered:
    """paho's socket with a buffer: paho asks for a packet in three or four pieces, each a system call without it."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._bytes = b""
        self._at = 0

    def recv(self, size: int) -> bytes:
        at = self._at
        if at == len(self._bytes):
            self._bytes, self._at = b"", 0  # before asking: it may raise, and what was read must not be read again
            self._bytes = self._inner.recv(_CHUNK)
            at = 0
        piece = self._bytes[at : at + size]
        self._at = at + len(piece)
        return piece

    def fill(self) -> bool:
        """Read if nothing is here; False when nothing has come, or it is for paho to find out why."""
        if self._at < len(self._bytes):
            return True
        with suppress(OSError):  # above all: nothing is there yet, TLS wants more
            self._bytes, self._at = b"", 0
            self._bytes = self._inner.recv(_CHUNK)
        return bool(self._bytes)

    def message(self) -> Arrived | None:
        """The next packet, if it is a message and all of it is here."""
        found = cut(self._bytes, self._at)
        if found is None:
            return None
        message, self._at = found
        return message

    def pending(self) -> int:
        """Bytes that are here already, and for which no socket will become readable."""
        here = len(self._bytes) - self._at
        if not here and isinstance(self._inner, ssl.SSLSocket):
            return self._inner.pending()
        return here

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
