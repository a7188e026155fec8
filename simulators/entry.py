"""Strict reading of YAML: every value knows its file and line, and every error says both."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_MEASURE = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(\S.*)?")


class SourceError(ValueError):
    """A scenario or wiring file says something that cannot be; the message begins with `file:line:`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a file, and where it stands."""

    value: Any
    file: str
    line: int
    path: str = ""

    def fail(self, message: str) -> NoReturn:
        where = f"{self.path}: " if self.path else ""
        raise SourceError(f"{self.file}:{self.line}: {where}{message}")

    def mapping(self, required: Collection[str] = (), optional: Collection[str] = ()) -> dict[str, Entry]:
        """The entries of a mapping with exactly these keys."""
        entries = {}
        for key, entry in self.pairs():
            if key not in required and key not in optional:
                near = difflib.get_close_matches(str(key), [*required, *optional], 1)
                entry.fail(f"unknown key{f', did you mean {near[0]}?' if near else ''}")
            entries[str(key)] = entry
        for key in required:
            if key not in entries:
                self.fail(f"{key} is missing")
        return entries

    def pairs(self) -> list[tuple[Any, Entry]]:
        """The entries of a mapping whose keys are names or numbers."""
        if not isinstance(self.value, dict):
            self.fail(f"a mapping is expected, got {self.value!r}")
        mapping: Any = self.value
        return [(key, self._child(mapping[key], mapping.lc.key(key)[0], key)) for key in mapping]

    def items(self) -> list[Entry]:
        if not isinstance(self.value, list):
            self.fail(f"a list is expected, got {self.value!r}")
        sequence: Any = self.value
        return [self._child(value, sequence.lc.item(place)[0], place) for place, value in enumerate(sequence)]

    def only(self) -> tuple[str, Entry]:
        """Key and entry of a mapping that has just one."""
        pairs = self.pairs()
        if len(pairs) != 1:
            self.fail(f"exactly one key is expected, got {len(pairs)}")
        return str(pairs[0][0]), pairs[0][1]

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value.strip():
            self.fail(f"a text is expected, got {self.value!r}")
        return str(self.value)

    def one_of(self, words: Iterable[str]) -> str:
        known = list(words)
        if self.value not in known:
            near = difflib.get_close_matches(str(self.value), known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known) or 'none'}"
            self.fail(f"{self.value!r} is not known; {hint}")
        return str(self.value)

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            self.fail(f"true or false is expected, got {self.value!r}")
        return self.value

    def integer(self, low: int, high: int) -> int:
        if not isinstance(self.value, int) or isinstance(self.value, bool) or not low <= self.value <= high:
            self.fail(f"a whole number within {low}…{high} is expected, got {self.value!r}")
        return int(self.value)

    def number(self, low: float = 0.0, high: float = math.inf) -> float:
        if not isinstance(self.value, (int, float)) or isinstance(self.value, bool) or not low <= self.value <= high:
            self.fail(f"a number within {low:g}…{high:g} is expected, got {self.value!r}")
        return float(self.value)

    def measure(self, unit: str, low: float = 0.0, high: float = math.inf) -> float:
        """A number with its unit, such as `1.75 m/s`."""
        match = _MEASURE.fullmatch(self.value.strip()) if isinstance(self.value, str) else None
        if match is None or match[2] != unit or not low <= float(match[1]) <= high:
            self.fail(f"a number of {unit} within {low:g}…{high:g} is expected, such as '1 {unit}'; got {self.value!r}")
        return float(match[1])

    def seconds(self) -> float:
        """A duration such as `500ms`, `30s`, `5min` or `1h`."""
        match = _MEASURE.fullmatch(self.value.strip()) if isinstance(self.value, str) else None
        if match is None or match[2] not in _SECONDS or float(match[1]) < 0:
            self.fail(f"a duration such as 30s or 5min is expected, got {self.value!r}")
        return float(match[1]) * _SECONDS[match[2]]

    def _child(self, value: Any, line: int, key: object) -> Entry:
        return Entry(value, self.file, line + 1, f"{self.path}.{key}" if self.path else str(key))


def read(source: Traversable) -> Entry:
    """The root of a YAML 1.2 file; SourceError when it is not YAML or repeats a key."""
    try:
        value = YAML(typ="rt", pure=True).load(source.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SourceError(f"{source.name}:{line}: {error.problem or error.context}") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise SourceError(f"{source.name}:1: {error}") from error
    return Entry(value, source.name, 1)
