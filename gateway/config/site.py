"""The site file's models. What belongs to a room (link, channel, rule, webhook, API) is that room's own model."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.json_schema import WithJsonSchema

from alerts.notify.options import Webhooks
from drivers.profile import ChannelOptions
from gateway.api.options import ApiOptions
from gateway.config.nearest import unknown
from gateway.config.wires import LinkField
from gateway.fields import Duration, Id, Line, NameField, Period, Strict, within
from gateway.historian.options import HistorianOptions
from gateway.model import SECOND

System = Literal["elevator", "garage-water", "fire", "electrical-fire", "ev-charging"]
DEFAULT_POLL_NS = SECOND
UNSAID = 0  # where nothing is written; what may be written is never 0, nor null
Interval = Annotated[Duration, within(SECOND, 7 * 86400 * SECOND, "1s … 7d")]


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise ValueError(unknown("time zone", name, sorted(available_timezones()))) from None
    return name


TimeZone = Annotated[str, AfterValidator(_time_zone)]


def _label(value: Any) -> Any:
    # `building: 1` and `floor: -2` are how people write these names
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Label = Annotated[Line, BeforeValidator(_label), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}]})]


def _inside(path: str) -> str:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts:
        raise ValueError(f"a path beside the site file is expected, got {path!r}")
    return path


Beside = Annotated[Line, AfterValidator(_inside)]
"""A path relative to the site file, at or below its folder."""
UnitNumber = Annotated[int, Field(ge=1, le=255)]


def _level(value: str) -> str:
    # it stands in a topic: a slash would be two levels, a wildcard everybody's messages
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", value) or not value.strip("."):
        raise ValueError(f"letters, digits, `_`, `.` and `-` are expected, at most 64; got {value[:80]!r}")
    return value


Variables = dict[str, Annotated[str, AfterValidator(_level)]]


class SiteInfo(Strict):
    """`site:` — which building this is."""

    id: Id
    name: NameField
    timezone: TimeZone
    language: Literal["zh", "en"] = "zh"


class Place(Strict):
    """`at:` — where a thing stands."""

    building: Label | None = None
    floor: Label | None = None
    zone: Label | None = None


class PartEntry(Strict):
    """A part of a device: a detector, a pump, a socket."""

    name: NameField | None = None
    at: Place = Place()


class Module(Strict):
    """An I/O box, or a sensor, whose channels belong to other devices."""

    profile: Id
    link: Id
    unit: UnitNumber = UNSAID
    poll: Period = UNSAID
    vars: Variables = Field(default_factory=dict)
    expect_every: Interval = UNSAID
    name: NameField | None = None
    at: Place = Place()


class DeviceEntry(Strict):
    """A thing in the building: with a profile it answers on a link itself, its `points` come from modules."""

    system: System | None = None
    profile: Id | None = None
    link: Id | None = None
    unit: UnitNumber = UNSAID
    poll: Period = UNSAID
    vars: Variables = Field(default_factory=dict)
    expect_every: Interval = UNSAID
    name: NameField | None = None
    at: Place = Place()
    parts: dict[Id, PartEntry] = Field(default_factory=dict)
    points: dict[str, ChannelOptions] = Field(default_factory=dict)
    disabled: bool = False


class RuleChoice(Strict):
    """Which rules watch this building, and where they differ here."""

    packs: list[Id] = Field(default_factory=list)
    files: list[Beside] = Field(default_factory=list)
    override: dict[str, dict[str, Any]] = Field(default_factory=dict)


class NotifyOptions(Strict):
    """Who is told."""

    webhooks: Webhooks = Field(default_factory=list)


class SiteFile(Strict):
    """The whole site file."""

    site: SiteInfo
    profiles: list[Beside] = Field(default_factory=list)
    links: dict[Id, LinkField] = Field(default_factory=dict)
    modules: dict[Id, Module] = Field(default_factory=dict)
    devices: dict[Id, DeviceEntry] = Field(default_factory=dict)
    rules: RuleChoice = RuleChoice()
    notify: NotifyOptions = NotifyOptions()
    historian: HistorianOptions | None = None
    api: ApiOptions = ApiOptions()
