"""Ids of parts, such as `L{loop}D{number}` over loops and numbers, and texts in which they stand. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator

_VARIABLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_IN_TEXT = re.compile(r"\{([a-z][a-z0-9_]*)(?:([+-])(\d{1,6}))?\}")


def _id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_{}-]{1,64}", value) or not _VARIABLE.search(value):
        raise ValueError(f"an id with variables is expected, such as L{{loop}}D{{number}}; got {value!r}")
    return value


PartIdField = Annotated[str, AfterValidator(_id)]


class PartIds:
    """The ids of one kind of part. ValueError when the id and its ranges do not fit together."""

    def __init__(self, text: str, over: Mapping[str, tuple[int, int]]) -> None:
        names = _VARIABLE.findall(text)
        if sorted(names) != sorted(over):
            known = ", ".join(dict.fromkeys(names))
            raise ValueError(f"`over` needs a range for each of {known}, each used once in `id`")
        if "part" in names:
            raise ValueError("{part} is the whole id; choose another name")
        if re.search(r"\}\{|\}[0-9]|[0-9]\{", text):
            raise ValueError("a letter, `-` or `_` must stand between numbers, or nobody could tell them apart")
        for name, (low, high) in over.items():
            if not 0 <= low <= high <= 999_999:
                raise ValueError(f"{name}: numbers within 0 … 999999, the lower one first, are expected")
        self._text = text
        self._over = dict(over)
        # no leading zeros: `L01D1` and `L1D1` would be two names of one part
        self._pattern = re.compile(_VARIABLE.sub(lambda match: f"(?P<{match[1]}>0|[1-9][0-9]{{0,5}})", text))

    def numbers(self, part: str) -> dict[str, int] | None:
        """The numbers in that id; None when it is none of these."""
        match = self._pattern.fullmatch(part)
        if match is None:
            return None
        found = {name: int(match[name]) for name in self._over}
        return found if all(low <= found[name] <= high for name, (low, high) in self._over.items()) else None

    @property
    def variables(self) -> frozenset[str]:
        return frozenset(self._over)

    @property
    def ends(self) -> tuple[str, str]:
        """The first part and the last."""
        low = self._text.format(**{name: span[0] for name, span in self._over.items()})
        return low, self._text.format(**{name: span[1] for name, span in self._over.items()})


def named(text: str, part: str, numbers: Mapping[str, int]) -> str:
    """`text` with `{part}`, `{number}`, `{number-1}` filled in; variables of others stay. ValueError below zero."""

    def value(match: re.Match[str]) -> str:
        name, sign, by = match.groups()
        if name == "part" and sign is None:
            return part
        if name not in numbers:
            return match[0]
        number = numbers[name] + (int(f"{sign}{by}") if sign else 0)
        if number < 0:
            raise ValueError(f"{match[0]} is {number} for {part!r}")
        return str(number)

    return _IN_TEXT.sub(value, text)


def without_variables(text: str) -> str:
    """`text` with 1 in the place of every variable: what its other letters are judged by."""
    return _IN_TEXT.sub("1", text)


def strange(text: str, variables: frozenset[str]) -> str | None:
    """The first variable of `text` that is none of these."""
    return next((match[0] for match in _IN_TEXT.finditer(text) if match[1] not in variables), None)


def hint(kinds: Sequence[PartIds]) -> str:
    """How ids look: `L1D1 … L10D159, L1M1 … L10M159`."""
    return ", ".join(" … ".join(dict.fromkeys(kind.ends)) for kind in kinds)
