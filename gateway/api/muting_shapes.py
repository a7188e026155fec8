"""What the answers about mutes look like, for the documentation."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from gateway.api.shapes import Alarm, Mute, Shape
from gateway.model import AlarmState


class Muted(Mute):
    """Of maintenance, `reason` is the window's id and `by` its work order; of suppression, `reason` is the cause."""

    kind: Literal["shelved", "suppressed", "out_of_service", "silenced", "maintenance"]
    rule: str
    source: str
    occurrence: str | None = Field(description="Null while the alarm is not open.")
    state: AlarmState


class Silence(Shape):
    silence: str
    of: dict[str, Any]
    by: str
    reason: str
    began_at: AwareDatetime
    until: AwareDatetime


class Watched(Shape):
    """A rule on a source; `alarm` null: it is not open."""

    rule: str
    source: str
    mutes: list[Mute]
    alarm: Alarm | None
