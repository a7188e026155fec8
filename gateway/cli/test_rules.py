"""`anlou test-rules FILE…`: rules played in virtual time against what is expected of them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import as_file
from pathlib import Path
from typing import Any

from gateway.cli.check import AssumedPorts
from gateway.config.load import ConfigErrors, load_site
from gateway.config.starter import starter
from gateway.fields import duration_words
from gateway.rehearsal.coverage import Coverage
from gateway.rehearsal.files import Prepared, prepare
from gateway.rehearsal.junit import junit
from gateway.rehearsal.rebinding import Rebinding
from gateway.rehearsal.runner import Outcome, play

EXIT_FAILED, EXIT_BAD_FILE, EXIT_CANNOT_WRITE = 1, 2, 73


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="rule tests")
    parser.add_argument("--site", type=Path, metavar="FILE", help="the site, instead of the one that the files name")
    parser.add_argument("--junit", type=Path, metavar="OUT.xml", help="also write the outcome as JUnit XML")
    parser.add_argument("--coverage", action="store_true", help="also say what no test has touched")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")


def run(args: argparse.Namespace) -> int:
    """0 when everything came as expected, 1 when not, 2 and `file:line:col: message` when a file has mistakes."""
    try:
        with as_file(starter() / "demo" / "site.yaml") as default:
            found = prepare(args.files, args.site, default, lambda path: load_site(path, AssumedPorts({}, os.environ)))
    except ConfigErrors as error:
        _tell_problems(error, as_json=args.json)
        return EXIT_BAD_FILE
    coverage = Coverage()
    outcomes = {str(one.file): _played(one, coverage) for one in found}
    if args.junit is not None:
        try:
            args.junit.write_bytes(junit(outcomes))
        except OSError as error:
            sys.stderr.write(f"{args.junit}: cannot be written: {(error.strerror or str(error)).lower()}\n")
            return EXIT_CANNOT_WRITE
    if args.json:
        print(json.dumps(_body(outcomes, coverage if args.coverage else None), indent=2, ensure_ascii=False))
    else:
        for line in _lines(outcomes, coverage if args.coverage else None):
            print(line)
    return 0 if all(one.passed for played in outcomes.values() for one in played) else EXIT_FAILED


def _played(prepared: Prepared, coverage: Coverage) -> list[Outcome]:
    site = Rebinding.of(prepared.site)
    coverage.of(prepared.site.bound)
    return [play(script, site, coverage) for script in prepared.scripts]


def _tell_problems(error: ConfigErrors, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"ok": False, "problems": [one._asdict() for one in error.problems]}, indent=2))
        return
    for problem in error.problems:
        print(problem, file=sys.stderr)


def _lines(outcomes: Mapping[str, Sequence[Outcome]], coverage: Coverage | None) -> Iterator[str]:
    for file, played in outcomes.items():
        for one in played:
            word = "ok  " if one.passed else "FAIL"
            yield f"{word} {file}: {one.script.name} ({duration_words(one.played_ns)} of building time)"
            for failure in one.failures:
                yield from (f"  {line}" for line in failure.lines())
    every = [one for played in outcomes.values() for one in played]
    failed = sum(1 for one in every if not one.passed)
    yield f"{len(every)} tests, {failed} failed"
    if coverage is not None:
        yield from coverage.lines()


def _body(outcomes: Mapping[str, Sequence[Outcome]], coverage: Coverage | None) -> dict[str, Any]:
    every = [(file, one) for file, played in outcomes.items() for one in played]
    body: dict[str, Any] = {
        "ok": all(one.passed for _, one in every),
        "tests": [_test_body(file, one) for file, one in every],
    }
    return body if coverage is None else {**body, "coverage": coverage.body()}


def _test_body(file: str, outcome: Outcome) -> dict[str, Any]:
    return {
        "file": file,
        "line": outcome.script.place(outcome.script.path, "").line,
        "test": outcome.script.name,
        "passed": outcome.passed,
        "played_s": outcome.played_ns / 1e9,
        "failures": [
            {"at_s": one.at_ns / 1e9, **one.problem._asdict(), "details": list(one.details)} for one in outcome.failures
        ],
    }
