"""Alarm quality: each figure against a plain definition of it, over generated journals and by hand."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.kpi import Norms, deliveries, floods, kpis, peak, percentile
from alerts.tally import Life, Tally
from gateway.model import SECOND, AlarmClass, AlarmState, Event, Instant, Occurrence, Severity, Text

WALL = 1_700_000_000 * SECOND
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
NORMS = Norms(
    on_delay_ns=lambda rule: 30 * SECOND,
    respond_ns=lambda rule: 600 * SECOND,
    class_of=lambda rule: AlarmClass.LIFE_SAFETY if rule.startswith("LS") else AlarmClass.PROPERTY,
)


class Book:
    """A journal written by hand: seconds since the span's begin."""

    def __init__(self, length_ns: int = DAY) -> None:
        self.tally = Tally(WALL, WALL + length_ns)
        self.seq = 1000  # the journal is older than the span

    def put(
        self,
        at_s: float,
        kind: str,
        life: str | None = None,
        rule: str = "R",
        mono_s: float | None = None,
        **body: Any,
    ) -> None:
        self.seq += 1
        at = Instant(round((at_s if mono_s is None else mono_s) * SECOND), WALL + round(at_s * SECOND))
        source = None if life is None else "d"
        self.tally.take(
            Event(
                seq=self.seq,
                at=at,
                kind=kind,
                occurrence=life,
                rule=None if life is None else rule,
                source=source,
                body={"severity": "high", **body},
            )
        )

    def figures(self) -> dict[str, Any]:
        found = kpis(self.tally, NORMS)
        json.dumps(found)
        return found


def standing(name: str, raised_s: float, **changes: Any) -> Occurrence:
    raised = WALL + round(raised_s * SECOND)
    fields = {
        "occurrence": name,
        "rule": "R",
        "source": "d",
        "system": "s",
        "severity": Severity.HIGH,
        "class_": AlarmClass.PROPERTY,
        "state": AlarmState.UNACKED,
        "condition": True,
        "latched": False,
        "title": Text("x", "某"),
        "raised_ns": raised,
        "active_ns": raised,
        "announced": True,
        **changes,
    }
    return Occurrence(**fields)


def test_an_empty_day_is_no_division_by_zero() -> None:
    figures = Book().figures()
    assert figures["rate"] == {"rings": 0, "per_10min": 0.0, "per_day": 0.0, "peak_10min": 0}
    assert figures["bad_actors"]["share"] is None and figures["fleeting"]["share"] is None


def test_one_life() -> None:
    book = Book()
    book.tally.know([standing("A", 100, active_ns=WALL + 68 * SECOND)])
    book.put(100, "raise", "A")
    book.put(160, "ack", "A")
    book.put(400, "return", "A")
    book.put(400, "close", "A")
    figures = book.figures()
    assert figures["time_to_ack"]["high"] == {"count": 1, "p50_s": 60, "p95_s": 60, "unanswered": 0, "in_time": None}
    assert figures["time_to_clear"] == {"count": 1, "p50_s": 300, "p95_s": 300, "in_time": 1}
    assert figures["detection"] == {"count": 1, "p50_s": 2, "p99_s": 2}, "32 s after the first TRUE sample, 30 of delay"
    assert figures["priorities"] == {"critical": 0, "high": 1, "medium": 0, "low": 0, "journal": 0}


def test_worse_is_worse_also_when_it_was_answered_and_milder_takes_nothing_back() -> None:
    book = Book()
    for name, kind in (("A", "severity_up"), ("B", "reraise")):
        book.put(0, "raise", name, severity="medium")
        book.put(60, kind, name, severity="critical")
        book.put(90, "severity_down", name, severity="low")
        book.put(95, "severity_up", name, severity="medium")
    assert book.figures()["priorities"] == {"critical": 2, "high": 0, "medium": 0, "low": 0, "journal": 0}


def test_a_critical_one_is_answered_within_two_minutes_or_not() -> None:
    book = Book()
    for name, taken in (("A", 119), ("B", 120), ("C", 121)):
        book.put(0, "raise", name, severity="critical")
        book.put(taken, "ack", name)
    book.put(0, "raise", "D", severity="critical")
    critical = book.figures()["time_to_ack"]["critical"]
    assert critical["in_time"] == 0.5 and critical["unanswered"] == 1


