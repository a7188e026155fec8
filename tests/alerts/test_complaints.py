"""What users complain of elsewhere, each a test named after it. The issue numbers are those of the other products."""

from __future__ import annotations

import pytest

from gateway.model import SECOND, AlarmState, FrameKind
from tests.alerts.stage import BAD, Stage, level_rule, rule

S = AlarmState
HOUR = 3600


@pytest.mark.parametrize("on_delay", ["1s", "30s", "9min"])
def test_firing_goes_back_to_pending_after_a_restart(on_delay: str) -> None:
    """prometheus 15175, PR 19166; vmalert 1686; mimir 3814; thanos 5219 (blinking alerts)."""
    stage = Stage(rule("R", on_delay=on_delay))
    stage.set(a=True)
    stage.at(600).tick()
    assert stage.state() is S.UNACKED
    first = stage.newest.occurrence
    stage.restart(outage_s=120)
    assert stage.state() is S.UNACKED
    stage.at(601).set(a=True)
    stage.at(700).tick()
    assert stage.state() is S.UNACKED and stage.newest.occurrence == first and stage.told() == ["raise"]


def test_resolved_during_downtime_is_never_announced() -> None:
    """vmalert PR 11371; grafana 68162."""
    stage = Stage(rule("R", severity="high"))
    stage.set(a=True)
    stage.restart(outage_s=300)
    stage.at(1).set(a=False)
    assert stage.told() == ["raise", "recover"]
    assert stage.state() is S.RTN_UNACKED, "and still wants an answer"


def test_resolve_is_lost_before_the_flush() -> None:
    """grafana 68162: the recovery is in the same transaction as the return, so a kill after it cannot lose it."""
    stage = Stage(rule("R"))
    stage.set(a=True)
    judgement = stage.at(1).set(a=False)
    assert [event.kind for event in judgement.events] == ["return"]
    assert [notice.reason for notice in judgement.notices] == ["recover"]


def test_resolved_and_refired_by_a_rolling_restart() -> None:
    """mimir 9902."""
    stage = Stage(rule("R"))
    stage.set(a=True)
    for number in range(5):
        stage.restart(outage_s=10)
        stage.at(number + 1).set(a=True)
    assert stage.told() == ["raise"] and stage.rows().count("raise") == 1


def test_provisioned_alerts_are_reset_to_normal_on_restart() -> None:
    """grafana 93200: a rule read again is the same rule when what it asks is the same."""
    stage = Stage(rule("R"))
    stage.set(a=True)
    stage.do("ack")
    stage.restart(rules=(rule("R", title={"en": "another title", "zh": "另一个标题"}),))
    assert stage.state() is S.ACKED and stage.rows().count("close") == 0


@pytest.mark.parametrize("answered", [False, True])
def test_no_resolve_when_the_alert_is_shelved_by_then(answered: bool) -> None:
    """alertmanager 226, 2754, 2805; alerta 278: orphan incidents."""
    stage = Stage(rule("R"))
    stage.set(a=True)
    if answered:
        stage.do("ack")
    stage.do("shelve", comment="repair", for_ns=HOUR * SECOND)
    stage.at(5).set(a=False)
    assert stage.told() == ["raise", "recover"]


def test_no_resolve_when_the_alert_is_inhibited_by_then() -> None:
    """alertmanager 226."""
    stage = Stage(rule("R", suppressed_by=["TOP"]), rule("TOP", "b"))
    stage.set(a=True, b=False)
    stage.at(1).set(b=True)
    stage.at(2).set(a=False)
    assert stage.told() == ["raise", "recover"]


def test_a_resolve_without_a_raise() -> None:
    """The other side of the same complaint: who was told of nothing is not told that it is over."""
    stage = Stage(rule("R", suppressed_by=["TOP"]), rule("TOP", "b"))
    stage.set(a=False, b=True)
    stage.at(1).set(a=True)
    stage.at(2).set(a=False)
    assert stage.told() == []


def test_duplicate_resolved() -> None:
    """alertmanager 964, 1125, 4008."""
    stage = Stage(rule("R", off_delay="5s"))
    stage.set(a=True)
    stage.at(1).set(a=False)
    for second in range(2, 20):
        stage.at(second).set(a=False)
        stage.tick()
    stage.restart(outage_s=60)
    for second in range(21, 30):
        stage.at(second).set(a=False)
    stage.do("ack")
    assert stage.told() == ["raise", "recover"]


def test_flapping_around_the_limit() -> None:
    """prometheus 6504, 6816, 14085; grafana 6202; alertmanager 204: deadband and off-delay hold one occurrence."""
    stage = Stage(level_rule("R", "0.10 m", off_delay="10s"))
    for second in range(60):
        stage.at(second).set(level=0.105 if second % 2 else 0.095)
    assert stage.told() == ["raise"], "within the deadband of 1 cm nothing happens"
    for second in range(60, 120):
        stage.at(second).set(level=0.105 if second % 2 else 0.05)
    assert stage.told() == ["raise"], "beyond it the off-delay begins and is broken off"
    assert stage.life().chatter >= 29


def test_a_series_that_vanishes_resolves_the_alert() -> None:
    """prometheus 14085, 6816: what is not heard is UNKNOWN, never a recovery."""
    stage = Stage(rule("R"))
    stage.set(a=True)
    stage.at(1).set(a=BAD)
    stage.at(10 * HOUR).tick()
    assert stage.state() is S.UNACKED and stage.told() == ["raise"] and stage.life().held


