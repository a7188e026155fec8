"""Rule tests written in a line, played on the small garage beside this file."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.cli.check import AssumedPorts
from gateway.config.load import load_site
from gateway.config.problems import ConfigErrors
from gateway.rehearsal.coverage import Coverage
from gateway.rehearsal.files import prepare
from gateway.rehearsal.rebinding import Rebinding
from gateway.rehearsal.runner import Outcome, play

GARAGE = Path(__file__).parent / "garage" / "site.yaml"


def played(folder: Path, text: str, coverage: Coverage | None = None) -> list[Outcome]:
    """Every test of a file with this text."""
    file = folder / "tests.yaml"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    seen = Coverage() if coverage is None else coverage
    found = prepare([file], None, GARAGE, lambda path: load_site(path, AssumedPorts({}, {})))
    outcomes = []
    for one in found:
        seen.of(one.site.bound)
        outcomes += [play(script, Rebinding.of(one.site), seen) for script in one.scripts]
    return outcomes


def steps(folder: Path, *lines: str) -> Outcome:
    """One test with these steps."""
    text = "- test: made\n  steps:\n" + "".join(f"    - {{{line}}}\n" for line in lines)
    (outcome,) = played(folder, text)
    return outcome


def passes(folder: Path, *lines: str) -> None:
    outcome = steps(folder, *lines)
    assert outcome.passed, "\n".join(line for failure in outcome.failures for line in failure.lines())


def told(outcome: Outcome) -> list[str]:
    """What its failures say, without their places."""
    return [failure.problem.message for failure in outcome.failures]


def refusals(folder: Path, text: str) -> Sequence[str]:
    """`line:col: message` of everything that is wrong with a file."""
    with pytest.raises(ConfigErrors) as refused:
        played(folder, text)
    return [f"{one.line}:{one.col}: {one.message}" for one in refused.value.problems]
