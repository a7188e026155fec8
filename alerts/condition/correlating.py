"""Conditions on the order of two others as a rule file writes them: together, in sequence, or the second missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from alerts.condition.counting import Held
from alerts.condition.located import misplaced
from alerts.condition.operand import Loc, Operand
from gateway.fields import Delay

if TYPE_CHECKING:
    from alerts.condition.spec import Spec


def _two(what: str) -> BeforeValidator:
    """A list of exactly two, and if not, what is expected."""

    def check(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{what}, got {'a mapping' if isinstance(value, dict) else repr(value)}")
        if len(value) != 2:
            raise ValueError(f"{what}, got {len(value)}")
        return value

    return BeforeValidator(check)


_SPAN = _two("[the least, the most], such as [0s, 30s], is expected")
_CONDITIONS = _two("a list of two conditions is expected")


class TogetherSpec(Operand):
    """C10 `within`: two conditions became TRUE within so long of each other. TRUE while both are.

    Each counts as TRUE for `hold` longer than it is.
    """

    together: Annotated[tuple[Spec, Spec], Field(strict=False), _CONDITIONS]
    within: Held
    hold: Held = 0

    def operands(self) -> Iterator[tuple[Loc, Operand]]:
        yield from ((("together", index), each) for index, each in enumerate(self.together))


class SequenceSpec(Operand):
    """C10 `after[lo, hi]`: the second became TRUE at least lo and at most hi after the first. TRUE until it ends.

    The first must be TRUE when the second becomes so. Each counts as TRUE for `hold` longer than it is.
    """

    sequence: Annotated[tuple[Spec, Spec], Field(strict=False), _CONDITIONS]
    after: Annotated[tuple[Delay, Delay], Field(strict=False), _SPAN]
    hold: Held = 0

    def operands(self) -> Iterator[tuple[Loc, Operand]]:
        yield from ((("sequence", index), each) for index, each in enumerate(self.sequence))

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.after[0] <= self.after[1]:
            raise misplaced("[the least, the most] is expected", "after")
        return self


class AbsentSpec(Operand):
    """C10 `absent`: `by` after `after` became TRUE, `absent` still is not; it must have been known throughout.

    It is over when `absent` becomes TRUE, or `after` FALSE. `sticky`: what has begun is awaited though `after` is FALSE
    by then, and only `absent` ends it. `on_unknown: trip` (life safety) on `absent`: unknown is "did not happen".
    """

    absent: Spec
    after: Spec
    by: Held
    sticky: bool = False

    def operands(self) -> Iterator[tuple[Loc, Operand]]:
        yield ("absent",), self.absent
        yield ("after",), self.after
