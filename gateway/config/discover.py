"""Who is looked for on a broker: types of devices (`discover: [openevse]`), and anybody (`watch: ["house/#"]`)."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.assign import LinkAssignment
from drivers.mqtt.options import MqttLinkOptions
from drivers.profile import MqttProfile
from gateway.config.inspection import Inspection
from gateway.config.profiles import Profiles
from gateway.config.site import SiteFile
from gateway.config.site_file import SiteDocument


def announcing(inspection: Inspection, site: SiteDocument, profiles: Profiles) -> Mapping[str, tuple[MqttProfile, ...]]:
    """By link the profiles that it is to look for; those that cannot announce themselves are told."""
    found: dict[str, tuple[MqttProfile, ...]] = {}
    for name, link in site.site.links.items():
        if not isinstance(link, MqttLinkOptions):
            continue
        sought: list[MqttProfile] = []
        for number, wanted in enumerate(link.discover):
            place = ("links", name, "discover", number)
            try:
                profile = profiles.get(wanted)
            except LookupError as error:
                inspection.at_value(site.document, place, str(error.args[0]))
                continue
            if isinstance(profile, MqttProfile) and profile.mqtt.announce is not None:
                sought.append(profile)
            elif profile is not None:
                told = f"the profile {wanted!r} does not say how such devices announce themselves (`announce`)"
                inspection.at_value(site.document, place, told)
        if sought:
            found[name] = tuple(sought)
    return found


def lookouts(site: SiteFile) -> list[str]:
    """The links on which somebody is looked for, whether or not they have a device yet."""
    links = site.links.items()
    return [name for name, link in links if isinstance(link, MqttLinkOptions) and (link.discover or link.watch)]


def with_lookouts(assignments: Mapping[str, LinkAssignment], site: SiteFile) -> Mapping[str, LinkAssignment]:
    """With an empty assignment for links that only look for somebody: they are listened to all the same."""
    return {**{name: LinkAssignment(name, ()) for name in lookouts(site)}, **assignments}
