"""Rules change under a running engine: the present stays known, nothing is said twice, delays begin now."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

import pytest

from alerts.annunciate.plan import Plan
from alerts.rule import Rule
from gateway.model import HEALTH_POINT, SECOND, AlarmState, CommandRefused, Frame, FrameKind, Layout, Quality
from tests.alerts.annunciating import Office, plan
from tests.alerts.stage import BAD, Stage, level_rule, rule

S = AlarmState


class Reloading(Stage):
    """A stage whose rules can change while it runs."""

    def swap(self, *rules: Rule) -> None:
        self.rules = rules
        self.tick()
        former, self.engine = self.engine, self.build()
        self.commit(self.engine.succeed(former, self.now, self.position, "ann", {}))


def test_a_standing_alarm_stays_known_and_is_not_told_again() -> None:
    stage = Reloading(rule("R"), rule("Q", "b"))
    stage.at(0).set(a=True, b=False)
    before = stage.life()
    stage.at(5).swap(rule("R"), rule("Q", "b"), rule("N", "c"))
    assert stage.life() == before and not stage.life().held
    assert stage.rows() == ["raise"] and stage.told() == ["raise"]
    stage.at(6).set(a=False)
    assert stage.told() == ["raise", "recover"]


def test_a_running_delay_goes_on() -> None:
    stage = Reloading(rule("R", on_delay="30s"), rule("Q", "b", off_delay="20s"))
    stage.at(0).set(a=True, b=True)
    stage.at(1).set(b=False)
    stage.at(20).swap(rule("R", on_delay="30s"), rule("Q", "b", off_delay="20s"))
    assert stage.engine.next_due() == 21 * SECOND
    stage.at(21).tick()
    assert stage.state("Q") is S.RTN_UNACKED
    stage.at(29.9).tick()
    assert stage.state() is S.PENDING
    stage.at(30).tick()
    assert stage.state() is S.UNACKED


def test_what_was_due_before_the_reload_is_judged_by_the_rules_of_then() -> None:
    stage = Reloading(rule("R", on_delay="10s"))
    stage.at(0).set(a=True)
    stage.at(10).swap(rule("R", on_delay="60s"))
    assert stage.rows() == ["raise"] and stage.life().active_ns == stage.wall
    assert stage.state() is S.UNACKED


def test_the_condition_keeps_its_memory() -> None:
    stage = Reloading(level_rule("R", "0.10 m"))
    stage.at(0).set(level=0.2)
    stage.swap(level_rule("R", "0.10 m"))
    stage.at(1).set(level=0.095)  # within the deadband
    assert stage.state() is S.UNACKED


def test_a_changed_limit_is_asked_of_the_present_sample_at_once() -> None:
    stage = Reloading(level_rule("R", "0.10 m"), level_rule("Q", "0.50 m"))
    stage.at(0).set(level=0.2)
    stage.at(1).swap(level_rule("R", "0.50 m"), level_rule("Q", "0.10 m"))
    assert stage.state() is S.RTN_UNACKED and stage.told() == ["raise", "recover"]
    assert stage.state("Q") is S.UNACKED and stage.life("Q").active_ns == stage.now.wall_ns


def test_a_changed_delay_begins_now() -> None:
    stage = Reloading(rule("R", on_delay="30s"))
    stage.at(0).set(a=True)
    stage.at(29).swap(rule("R", on_delay="20s"))
    stage.at(48.9).tick()
    assert stage.state() is S.PENDING
    stage.at(49).tick()
    assert stage.state() is S.UNACKED


def test_an_active_alarm_whose_condition_changed_stays_until_false() -> None:
    stage = Reloading(rule("R"))
    stage.at(0).set(a=True, b=True)
    first = stage.life().occurrence
    stage.at(1).swap(rule("R", "b"))
    assert stage.life().occurrence == first and stage.told() == ["raise"]
    stage.at(2).set(b=BAD)
    assert stage.state() is S.UNACKED and stage.life().held
    stage.at(3).set(b=False)
    assert stage.told() == ["raise", "recover"]


@pytest.mark.parametrize(("rules", "reason"), [((), "rule_removed"), ((rule("R", enabled=False),), "disabled")])
def test_a_rule_that_is_gone_closes_its_alarm_with_the_reason(rules: tuple[Rule, ...], reason: str) -> None:
    stage = Reloading(rule("R"))
    stage.at(0).set(a=True)
    gone = stage.life().occurrence
    stage.at(1).swap(*rules)
    assert stage.occurrences[gone].close_reason == reason and stage.told() == ["raise", "recover"]
    stage.at(2).swap(rule("R"))
    assert stage.told() == ["raise", "recover", "raise"] and stage.life().occurrence != gone
    stage.restart(outage_s=5)
    assert stage.told() == ["raise", "recover", "raise"]


def test_more_severe_is_announced_and_less_severe_is_not() -> None:
    stage = Reloading(rule("R", severity="medium"), rule("Q", "b", severity="high"))
    stage.at(0).set(a=True, b=True)
    stage.swap(rule("R", severity="critical"), rule("Q", "b", severity="low"))
    assert stage.told() == ["raise", "severity_up"] and stage.told("Q") == ["raise"]


def test_a_point_that_no_rule_read_is_known_to_a_rule_that_does() -> None:
    stage = Reloading(rule("R"))
    stage.at(0).set(a=False, c=True)
    stage.at(1).set(d=True)
    stage.at(2).set(d=False, e=True)
    stage.at(300).swap(rule("C", "c"), rule("D", "d"), rule("E", "e"), rule("B", "b", on_delay="1s"))
    assert [stage.state(name) for name in "CDEB"] == [S.UNACKED, S.NORMAL, S.UNACKED, S.NORMAL]
    (never_said,) = [view for view in stage.engine.rules_view() if view.rule == "B"]
    assert never_said.condition is None


def test_what_a_device_said_before_it_was_gone_is_not_its_present() -> None:
    stage = Reloading(rule("R"))
    health = Layout("dev", (HEALTH_POINT,))

    def say(word: str) -> None:
        stage.position += 1
        stage.commit(stage.engine.judge(Frame(health, [word], stage.now), stage.position))

    stage.at(0).set(c=True)
    stage.at(0).set(d=True)
    say("offline")
    stage.at(1).set(d=True)
    say("online")
    stage.at(2).swap(rule("C", "c"), rule("D", "d"))
    assert (stage.state("C"), stage.state("D")) == (S.NORMAL, S.UNACKED)
    assert [view.condition for view in stage.engine.rules_view() if view.rule == "C"] == [None]


def test_history_is_not_the_present_of_a_rule_that_comes() -> None:
    stage = Reloading(rule("R"))
    stage.at(0).set(c=False)
    stage.at(1).set(kind=FrameKind.HISTORY, source_s=-100, c=True)
    stage.swap(rule("C", "c"))
    assert stage.state("C") is S.NORMAL


def test_after_a_restart_a_rule_that_comes_knows_only_what_was_said_since() -> None:
    stage = Reloading(rule("R"))
    stage.at(0).set(c=True)
    stage.restart()
    stage.at(1).swap(rule("R"), rule("C", "c"))
    assert stage.state("C") is S.NORMAL
    stage.at(2).set(c=True)
    assert stage.state("C") is S.UNACKED


def test_a_suppressor_that_comes_or_goes_mutes_and_lifts() -> None:
    low, high = level_rule("LOW", "0.03 m", suppressed_by=["HIGH"]), level_rule("HIGH", "0.1 m")
    stage = Reloading(level_rule("LOW", "0.03 m"))
    stage.at(0).set(level=0.5)
    stage.at(1).swap(low, high)
    assert stage.life("LOW").mutes and stage.told("LOW") == ["raise"]
    stage.at(2).swap(level_rule("LOW", "0.03 m"))
    assert not stage.life("LOW").mutes and stage.told("LOW") == ["raise", "reraise"]


def test_a_suppression_by_a_condition_of_its_own_is_asked_at_once_and_lifted_with_it() -> None:
    hushed = rule("R", suppress_when={"point": "b", "is": True})
    stage = Reloading(rule("R"))
    stage.at(0).set(a=True, b=True)
    stage.at(1).swap(hushed)
    assert stage.life().mutes and stage.told() == ["raise"]
    stage.at(2).swap(hushed, rule("Q", "c"))
    assert stage.life().mutes and stage.told() == ["raise"]
    stage.at(3).swap(rule("R"))
    assert not stage.life().mutes and stage.told() == ["raise", "reraise"]


def test_a_shelf_goes_on_and_ends_by_its_label() -> None:
    stage = Reloading(rule("R"))
    stage.at(0).set(a=True)
    stage.do("shelve", comment="c", for_ns=60 * SECOND)
    stage.at(30).swap(rule("R"), rule("Q", "b"))
    assert stage.life().mutes
    stage.at(60).tick()
    assert stage.told() == ["raise", "reraise"]


def test_a_rule_that_fails_is_not_told_of_again() -> None:
    stage = Reloading(level_rule("R", "0.1 m"))
    stage.at(0).set(level="no number")
    assert stage.rows() == [] and [event.kind for event in stage.events] == ["rule_error"]
    stage.at(1).swap(level_rule("R", "0.1 m"))
    stage.at(2).set(level="no number")
    assert [event.kind for event in stage.events] == ["rule_error", "reload"]
    assert stage.engine.rules_view()[0].fault is not None


def test_a_death_behind_the_reload_goes_on_behind_it_without_a_checkpoint() -> None:
    stage = Reloading(rule("R", on_delay="5s"), rule("Q", "b"), rule("G", "c"))
    stage.at(0).set(a=True, b=True, c=True)
    stage.save()
    stage.at(1).set(a=True)
    stage.at(2).swap(rule("R", on_delay="5s"), rule("Q", "b"), rule("N", "c", on_delay="60s"))
    rows = len(stage.events)
    replayed = stage.reload()
    assert not any(judgement.events or judgement.notices for judgement in replayed)
    assert (stage.state(), stage.state("Q"), stage.state("N")) == (S.PENDING, S.UNACKED, S.PENDING)
    assert len(stage.events) == rows


SETS = (
    (rule("R", on_delay="5s", off_delay="3s"), rule("Q", "b", latching=True), level_rule("W", "0.1 m")),
    (rule("R", on_delay="5s", off_delay="3s"), level_rule("W", "0.1 m"), level_rule("V", "0.3 m"), rule("C", "c")),
    (rule("Q", "b", latching=True), rule("R", on_delay="5s", off_delay="3s"), level_rule("W", "0.1 m"), rule("D", "d")),
)
SHARED = ("R", "R/protection_lost", "W", "W/protection_lost")


@pytest.mark.parametrize("seed", range(40))
def test_rules_that_all_sets_share_do_what_they_would_without_any_reload(seed: int) -> None:
    chance = random.Random(seed)
    plain, swapped = Reloading(*SETS[0]), Reloading(*SETS[0])
    now_s = 0.0
    for _ in range(150):
        now_s += chance.choice([0.1, 0.5, 1, 2, 3, 5, 70])
        act = chance.randrange(12)
        values = {name: chance.choice([True, False, BAD]) for name in "abcd"} | {
            "level": chance.choice([0.0, 0.05, 0.095, 0.2, 0.4, BAD])
        }
        some = dict(chance.sample(sorted(values.items()), chance.randrange(1, 6)))
        wish = chance.choice(["ack", "reset", "shelve", "unshelve"])
        for stage in (plain, swapped):
            stage.at(now_s)
            if act < 7:
                stage.set(**some)
            elif act < 9:
                stage.tick()
            elif act == 9:
                for rule_ in SHARED:
                    for one in [o for o in stage.engine.open_occurrences() if o.rule == rule_]:
                        with suppress(CommandRefused):
                            stage.do(wish, one.occurrence, comment="c", for_ns=10 * SECOND)
            elif stage is swapped:
                stage.swap(*chance.choice(SETS))
            else:
                stage.tick()
    assert journal_of(swapped) == journal_of(plain)
    told = [(notice.seq, notice.reason) for notice in swapped.notices]
    assert len(set(told)) == len(told)


def journal_of(stage: Stage) -> list[tuple[Any, ...]]:
    """What happened to the shared rules, without the numbers that other rows take."""
    numbers: dict[str, int] = {}
    return [
        (event.at, event.kind, event.rule, numbers.setdefault(str(event.occurrence), len(numbers)), dict(event.body))
        for event in stage.events
        if event.rule in SHARED
    ]


def test_bad_quality_stays_what_it_was() -> None:
    stage = Reloading(rule("R"))
    stage.at(0).set(a=True)
    stage.at(1).set(a=BAD)
    stage.swap(rule("R"), rule("Q", "b"))
    slot = stage.engine._columns.slots["dev", "a"]
    assert stage.engine._columns.quality[slot] == Quality.BAD_COMM
    assert stage.rows() == ["raise", "hold"]


class ReloadingOffice(Office):
    def swap(self, *rules: Rule, to: Plan | None = None) -> None:
        self.rules, self.plan = rules, to or self.plan
        self.tick()
        former, self.engine = self.engine, self.build()
        self.commit(self.engine.succeed(former, self.now, self.position, "ann", {}))
        self.balanced()


LADDER = {"escalation": [{"match": {"rule": "R"}, "steps": [{"after": "2min", "to": ["chief"]}]}]}


def test_waits_and_ladders_go_on_over_a_reload_and_nothing_is_said_twice() -> None:
    rules = rule("R", severity="critical"), rule("Q", "b", severity="medium")
    office = ReloadingOffice(*rules, to=plan(repeat={}, **LADDER))
    office.at(0).set(a=False, b=False)
    office.until(200)
    office.set(a=True, b=True)
    before = office.said
    plain = ReloadingOffice(*rules, to=plan(repeat={}, **LADDER))
    plain.at(0).set(a=False, b=False)
    plain.until(200)
    plain.set(a=True, b=True)
    for second in (201, 215, 260, 319):
        office.until(second)
        office.swap(*rules, rule("N", "c"))
        office.heard_or_held()
    office.until(1000)
    plain.until(1000)
    assert office.said == plain.said and len(office.said) > len(before)
    assert ("escalate", "R") in {(reason, about) for _, reason, about in office.said}


def test_routes_of_a_reload_hold_from_then_on() -> None:
    office = ReloadingOffice(rule("R", severity="critical"), rule("Q", "b", severity="critical"), to=plan(repeat={}))
    office.at(0).set(a=False, b=False)
    office.until(200)
    office.set(a=True)
    office.swap(*office.rules, to=plan(repeat={}, routes=[{"to": ["chief"]}]))
    office.at(201).set(b=True)
    told = {notice.occurrence.rule: notice.to for notice in office.notices if notice.reason == "raise"}
    assert told["R"] is None or set(told["R"]) == {"log", "room", "chief"}
    assert told["Q"] is not None and set(told["Q"]) == {"log", "chief"}
    office.at(202).set(a=False, b=False)
    ended = {notice.occurrence.rule: notice.to for notice in office.notices if notice.reason == "recover"}
    assert ended == told, "the end goes to whom the raise went"
