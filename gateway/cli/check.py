"""`anlou check --site FILE`: everything that is wrong with a site, or what it would watch."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from drivers.mqtt.codec import DeviceCodec
from drivers.mqtt.options import MqttLinkOptions
from gateway.cli.check_lost import lost_lines
from gateway.cli.check_plan import listened, plan_body, plan_lines
from gateway.config.load import ConfigErrors, Problem, SiteConfig, load_site
from gateway.config.substitute import port_variable

EXIT_BAD_CONFIG = 2
FIRST_ASSUMED_PORT = 50_200
SHOWN_PARTS = 8


class AssumedPorts(Mapping[str, int]):
    """Ports by name: those given, those of the environment, and for the others a number that only the check uses."""

    def __init__(self, given: Mapping[str, int], environment: Mapping[str, str]) -> None:
        self._given, self._environment = given, environment
        self.assumed: dict[str, int] = {}

    def __contains__(self, name: object) -> bool:
        # a wrong number in the environment is the loader's to refuse
        return isinstance(name, str) and (name in self._given or port_variable(name) not in self._environment)

    def __getitem__(self, name: str) -> int:
        if name in self._given:
            return self._given[name]
        if name not in self:
            raise KeyError(name)
        return self.assumed.setdefault(name, FIRST_ASSUMED_PORT + len(self.assumed))

    def __iter__(self) -> Iterator[str]:
        return iter({**self._given, **self.assumed})

    def __len__(self) -> int:
        return len({**self._given, **self.assumed})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--site", type=Path, required=True, metavar="FILE", help="the site file")
    parser.add_argument("--plan", action="store_true", help="also show what would be read, and when")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")


def run(args: argparse.Namespace) -> int:
    """0 and a summary, or 2 and every problem as `file:line:col: message`."""
    ports = AssumedPorts({}, os.environ)
    try:
        site = load_site(args.site, ports)
    except ConfigErrors as error:
        _tell_problems(error.problems, as_json=args.json)
        return EXIT_BAD_CONFIG
    if args.json:
        print(json.dumps({"ok": True, **_summary(site, ports), **(plan_body(site) if args.plan else {})}, indent=2))
        return 0
    for line in _lines(site, ports):
        print(line)
    for line in plan_lines(site) if args.plan else ():
        print(line)
    return 0


def _tell_problems(problems: tuple[Problem, ...], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"ok": False, "problems": [problem._asdict() for problem in problems]}, indent=2))
        return
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}; nothing was started", file=sys.stderr)


def _summary(site: SiteConfig, ports: AssumedPorts) -> dict[str, Any]:
    instances = [instance for instance in site.bound.instances if instance.companion_of is None]
    return {
        "site": site.site.id,
        "name": site.site.name._asdict(),
        "links": len(site.links),
        "units": len(site.units),
        "devices": len(site.devices) - 1,  # without the gateway itself
        "parts": {device.id: list(device.parts) for device in site.devices if device.parts},
        "points": sum(len(device.points) for device in site.devices),
        "brokers": list(_brokers(site)),
        "historian": None if site.historian is None else _historian(site),
        "rules": len({instance.rule.rule for instance in instances}),
        "alarms": len(instances),
        "unbound": [{"rule": lost.rule, "source": lost.source, "why": lost.why} for lost in site.unbound],
        "reduced": [{"rule": lost.rule, "source": lost.source, "why": lost.why} for lost in site.bound.reduced],
        "warnings": [warning._asdict() for warning in site.warnings],
        "assumed_ports": sorted(ports.assumed),
        "digest": site.digest,
    }


def _lines(site: SiteConfig, ports: AssumedPorts) -> Iterator[str]:
    facts = _summary(site, ports)
    systems = Counter(device.system for device in site.devices[:-1])
    yield f"{site.path}: {facts['site']} is good ({site.site.name.en} / {site.site.name.zh})"
    yield "  " + ", ".join(_count(facts[what], what) for what in ("links", "units", "devices", "points"))
    yield "  " + (", ".join(f"{count} {system}" for system, count in sorted(systems.items())) or "no devices")
    for device, parts in facts["parts"].items():
        yield f"  {device}: {_count(len(parts), 'parts')} ({', '.join(parts[:SHOWN_PARTS])}{_more(parts)})"
    for broker in facts["brokers"]:
        heard = "no device of its own"
        if broker["senders"]:
            heard = f"{_count(len(broker['topics']), 'topics')} of {', '.join(broker['senders'])}"
        yield f"  {broker['link']}: {broker['endpoint']} as {broker['client_id']}, {heard}"
    if facts["historian"]:
        yield "  historian: {kind} at {endpoint}".format(**facts["historian"])
    yield f"  {_count(facts['rules'], 'rules')}, {_count(facts['alarms'], 'alarms')} to watch"
    yield from lost_lines(site.unbound, site.bound.reduced)
    for warning in site.warnings:
        yield str(warning._replace(message=f"warning: {warning.message}"))
    for name in sorted(ports.assumed):
        yield f"  assumed: ${{port:{name}}} is not known here; for `anlou run` set {port_variable(name)}"


def _count(number: int, what: str) -> str:
    return f"{number} {what if number != 1 else what.removesuffix('s')}"


def _more(parts: Sequence[str]) -> str:
    return f" and {len(parts) - SHOWN_PARTS} more" if len(parts) > SHOWN_PARTS else ""


def _brokers(site: SiteConfig) -> Iterator[dict[str, Any]]:
    """Every MQTT link that is read: its broker, whom we listen to and on which topics."""
    for link, assignment in site.assignments.items():
        options = site.links[link]
        if isinstance(options, MqttLinkOptions):
            codecs = [DeviceCodec(unit) for unit in assignment.units]
            yield {
                "link": link,
                "endpoint": options.endpoint,
                "client_id": options.client_id,
                "senders": [codec.name for codec in codecs],
                "topics": sorted({topic for codec in codecs for topic in listened(codec)}),
                "watch": list(options.watch),
                "discover": list(options.discover),
            }


def _historian(site: SiteConfig) -> dict[str, Any]:
    options = site.historian
    return {} if options is None else {"kind": options.kind, "endpoint": options.endpoint}
