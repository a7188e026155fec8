"""Conditions that count other conditions as a rule file writes them: edges in a window, votes, n of some."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from alerts.condition.located import misplaced
from alerts.condition.operand import Leaf, Loc, Operand, Some
from alerts.condition.watching import Window
from gateway.fields import Duration, within
from gateway.model import SECOND

if TYPE_CHECKING:
    from alerts.condition.spec import Spec

Held = Annotated[Duration, within(0, 3600 * SECOND, "0s … 1h")]


class CountSpec(Operand):
    """C8: the inner condition has become TRUE at least so often within so long; over when fewer than `clears_below`."""

    count: Annotated[int, Field(ge=1, le=1000)]
    of: Spec
    within: Window
    clears_below: Annotated[int, Field(ge=1, le=1000)] | None = None

    def operands(self) -> Iterator[tuple[Loc, Operand]]:
        yield ("of",), self.of

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.clears_below is not None and self.clears_below > self.count:
            raise misplaced(f"must not be more than {self.count}", "clears_below")
        return self


class VoteSpec(Operand):
    """C9: at least so many voters are TRUE, each TRUE held for `within`.

    A voter in `of` that asks for alarms or parts (`{alarm: FI-01, same: zone}`, `{point: fire, is: true, parts: any}`)
    is one voter for each of them. `distinct`: two voters on the same part count once, or two on the same device. `bad`:
    what an UNKNOWN voter is: `unknown` (Kleene), `excluded` (the vote degrades to those that remain) or `counts` (a
    vote, beside at least one that is really TRUE).
    """

    votes: Annotated[int, Field(ge=1, le=100)]
    of: Some[Spec]
    within: Held = 0
    distinct: Literal["part", "device"] = "part"
    bad: Literal["unknown", "excluded", "counts"] = "unknown"

    def operands(self) -> Iterator[tuple[Loc, Operand]]:
        yield from ((("of", index), voter) for index, voter in enumerate(self.of))

    @model_validator(mode="after")
    def _check(self) -> Self:
        most = sum(map(_voters, self.of))
        if most < self.votes:
            raise misplaced(f"only {most} can vote: it could never be TRUE", "votes")
        return self


def _voters(spec: Operand) -> float:
    """How many votes it can have at most; alarms and parts are as many as the site has."""
    if isinstance(spec, Leaf):
        return math.inf if spec.parts == "any" else len(spec.points or (spec,))
    return math.inf if "alarm" in type(spec).model_fields else 1


class SomeOfSpec(Operand):
    """C11: at least `n_of` of `these` are TRUE, in Kleene's three values."""

    n_of: Annotated[int, Field(ge=1, le=100)]
    these: Some[Spec]

    def operands(self) -> Iterator[tuple[Loc, Operand]]:
        yield from ((("these", index), each) for index, each in enumerate(self.these))

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.n_of > len(self.these):
            raise misplaced(f"there are only {len(self.these)} of them: it could never be TRUE", "n_of")
        return self
