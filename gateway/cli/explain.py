"""`anlou explain`: why an alarm is as it is, or why a rule raised none, from the running gateway or its files."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from alerts.notify.body import text_body
from gateway.app.control import ControlError, ask
from gateway.app.explaining import of_occurrence, of_rule
from gateway.app.moments import meant, parse
from gateway.cli.check import AssumedPorts
from gateway.cli.explain_lines import Lines
from gateway.clock import host_wall_ns
from gateway.config.load import SiteConfig, load_site
from gateway.config.problems import ConfigErrors
from gateway.rehearsal.hindsight import NotWatched
from gateway.store.errors import StoreError
from gateway.store.reader import Reader

EXIT_NO = 1
EXIT_USAGE = 2
EXIT_STORE = 73


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="OCCURRENCE|RULE", help="an alarm's number, or a rule")
    parser.add_argument("source", nargs="?", metavar="SOURCE", help="of a rule: the device, or device/part")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the gateway's data directory")
    parser.add_argument(
        "--at",
        type=moment,
        metavar="TIME",
        help="of a rule: 2026-11-23T13:30, in the site's zone or with its own (now)",
    )
    parser.add_argument("--site", type=Path, metavar="FILE", help="read the files beside the gateway, with these rules")
    parser.add_argument("--language", choices=("en", "zh"), default="zh", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="the answer for a program")


def moment(text: str) -> datetime:
    """As it was written: the site says in which zone."""
    try:
        return parse(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def run(options: argparse.Namespace) -> int:
    if options.source is None and options.at is not None:
        sys.stderr.write("anlou: --at is for a rule and a source; an alarm has its own times\n")
        return EXIT_USAGE
    try:
        told = (
            _asked(options)
            if options.site is None
            else _read(options, load_site(options.site, AssumedPorts({}, os.environ)))
        )
    except ConfigErrors as errors:
        sys.stderr.write(f"{errors}\n")
        return EXIT_USAGE
    except (ControlError, NotWatched) as refused:
        sys.stderr.write(f"anlou: {refused}\n")
        return EXIT_NO
    except (StoreError, OSError, ValueError) as problem:
        sys.stderr.write(f"anlou: {problem}\n")
        return EXIT_STORE
    if told is None:
        sys.stderr.write(f"anlou: no gateway runs on {options.data}; --site FILE explains from its files\n")
        return EXIT_STORE
    if options.json:
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    for line in Lines(options.language).of(told):
        print(line)
    return 0


def _asked(options: argparse.Namespace) -> Mapping[str, Any] | None:
    """By the gateway that runs; None when none does."""
    wish: dict[str, Any] = {"occurrence": options.what}
    if options.source is not None:
        at = None if options.at is None else options.at.isoformat()
        wish = {"rule": options.what, "source": options.source, "at": at}
    answer = ask(options.data, "explain", **wish)
    return None if answer is None else {**answer["explained"], "asked": answer.get("asked")}


def _read(options: argparse.Namespace, config: SiteConfig) -> Mapping[str, Any]:
    """From the files, whether or not a gateway runs."""
    if not (options.data / "alarm.db").exists():
        raise StoreError(f"no gateway keeps anything in {options.data}")
    reader = Reader(options.data / "alarm.db")
    try:
        if options.source is not None:
            at = None if options.at is None else meant(options.at, ZoneInfo(config.site.timezone))
            at_wall_ns = host_wall_ns() if at is None else at.wall_ns
            said = of_rule(config, reader, options.data, (options.what, options.source), at_wall_ns)
            return {**said, "asked": None if at is None or at.said is None else text_body(at.said)}
        found = reader.occurrence(options.what)
        if found is None:
            raise NotWatched("there is no such alarm")
        return {**of_occurrence(config, reader, options.data, found), "asked": None}
    finally:
        reader.close()