def test_muted_raises_are_counted_apart() -> None:
    book = Book()
    book.put(1, "raise", "A", muted=["suppressed"])
    book.put(2, "raise", "B")
    figures = book.figures()
    assert figures["rate"]["rings"] == 1 and figures["hidden_raises"] == 1
    book.put(3, "reraise", "A", why="lifted")
    assert book.figures()["rate"]["rings"] == 2


@pytest.mark.parametrize(("over_s", "acked_s", "count"), [(10, None, 1), (10.1, None, 0), (5, 4, 0), (5, 6, 1)])
def test_fleeting_is_over_before_anybody_could_answer(over_s: float, acked_s: float | None, count: int) -> None:
    book = Book()
    book.put(0, "raise", "A")
    if acked_s is not None and acked_s < over_s:
        book.put(acked_s, "ack", "A")
    book.put(over_s, "return", "A")
    if acked_s is not None and acked_s > over_s:
        book.put(acked_s, "ack", "A")
    assert book.figures()["fleeting"]["count"] == count


def test_chattering_counts_what_became_active_again() -> None:
    book = Book()
    book.put(0, "raise", "A")
    book.put(30, "return_cancelled", "A")
    book.put(59.9, "reraise", "A", why="active again")
    assert book.figures()["chattering"] == {"count": 1, "alarms": [{"rule": "R", "source": "d", "in_a_minute": 3}]}
    late = Book()
    late.put(0, "raise", "A")
    late.put(30, "return_cancelled", "A")
    late.put(60, "reraise", "A", why="active again")
    assert late.figures()["chattering"]["count"] == 0, "a window of a minute is half-open"


def test_an_acknowledged_alarm_that_rings_again_for_another_reason_does_not_chatter() -> None:
    book = Book()
    book.put(0, "raise", "A")
    book.put(1, "reraise", "A", why="worse")
    book.put(2, "reraise", "A", why="realarm")
    assert book.figures()["chattering"]["count"] == 0


def test_the_first_answer_counts_not_the_last() -> None:
    book = Book()
    book.put(0, "raise", "A")
    book.put(10, "ack", "A")
    book.put(500, "reraise", "A", why="worse")
    book.put(900, "ack", "A")
    assert book.figures()["time_to_ack"]["high"]["p50_s"] == 10


def test_downtime_is_not_watched() -> None:
    book = Book()
    book.put(0, "start", mono_s=0)
    book.put(HOUR / SECOND, "stop", mono_s=3600)
    book.put(3 * HOUR / SECOND, "start", mono_s=3600)
    for number in range(22):
        book.put(4 * HOUR / SECOND + number * 700, "raise", f"L{number}")
    figures = book.figures()
    assert figures["unobserved_s"] == 2 * 3600 and figures["starts"] == 2
    assert figures["rate"]["per_10min"] == pytest.approx(22 / (22 * 6), abs=1e-4)


def test_a_new_gateway_has_watched_since_its_first_row() -> None:
    book = Book()
    book.seq = 0
    book.put(18 * 3600, "start", mono_s=0)
    for number in range(6):
        book.put(19 * 3600 + number * 700, "raise", f"L{number}")
    figures = book.figures()
    assert figures["unobserved_s"] == 18 * 3600
    assert figures["rate"]["per_10min"] == pytest.approx(6 / 36, abs=1e-4)


def test_a_crash_is_as_long_as_building_time_did_not_go_on() -> None:
    book = Book()
    book.put(0, "start", mono_s=0)
    book.put(10, "raise", "A", mono_s=10)
    book.put(1000, "start", mono_s=400)
    assert book.figures()["unobserved_s"] == 600, "the gateway ran for 390 s after its last row"


def test_a_clock_set_back_is_no_downtime() -> None:
    book = Book()
    book.put(5000, "start", mono_s=0)
    book.put(100, "clock_step", mono_s=200)
    book.put(300, "start", mono_s=400)
    assert book.figures()["unobserved_s"] == 0


def test_protection_lost_is_clipped_to_the_span_and_only_of_life_safety() -> None:
    book = Book()
    book.tally.know([standing("A", -HOUR / SECOND, rule="LS-1/protection_lost")])
    book.put(1800, "return", "A", rule="LS-1/protection_lost")
    book.put(DAY / SECOND - 3600, "raise", "B", rule="LS-2/protection_lost")
    book.put(DAY / SECOND - 3600, "raise", "C", rule="R/protection_lost")
    assert book.figures()["protection_lost"] == {"hours": 1.5, "by_rule": {"LS-1": 0.5, "LS-2": 1.0}}


