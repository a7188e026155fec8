"""Killed and started again: nothing lost, nothing said twice, downtime is not delay."""

from __future__ import annotations

import contextlib
import random

import pytest

from alerts.alarm import Alarm
from alerts.engine import AlarmEngine
from gateway.model import SECOND, AlarmState, CommandRefused, Severity
from tests.alerts.stage import BAD, WALL, Stage, level_rule, rule

S = AlarmState


def test_a_delay_goes_on_where_it_was_and_waits_for_a_fresh_sample() -> None:
    stage = Stage(rule("R", on_delay="30s"))
    stage.at(0).set(a=True)
    stage.at(20).set(a=True)
    stage.restart(outage_s=600)
    assert stage.state() is S.PENDING
    stage.at(100).tick()
    assert stage.state() is S.PENDING  # frozen until seen again
    stage.at(100).set(a=True)
    stage.at(109.9).tick()
    assert stage.state() is S.PENDING
    stage.at(110).tick()
    assert stage.state() is S.UNACKED and stage.life().active_ns == WALL


def test_downtime_counts_for_life_safety_if_the_first_sample_is_true() -> None:
    stage = Stage(rule("R", severity="critical", on_delay="60s", **{"class": "life_safety"}))
    stage.at(0).set(a=True)
    stage.at(10).set(a=True)
    stage.restart(outage_s=300)
    stage.at(12).tick()
    assert stage.state() is S.PENDING
    stage.at(13).set(a=True)
    assert stage.state() is S.UNACKED and stage.told() == ["raise"]


def test_downtime_counts_only_as_far_as_it_goes() -> None:
    stage = Stage(rule("R", severity="critical", on_delay="60s", **{"class": "life_safety"}))
    stage.at(0).set(a=True)
    stage.restart(outage_s=20)
    stage.at(1).set(a=True)
    stage.at(39.9).tick()
    assert stage.state() is S.PENDING
    stage.at(40).tick()
    assert stage.state() is S.UNACKED


def test_downtime_counts_for_nothing_if_the_first_sample_is_false() -> None:
    stage = Stage(rule("R", severity="critical", on_delay="60s", **{"class": "life_safety"}))
    stage.at(0).set(a=True)
    stage.restart(outage_s=300)
    stage.at(1).set(a=False)
    stage.at(2).set(a=True)
    stage.at(30).set(a=True)
    assert stage.state() is S.PENDING


def test_after_more_than_the_tolerance_delays_begin_anew_and_active_stays() -> None:
    for outage_s, state in ((3600, S.PENDING), (3600.1, S.NORMAL)):
        stage = Stage(rule("R", on_delay="30s"), rule("Q", "b"), rule("L", "c", latching=True))
        stage.at(0).set(a=True, b=True, c=True)
        stage.at(1).set(c=False)
        told = list(stage.notices)
        stage.restart(outage_s=outage_s)
        assert stage.state() is state
        assert (stage.state("Q"), stage.state("L")) == (S.UNACKED, S.LATCHED_UNACKED)
        assert stage.notices == told


def test_an_active_alarm_is_held_until_seen_and_told_once() -> None:
    stage = Stage(rule("R"))
    stage.at(0).set(a=True)
    first = stage.life().occurrence
    stage.restart()
    assert stage.state() is S.UNACKED and stage.life().held
    stage.at(1).set(a=True)
    assert stage.life().occurrence == first and not stage.life().held
    assert stage.told() == ["raise"] and stage.rows() == ["raise", "hold", "unhold"]


def test_returned_during_the_downtime_is_an_ordinary_return() -> None:
    stage = Stage(rule("R"))
    stage.at(0).set(a=True)
    stage.restart(outage_s=60)
    stage.at(1).set(a=False)
    assert stage.told() == ["raise", "recover"]


