"""What alarm quality looks like, for the documentation: seconds, shares within 0 … 1; null: nothing was measured."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from gateway.api.shapes import Shape


class Named(Shape):
    rule: str
    source: str


class Ringing(Named):
    rings: int


class Chattering(Named):
    in_a_minute: int


class Repeated(Named):
    raises: int


class Standing(Named):
    occurrence: str
    age_s: float


class Rate(Shape):
    rings: int
    per_10min: float | None = Field(description="K1; of the time in which the gateway ran.")
    per_day: float | None
    peak_10min: int = Field(description="K2.")


class Floods(Shape):
    """K3. A flood begins with more than 10 ringings in ten minutes and ends with fewer than 5."""

    count: int
    share: float | None
    seconds: float


class Stale(Shape):
    """K4: active for more than a day at the end of the span; the oldest ten."""

    count: int
    alarms: list[Standing]


class Chatter(Shape):
    """K5: active three times or more within a minute; the worst ten."""

    count: int
    alarms: list[Chattering]


class Fleeting(Shape):
    """K6: over within ten seconds, unanswered; `share` is of all that were raised in the span."""

    count: int
    share: float | None


class BadActors(Shape):
    """K7: the ten that rang most."""

    share: float | None
    alarms: list[Ringing]


class Spread(Shape):
    count: int
    p50_s: float | None
    p95_s: float | None


class Answered(Spread):
    """K9 of one severity."""

    unanswered: int
    in_time: float | None = Field(description="Within the target of this severity, where it has one.")


class Cleared(Spread):
    """K10."""

    in_time: float | None = Field(description="Within their rules' time to respond.")


class Waiting(Shape):
    """K12: over, and nobody has answered."""

    count: int
    oldest_s: float | None


class ProtectionLost(Shape):
    """K14: how long life-safety rules could not be relied on, summed over sources."""

    hours: float
    by_rule: dict[str, float]


class Detection(Shape):
    """K15: from the first TRUE sample to the raise, without the rule's delay."""

    count: int
    p50_s: float | None
    p99_s: float | None


class Delivered(Spread):
    """K16 of one channel."""

    notices: int
    delivered: int
    pending: int
    dead: int
    share_of_attempts: float | None


class Kpi(Shape):
    from_: AwareDatetime = Field(alias="from")
    to: AwareDatetime
    span_s: float
    unobserved_s: float = Field(description="The gateway did not run; left out of what is divided by time.")
    starts: int
    rate: Rate
    floods: Floods
    stale: Stale
    chattering: Chatter
    fleeting: Fleeting
    bad_actors: BadActors
    priorities: dict[str, int] = Field(description="K8: occurrences by the highest severity they reached.")
    time_to_ack: dict[str, Answered]
    time_to_clear: Cleared
    hidden_raises: int = Field(description="K11: raised while muted.")
    muted_hours: dict[str, float] = Field(
        description="K11: how long open alarms were muted within the span, by kind, summed over alarms."
    )
    expired_while_active: int = Field(
        description="K11: shelves and permits that ran out while the alarm was still active."
    )
    muted_now: dict[str, int] = Field(description="K11: open alarms that are muted, by kind.")
    unacked_returned: Waiting
    protection_lost: ProtectionLost
    detection: Detection
    delivery: dict[str, Delivered]
    repeats: list[Repeated] = Field(description="K18: raised three times or more within seven days; the worst ten.")
    missed_while_down: int = Field(description="Life-safety pulses that only history showed.")
