"""What GET /api/v1/annunciation answers."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from gateway.api.shapes import Shape


class AlarmName(Shape):
    occurrence: str
    rule: str
    source: str


class Flood(Shape):
    since: AwareDatetime
    first_out: AlarmName = Field(description="Where it began.")
    next_digest: AwareDatetime | None
    digested: int


class Chattering(Shape):
    rule: str
    source: str
    since: AwareDatetime
    count: int = Field(description="Activations since the last notice.")


class Waiting(AlarmName):
    reason: str
    why: str = Field(description="group, chatter, settle, flood or muted")
    at: AwareDatetime | None = Field(description="When it is said at the latest; null where no time ends it.")


class Next(AlarmName):
    kind: str = Field(description="unacknowledged, unresolved or repeat")
    step: int
    to: list[str] | None
    at: AwareDatetime


class Fates(Shape):
    came: int
    sent: int
    digested: int
    combined: int
    merged: int
    limited: int
    hushed: int


class Annunciation(Shape):
    flood: Flood | None
    settling_until: AwareDatetime | None
    chattering: list[Chattering]
    held: int = Field(description="Notices that wait.")
    waiting: list[Waiting]
    next: list[Next]
    notices: Fates = Field(description="What became of them; `came` is the sum of the others and `held`.")