def test_raised_before_the_kill_without_a_checkpoint() -> None:
    stage = Stage(rule("R", on_delay="5s"), rule("Q", "b"))
    stage.at(0).set(a=True)
    stage.at(1).set(b=True)
    stage.at(5).tick()
    before = stage.engine.open_occurrences()
    replayed = stage.reload()
    assert not any(judgement.events or judgement.notices for judgement in replayed)
    assert stage.engine.open_occurrences() == before
    assert stage.engine.position == 2


def test_shelves_survive_and_end_by_their_label() -> None:
    stage = Stage(rule("R"))
    stage.at(0).set(a=True)
    stage.do("shelve", comment="c", for_ns=3600 * SECOND)
    stage.restart(outage_s=1800)
    stage.at(1).set(a=True)
    assert stage.told() == ["raise"] and len(stage.life().mutes) == 1
    stage.at(1799).tick()
    assert stage.told() == ["raise"]
    stage.at(1800).tick()
    assert stage.told() == ["raise", "reraise"]


def test_a_shelf_that_ended_during_the_downtime_ends_at_the_start() -> None:
    stage = Stage(rule("R"))
    stage.at(0).set(a=True)
    stage.do("shelve", comment="c", for_ns=600 * SECOND)
    stage.restart(outage_s=1800)
    stage.tick()
    assert stage.told() == ["raise", "reraise"]


def test_a_removed_rule_is_closed_with_its_reason_and_a_recovery() -> None:
    stage = Stage(rule("R"), rule("Q", "b"))
    stage.at(0).set(a=True, b=True)
    gone = stage.life().occurrence
    stage.restart(rules=(rule("Q", "b"),))
    closed = stage.occurrences[gone]
    assert closed.closed_ns is not None and closed.close_reason == "rule_removed"
    assert stage.told() == ["raise", "recover"] and stage.state("Q") is S.UNACKED
    stage.restart()
    assert stage.told() == ["raise", "recover"]  # once


def test_a_disabled_rule_says_so() -> None:
    stage = Stage(rule("R"))
    stage.at(0).set(a=True)
    stage.restart(rules=(rule("R", enabled=False),))
    assert stage.newest.close_reason == "disabled"


def test_a_removed_rule_that_was_never_told_of_is_closed_in_silence() -> None:
    stage = Stage(level_rule("LOW", "0.03 m", suppressed_by=["HIGH"]), level_rule("HIGH", "0.1 m"))
    stage.at(0).set(level=0.5)
    stage.restart(rules=(level_rule("HIGH", "0.1 m"),))
    assert stage.told("LOW") == [] and stage.rows("LOW")[-1] == "close"


def test_a_changed_condition_keeps_what_is_active_until_false() -> None:
    stage = Stage(level_rule("R", "0.10 m"))
    stage.at(0).set(level=0.2)
    stage.restart(rules=(level_rule("R", "0.50 m"),))
    assert stage.state() is S.UNACKED
    stage.at(1).set(level=0.2)
    assert stage.state() is S.RTN_UNACKED and stage.told() == ["raise", "recover"]


def test_a_changed_condition_forgets_a_delay() -> None:
    stage = Stage(rule("R", on_delay="30s", off_delay="30s"), rule("Q", "b", off_delay="30s"))
    stage.at(0).set(a=True, b=True)
    stage.at(1).set(b=False)
    assert (stage.state(), stage.state("Q")) == (S.PENDING, S.UNACKED_REC)
    stage.restart(rules=(rule("R", on_delay="40s"), rule("Q", "b", off_delay="40s")))
    assert (stage.state(), stage.state("Q")) == (S.NORMAL, S.UNACKED)
    stage.at(2).set(a=True, b=False)
    assert (stage.state(), stage.state("Q")) == (S.PENDING, S.UNACKED_REC)


def test_the_same_rule_keeps_its_memory() -> None:
    stage = Stage(level_rule("R", "0.10 m"))
    stage.at(0).set(level=0.2)
    stage.at(1).set(level=0.095)  # within the deadband
    stage.restart()
    stage.at(2).set(level=0.095)
    assert stage.state() is S.UNACKED


