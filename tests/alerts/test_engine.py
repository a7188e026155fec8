"""The engine on real conditions: delays, unknowns, values, severities, commands; what is journalled and told."""

from __future__ import annotations

import pytest

from gateway.model import SECOND, AlarmState, CommandRefused, FrameKind, Instant, Quality, Severity
from tests.alerts.stage import BAD, GUIDANCE, WALL, Stage, device, level_rule, rule

S = AlarmState


def test_an_alarm_through_its_life() -> None:
    stage = Stage(rule("R", on_delay="30s", off_delay="60s"))
    stage.at(0).set(a=False)
    stage.at(10).set(a=True)
    assert stage.state() is S.PENDING and stage.events == []
    stage.at(39.999).tick()
    assert stage.state() is S.PENDING
    stage.at(40).tick()
    assert stage.state() is S.UNACKED
    life = stage.life()
    assert (life.active_ns, life.raised_ns) == (WALL + 10 * SECOND, WALL + 40 * SECOND)
    assert life.announced and not life.held and life.seq == stage.events[-1].seq == 1
    stage.at(50).do("ack", expected_seq=1, comment="on my way")
    assert stage.state() is S.ACKED and stage.life().acked_by == "ann" and stage.life().acked_ns == WALL + 50 * SECOND
    stage.at(60).set(a=False)
    assert stage.state() is S.ACKED_REC
    stage.at(119.999).set(a=False)
    assert stage.state() is S.ACKED_REC
    stage.at(120).set(a=False)
    assert stage.state() is S.NORMAL
    closed = stage.newest
    assert (closed.close_reason, closed.returned_ns, closed.closed_ns) == (
        "returned",
        WALL + 120 * SECOND,
        WALL + 120 * SECOND,
    )
    assert stage.rows() == ["raise", "ack", "returning", "return", "close"]
    assert stage.told() == ["raise", "recover"]
    assert [notice.seq for notice in stage.notices] == [1, 5]
    assert stage.events[1].by == "ann" and stage.events[1].body["comment"] == "on my way"


def test_no_delays_raise_and_return_with_the_sample() -> None:
    stage = Stage(rule("R"))
    judgement = stage.at(1).set(a=True)
    assert [event.kind for event in judgement.events] == ["raise"]
    assert [(n.reason, n.occurrence) for n in judgement.notices] == [
        ("raise", judgement.occurrences[stage.newest.occurrence])
    ]
    assert [i.rule for i in judgement.instances] == ["R"]
    stage.at(2).set(a=False)
    assert stage.state() is S.RTN_UNACKED and stage.told() == ["raise", "recover"]
    stage.at(3).do("ack")
    assert (
        stage.state() is S.NORMAL and stage.told() == ["raise", "recover"] and stage.newest.close_reason == "returned"
    )


def test_a_true_sample_at_the_very_end_of_a_broken_delay_starts_it_anew() -> None:
    stage = Stage(rule("R", on_delay="30s"))
    stage.at(0).set(a=True)
    stage.at(29).set(a=False)
    stage.at(30).set(a=True)
    assert stage.state() is S.PENDING
    assert stage.engine.rules_view()[0].fleeting == 1
    stage.at(59.9).tick()
    assert stage.state() is S.PENDING
    stage.at(60).tick()
    assert stage.life().active_ns == WALL + 30 * SECOND


def test_false_at_the_very_end_of_the_delay_comes_too_late() -> None:
    stage = Stage(rule("R", on_delay="30s"))
    stage.at(0).set(a=True)
    stage.at(30).set(a=False)
    assert stage.rows() == ["raise", "return"]


def test_unknown_freezes_the_on_delay() -> None:
    stage = Stage(rule("R", on_delay="30s"))
    stage.at(0).set(a=True)
    stage.at(20).set(a=BAD)
    stage.at(1000).tick()
    assert stage.state() is S.PENDING
    stage.at(1000).set(a=True)
    stage.at(1009.9).tick()
    assert stage.state() is S.PENDING
    stage.at(1010).tick()
    assert stage.state() is S.UNACKED and stage.life().active_ns == WALL


