"""A checked expression → one Python function that answers by Kleene's rules. Generated source; nothing is called in it
but `abs`, `min` and `max`.

Arithmetic with UNKNOWN is UNKNOWN, and so are x/0, what no float can hold, and what is not a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

from gateway.model import Truth, Value

Function: TypeAlias = Callable[[Sequence[Value], Sequence[int], Sequence[Value]], Truth]
"""(values and qualities of the columns, what the watches see) → the answer."""


@dataclass(frozen=True, slots=True)
class Const:
    """A number of the expression."""

    value: float


@dataclass(frozen=True, slots=True)
class Slot:
    """A point: its place among the expression's slots."""

    index: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What a watch sees: its place among the expression's watches; None is UNKNOWN."""

    index: int


@dataclass(frozen=True, slots=True)
class Calc:
    """Two numbers and one of + - * /."""

    sign: str
    left: Number
    right: Number


@dataclass(frozen=True, slots=True)
class Call:
    """`abs`, `min` or `max` of numbers, or `-` for the opposite of one."""

    name: str
    of: tuple[Number, ...]


@dataclass(frozen=True, slots=True)
class Fixed:
    truth: bool


@dataclass(frozen=True, slots=True)
class Flag:
    """A bool point, or an alarm's watch, by itself. Nothing else than True and False is either."""

    of: Slot | Seen


@dataclass(frozen=True, slots=True)
class Order:
    """Two numbers and one of < <= > >= == !=."""

    sign: str
    left: Number
    right: Number


@dataclass(frozen=True, slots=True)
class Member:
    of: Number
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """A point is one of `wanted`. What is none of `known` is UNKNOWN, and not merely another; None: a free text."""

    of: Slot
    wanted: tuple[str, ...]
    known: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class SameWord:
    left: Word
    right: Word


@dataclass(frozen=True, slots=True)
class SameTruth:
    left: Asked
    right: Asked


@dataclass(frozen=True, slots=True)
class Negated:
    of: Asked


@dataclass(frozen=True, slots=True)
class And:
    of: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Or:
    of: tuple[Asked, ...]


Number: TypeAlias = Const | Slot | Seen | Calc | Call
Asked: TypeAlias = Fixed | Flag | Order | Member | Word | SameWord | SameTruth | Negated | And | Or

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
# x against a constant c, in a form that no infinity and no NaN fulfils; not chained, which takes twice as long
_SURE = {
    "<": "{x} < {c} and {x} > -1e999",
    "<=": "{x} <= {c} and {x} > -1e999",
    ">": "{x} > {c} and {x} < 1e999",
    ">=": "{x} >= {c} and {x} < 1e999",
    "==": "{x} == {c}",
}


def _nope() -> float:
    raise ArithmeticError


_GLOBALS: dict[str, Any] = {
    "__builtins__": {},
    "ArithmeticError": ArithmeticError,
    "abs": abs,
    "max": max,
    "min": min,
    "nope": _nope,
}


def function_of(asked: Asked, slots: Sequence[int]) -> Function:
    """The function; `slots` are the columns' slots in the order in which the expression's `Slot`s count them."""
    made: Function = _factory(source_of(asked, len(slots)))(*slots)
    return made


@lru_cache(maxsize=1024)
def _factory(source: str) -> Callable[..., Function]:
    """Compiled once for all devices of a rule: they differ in their slots only."""
    namespace = dict(_GLOBALS)
    exec(compile(source, "<expr>", "exec"), namespace)  # noqa: S102 - of our own making, from a checked tree
    made: Callable[..., Function] = namespace["make"]
    return made


def source_of(asked: Asked, slots: int) -> str:
    """The source of `make(s0, s1, …)`, which gives the function."""
    writer = _Writer()
    body = list(writer.branch(asked, ["return True"], ["return False"], ["return None"]))
    head = [f"def make({', '.join(f's{index}' for index in range(slots))}):", " def answer(v, q, w):"]
    return "\n".join([*head, *(f"  {line}" for line in body), " return answer", ""])


Lines: TypeAlias = list[str]


def _leaves(lines: Lines) -> bool:
    """What is written behind these lines is not reached."""
    return lines[-1].startswith(("return", "break"))


def _inside(lines: Sequence[str]) -> Iterator[str]:
    return (f" {line}" for line in lines)