def test_a_new_rule_judges_no_old_frames() -> None:
    stage = Stage(rule("R"))
    stage.at(0).set(b=False)
    stage.save()
    stage.at(1).set(a=True)
    stage.at(2).set(b=True)
    stage.restart(rules=(rule("R"), rule("N", "b")))
    assert stage.state("N") is S.NORMAL and stage.told("N") == []
    stage.at(3).set(b=True)
    assert stage.told("N") == ["raise"]


def test_a_dropped_suppressor_lifts() -> None:
    stage = Stage(level_rule("LOW", "0.03 m", suppressed_by=["HIGH"]), level_rule("HIGH", "0.1 m"))
    stage.at(0).set(level=0.5)
    stage.restart(rules=(level_rule("LOW", "0.03 m"), level_rule("HIGH", "0.1 m")))
    assert stage.told("LOW") == ["reraise"]


def test_a_rule_that_has_become_severer_is_heard_for_what_stands() -> None:
    """Below the journal's severity nobody was told: a standing critical alarm must not stay silent."""
    stage = Stage(rule("R", severity="journal"))
    stage.at(0).set(a=True)
    assert stage.told() == []
    stage.at(1).restart(rules=(rule("R", severity="critical"),))
    assert stage.told() == ["severity_up"]
    assert stage.life().severity is Severity.CRITICAL
    stage.at(2).set(a=True)
    stage.restart()
    assert stage.told() == ["severity_up"]


def test_a_rule_that_has_become_severer_wants_a_new_acknowledgement() -> None:
    stage = Stage(rule("R", severity="low"))
    stage.at(0).set(a=True)
    stage.do("ack")
    stage.at(1).restart(rules=(rule("R", severity="high"),))
    assert (stage.state(), stage.told()) == (S.UNACKED, ["raise", "reraise"])


def test_a_milder_rule_changes_nothing_of_what_stands() -> None:
    stage = Stage(rule("R", severity="high"))
    stage.at(0).set(a=True)
    stage.do("ack")
    stage.at(1).restart(rules=(rule("R", severity="low"),))
    assert (stage.state(), stage.told(), stage.life().severity) == (S.ACKED, ["raise"], Severity.HIGH)


def test_a_rule_that_has_become_life_safety_is_no_longer_shelved() -> None:
    stage = Stage(rule("R", severity="high"))
    stage.at(0).set(a=True)
    stage.do("shelve", comment="known", for_ns=3600 * SECOND)
    stage.at(1).restart(rules=(rule("R", severity="critical", **{"class": "life_safety"}),))
    assert (stage.life().mutes, stage.told()) == ((), ["raise", "reraise"])


def test_a_restart_does_not_end_the_alarm_of_a_device_that_is_still_offline() -> None:
    """For the first seconds health says `starting`, which is no answer to whether it is offline."""
    offline = rule("GW-01", "health", when={"is": "offline"}, off_delay="10s")
    stage = Stage(offline)
    stage.at(0).set(health="offline")
    stage.do("ack")
    stage.at(5).restart(outage_s=30)
    stage.at(6).set(health="starting")
    stage.at(60).tick()
    stage.set(health="offline")
    assert (stage.state("GW-01"), stage.told("GW-01")) == (S.ACKED, ["raise"])
    stage.at(61).set(health="online")
    stage.at(72).tick()
    assert stage.told("GW-01") == ["raise", "recover"]


