"""FI-02 and detectors in test: a walk test confirms nothing, and one detector in test hides no fire of its zone."""

from __future__ import annotations

import pytest

from gateway.model import AlarmState
from tests.alerts.building import demo, pack, panel
from tests.alerts.playing import Play
from tests.alerts.stage import BAD, Stage, rule
from tests.alerts.test_packs_fire import PANEL, QUIET

S = AlarmState
ZONE = "panel-1/L1D1"


KNOWN = {"any": [{"point": "test", "is": True}, {"point": "disabled", "is": True}]}
"""A site whose panel reports no fire of a point in test widens the rule for it."""


def play() -> Play:
    rules = [{**each, "suppress_when": KNOWN} if each["rule"] == "FI-01" else each for each in pack("fire")]
    begun = Play(rules + pack("gateway"), demo())
    parts = {f"{part}/{name}": value for part in begun.parts("panel-1") for name, value in QUIET.items()}
    begun.at(0).set("panel-1", **parts, **PANEL, health="online")
    return begun


def confirmed(fire: Play) -> list[str]:
    return [reason for reason, name, source in fire.told if (name, source) == ("FI-02", ZONE)]


@pytest.mark.parametrize("profile", ["gbt26875-uitd", "notifier-modbus-gw", None])
@pytest.mark.parametrize("marked", ["test", "disabled"])
def test_a_fire_with_the_bit_that_means_test_is_heard_as_the_pack_comes(profile: str | None, marked: str) -> None:
    """GB/T 26875.3: the standard's own sample of a fire has it, and bits combine. Notifier's disabled are still."""
    devices = [panel(profile=profile) if each.system == "fire" else each for each in demo()]
    fire = Play(pack("fire") + pack("gateway"), devices)
    fire.at(1).set("panel-1", **{"L1D1/fire": True, f"L1D1/{marked}": True})
    still = profile == "notifier-modbus-gw" and marked == "disabled"
    assert (("raise", "FI-01", "panel-1/L1D1") in fire.told) is not still


@pytest.mark.parametrize("tested", ["L1D1", "L1D2"])
def test_a_detector_left_in_test_hides_no_fire_that_another_of_its_zone_confirms(tested: str) -> None:
    fire = play()
    fire.at(5).set("panel-1", **{f"{tested}/test": True})
    fire.at(10).set("panel-1", **{"L1D1/fire": True})
    fire.at(20).set("panel-1", **{"L1D2/fire": True})
    assert confirmed(fire) == ["raise"]


def test_a_walk_test_of_the_whole_zone_confirms_nothing() -> None:
    fire = play()
    fire.at(5).set("panel-1", **{"L1D1/test": True, "L1D2/test": True})
    fire.at(10).set("panel-1", **{"L1D1/fire": True})
    fire.at(20).set("panel-1", **{"L1D2/fire": True})
    assert fire.told == [] and fire.state("FI-02", ZONE) is S.NORMAL


def test_what_still_burns_when_the_test_is_over_is_confirmed() -> None:
    fire = play()
    fire.at(5).set("panel-1", **{"L1D1/test": True, "L1D2/test": True})
    fire.at(10).set("panel-1", **{"L1D1/fire": True, "L1D2/fire": True})
    fire.at(20).set("panel-1", **{"L1D2/test": False})
    assert confirmed(fire) == ["raise"]


def test_it_lasts_as_long_as_the_votes_do() -> None:
    fire = play()
    fire.at(10).set("panel-1", **{"L1D1/fire": True, "L1D2/fire": True})
    fire.at(11).set("panel-1", **{"L1D1/fire": False, "L1D2/fire": False})
    for seconds, state in ((130, S.UNACKED), (132, S.LATCHED_UNACKED)):
        fire.at(seconds).set("panel-1", **{"L1D1/fire": False})
        assert fire.state("FI-02", ZONE) is state


def asking() -> Stage:
    """Q asks whether somebody hears of R, P whether it is active at all."""
    here = Stage(
        rule("R", suppress_when={"point": "b", "is": True}),
        rule("Q", "c", when={"alarm": "R", "heard": True}),
        rule("P", "c", when={"alarm": "R"}),
    )
    here.at(0).set(a=False, b=False, c=False)
    return here


def test_heard_follows_the_suppression_of_the_alarm_that_is_asked_for() -> None:
    here = asking()
    here.at(1).set(b=True)
    here.at(2).set(a=True)
    assert (here.state("Q"), here.state("P")) == (S.NORMAL, S.UNACKED)
    here.at(3).set(b=False)
    assert here.state("Q") is S.UNACKED
    here.at(4).set(b=True)
    assert here.state("Q") is S.RTN_UNACKED and here.state("P") is S.UNACKED


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_it_is_known_behind_a_reload_and_a_restart(how: str) -> None:
    here = asking()
    here.at(1).set(b=True)
    here.at(2).set(a=True)
    if how == "reload":
        here.at(3).succeed(here.rules)
    else:
        here.at(3).restart()
    here.at(4).set(a=BAD)
    assert here.told("Q") == []
    here.at(5).set(a=True, b=False)
    assert here.told("Q") == ["raise"]


def test_a_shelf_of_somebody_s_hand_takes_no_voice_from_it() -> None:
    here = asking()
    here.at(1).set(a=True)
    here.do("shelve", here.life("R").occurrence, comment="c", for_ns=10**12)
    assert here.state("Q") is S.UNACKED
