"""How annunciation stands: for the API and for whoever wonders why it is quiet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from alerts.annunciate.case import Case
from alerts.annunciate.memory import Memory
from alerts.annunciate.plan import Ladder
from alerts.live import Key
from alerts.notify.body import rfc3339
from gateway.model import Instant

MOST = 100


def _no_ladders(key: Key) -> tuple[Ladder | None, Ladder | None]:
    return None, None


def view(
    memory: Memory, now: Instant, ladders_of: Callable[[Key], tuple[Ladder | None, Ladder | None]] = _no_ladders
) -> dict[str, Any]:
    """Flood, settling, what chatters, what waits and for what, who is called next (soonest first, at most 100 each)."""
    wall_ns = now.wall_ns - now.mono_ns
    room = memory.room

    def at(mono_ns: int | None) -> str | None:
        return None if mono_ns is None else rfc3339(mono_ns + wall_ns)

    def steps(case: Case) -> list[tuple[int, dict[str, Any]]]:
        found = []
        ladders = ladders_of(case.key)
        for name, climb, ladder in zip(
            ("unacknowledged", "unresolved"), (case.escalation, case.unresolved), ladders, strict=True
        ):
            if climb is None or climb.due_ns is None or ladder is None or climb.step >= len(ladder.steps):
                continue
            said = {"kind": name, "step": climb.step + 1, "to": list(ladder.steps[climb.step].to)}
            found.append((climb.due_ns, said))
        if case.repeat_ns is not None:
            found.append((case.repeat_ns, {"kind": "repeat", "step": case.repeats + 1, "to": None}))
        who = {"occurrence": case.occurrence, "rule": case.rule, "source": case.source}
        return [(due, {**who, **said, "at": at(due)}) for due, said in found]

    flood = room.flood
    waiting = sorted(
        ((case.waiting.due_ns or 2**63, case, case.waiting) for case in memory.cases.values() if case.waiting),
        key=lambda one: (one[0], one[1].occurrence),
    )
    following = sorted((step for case in memory.cases.values() for step in steps(case)), key=lambda one: one[0])
    return {
        "flood": None
        if flood is None
        else {
            "since": at(flood.since_ns),
            "first_out": {"occurrence": flood.first.occurrence, "rule": flood.first.rule, "source": flood.first.source},
            "next_digest": at(flood.digest_ns),
            "digested": flood.digested,
        },
        "settling_until": at(room.settle_ns),
        "chattering": [
            {"rule": rule, "source": source, "since": at(one.since_ns), "count": one.count}
            for (rule, source), one in memory.chatters.items()
            if one.on
        ][:MOST],
        "held": memory.held,
        "waiting": [
            {
                "occurrence": case.occurrence,
                "rule": case.rule,
                "source": case.source,
                "reason": item.reason,
                "why": item.where.value,
                "at": at(item.due_ns),
            }
            for _, case, item in waiting[:MOST]
        ],
        "next": [said for _, said in following[:MOST]],
        "notices": asdict(room.counts),
    }
