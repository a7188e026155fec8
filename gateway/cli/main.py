"""`anlou`: one program, one file per command; a command's rooms are imported only when it runs."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

# command → (module, one line)
COMMANDS = {
    "init": ("gateway.cli.init", "copy a starter site to an empty folder"),
    "check": ("gateway.cli.check", "read a site file and say everything that is wrong with it"),
    "schema": ("gateway.cli.schema", "the JSON Schema of a site, a profile or rules, for editors"),
    "run": ("gateway.cli.run", "run the gateway for a site"),
    "explain": ("gateway.cli.explain", "why an alarm is as it is, or why a rule raised none at a time"),
    "reload": ("gateway.cli.reload", "let the running gateway read its rules anew: all or nothing"),
    "demo": ("gateway.cli.demo", "a simulated building and its gateway on loopback"),
    "simulate": ("gateway.cli.simulate", "only the simulated building, for a gateway of your own"),
    "probe": ("gateway.cli.probe", "the integrator's bench: devices, registers, units and topics, read only"),
    "test-rules": ("gateway.cli.test_rules", "play rules in virtual time against what is expected of them"),
    "replay": ("gateway.cli.replay", "what rules would have raised over what is stored, or over a capture"),
    "doctor": ("gateway.cli.doctor", "what would fail tonight: machine, devices, and whatever the gateway speaks to"),
    "token": ("gateway.cli.token", "make, list and revoke access tokens"),
}
EXIT_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. 0 done, 1 the answer is no, 2 bad input, 69 port in use, 73/77 files."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
        # LANG=C must not turn 安楼 into a traceback
        sys.stdout.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
        sys.stderr.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    parser = _parser(words)
    options = parser.parse_args(words)
    if options.command is None:
        parser.print_help()
        return EXIT_USAGE
    module = importlib.import_module(COMMANDS[options.command][0])
    try:
        code: int = module.run(options)
    except BrokenPipeError:
        # `anlou … | head`: whoever read us has gone; what is still buffered must not complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return code


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="anlou", description="AnLou 安楼: safety monitoring for residential buildings"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    wanted = next((word for word in words if not word.startswith("-")), None)
    for name, (module, line) in COMMANDS.items():
        command = commands.add_parser(name, help=line, description=line)
        if name == wanted:
            importlib.import_module(module).add_arguments(command)
    return parser
