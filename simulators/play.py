"""A scenario played step by step: the building after n steps depends on nothing but the scenario and n."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from simulators.actions import WIRE_ACTIONS, Action, WireAction
from simulators.building import Building, step
from simulators.scenario import Scenario

STEPS_PER_SECOND = 10
STEP_SECONDS = 1 / STEPS_PER_SECOND


def steps_until(elapsed: float) -> int:
    """Whole steps within `elapsed` seconds; a hair's breadth of rounding does not cost a step."""
    return math.floor(elapsed * STEPS_PER_SECOND + 1e-6)


class Play:
    """Where a scenario has come to."""

    def __init__(self, scenario: Scenario) -> None:
        self._timeline = scenario.timeline
        self._next = 0
        self._rng = random.Random(scenario.seed)
        self.steps = 0
        self.building = scenario.beginning

    @property
    def elapsed(self) -> float:
        """Seconds of building time since the start."""
        return self.steps / STEPS_PER_SECOND

    def step(self) -> list[WireAction]:
        """One step on; what fell due changes the building, and what concerns the links is returned."""
        wire = []
        for action in self._due():
            if isinstance(action, WIRE_ACTIONS):
                wire.append(action)
            else:
                self.building = action(self.building)
        self.building = step(self.building, STEP_SECONDS, self._rng)
        self.steps += 1
        return wire

    def _due(self) -> Iterator[Action]:
        while self._next < len(self._timeline) and self._timeline[self._next].at <= self.elapsed + STEP_SECONDS / 2:
            self._next += 1
            yield self._timeline[self._next - 1].action


def run(scenario: Scenario, until: float | None = None) -> Iterator[tuple[float, Building]]:
    """(elapsed, building) after each step, to the scenario's end or `until`; no clocks, no sockets."""
    play = Play(scenario)
    for _ in range(steps_until(scenario.length if until is None else until)):
        play.step()
        yield play.elapsed, play.building
