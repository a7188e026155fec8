"""`anlou doctor`: what would fail tonight, of the machine, the devices and whatever the gateway speaks to."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

from drivers.modbus.address import SerialAddress
from drivers.modbus.options import ModbusLinkOptions
from drivers.mqtt.announced import Announcements
from drivers.mqtt.codec import DeviceCodec
from drivers.mqtt.options import MqttLinkOptions
from drivers.profile import MqttProfile
from gateway.app.control import ControlError, ask
from gateway.cli import doctor_devices, doctor_machine, doctor_reach, doctor_running, doctor_serial
from gateway.cli.check import AssumedPorts
from gateway.cli.doctor_certificate import certificate_file
from gateway.cli.doctor_finding import Finding, Level, fails, unknown, warns
from gateway.cli.run import default_folder, port_number
from gateway.config.load import ConfigErrors, SiteConfig, load_site

EXIT_FAILS = 1
EXIT_CONFIG = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--site", type=Path, required=True, metavar="FILE", help="the site file")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the gateway's data directory (default: as for run)")
    parser.add_argument("--host", default="127.0.0.1", help="where the gateway is to listen (default: %(default)s)")
    parser.add_argument("--port", type=port_number, default=8640, help="and on which port (default: %(default)s)")
    parser.add_argument("--language", choices=["en", "zh"], help="of the findings (default: the site's)")
    parser.add_argument("--json", action="store_true", help="the findings as JSON")


def run(options: argparse.Namespace) -> int:
    """0: nothing would fail; 1: something does, or will through the night; 2: the site file has mistakes."""
    ports = AssumedPorts({}, os.environ)
    try:
        config = load_site(options.site, ports)
    except ConfigErrors as errors:
        if options.json:
            problems = [problem._asdict() for problem in errors.problems]
            print(json.dumps({"ok": False, "problems": problems}, indent=2, ensure_ascii=False))
        sys.stderr.write(f"{errors}\n")
        return EXIT_CONFIG
    folder = options.data or default_folder(config.site.id)
    findings = asyncio.run(_collected(Doctor(config, folder, options.host, options.port, ports)))
    failing = any(finding.level is Level.FAILS for finding in findings)
    if options.json:
        body = {"ok": not failing, "findings": [finding.body() for finding in findings]}
        print(json.dumps(body, indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            print(finding.line(options.language or config.site.language))
    return EXIT_FAILS if failing else 0


async def _collected(doctor: Doctor) -> list[Finding]:
    return [finding async for finding in doctor.findings()]


class Doctor:
    """All checks of one site. Where its gateway runs, that one is asked; where none does, links are opened gently."""

    def __init__(self, config: SiteConfig, folder: Path, host: str, port: int, ports: AssumedPorts) -> None:
        self._config = config
        self._folder = folder
        self._host, self._port = host, port
        self._assumed = ports.assumed

    async def findings(self) -> AsyncIterator[Finding]:
        for warning in self._config.warnings:
            yield warns("config", "config_warning", what=str(warning))
        for finding in self._of_the_machine():
            yield finding
        running, problem = self._running()
        if problem is not None:
            yield problem
        if running is not None:
            for finding in doctor_running.told(running):
                yield finding
        elif problem is None:
            for finding in doctor_machine.port(self._host, self._port):
                yield finding
            async for finding in self._gently():
                yield finding
        for options in self._config.notify:
            async for finding in doctor_reach.webhook(options):
                yield finding

    def _of_the_machine(self) -> Iterator[Finding]:
        yield from doctor_machine.clock(doctor_machine.newest_row_ns(self._folder))
        yield from doctor_machine.folder(self._folder)
        yield from doctor_machine.disk(self._folder)
        serial = list(self._serial_ports())
        for path in serial:
            yield from doctor_serial.serial_port(path, self._gateways())
        if serial:
            yield from doctor_serial.meddlers()
        for whose, path in self._certificates():
            yield from certificate_file(whose, path)

    def _serial_ports(self) -> Iterator[str]:
        for options in self._config.links.values():
            if isinstance(options, ModbusLinkOptions):
                yield from (address.path for address in options.addresses if isinstance(address, SerialAddress))

    def _certificates(self) -> Iterator[tuple[str, str]]:
        if self._config.api.tls_certificate is not None:
            yield "api", self._config.api.tls_certificate
        for name, options in self._config.links.items():
            if options.certificate is not None:
                yield name, options.certificate

    def _gateways(self) -> frozenset[int]:
        """The process that says in the lock file that the folder is its own."""
        try:
            return frozenset({int((self._folder / "lock").read_text())})
        except (OSError, ValueError):
            return frozenset()

    def _running(self) -> tuple[Mapping[str, Any] | None, Finding | None]:
        """What the running gateway says; (None, None) when none runs."""
        if not self._folder.exists():
            return None, None
        try:
            return ask(self._folder, "doctor"), None
        except PermissionError:
            return None, fails("gateway", "not_ours", path=self._folder)
        except (ControlError, OSError, ValueError) as problem:
            return None, fails("gateway", "dumb", why=problem)

    async def _gently(self) -> AsyncIterator[Finding]:
        """Each link by itself, all at once: a dead one must not hold up the others."""
        answers: dict[str, list[Finding]] = {}

        async def look(name: str) -> None:
            answers[name] = [finding async for finding in self._link(name)]

        async with asyncio.TaskGroup() as group:
            for name in self._config.assignments:
                answers[name] = []
                group.create_task(look(name))
        for found in answers.values():
            for finding in found:
                yield finding
        if self._config.historian is not None:
            async for finding in doctor_reach.historian(self._config.historian, self._config.site.id):
                yield finding

    async def _link(self, name: str) -> AsyncIterator[Finding]:
        options, assignment = self._config.links[name], self._config.assignments[name]
        if name in self._assumed:
            yield unknown("link", "port_unknown", link=name)
        elif isinstance(options, MqttLinkOptions):
            codecs = [DeviceCodec(unit) for unit in assignment.units]
            gone = [codec.availability_topic for codec in codecs if codec.availability_topic is not None]
            specs = [unit.spec for unit in assignment.units]
            kinds = [*self._config.discover.get(name, ()), *(spec.profile for spec in specs)]
            sought = Announcements([kind for kind in kinds if isinstance(kind, MqttProfile)], specs).filters
            topics = sorted({*gone, *sought, *options.watch, *(topic for codec in codecs for topic in codec.topics)})
            async for finding in doctor_reach.broker(name, options, topics):
                yield finding
        else:
            async for finding in doctor_devices.modbus_link(name, options, assignment):
                yield finding
