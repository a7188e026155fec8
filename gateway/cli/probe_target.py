"""What is to be probed: a device of a site, or a link with a unit or a profile that no site knows yet."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drivers.assign import UnitAssignment, UnitSpec, assign
from drivers.language import Profile
from drivers.modbus.options import ModbusLinkOptions
from drivers.mqtt.language import MqttProfile
from drivers.mqtt.options import MqttLinkOptions
from drivers.profile import library, profile_class
from gateway.cli.check import AssumedPorts
from gateway.cli.probe_link import Asker, ProbeError, RunningGateway, Through, asker_for, gateway_on
from gateway.cli.run import default_folder
from gateway.clock import Clock
from gateway.config.inspection import Inspection
from gateway.config.load import SiteConfig, load_site
from gateway.config.nearest import unknown
from gateway.config.source import read_packaged, read_source
from gateway.config.substitute import port_variable
from gateway.config.wires import LinkOptions
from gateway.model import SECOND

NAME = "probe"


@dataclass(frozen=True, slots=True)
class Target:
    """A link, and on it a device if one was named. `asks_through` is the gateway that owns the link, if one does."""

    link: str
    options: LinkOptions
    unit: UnitSpec | None = None
    asks_through: RunningGateway | None = None
    warning: str | None = None

    @property
    def modbus(self) -> ModbusLinkOptions:
        """The options of a link that is asked; ProbeError when it is a broker."""
        if isinstance(self.options, MqttLinkOptions):
            raise ProbeError(f"{self.link} is a broker: nobody is asked there, see `anlou probe topics`", 2)
        return self.options

    @property
    def mqtt(self) -> MqttLinkOptions:
        """The options of a broker; ProbeError when it is none."""
        if not isinstance(self.options, MqttLinkOptions):
            raise ProbeError(f"{self.link} ({self.options.endpoint}) is no broker: an address mqtt://… is expected", 2)
        return self.options

    @property
    def assignments(self) -> tuple[UnitAssignment, ...]:
        """What is read of the device, by unit number."""
        return () if self.unit is None else assign([self.unit], [])[self.unit.link].units

    def asker(self, data: Path | None, clock: Clock) -> Asker:
        """Who asks for us."""
        if self.asks_through is not None and self.link in self.asks_through.links:
            return Through(self.asks_through, self.link)
        return asker_for(self.modbus, data, clock)


def add_link(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """The words that say over which link."""
    parser.add_argument(
        "--link", metavar="ADDRESS|NAME", required=required, help="an address as in a site file, or with --site a name"
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the link as in a site file (timeout=2s); VALUE @FILE is the first line of a file",
    )
    parser.add_argument("--site", type=Path, metavar="FILE", help="the site file whose links and devices are meant")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where the gateway keeps everything, if one runs")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")


def add_device(parser: argparse.ArgumentParser) -> None:
    """The words that name a device, of a site or by its profile."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="a device or module of the site")
    parser.add_argument("--unit", type=unit_number, metavar="N", help="with --link: its number, 1 … 255")
    parser.add_argument("--profile", metavar="PATH|NAME", help="with --link: a profile file, or one of the library")
    parser.add_argument("--part", action="append", default=[], metavar="ID", help="a part to read too (L1D1)")
    parser.add_argument("--var", action="append", default=[], metavar="NAME=VALUE", help="a variable of its topics")


def unit_number(text: str) -> int:
    """1 … 255."""
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 255:
        return int(text)
    raise argparse.ArgumentTypeError(f"a unit number from 1 to 255 is expected, got {text!r}")


def target_of(options: argparse.Namespace) -> Target:
    """The target that the words name; ProbeError or ConfigErrors when there is none."""
    name = getattr(options, "name", None)
    if options.site is not None:
        return _of_site(options, name)
    if name is not None:
        raise ProbeError(f"{name!r} is a device of which site? --site FILE is missing", 2)
    if options.link is None:
        raise ProbeError("either --link ADDRESS, or --site FILE with the name of a device or --link NAME", 2)
    link = _link_options(options.link, options.option)
    return Target(str(options.link), link, _unit_of(options, link))


def _of_site(options: argparse.Namespace, name: str | None) -> Target:
    ports = AssumedPorts({}, os.environ)
    site = load_site(options.site, ports)
    gateway = gateway_on(options.data or default_folder(site.site.id))
    spec = _spec(site, name) if name is not None else None
    link = spec.link if spec is not None else options.link
    if link is None:
        raise ProbeError("which device or link of the site? Say its NAME, or --link NAME", 2)
    if link not in site.links:
        raise ProbeError(unknown("link", link, site.links), 2)
    found = _where_it_leads(site.links[link], link, gateway, ports)
    if options.option:
        raise ProbeError("the options of a site's link stand in the site file; --option is for --link ADDRESS", 2)
    warning = None
    if gateway is not None and gateway.digest != site.digest:
        warning = f"the gateway on {gateway.folder} was started with other files than these: restart it to see them"
    if spec is None:
        spec = _unit_of(options, found)
    elif getattr(options, "part", None):
        raise ProbeError("the parts of a site's device stand in the site file; --part is for --profile", 2)
    return Target(link, found, spec, gateway, warning)


