"""A sensor that speaks every ten minutes is not missing one minute after a start: nobody rings on its behalf before."""

from __future__ import annotations

from gateway.model import Quality
from tests.alerts.building import MINUTE, device, lift, pack, standard
from tests.alerts.playing import Play

RULES = [*pack("garage-water"), *pack("elevator"), *pack("fire"), *pack("ev-charging"), *pack("cross-system")]
LOST, OF_RAMP = ("XC-06/protection_lost", "lift-1"), ("WA-03/protection_lost", "ramp")
SPOKEN = {"floor": 5, "speed": 0.0, "mode": "automatic", "load": 0.0, "door_open": False, "door_zone": True}


def building() -> Play:
    """A lift that is polled each second, and a sensor on the ramp that is expected every ten minutes."""
    ramp = device("ramp", "garage-water", standard("garage-water", "floor_level"), poll_ns=10 * MINUTE)
    return Play(RULES, [lift(), ramp])


def raised(play: Play) -> set[tuple[str, str]]:
    return {(rule, source) for reason, rule, source in play.told if reason == "raise"}


def lives(play: Play, until_s: int, ramp: bool = False) -> None:
    """The lift speaks each half minute."""
    while play.now_ns < until_s * 10**9:
        at = play.now_ns // 10**9 + 30
        play.at(at).set("lift-1", **SPOKEN)
        if ramp and at == 540:
            play.set("ramp", floor_level=0.0)


def test_a_slow_sensor_that_has_not_spoken_since_the_start_rings_for_nobody() -> None:
    play = building()
    play.at(0).set("lift-1", **SPOKEN)
    lives(play, 1200, ramp=True)
    assert LOST not in raised(play)


def test_when_its_own_time_is_up_its_own_companion_tells_and_speaks_for_those_who_ask() -> None:
    play = building()
    play.at(0).set("lift-1", **SPOKEN)
    lives(play, 1770)
    assert not {LOST, OF_RAMP} & raised(play)
    lives(play, 1900)
    assert raised(play) & {LOST, OF_RAMP} == {OF_RAMP}


def test_what_the_rule_reads_itself_has_its_own_time_all_the_same() -> None:
    play = building()
    play.at(0).set("lift-1", **SPOKEN)
    play.set("lift-1", quality=Quality.BAD_SENSOR, floor=None)
    for at in (30, 59, 61, 90):
        play.at(at).tick()
    assert LOST in raised(play)
