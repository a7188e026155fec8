"""Checks on links that no link can make alone: one connection for one endpoint, a host that is a host, its files."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping

from drivers.modbus.address import Address
from drivers.mqtt.options import BrokerAddress, MqttLinkOptions
from gateway.config.certificates import check_client_files
from gateway.config.discover import lookouts
from gateway.config.inspection import Inspection
from gateway.config.site_file import SiteDocument
from gateway.config.wires import LinkOptions
from gateway.health.points import SINK

LONGEST_HOST = 253  # RFC 1035 §2.3.4, written without the last dot
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def check_links(inspection: Inspection, site: SiteDocument) -> Mapping[str, LinkOptions]:
    """The links by name, with whole paths and a client id; problems are noted.

    No name is looked up: that would ask the network about a typo.
    """
    doors = _Doors(inspection, site)
    modules, devices = site.site.modules, site.site.devices
    used = {module.link for module in modules.values()} | {device.link for device in devices.values()}
    used |= set(lookouts(site.site))
    for name, link in site.site.links.items():
        for key, host in _hosts(link):
            if wrong := host_problem(host):
                inspection.at_value(site.document, ("links", name, key), wrong)
        if name == SINK:
            told = f"{SINK!r} is what the gateway calls the outside time-series store; choose another name"
            inspection.at_key(site.document, ("links", name), told)
        doors.check(name, link)
        if name not in used and site.complete:
            inspection.warn(site.document, ("links", name), f"nothing is read over the link {name!r}")
    return {name: _ready(inspection, site, name, link) for name, link in site.site.links.items()}


class _Doors:
    """Who leads where: a place has one link, whatever is spoken there and by whatever name it goes."""

    def __init__(self, inspection: Inspection, site: SiteDocument) -> None:
        self._inspection, self._site = inspection, site
        self._taken: dict[str, tuple[str, str]] = {}

    def check(self, name: str, link: LinkOptions) -> None:
        """Note each address of this link that already is another's."""
        for key, address in _addresses(link):
            door = _place(address)
            other, there = self._taken.setdefault(door, (name, str(address)))
            if other == name:
                continue
            document = self._site.document
            if str(address) != there:
                said = f"{address} is the same place as {there} of the link {other!r}"
            else:
                same = "" if link == self._site.site.links[other] else ", with other options"
                said = f"{address} already is the link {other!r}{same}"
            message = f"{said} ({document.line_of(('links', other))}); one endpoint has one link"
            self._inspection.at_value(document, ("links", name, key), message)


def _addresses(link: LinkOptions) -> list[tuple[str, Address | BrokerAddress]]:
    """All addresses of a link, each with its key."""
    if isinstance(link, MqttLinkOptions):
        return [("mqtt", link.mqtt)]
    return list(zip(("modbus", "backup"), link.addresses, strict=False))


def _place(address: Address | BrokerAddress) -> str:
    """What two addresses have in common that lead to the same place."""
    if isinstance(address, BrokerAddress):
        return str(address)
    # an adapter has several names: /dev/ttyUSB0 and the lasting ones under /dev/serial
    return address.door if address.host is not None else os.path.realpath(address.door)


def _hosts(link: LinkOptions) -> list[tuple[str, str]]:
    """The hosts that are named, each with its key."""
    return [(key, address.host) for key, address in _addresses(link) if address.host is not None]


def _ready(inspection: Inspection, site: SiteDocument, name: str, link: LinkOptions) -> LinkOptions:
    """The options as the driver wants them."""
    files = {"ca": link.ca, "certificate": link.certificate, "key": link.key}
    changes = check_client_files(inspection, site, ("links", name), files)
    if isinstance(link, MqttLinkOptions) and link.client_id is None:
        # the broker keeps our session under this name: it must be the same at every start
        changes["client_id"] = f"anlou-{site.site.site.id}-{name}"
    return link.model_copy(update=changes) if changes else link


def host_problem(host: str) -> str | None:
    """Why `host` is neither an IP address nor a DNS name in ASCII; None when it is one."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return None
    if not host.isascii():
        return "the host has letters beyond ASCII, which may look like others; write its address or its xn-- name"
    if len(host) > LONGEST_HOST:
        return f"the host is longer than {LONGEST_HOST} characters"
    if re.fullmatch(r"[0-9.]+|0[xX][0-9a-fA-F.xX]*", host):
        return f"{host!r} is no IP address: four numbers within 0 … 255 are expected"
    if not all(_LABEL.fullmatch(label) for label in host.removesuffix(".").split(".")):
        return f"{host!r} is no host name: letters, digits and - are expected between dots"
    return None
