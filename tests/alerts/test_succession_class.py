"""A rule becomes life safety, or stops being it, while its alarm stands: by a reload, or by a restart."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from gateway.model import SECOND, AlarmClass, AlarmState, CommandRefused, Occurrence, Severity
from tests.alerts.living import windows
from tests.alerts.stage import BAD, Stage, rule

S = AlarmState
HOUR = 3600 * SECOND
LIFE = {"class": "life_safety", "severity": "critical", "unknown_for": "1h"}
How = Literal["reload", "restart"]
HOWS: tuple[How, ...] = ("reload", "restart")


def mild(**fields: Any) -> Any:
    return rule("R", **{"severity": "high", "unknown_for": "1h"} | fields)


def safe(**fields: Any) -> Any:
    return rule("R", **LIFE | fields)


def change(stage: Stage, how: How, *rules: Any) -> None:
    if how == "reload":
        stage.succeed(rules)
    else:
        stage.restart(rules=rules)


def bodies(stage: Stage, kind: str) -> list[dict[str, Any]]:
    return [dict(event.body) for event in stage.events if event.rule == "R" and event.kind == kind]


def standing(**fields: Any) -> Stage:
    stage = Stage(mild(**fields))
    stage.at(0).set(a=True, b=False)
    return stage


def refused(stage: Stage, kind: str, **fields: Any) -> str:
    with pytest.raises(CommandRefused) as caught:
        stage.do(kind, **fields)
    return caught.value.code


@pytest.mark.parametrize("how", HOWS)
def test_it_is_life_safety_from_then_on_announced_again_and_on_record(how: How) -> None:
    stage = standing()
    stage.do("ack")
    change(stage.at(1), how, safe())
    life = stage.life()
    assert (life.class_, life.latched, life.severity) == (AlarmClass.LIFE_SAFETY, True, Severity.CRITICAL)
    assert life.acked_by is None and stage.state() is S.UNACKED
    assert stage.occurrences[life.occurrence] == life, "what is stored and shown is what is judged"
    assert stage.told() == ["raise", "reraise"]
    assert stage.notices[-1].occurrence.class_ is AlarmClass.LIFE_SAFETY, "so that every gate lets it through"
    (row,) = bodies(stage, "reclassify")
    assert (row["was"], row["class"], row["latched"]) == ("property", "life_safety", True)
    assert bodies(stage, "reraise")[-1]["why"] == "life_safety"
    assert refused(stage, "shelve", comment="c", for_ns=HOUR) == "life_safety"


@pytest.mark.parametrize("how", HOWS)
def test_it_latches_from_then_on(how: How) -> None:
    stage = standing()
    change(stage.at(1), how, safe())
    stage.at(2).set(a=False, b=False)
    assert stage.state() is S.LATCHED_UNACKED and "recover" not in stage.told()
    stage.do("ack")
    stage.do("reset", comment="c")
    assert stage.state() is S.NORMAL and stage.newest.close_reason == "reset" and stage.told()[-1] == "recover"


def _shelved(stage: Stage) -> None:
    stage.do("shelve", comment="known", for_ns=HOUR)


def _silenced(stage: Stage) -> None:
    stage.silence(rule="R")


def _out(stage: Stage) -> None:
    stage.out("out_of_service", permit="WO", for_ns=HOUR)


def _out_for_long(stage: Stage) -> None:
    stage.out("out_of_service", permit="WO", for_ns=8 * 24 * HOUR, second="li")


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize(
    ("hush", "row"),
    [(_shelved, "unshelve"), (_silenced, "unsilence"), (_out, "in_service"), (_out_for_long, "in_service")],
)
def test_what_may_not_mute_life_safety_ends_with_a_row_of_its_own_and_it_is_announced_once(
    how: How, hush: Any, row: str
) -> None:
    stage = standing()
    hush(stage)
    assert stage.life().mutes
    change(stage.at(1), how, safe())
    assert stage.life().mutes == () and stage.told() == ["raise", "reraise"]
    assert [body["why"] for body in bodies(stage, row)] == ["life_safety"]
    stage.at(7200).tick()
    assert stage.told() == ["raise", "reraise"], "nothing is left that could end"


@pytest.mark.parametrize("how", HOWS)
def test_a_permit_of_two_people_within_the_limit_of_life_safety_stays(how: How) -> None:
    stage = standing()
    stage.out("out_of_service", permit="WO", for_ns=HOUR, second="li")
    change(stage.at(1), how, safe())
    assert [held.kind for held in stage.life().mutes] == ["out_of_service"] and stage.told() == ["raise"]
    assert bodies(stage, "reraise")[-1]["muted"] == ["out_of_service"]
    assert stage.life().class_ is AlarmClass.LIFE_SAFETY
    stage.at(3600).tick()
    assert stage.told() == ["raise", "reraise"]


@pytest.mark.parametrize("how", HOWS)
def test_out_of_service_ends_also_where_no_alarm_is_open(how: How) -> None:
    stage = Stage(mild())
    stage.at(0).set(a=False)
    _out(stage)
    change(stage.at(1), how, safe())
    assert [body["why"] for body in bodies(stage, "in_service")] == ["life_safety"]
    stage.at(2).set(a=True)
    assert stage.told() == ["raise"]


@pytest.mark.parametrize("how", HOWS)
def test_who_suppressed_it_does_not_any_more_and_its_row_says_so(how: How) -> None:
    other = rule("P", "b")
    stage = Stage(other, mild(suppressed_by=["P"]))
    stage.at(0).set(a=True, b=True)
    assert stage.told() == []
    change(stage.at(1), how, other, safe())
    assert stage.life().mutes == () and stage.told() == ["reraise"]
    assert bodies(stage, "unsuppress")[-1] == {
        "state": "unacked",
        "severity": "high",
        "why": "life_safety",
        "causes": [],
    }


@pytest.mark.parametrize("how", HOWS)
def test_a_maintenance_window_does_not_cover_it_any_more(how: How) -> None:
    stage = Stage(mild(), windows=windows())
    stage.at(0).set(a=False)
    stage.at(45).set(a=True)  # the windows of 22:14
    assert stage.life().mutes and stage.told() == []
    change(stage.at(46), how, safe())
    assert stage.life().mutes == () and stage.told() == ["reraise"]
    assert bodies(stage, "maintenance_over")[-1]["why"] == "life_safety"


@pytest.mark.parametrize("how", HOWS)
def test_what_its_own_device_suppresses_stays_silent_and_rings_as_life_safety_behind_it(how: How) -> None:
    own = {"suppress_when": {"point": "b", "is": True}}
    stage = Stage(mild(**own))
    stage.at(0).set(a=True, b=True)
    change(stage.at(1), how, safe(**own))
    assert stage.told() == [] and stage.life().class_ is AlarmClass.LIFE_SAFETY
    stage.at(2).set(a=True, b=False)
    assert stage.told() == ["reraise"]


@pytest.mark.parametrize("how", HOWS)
def test_over_and_unanswered_it_latches_and_wants_a_reset(how: How) -> None:
    stage = standing()
    stage.at(1).set(a=False, b=False)
    assert stage.state() is S.RTN_UNACKED and stage.told() == ["raise", "recover"]
    change(stage.at(2), how, safe())
    assert stage.state() is S.LATCHED_UNACKED and stage.told() == ["raise", "recover", "reraise"]
    stage.at(3).set(a=False, b=False)
    stage.do("ack")
    stage.do("reset", comment="c")
    assert stage.told()[-1] == "recover"


@pytest.mark.parametrize("how", HOWS)
def test_over_and_not_latching_it_is_journalled_and_nobody_is_told(how: How) -> None:
    stage = standing()
    stage.at(1).set(a=False, b=False)
    change(stage.at(2), how, safe(latching=False))
    assert stage.state() is S.RTN_UNACKED and stage.told() == ["raise", "recover"]
    assert len(bodies(stage, "reclassify")) == 1 and stage.life().class_ is AlarmClass.LIFE_SAFETY
    stage.do("ack")
    assert stage.state() is S.NORMAL


def test_of_an_edited_condition_it_is_told_what_it_says_by_now() -> None:
    """The class is obeyed behind the answer: what turns out to be over is not announced as standing."""
    stage = standing()
    stage.at(1).succeed((safe(when={"point": "b", "is": True}, on={"system": "test"}),))
    assert stage.state() is S.LATCHED_UNACKED and stage.told() == ["raise", "reraise"]
    assert stage.rows() == ["raise", "return", "reclassify", "reraise"]


def test_held_by_an_unknown_input_it_is_life_safety_all_the_same() -> None:
    stage = standing()
    stage.at(1).set(a=BAD, b=False)
    stage.at(2).succeed((safe(),))
    assert stage.life().held and stage.told() == ["raise", "reraise"]
    assert stage.life().class_ is AlarmClass.LIFE_SAFETY


def test_a_death_behind_the_reload_goes_on_as_life_safety_and_says_nothing_again() -> None:
    stage = standing()
    stage.save()
    _shelved(stage)
    stage.at(1).succeed((safe(),))
    rows, told = len(stage.events), stage.told()
    replayed = stage.reload()
    assert not any(judgement.events or judgement.notices for judgement in replayed)
    for judgement in replayed:
        stage.commit(judgement)
    stage.commit(stage.engine.restarted(stage.now, 0))
    assert stage.told() == told and [event.kind for event in stage.events[rows:]] == ["hold"]
    assert stage.life().class_ is AlarmClass.LIFE_SAFETY and stage.life().mutes == ()


def test_a_death_before_the_reload_was_committed_knows_nothing_of_it() -> None:
    stage = standing()
    _shelved(stage)
    stage.engine.tick(stage.now, stage.position)
    former, before = stage.engine, stage.life()
    stage.rules = (safe(),)
    stage.build().succeed(former, stage.now, stage.position, "ann", {})
    assert former.open_occurrences() == [before], "the former engine can go on"
    stage.rules = (mild(),)
    stage.restart()
    assert stage.life().mutes == before.mutes and stage.told() == ["raise"]
    assert stage.life().class_ is AlarmClass.PROPERTY


@pytest.mark.parametrize("how", HOWS)
def test_on_again_within_its_delay_it_is_active_at_once_and_without_another_sample(how: How) -> None:
    """Latched it would say that it is over, and who asks for its alarm would never hear of it."""
    top = rule("TOP", on={"system": "test"}, when={"all": [{"alarm": "R"}, {"point": "b", "is": True}]})
    stage = Stage(mild(on_delay="2s"), top)
    stage.at(0).set(a=True, b=True)
    stage.at(2).tick()
    stage.at(3).set(a=False, b=True)
    stage.at(4).set(a=True, b=True)
    assert stage.state() is S.RTN_PENDING
    change(stage.at(5), how, safe(on_delay="2s"), top)
    assert stage.state() is S.UNACKED and stage.told() == ["raise", "recover", "reraise"]
    stage.at(6).set(b=True)
    assert stage.state("TOP") is S.UNACKED


@pytest.mark.parametrize("how", HOWS)
def test_a_delay_that_an_unknown_input_froze_runs_on_for_life_safety(how: How) -> None:
    stage = Stage(mild(on_delay="10s"))
    stage.at(0).set(a=True)
    stage.at(4).set(a=BAD)
    stage.save()
    change(stage.at(5), how, safe(on_delay="10s"))
    stage.at(10.999).tick()
    assert stage.told() == []
    stage.at(11).tick()
    assert stage.told() == ["raise"], "6 s were left, and nobody may hide it by cutting the wire"


def test_suppressed_and_edited_to_what_is_over_it_is_announced_once() -> None:
    """Who suppressed it does so until the other condition has answered: it is not announced as what it was."""
    other = rule("P", "b")
    stage = Stage(other, mild(suppressed_by=["P"]))
    stage.at(0).set(a=True, b=True, c=False)
    stage.at(1).succeed((other, safe(on={"system": "test"}, when={"point": "c", "is": True})))
    assert stage.state() is S.LATCHED_UNACKED and stage.told() == ["reraise"]
    assert stage.rows() == ["raise", "return", "reclassify", "unsuppress", "reraise"]
    assert stage.notices[-1].occurrence.class_ is AlarmClass.LIFE_SAFETY


# --- the other way round


@pytest.mark.parametrize("how", HOWS)
def test_a_delay_of_what_is_life_safety_no_more_stands_still_while_unknown(how: How) -> None:
    stage = Stage(safe(on_delay="10s"))
    stage.at(0).set(a=True)
    stage.at(4).set(a=BAD)
    stage.save()
    change(stage.at(5), how, mild(on_delay="10s"))
    stage.at(60).tick()
    assert stage.told() == [], "UNKNOWN raises nothing"
    stage.at(61).set(a=True)
    stage.at(66).tick()
    assert stage.told() == ["raise"], "5 s were left at the change"


def softened(how: How, **fields: Any) -> Stage:
    stage = Stage(safe())
    stage.at(0).set(a=True, b=False)
    change(stage.at(1), how, mild(**fields))
    return stage


def closed(stage: Stage) -> Occurrence:
    stage.set(a=False, b=False)
    assert stage.state() is S.LATCHED_UNACKED, "it latches as it did"
    stage.do("ack")
    stage.do("reset", comment="c")
    assert stage.state() is S.NORMAL
    return stage.newest


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("fields", [{}, {"auto_ack": True}, {"severity": "low"}], ids=str)
def test_what_is_open_stays_life_safety_until_it_closes(how: How, fields: dict[str, Any]) -> None:
    stage = softened(how, **fields)
    stage.restart()
    change(stage, how, mild(**fields))
    life = stage.life()
    assert (life.class_, life.latched, life.severity) == (AlarmClass.LIFE_SAFETY, True, Severity.CRITICAL)
    assert stage.told() == ["raise"] and bodies(stage, "reclassify") == []
    assert refused(stage, "shelve", comment="c", for_ns=HOUR) == "life_safety"
    assert refused(stage, "out_of_service", comment="c", permit="WO", for_ns=HOUR) == "invalid"
    assert closed(stage.at(2)).class_ is AlarmClass.LIFE_SAFETY
    stage.at(3).set(a=True, b=False)
    assert (stage.life().class_, stage.life().latched) == (AlarmClass.PROPERTY, False)
    stage.do("shelve", comment="c", for_ns=HOUR)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize(("covers", "mutes"), [((), {"suppressed"}), (windows(), {"maintenance"})])
def test_what_may_mute_the_milder_rule_waits_until_it_closes(how: How, covers: Any, mutes: set[str]) -> None:
    other = rule("P", "b")
    stage = Stage(other, safe(), windows=covers)
    stage.at(0).set(a=True, b=True)
    change(stage.at(1), how, other, mild(suppressed_by=["P"]))
    stage.set(a=True, b=True)
    stage.at(45).tick()  # the windows of 22:14
    assert stage.life().mutes == () and stage.told() == ["raise"]
    stage.at(46).set(a=False, b=True)
    stage.do("ack", stage.life().occurrence)
    stage.do("reset", stage.life().occurrence, comment="c")
    stage.at(47).set(a=True, b=True)
    assert {held.kind for held in stage.life().mutes} == mutes
    assert stage.told() == ["raise", "recover"]


def test_it_is_life_safety_again_and_nobody_is_told_twice() -> None:
    stage = softened("reload")
    stage.at(2).succeed((safe(),))
    assert stage.told() == ["raise"] and bodies(stage, "reclassify") == []


@pytest.mark.parametrize("how", HOWS)
def test_between_milder_classes_the_record_follows_and_nobody_is_told(how: How) -> None:
    stage = standing()
    change(stage.at(1), how, mild(**{"class": "equipment"}))
    assert stage.life().class_ is AlarmClass.EQUIPMENT and stage.told() == ["raise"]
    assert [body["was"] for body in bodies(stage, "reclassify")] == ["property"]


@pytest.mark.parametrize("how", HOWS)
def test_a_latch_that_the_rule_lost_stays_with_what_is_open_and_one_that_it_got_is_on_record(how: How) -> None:
    stage = standing(latching=True)
    change(stage.at(1), how, mild())
    assert stage.life().latched
    stage.at(2).set(a=False, b=False)
    assert stage.state() is S.LATCHED_UNACKED
    other = standing()
    change(other.at(1), how, mild(latching=True))
    assert other.life().latched and other.occurrences[other.life().occurrence].latched
    other.at(2).set(a=False, b=False)
    assert other.state() is S.LATCHED_UNACKED and bodies(other, "reclassify") == []


def test_its_companion_is_life_safety_with_it() -> None:
    stage = Stage(mild(unknown_for="5s"), rule("O", "b"))
    stage.commit(stage.engine.restarted(stage.now, 0))
    stage.at(6).tick()
    lost = "R/protection_lost"
    assert stage.life(lost).class_ is AlarmClass.PROPERTY
    stage.at(7).succeed((safe(unknown_for="5s"), rule("O", "b")))
    assert stage.life(lost).class_ is AlarmClass.LIFE_SAFETY and stage.told(lost) == ["raise", "reraise"]
