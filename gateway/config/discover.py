"""Which types of device are looked for on a broker: `discover: [openevse]` of an MQTT link."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.mqtt.options import MqttLinkOptions
from drivers.profile import MqttProfile
from gateway.config.inspection import Inspection
from gateway.config.profiles import Profiles
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
