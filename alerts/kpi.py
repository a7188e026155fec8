"""Alarm quality (ISA-18.2, EEMUA 191): K1 … K18 of the journal's rows in a span, for one control room. Pure.

Times are seconds, shares lie within 0 … 1; None where nothing was measured. What needs another record than the journal
is not guessed: K13 and K17 (false alarms, hazards) ask for the ledger, and the on-delays of K6 that ended unseen have
no rows; each alarm counts its own. K16 is the outbox's.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from alerts.companion import SUFFIX
from alerts.tally import Life, Tally, is_companion
from gateway.model import SECOND, AlarmClass, Severity

SLOT_NS = 600 * SECOND
FLOOD_BEGINS, FLOOD_ENDS = 10, 5  # more than, fewer than, in ten minutes
CHATTER, CHATTER_NS = 3, 60 * SECOND
FLEETING_NS = 10 * SECOND
STALE_NS = DAY_NS = 86_400 * SECOND
REPEATS, REPEATS_NS = 3, 7 * DAY_NS
TARGETS_NS = {Severity.CRITICAL: 120 * SECOND}
WORST = 10


@dataclass(frozen=True, slots=True)
class Norms:
    """What of the rules the figures need: on-delay and time to respond (ns), and the class, by rule."""

    on_delay_ns: Callable[[str], int]
    respond_ns: Callable[[str], int | None]
    class_of: Callable[[str], AlarmClass | None]


def kpis(tally: Tally, norms: Norms) -> dict[str, Any]:
    """All figures of the span, JSON-able."""
    rings = sorted((at for at, _ in tally.rings))
    raised = [life for life in tally.lives.values() if not life.before]
    return {
        "span_s": _s(tally.end_ns - tally.begin_ns),
        "unobserved_s": _s(tally.unobserved_ns),
        "starts": tally.starts,
        "rate": rate(rings, tally),
        "floods": floods(rings, tally),
        "stale": stale(tally),
        "chattering": chattering(tally),
        "fleeting": fleeting(raised),
        "bad_actors": bad_actors(tally),
        "priorities": priorities(raised),
        "time_to_ack": time_to_ack(raised),
        "time_to_clear": time_to_clear(raised, norms),
        "hidden_raises": tally.hidden,
        "muted_hours": tally.muted.hours(),
        "expired_while_active": tally.muted.expired_active,
        "unacked_returned": unacked_returned(tally),
        "protection_lost": protection_lost(tally, norms),
        "detection": detection(raised, norms),
        "repeats": repeats(tally),
        "missed_while_down": tally.missed,
    }


def rate(rings: Sequence[int], tally: Tally) -> dict[str, Any]:
    """K1, K2: ringings in ten minutes on average (of the time that was watched) and at worst; a day's average."""
    slots = tally.observed_ns / SLOT_NS
    return {
        "rings": len(rings),
        "per_10min": round(len(rings) / slots, 4) if slots else None,
        "per_day": round(len(rings) * DAY_NS / tally.observed_ns, 2) if slots else None,
        "peak_10min": peak(rings),
    }


def peak(times: Sequence[int], within_ns: int = SLOT_NS) -> int:
    """The most of `times` (in order) that fall into any half-open window of this length."""
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - within_ns:
            first += 1
        most = max(most, last - first + 1)
    return most


def floods(rings: Sequence[int], tally: Tally) -> dict[str, Any]:
    """K3: floods begin with more than 10 ringings in 10 min and end with fewer than 5."""
    spans: list[tuple[int, int]] = []
    began: int | None = None
    window: deque[int] = deque()
    for at in [*rings, None]:
        # between two ringings the window only empties: look at each moment at which one falls out of it
        while window and (at is None or window[0] + SLOT_NS <= at):
            gone = window.popleft() + SLOT_NS
            if began is not None and len(window) < FLOOD_ENDS:
                spans.append((began, min(gone, tally.end_ns)))
                began = None
        if at is None:
            break
        window.append(at)
        if began is None and len(window) > FLOOD_BEGINS:
            began = at
    total = sum(end - begin for begin, end in spans)
    share = total / tally.observed_ns if tally.observed_ns else None
    return {"count": len(spans), "share": None if share is None else round(share, 6), "seconds": _s(total)}


def stale(tally: Tally) -> dict[str, Any]:
    """K4: active for more than a day without a pause, at the span's end. What is only journalled asks for nobody."""
    standing = [life for life in tally.lives.values() if life.over_ns is None and life.severity < Severity.JOURNAL]
    old = sorted((life for life in standing if tally.end_ns - life.since_ns > STALE_NS), key=lambda one: one.since_ns)
    return {"count": len(old), "alarms": [_name(life, age_s=_s(tally.end_ns - life.since_ns)) for life in old[:WORST]]}


def chattering(tally: Tally) -> dict[str, Any]:
    """K5: alarms that became active three times or more within any minute."""
    found = {key: peak(sorted(times), CHATTER_NS) for key, times in tally.chatter.items()}
    worst = sorted((-most, key) for key, most in found.items() if most >= CHATTER)
    alarms = [{"rule": rule, "source": source, "in_a_minute": -most} for most, (rule, source) in worst[:WORST]]
    return {"count": len(worst), "alarms": alarms}


def fleeting(raised: Sequence[Life]) -> dict[str, Any]:
    """K6: gone within ten seconds before anybody could answer."""
    count = sum(
        life.over_ns is not None
        and life.over_ns - life.raised_ns <= FLEETING_NS
        and (life.acked_ns is None or life.acked_ns > life.over_ns)
        for life in raised
    )
    return {"count": count, "share": _share(count, len(raised))}


