"""Why an alarm is as it is: every kind of condition has its words, and looking changes nothing."""

from __future__ import annotations

import copy
import importlib
import inspect
import pkgutil

import alerts.condition
from alerts.condition.node import Node
from alerts.explain import Explanation, blamed, explain, kind_of, sentence, texts
from gateway.model import AlarmState, Quality
from tests.alerts.stage import BAD, Stage, level_rule, rule


def kinds() -> set[type[Node]]:
    """Every kind of condition that a rule can be compiled to."""
    for module in pkgutil.iter_modules(alerts.condition.__path__, "alerts.condition."):
        importlib.import_module(module.name)
    found, open_ = set(), [Node]
    while open_:
        for each in open_.pop().__subclasses__():
            open_.append(each)
            if not inspect.isabstract(each) and each.__module__.startswith("alerts."):
                found.add(each)
    return found


def test_every_kind_of_condition_has_its_words_in_both_languages() -> None:
    missing = sorted(kind_of(each) for each in kinds() if kind_of(each) not in texts() and not abstract(each))
    assert missing == []
    for key, text in texts().items():
        assert text.en and text.zh, key
        assert sorted(places(text.en)) == sorted(places(text.zh)), key


def abstract(kind: type[Node]) -> bool:
    """It only serves as a base: it does not answer."""
    return kind.judge is Node.judge or kind.__name__ in {"Joined", "OfSlot", "Pair", "Deviation"}


def places(text: str) -> list[str]:
    return [part.partition("}")[0] for part in text.split("{")[1:]]


def told(stage: Stage, name: str = "R") -> list[str]:
    return [text.en for text in of(stage, name).reasons]


def of(stage: Stage, name: str = "R") -> Explanation:
    return explain(*stage.engine.at_work(name, "dev"), stage.now)


BOTH = {
    "all": [
        {"point": "level", "at_least": "0.1 m"},
        {"not": {"point": "b", "is": True}},
        {"point": "c", "is": True},
    ]
}


def test_the_operand_that_keeps_it_from_being_true_is_named_with_what_it_read() -> None:
    stage = Stage(rule("R", on={"system": "test"}, when=BOTH))
    stage.at(0).set(level=0.02, b=False, c=True)
    stage.at(4).tick()
    assert told(stage) == [
        "the condition is FALSE",
        "against its limit: dev level = 0.02 m good, 4 s old, limit 0.1 m → FALSE",
    ]
    stage.at(5).set(level=0.2, b=True)
    assert told(stage)[1:] == ["not this → FALSE"]
    stage.at(6).set(b=False, c=BAD)
    assert told(stage) == [
        "the condition is UNKNOWN, which neither raises nor clears",
        "its state: dev c = – bad (no answer), 0 s old → UNKNOWN",
    ]
    whole = of(stage).condition
    assert [one.kind for one in whole.all()] == ["all", "threshold", "not", "named", "named"]
    assert [one.answer for one in whole.all()] == [None, True, True, False, None]
    assert [one.quality for operand in whole.all() for one in operand.inputs][2] is Quality.BAD_COMM
    assert [one.kind for one in blamed(whole)] == ["named"]


def test_what_was_never_said_is_told_as_that() -> None:
    stage = Stage(rule("R", "c"))
    stage.at(0).set(a=True)
    assert told(stage)[1] == "its state: dev c: nothing since the start → UNKNOWN"
    assert sentence(of(stage).condition).zh == "状态：dev c：启动以来无数据 → 未知"


def test_a_running_delay_and_a_frozen_one() -> None:
    stage = Stage(rule("R", on_delay="30s"))
    stage.at(0).set(a=True)
    stage.at(12).tick()
    seen = of(stage)
    assert (seen.state, seen.began_ns, seen.left_ns) == (AlarmState.PENDING, 0, 18_000_000_000)
    assert told(stage) == ["the condition is TRUE; the delay has 18 s to run"]
    stage.at(20).set(a=BAD)
    stage.at(50).tick()
    assert told(stage)[0] == "the condition is UNKNOWN; the delay stands still with 10 s left"


def test_another_alarm_and_a_mute() -> None:
    stage = Stage(
        level_rule("LOW", "0.03 m", suppressed_by=["HIGH"]),
        level_rule("HIGH", "0.1 m"),
        rule("R", on={"system": "test"}, when={"all": [{"alarm": "HIGH"}, {"point": "a", "is": True}]}),
    )
    stage.at(0).set(level=0.05, a=True)
    assert "another alarm is active: HIGH dev: not active → FALSE" in told(stage)
    stage.at(1).set(level=0.5)
    assert told(stage, "LOW") == ["the alarm is active", "it is muted: suppressed (HIGH)"]


def test_a_rule_that_fails_says_how() -> None:
    stage = Stage(level_rule("R", "0.1 m"))
    stage.at(0).set(level=0.0)
    live, columns = stage.engine.at_work("R", "dev")
    live.fault = "TypeError: no number"
    assert explain(live, columns, stage.now).reasons[0].en == "the rule cannot be judged: TypeError: no number"


def test_looking_changes_nothing() -> None:
    """Even a condition whose time has come is looked at as a copy: its moment belongs to the engine."""
    stage = Stage(rule("R", on={"system": "test"}, when={"point": "a", "is": True, "for": "10s"}))
    stage.at(0).set(a=True)
    before = copy.deepcopy(stage.engine.checkpoint(stage.now, stage.position))
    stage.at(60)
    assert of(stage).condition.answer is True
    live, _ = stage.engine.at_work("R", "dev")
    assert live.alarm.condition is False
    stage.at(0)
    assert stage.engine.checkpoint(stage.now, stage.position) == before
    stage.at(10).tick()
    assert stage.life().active_ns == stage.wall + 10_000_000_000


def test_what_is_over_says_what_it_waits_for() -> None:
    stage = Stage(rule("R", latching=True), rule("O", "b"))
    stage.at(0).set(a=True, b=True)
    stage.at(1).set(a=False, b=False)
    assert told(stage)[:2] == [
        "it is latched: it ends when somebody acknowledges and resets it",
        "the condition is FALSE",
    ]
    stage.at(2).do("ack", stage.life().occurrence)
    assert told(stage)[0] == "it is latched: it ends when somebody resets it"
    assert told(stage, "O")[:2] == ["it is over, and stays until somebody acknowledges it", "the condition is FALSE"]
