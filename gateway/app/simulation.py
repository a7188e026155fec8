"""Finds scenarios and the simulated building's wiring; plays one beside the gateway, going on after a restart."""

from __future__ import annotations

import json
import os
from importlib.resources.abc import Traversable
from pathlib import Path

from gateway.config.starter import starter
from simulators.scenario import Scenario, load_scenario, scenario_names
from simulators.wiring import Wiring, load_wiring

EPOCH = "ANLOU_EPOCH"


class EpochError(ValueError):
    """ANLOU_EPOCH is no moment: two processes would disagree about the time, and nothing would show it."""


def epoch() -> int | None:
    """When the simulated building of another process began (UTC ns), as it printed; None: this is a real building."""
    said = os.environ.get(EPOCH, "")
    if not said:
        return None
    if said.isascii() and said.isdigit() and len(said) < 20:
        return int(said)
    raise EpochError(
        f"{EPOCH} is {said[:40]!r}: UTC nanoseconds are expected, as `anlou simulate` prints them;"
        " unset it where no simulated building runs"
    )


def scenario_choices() -> tuple[str, ...]:
    """The scenarios that come with AnLou."""
    return scenario_names(starter() / "demo" / "scenarios")


def open_scenario(name: str, wiring_file: Path | None = None) -> tuple[Scenario, Wiring]:
    """A scenario by its name, or by a path. SourceError or OSError says what is wrong with the files."""
    wiring = load_wiring(wiring_file or starter() / "demo" / "simulation.yaml")
    source: Traversable = starter() / "demo" / "scenarios" / f"{name}.yaml"
    if name not in scenario_choices():
        if not name.endswith((".yaml", ".yml")):
            raise FileNotFoundError(f"no scenario {name!r}; there are {', '.join(scenario_choices())}, or give a file")
        source = Path(name)
    return load_scenario(source, wiring), wiring


def scenario_began(folder: Path, scenario: str, now_mono_ns: int) -> int:
    """When (building time) this scenario began on this data: a restarted demo goes on where the building stood.

    Another scenario than last time begins now. The file is replaced whole or not at all.
    """
    file = folder / "demo.json"
    try:
        kept = json.loads(file.read_text())
        if kept["scenario"] == scenario:
            return int(kept["began_mono_ns"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass  # nothing usable is kept: the scenario begins now, which the next lines write down
    fresh = file.with_suffix(".new")
    with fresh.open("w") as out:
        json.dump({"scenario": scenario, "began_mono_ns": now_mono_ns}, out)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
    return now_mono_ns
