"""Devices that speak only when something changes: hours of silence are no loss of protection."""

from __future__ import annotations

import pytest

from alerts.bind import bind
from gateway.model import HEALTH_POINT, Device, Quality
from gateway.model import AlarmState as S
from tests.alerts.building import MINUTE, OPENEVSE, catalogue, charger, device, pack, rule, standard, sump
from tests.alerts.playing import Play

HOURS = range(3600, 12 * 3600, 3600)


def quiet_charger() -> Device:
    return charger("c", points=OPENEVSE, poll_ns=0)


def spoken(play: Play) -> Play:
    play.at(0).set("c", charger_state="ready", current=0.0, pilot_current=0.0, temperature=20.0, health="online")
    return play


def test_twelve_hours_of_silence_raise_nothing() -> None:
    play = spoken(Play([*pack("ev-charging"), *pack("gateway")], [quiet_charger()]))
    for at in HOURS:
        play.at(at).tick()
    assert play.told == []
    assert {view.condition for view in play.engine.rules_view()} == {False}


def test_what_it_says_after_them_counts_at_once() -> None:
    play = spoken(Play(pack("ev-charging"), [quiet_charger()]))
    play.at(40_000).set("c", charger_state="gfci_fault")
    assert play.told == [("raise", "EV-03", "c")]


def test_a_duration_runs_out_without_another_message() -> None:
    play = spoken(Play(pack("ev-charging"), [quiet_charger()]))
    play.at(40_000).set("c", current=5.0)
    play.at(40_009.9).tick()
    assert play.told == []
    play.at(40_010).tick()
    assert play.told == [("raise", "EV-05", "c")]


def test_an_alarm_stands_over_the_silence() -> None:
    play = spoken(Play(pack("ev-charging"), [quiet_charger()]))
    play.at(100).set("c", temperature=80.0)
    for at in HOURS:
        play.at(at).tick()
    assert play.state("EV-02", "c") is S.UNACKED
    assert [reason for reason, _, _ in play.told] == ["raise"]


@pytest.mark.parametrize("spoke", [False, True])
def test_bad_samples_and_never_having_spoken_are_a_loss_of_protection_after_a_minute(spoke: bool) -> None:
    play = Play(pack("ev-charging"), [quiet_charger()])
    if spoke:
        spoken(play).set("c", quality=Quality.BAD_COMM, **dict.fromkeys(OPENEVSE))
    play.at(0).tick()
    play.at(59.9).tick()
    assert play.told == []
    play.at(60).tick()
    assert ("raise", "EV-03/protection_lost", "c") in play.told


def test_the_fast_rise_of_a_silent_level_is_watched() -> None:
    ramp = device("ramp", "garage-water", standard("garage-water", "floor_level"), poll_ns=0)
    play = Play(pack("garage-water"), [ramp])
    play.at(0).set("ramp", floor_level=0.0)
    for at in HOURS:
        play.at(at).tick()
    assert play.told == []
    play.at(50_000).set("ramp", floor_level=0.06)
    play.at(50_010).tick()
    assert ("raise", "WA-04", "ramp") in play.told


def test_how_long_its_inputs_may_be_unknown() -> None:
    window = {"rises_by": "5 cm", "within": "10min"}
    bound = bind([rule(), rule(window, rule="T-02")], [sump(poll_ns=0)], catalogue())
    longest = {each.rule.rule: each.unknown_for_ns for each in bound.instances if not each.companion_of}
    assert longest == {"T-01": MINUTE, "T-02": MINUTE}, "the window's own time is the companion's to wait"


# --- gone: what it said last is not known to hold any more


def in_water(*packs: str) -> Play:
    """An idle charger that speaks only when something changes, on a wet floor."""
    rules = [
        each
        for name in ("elevator", "garage-water", "fire", "ev-charging", "cross-system", *packs)
        for each in pack(name)
    ]
    play = spoken(Play(rules, [quiet_charger(), sump("water-east", "garage-east", points=LEVEL)]))
    play.at(1).set("water-east", floor_level=0.05)
    play.at(100).tick()
    assert play.state("WA-01", "water-east") is S.UNACKED
    return play


LEVEL = (*standard("garage-water", "floor_level"), HEALTH_POINT)


@pytest.mark.parametrize("packs", [("gateway",), ()])
def test_a_charger_in_water_that_its_broker_calls_gone_counts_as_charging(packs: tuple[str, ...]) -> None:
    """No link is lost, so no driver says BAD: its will, or three missed hellos, are all that is ever heard."""
    play = in_water(*packs)
    play.at(200).set("c", health="offline")
    play.at(269.9).tick()
    assert ("raise", "XC-01", "c") not in play.told
    play.at(270).tick()
    assert ("raise", "XC-01", "c") in play.told


def test_what_a_device_says_when_it_is_back_counts_again() -> None:
    play = in_water("gateway")
    play.at(200).set("c", health="offline")
    play.at(230).set("c", charger_state="ready", current=0.0, pilot_current=0.0, temperature=20.0)
    play.at(231).set("c", health="online")
    play.at(9000).tick()
    assert [rule for _, rule, source in play.told if source == "c"] == ["GW-01", "GW-01"]


def test_the_companions_of_a_device_that_is_gone_are_gathered_under_its_one_alarm() -> None:
    play = in_water("gateway")
    play.at(200).set("c", health="offline")
    play.at(262).tick()
    assert play.state("EV-05/protection_lost", "c") is S.UNACKED, "muted, but it lives"
    assert [rule for _, rule, source in play.told if source == "c"] == ["GW-01"]


def test_an_alarm_of_a_device_that_is_gone_neither_ends_nor_begins_anew() -> None:
    play = spoken(Play([*pack("ev-charging"), *pack("gateway")], [quiet_charger()]))
    play.at(100).set("c", temperature=80.0)
    play.at(110).tick()
    play.at(200).set("c", health="offline")
    play.at(9000).tick()
    assert play.state("EV-02", "c") is S.UNACKED
    assert [(reason, rule) for reason, rule, _ in play.told] == [("raise", "EV-02"), ("raise", "GW-01")]
