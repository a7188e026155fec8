"""Ids of parts and the arithmetic of their addresses: `L{loop}D{number}` over loops and numbers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Annotated

from pydantic import AfterValidator

_VARIABLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def _id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_{}-]{1,64}", value) or not _VARIABLE.search(value):
        raise ValueError(f"an id with variables is expected, such as L{{loop}}D{{number}}; got {value!r}")
    return value


PartId = Annotated[str, AfterValidator(_id)]


class Template:
    """The parts of one kind. ValueError when ids, ranges and addresses do not fit together."""

    def __init__(self, text: str, over: Mapping[str, tuple[int, int]], address: Mapping[str, int]) -> None:
        names = _VARIABLE.findall(text)
        if sorted(names) != sorted(over):
            raise ValueError(
                f"`over` needs a range for each of {', '.join(dict.fromkeys(names))}, each used once in `id`"
            )
        if extra := sorted(set(address) - set(over) - {"start"}):
            raise ValueError(f"`address` knows `start` and the variables of the id, not {extra[0]!r}")
        if "start" not in address:
            raise ValueError("`address` needs a `start`: the address of the first part")
        if re.search(r"\}\{|\}[0-9]|[0-9]\{", text):
            raise ValueError("a letter, `-` or `_` must stand between numbers, or nobody could tell them apart")
        if any(address[name] < 0 for name in address):
            raise ValueError("addresses rise with the numbers in the id")
        if any(low < 0 for low, _ in over.values()):
            raise ValueError("the numbers in an id are not negative")
        self._text = text
        self._over = dict(over)
        self._steps = {name: address.get(name, 0) for name in over}
        self._start = address["start"]
        # no leading zeros: `L01D1` and `L1D1` would be two names of one part
        pattern = _VARIABLE.sub(lambda match: f"(?P<{match[1]}>0|[1-9][0-9]{{0,5}})", text)
        self._pattern = re.compile(pattern)

    def address(self, part: str) -> int | None:
        """Where that part begins; None when it is none of these."""
        match = self._pattern.fullmatch(part)
        if match is None:
            return None
        address = self._start
        for name, (low, high) in self._over.items():
            number = int(match[name])
            if not low <= number <= high:
                return None
            address += (number - low) * self._steps[name]
        return address

    def shared(self, spans: Iterable[tuple[int, int]]) -> tuple[str, str, int] | None:
        """Two parts and a place that both would cover, when each covers `spans` (from … before) from its own address.

        `spans` are of one table. None when nobody's part covers another one's.
        """
        owner: dict[int, tuple[int, ...]] = {}
        places = sorted({place for low, high in spans for place in range(low, high)})
        for numbers in product(*(range(low, high + 1) for low, high in self._over.values())):
            steps = zip(numbers, self._over.items(), strict=True)
            by = sum((number - low) * self._steps[name] for number, (name, (low, _)) in steps)
            for place in places:
                if owner.setdefault(place + by, numbers) != numbers:
                    return self._named(owner[place + by]), self._named(numbers), place + by
        return None

    def _named(self, numbers: Sequence[int]) -> str:
        return self._text.format(**dict(zip(self._over, numbers, strict=True)))

    @property
    def ends(self) -> tuple[str, str]:
        """The first part and the last."""
        low = self._text.format(**{name: span[0] for name, span in self._over.items()})
        return low, self._text.format(**{name: span[1] for name, span in self._over.items()})


def hint(templates: Sequence[Template]) -> str:
    """How ids look: `L1D1 … L10D159, L1M1 … L10M159`."""
    return ", ".join(" … ".join(dict.fromkeys(template.ends)) for template in templates)