def test_stale_is_what_stands_for_more_than_a_day() -> None:
    book = Book()
    book.tally.know([standing("OLD", -1), standing("OVER", -DAY / SECOND, returned_ns=WALL - 1)])
    book.put(DAY / SECOND - 1, "raise", "B")
    assert [one["occurrence"] for one in book.figures()["stale"]["alarms"]] == ["OLD"]


def test_stale_is_without_a_pause_and_nothing_that_is_only_journalled() -> None:
    book = Book(2 * DAY)
    for life, severity in (("BACK", "high"), ("STANDS", "high"), ("JOURNAL", "journal")):
        book.put(0, "raise", life, rule=life, severity=severity)
    book.put(3600, "return", "BACK", rule="BACK")
    book.put(30 * 3600, "reraise", "BACK", rule="BACK", why="active again")
    book.put(30 * 3600, "reraise", "STANDS", rule="STANDS", why="realarm")
    stale = book.figures()["stale"]
    assert [one["occurrence"] for one in stale["alarms"]] == ["STANDS"] and stale["count"] == 1


def test_a_flood_of_twenty_thousand_is_folded_in_one_pass() -> None:
    times = [WALL + one * SECOND // 50 for one in range(20_000)]
    before = time.process_time()
    found = floods(times, Tally(WALL, WALL + 7200 * SECOND))
    assert found == {"count": 1, "share": round(999.7 / 7200, 6), "seconds": 999.7}
    assert time.process_time() - before < 5.0, "a window that is copied for each ringing takes minutes"


def test_unacked_returned() -> None:
    book = Book()
    book.put(0, "raise", "A")
    book.put(100, "return", "A")
    book.put(0, "raise", "B")
    book.put(50, "ack", "B")
    book.put(60, "return", "B")
    assert book.figures()["unacked_returned"] == {"count": 1, "oldest_s": DAY / SECOND - 100}


def test_an_alarm_of_before_is_not_counted_as_raised() -> None:
    book = Book()
    book.tally.know([standing("A", -100, acked_ns=WALL - 50 * SECOND)])
    book.put(10, "return", "A")
    figures = book.figures()
    assert figures["priorities"]["high"] == 0 and figures["time_to_clear"]["count"] == 0
    assert figures["repeats"] == []


def test_three_in_a_week_are_repeats() -> None:
    book = Book(8 * DAY)
    for number, day in enumerate((0, 3, 6.9)):
        book.put(day * DAY / SECOND, "raise", f"L{number}")
    assert book.figures()["repeats"] == [{"rule": "R", "source": "d", "raises": 3}]
    apart = Book(8 * DAY)
    for number, day in enumerate((0, 3, 7)):
        apart.put(day * DAY / SECOND, "raise", f"L{number}")
    assert apart.figures()["repeats"] == []


@given(st.lists(st.integers(0, 4000), max_size=60).map(sorted))
def test_peak_is_the_most_in_any_half_open_window(seconds: list[int]) -> None:
    times = [one * SECOND for one in seconds]
    plain = max((sum(at - 600 * SECOND < one <= at for one in times) for at in times), default=0)
    assert peak(times) == plain


@given(st.lists(st.integers(0, 6000), max_size=80).map(sorted))
def test_floods_begin_over_ten_and_end_under_five(seconds: list[int]) -> None:
    """Second by second, as an operator would count them."""
    spans, began = [], None
    for now in range(7201):
        inside = sum(now - 600 < one <= now for one in seconds)
        if began is None and inside > 10 and now in seconds:
            began = now
        elif began is not None and inside < 5:
            spans.append((began, now))
            began = None
    tally = Tally(WALL, WALL + 7200 * SECOND)
    times = [WALL + one * SECOND for one in seconds]
    found = floods(times, tally)
    assert found["count"] == len(spans)
    assert found["seconds"] == sum(end - begin for begin, end in spans)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=50), st.sampled_from([0.5, 0.95, 0.99]))
