"""The invariants I1–I9 (docs/alarms.md) under random samples, qualities, time, commands, mutes, kills, edits and steps.

What can happen and what must hold is `Living`; hypothesis decides what happens, and shrinks what goes wrong.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.alerts.living import COMMANDS, Living
from tests.alerts.stage import BAD

TIMES = [0, 1, 2, 3, 5, 8, 13, 40]
STEPS = [0, 0, 0, -5, 5, -60, 60, -3600, 3600, -86_400, 86_400]


class Life(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.living = Living()

    @rule(
        values=st.fixed_dictionaries(
            {},
            optional={
                **{name: st.sampled_from([True, True, False, False, BAD]) for name in "abcd"},
                "e": st.sampled_from([True, False, False, BAD]),
                "level": st.sampled_from([0.0, 0.025, 0.05, 0.095, 0.2, BAD]),
                "health": st.sampled_from(["online", "offline", BAD]),
            },
        ).filter(bool)
    )
    def sample(self, values: dict[str, Any]) -> None:
        self.living.sample(values)

    @rule(half_seconds=st.sampled_from(TIMES), looked=st.booleans())
    def time(self, half_seconds: int, looked: bool) -> None:
        self.living.time(half_seconds, looked=looked)

    @rule(seconds=st.sampled_from(STEPS))
    def step(self, seconds: int) -> None:
        self.living.step(seconds)

    @rule(kind=st.sampled_from(COMMANDS), which=st.integers(0, 30))
    def command(self, kind: str, which: int) -> None:
        self.living.command(kind, which)

    @rule(kind=st.sampled_from(["out_of_service", "in_service", "ack", "shelve"]), which=st.integers(0, 30))
    def on_any(self, kind: str, which: int) -> None:
        self.living.on_any(kind, which)

    @rule(which=st.integers(0, 60))
    def silence(self, which: int) -> None:
        self.living.silence(which)

    @rule(outage=st.sampled_from([0, 1, 20, 3600, 3601]), saved=st.booleans(), step=st.sampled_from(STEPS))
    def killed(self, outage: int, saved: bool, step: int) -> None:
        self.living.killed(outage, saved=saved, step=step)

    @rule(name=st.sampled_from(["LS", "LATCH", "LOW", "PLAIN"]))
    def removed_and_back(self, name: str) -> None:
        self.living.removed_and_back(name)

    @rule(live=st.booleans())
    def edited(self, live: bool) -> None:
        self.living.edited(live=live)

    @invariant()
    def sound(self) -> None:
        if hasattr(self, "living"):
            self.living.sound()

    def teardown(self) -> None:
        if hasattr(self, "living"):
            self.living.go_home()


Life.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLife = Life.TestCase
