"""What a site writes under `notify:` about who is told what, and when. Strict; every default is docs/alarms.md's."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic.json_schema import WithJsonSchema

from alerts.condition.located import misplaced
from alerts.match import Match
from gateway.fields import Duration, Id, Strict, parse_duration, within
from gateway.model import SECOND

MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
NEVER = "never"

Channels = Annotated[tuple[Id, ...], Field(strict=False, min_length=1, max_length=20)]
Short = Annotated[Duration, within(0, 600 * SECOND, "0s … 10min")]
Span = Annotated[Duration, within(SECOND, 24 * HOUR, "1s … 1d")]
Long = Annotated[Duration, within(60 * SECOND, 30 * 24 * HOUR, "1min … 30d")]
Count = Annotated[int, Field(ge=1, le=1000)]


def _intervals(value: Any) -> Any:
    if value == NEVER:
        return ()
    given = value if isinstance(value, list | tuple) else [value]
    found = tuple(one if isinstance(one, int) and isinstance(value, tuple) else parse_duration(one) for one in given)
    if not found:
        raise ValueError(f"an interval is expected, several, or `{NEVER}`")
    if min(found) < 30 * SECOND or max(found) > 7 * 24 * HOUR:
        raise ValueError("each interval must lie within 30s … 7d")
    return found


_INTERVAL = r"\d+(\.\d+)?\s*(ms|s|min|h|d)"
Intervals = Annotated[
    tuple[int, ...],
    BeforeValidator(_intervals),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": rf"^({NEVER}|{_INTERVAL})$"},
                {"type": "array", "items": {"type": "string", "pattern": rf"^{_INTERVAL}$"}},
            ]
        }
    ),
]
"""Between one repetition and the next; the last one goes on."""


class RouteOptions(Strict):
    """Whom an alarm that fits goes to. The first that fits counts; with `continue` the ones after it are asked too."""

    match: Match = Field(default_factory=Match, description="which alarms; all when it is not given")
    to: Channels = Field(description="channels by name")
    continue_: bool = Field(default=False, alias="continue", description="look at the next routes as well")


class StepOptions(Strict):
    """One rung of a ladder."""

    after: Annotated[Duration, within(0, 7 * 24 * HOUR, "0s … 7d")]
    to: Channels


class LadderOptions(Strict):
    """Who is told besides when nobody answers; the first ladder that fits counts."""

    match: Match = Field(default_factory=Match)
    steps: Annotated[tuple[StepOptions, ...], Field(strict=False, min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _upwards(self) -> Self:
        for index, (lower, upper) in enumerate(pairwise(self.steps)):
            if upper.after <= lower.after:
                raise misplaced("must come later than the step before it", "steps", index + 1, "after")
        return self


class RepeatOptions(Strict):
    """How often a raise is said again while the alarm is active and nobody has acknowledged it."""

    critical: Intervals = (2 * MINUTE,)
    high: Intervals = (15 * MINUTE,)
    medium: Intervals = (4 * HOUR,)
    low: Intervals = ()


class GroupOptions(Strict):
    """How long a notice waits for others of its system and class. Life safety and critical never wait."""

    high: Short = 10 * SECOND
    rest: Short = 30 * SECOND
    interval: Annotated[Duration, within(0, 6 * HOUR, "0s … 6h")] = Field(
        default=5 * MINUTE, description="medium and low: from one message of a group to the next"
    )


class FloodOptions(Strict):
    """When there are too many alarms for one control room."""

    above: Count = Field(default=10, description="more than so many within `within` begin a flood")
    below: Count = Field(default=5, description="fewer end it")
    within: Span = 10 * MINUTE
    digest: Span = Field(default=MINUTE, description="while it lasts, from one digest to the next")

    @model_validator(mode="after")
    def _hysteresis(self) -> Self:
        if self.below > self.above:
            raise misplaced("a flood must end at fewer alarms than it begins with", "below")
        return self


class ChatterOptions(Strict):
    """When one alarm comes and goes too often."""

    activations: Annotated[int, Field(ge=2, le=50)] = 3
    within: Span = MINUTE
    limit: Span = Field(default=10 * MINUTE, description="at most one notice in this time")
    quiet: Span = Field(default=10 * MINUTE, description="without an activation for so long it is over")


class GiveUpOptions(Strict):
    """How old a notice may be that no channel has taken. Critical ones have no end."""

    high: Long = 48 * HOUR
    medium: Long = 6 * HOUR
    low: Long = HOUR


class AnnunciationOptions(Strict):
    """Who is told what, and when. With nothing given everybody is told everything, in the ways of docs/alarms.md."""

    routes: list[RouteOptions] = Field(default_factory=list, description="whom which alarms go to; none: everybody")
    escalation: list[LadderOptions] = Field(default_factory=list, description="nobody has acknowledged: who is next")
    unresolved: list[LadderOptions] = Field(
        default_factory=list, description="acknowledged, but still there after its time to respond"
    )
    repeat: RepeatOptions = RepeatOptions()
    group: GroupOptions = GroupOptions()
    flood: FloodOptions = FloodOptions()
    chatter: ChatterOptions = ChatterOptions()
    settle: Annotated[Duration, within(0, 600 * SECOND, "0s … 10min")] = Field(
        default=MINUTE, description="after a start: how long alarms are gathered at most"
    )
    give_up: GiveUpOptions = GiveUpOptions()
