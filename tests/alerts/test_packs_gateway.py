"""What the gateway pack says of the gateway itself, its links and its historian."""

from __future__ import annotations

import pytest

from alerts.rule import Rule
from gateway.model import AlarmState as S
from gateway.model import Severity, Truth, Value
from tests.alerts.building import Table, gateway, pack, table
from tests.alerts.playing import Play

WELL: dict[str, Value] = {
    "disk_used": 40.0,
    "outbox_pending": 0,
    "queue_depth": 3,
    "loop_lag": 0.01,
    "samples_dropped": False,
    "historian/sink_behind": 2.0,
    "historian/sink_refused": False,
    "historian/sink_lost": False,
    "garage/link_up": True,
    "broker/link_up": True,
    **{f"broker/{name}": False for name in ("data_gap", "poison", "unknown_device", "conflict")},
    "health": "online",
}


def shown(**values: Value) -> Table:
    one = table([Rule.model_validate(each) for each in pack("gateway")], [gateway()])
    one.set(0, "gateway", {**WELL, **values})
    return one


def raised(one: Table) -> set[str]:
    sources = ("gateway", "gateway/historian", "gateway/garage", "gateway/broker")
    every = [(rule, source) for rule, source in one.by_key if source in sources]
    return {f"{rule} {source}" for rule, source in every if one.truth(rule, source)}


@pytest.mark.parametrize(
    ("point", "value", "expected"),
    [
        ("disk_used", 84.9, set()),
        ("disk_used", 85.0, {"GW-03 gateway"}),
        ("historian/sink_behind", 60.0, set()),
        ("historian/sink_behind", 60.1, {"GW-04 gateway/historian"}),
        ("queue_depth", 10_000, set()),
        ("queue_depth", 10_001, {"GW-11 gateway"}),
        ("loop_lag", 1.0, set()),
        ("loop_lag", 1.1, {"GW-11 gateway"}),
        ("broker/data_gap", True, {"GW-13 gateway/broker"}),
        ("broker/link_up", False, {"GW-14 gateway/broker"}),
        ("garage/link_up", False, {"GW-14 gateway/garage"}),
        ("broker/poison", True, {"GW-15 gateway/broker"}),
        ("broker/unknown_device", True, {"GW-16 gateway/broker"}),
        ("broker/conflict", True, {"GW-17 gateway/broker"}),
        ("historian/sink_refused", True, {"GW-18 gateway/historian"}),
        ("historian/sink_lost", True, {"GW-18 gateway/historian"}),
        ("samples_dropped", True, {"GW-19 gateway"}),
        ("health", "offline", {"GW-01 gateway"}),
    ],
)
def test_each_rule_has_its_own_case(point: str, value: Value, expected: set[str]) -> None:
    assert raised(shown()) == set()
    assert raised(shown(**{point: value})) == expected


@pytest.mark.parametrize(("used", "severity"), [(94.9, Severity.LOW), (95.0, Severity.HIGH), (99.0, Severity.HIGH)])
def test_a_nearly_full_disk_and_a_full_one(used: float, severity: Severity) -> None:
    assert shown(disk_used=used).severity("GW-03", "gateway") is severity


@pytest.mark.parametrize(("used", "truth"), [(83.0, True), (82.9, False)])
def test_the_disk_s_deadband(used: float, truth: Truth) -> None:
    one = shown(disk_used=86.0)
    one.set(10, "gateway", {"disk_used": used})
    assert one.truth("GW-03", "gateway") is truth


def test_a_link_that_is_back_within_ten_seconds_is_no_alarm() -> None:
    play = Play(pack("gateway"), [gateway()])
    play.at(0).set("gateway", **WELL)
    play.at(10).set("gateway", **{"broker/link_up": False})
    play.at(19).set("gateway", **{"broker/link_up": True})
    play.at(100).set("gateway", **{"broker/link_up": False})
    assert play.state("GW-14", "gateway/broker") is S.PENDING
    play.at(110).tick()
    assert play.told == [("raise", "GW-14", "gateway/broker")]


def test_a_row_of_bad_messages_is_one_alarm() -> None:
    """True for a minute after each; the off-delay joins those that come less than two minutes apart."""
    play = Play(pack("gateway"), [gateway()])
    for begin in range(0, 1100, 110):
        play.at(begin).set("gateway", **{"broker/poison": True})
        play.at(begin + 60).set("gateway", **{"broker/poison": False})
    assert play.told == [("raise", "GW-15", "gateway/broker")]


def test_the_gateway_s_own_rules_have_no_companions() -> None:
    play = Play(pack("gateway"), [gateway()])
    assert not [view for view in play.engine.rules_view() if view.rule.endswith("protection_lost")]
