"""A rule that cannot be judged blinds nobody else, is told of (GW-05), and protects nobody while it lasts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alerts.condition.columns import Columns
from gateway.app.figures import Figures
from gateway.bus import Bus
from gateway.health.gateway import GatewayRecord, GatewayStatus, problems
from gateway.health.points import gateway_points
from gateway.model import AlarmState, Instant, Text
from tests.alerts.stage import Stage, rule
from tests.gateway.test_figures import Store

S = AlarmState
FINE: dict[str, Any] = {"disk_used": 1.0, "outbox_pending": 0, "queue_depth": 0, "loop_lag_s": 0.0}


def broken(here: Stage, name: str, of: str = "condition") -> Callable[[], None]:
    """From now on that condition raises; calling the answer mends it."""
    live, _ = here.engine.at_work(name, "dev")
    whole: Any = live
    node = whole.condition if of == "condition" else whole.hush.condition
    answers, node.answers = node.answers, None

    def mend() -> None:
        node.answers = answers

    return mend


def test_a_rule_that_fails_is_named_until_it_can_be_judged_again() -> None:
    here = Stage(rule("R"), rule("Q"))
    here.at(0).set(a=False)
    assert not here.engine.faulty_rules
    mend = broken(here, "R")
    here.at(1).set(a=True)
    assert [*here.engine.faulty_rules] == ["R"] and here.told("Q") == ["raise"]
    mend()
    here.at(2).set(a=True)
    assert not here.engine.faulty_rules and here.told() == ["raise"]


def test_so_is_one_whose_suppression_fails_and_it_stays_as_it_was() -> None:
    here = Stage(rule("R", suppress_when={"point": "b", "is": True}))
    here.at(0).set(a=False, b=False)
    broken(here, "R", "hush")
    here.at(1).set(b=True)
    here.at(2).set(a=True)
    assert [*here.engine.faulty_rules] == ["R"] and here.told() == ["raise"]


def test_a_failing_life_safety_rule_is_told_by_its_companion_too_and_named_once() -> None:
    here = Stage(rule("R", severity="critical", **{"class": "life_safety"}))
    here.at(0).set(a=False)
    broken(here, "R")
    here.at(1).set(a=True)
    here.at(62).tick()
    assert [*here.engine.faulty_rules] == ["R"] and here.told("R/protection_lost") == ["raise"]


def test_a_fault_outlives_a_reload_that_leaves_the_rule_as_it_is() -> None:
    here = Stage(rule("R"))
    here.at(0).set(a=False)
    broken(here, "R")
    here.at(1).set(a=True)
    here.at(2).succeed((rule("R"), rule("Q", "b")))
    assert [*here.engine.faulty_rules] == ["R"]
    here.at(3).set(a=True)
    assert not here.engine.faulty_rules


def test_a_value_that_cannot_be_shown_is_heard_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Stage(rule("R"))
    here.at(0).set(a=False)

    def reading(self: object, columns: Columns) -> Any:
        raise ZeroDivisionError

    live, _ = here.engine.at_work("R", "dev")
    monkeypatch.setattr(type(live.condition), "reading", reading)
    here.at(1).set(a=True)
    assert here.told() == ["raise"] and here.life().value is None
    here.at(2).set(a=False)
    assert here.told() == ["raise", "recover"]


def test_the_gateway_says_which_rules_fail() -> None:
    assert "rule_fault" in {point.key for point in gateway_points({}, historian=False)}
    record = GatewayRecord(None)
    for names, fault in (("", False), (("EL-01",), True), ("ABCDEFG", True)):
        status = GatewayStatus(**FINE, faulty_rules={name: Text("dev: broken", "dev：坏") for name in names})
        frame = record.frame(status, {}, Instant(0, 0))
        told = dict(zip((point.key for point in frame.layout.points), frame.values, strict=True))
        assert told["rule_fault"] is fault
        assert len(problems(status)) == fault
    named = "; ".join(f"{name} (dev: broken)" for name in "ABCDE")
    assert problems(status)[0].en == f"rules cannot be judged: {named}; …"
    assert problems(status)[0].zh == "规则无法运算：" + "；".join(f"{name}（dev：坏）" for name in "ABCDE") + "；…"


async def test_the_figures_ask_the_engine_that_judges_and_log_what_they_hear(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing = {"EL-01": Text("lift-1: broken", "lift-1：坏")}
    store: Any = Store()
    found = Figures(Path("/"), store, store, Bus(), (), faulty=lambda: dict(failing))
    for _ in range(2):
        assert (await found.status()).faulty_rules == failing
    failing.clear()
    assert not (await found.status()).faulty_rules
    said = [record.getMessage() for record in caplog.records]
    assert said == ["the rule EL-01 cannot be judged: lift-1: broken", "the rule EL-01 is judged again"]
