"""anlou test-rules: each kind of step and of expectation, each with what makes it fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rehearsal.playing import passes, steps, told

WET = "at: 0s, set: {sump.floor_level: 0.12 m}"


def test_the_example_of_the_design(tmp_path: Path) -> None:
    passes(
        tmp_path,
        "at: 0s, set: {sump.floor_level: 0.02 m}",
        "at: 60s, set: {sump.floor_level: 0.12 m}",
        "at: 89s, expect: {W-1/sump: pending}",
        "at: 91s, expect: {W-1/sump: unacked}",
    )


def test_quantities_are_converted_and_delays_end_at_their_moment(tmp_path: Path) -> None:
    passes(
        tmp_path,
        "at: 0s, set: {sump.floor_level: 12 cm}",
        "at: 30s, expect: {W-1/sump: {state: unacked, value: 120 mm}}",
    )


def test_a_failing_expectation_tells_how_it_came_to_that(tmp_path: Path) -> None:
    outcome = steps(tmp_path, WET, "at: 29s, expect: {W-1/sump: unacked}")
    (failure,) = outcome.failures
    assert failure.lines()[0].endswith("tests.yaml:4:26: W-1/sump: expected unacked, got pending (at 29s)")
    words = "\n".join(failure.lines())
    assert "condition TRUE" in words
    assert "its delay ends in 1s" in words
    assert "0s normal → pending (true)" in words
    assert "sump.floor_level: 0.12, 1s old" in words


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        ("{condition: false}", "condition: expected FALSE, got TRUE"),
        ("{condition: unknown}", "condition: expected UNKNOWN, got TRUE"),
        ("{severity: high}", "severity: expected high, got low"),
        ("{value: 0.2 m}", "value: expected 0.2 m, got 0.12 m"),
        ("{mutes: [shelved]}", "mutes: expected shelved, got none"),
        ("{announced: false}", "announced: expected False, got True"),
        ("{acked_by: ann}", "acked_by: expected ann, got None"),
    ],
)
def test_every_detail_can_fail(tmp_path: Path, shown: str, message: str) -> None:
    assert told(steps(tmp_path, WET, f"at: 31s, expect: {{W-1/sump: {shown}}}")) == [f"W-1/sump: {message}"]


def test_a_ramp_passes_a_limit_on_its_way(tmp_path: Path) -> None:
    passes(
        tmp_path,
        "at: 0s, set: {sump.floor_level: 0 m}",
        "at: 10s, ramp: {sump.floor_level: {to: 0.2 m, over: 100s}}",
        "at: 59s, expect: {W-1/sump: normal}",
        "at: 61s, expect: {W-1/sump: pending}",
        "at: 111s, expect: {W-1/sump: {state: unacked, value: 0.2 m}}",
    )


def test_a_ramp_from_nowhere_is_told(tmp_path: Path) -> None:
    outcome = steps(tmp_path, "at: 0s, ramp: {sump.floor_level: {to: 0.2 m, over: 1s}}, expect: {W-1/sump: normal}")
    assert told(outcome) == ["sump.floor_level has no value to begin from; set it first, or say `from`"]


def test_bad_neither_raises_nor_clears(tmp_path: Path) -> None:
    passes(
        tmp_path,
        WET,
        "at: 10s, bad: {sump.floor_level: sensor}",
        "at: 60s, expect: {W-1/sump: {state: pending, condition: unknown}}",
        "at: 61s, set: {sump.floor_level: 0.12 m}",
        "at: 80s, expect: {W-1/sump: pending}",
        "at: 81s, expect: {W-1/sump: unacked}",
        "at: 85s, uncertain: {sump.floor_level: clock}",
        "at: 90s, expect: {W-1/sump: {condition: true}}",
    )


def test_a_silent_device_is_offline_after_its_time_and_a_recovered_one_speaks(tmp_path: Path) -> None:
    passes(
        tmp_path,
        "at: 0s, set: {sump.floor_level: 0 m}",
        "at: 60s, silent: sump",
        "at: 69s, expect_health: {sump: stale}, expect: {GW-01/sump: normal}",
        "at: 72s, expect_health: {sump: offline}, expect: {GW-01/sump: unacked, W-1/sump: {condition: unknown}}",
        "at: 80s, speaks: sump",
        "at: 82s, expect_health: {sump: online}, expect: {GW-01/sump: rtn_unacked, W-1/sump: {condition: false}}",
    )


def test_a_lost_link_is_bad_at_once(tmp_path: Path) -> None:
    passes(
        tmp_path,
        "at: 0s, set: {sump.floor_level: 0 m}",
        "at: 5s, offline: [sump], expect: {W-1/sump: {condition: unknown}, GW-01/sump: normal}",
        "at: 20s, expect: {GW-01/sump: unacked}",
    )


def test_who_speaks_only_of_changes_is_gone_by_its_last_will(tmp_path: Path) -> None:
    """charger is expected to say nothing for hours; `silent` then is what its broker says of it."""
    passes(
        tmp_path,
        "at: 0s, set: {charger.charger_state: charging}",
        "at: 5h, expect_health: {charger: online}",
        "at: 5h, silent: charger",
        "at: 5.01h, expect_health: {charger: offline}, expect: {GW-01/charger: unacked}",
    )


def test_parts_are_alarms_of_their_own(tmp_path: Path) -> None:
    passes(
        tmp_path,
        "at: 0s, set: {sump.pump-1/pump_fault: true, sump.pump-2/pump_fault: false}",
        "at: 1s, expect: {W-3/sump/pump-1: unacked, W-3/sump/pump-2: normal}",
    )


def test_a_building_of_the_devices_that_are_named(tmp_path: Path) -> None:
    passes(
        tmp_path,
        "at: 0s, set: {sump.floor_level: 0.12 m, charger.charger_state: charging}",
        "at: 30s, expect: {W-4/charger: unacked}",
        "at: 31s, expect_journal: [{kind: raise, rule: W-1}, {kind: raise, rule: W-4, at: 30s}]",
    )


def test_a_restart_keeps_what_was_and_counts_no_downtime(tmp_path: Path) -> None:
    passes(
        tmp_path,
        WET,
        "at: 20s, restart: {after: 1min}",
        "at: 89s, expect: {W-1/sump: pending}",
        "at: 91s, expect: {W-1/sump: unacked}, expect_notices: []",  # it waits for others of its group
        "at: 95s, restart: {after: 5s}",
        "at: 160s, expect: {W-1/sump: unacked}, expect_notices: [{reason: raise, rule: W-1}]",
        "at: 170s, restart: {after: 5s}",
        "at: 180s, expect: {W-1/sump: unacked}, expect_notices: []",
        "at: 190s, ack: W-1/sump, restart: {after: 2h}",
        "at: 2.1h, expect: {W-1/sump: {state: acked, acked_by: operator}}, expect_count: {raise: 1}",
    )


def test_a_step_of_the_clock_moves_no_delay(tmp_path: Path) -> None:
    for step in ("1h", "-1d"):
        passes(
            tmp_path,
            WET,
            f"at: 10s, clock_step: {step}",
            "at: 29s, expect: {W-1/sump: pending}, expect_journal: [{kind: clock_step}]",
            "at: 30s, expect: {W-1/sump: unacked}, expect_count: {raise: 1}",
        )


def test_history_moves_no_state_but_a_missed_pulse_is_told(tmp_path: Path) -> None:
    passes(
        tmp_path,
        "at: 0s, set: {sump.floor_level: 0 m}",
        "at: 1h, backlog: {device: sump, samples: [{ago: 30min, set: {floor_level: 0.3 m}}]}",
        "at: 2h, expect: {W-2/sump: normal, W-1/sump: normal}, expect_count: {missed_while_down: 1, raise: 0}",
    )


def test_people(tmp_path: Path) -> None:
    passes(
        tmp_path,
        WET,
        "at: 20s, ack: {alarm: W-1/sump, refused: not_found}",
        "at: 30s, ack: {alarm: W-1/sump, by: ann}, expect: {W-1/sump: {state: acked, acked_by: ann}}",
        "at: 31s, reset: {alarm: W-1/sump, refused: still_active}",
        "at: 40s, shelve: {alarm: W-1/sump, for: 5min}, expect: {W-1/sump: {mutes: [shelved]}}",
        "at: 339s, expect: {W-1/sump: {mutes: [shelved]}}",
        "at: 341s, expect: {W-1/sump: {mutes: [], state: unacked}}, expect_count: {W-1/sump: {reraise: 1}}",
        "at: 350s, set: {sump.floor_level: 0 m}, ack: W-1/sump",
        "at: 411s, expect: {W-1/sump: normal}, expect_journal: [{kind: shelve, by: operator},"
        " {kind: unshelve, says: {why: expired}}, {kind: close, says: {reason: returned}}]",
    )


def test_a_refusal_that_nobody_expected_fails(tmp_path: Path) -> None:
    assert "not_found" in told(steps(tmp_path, WET, "at: 1s, ack: W-1/sump, expect: {W-1/sump: pending}"))[0]
    refused = steps(tmp_path, WET, "at: 31s, ack: {alarm: W-1/sump, refused: stale}")
    assert told(refused) == ["ack of W-1/sump must be refused (stale), but was carried out"]


def test_the_journal_is_looked_at_in_order_and_since_the_last_look(tmp_path: Path) -> None:
    wet = "at: 31s, expect_journal: [{kind: raise, rule: W-1, source: sump}]"
    assert steps(tmp_path, WET, wet).passed
    again = steps(tmp_path, WET, wet, "at: 32s, expect_journal: [{kind: raise}]")
    assert told(again) == ["journal: not found in this order: raise"]
    assert "nothing" in again.failures[0].lines()[-1]
    nothing = steps(tmp_path, WET, "at: 31s, expect_journal: []")
    assert told(nothing) == ["journal: expected nothing, got 1"]
    assert "30s raise W-1 sump" in nothing.failures[0].lines()[-1]


def test_counts_tell_what_they_counted(tmp_path: Path) -> None:
    assert told(steps(tmp_path, WET, "at: 31s, expect_count: {raise: 2}")) == ["raise: expected 2, got 1"]
    of_rule = steps(tmp_path, WET, "at: 31s, expect_count: {W-1: {raise: 1}, W-2/sump: {raise: 1}}")
    assert told(of_rule) == ["raise of W-2/sump: expected 1, got 0"]


def test_health_can_fail(tmp_path: Path) -> None:
    assert told(steps(tmp_path, WET, "at: 5s, expect_health: {sump: offline}")) == [
        "sump: expected offline, got online"
    ]


def test_a_failing_step_does_not_hide_the_next(tmp_path: Path) -> None:
    outcome = steps(tmp_path, WET, "at: 1s, expect: {W-1/sump: unacked}", "at: 40s, expect: {W-1/sump: normal}")
    assert told(outcome) == ["W-1/sump: expected unacked, got pending", "W-1/sump: expected normal, got unacked"]


def test_every_test_has_a_building_of_its_own(tmp_path: Path) -> None:
    for _ in range(2):
        passes(tmp_path, WET, "at: 31s, expect: {W-1/sump: unacked}, expect_count: {raise: 1}")
