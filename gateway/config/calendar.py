"""`calendar:` — the site's days that are not like others, for schedules."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.json_schema import WithJsonSchema

from gateway.fields import Strict


def _day(value: Any) -> Any:
    # only the long form: fromisoformat also takes 20261001, which YAML could mean as a number
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"there is no such day: {value}") from None
    if isinstance(value, date):
        return value
    raise ValueError(f"a day such as 2026-10-01 is expected, got {value!r}")


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"})]


def _once(days: list[date]) -> list[date]:
    for day in days:
        if days.count(day) > 1:
            raise ValueError(f"{day} stands here twice")
    return days


class Calendar(Strict):
    """The site's calendar."""

    holidays: Annotated[list[Day], AfterValidator(_once)] = Field(
        default_factory=list, description="days that schedules may leave out, or keep to, such as 2026-10-01"
    )
