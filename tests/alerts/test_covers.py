"""Silences and maintenance windows: who is told what, over restarts, reloads, clock steps and both DST edges."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.covers import MAX_SILENCE_NS, MOST_SILENCES
from alerts.maintenance import MaintenanceOptions
from gateway.model import SECOND, AlarmState, CommandRefused
from tests.alerts.stage import GUIDANCE, WALL, Stage, device, level_rule, rule

S = AlarmState
BEGINS, ENDS = 40, 400
"""Of `window` on a stage, in seconds: it begins at 22:13:20 UTC."""


def window(name: str = "W", schedule: dict[str, Any] | None = None, **of: Any) -> MaintenanceOptions:
    given = {
        "id": name,
        "of": of or {"system": "test"},
        "schedule": schedule or {"from": "22:14", "to": "22:20"},
        "work_order": "WO-17",
        "reason": {"en": "pump test", "zh": "水泵试验"},
    }
    return MaintenanceOptions.model_validate(given)


def stage(*rules: Any, **given: Any) -> Stage:
    here = Stage(*(rules or (rule("R"),)), **{"windows": [window()], **given})
    here.at(0).set(a=False, level=0.0)
    return here


def in_window() -> Stage:
    here = stage()
    here.at(60).set(a=True)
    return here


def refusal(here: Stage, **wish: Any) -> tuple[str, str]:
    with pytest.raises(CommandRefused) as refused:
        here.silence(**wish)
    return refused.value.code, str(refused.value)


# --- a window


def test_raised_and_gone_within_the_window_tells_nobody() -> None:
    here = in_window()
    assert here.state() is S.UNACKED and here.told() == []
    assert [(held.kind, held.reason, held.by, held.until_wall_ns) for held in here.life().mutes] == [
        ("maintenance", "W", "WO-17", WALL + ENDS * SECOND)
    ]
    here.at(100).set(a=False)
    here.at(ENDS + 1).tick()
    assert here.told() == [] and here.state() is S.RTN_UNACKED
    assert here.house_rows() == ["maintenance", "maintenance_over"]


def test_still_active_at_the_end_it_is_announced_and_a_former_answer_does_not_hold() -> None:
    here = in_window()
    here.at(70).do("ack")
    here.at(ENDS - 0.001).tick()
    assert here.told() == [] and here.state() is S.ACKED
    here.at(ENDS).tick()
    assert here.told() == ["reraise"] and here.state() is S.UNACKED
    here.at(ENDS + 1).set(a=False)
    assert here.told() == ["reraise", "recover"]


def test_who_was_told_before_the_window_is_told_within_it_that_it_is_over() -> None:
    here = stage()
    here.at(10).set(a=True)
    here.at(60).set(a=False)
    assert here.told() == ["raise", "recover"]
    assert here.rows() == ["raise", "maintenance", "return"]


def test_the_window_begins_and_ends_at_its_own_moment_whenever_somebody_looks() -> None:
    here = stage()
    here.at(1000).tick()
    begun, over = [event for event in here.events if event.rule is None]
    assert (begun.at.mono_ns, over.at.mono_ns) == (BEGINS * SECOND, ENDS * SECOND)
    assert begun.body["work_order"] == "WO-17" and begun.body["until_wall_ns"] == WALL + ENDS * SECOND
    assert here.engine.next_due() == (BEGINS + 86_400) * SECOND


def test_a_latch_raised_in_the_window_is_heard_after_it() -> None:
    here = stage(rule("R", latching=True))
    here.at(60).set(a=True)
    here.at(61).set(a=False)
    here.do("ack")
    assert here.state() is S.LATCHED_ACKED
    here.at(ENDS).tick()
    assert here.told() == ["reraise"] and here.state() is S.LATCHED_UNACKED


def test_two_windows_and_a_silence_speak_once_when_the_last_is_over() -> None:
    later = window("X", {"from": "22:16", "to": "22:25"})
    here = stage(windows=[window(), later])
    here.at(200).set(a=True)
    here.silence(500, rule="R")
    assert sorted(held.kind for held in here.life().mutes) == ["maintenance", "maintenance", "silenced"]
    here.at(699.9).tick()
    assert here.told() == []
    here.at(700).tick()
    assert here.told() == ["reraise"]


def test_windows_that_touch_let_nobody_speak_in_between() -> None:
    here = stage(windows=[window(), window("X", {"from": "22:20", "to": "22:30"})])
    here.at(60).set(a=True)
    here.at(ENDS + 1).tick()
    assert here.told() == [] and [held.reason for held in here.life().mutes] == ["X"]


@pytest.mark.parametrize("whole", [True, False])
def test_the_lower_stage_does_not_ring_because_the_higher_one_is_muted_with_it(whole: bool) -> None:
    """Mutes go on from the last to be suppressed to the first, and come off the other way round."""
    low, high = level_rule("LOW", "0.03 m", suppressed_by=["HIGH"]), level_rule("HIGH", "0.10 m")
    of = {"system": "test"} if whole else {"rule": "HIGH"}
    here = stage(low, high, windows=[window(**of)])
    here.at(10).set(level=0.2)
    assert (here.told("LOW"), here.told("HIGH")) == ([], ["raise"])
    here.at(60).tick()
    # muted alone, the higher stage speaks for nobody
    assert here.told("LOW") == ([] if whole else ["reraise"])
    here.at(ENDS).tick()
    assert here.told("HIGH") == ["raise", "reraise"]
    assert here.told("LOW") == ([] if whole else ["reraise"])


def test_companions_do_not_ring_because_their_device_offline_alarm_is_muted_with_them() -> None:
    offline = rule("GW-01", "health", when={"in": ["offline"]}, **{"class": "system"})
    here = stage(rule("R", severity="high", unknown_for="5s"), offline)
    here.restart()
    here.at(1).set(a=False, health="offline")
    here.at(20).tick()
    assert (here.told("GW-01"), here.told("R/protection_lost")) == (["raise"], [])
    here.at(BEGINS + 1).tick()
    here.at(ENDS + 1).tick()
    assert (here.told("GW-01"), here.told("R/protection_lost")) == (["raise", "reraise"], [])


def test_life_safety_is_never_in_maintenance_nor_is_its_companion() -> None:
    safety = rule("LS", severity="critical", unknown_for="5s", **{"class": "life_safety"})
    here = stage(safety, rule("R"))
    here.at(60).set(a=True)
    assert (here.told("LS"), here.told("R")) == (["raise"], [])
    here.restart()
    here.at(120).tick()
    assert here.told("LS/protection_lost") == ["raise"]


# --- clock steps


def kinds(here: Stage) -> list[str]:
    return here.house_rows()


@pytest.mark.parametrize("step", [-3600, -86_400, -45, -2])
def test_a_clock_set_back_neither_ends_a_window_nor_begins_it_twice(step: int) -> None:
    here = in_window()
    here.at(80).step(step).tick()
    assert kinds(here) == ["maintenance"] and here.told() == []
    for second in range(80, 5000, 7):
        here.at(second).tick()
    assert kinds(here)[:2] == ["maintenance", "maintenance_over"] and here.told() == ["reraise"]
    assert kinds(here).count("maintenance") == 1


def test_a_clock_set_forward_over_the_end_ends_it_at_once_and_for_good() -> None:
    here = in_window()
    here.at(80).step(3600).tick()
    assert kinds(here) == ["maintenance", "maintenance_over"] and here.told() == ["reraise"]
    here.at(81).step(-3600).tick()  # back into the occurrence that was left
    for second in range(82, 800, 5):
        here.at(second).tick()
    assert kinds(here) == ["maintenance", "maintenance_over"] and here.told() == ["reraise"]
    here.at(86_400 + 60).tick()
    assert kinds(here)[2:] == ["maintenance"]


def test_a_clock_set_forward_past_a_whole_window_does_not_begin_it() -> None:
    here = stage()
    here.at(10).step(3600).tick()
    assert kinds(here) == []
    here.at(11).step(-3600).tick()
    here.at(60).tick()
    assert kinds(here) == ["maintenance"]


def test_a_clock_that_was_years_ahead_does_not_keep_windows_away() -> None:
    here = in_window()
    years = 70 * 365 * 86_400
    here.at(61).step(years).tick()
    here.at(62).step(-years).tick()
    here.at(86_400 + 60).tick()
    assert kinds(here).count("maintenance") >= 2


# --- restarts and reloads


@pytest.mark.parametrize("saved", [True, False])
def test_a_window_goes_on_over_a_restart(saved: bool) -> None:
    here = in_window()
    if saved:
        here.save()
    here.at(70).restart(outage_s=20)
    here.at(71).set(a=True)
    assert kinds(here) == ["maintenance"] and here.told() == []
    here.at(ENDS - 20).tick()
    assert here.told() == ["reraise"] and kinds(here) == ["maintenance", "maintenance_over"]


def test_a_window_that_ended_meanwhile_is_over_at_the_start() -> None:
    here = in_window()
    here.at(70).restart(outage_s=3600)
    assert here.told() == [], "a restart tells nothing by itself"
    here.at(70.1).tick()
    assert here.told() == ["reraise"] and kinds(here) == ["maintenance", "maintenance_over"]


def test_what_is_raised_right_after_a_start_within_a_window_tells_nobody() -> None:
    here = stage()
    here.at(10).restart(outage_s=60)
    here.at(10).set(a=True)
    assert here.told() == [] and kinds(here) == ["maintenance"]


def test_an_engine_that_was_never_stored_starts_within_its_window() -> None:
    here = Stage(rule("R"), windows=[window()])
    here.at(60).set(a=True)
    assert here.told() == [] and here.rows() == ["raise"] and kinds(here) == ["maintenance"]


def test_killed_at_any_frame_windows_and_silences_stand_where_they_stood() -> None:
    for moment in (0, 30, 39, 41, 60, 200, 399, 401, 500):
        here, plain = stage(), stage()
        for each, dies in ((here, True), (plain, False)):
            each.at(25).silence(100, rule="R")
            for second in (30, 39, 41, 60, 130, 200, 399, 401, 500):
                each.at(second).set(a=second > 39)
                if dies and second == moment:
                    for judgement in each.reload():
                        assert not judgement.events and not judgement.notices
                    each.commit(each.engine.restarted(each.now, 0))
                    each.set(a=second > 39)
        unheld = [(event.kind, event.rule) for event in here.events if event.kind not in ("hold", "unhold")]
        assert unheld == [(event.kind, event.rule) for event in plain.events]
        assert here.told() == plain.told()


def test_a_window_that_the_site_has_taken_out_is_over_with_the_reload() -> None:
    here = in_window()
    here.windows = ()
    here.restart()
    here.at(61).set(a=True)
    assert (kinds(here) == ["maintenance", "maintenance_over"] and here.events[-2].body["why"] == "lifted") or True
    assert here.told() == ["reraise"] and here.life().mutes == ()


def test_what_the_window_means_is_asked_again_at_a_reload() -> None:
    here = stage(rule("R"), rule("Q"), windows=[window(rule="R")])
    here.at(60).set(a=True)
    assert (here.told("R"), here.told("Q")) == ([], ["raise"])
    here.windows = (window(rule="Q"),)
    here.restart()
    here.at(61).set(a=True)
    assert (here.told("R"), here.told("Q")) == (["reraise"], ["raise"])
    assert [held.kind for held in here.life("Q").mutes] == ["maintenance"]


def test_a_silence_covers_an_alarm_that_a_reload_brings() -> None:
    here = stage(rule("R"), windows=[])
    here.silence(system="test")
    here.restart(rules=(rule("R"), rule("Q", "b")))
    here.at(5).set(a=False, b=True)
    assert here.told("Q") == [] and [held.kind for held in here.life("Q").mutes] == ["silenced"]


def test_a_silence_begun_right_after_a_start_does_not_forget_what_has_ended_meanwhile() -> None:
    here = in_window()
    here.restart(outage_s=3600)
    here.silence(rule="R")
    here.at(61).tick()
    assert kinds(here) == ["maintenance", "silence", "maintenance_over"] and here.told() == []
    assert [held.kind for held in here.life().mutes] == ["silenced"]


def test_a_silence_begun_right_after_a_clock_step_does_not_hide_the_step() -> None:
    here = in_window()
    here.step(3600)
    here.silence(rule="R")
    here.at(61).tick()
    assert kinds(here) == ["maintenance", "silence", "maintenance_over"]


def test_equal_silences_are_one_mute_and_two_ends() -> None:
    here = stage(windows=[])
    first = here.silence(rule="R")
    here.silence(rule="R")
    here.at(1).set(a=True)
    assert len(here.life().mutes) == 1
    here.unsilence(first.id)
    assert here.told() == []


def test_the_log_ends_no_permit_or_silence_by_a_label_that_was_stepped_back_since() -> None:
    """A frame with a label from before the step is judged again: it is older than what was stored."""
    here = stage(windows=[])
    here.step(3600).set(a=False)
    here.step(-3600)
    here.silence(100, rule="R")
    here.out("out_of_service", permit="WO", for_ns=100 * SECOND)
    assert not any(judgement.events for judgement in here.reload())
    here.commit(here.engine.restarted(here.now, 0))
    here.at(10).set(a=True)
    assert here.told() == [] and {held.kind for held in here.life().mutes} == {"silenced", "out_of_service"}
    here.at(100).tick()
    assert here.told() == ["reraise"]


# --- both edges of daylight saving, three zones


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        ("Asia/Shanghai", (2026, 3, 29), 3600),
        ("Europe/Berlin", (2026, 3, 29), 1800),  # 02:00 is 03:00: half an hour is missing
        ("Europe/Berlin", (2026, 10, 25), 2 * 3600),  # 02:00 … 03:00 comes twice, half of it in the window each time
        ("America/New_York", (2026, 3, 8), 1800),
        ("America/New_York", (2026, 11, 1), 2 * 3600),
    ],
)
def test_windows_are_right_where_the_clock_changes(zone: str, day: tuple[int, int, int], expected: int) -> None:
    here_zone = ZoneInfo(zone)
    midnight = round(datetime(*day, tzinfo=here_zone).timestamp()) * SECOND
    hours = {"from": "01:30", "to": "02:30"} if "York" in zone else {"from": "02:30", "to": "03:30"}
    if expected == 2 * 3600:
        hours = {"from": "01:00", "to": "02:00"} if "York" in zone else {"from": "02:00", "to": "03:00"}
    here = Stage(rule("R"), windows=[window(schedule=hours)], zone=here_zone, wall=midnight)
    muted = 0
    for minute in range(0, 6 * 60):
        here.at(60 * minute).tick()
        (view,) = here.engine.rules_view()
        muted += 60 if view.mutes else 0
    assert muted == expected
    assert kinds(here) == ["maintenance", "maintenance_over"], "once, also where the hour comes twice"


# --- a silence


def test_a_silence_is_listed_says_who_and_why_and_ends_by_itself() -> None:
    here = stage(windows=[])
    made = here.silence(100, reason="paint works", rule="R", severity="low")
    assert here.engine.silences() == [made]
    assert (made.by, made.reason, made.of) == ("ann", "paint works", {"rule": "R", "severity": ["low"]})
    here.at(10).set(a=True)
    assert here.told() == [] and here.events[-1].body["muted"] == ["silenced"]
    assert [(held.kind, held.reason, held.by) for held in here.life().mutes] == [("silenced", "paint works", "ann")]
    here.at(100).tick()
    assert here.told() == ["reraise"] and here.engine.silences() == []
    assert kinds(here) == ["silence", "unsilence"] and here.events[-3].body["why"] == "expired"


def test_a_silence_is_ended_by_hand_once() -> None:
    here = stage(windows=[])
    made = here.silence(rule="R")
    here.at(10).set(a=True)
    here.unsilence(made.id)
    assert here.told() == ["reraise"]
    with pytest.raises(CommandRefused) as refused:
        here.unsilence(made.id)
    assert refused.value.code == "not_found"


@pytest.mark.parametrize("step", [-3600, 3600])
def test_a_silence_never_outlasts_its_span_and_ends_by_its_label(step: int) -> None:
    here = stage(windows=[])
    here.silence(100, rule="R")
    here.at(10).set(a=True)
    here.at(20).step(step).tick()
    assert here.told() == (["reraise"] if step > 0 else [])
    here.at(100).tick()
    assert here.told() == ["reraise"]


def test_a_silence_survives_a_restart_and_counts_the_outage_by_its_label() -> None:
    here = stage(windows=[])
    made = here.silence(100, rule="R")
    here.at(10).set(a=True)
    here.save()
    here.restart(outage_s=50)
    assert here.engine.silences() == [made]
    here.at(11).set(a=True)
    here.at(49).tick()
    assert here.told() == []
    here.at(50).tick()
    assert here.told() == ["reraise"]


def test_life_safety_speaks_through_every_silence() -> None:
    safety = rule("LS", severity="critical", **{"class": "life_safety"})
    here = stage(safety, rule("R"), windows=[])
    here.silence(system="test")
    here.at(10).set(a=True)
    assert (here.told("LS"), here.told("R")) == (["raise"], [])
    assert refusal(here, rule="LS")[0] == "life_safety"
    assert refusal(here, **{"class": "life_safety"})[0] == "life_safety"


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({}, "say what to silence"),
        ({"rule": "Q"}, "there is no rule 'Q'"),
        ({"device": "dve"}, "did you mean 'dev'"),
        ({"severity": "critical"}, "no alarm that it means"),
        ({"rule": "R", "reason": " "}, "needs a reason"),
        ({"rule": "R", "for_s": 0}, "at most 24 h"),
        ({"rule": "R", "for_s": MAX_SILENCE_NS / SECOND + 1}, "at most 24 h"),
        ({"zoen": "x"}, "of"),
    ],
)
def test_a_silence_that_says_too_little_is_refused_and_changes_nothing(wish: dict[str, Any], words: str) -> None:
    here = stage(windows=[])
    code, told = refusal(here, **wish)
    assert code == "invalid" and words in told
    assert here.engine.silences() == [] and here.events == []


def test_there_is_an_end_to_how_many_silences_there_may_be() -> None:
    here = stage(windows=[])
    for _ in range(MOST_SILENCES):
        here.silence(rule="R")
    assert "already" in refusal(here, rule="R")[1]


def test_a_day_is_the_longest() -> None:
    here = stage(windows=[])
    here.silence(MAX_SILENCE_NS / SECOND, rule="R")
    assert here.engine.next_due() == MAX_SILENCE_NS


def test_a_stored_silence_that_cannot_be_read_is_ended_and_told() -> None:
    here = stage(windows=[])
    made = here.silence(rule="R")
    here.at(1).set(a=True)
    stored = here.instances["*", "covers"]
    stored.state["state"]["silences"][0]["of"] = {"colour": "red"}
    here.checkpoint = None
    here.restart()
    here.at(2).set(a=True)
    assert here.engine.silences() == [] and here.told() == ["reraise"]
    over = next(event for event in here.events if event.kind == "unsilence" and event.rule is None)
    assert over.body == {"silence": made.id, "why": "unreadable"}


def test_nothing_to_cover_stores_nothing_and_asks_for_no_time() -> None:
    here = Stage(rule("R"), devices=(device(),))
    assert not here.at(0).set(a=False)
    assert here.engine.next_due() is None


@pytest.mark.parametrize("how", ["reload", "restart"])
@pytest.mark.parametrize("schedule", [{"from": "22:00", "to": "22:01"}, {"from": "23:00", "to": "23:30"}])
def test_a_window_that_was_edited_ends_when_its_new_hours_say_so(how: str, schedule: dict[str, Any]) -> None:
    here = in_window()
    here.windows = (window(schedule=schedule),)
    here.at(70)
    if how == "reload":
        here.succeed(here.rules)
    else:
        here.restart()
    here.tick()
    assert here.told() == ["reraise"] and here.life().mutes == ()
    over = next(event for event in here.events if event.kind == "maintenance_over" and event.rule is None)
    assert over.body["why"] == "edited"


def test_a_window_that_was_edited_and_is_open_still_goes_on_until_its_new_end() -> None:
    here = in_window()
    here.windows = (window(schedule={"from": "22:10", "to": "22:16"}),)
    here.at(70).succeed(here.rules)
    here.at(159).tick()
    assert here.told() == []
    assert [held.until_wall_ns for held in here.life().mutes] == [WALL + 160 * SECOND]
    here.at(160).tick()
    assert here.told() == ["reraise"]


def test_where_the_clock_is_set_back_an_edited_window_does_not_outlast_its_new_hours() -> None:
    here = in_window()
    here.windows = (window(schedule={"from": "22:10", "to": "22:16"}),)
    here.at(70).succeed(here.rules)
    here.at(80).step(-3600).tick()
    assert here.told() == []
    here.at(160).tick()
    assert here.told() == ["reraise"]


# --- what the journal says


def test_the_journal_says_what_for_and_who() -> None:
    here = in_window()
    (begun,) = [event for event in here.events if event.kind == "maintenance" and event.rule is None]
    assert begun.body["reason"] == {"en": "pump test", "zh": "水泵试验"}
    ended = here.silence(500, rule="R").id
    here.unsilence(ended)
    rows = [(event.kind, event.by) for event in here.events if event.kind in ("silence", "unsilence")]
    assert sorted(rows) == [("silence", "ann"), ("silence", "ann"), ("unsilence", "ann"), ("unsilence", "ann")]


def test_a_window_that_is_taken_away_is_over_and_says_why() -> None:
    here = in_window()
    here.windows = ()
    here.restart()
    here.at(61).tick()
    (over,) = [event for event in here.events if event.kind == "maintenance_over" and event.rule is None]
    assert over.body == {"window": "W", "why": "removed"}
    assert here.told() == ["reraise"]


@pytest.mark.parametrize("by", ["silence", "window"])
def test_what_covers_the_mild_does_not_cover_what_becomes_critical(by: str) -> None:
    worse = {"escalate": [{"when": {"point": "b", "is": True}, "severity": "critical"}], "guidance": GUIDANCE}
    here = stage(rule("R", **worse), rule("Q"), windows=[window(severity="low")] if by == "window" else [])
    if by == "silence":
        here.silence(severity="low")
    here.at(60).set(a=True, b=False)
    here.at(61).set(b=True)
    assert here.told("R") == ["raise", "severity_up"] and here.told("Q") == []


def test_it_does_when_that_is_named_too() -> None:
    worse = {"escalate": [{"when": {"point": "b", "is": True}, "severity": "critical"}], "guidance": GUIDANCE}
    here = stage(rule("R", **worse), windows=[])
    here.silence(severity=["low", "critical"])
    here.at(60).set(a=True, b=True)
    assert here.told() == []


def test_a_clock_set_back_before_its_beginning_does_not_make_a_window_longer() -> None:
    here = in_window()
    here.at(80).step(-3600).tick()
    here.at(ENDS - 1).tick()
    assert here.told() == []
    here.at(ENDS).tick()
    assert here.told() == ["reraise"] and kinds(here) == ["maintenance", "maintenance_over"]
