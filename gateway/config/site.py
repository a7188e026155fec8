"""The site file's models. What belongs to a room (link, channel, rule, webhook, API) is that room's own model."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.json_schema import WithJsonSchema

from alerts.annunciate.options import AnnunciationOptions
from alerts.maintenance import Maintenance
from alerts.notify.options import Webhooks
from drivers.adaptation import Adaptation, Name
from drivers.profile import ChannelOptions
from gateway.api.options import ApiOptions
from gateway.config.calendar import Calendar
from gateway.config.nearest import unknown
from gateway.config.wires import LinkField
from gateway.fields import Duration, Id, Line, NameField, Period, Strict, within
from gateway.historian.options import HistorianOptions
from gateway.model import SECOND

System = Literal["elevator", "garage-water", "fire", "electrical-fire", "ev-charging"]
SYSTEMS: tuple[str, ...] = get_args(System)
DEFAULT_POLL_NS = SECOND
UNSAID = 0  # where nothing is written; what may be written is never 0, nor null
Interval = Annotated[Duration, within(SECOND, 7 * 86400 * SECOND, "1s … 7d")]
Seldom = Annotated[Duration, within(SECOND // 10, 86400 * SECOND, "100ms … 1d")]


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

    id: Id = Field(description="in every message that leaves the house")
    name: NameField = Field(description="{en: …, zh: …}")
    timezone: TimeZone = Field(description="IANA name, such as Asia/Shanghai; of device-local times too")
    language: Literal["zh", "en"] = Field(default="zh", description="of terminal and messages")


class Place(Strict):
    """`at:` — where a thing stands."""

    building: Label | None = Field(default=None, description="its name or number")
    floor: Label | None = Field(default=None, description="such as B2 or 3")
    zone: Label | None = Field(default=None, description="unique within the building")


class PartEntry(Strict):
    """A part of a device: a detector, a pump, a socket."""

    name: NameField | None = Field(default=None, description="shown to people")
    at: Place = Place()


class Speaker(Strict):
    """What answers or speaks on a link, as far as modules and devices say it alike."""

    profile: Id | None = Field(default=None, description="what type of device it is")
    link: Id | None = Field(default=None, description="where it answers or speaks")
    unit: UnitNumber = Field(default=UNSAID, description="Modbus: its number")
    units: dict[Name, UnitNumber] = Field(
        default_factory=dict, description="Modbus: numbers of its further units where they are not the profile's"
    )
    poll: Period = Field(default=UNSAID, description="Modbus: period, 100ms … 1h")
    every: dict[str, Seldom] = Field(
        default_factory=dict, description="Modbus: points that are read less often: {energy_total: 1min}"
    )
    vars: Variables = Field(default_factory=dict, description="MQTT: what to fill into the profile's topics")
    expect_every: Interval = Field(default=UNSAID, description="MQTT: how often it speaks at least, 1s … 7d")
    name: NameField | None = Field(default=None, description="shown to people")
    at: Place = Place()


class Module(Adaptation, Speaker):
    """An I/O box, or a sensor, whose channels belong to other devices."""

    profile: Id = Field(description="what type of device it is")
    link: Id = Field(description="where it answers or speaks")


class DeviceEntry(Adaptation, Speaker):
    """A thing in the building: with a profile it answers on a link itself, its `points` come from modules."""

    system: System | None = Field(default=None, description="which rules look at it; by default the profile's")
    parts: dict[Id, PartEntry] = Field(default_factory=dict, description="its parts, by id")
    points: dict[str, ChannelOptions] = Field(
        default_factory=dict, description="points from channels of modules, by point name or `part/name`"
    )
    labels: dict[Id, Label] = Field(
        default_factory=dict, description="the site's own words, for rules, notices and maintenance to choose by"
    )
    disabled: bool = Field(default=False, description="kept and shown as disabled, neither read nor watched")


class RuleChoice(Strict):
    """Which rules watch this building, and where they differ here."""

    packs: list[Id] = Field(default_factory=list, description="rule packs that come with AnLou")
    files: list[Beside] = Field(default_factory=list, description="rule files of the site, relative to the site file")
    override: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="single values of rules that differ here, by the rule's id; under `devices` those of one device",
    )


class NotifyOptions(AnnunciationOptions):
    """Who is told, by which way."""

    webhooks: Webhooks = Field(default_factory=list, description="each notice is a signed POST to these")


class SiteFile(Strict):
    """The whole site file."""

    site: SiteInfo
    profiles: list[Beside] = Field(default_factory=list, description="folders with profiles of the site's own")
    links: dict[Id, LinkField] = Field(default_factory=dict, description="the physical endpoints, by id")
    modules: dict[Id, Module] = Field(
        default_factory=dict, description="I/O boxes and sensors whose channels belong to devices, by id"
    )
    devices: dict[Id, DeviceEntry] = Field(default_factory=dict, description="the things in the building, by id")
    rules: RuleChoice = RuleChoice()
    calendar: Calendar = Calendar()
    maintenance: Maintenance = Field(
        default_factory=list, description="when which alarms are expected and tell nobody: never those of life safety"
    )
    notify: NotifyOptions = NotifyOptions()
    historian: HistorianOptions | None = Field(default=None, description="the outside time-series store")
    api: ApiOptions = ApiOptions()
