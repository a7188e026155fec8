"""Where the parts of a device stand: the arithmetic of their registers, their units, their packed states. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

from drivers.part_ids import PartIds
from gateway.fields import Strict

REGISTER = 16
"""Bits of one."""


class Packed(Strict):
    """States of several parts in one register: of so many bits each, the first of them in its lowest or highest."""

    bits: Literal[1, 2, 4, 8]
    first: Literal["low", "high"]

    def place(self, states: int) -> tuple[int, int]:
        """(registers, shift) of the state that stands behind so many others."""
        registers, before = divmod(states * self.bits, REGISTER)
        return registers, before if self.first == "low" else REGISTER - self.bits - before


@dataclass(frozen=True, slots=True)
class Place:
    """Where one part stands: its register, its state's shift within it, and its unit's number."""

    address: int
    shift: int | None = None
    unit: int | None = None


class Arithmetic:
    """A start, and a step for each variable of an id. ValueError with a sentence when it does not fit the ids."""

    def __init__(self, key: str, said: Mapping[str, int], over: Mapping[str, tuple[int, int]]) -> None:
        if extra := sorted(set(said) - set(over) - {"start"}):
            raise ValueError(f"`{key}` knows `start` and the variables of the id, not {extra[0]!r}")
        if "start" not in said:
            raise ValueError(f"`{key}` needs a `start`: the {key} of the first part")
        if any(said[name] < 0 for name in said):
            told = "addresses rise with the numbers in the id"
            raise ValueError(told if key == "address" else f"`{key}`: a step is not negative")
        self.start = said["start"]
        self._terms = [(name, low, said.get(name, 0)) for name, (low, _) in over.items()]

    def steps(self, numbers: Mapping[str, int]) -> int:
        """How far behind the first part that one is."""
        return sum((numbers[name] - low) * step for name, low, step in self._terms)


class Template:
    """The parts of one kind. ValueError when ids, ranges and places do not fit together."""

    def __init__(
        self,
        text: str,
        over: Mapping[str, tuple[int, int]],
        address: Mapping[str, int],
        *,
        unit: Mapping[str, int] | None = None,
        packed: Packed | None = None,
    ) -> None:
        self.ids = PartIds(text, over)
        self.packed = packed
        self._over = dict(over)
        self._text = text
        self._address = Arithmetic("address", address, over)
        self._unit = Arithmetic("unit", unit, over) if unit is not None else None
        if self._unit is not None:
            last = self._unit.start + self._unit.steps({name: high for name, (_, high) in over.items()})
            if not 1 <= self._unit.start <= last <= 255:
                raise ValueError(f"`unit`: numbers within 1 … 255 are expected, got {self._unit.start} … {last}")

    def place(self, part: str) -> Place | None:
        """Where that part begins; None when it is none of these."""
        numbers = self.ids.numbers(part)
        if numbers is None:
            return None
        steps = self._address.steps(numbers)
        registers, shift = self.packed.place(steps) if self.packed else (steps, None)
        unit = None if self._unit is None else self._unit.start + self._unit.steps(numbers)
        return Place(self._address.start + registers, shift, unit)

    def address(self, part: str) -> int | None:
        """Its register; None when it is none of these."""
        place = self.place(part)
        return None if place is None else place.address

    def shared(self, spans: Iterable[tuple[int, int]]) -> tuple[str, str, int] | None:
        """Two parts and a place that both would cover, when each covers `spans` (from … before) from its own place.

        `spans` are of one table, counted in registers, or in states where these are packed. None when nobody's part
        covers another one's.
        """
        owner: dict[tuple[int, int], tuple[int, ...]] = {}
        places = sorted({place for low, high in spans for place in range(low, high)})
        for numbers in product(*(range(low, high + 1) for low, high in self._over.values())):
            by_name = dict(zip(self._over, numbers, strict=True))
            by = self._address.steps(by_name)
            unit = self._unit.steps(by_name) if self._unit else 0
            for place in places:
                if (first := owner.setdefault((unit, place + by), numbers)) != numbers:
                    return self._named(first), self._named(numbers), place + by
        return None

    def _named(self, numbers: Iterable[int]) -> str:
        return self._text.format(**dict(zip(self._over, numbers, strict=True)))

    @property
    def ends(self) -> tuple[str, str]:
        """The first part and the last."""
        return self.ids.ends
