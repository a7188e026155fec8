"""A site's rules bound once more, with conditions that remember nothing: to all of its devices, or to some."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from zoneinfo import ZoneInfo

from alerts.bind import Catalogue, bind
from alerts.bound import Bound
from alerts.rule import Rule
from gateway.config.catalogue import read_catalogue
from gateway.config.inspection import Inspection
from gateway.config.load import SiteConfig

_OF_INSTANCES = frozenset({"instances", "columns", "problems", "unbound", "reduced"})
_OF_THE_SITE = tuple(field.name for field in fields(Bound) if field.name not in _OF_INSTANCES)
"""What the configuration has put beside the instances: windows of maintenance, the calendar, whom to tell."""


@dataclass(frozen=True)
class Rebinding:
    """A site and the standard points. `rules`: others than its own."""

    site: SiteConfig
    catalogue: Catalogue
    rules: Sequence[Rule]

    @classmethod
    def of(cls, site: SiteConfig, rules: Sequence[Rule] | None = None) -> Rebinding:
        return cls(site, read_catalogue(Inspection()) or {}, site.rules if rules is None else rules)

    def bound(self, named: Collection[str] | None = None) -> Bound:
        """To these devices, as if the others were disabled; None: to all."""
        devices = self.site.devices
        if named is not None:
            devices = tuple(one if one.id in named else replace(one, disabled=True) for one in devices)
        holidays: frozenset[date] = getattr(self.site.bound, "holidays", frozenset())
        fresh = bind(self.rules, devices, self.catalogue, zone=ZoneInfo(self.site.site.timezone), holidays=holidays)
        return replace(fresh, **{name: getattr(self.site.bound, name) for name in _OF_THE_SITE})