def test_unknown_does_not_stop_a_life_safety_delay() -> None:
    stage = Stage(rule("R", severity="critical", on_delay="30s", **{"class": "life_safety"}))
    stage.at(0).set(a=True)
    stage.at(20).set(a=BAD)
    stage.at(30).tick()
    assert stage.state() is S.UNACKED and stage.life().held


def test_unknown_freezes_the_off_delay_and_holds_the_alarm() -> None:
    stage = Stage(rule("R", off_delay="30s"))
    stage.at(0).set(a=True)
    stage.at(1).set(a=BAD)
    assert stage.state() is S.UNACKED and stage.life().held and stage.life().condition is None
    stage.at(2).set(a=BAD)
    assert stage.rows() == ["raise", "hold"]
    stage.at(10).set(a=False)
    stage.at(20).set(a=BAD)
    stage.at(500).tick()
    assert stage.state() is S.UNACKED_REC
    stage.at(500).set(a=False)
    stage.at(519.9).tick()
    assert stage.state() is S.UNACKED_REC
    stage.at(520).tick()
    assert stage.state() is S.RTN_UNACKED
    assert stage.rows() == ["raise", "hold", "returning", "hold", "unhold", "return"]


def test_a_return_broken_off_is_chatter_and_the_same_occurrence() -> None:
    stage = Stage(rule("R", off_delay="30s"))
    stage.at(0).set(a=True)
    first = stage.life().occurrence
    for second in (1, 3, 5):
        stage.at(second).set(a=False)
        stage.at(second + 1).set(a=True)
    assert stage.state() is S.UNACKED and stage.life().chatter == 3 and stage.life().occurrence == first
    assert stage.told() == ["raise"]
    stage.at(31).set(a=True)
    stage.at(36).tick()
    assert stage.state() is S.UNACKED  # the broken-off delay is gone, not only hidden


def test_active_again_before_the_ack_is_the_same_occurrence_raised_again() -> None:
    stage = Stage(rule("R", on_delay="10s"))
    stage.at(0).set(a=True)
    stage.at(10).set(a=False)
    first = stage.newest
    assert stage.state() is S.RTN_UNACKED and first.returned_ns == WALL + 10 * SECOND
    judgement = stage.at(20).set(a=True)
    assert stage.state() is S.RTN_PENDING
    assert judgement.events == [] and judgement.occurrences[first.occurrence].state is S.RTN_PENDING
    assert judgement.occurrences[first.occurrence].seq == first.seq
    stage.at(30).tick()
    assert stage.life().occurrence == first.occurrence and stage.life().returned_ns is None
    assert stage.told() == ["raise", "recover", "reraise"]
    stage.at(31).set(a=False)
    assert stage.told() == ["raise", "recover", "reraise", "recover"]


def test_acknowledged_while_pending_again_closes_the_old_and_keeps_the_delay() -> None:
    stage = Stage(rule("R", on_delay="10s"))
    stage.at(0).set(a=True)
    stage.at(10).set(a=False)
    stage.at(20).set(a=True)
    old = stage.newest.occurrence
    stage.at(25).do("ack")
    assert stage.state() is S.PENDING and stage.occurrences[old].closed_ns is not None
    stage.at(30).tick()
    assert stage.state() is S.UNACKED and stage.life().occurrence != old
    assert stage.life().active_ns == WALL + 20 * SECOND and stage.life().acked_by is None


def test_a_latch_needs_ack_then_reset_with_a_comment_and_a_good_false() -> None:
    stage = Stage(rule("R", severity="critical", **{"class": "life_safety"}))
    stage.at(0).set(a=True)
    for code, kind, fields in (("still_active", "reset", {"comment": "c"}), ("invalid", "reset", {})):
        with pytest.raises(CommandRefused) as refused:
            stage.do(kind, **fields)
        assert refused.value.code == code
    stage.at(1).set(a=False)
    assert stage.state() is S.LATCHED_UNACKED and stage.told() == ["raise"]
    with pytest.raises(CommandRefused) as refused:
        stage.do("reset", comment="c")
    assert refused.value.code == "needs_ack"
    stage.do("ack")
    stage.at(2).set(a=BAD)
    with pytest.raises(CommandRefused) as refused:
        stage.do("reset", comment="c")
    assert refused.value.code == "condition_unknown"
    assert refused.value.current is not None and refused.value.current.held
    stage.at(3).set(a=False)
    stage.do("reset", comment="checked on site")
    assert stage.state() is S.NORMAL and stage.newest.close_reason == "reset"
    assert stage.told() == ["raise", "recover"]
    assert [row for row in stage.rows() if "hold" not in row] == ["raise", "return", "ack", "reset", "close"]