def bad_actors(tally: Tally) -> dict[str, Any]:
    """K7: the ten alarms that rang most, and their share of all ringings."""
    counts = Counter(life.key for _, life in tally.rings)
    worst = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:WORST]
    alarms = [{"rule": rule, "source": source, "rings": count} for (rule, source), count in worst]
    return {"share": _share(sum(count for _, count in worst), len(tally.rings)), "alarms": alarms}


def priorities(raised: Sequence[Life]) -> dict[str, int]:
    """K8: occurrences by the highest severity they reached."""
    counts = Counter(life.severity for life in raised)
    return {severity.word: counts[severity] for severity in Severity}


def time_to_ack(raised: Sequence[Life]) -> dict[str, Any]:
    """K9: from the raise to the first answer, by severity; `in_time` where there is a target."""
    result = {}
    for severity in Severity:
        taken = [life.acked_ns - life.raised_ns for life in raised if _answered(life, severity) and life.acked_ns]
        waiting = sum(life.severity is severity and life.heard and life.acked_ns is None for life in raised)
        target = TARGETS_NS.get(severity)
        in_time = None if target is None else _share(sum(one <= target for one in taken), len(taken) + waiting)
        result[severity.word] = {**_spread(taken), "unanswered": waiting, "in_time": in_time}
    return result


def _answered(life: Life, severity: Severity) -> bool:
    return life.severity is severity and life.acked_ns is not None and life.heard


def time_to_clear(raised: Sequence[Life], norms: Norms) -> dict[str, Any]:
    """K10: from the raise to the return, and how many were over within their rule's time to respond."""
    over = [(life, life.over_ns - life.raised_ns) for life in raised if life.over_ns is not None]
    limits = [(taken, limit) for life, taken in over if (limit := norms.respond_ns(life.rule)) is not None]
    in_time = _share(sum(taken <= limit for taken, limit in limits), len(limits))
    return {**_spread([taken for _, taken in over]), "in_time": in_time}


def unacked_returned(tally: Tally) -> dict[str, Any]:
    """K12: over, and nobody has answered."""
    waiting = [
        life.returned_ns
        for life in tally.lives.values()
        if life.returned_ns is not None and life.acked_ns is None and life.closed_ns is None
    ]
    return {"count": len(waiting), "oldest_s": _s(tally.end_ns - min(waiting)) if waiting else None}


def protection_lost(tally: Tally, norms: Norms) -> dict[str, Any]:
    """K14: hours in which a life-safety rule could not be relied on, by rule."""
    hours: Counter[str] = Counter()
    for life in tally.lives.values():
        rule = life.rule.removesuffix(SUFFIX)
        if not is_companion(life.rule) or norms.class_of(rule) is not AlarmClass.LIFE_SAFETY:
            continue
        end = tally.end_ns if life.over_ns is None else min(tally.end_ns, life.over_ns)
        hours[rule] += max(0, end - max(tally.begin_ns, life.raised_ns))
    total = {rule: round(ns / (3600 * SECOND), 4) for rule, ns in sorted(hours.items())}
    return {"hours": round(sum(total.values()), 4), "by_rule": total}


def detection(raised: Sequence[Life], norms: Norms) -> dict[str, Any]:
    """K15: from the first TRUE sample to the raise, less the rule's own delay."""
    late = [
        max(0, life.raised_ns - life.active_ns - norms.on_delay_ns(life.rule))
        for life in raised
        if life.active_ns is not None
    ]
    return _spread(late, most=0.99)


def repeats(tally: Tally) -> list[dict[str, Any]]:
    """K18: raised three times or more within any seven days of the span."""
    times: dict[tuple[str, str], list[int]] = {}
    for life in tally.lives.values():
        times.setdefault(life.key, []).append(life.raised_ns)
    found = {key: peak(sorted(each), REPEATS_NS) for key, each in times.items()}
    worst = sorted((-count, key) for key, count in found.items() if count >= REPEATS)
    return [{"rule": rule, "source": source, "raises": -count} for count, (rule, source) in worst[:WORST]]


def deliveries(rows: Sequence[tuple[str, str, int, int | None]]) -> dict[str, Any]:
    """K16, from (channel, state, attempts, ns until delivered): by channel, what became of its notices."""
    result = {}
    for channel in sorted({row[0] for row in rows}):
        own = [row for row in rows if row[0] == channel]
        states = Counter(state for _, state, _, _ in own)
        attempts = sum(tries for _, _, tries, _ in own)
        result[channel] = {
            "notices": len(own),
            "delivered": states["delivered"],
            "pending": states["pending"],
            "dead": states["refused"],
            "share_of_attempts": _share(states["delivered"], attempts),
            **_spread([max(0, ns) for _, state, _, ns in own if state == "delivered" and ns is not None]),
        }
    return result


def percentile(values: Collection[int], share: float) -> int | None:
    """The smallest value that at least this share of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else None


def _spread(values: Collection[int], most: float = 0.95) -> dict[str, Any]:
    return {
        "count": len(values),
        "p50_s": _s(percentile(values, 0.5)),
        f"p{most * 100:.0f}_s": _s(percentile(values, most)),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _s(ns: int | None) -> float | None:
    return None if ns is None else round(ns / SECOND, 3)


def _name(life: Life, **more: Any) -> dict[str, Any]:
    return {"occurrence": life.occurrence, "rule": life.rule, "source": life.source, **more}