def test_a_frame_that_was_overtaken_in_the_log_is_not_judged_away() -> None:
    """Its row waits for the commit of what it changed; another link's row does not. Killed between the two."""
    both = {"all": [{"point": "a", "is": True}, {"point": "b", "is": True}]}
    stage = Stage(rule("R", on={"system": "test"}, when=both, latching=True), rule("B", "a"))
    stage.at(0).set(a=False)
    stage.set(b=True)
    stage.save()
    stage.at(1).set(a=False)
    stage.at(2).set(a=True)
    stage.log.pop()
    stage.at(2.01).set(b=True)
    stage.restart(1)
    assert (stage.state(), stage.rows(), stage.told()) == (S.UNACKED, ["raise", "hold"], ["raise"])
    stage.at(3).set(a=True)
    stage.set(b=True)
    assert stage.told() == ["raise"]
    stage.at(4).set(a=False)
    assert stage.state() is S.LATCHED_UNACKED


def test_an_open_occurrence_without_a_snapshot_is_continued() -> None:
    stage = Stage(rule("R"))
    stage.at(0).set(a=True)
    stage.instances.clear()
    stage.log.clear()
    stage.restart()
    assert stage.state() is S.UNACKED
    stage.at(1).set(a=False)
    assert stage.told() == ["raise", "recover"]


def test_a_second_open_occurrence_of_an_alarm_is_superseded() -> None:
    stage = Stage(rule("R"))
    stage.at(0).set(a=True)
    stage.at(1).set(a=False)
    old = stage.newest
    stage.do("ack")
    stage.at(2).set(a=True)
    stage.occurrences[old.occurrence] = old
    stage.restart()
    assert stage.occurrences[old.occurrence].close_reason == "superseded"
    assert stage.state() is S.UNACKED


def test_a_second_crash_before_the_next_checkpoint() -> None:
    stage = Stage(rule("R", on_delay="30s"))
    stage.at(0).set(a=True)
    stage.at(20).set(a=BAD)
    stage.restart(outage_s=60)
    stage.at(1000).set(b=True)
    stage.restart(outage_s=60)
    assert stage.state() is S.PENDING
    stage.at(1001).set(a=True)
    stage.at(1010.9).tick()
    assert stage.state() is S.PENDING
    stage.at(1011).tick()
    assert stage.state() is S.UNACKED


def test_numbers_go_on() -> None:
    stage = Stage(rule("R"))
    stage.at(0).set(a=True)
    stage.save()
    assert stage.checkpoint is not None
    engine = AlarmEngine(stage.engine._bound, next_seq=1)
    engine.restore(stage.checkpoint, (), ())
    assert engine.note("x", stage.now).events[0].seq == 2


def test_companions_count_anew_from_the_start() -> None:
    stage = Stage(rule("R", severity="high"))
    stage.commit(stage.engine.restarted(stage.at(5).now, 0))
    assert stage.state("R/protection_lost") is S.PENDING
    stage.at(64.9).tick()
    assert stage.state("R/protection_lost") is S.PENDING
    stage.at(65).tick()
    assert stage.state("R/protection_lost") is S.UNACKED


def _rules() -> tuple[object, ...]:
    return (
        level_rule("LOW", "0.03 m", on_delay="4s", off_delay="6s", suppressed_by=["HIGH"]),
        level_rule("HIGH", "0.10 m", severity="high", on_delay="2s", off_delay="3s"),
        rule("LS", "a", severity="critical", on_delay="5s", unknown_for="4s", **{"class": "life_safety"}),
        rule("AUTO", "b", auto_ack=True, off_delay="2s"),
        rule("TOP", when={"all": [{"alarm": "LOW"}, {"point": "c", "is": True}]}, on_delay="1s"),
        rule("DEEP", when={"any": [{"alarm": "TOP"}, {"alarm": "AUTO"}]}),
        rule("GW-01", "health", when={"in": ["offline"]}, **{"class": "system"}),
        rule("RISE", "level", when={"rises_by": "0.05 m", "within": "5s"}, severity="medium", unknown_for="3s"),
    )


def alarms(engine: AlarmEngine) -> dict[str, Alarm]:
    return {live.key[0]: live.alarm for live in engine._lives}


