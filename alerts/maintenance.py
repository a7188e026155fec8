"""What a site writes under `maintenance:`: when which alarms are expected and tell nobody."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from alerts.condition.located import misplaced
from alerts.match import Match
from alerts.schedule import Schedule
from gateway.fields import Id, Line, Strict, TextField
from gateway.model import AlarmClass


class MaintenanceOptions(Strict):
    """A window of maintenance: the alarms that it means are muted while it is open. Never those of life safety."""

    id: Id = Field(description="its name, unique in the list")
    of: Match = Field(description="which alarms: by rule, system, class, severity, place, device, labels")
    schedule: Schedule = Field(description="when, in the site's local time")
    work_order: Line = Field(description="what allows it: the number of a work order or contract")
    reason: TextField = Field(description="{en: …, zh: …}")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.of.empty:
            raise misplaced("something is expected: a rule, system, class, severity, place, device or label", "of")
        if self.of.class_ is AlarmClass.LIFE_SAFETY:
            raise misplaced("life safety is never in maintenance; take single alarms out of service", "of")
        return self


Maintenance = Annotated[list[MaintenanceOptions], Field(max_length=200)]