def test_a_latched_alarm_that_is_true_again_is_raised_again_without_delay() -> None:
    stage = Stage(rule("R", latching=True, on_delay="10s"))
    stage.at(0).set(a=True)
    stage.at(10).set(a=False)
    stage.at(11).do("ack")
    assert stage.state() is S.LATCHED_ACKED
    stage.at(12).set(a=True)
    assert stage.state() is S.UNACKED and stage.life().acked_by is None
    assert stage.told() == ["raise", "reraise"]


def test_auto_ack_goes_home_by_itself() -> None:
    stage = Stage(rule("R", auto_ack=True))
    stage.at(0).set(a=True)
    stage.at(1).set(a=False)
    assert stage.state() is S.NORMAL and stage.told() == ["raise", "recover"]
    stage.at(2).set(a=True)
    assert len(stage.occurrences) == 2


def test_the_peak_is_the_worst_value_and_moves_without_a_row() -> None:
    stage = Stage(level_rule("R", "0.10 m", on_delay="10s"))
    stage.at(0).set(level=0.30)
    for second, value in ((5, 0.12), (11, 0.45), (12, 0.20)):
        stage.at(second).set(level=value)
    assert (stage.life().value, stage.life().peak, stage.life().limit, stage.life().unit) == (0.20, 0.45, 0.1, "m")
    assert stage.rows() == ["raise"]
    stage.at(13).set(level=0.02)
    assert (stage.newest.value, stage.newest.peak) == (0.02, 0.45)
    stage.at(14).do("ack")
    stage.at(20).set(level=0.11)
    stage.at(30).tick()
    assert stage.life().peak == 0.11  # a new life begins with a new peak


def test_the_peak_of_a_low_alarm_is_its_lowest_value() -> None:
    stage = Stage(rule("R", "level", when={"at_most": "1 m"}))
    for second, value in enumerate((0.9, 0.4, 0.7)):
        stage.at(second).set(level=value)
    assert stage.life().peak == 0.4


def levels(**fields: object) -> object:
    steps = [
        {"at_least": "0.1 m", "deadband": "0.01 m", "severity": "medium"},
        {"at_least": "0.3 m", "deadband": "0.01 m", "severity": "high"},
    ]
    return level_rule("R", "0.1 m", severity="medium", when={"levels": steps}, **fields)


def test_a_higher_level_is_told_and_the_severity_stays() -> None:
    stage = Stage(levels())  # type: ignore[arg-type]
    stage.at(0).set(level=0.2)
    assert stage.life().severity is Severity.MEDIUM
    stage.at(1).set(level=0.4)
    assert stage.life().severity is Severity.HIGH and stage.told() == ["raise", "severity_up"]
    stage.at(2).set(level=0.2)
    stage.at(3).set(level=0.4)
    assert stage.life().severity is Severity.HIGH and stage.told() == ["raise", "severity_up"]
    stage.at(4).set(level=0.0)
    stage.at(5).do("ack")
    stage.at(6).set(level=0.2)
    assert stage.life().severity is Severity.MEDIUM  # a new life, a new severity


def test_a_higher_level_takes_the_ack_away() -> None:
    stage = Stage(levels())  # type: ignore[arg-type]
    stage.at(0).set(level=0.2)
    stage.do("ack")
    stage.at(1).set(level=0.4)
    assert stage.state() is S.UNACKED and stage.told() == ["raise", "reraise"]
    assert stage.life().severity is Severity.HIGH and stage.life().acked_by is None


def test_raised_at_once_at_the_higher_level_tells_once() -> None:
    stage = Stage(levels())  # type: ignore[arg-type]
    stage.at(0).set(level=0.4)
    assert stage.told() == ["raise"] and stage.life().severity is Severity.HIGH


