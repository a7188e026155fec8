"""Conditions with a memory, killed at any moment: the log leads to the same memory and tells nobody anything again."""

from __future__ import annotations

import contextlib
import json
import random
from typing import Any

import pytest

from gateway.model import FrameKind
from tests.alerts.stage import BAD, Stage, rule

WHENS: list[Any] = [
    {"stale": "12s"},
    {"heartbeat": "15s"},
    {"deviates_by": "0.3 m", "from": "0.5 m", "deadband": "0.1 m"},
    {"deviates_by": "0.3 m", "from": {"median": "20s"}},
    {"flat_within": "0.2 m", "over": "10s", "samples": 3},
    {"flat_within": "0.4 m", "over": "8s", "samples": 2, "while": {"point": "a", "is": True}},
    {"count": 2, "of": {"at_least": "0.6 m"}, "within": "20s", "clears_below": 1},
    {"count": 2, "of": {"point": "a", "is": True}, "within": "30s"},
    {"rises_by": "0.3 m", "within": "10s"},
    {"all": [{"stale": "5s"}, {"point": "a", "is": True}]},
]


def step(stage: Stage, chance: random.Random) -> None:
    stage.at(stage.now_ns / 10**9 + chance.choice([0, 0.5, 1, 1, 1, 3, 11]))
    level = BAD if chance.random() < 0.1 else chance.choice([0.1, 0.5, 0.6, 0.9])
    kind = chance.random()
    if kind < 0.55:
        stage.set(level=level)
    elif kind < 0.75:
        stage.set(a=chance.choice([True, False, BAD]))
    elif kind < 0.85:
        stage.set(kind=FrameKind.HISTORY, source_s=stage.now_ns / 10**9 - 900, level=level)
    elif kind < 0.93:
        stage.save()
    elif kind < 0.97:
        stage.restart(outage_s=chance.choice([0, 4, 700]))
        stage.save()  # as the pipeline does: what a restart forgets is in no log
    stage.tick()


def seen(stage: Stage) -> dict[str, Any]:
    """What the engine knows of each rule, as it is stored."""
    return {
        live.key[0]: (json.loads(json.dumps(live.condition.snapshot())), live.alarm.state, live.alarm.condition)
        for live in stage.engine._lives
    }


@pytest.mark.parametrize("seed", range(4))
def test_killed_anywhere_the_log_leads_to_the_same_memory(seed: int) -> None:
    chance = random.Random(seed)
    stage = Stage(*(rule(f"R{index}", "level", when=when) for index, when in enumerate(WHENS)))
    stage.commit(stage.engine.restarted(stage.now, 0))
    stage.save()
    told = 0
    for _ in range(80):
        step(stage, chance)
        live, lived = stage.engine, seen(stage)
        judged = stage.reload()
        judged.append(stage.engine.tick(stage.now, stage.position))
        assert [event.kind for judgement in judged for event in judgement.events] == []
        again = seen(stage)
        assert {name: (lived[name], again[name]) for name in lived if lived[name] != again[name]} == {}
        stage.engine = live
        told = len(stage.events)
        with contextlib.suppress(IndexError):
            stage.do("ack", chance.choice(stage.engine.open_occurrences()).occurrence)
    assert told > 10, "something has happened"
