"""The site's maintenance windows: each named once, and about alarms that there are."""

from __future__ import annotations

from collections.abc import Collection

from alerts.maintenance import MaintenanceOptions
from gateway.config.inspection import Inspection
from gateway.config.site_file import SiteDocument
from gateway.model import Device


def check_maintenance(
    inspection: Inspection, site: SiteDocument, rules: Collection[str], devices: Collection[Device]
) -> tuple[MaintenanceOptions, ...]:
    """The windows; a name that nothing has is told where it stands: such a window would mute nothing, for ever."""
    windows = site.site.maintenance
    names: set[str] = set()
    for number, window in enumerate(windows):
        if window.id in names:
            inspection.at_value(site.document, ("maintenance", number, "id"), f"there are two windows {window.id!r}")
        names.add(window.id)
        for key, told in window.of.misnamed(rules, devices):
            inspection.at_value(site.document, ("maintenance", number, "of", key), told)
    return tuple(windows)
