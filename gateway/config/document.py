"""A YAML file as plain values, with the line and column of every key and value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.config.problems import Problem, printable
from gateway.config.source import Source

Key = str | int | float | bool
Path = tuple[Key, ...]


class Place(NamedTuple):
    """Where a key and its value begin, counted from 1. An item of a list has its value's place for its key."""

    key_line: int
    key_col: int
    line: int
    col: int


@dataclass(slots=True)
class Document:
    """`places` maps the path of every value to its place; `problems` are those of the YAML itself, at `faulty` paths.

    A value that has a problem stands as None in `value`, so that the rest can still be checked.
    """

    source: Source
    value: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    faulty: list[Path] = field(default_factory=list)

    @property
    def file(self) -> str:
        return self.source.name

    def is_faulty(self, path: Path) -> bool:
        """Whether the YAML at `path` or inside it has a problem, so that a judgement of its value says nothing."""
        return bool(path) and any(faulty[: len(path)] == path for faulty in self.faulty)

    def nearest(self, path: Iterable[Key]) -> Path:
        """The longest beginning of `path` that stands in the file."""
        known = tuple(path)
        while known and known not in self.places:
            known = known[:-1]
        return known

    def at_key(self, path: Iterable[Key], message: str) -> Problem:
        """A problem with the key at `path`, or with the nearest thing above it that stands in the file."""
        place = self._place(path)
        return Problem(self.file, place.key_line, place.key_col, printable(message))

    def at_value(self, path: Iterable[Key], message: str) -> Problem:
        """A problem with the value at `path`, or with the key of the nearest thing above it."""
        wanted = tuple(path)
        if wanted not in self.places:
            return self.at_key(wanted, message)
        place = self.places[wanted]
        return Problem(self.file, place.line, place.col, printable(message))

    def line_of(self, path: Iterable[Key]) -> str:
        """`line 12`, or `FILE line 12` for the eyes of another file's reader."""
        return f"line {self._place(path).key_line}"

    def _place(self, path: Iterable[Key]) -> Place:
        return self.places.get(self.nearest(path), Place(1, 1, 1, 1))
