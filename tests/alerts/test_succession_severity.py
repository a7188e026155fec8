"""A severity that is changed in the file counts at the reload, by what is known then: for better and for worse."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.model import SECOND, AlarmState, Severity
from tests.alerts.stage import BAD, GUIDANCE, Stage, level_rule, rule

S = AlarmState


def stepped(severity: str = "low", step: str = "high", **fields: Any) -> Any:
    """While b, it is worse."""
    escalate = [{"when": {"point": "b", "is": True}, "severity": step}]
    return rule("R", severity=severity, escalate=escalate, guidance=GUIDANCE, **{"unknown_for": "1h"} | fields)


def standing(*rules: Any, **values: Any) -> Stage:
    stage = Stage(*rules)
    stage.at(0).set(**{"a": True, "b": True} | values)
    return stage


def test_a_step_that_has_become_more_severe_is_announced_at_the_reload() -> None:
    stage = standing(stepped())
    stage.do("ack")
    assert stage.life().severity is Severity.HIGH and stage.told() == ["raise"]
    stage.at(1).succeed((stepped(step="critical"),))
    assert stage.life().severity is Severity.CRITICAL and stage.state() is S.UNACKED
    assert stage.told() == ["raise", "reraise"] and stage.events[-1].body["why"] == "worse"
    stage.at(2).set(a=True, b=True)
    assert stage.told() == ["raise", "reraise"], "and only then"


def test_a_step_that_is_not_reached_changes_nothing() -> None:
    stage = standing(stepped(), b=False)
    stage.at(1).succeed((stepped(step="critical"),))
    assert stage.life().severity is Severity.LOW and stage.told() == ["raise"]


def test_a_step_that_is_unknown_while_its_alarm_stands_holds_what_it_was() -> None:
    stage = standing(stepped())
    stage.at(1).set(a=True, b=BAD)
    stage.at(2).succeed((stepped(step="critical"),))
    assert stage.life().severity is Severity.CRITICAL, "it was reached, and nobody has seen it end"


def test_a_step_that_became_true_while_the_alarm_was_unknown_is_not_invented() -> None:
    stage = standing(stepped(), b=False)
    stage.at(1).set(a=BAD, b=True)
    stage.at(2).succeed((stepped(step="critical"),))
    assert stage.life().severity is Severity.LOW and stage.told() == ["raise"]
    stage.at(3).set(a=True, b=True)
    assert stage.life().severity is Severity.CRITICAL


@pytest.mark.parametrize("also", [{}, {"on_delay": "1s"}], ids=["the same condition", "an edited one"])
def test_what_has_become_milder_is_so_at_the_reload_journalled_and_told_to_nobody(also: dict[str, str]) -> None:
    stage = standing(stepped())
    stage.at(1).succeed((stepped(step="medium", **also),))
    assert stage.life().severity is Severity.MEDIUM and stage.state() is S.UNACKED
    assert stage.occurrences[stage.life().occurrence].severity is Severity.MEDIUM
    assert stage.rows() == ["raise", "severity_down"] and stage.told() == ["raise"]
    stage.at(2).set(a=False, b=True)
    assert stage.told()[-1] == "recover"


def test_a_milder_rule_lowers_what_it_called_severe() -> None:
    stage = standing(rule("R", severity="high"))
    stage.do("ack")
    stage.at(1).succeed((rule("R", severity="low"),))
    assert stage.life().severity is Severity.LOW and stage.state() is S.ACKED and stage.told() == ["raise"]


def test_what_an_alarm_has_reached_and_is_over_stays_reached() -> None:
    stage = standing(stepped())
    stage.at(1).set(a=True, b=False)
    stage.at(2).succeed((stepped(step="medium"),))
    assert stage.life().severity is Severity.HIGH and "severity_down" not in stage.rows()


@pytest.mark.parametrize("values", [{"a": BAD}, {"a": False}], ids=["unknown", "returned"])
def test_nothing_is_taken_back_of_what_nobody_sees_or_what_is_over(values: dict[str, Any]) -> None:
    stage = standing(rule("R", severity="high", unknown_for="1h"))
    stage.at(1).set(**values)
    stage.at(2).succeed((rule("R", severity="low", unknown_for="1h"),))
    assert stage.life().severity is Severity.HIGH and stage.told()[1:] == (["recover"] if values["a"] is False else [])


def test_a_latched_alarm_keeps_what_it_was() -> None:
    stage = standing(rule("R", severity="high", latching=True))
    stage.at(1).set(a=False)
    stage.at(2).succeed((rule("R", severity="low", latching=True),))
    assert stage.state() is S.LATCHED_UNACKED and stage.life().severity is Severity.HIGH


def test_only_journalled_from_then_on_its_end_is_told_to_who_was_told_of_it() -> None:
    stage = standing(rule("R", severity="high"))
    stage.at(1).succeed((rule("R", severity="journal"),))
    assert stage.life().severity is Severity.JOURNAL
    stage.at(2).set(a=False)
    assert stage.told() == ["raise", "recover"]


def test_levels_that_have_other_severities_count_at_the_reload() -> None:
    def levels(second: str) -> Any:
        steps = [{"at_least": "0.1 m"}, {"at_least": "0.3 m", "severity": second}]
        return level_rule("R", "", when={"levels": steps}, guidance=GUIDANCE)

    stage = Stage(levels("medium"))
    stage.at(0).set(level=0.5)
    stage.at(1).succeed((levels("critical"),))
    assert stage.life().severity is Severity.CRITICAL
    stage.at(2).succeed((levels("high"),))
    assert stage.life().severity is Severity.HIGH


@pytest.mark.parametrize("later", ["critical", "medium"])
def test_a_delay_that_runs_ends_in_an_alarm_as_severe_as_the_rule_says_by_then(later: str) -> None:
    stage = standing(rule("R", severity="high", on_delay="30s"))
    stage.at(10).succeed((rule("R", severity=later, on_delay="30s"),))
    stage.at(30).tick()
    assert stage.told() == ["raise"] and stage.life().severity.word == later


def test_returned_and_active_again_within_its_delay_it_is_shown_as_severe_as_it_will_be() -> None:
    stage = standing(rule("R", severity="low", on_delay="2s"))
    stage.at(2).tick()
    stage.at(3).set(a=False)
    stage.at(4).set(a=True)
    assert stage.state() is S.RTN_PENDING
    stage.at(5).succeed((rule("R", severity="high", on_delay="2s"),))
    assert stage.occurrences[stage.life().occurrence].severity is Severity.HIGH and stage.told() == ["raise", "recover"]
    stage.at(6).tick()
    assert stage.life().severity is Severity.HIGH and stage.told()[-1] == "reraise"


def test_a_restart_knows_nothing_of_the_present_and_takes_nothing_back() -> None:
    stage = standing(stepped())
    stage.at(1).restart(rules=(stepped(step="medium"),))
    stage.at(2).set(a=True, b=True)
    assert stage.life().severity is Severity.HIGH and "severity_down" not in stage.rows()


def test_a_step_that_has_become_more_severe_is_announced_at_a_restart_for_it_was_reached() -> None:
    stage = standing(stepped())
    stage.at(1).restart(rules=(stepped(step="critical"),))
    assert stage.life().severity is Severity.CRITICAL and stage.told() == ["raise", "severity_up"]
    stage.restart()
    assert stage.told() == ["raise", "severity_up"]


# --- for how long an answer holds


def answered(**fields: Any) -> Stage:
    stage = Stage(rule("R", **fields))
    stage.at(0).set(a=True)
    stage.at(5)
    stage.do("ack")
    return stage


@pytest.mark.parametrize("how", ["reload", "restart"])
@pytest.mark.parametrize(("later", "rings_s"), [("10min", 605), ("60s", 65), ("10s", 40.000000001)])
def test_another_time_counts_from_the_answer_and_never_ends_before_now(how: str, later: str, rings_s: float) -> None:
    stage = answered(realarm_after="5min")
    changed = (rule("R", realarm_after=later),)
    if how == "reload":
        stage.at(40).succeed(changed)
    else:
        stage.at(40).restart(outage_s=300, rules=changed)
    stage.at(max(40, rings_s - 0.001))
    stage.tick()
    assert stage.told() == ["raise"] and stage.engine.next_due() == round(rings_s * SECOND)
    stage.at(rings_s).tick()
    assert stage.told() == ["raise", "reraise"] and stage.events[-1].body["why"] == "realarm"


def test_an_answer_that_ends_at_the_reload_is_not_ended_by_the_log_of_that_moment() -> None:
    """Killed right behind it: the frames of the same moment are judged again, and are from before it."""
    stage = answered(realarm_after="5min")
    stage.at(40).set(a=True)
    stage.succeed((rule("R", realarm_after="10s"),))
    replayed = stage.reload()
    assert not any(judgement.events or judgement.notices for judgement in replayed)
    stage.commit(stage.engine.restarted(stage.now, 0))
    stage.at(40.001).tick()
    assert stage.told() == ["raise", "reraise"]


def test_a_milder_severity_holds_its_answer_as_long_as_that_does() -> None:
    stage = answered(severity="critical")
    stage.at(40).succeed((rule("R", severity="high"),))
    stage.at(1805).tick()
    assert stage.told() == ["raise"]
    stage.at(3605).tick()
    assert stage.told() == ["raise", "reraise"]


def test_the_same_time_goes_on_over_reloads() -> None:
    stage = answered(realarm_after="60s")
    for second in (10, 30, 64):
        stage.at(second).succeed((rule("R", realarm_after="60s", title={"en": f"{second}", "zh": "中"}),))
    assert stage.engine.next_due() == 65 * SECOND


def test_an_answer_that_was_for_ever_counts_from_the_reload_and_then_from_there() -> None:
    stage = answered()
    stage.at(100).succeed((rule("R", realarm_after="60s"),))
    assert stage.engine.next_due() == 160 * SECOND
    stage.at(110).succeed((rule("R", realarm_after="90s"),))
    stage.at(189.999).tick()
    assert stage.told() == ["raise"] and stage.engine.next_due() == 190 * SECOND
    stage.succeed((rule("R"),))
    stage.at(9999).tick()
    assert stage.told() == ["raise"]