@dataclass(slots=True)
class _Writer:
    """Writes statements. `branch` goes on with `yes`, `no` or `unknown`; a list that does not leave falls through."""

    names: int = 0
    reads: dict[Slot | Seen, str] = field(default_factory=dict)

    def name(self) -> str:
        self.names += 1
        return f"t{self.names}"

    def branch(self, asked: Asked, yes: Lines, no: Lines, unknown: Lines) -> Iterator[str]:
        match asked:
            case Fixed(truth):
                yield from yes if truth else no
            case Negated(of):
                yield from self.branch(of, no, yes, unknown)
            case And() if _leaves(no):
                yield from self.joined(asked.of, yes, no, unknown, decides=False)
            case Or() if _leaves(yes):
                yield from self.joined(asked.of, no, yes, unknown, decides=True)
            case And() | Or():
                yield from self.apart(asked, yes, no, unknown)
            case Order(sign="!="):
                yield from self.branch(Order("==", asked.left, asked.right), no, yes, unknown)
            case Order(sign, Const(value), right) if isinstance(right, (Slot, Seen)):
                yield from self.against(_MIRRORED[sign], right, value, yes, no, unknown)
            case Order(sign, left, Const(value)) if isinstance(left, (Slot, Seen)):
                yield from self.against(sign, left, value, yes, no, unknown)
            case Order(sign, left, right):
                yield from self.calculated((left, right), f"{{}} {sign} {{}}", yes, no, unknown)
            case Member(of, values):
                yield from self.calculated((of,), f"{{}} in {values!r}", yes, no, unknown)
            case Flag(of):
                name = self.name()
                yield from _cases(
                    [(f"({name} := {_place(of)}) is True", yes), (f"{name} is False", no)],
                    unknown,
                    self.bad(of),
                    unknown,
                )
            case Word():
                yield from self.word(asked, yes, no, unknown)
            case SameWord(left, right):
                one, other = self.name(), self.name()
                bad = [*self.unsaid(left, one), *self.unsaid(right, other)]
                yield from _cases([(f"{one} == {other}", yes)], no, bad, unknown)
            case SameTruth(left, right):
                one, other = self.name(), self.name()
                yield from self.kept(left, one)
                yield from self.kept(right, other)
                yield from _cases([(f"{one} is {other}", yes)], no, [f"{one} is None", f"{other} is None"], unknown)

    def joined(
        self, operands: Sequence[Asked], others: Lines, decided: Lines, unknown: Lines, *, decides: bool
    ) -> Iterator[str]:
        """Kleene's `and` (`or`): the first operand that is FALSE (TRUE) decides, and the rest is left out."""
        blind = self.name()
        yield f"{blind} = False"
        for operand in operands:
            goes_on, notes = ["pass"], [f"{blind} = True"]
            yes, no = (decided, goes_on) if decides else (goes_on, decided)
            yield from self.branch(operand, yes, no, notes)
        yield from _cases([(blind, unknown)], others, [], [])

    def apart(self, asked: Asked, yes: Lines, no: Lines, unknown: Lines) -> Iterator[str]:
        """In a block of its own, which `break` leaves."""
        name = self.name()
        answers = ([f"{name} = {truth}", "break"] for truth in (True, False, None))
        yield "while True:"
        yield from _inside(list(self.branch(asked, *answers)))
        yield from _cases([(name, yes), (f"{name} is None", unknown)], no, [], [])

    def kept(self, asked: Asked, name: str) -> Iterator[str]:
        """The answer as the value of `name`."""
        yield from self.branch(asked, [f"{name} = True"], [f"{name} = False"], [f"{name} = None"])

    def word(self, word: Word, yes: Lines, no: Lines, unknown: Lines) -> Iterator[str]:
        name = self.name()
        another = f"{name} is not None" if word.known is None else f"{name} in {_words(word.known)}"
        cases = [(f"({name} := {_place(word.of)}) in {_words(word.wanted)}", yes), (another, no)]
        yield from _cases(cases, unknown, self.bad(word.of), unknown)

    def unsaid(self, word: Word, name: str) -> Lines:
        missing = "is None" if word.known is None else f"not in {_words(word.known)}"
        return [*self.bad(word.of), f"({name} := {_place(word.of)}) {missing}"]

    def bad(self, of: Slot | Seen) -> Lines:
        # 0x80 is in every BAD quality and in -1 (no sample yet), in no other
        return [f"q[s{of.index}] & 128"] if isinstance(of, Slot) else []

    def against(self, sign: str, of: Slot | Seen, limit: float, *lines: Lines) -> Iterator[str]:
        yes, no, unknown = lines
        name = self.name()
        bad = [*self.bad(of), f"({name} := {_place(of)}) is None"]
        sure = _SURE[sign].format(x=name, c=repr(limit))
        yield from _cases([(sure, yes), (f"{name} < 1e999 and {name} > -1e999", no)], unknown, bad, unknown)

    def calculated(self, of: Sequence[Number], form: str, yes: Lines, no: Lines, unknown: Lines) -> Iterator[str]:
        """A comparison of what must be worked out first."""
        self.reads = {}
        worked = form.format(*[self.number(each) for each in of])
        bad = []
        for read, name in self.reads.items():
            bad += [*self.bad(read), f"({name} := {_place(read)}) is None", f"{name} - {name} != 0"]
        answer = self.name()
        lines = ["try:", f" {answer} = {worked}", "except ArithmeticError:", f" {answer} = None"]
        lines += _cases([(answer, yes), (f"{answer} is None", unknown)], no, [], [])
        yield from _cases([], lines, bad, unknown)

    def number(self, number: Number) -> str:
        match number:
            case Const(value):
                return f"({value!r})"
            case Slot() | Seen():
                return self.reads.setdefault(number, self.name())
            case Calc(sign, left, right):
                name = self.name()
                worked = f"{self.number(left)} {sign} {self.number(right)}"
                return f"({name} if ({name} := {worked}) - {name} == 0 else nope())"
            case Call("-", (of,)):
                return f"(-{self.number(of)})"
            case Call(function, several):
                return f"{function}({', '.join(map(self.number, several))})"


def _place(of: Slot | Seen) -> str:
    return f"v[s{of.index}]" if isinstance(of, Slot) else f"w[{of.index}]"


def _words(words: Sequence[str]) -> str:
    # a set of literals is a constant of the code
    return f"{{{', '.join(repr(str(word)) for word in words)}}}" if words else "()"


def _cases(cases: Sequence[tuple[str, Lines]], otherwise: Lines, bad: Lines, unknown: Lines) -> Iterator[str]:
    """if one of `bad`: `unknown`; then each case; else `otherwise`."""
    every = [(" or ".join(bad), unknown), *cases] if bad else list(cases)
    if not every:
        yield from otherwise
        return
    for number, (test, lines) in enumerate(every):
        yield f"{'elif' if number else 'if'} {test}:"
        yield from _inside(lines)
    if otherwise != ["pass"]:
        yield "else:"
        yield from _inside(otherwise)
