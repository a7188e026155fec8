"""Shapes of messages: which points one carries, in which order, and how their columns get their meaning. Pure.

There are few shapes; each is compiled when it is first met. When there are too many, the points of each part come
alone, and then each point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from drivers.meaning import Marks, Meaning, Step, compile_steps, run_steps
from drivers.mqtt.frame import NO_MOMENT, Moment
from drivers.mqtt.reading import MqttReading
from gateway.model import Quality

MOST_ODD = 256
"""Kinds of messages without a shape whose steps are remembered."""

T = TypeVar("T")
Use = Callable[[tuple[str, ...]], T | None]
"""What a shape with these points is for; None when there are too many shapes already."""


@dataclass(frozen=True, slots=True)
class Shape(Generic[T]):
    """What a message carried, how its columns get their meaning, and what it is for."""

    keys: tuple[str, ...]
    steps: tuple[Step, ...]
    use: T


@dataclass(frozen=True, slots=True)
class _Piece(Generic[T]):
    """Some of the points of a message that has no shape of its own."""

    mask: int
    shape: Shape[T]


@dataclass(slots=True)
class Carried(Generic[T]):
    """The columns of one moment."""

    shape: Shape[T]
    values: list[Any]
    quality: list[int] | None
    moment: Moment = NO_MOMENT
    event_id: str | None = None
    history: bool = False


class Shapes(Generic[T]):
    """The shapes of one topic. A mask says which of `keys` a message carries, the lowest bit the first."""

    def __init__(self, readings: Mapping[str, MqttReading], use: Use[T]) -> None:
        # what is computed stands behind what it is computed from
        self.keys = tuple(sorted(readings, key=lambda key: readings[key].meaning.formula is not None))
        self._use = use
        self._meanings = [readings[key].meaning for key in self.keys]
        self._computed = _computed(self.keys, self._meanings)
        self._part_of = [key.rpartition("/")[0] for key in self.keys]
        self._shapes: dict[int, Shape[T]] = {}
        self._odd_steps: dict[int, tuple[Step, ...]] = {}
        self.full = self._shape((1 << len(self.keys)) - 1)
        """The shape of a message with everything in it."""

    def columns(
        self, mask: int, values: list[Any], bad: Marks, moment: Moment, event_id: str | None, *, history: bool = False
    ) -> list[Carried[T]]:
        """The columns of a message that carries `mask`; `values` are those of its bits, the computed ones not among
        them."""
        if self._computed:
            mask = self._with_computed(mask, values)
        shape = self._shapes.get(mask) or self._shape(mask)
        if shape is not None:
            quality = run_steps(shape.steps, values, bad)
            return [Carried(shape, values, quality, moment, event_id, history)]
        quality = run_steps(self._steps_of(mask), values, bad)
        slot_of = {bit: slot for slot, bit in enumerate(_bits(mask))}
        apart = []
        for piece in self._pieces(mask):
            slots = [slot_of[bit] for bit in _bits(piece.mask)]
            marks = [quality[slot] for slot in slots] if quality is not None else None
            apart.append(Carried(piece.shape, [values[slot] for slot in slots], marks, moment, event_id, history))
        return apart

    def _with_computed(self, mask: int, values: list[Any]) -> int:
        """The mask with what can be computed from that, and room for it in the columns."""
        for bit, needs in self._computed:
            if needs & mask == needs:
                mask |= bit
                values.append(None)
        return mask

    def _pieces(self, mask: int) -> Iterator[_Piece[T]]:
        """Shapes that are known or have room: those of each part, and where there is none, of each point."""
        masks: dict[str, int] = {}
        for bit in _bits(mask):
            part = self._part_of[bit]
            masks[part] = masks.get(part, 0) | 1 << bit
        for some in masks.values():
            shape = self._shapes.get(some) or self._shape(some)
            if shape is not None:
                yield _Piece(some, shape)
                continue
            for bit in _bits(some):
                if (shape := self._shapes.get(1 << bit) or self._shape(1 << bit)) is not None:
                    yield _Piece(1 << bit, shape)

    def _shape(self, mask: int) -> Shape[T] | None:
        keys = tuple(self.keys[i] for i in _bits(mask))
        use = self._use(keys)
        if use is None:
            return None
        shape = self._shapes[mask] = Shape(keys, self._steps(mask), use)
        return shape

    def _steps_of(self, mask: int) -> tuple[Step, ...]:
        """The steps of a kind of message that has no shape of its own."""
        steps = self._odd_steps.get(mask)
        if steps is None:
            if len(self._odd_steps) >= MOST_ODD:
                self._odd_steps.clear()
            steps = self._odd_steps[mask] = self._steps(mask)
        return steps

    def _steps(self, mask: int) -> tuple[Step, ...]:
        numbers = _bits(mask)
        slot_of = {self.keys[i]: slot for slot, i in enumerate(numbers)}
        meanings, unjudged = [], []
        for slot, i in enumerate(numbers):
            meaning = self._meanings[i]
            if not slot_of.keys() >= {*meaning.needs}:
                # of a piece, whose values are finished; or a judge has not come, and nobody knows
                judges = tuple(one for one in meaning.valid_when if one.key in slot_of)
                meaning = replace(meaning, formula=None, valid_when=judges)
                unjudged.append(slot)
            meanings.append(meaning)
        steps = compile_steps(meanings, slot_of)
        return (_unjudged(unjudged), *steps) if unjudged else steps


def _computed(keys: Sequence[str], meanings: Sequence[Meaning]) -> list[tuple[int, int]]:
    """(bit, bits that it needs) of each computed point."""
    bits = {key: 1 << i for i, key in enumerate(keys)}
    return [
        (bits[key], sum(bits[need] for need in meaning.early))
        for key, meaning in zip(keys, meanings, strict=True)
        if meaning.formula is not None
    ]


def _unjudged(slots: Sequence[int]) -> Step:
    def step(values: list[Any], bad: Marks) -> None:
        for slot in slots:
            values[slot] = None
            bad.setdefault(slot, Quality.BAD_NO_VALUE)

    return step


def _bits(mask: int) -> list[int]:
    """The numbers of the bits that are set, rising. Of thousands a message has few."""
    found = []
    while mask:
        lowest = mask & -mask
        found.append(lowest.bit_length() - 1)
        mask ^= lowest
    return found
