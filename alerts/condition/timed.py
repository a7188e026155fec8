"""The condition on the calendar, and the one that is an expression, as a rule file writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, field_validator

from alerts.condition.expr_language import LONGEST, ExprError, parse_expr
from alerts.condition.located import misplaced
from alerts.condition.operand import Loc, Operand
from alerts.schedule import Schedule


class ScheduleSpec(Operand):
    """C12: the site's local time lies within the schedule. Never UNKNOWN."""

    schedule: Schedule


class ExprSpec(Operand):
    """An expression in a checked subset of Python's syntax that is true or false, such as `level > "0.5 m"`.

    The paths of what it names, and of its mistakes, end with the number of characters before the place.
    """

    expr: Annotated[str, Field(min_length=1, max_length=LONGEST)]

    @field_validator("expr")
    @classmethod
    def _check(cls, text: str) -> str:
        try:
            parse_expr(text)
        except ExprError as error:
            raise misplaced(str(error), error.offset) from None
        return text

    def named_points(self) -> Iterator[tuple[Loc, str]]:
        for name, offset in parse_expr(self.expr).points:
            yield ("expr", offset), name

    def asked_rules(self) -> Iterator[tuple[Loc, str]]:
        for rule, offset in parse_expr(self.expr).alarms:
            yield ("expr", offset), rule

    @property
    def fills_ns(self) -> int:
        return parse_expr(self.expr).fills_ns