def test_percentile_is_the_smallest_that_so_many_do_not_exceed(values: list[int], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert found is not None
    assert sum(one <= found for one in values) >= share * len(values)
    smaller = [one for one in values if one < found]
    assert not smaller or sum(one <= max(smaller) for one in values) < share * len(values)


def test_deliveries_by_channel() -> None:
    rows = [("hook", "delivered", 1, 2 * SECOND), ("hook", "delivered", 3, 9 * SECOND), ("hook", "pending", 4, None)]
    assert deliveries([*rows, ("log", "refused", 5, None)]) == {
        "hook": {
            "notices": 3,
            "delivered": 2,
            "pending": 1,
            "dead": 0,
            "share_of_attempts": 0.25,
            "count": 2,
            "p50_s": 2.0,
            "p95_s": 9.0,
        },
        "log": {
            "notices": 1,
            "delivered": 0,
            "pending": 0,
            "dead": 1,
            "share_of_attempts": 0.0,
            "count": 0,
            "p50_s": None,
            "p95_s": None,
        },
    }


def test_bad_actors_share() -> None:
    tally = Tally(WALL, WALL + DAY)
    for number in range(12):
        life = Life(f"{number}", f"R-{number:02}", "d", Severity.LOW, WALL)
        tally.rings += [(WALL + number, life)] * (12 - number)
    found = kpis(tally, NORMS)["bad_actors"]
    assert [one["rule"] for one in found["alarms"]] == [f"R-{number:02}" for number in range(10)]
    assert found["share"] == pytest.approx(75 / 78, abs=1e-6)


def test_who_was_not_told_keeps_nobody_waiting_and_who_was_told_once_does() -> None:
    book = Book()
    book.put(0, "raise", "A", muted=["shelved"])
    assert book.figures()["time_to_ack"]["high"]["unanswered"] == 0
    book.put(0, "raise", "B")
    book.put(50, "reraise", "B", muted=["shelved"])
    assert book.figures()["time_to_ack"]["high"]["unanswered"] == 1
    book.put(60, "ack", "A")
    assert book.figures()["time_to_ack"]["high"]["count"] == 0, "an answer to what nobody was told is no measure"


def test_an_answer_counts_for_its_own_severity_only() -> None:
    book = Book()
    book.put(0, "raise", "A")
    book.put(60, "ack", "A")
    counts = {word: figures["count"] for word, figures in book.figures()["time_to_ack"].items()}
    assert counts == {"critical": 0, "high": 1, "medium": 0, "low": 0, "journal": 0}


def test_what_is_closed_without_a_return_is_over() -> None:
    book = Book(3 * DAY)
    book.put(0, "raise", "A")
    book.put(100, "close", "A")
    figures = book.figures()
    assert figures["stale"]["count"] == 0
    assert figures["time_to_clear"]["count"] == 1 and figures["time_to_clear"]["p50_s"] == 100
    assert figures["unacked_returned"]["count"] == 0


def test_a_day_itself_is_not_stale() -> None:
    book = Book(2 * DAY)
    book.put(86_400, "raise", "A")
    assert book.figures()["stale"]["count"] == 0
    book.put(86_399, "raise", "B")
    assert book.figures()["stale"]["count"] == 1


def test_a_start_at_the_end_is_the_next_spans() -> None:
    book = Book()
    book.put(0, "start", mono_s=0)
    book.put(86_400, "start", mono_s=0)
    assert book.tally.starts == 1 and book.tally.unobserved_ns == DAY


def test_the_span_is_half_open_and_counts_what_was_missed() -> None:
    book = Book()
    book.put(0, "missed_while_down")
    book.put(1, "missed_while_down")
    book.put(86_400, "missed_while_down")
    book.put(86_400, "raise", "A")
    assert (book.tally.missed, book.tally.lives) == (2, {})


def test_what_stood_before_the_span_has_its_own_severity() -> None:
    book = Book()
    book.tally.know([standing("A", -100_000), standing("J", -100_000, severity=Severity.JOURNAL)])
    stale = book.figures()["stale"]
    assert (stale["count"], [one["occurrence"] for one in stale["alarms"]]) == (1, ["A"])
    assert book.tally.lives["A"].severity is Severity.HIGH
    assert (book.tally.lives["A"].raised_ns, book.tally.lives["A"].active_ns) == (WALL - 100_000 * SECOND,) * 2
