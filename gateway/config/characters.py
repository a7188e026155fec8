"""Where a character of a text stands in the YAML scalar that it was read from, whatever its style. Pure."""

from __future__ import annotations

import re

_SPACES = re.compile(r"\s+")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(\n\s*)|(.))")
_NAMED = {"n": "\n", "t": "\t", "r": "\r", "_": "\xa0", "N": "\x85", "e": "\x1b", "0": "\0"}


def place_of(text: str, line: int, col: int, value: str, offset: int) -> tuple[int, int] | None:
    """Line and column of `value[offset]`, where the scalar with that value begins at `line`, `col` of `text`.

    All count from 1, `offset` from 0. None when value and text do not go together: somebody has changed the value.
    """
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    if not 0 <= offset <= len(value) or line > len(starts):
        return None
    index = _index(text, starts[line - 1] + col - 1, value, offset)
    if index is None:
        return None
    number = max(count for count, start in enumerate(starts, 1) if start <= index)
    return number, index - starts[number - 1] + 1


def _index(text: str, index: int, value: str, offset: int) -> int | None:
    style = text[index : index + 1]
    if style in {"'", '"'}:
        index += 1
    elif style in {"|", ">"}:
        index = text.find("\n", index)
    at, end = 0, index
    while at < len(value) and 0 <= index < len(text):
        # how spaces and line breaks are folded does not matter: nothing stands in them
        if (found := _spaces(text, index, style)) is not None:
            index = found
            at += len(value[at:]) - len(value[at:].lstrip())
            continue
        character, length = _character(text, index, style)
        if value[at].isspace() or character != value[at]:
            return None
        if at == offset:
            return index
        at, index = at + 1, index + length
        end = index
    return end if offset >= at else None


def _spaces(text: str, index: int, style: str) -> int | None:
    """Where a run of spaces ends, escaped ones too; None when none begins here."""
    begin = index
    while index < len(text):
        match = _SPACES.match(text, index)
        if match is None and style == '"':
            match = _ESCAPE.match(text, index)
            match = match if match and (match[4] or _decoded(match).isspace()) else None
        if match is None:
            break
        index = match.end()
    return index if index > begin else None


def _decoded(escape: re.Match[str]) -> str:
    coded = escape[1] or escape[2] or escape[3]
    return chr(int(coded, 16)) if coded else _NAMED.get(escape[5], escape[5])


def _character(text: str, index: int, style: str) -> tuple[str, int]:
    """The character that begins here, and how much of the text it takes."""
    if style == "'" and text.startswith("''", index):
        return "'", 2
    if style == '"' and (match := _ESCAPE.match(text, index)):
        return _decoded(match), len(match[0])
    return text[index], 1
