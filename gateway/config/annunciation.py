"""Who is told what, and when: the site's options checked against its channels, rules and devices, and compiled."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from alerts.annunciate.options import AnnunciationOptions
from alerts.annunciate.plan import LOG, Plan, matches, names
from gateway.config.inspection import Inspection
from gateway.config.nearest import unknown
from gateway.config.site_file import SiteDocument
from gateway.model import Device


def check_annunciation(
    inspection: Inspection, site: SiteDocument, rules: Collection[str], devices: Sequence[Device]
) -> Plan:
    """The plan. A channel that there is not is told where it is named, and so is a match that can never fit."""
    options = site.site.notify
    channels = (LOG, *(webhook.name for webhook in options.webhooks))
    for path, name in names(options):
        if name not in channels:
            inspection.at_value(site.document, ("notify", *path), unknown("channel", name, channels))
    for path, match in matches(options):
        for key, told in match.misnamed(rules, devices):
            inspection.at_value(site.document, ("notify", *path, key), told)
    own = {key: getattr(options, key) for key in AnnunciationOptions.model_fields}
    return Plan(channels, AnnunciationOptions.model_construct(**own))
