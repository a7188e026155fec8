"""Occurrence ids: ULIDs, so that they sort by the time of the raise. Time and chance are arguments."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from gateway.model import Instant

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_LENGTH = 26


def encode(milliseconds: int, chance: int) -> str:
    """48 bits of Unix milliseconds and 80 bits of chance as 26 characters."""
    number = (milliseconds & (1 << 48) - 1) << 80 | chance & (1 << 80) - 1
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LENGTH)))


def minter(bits: Callable[[int], int]) -> Callable[[Instant], str]:
    """A source of ids that draws its chance from `bits(n)`, n random bits."""
    return lambda now: encode(max(0, now.wall_ns // 1_000_000), bits(80))


ulid = minter(secrets.randbits)