def _step(stage: Stage, chance: random.Random) -> None:
    stage.now_ns += chance.choice((0, 1, 1, 2, 7)) * SECOND // 2
    kind = chance.random()
    if kind < 0.65:
        points = chance.sample(["a", "b", "c", "level", "health"], chance.randint(1, 3))
        values = {
            name: BAD
            if chance.random() < 0.15
            else chance.choice([0.0, 0.025, 0.05, 0.095, 0.2])
            if name == "level"
            else chance.choice(["online", "offline"])
            if name == "health"
            else chance.random() < 0.5
            for name in points
        }
        stage.set(**values)
    elif kind < 0.8:
        stage.tick()
    elif kind < 0.85:
        stage.save()
    elif (opened := stage.engine.open_occurrences()) and kind < 0.99:
        what = chance.choice(["ack", "reset", "shelve", "unshelve"])
        span = chance.choice([SECOND, 5 * SECOND])
        fields = {"comment": "c", "for_ns": span} if what == "shelve" else {"comment": "c"}
        with contextlib.suppress(CommandRefused):
            stage.do(what, chance.choice(opened).occurrence, **fields)
    elif kind > 0.995:
        stage.restart(outage_s=chance.choice([0, 10, 4000]))


@pytest.mark.parametrize("seed", range(20))
def test_killed_anywhere_the_log_leads_to_the_same_states(seed: int) -> None:
    chance = random.Random(seed)
    stage = Stage(*_rules())  # type: ignore[arg-type]
    stage.commit(stage.engine.restarted(stage.now, 0))
    for _ in range(120):
        _step(stage, chance)
        stage.tick()
        live, lived = stage.engine, alarms(stage.engine)
        judged = stage.reload()
        judged.append(stage.engine.tick(stage.now, stage.position))
        assert [event for judgement in judged for event in judgement.events] == []
        assert [notice for judgement in judged for notice in judgement.notices] == []
        assert alarms(stage.engine) == lived
        stage.engine = live


def test_downtime_counts_for_no_companion_and_not_without_a_sample() -> None:
    stage = Stage(rule("R", severity="critical", unknown_for="60s", **{"class": "life_safety"}))
    stage.commit(stage.engine.restarted(stage.now, 0))
    stage.at(1).tick()
    stage.restart(outage_s=300)
    stage.at(2).set(b=True)
    assert stage.state("R/protection_lost") is S.PENDING


def test_downtime_counts_once() -> None:
    stage = Stage(rule("R", severity="critical", on_delay="60s", **{"class": "life_safety"}))
    stage.at(0).set(a=True)
    stage.restart(outage_s=20)
    for second in (1, 2, 3):
        stage.at(second).set(a=True)
    stage.at(39).tick()
    assert stage.state() is S.PENDING


def test_a_second_crash_does_not_forget_the_first() -> None:
    stage = Stage(rule("R", on_delay="30s"))
    stage.at(0).set(a=True)
    stage.at(20).restart()
    stage.at(1000).set(b=True)
    stage.restart()
    assert stage.state() is S.PENDING and stage.rows() == []


def test_a_restart_does_not_take_back_that_a_device_has_been_heard_again() -> None:
    """Its companions were returning, silent under the device's own alarm: they must not ring because of the start."""
    safety = rule("R", severity="critical", unknown_for="4s", **{"class": "life_safety"})
    offline = rule("GW-01", "health", when={"in": ["offline"]}, off_delay="2s", **{"class": "system"})
    stage = Stage(safety, offline)
    stage.restart()
    stage.at(0).set(a=True, health="offline")
    stage.at(4).set(a=True, health="online")
    stage.at(6.5).tick()
    assert stage.state("R/protection_lost") is S.UNACKED_REC and stage.told("R/protection_lost") == []
    stage.restart()
    assert stage.told("R/protection_lost") == []
    stage.at(7).set(a=True, health="online")
    stage.at(60).tick()
    assert stage.told("R/protection_lost") == []
    assert stage.state("R/protection_lost") is S.RTN_UNACKED
