"""A claim about a rate is measured again only when the machine did not let the test run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import stalls
from tests.stalls import TRIES, Stalls, measured_again_if_starved

ROOT = Path(__file__).resolve().parents[1]
STOPPED = """
import sys
from tests.stalls import Stalls
with Stalls() as stalls:
    print("looking", flush=True)
    sys.stdin.readline()
print(stalls.starved, stalls.longest >= 0.4)
"""


class Starved(Stalls):
    starved = True


class Fed(Stalls):
    starved = False


@pytest.mark.parametrize(
    ("machine", "results", "tries", "passes"),
    [
        (Fed, [True], 1, True),
        (Fed, [False, True], 1, False),
        (Starved, [True], 1, True),
        (Starved, [False, True], 2, True),
        (Starved, [False] * TRIES + [True], TRIES, False),
    ],
)
async def test_only_a_starved_measurement_is_made_again(
    machine: type[Stalls],
    results: list[bool],
    tries: int,
    passes: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(stalls, "Stalls", machine)
    made: list[bool] = []

    @measured_again_if_starved
    async def measure() -> None:
        made.append(results[len(made)])
        assert made[-1], "too few"

    if passes:
        await measure()
    else:
        with pytest.raises(AssertionError, match="too few"):
            await measure()
    assert len(made) == tries
    assert capsys.readouterr().out.count("measured again: the machine kept us waiting") == tries - 1


async def test_what_was_accepted_is_never_excused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stalls, "Stalls", Starved)
    tries: list[int] = []

    @measured_again_if_starved
    async def accepts() -> None:
        tries.append(1)
        with pytest.raises(ValueError, match="wrong"):
            pass

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        await accepts()
    assert len(tries) == 1


def test_a_process_that_stood_still_knows_it() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED], env=environment, stdin=pipe, stdout=pipe, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "looking\n"
        os.kill(child.pid, signal.SIGSTOP)
        time.sleep(0.5)
        os.kill(child.pid, signal.SIGCONT)
        said, _ = child.communicate("enough\n", timeout=60)
    assert said == "True True\n"
