"""What of a site a running gateway cannot change: its wires, devices and doors. Only what judges can be reloaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from drivers.assign import UnitSpec
from gateway.config.load import SiteConfig
from gateway.config.problems import Problem

_AT_MOST = 5


def restart_needed(running: SiteConfig, wanted: SiteConfig) -> list[Problem]:
    """A sentence for each thing that differs and needs a restart; values, which may be secret, are not told."""
    return [
        Problem(str(wanted.path), 0, 0, f"{what}; a reload takes only what judges: restart the gateway for this")
        for what in _differences(running, wanted)
    ]


def after_restart(running: SiteConfig, wanted: SiteConfig) -> list[str]:
    """What a reload cannot do, but need not be refused for: sentences for whoever reloads."""
    before = {unit.name: unit.urgent for unit in running.units}
    units = [unit.name for unit in wanted.units if before.get(unit.name, unit.urgent) != unit.urgent]
    if not units:
        return []
    return [f"rules read other points of {_listed(units)}: which come first on a busy bus stays until a restart"]


def _differences(running: SiteConfig, wanted: SiteConfig) -> Iterator[str]:
    if running.site != wanted.site:
        names = [name for name in type(wanted.site).model_fields if _differ(running.site, wanted.site, name)]
        yield f"site: {', '.join(names)} changed"
    yield from _entries("links", running.links, wanted.links)
    yield from _entries("links that look for devices", running.discover, wanted.discover)
    yield from _entries("devices", _by_id(running.devices), _by_id(wanted.devices))
    yield from _entries("what is read of devices and modules", _units(running), _units(wanted))
    yield from _entries("points from modules", _channels(running), _channels(wanted))
    yield from _entries("webhooks", *({hook.name: hook for hook in of.notify} for of in (running, wanted)))
    if running.historian != wanted.historian:
        yield "historian: changed"
    if running.api != wanted.api:
        names = [name for name in type(wanted.api).model_fields if _differ(running.api, wanted.api, name)]
        yield f"api: {', '.join(names)} changed"


def _differ(one: object, other: object, name: str) -> bool:
    return bool(getattr(one, name) != getattr(other, name))


def _by_id(devices: Iterable[Any]) -> dict[str, Any]:
    return {device.id: device for device in devices}


def _units(config: SiteConfig) -> dict[str, Any]:
    """By name what is read, and how. What rules read comes first on a busy bus; that alone is no reason to restart."""
    written = {id(unit.profile): unit.profile for unit in config.units}
    profiles = {key: profile.model_dump_json() for key, profile in written.items()}  # two of them cannot be compared
    return {unit.name: (profiles[id(unit.profile)], _but_profile(unit)) for unit in config.units}


def _but_profile(unit: UnitSpec) -> dict[str, Any]:
    return {each.name: getattr(unit, each.name) for each in fields(unit) if each.name not in {"profile", "urgent"}}


def _channels(config: SiteConfig) -> dict[str, Any]:
    return {f"{channel.device} {channel.key}": channel for channel in config.channels}


def _entries(section: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for a section that differs, with the entries' names."""
    changes = {
        "added": [name for name in after if name not in before],
        "removed": [name for name in before if name not in after],
        "changed": [name for name in after if name in before and before[name] != after[name]],
    }
    told = [f"{_listed(names)} {how}" for how, names in changes.items() if names]
    if told:
        yield f"{section}: {', '.join(told)}"


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_AT_MOST])
    return shown if len(names) <= _AT_MOST else f"{shown} and {len(names) - _AT_MOST} more"
