"""One finding of the doctor: how bad it is, what it is, and how to mend it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from gateway.model import Text
from gateway.texts import both, joined, texts


class Level(StrEnum):
    """`fails`: something does not work, or will not through the night. `unknown`: it could not be looked at."""

    FINE = "fine"
    UNKNOWN = "unknown"
    WARNS = "warns"
    FAILS = "fails"


class Finding(NamedTuple):
    check: str  # clock, disk, data, port, serial, broker, historian, webhook, device, gateway, config
    level: Level
    what: Text
    mend: Text | None

    def line(self, language: str) -> str:
        """One line for a terminal."""
        said = self.what if self.mend is None else joined([self.what, self.mend])
        return f"{self.level.value:7} {self.check}: {said.in_language(language)}"

    def body(self) -> dict[str, Any]:
        """The same for a program."""
        return {
            "check": self.check,
            "level": self.level.value,
            "what": self.what._asdict(),
            "mend": None if self.mend is None else self.mend._asdict(),
        }


def found(level: Level, check: str, key: str, **places: object) -> Finding:
    """The texts `doctor_<key>` and, where there is one, `doctor_<key>_mend`."""
    mend = f"doctor_{key}_mend"
    return Finding(check, level, both(f"doctor_{key}", **places), both(mend, **places) if mend in texts() else None)


def fine(check: str, key: str, **places: object) -> Finding:
    return found(Level.FINE, check, key, **places)


def unknown(check: str, key: str, **places: object) -> Finding:
    return found(Level.UNKNOWN, check, key, **places)


def warns(check: str, key: str, **places: object) -> Finding:
    return found(Level.WARNS, check, key, **places)


def fails(check: str, key: str, **places: object) -> Finding:
    return found(Level.FAILS, check, key, **places)
