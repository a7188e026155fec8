"""What unknown registers may mean: every type, order and scale, ranked by how little chance explains the fit. Pure.

A number that lies within the plausible range proves little when most numbers would: any word is some number below
65,536. So each candidate is weighed by the share of all words that would fit as well, in bits, less what is unusual
about it. Zeros count for little: empty registers are common.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from gateway.model import Value

SCALES = (1.0, 0.1, 0.01, 0.001)
MOST_CANDIDATES = 12
# what an expected value may be off by: a display rounds, and the mains move while one looks
NEAR = 0.15
CLOSEST = 0.0002
_ZERO_BITS = 2.0
_LITTLE_BYTES, _LITTLE_WORDS, _SCALED, _SCALED_FLOAT, _BCD = 4.0, 1.0, 0.5, 5.0, 4.0
# magnitudes of what meters and sensors say, for want of a better range
ORDINARY = (1e-3, 1e6)
# no device measures less, but half a number read as a float looks like that
SMALLEST = 1e-6


class Kind(NamedTuple):
    """A type on the wire: its size in registers, and its bytes as a number (None: they are none)."""

    name: str
    words: int
    read: Callable[[bytes], float | None]


def _packed(letter: str) -> Callable[[bytes], float | None]:
    unpack = struct.Struct(f">{letter}").unpack
    return lambda raw: unpack(raw)[0]


def _bcd(raw: bytes) -> float | None:
    digits = raw.hex()
    return int(digits) if digits.isdecimal() else None


KINDS: tuple[Kind, ...] = (
    Kind("uint16", 1, _packed("H")),
    Kind("int16", 1, _packed("h")),
    Kind("bcd16", 1, _bcd),
    Kind("float32", 2, _packed("f")),
    Kind("uint32", 2, _packed("I")),
    Kind("int32", 2, _packed("i")),
    Kind("bcd32", 2, _bcd),
    Kind("float64", 4, _packed("d")),
    Kind("uint64", 4, _packed("Q")),
    Kind("int64", 4, _packed("q")),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the number is thought to be: within `low` … `high`, near `expect`; both may be left open."""

    low: float | None = None
    high: float | None = None
    expect: float | None = None

    def window(self, value: float) -> tuple[float, float] | None:
        """The numbers that fit at least as well as `value`; None when it does not fit."""
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        if not low <= value <= high:
            return None
        if self.expect is not None:
            off = abs(value - self.expect)
            unit = abs(self.expect) or 1.0
            if off > NEAR * unit:
                return None
            # the exact number that a display shows says more than one of its neighbours, and nearer ones no more
            off = (CLOSEST if off <= CLOSEST * unit else NEAR) * unit
            return max(low, self.expect - off), min(high, self.expect + off)
        if math.isinf(low) and math.isinf(high):
            return (-ORDINARY[1], ORDINARY[1]) if value == 0 or ORDINARY[0] <= abs(value) <= ORDINARY[1] else None
        return max(low, -1e9), min(high, 1e9)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One reading of the registers from `address` on. `evidence` in bits: 10 of them fit one time in 1,024 by chance.

    `unusual` is what has been taken off for an encoding that few devices have; `also` another type of the same value.
    """

    address: int
    type: str
    words: int
    value: float
    evidence: float
    byte_order: str = "big"
    word_order: str = "big"
    scale: float = 1.0
    unusual: float = 0.0
    also: str | None = None

    @property
    def order(self) -> str:
        """The bytes of the registers as they follow each other in the number: ABCD, CDAB, BADC, DCBA."""
        return order_of(self.words, self.byte_order, self.word_order)

    @property
    def keys(self) -> str:
        """What a profile says of it: `type: float32, word_order: little`."""
        said = [f"type: {self.type}"]
        said += ["byte_order: little"] if self.byte_order == "little" else []
        said += ["word_order: little"] if self.word_order == "little" and self.words > 1 else []
        said += [f"scale: {self.scale:g}"] if self.scale != 1 else []
        return ", ".join(said)

    @property
    def encoding(self) -> tuple[str, str, str, float]:
        return self.type, self.byte_order, self.word_order, self.scale


def order_of(words: int, byte_order: str, word_order: str) -> str:
    """`ABCD` and its like for a number of that many registers."""
    registers = ["ABCDEFGH"[2 * i : 2 * i + 2] for i in range(words)]
    if byte_order == "little":
        registers = [pair[::-1] for pair in registers]
    return "".join(reversed(registers) if word_order == "little" else registers)


def arranged(words: Sequence[int], byte_order: str, word_order: str) -> bytes:
    """The bytes of a number whose registers are `words`, the most significant one first."""
    in_order = reversed(words) if word_order == "little" else words
    return b"".join(word.to_bytes(2, "little" if byte_order == "little" else "big") for word in in_order)


def candidates_at(words: Sequence[int | None], first: int, address: int, wanted: Wanted) -> list[Candidate]:
    """Every reading of the registers at `address` that fits, the strongest evidence first.

    `words` are the registers from `first` on, None where one could not be read.
    """
    found = [one for kind in KINDS for one in _readings(kind, words, first, address, wanted)]
    merged: dict[tuple[object, ...], Candidate] = {}
    for one in sorted(found, key=_rank):
        # a positive number says nothing about its sign bit
        same = (one.type.removeprefix("u"), one.byte_order, one.word_order, one.scale, one.value)
        if same in merged:
            merged[same] = replace(merged[same], also=one.type)
        else:
            merged[same] = one
    return sorted(merged.values(), key=_rank)


def _rank(candidate: Candidate) -> tuple[float, int, bool]:
    return -candidate.evidence, candidate.words, candidate.type.startswith("int")


def _readings(kind: Kind, words: Sequence[int | None], first: int, address: int, wanted: Wanted) -> Iterator[Candidate]:
    at = address - first
    taken = words[at : at + kind.words] if at >= 0 else ()
    whole = [word for word in taken if word is not None]
    if len(whole) < kind.words:
        return
    for word_order in ("big", "little") if kind.words > 1 else ("big",):
        for byte_order in ("big", "little"):
            raw = kind.read(arranged(whole, byte_order, word_order))
            if raw is None or not math.isfinite(raw) or 0 < abs(raw) < SMALLEST:
                continue
            for scale in SCALES:
                value = _scaled(raw, scale)
                window = wanted.window(value)
                if window is None or (raw == 0 and scale != 1):
                    continue
                odd = _unusual(kind, byte_order, word_order, scale)
                bits = _evidence(kind, whole, raw, (window[0] / scale, window[1] / scale)) - odd
                yield Candidate(address, kind.name, kind.words, value, bits, byte_order, word_order, scale, odd)


def _scaled(raw: float, scale: float) -> float:
    # 2302 / 10 is 230.2, 2302 * 0.1 is 230.20000000000002
    return raw if scale == 1 else raw / round(1 / scale)


def _unusual(kind: Kind, byte_order: str, word_order: str, scale: float) -> float:
    cost = _LITTLE_BYTES * (byte_order == "little") + _LITTLE_WORDS * (word_order == "little" and kind.words > 1)
    if scale != 1:
        cost += _SCALED_FLOAT if kind.name.startswith("float") else _SCALED
    return cost + _BCD * kind.name.startswith("bcd")


def _evidence(kind: Kind, words: Sequence[int], raw: float, window: tuple[float, float]) -> float:
    """How many bits of the words the fit explains."""
    low, high = window
    if kind.name.startswith("float"):
        share = _floats(kind, high) - _floats(kind, low) + 1
        bits = 16 * kind.words - math.log2(max(1.0, share))
        return bits + _roundness(raw) if raw else 0.0
    if raw == 0:
        return 0.0
    filled = [word for word in words if word not in (0, 0xFFFF)]
    whole = max(1.0, math.floor(high) - math.ceil(low) + 1)
    size = 16 * len(filled) + _ZERO_BITS * (len(words) - len(filled))
    return max(0.0, size - math.log2(whole))


def _floats(kind: Kind, value: float) -> float:
    """Where `value` stands among all numbers of the type, in their order: their codes rise with their size."""
    letter, code, top = ("f", "I", 3.4e38) if kind.words == 2 else ("d", "Q", 1.7e308)

    def place(size: float) -> int:
        return int(struct.unpack(f">{code}", struct.pack(f">{letter}", size))[0])

    beyond = max(0, place(min(abs(value), top)) - place(SMALLEST))
    return float(-beyond if value < 0 else beyond)


def _roundness(value: float) -> float:
    """Few digits, as in 230.2 or 50: half a number read as another one has all of them."""
    for digits in range(1, 6):
        short = float(f"{value:.{digits}g}")
        if abs(short - value) <= abs(value) * 2**-23:
            return float(6 - digits)
    return 0.0


def described(value: Value) -> str:
    """A number as people write it; nine digits are more than any register map has."""
    return f"{value:.7g}" if isinstance(value, float) else str(value)
