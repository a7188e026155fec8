"""When something is meant to happen, in the site's local time: weekly hours, or a recurrence rule (RFC 5545)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.fields import Duration, Strict

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Schedule(Strict):
    """`{days: [mon], from: "08:00", to: "18:00"}`, or `{rrule: "FREQ=MONTHLY;BYDAY=1TU", from: "09:00", lasts: 4h}`.

    Half-open [from, to); `to` at or before `from` reaches into the next day. Without `days` every day. `holidays`: what
    the site's holidays are to it: days like others, never, or nothing but them.
    """

    days: Annotated[tuple[Day, ...] | None, Field(strict=False)] = None
    from_: str = Field(alias="from")
    to: str | None = None
    lasts: Duration | None = None
    rrule: str | None = None
    holidays: Literal["too", "never", "only"] = "too"
