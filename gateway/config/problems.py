"""What is wrong with a configuration, said at its place: `file:line:col: message`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

LONGEST_MESSAGE = 600
_USER_INFO = re.compile(r"://[^/@\s'\"]*@")  # a password in an address is not told further


class Problem(NamedTuple):
    """One sentence about one place. Lines and columns count from 1; both 0 mean the file as a whole."""

    file: str
    line: int
    col: int
    message: str

    def __str__(self) -> str:
        place = f":{self.line}:{self.col}" if self.line else ""
        return f"{printable(self.file)}{place}: {self.message}"


class ConfigErrors(Exception):  # noqa: N818 - it carries errors; it is one refusal of one configuration
    """A configuration that is refused, with everything that is wrong in it, sorted by place and without repeats."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tidy(problems)
        super().__init__("\n".join(map(str, self.problems)))


def tidy(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sorted by file and place, without repeats."""
    return tuple(sorted(set(problems)))


def printable(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """`text` as one line that cannot move a cursor, turn its direction or flood a screen."""
    cut = text if len(text) <= longest else f"{text[:longest]}…"
    return _USER_INFO.sub("://…@", "".join(map(_escaped, cut)))


def quoted(value: object, longest: int = 60) -> str:
    """A value as the reader wrote it, short enough for a sentence."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value if len(value) <= longest else f"{value[:longest]}…")
    return printable(str(value), longest)


def _escaped(character: str) -> str:
    return character if character.isprintable() else f"\\u{ord(character):04x}"
