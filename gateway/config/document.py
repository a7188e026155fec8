"""A YAML file as plain values, with the line and column of every key and value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.config.characters import place_of
from gateway.config.problems import Problem, printable
from gateway.config.source import Source

Key = str | int | float | bool
Path = tuple[Key, ...]


class Mark(NamedTuple):
    """Where a key and its value begin, counted from 1. An item of a list has its value's mark for its key."""

    key_line: int
    key_col: int
    line: int
    col: int


@dataclass(slots=True)
class Document:
    """`marks` maps the path of every value to its mark; `problems` are those of the YAML itself, at `faulty` paths.

    A value that has a problem stands as None in `value`, so that the rest can still be checked.
    """

    source: Source
    value: Any = None
    marks: dict[Path, Mark] = field(default_factory=dict)
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
        while known and known not in self.marks:
            known = known[:-1]
        return known

    def at_key(self, path: Iterable[Key], message: str) -> Problem:
        """A problem with the key at `path`, or with the nearest thing above it that stands in the file."""
        mark = self._mark(path)
        return Problem(self.file, mark.key_line, mark.key_col, printable(message))

    def at_value(self, path: Iterable[Key], message: str) -> Problem:
        """A problem with the value at `path`, or with the key of the nearest thing above it.

        Below a text a number is the place of one of its characters, counted from 0.
        """
        wanted = tuple(path)
        if wanted not in self.marks:
            inside = wanted and isinstance(wanted[-1], int) and isinstance(self._value(wanted[:-1]), str)
            return self._at_character(wanted, message) if inside else self.at_key(wanted, message)
        mark = self.marks[wanted]
        return Problem(self.file, mark.line, mark.col, printable(message))

    def _at_character(self, path: Path, message: str) -> Problem:
        mark, text, offset = self.marks[path[:-1]], self._value(path[:-1]), path[-1]
        place = place_of(self.source.text, mark.line, mark.col, text, int(offset)) if "${" not in text else None
        if place is None:
            place, message = (mark.line, mark.col), f"{message} (at character {int(offset) + 1} of this text)"
        return Problem(self.file, *place, printable(message))

    def _value(self, path: Path) -> Any:
        if path not in self.marks:
            return None
        value = self.value
        for step in path:
            value = value[step]
        return value

    def line_of(self, path: Iterable[Key]) -> str:
        """`line 12`, where the key at `path` stands."""
        return f"line {self._mark(path).key_line}"

    def _mark(self, path: Iterable[Key]) -> Mark:
        return self.marks.get(self.nearest(path), Mark(1, 1, 1, 1))
