"""API tokens and roles. Only the SHA-256 of a token is kept: 128 random bits need no slow hash."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from enum import IntEnum

PREFIX = "anlou_"
_TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{22,64}}")


class Role(IntEnum):
    """Each may do what those below it may."""

    VIEWER = 1
    OPERATOR = 2
    ENGINEER = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Role:
        """ValueError for a word that is no role."""
        for role in cls:
            if role.word == word:
                return role
        raise ValueError(f"one of {', '.join(role.word for role in cls)} is expected, got {word!r}")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls, as far as a token says."""

    name: str
    role: Role


def make_token() -> str:
    """A new token; show it once, keep `token_hash` of it."""
    return PREFIX + secrets.token_urlsafe(16)


def is_token(text: str) -> bool:
    """It has the shape of a token."""
    return _TOKEN.fullmatch(text) is not None


def token_hash(token: str) -> bytes:
    """What the store keeps and looks up."""
    return hashlib.sha256(token.encode()).digest()
