"""YAML 1.2 text → Document. ruamel.yaml scans; values are made here, from its events, by the core schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    StreamStartEvent,
)

from gateway.config.document import Document, Key, Mark, Path
from gateway.config.problems import ConfigErrors, Problem, printable, quoted
from gateway.config.scalars import resolve
from gateway.config.source import Source

MAX_DEPTH = 20
MAX_VALUES = 200_000
MAX_PROBLEMS = 100
_NO_KEY = object()
_UNFIT = re.compile("[\0\ud800-\udfff]")  # no text: neither a file name nor UTF-8 can hold them


def parse(source: Source) -> Document:
    """The document in `source`. Broken YAML raises ConfigErrors; what can be read past stands in `problems`."""
    return _Reader(source).read()


class _Reader:
    def __init__(self, source: Source) -> None:
        self.document = Document(source)
        self.events: Iterator[Event] = iter(())

    def read(self) -> Document:
        source = self.document.source
        self.events = YAML(typ="safe", pure=True).parse(source.text)
        try:
            self.whole()
        except MarkedYAMLError as error:
            message, mark = _sentence(error)
            if mark is not None and self.document.source.text.split("\n")[mark.line][: mark.column].endswith("$"):
                message = 'quote a text that holds ${…}: "${…}"'
            elif mark is not None and (hint := _full_width(source.text.split("\n"), mark.line)):
                message = f"{message}; {hint}"
            raise self.refusal(message, mark) from None
        except (YAMLError, ValueError, OverflowError, IndexError, AttributeError, TypeError, AssertionError) as error:
            raise self.refusal(f"this is not YAML: {error}", None) from None
        return self.document

    def whole(self) -> None:
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                self.directives(event)
                self.document.value = self.node(next(self.events), (), None)
                break
            if not isinstance(event, StreamStartEvent):
                return
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                raise self.refusal("one file holds one document; this is a second one", event.start_mark)

    def directives(self, event: DocumentStartEvent) -> None:
        if event.version not in (None, (1, 2)):
            raise self.refusal("only YAML 1.2 is read here", event.start_mark)
        if event.tags:
            raise self.refusal("tags are not allowed, so %TAG has no use", event.start_mark)

    def node(self, event: Event, path: Path, key: Event | None) -> Any:
        """The value that begins with `event`; its mark is noted under `path`."""
        mark, key_mark = event.start_mark, (key or event).start_mark
        self.document.marks[path] = Mark(key_mark.line + 1, key_mark.column + 1, mark.line + 1, mark.column + 1)
        if isinstance(event, AliasEvent):
            self.problem("aliases (*) are not allowed; write the value out", event, path)
            return None
        if getattr(event, "anchor", None) is not None:
            self.problem("anchors (&) are not allowed; write the value out where it is needed", event, path)
        if tag := getattr(event, "tag", None):
            self.problem(f"tags are not allowed: {tag}", event, path)
        if isinstance(event, ScalarEvent):
            return self.scalar(event, path)
        if len(self.document.marks) > MAX_VALUES:
            raise self.refusal(f"more than {MAX_VALUES:,} values", mark)
        if len(path) >= MAX_DEPTH:
            raise self.refusal(f"nested deeper than {MAX_DEPTH} levels", mark)
        return self.mapping(path) if isinstance(event, MappingStartEvent) else self.sequence(path)

    def scalar(self, event: ScalarEvent, path: Path) -> Any:
        if event.style is not None or event.tag is not None:
            if found := _UNFIT.search(event.value):
                self.problem(f"the character U+{ord(found[0]):04X} is not allowed, not even escaped", event, path)
                return None
            return event.value
        try:
            return resolve(event.value)
        except ValueError as error:
            self.problem(str(error), event, path)
            return None

    def sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), CollectionEndEvent):
            items.append(self.node(event, (*path, len(items)), None))
            if len(items) > MAX_VALUES:
                raise self.refusal(f"a list of more than {MAX_VALUES:,} items", event.start_mark)
        return items

    def mapping(self, path: Path) -> dict[Key, Any]:
        pairs: dict[Key, Any] = {}
        while not isinstance(event := next(self.events), CollectionEndEvent):
            key = self.key(event, path)
            if key is _NO_KEY:
                self.skip(next(self.events))
            elif key in pairs:
                first = self.document.marks[(*path, key)]
                self.problem(f"the key {quoted(key)} stands here twice; first in line {first.key_line}", event, path)
                self.skip(next(self.events))
            else:
                pairs[key] = self.node(next(self.events), (*path, key), event)
        return pairs

    def key(self, event: Event, path: Path) -> Any:
        """The key that `event` is, or _NO_KEY when it cannot be one."""
        if not isinstance(event, ScalarEvent):
            raise self.refusal("a key must be a text or a number", event.start_mark)
        if event.value == "<<" and event.style is None:
            self.problem("merge keys (<<) are not allowed; write the keys out", event, path)
            return _NO_KEY
        before = len(self.document.problems)
        if event.anchor is not None or event.tag is not None:
            self.problem("anchors and tags are not allowed", event, path)
        key = self.scalar(event, path)
        if key is None and len(self.document.problems) == before:
            self.problem("a key must be a text or a number, this one is empty", event, path)
        return _NO_KEY if len(self.document.problems) > before else key

    def skip(self, event: Event) -> None:
        depth = int(isinstance(event, CollectionStartEvent))
        while depth:
            event = next(self.events)
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)

    def problem(self, message: str, event: Event, path: Path) -> None:
        self.document.faulty.append(path)
        mark = event.start_mark
        self.document.problems.append(Problem(self.document.file, mark.line + 1, mark.column + 1, printable(message)))
        if len(self.document.problems) >= MAX_PROBLEMS:
            raise ConfigErrors(self.document.problems)

    def refusal(self, message: str, mark: Any) -> ConfigErrors:
        line, col = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        found = Problem(self.document.file, line, col, printable(message))
        return ConfigErrors([*self.document.problems, found])


# what ruamel.yaml says → what the reader can do about it
_HINTS = {
    "mapping values are not allowed here": "`key: value` is not expected here: a colon is missing in a line above, this"
    " line is indented differently, or a text with `: ` needs quotes",
    "expected <block end>": "this line is indented differently from the ones it belongs to",
    "could not find expected ':'": "a key without its colon",
    "expected the node content": "a value is expected here",
}


# what a Chinese keyboard writes, and YAML takes for a letter
_FULL_WIDTH = {"：": ": ", "，": ", ", "｛": "{", "｝": "}", "［": "[", "］": "]", "“": '"', "”": '"'}


def _full_width(lines: list[str], number: int) -> str | None:
    """A hint where the line, or the one before it, holds such a character."""
    for line in (number, number - 1):
        for character in lines[line] if 0 <= line < len(lines) else "":
            if plain := _FULL_WIDTH.get(character):
                return f"line {line + 1} holds a full-width {character} where YAML may want `{plain}`"
    return None


def _sentence(error: MarkedYAMLError) -> tuple[str, Any]:
    """What ruamel.yaml stumbled over, and where the reader should look."""
    problem, mark = error.problem or "this is not YAML", error.problem_mark or error.context_mark
    if "'\\t'" in problem or "tab" in problem:
        return "a tab cannot indent; use spaces", mark
    if "quoted scalar" in (error.context or "") and ("end of stream" in problem or "document separator" in problem):
        return "this quote is never closed", error.context_mark
    for begin, hint in _HINTS.items():
        if problem.startswith(begin):
            problem = hint
    if "that cannot start any token" in problem:
        problem = "a text cannot begin with this character; quote it"
    if "flow" in (error.context or "") and error.context_mark is not None:
        bracket = "[" if "sequence" in str(error.context) else "{"
        return f"{problem}; the {bracket} of line {error.context_mark.line + 1} is still open", mark
    return problem, mark