def _where_it_leads(
    options: LinkOptions, link: str, gateway: RunningGateway | None, ports: AssumedPorts
) -> LinkOptions:
    """The link with its real port: the file's, or the one that the running gateway was given."""
    address = options.mqtt if isinstance(options, MqttLinkOptions) else options.modbus
    port = getattr(address, "port", None)
    for name, number in ports.assumed.items():
        if port != number:
            continue
        if gateway is None or link not in gateway.links:
            raise ProbeError(f"the port {name!r} is not known here: set {port_variable(name)}", 2)
        key = "mqtt" if isinstance(options, MqttLinkOptions) else "modbus"
        real = type(options).model_validate({key: gateway.links[link]["endpoint"], **_insecure(options)})
        return options.model_copy(update={key: getattr(real, key)})
    return options


def _insecure(options: LinkOptions) -> Mapping[str, bool]:
    return {"insecure": options.insecure} if isinstance(options, MqttLinkOptions) else {}


def _spec(site: SiteConfig, name: str) -> UnitSpec:
    by_name = {unit.name: unit for unit in site.units}
    if name in by_name:
        return by_name[name]
    device = next((one for one in site.devices if one.id == name), None)
    if device is None:
        raise ProbeError(unknown("device or module", name, by_name), 2)
    if device.disabled:
        raise ProbeError(f"{name} is disabled in the site file", 2)
    modules = sorted({channel.unit for channel in site.channels if channel.device == name})
    told = f"its points come from {', '.join(modules)}: probe that" if modules else "nothing is read of it"
    raise ProbeError(f"{name} has no link of its own; {told}", 2)


def _link_options(address: str, pairs: list[str]) -> LinkOptions:
    wire = "mqtt" if re.match(r"mqtts?://", address) else "modbus"
    model = MqttLinkOptions if wire == "mqtt" else ModbusLinkOptions
    said = {wire: address, **{key: _value(text) for key, text in _pairs(pairs, "--option")}}
    found = Inspection().findings(model, said)
    if isinstance(found, list):
        first = found[0]
        where = "--link" if first.path in ((), (wire,)) else f"--option {'.'.join(map(str, first.path))}"
        raise ProbeError(f"{where}: {first.message}", 2)
    return found  # type: ignore[return-value]


def _pairs(pairs: list[str], flag: str) -> list[tuple[str, str]]:
    split = [pair.partition("=") for pair in pairs]
    if wrong := next((key for key, equals, _ in split if not equals or not key), None):
        raise ProbeError(f"{flag} {wrong}: KEY=VALUE is expected", 2)
    return [(key, value) for key, _, value in split]


def _value(text: str) -> str | int | bool:
    if text.startswith("@"):
        try:
            return (Path(text[1:]).read_text().splitlines() or [""])[0]
        except (OSError, UnicodeDecodeError) as error:
            raise ProbeError(f"--option: {text[1:]} cannot be read: {error}", 2) from None
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.isascii() and text.isdigit() else text


def _unit_of(options: argparse.Namespace, link: LinkOptions) -> UnitSpec | None:
    """The device that --profile describes, None when no profile is named."""
    if getattr(options, "profile", None) is None:
        return None
    profile = profile_of(options.profile)
    is_mqtt = isinstance(link, MqttLinkOptions)
    if is_mqtt != isinstance(profile, MqttProfile):
        words = {"mqtt": "MQTT messages", "modbus": "Modbus registers"}
        raise ProbeError(f"{profile.profile} is a profile of {words[profile.wire]}, and the link is another wire", 2)
    variables = dict(_pairs(options.var, "--var"))
    try:
        profile = profile.for_parts(options.part)
        if isinstance(profile, MqttProfile):
            profile.check_variables(variables)
    except ValueError as wrong:
        raise ProbeError(str(wrong), 2) from None
    if not is_mqtt and options.unit is None:
        raise ProbeError("--unit N is missing: which unit of the link?", 2)
    return UnitSpec(NAME, NAME, options.unit, profile, SECOND, own_device=True, variables=variables)


def profile_of(name: str) -> Profile:
    """A profile from a file, or of the library; ConfigErrors with what is wrong with it, ProbeError when it is none."""
    inspection = Inspection()
    packaged = {file.name.removesuffix(".yaml"): file for file in library().iterdir() if file.name.endswith(".yaml")}
    if name.endswith((".yaml", ".yml")) or "/" in name:
        source = read_source(Path(name))
    elif name in packaged:
        source = read_packaged(packaged[name])
    else:
        raise ProbeError(f"{unknown('profile', name, sorted(packaged))} A file is named with its .yaml", 2)
    document = inspection.document(source)
    inspection.refuse_if_any()
    found = inspection.validated(profile_class(document.value), document.value, document) if document else None
    inspection.refuse_if_any()
    if found is None:
        raise ProbeError(f"{name} is no profile", 2)
    return found
