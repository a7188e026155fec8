"""`anlou probe`: the integrator's bench. Reads devices, registers and topics, and never writes."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys

from drivers.base import DriverError
from gateway.cli.probe_link import ProbeError
from gateway.config.problems import ConfigErrors

# sub-command → (module, one line)
BENCH = {
    "device": ("gateway.cli.probe_device", "read one device and show each point, raw and decoded"),
    "registers": ("gateway.cli.probe_registers", "read raw registers and rank what they may mean"),
    "units": ("gateway.cli.probe_units", "find the unit numbers that answer on a link, slowly"),
    "topics": ("gateway.cli.probe_topics", "listen to a broker, group its topics by shape, name profiles that fit"),
    "record": (
        "gateway.cli.probe_record",
        "write what is answered or said into a file that `anlou simulate` plays",
    ),
}
EXIT_WORDS = 2
EXIT_NO = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands, each with its own words."""
    commands = parser.add_subparsers(dest="bench", required=True, metavar="|".join(BENCH))
    for name, (module, line) in BENCH.items():
        importlib.import_module(module).add_arguments(commands.add_parser(name, help=line, description=line))


def run(options: argparse.Namespace) -> int:
    """0 done and all is well, 1 nobody answers or something reads wrong, 2 wrong words or files."""
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    try:
        code: int = importlib.import_module(BENCH[options.bench][0]).run(options)
    except ConfigErrors as errors:
        sys.stderr.write(f"{errors}\n")
        return EXIT_WORDS
    except ProbeError as refused:
        sys.stderr.write(f"anlou: {refused}\n")
        return refused.code
    except DriverError as failed:
        sys.stderr.write(f"anlou: {failed.message}\n")
        return EXIT_NO
    return code
