"""The condition on the calendar, and the one that is an expression, as a rule file writes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alerts.condition.operand import Operand
from alerts.schedule import Schedule


class ScheduleSpec(Operand):
    """C12: the site's local time lies within the schedule. Never UNKNOWN."""

    schedule: Schedule


class ExprSpec(Operand):
    """An expression in a checked subset of Python's syntax that is true or false, such as `level > "0.5 m"`."""

    expr: Annotated[str, Field(min_length=1, max_length=1000)]
