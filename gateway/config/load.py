"""A site file → a frozen SiteConfig, or everything that is wrong with it. All or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from alerts.bind import Bound, Unbound, bind
from alerts.notify.options import WebhookOptions
from alerts.rule import Rule
from drivers.assign import ChannelSpec, UnitSpec
from drivers.modbus.budget import LinkBudget
from drivers.profile import MqttProfile
from gateway.api.options import ApiOptions
from gateway.config.annunciation import check_annunciation
from gateway.config.build import build
from gateway.config.buses import Assignments, assigned, budgets, with_periods
from gateway.config.catalogue import read_catalogue
from gateway.config.certificates import check_certificates, check_client_files
from gateway.config.discover import announcing, with_lookouts
from gateway.config.inspection import Inspection
from gateway.config.links import check_links
from gateway.config.maintenance import check_maintenance
from gateway.config.oversights import told_of_units, warn_of_milder, warn_of_oversights
from gateway.config.problems import ConfigErrors, Problem
from gateway.config.profiles import Profiles
from gateway.config.rules import Rules, pack_to_add
from gateway.config.sentences import Finding
from gateway.config.site import SiteInfo
from gateway.config.site_file import SiteDocument, read_site
from gateway.config.urgent import urgent_points, with_urgent
from gateway.config.wires import LinkOptions
from gateway.historian.options import HistorianOptions
from gateway.model import Device

__all__ = ["ConfigErrors", "Problem", "SiteConfig", "load_site"]

NO_PORTS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class SiteConfig:
    """A whole site, checked. `devices` includes `gateway`; `units` and `channels` leave disabled devices out.

    `discover` are the types of device that a link looks for, beside those that it has.
    `assignments` are what drivers.assign makes of these, by link; `buses` the arithmetic of those on Modbus.
    `ports` are what `${port:NAME}` was filled in with.
    """

    path: Path
    site: SiteInfo
    links: Mapping[str, LinkOptions]
    discover: Mapping[str, tuple[MqttProfile, ...]]
    units: tuple[UnitSpec, ...]
    channels: tuple[ChannelSpec, ...]
    assignments: Assignments
    buses: Mapping[str, LinkBudget]
    devices: tuple[Device, ...]
    ports: Mapping[str, int]
    rules: tuple[Rule, ...]
    zone: ZoneInfo
    holidays: frozenset[date]
    bound: Bound
    unbound: tuple[Unbound, ...]
    warnings: tuple[Problem, ...]
    notify: tuple[WebhookOptions, ...]
    historian: HistorianOptions | None
    api: ApiOptions
    digest: str  # SHA-256 of all files read


def load_site(path: Path, ports: Mapping[str, int] = NO_PORTS) -> SiteConfig:
    """The site at `path`; ConfigErrors with every problem of its files. `ports` fill in `${port:NAME}`."""
    inspection = Inspection()
    site = read_site(inspection, path, ports)
    if site is None:
        raise ConfigErrors(inspection.problems)
    links = check_links(inspection, site)
    api = check_certificates(inspection, site)
    historian = _historian(inspection, site)
    profiles = Profiles(inspection, site)
    discover = announcing(inspection, site, profiles)
    built = build(inspection, site, profiles)
    rules = Rules(inspection, site)
    zone, holidays = ZoneInfo(site.site.site.timezone), frozenset(site.site.calendar.holidays)
    bound = Bound(())
    assignments: Assignments = {}
    # on a part of the site it would complain of what is merely left out
    if site.complete and built.complete:
        assignments = assigned(inspection, site, built)
        built.devices = with_periods(built.devices, assignments)
    if site.complete and built.complete and rules.complete:
        catalogue = read_catalogue(inspection) or {}
        known = profiles.names()
        bound = bind(rules.rules, built.devices, catalogue, zone=zone, holidays=holidays, profiles=known)
        names = {rule.rule for rule in rules.rules}
        windows = check_maintenance(inspection, site, names, built.devices)
        plan = check_annunciation(inspection, site, names, built.devices)
        bound = replace(bound, windows=windows, annunciation=plan)
        told = told_of_units(inspection, site, built, catalogue) if bound.problems else ()
        for problem in bound.problems:
            if any(problem.message.startswith(f"{name!r}: ") for name in told):
                continue
            message = problem.message + (pack_to_add(problem.missing) if problem.missing else "")
            rules.problem(problem.rule, Finding(problem.loc, message, on_key=not problem.loc), problem.device)
        warn_of_oversights(inspection, site, built, bound, catalogue)
        warn_of_milder(rules, bound)
        urgent = urgent_points(built.units.values(), built.channels, bound)
        assignments = with_lookouts(with_urgent(assignments, urgent), site.site)
    buses = budgets(inspection, site, assignments, links)
    inspection.refuse_if_any()
    return SiteConfig(
        path=path,
        site=site.site.site,
        links=links,
        discover=discover,
        units=_units(assignments),
        channels=tuple(built.channels),
        assignments=assignments,
        buses=buses,
        devices=tuple(built.devices),
        ports=ports,
        rules=tuple(rules.rules),
        zone=zone,
        holidays=holidays,
        bound=bound,
        unbound=bound.unbound,
        warnings=inspection.all_warnings,
        notify=tuple(site.site.notify.webhooks),
        historian=historian,
        api=api,
        digest=inspection.digest,
    )


def _units(assignments: Assignments) -> tuple[UnitSpec, ...]:
    """Each once, though it may answer as several."""
    found = {unit.spec.name: unit.spec for assignment in assignments.values() for unit in assignment.units}
    return tuple(found.values())


def _historian(inspection: Inspection, site: SiteDocument) -> HistorianOptions | None:
    """The historian's options with a whole path of its authorities."""
    options = site.site.historian
    if options is None:
        return None
    return options.model_copy(update=check_client_files(inspection, site, ("historian",), {"ca": options.ca}))