def test_a_scrape_gap_resets_the_timer() -> None:
    """pint 966."""
    stage = Stage(rule("R", on_delay="10s"))
    stage.set(a=True)
    stage.at(6).set(a=BAD)
    stage.at(8).set(a=True)
    stage.at(11.9).tick()
    assert stage.state() is S.PENDING
    stage.at(12).tick()
    assert stage.state() is S.UNACKED, "6 s before the gap and 4 s after it"


def test_a_gap_is_counted_as_true() -> None:
    """vmalert 8225: only life safety may do so."""
    stage = Stage(
        rule("R", on_delay="10s"), rule("LS", on_delay="10s", severity="critical", **{"class": "life_safety"})
    )
    stage.set(a=True)
    stage.at(6).set(a=BAD)
    stage.at(HOUR).tick()
    assert stage.state() is S.PENDING
    assert stage.state("LS") is S.UNACKED


def test_for_never_completes_after_a_restart() -> None:
    """home assistant 56642."""
    stage = Stage(rule("R", on_delay="60s"))
    stage.set(a=True)
    for number in range(1, 6):
        stage.at(number * 10).set(a=True)
        stage.restart(outage_s=5)
        stage.at(number * 10).set(a=True)
    stage.at(60).tick()
    assert stage.state() is S.UNACKED


def test_an_alert_is_idle_when_it_was_true_at_boot() -> None:
    """home assistant 59812: levels count, not edges."""
    stage = Stage(rule("R"))
    stage.restart()
    stage.set(a=True, kind=FrameKind.INITIAL)
    assert stage.state() is S.UNACKED and stage.told() == ["raise"]


def test_a_cleared_alarm_is_reused() -> None:
    """thingsboard 7811: each life has its own id."""
    stage = Stage(rule("R"))
    stage.set(a=True)
    first = stage.newest.occurrence
    stage.do("ack")
    stage.at(1).set(a=False)
    stage.at(2).set(a=True)
    assert stage.newest.occurrence != first and stage.rows().count("raise") == 2


def test_a_duration_of_two_seconds_fires_after_one() -> None:
    """thingsboard 10590."""
    stage = Stage(rule("R", on_delay="2s"))
    stage.set(a=True)
    stage.at(1.999).tick()
    assert stage.state() is S.PENDING
    stage.at(2).tick()
    assert stage.state() is S.UNACKED


def test_no_or_between_conditions() -> None:
    """thingsboard 11803."""
    either = {"any": [{"point": "a", "is": True}, {"point": "b", "is": True}]}
    stage = Stage(rule("R", when=either))
    stage.set(a=False, b=True)
    assert stage.state() is S.UNACKED


def test_no_step_down() -> None:
    """thingsboard 11803: the lower level is shown again while the worst of this occurrence is kept."""
    levels = {
        "levels": [
            {"at_least": "0.1 m", "deadband": "0.01 m"},
            {"at_least": "0.3 m", "deadband": "0.01 m", "severity": "critical"},
        ]
    }
    stage = Stage(level_rule("R", "0.1 m", when=levels, severity="high"))
    stage.set(level=0.35)
    stage.at(1).set(level=0.15)
    life = stage.life()
    assert life.state is S.UNACKED and life.value == 0.15 and life.peak == 0.35
    assert life.severity.word == "critical"
    stage.at(2).set(level=0.05)
    assert stage.told() == ["raise", "recover"]


def test_no_clear_when_the_device_is_silent() -> None:
    """thingsboard 10979 asks for a clear on silence: whoever wants it says so by a rule on silence itself."""
    stage = Stage(rule("R", when={"not": {"point": "a", "stale": "30s"}}), rule("KEPT"))
    stage.set(a=True)
    assert stage.state() is S.UNACKED
    stage.at(31).tick()
    assert stage.state() is S.RTN_UNACKED, "this rule is about hearing, and nothing is heard"
    assert stage.state("KEPT") is S.UNACKED, "this one is about the value, and nobody knows that it has changed"


def test_shelves_are_lost_on_restart() -> None:
    """grafana 36099."""
    stage = Stage(rule("R"))
    stage.set(a=True)
    stage.do("shelve", comment="repair", for_ns=HOUR * SECOND)
    stage.restart(outage_s=60)
    stage.at(1).set(a=True)
    assert [mute.kind for mute in stage.life().mutes] == ["shelved"] and stage.told() == ["raise"]


@pytest.mark.parametrize("step_s", [-86_400, -HOUR, HOUR, 86_400])
@pytest.mark.parametrize("asked", ["on_delay", "off_delay"])
def test_a_clock_step_pops_or_skips_timers(step_s: int, asked: str) -> None:
    """Metaswitch chronos 85, sensu 1929, openmrn 691."""
    stage = Stage(rule("R", **{asked: "60s"}))
    stage.set(a=True)
    if asked == "off_delay":
        stage.at(1).set(a=False)
    before, told = stage.state(), stage.told()
    stage.at(30).wall += step_s * SECOND
    stage.tick()
    assert stage.state() is before and stage.told() == told
    stage.at(59.9).tick()
    assert stage.state() is before
    stage.at(61).tick()
    assert stage.state() is (S.UNACKED if asked == "on_delay" else S.RTN_UNACKED)