def test_history_changes_nothing_but_lets_time_pass() -> None:
    stage = Stage(rule("R", on_delay="10s"))
    stage.at(0).set(a=True)
    stage.at(5).set(kind=FrameKind.HISTORY, a=False)
    assert stage.state() is S.PENDING
    stage.at(10).set(kind=FrameKind.HISTORY, a=False)
    assert stage.state() is S.UNACKED


def test_uncertain_counts_as_good() -> None:
    stage = Stage(rule("R"))
    frame = stage.at(0).frame(a=True)
    frame.quality = [int(Quality.UNCERTAIN_INITIAL)]
    stage.commit(stage.engine.judge(frame, 1))
    assert stage.state() is S.UNACKED


def test_true_at_the_first_sample_raises() -> None:
    stage = Stage(rule("R"))
    stage.at(0).set(kind=FrameKind.INITIAL, a=True)
    assert stage.state() is S.UNACKED


def test_a_frame_is_judged_as_a_whole() -> None:
    both = {"all": [{"point": "a", "is": True}, {"point": "b", "is": True}]}
    stage = Stage(rule("R", when=both))
    stage.at(0).set(a=False, b=True)
    stage.at(1).set(a=True, b=False)
    assert stage.rows() == []


def test_a_frame_first_fires_what_is_due_in_order() -> None:
    stage = Stage(rule("R", on_delay="10s"), rule("Q", "b", on_delay="5s"))
    stage.at(0).set(a=True, b=True)
    judgement = stage.at(60).set(c=True)
    assert [(event.rule, event.at.mono_ns // SECOND) for event in judgement.events] == [("Q", 5), ("R", 10)]


def test_an_alarm_on_alarms_is_judged_after_them_in_the_same_frame() -> None:
    top = rule("TOP", when={"all": [{"alarm": "LOW"}, {"point": "b", "is": True}]})
    stage = Stage(top, rule("LOW", "a"))
    stage.at(0).set(a=False, b=True)
    judgement = stage.at(1).set(a=True)
    assert [event.rule for event in judgement.events] == ["LOW", "TOP"]
    stage.at(2).set(a=False)
    assert stage.state("TOP") is S.RTN_UNACKED


def test_an_alarm_on_alarms_is_woken_by_a_timer_too() -> None:
    stage = Stage(rule("LOW", "a", on_delay="10s"), rule("TOP", when={"alarm": "LOW"}))
    stage.at(0).set(a=True)
    assert stage.state("TOP") is S.NORMAL
    judgement = stage.at(10).tick()
    assert [event.rule for event in judgement.events] == ["LOW", "TOP"]


def test_next_due_is_never_late_and_quiet_when_nothing_runs() -> None:
    stage = Stage(rule("R", on_delay="10s", off_delay="20s"))
    assert stage.engine.next_due() is None
    stage.at(0).set(a=True)
    assert stage.engine.next_due() == 10 * SECOND
    stage.at(10).tick()
    assert stage.engine.next_due() is None
    stage.at(15).set(a=False)
    assert stage.engine.next_due() == 35 * SECOND


def test_an_early_ring_changes_nothing() -> None:
    stage = Stage(rule("R", on_delay="10s"))
    stage.at(0).set(a=True)
    stage.at(1).set(a=False)
    stage.at(2).set(a=True)
    stage.at(10).tick()
    assert stage.state() is S.PENDING
    assert stage.engine.next_due() == 12 * SECOND


def test_a_rule_that_fails_is_unknown_and_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(rule("R", severity="high"))
    stage.at(0).set(a=False)
    live = stage.engine._by_key["R", "dev"]
    monkeypatch.setattr(type(live.condition), "judge", lambda *_: 1 / 0)
    guard = stage.engine._by_key["R/protection_lost", "dev"]
    assert guard.condition.guarded is live.condition  # type: ignore[attr-defined]
    for second in (1, 2):
        stage.at(second).set(a=True, b=True)
    assert [event.body["rule"] for event in stage.events if event.kind == "rule_error"] == ["R", "R/protection_lost"]
    assert stage.engine.rules_view()[0].fault == "ZeroDivisionError: division by zero"
    stage.at(61).tick()
    assert stage.state("R/protection_lost") is S.UNACKED


def test_notes_share_the_journals_numbers() -> None:
    stage = Stage(rule("R"))
    stage.at(0).set(a=True)
    judgement = stage.commit(stage.engine.note("start", stage.now, "root", {"version": "1"}))
    assert [(event.seq, event.kind, event.by, event.body) for event in judgement.events] == [
        (2, "start", "root", {"version": "1"})
    ]
    assert not judgement.notices and not judgement.instances


class TestCommands:
    def stage(self) -> Stage:
        stage = Stage(rule("R"))
        stage.at(0).set(a=True)
        return stage

    def test_stale(self) -> None:
        stage = self.stage()
        with pytest.raises(CommandRefused) as refused:
            stage.do("ack", expected_seq=0)
        assert refused.value.code == "stale" and refused.value.current == stage.life()
        assert stage.state() is S.UNACKED

    def test_unknown_occurrence(self) -> None:
        with pytest.raises(CommandRefused) as refused:
            self.stage().do("ack", "01ARZ3NDEKTSV4RRFFQ69G5FAV")
        assert refused.value.code == "not_found"

    def test_closed_occurrence(self) -> None:
        stage = self.stage()
        stage.at(1).set(a=False)
        stage.do("ack")
        with pytest.raises(CommandRefused) as refused:
            stage.do("ack", expected_seq=1)
        assert refused.value.code == "not_active"
        assert refused.value.current is not None and refused.value.current.closed_ns is not None

    def test_ack_twice_changes_nothing(self) -> None:
        stage = self.stage()
        stage.do("ack", expected_seq=1)
        for expected in (1, 2, None):
            again = stage.do("ack", expected_seq=expected)
            assert not again.events and not again.notices and not again.instances
            assert again.occurrences == {stage.life().occurrence: stage.life()}
        with pytest.raises(CommandRefused) as refused:
            stage.do("ack", expected_seq=1, by="bob")
        assert refused.value.code == "stale"
        assert stage.life().acked_by == "ann"

    def test_a_refused_command_leaves_no_trace(self) -> None:
        stage = self.stage()
        before = stage.engine.checkpoint(stage.now, stage.position)
        with pytest.raises(CommandRefused):
            stage.do("reset", comment="c")
        assert stage.engine.checkpoint(stage.now, stage.position) == before
        assert not stage.tick()


def test_two_devices_are_two_alarms() -> None:
    stage = Stage(rule("R"), devices=(device("dev"), device("two")))
    stage.at(0).set(a=True)
    assert (stage.state("R", "dev"), stage.state("R", "two")) == (S.UNACKED, S.NORMAL)
    stage.at(1).set("two", a=True)
    assert {(o.rule, o.source) for o in stage.engine.open_occurrences()} == {("R", "dev"), ("R", "two")}
    with pytest.raises(KeyError):
        stage.state("R", "three")


def test_protection_lost_has_the_rules_labels_and_its_own_delay() -> None:
    stage = Stage(rule("R", severity="critical", guidance=GUIDANCE, **{"class": "life_safety"}))
    stage.at(0).set(a=False)
    stage.at(5).set(a=BAD)
    stage.at(64.9).tick()
    assert stage.state("R/protection_lost") is S.PENDING
    stage.at(65).tick()
    lost = stage.life("R/protection_lost")
    assert (lost.severity, lost.source, lost.system, lost.latched) == (Severity.HIGH, "dev", "test", False)
    assert stage.state("R") is S.NORMAL


def test_source_time_is_when_it_became_active() -> None:
    stage = Stage(rule("R"))
    frame = stage.at(10).frame(a=True)
    frame.source_ns = WALL + 7 * SECOND
    stage.commit(stage.engine.judge(frame, 1))
    assert (stage.life().active_ns, stage.life().raised_ns) == (WALL + 7 * SECOND, WALL + 10 * SECOND)
    assert stage.events[0].at == Instant(10 * SECOND, WALL + 10 * SECOND)
