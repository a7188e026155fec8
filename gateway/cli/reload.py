"""`anlou reload`: the running gateway reads rules, maintenance and calendar anew, or says why not."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from gateway.app.control import ControlError, ask

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_STORE = 73


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the gateway's data directory")
    parser.add_argument("--check", action="store_true", help="only say what would be different")


def run(options: argparse.Namespace) -> int:
    try:
        answer = ask(options.data, "reload", check=options.check)
        while answer is not None and "ticket" in answer:
            answer = ask(options.data, "reload.answer", ticket=answer["ticket"])
    except ControlError as refused:
        sys.stderr.write(f"anlou: {refused}\n")
        return EXIT_REFUSED
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"anlou: the gateway on {options.data} does not answer: {problem}\n")
        return EXIT_STORE
    if answer is None:
        sys.stderr.write(f"anlou: no gateway runs on {options.data}; what is started reads its files anyway\n")
        return EXIT_STORE
    if "refused" in answer:
        for place in answer["refused"]:
            sys.stderr.write(f"{place}\n")
        if answer["left_out"]:
            sys.stderr.write(f"anlou: and {answer['left_out']} more\n")
        sys.stderr.write("anlou: nothing is changed; the rules of before go on\n")
        return EXIT_USAGE
    told = answer["reloaded"]
    for warning in told["warnings"]:
        sys.stderr.write(f"warning: {warning}\n")
    for line in _lines(told):
        print(line)
    print("would be reloaded" if options.check else "reloaded")
    return 0


def _lines(told: dict[str, Any]) -> list[str]:
    """What is different, one line each."""
    lines = []
    for what in ("added", "removed", "changed"):
        names, count = told[what], told[f"{what}_count"]
        if count:
            more = f" and {count - len(names)} more" if count > len(names) else ""
            lines.append(f"{what}: {', '.join(names)}{more}")
    if not lines:
        lines.append("the same files" if told["was"] == told["digest"] else "no rule is different")
    return lines
