"""Smoke and the panel: pre-alarm before alarm, an alarm stays until the reset, a disabled point shows nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import fire
from simulators.fire import Detector, Module, Panel, extinguish, ignite, reset

PANEL = Panel(
    {"L1D1": Detector("flat"), "L1D2": Detector("flat", 90.0), "L1D3": Detector("garage")}, {"L1M1": Module("garage")}
)
TURNS = st.lists(
    st.tuples(
        st.sampled_from(
            ["nothing", "ignite flat", "ignite garage", "out flat", "out garage", "reset", "disable", "enable"]
        ),
        st.integers(1, 200),
    ),
    max_size=10,
)


def turned(panel: Panel, turn: str) -> Panel:
    word, _, zone = turn.partition(" ")
    match word:
        case "ignite":
            return ignite(panel, zone)
        case "out":
            return extinguish(panel, zone)
        case "reset":
            return reset(panel)
        case "disable" | "enable":
            return panel.with_detector("L1D1", replace(panel.detectors["L1D1"], disabled=word == "disable"))
    return panel


def run(panel: Panel, seconds: int) -> Panel:
    for _ in range(seconds):
        panel = fire.step(panel, 1.0)
    return panel


@settings(max_examples=60, deadline=None)
@given(TURNS)
def test_what_was_seen_stays_and_nothing_is_seen_without_smoke(turns: list[tuple[str, int]]) -> None:
    panel = PANEL
    for turn, steps in turns:
        panel = turned(panel, turn)
        for _ in range(steps):
            before, panel = panel, fire.step(panel, 1.0)
            for name, now in panel.detectors.items():
                then = before.detectors[name]
                assert 0 <= now.smoke <= fire.DENSEST
                assert now.fire or not then.fire
                if now.fire and not then.fire:
                    assert now.smoke >= fire.ALARM - 1e-6
                    assert not now.disabled
                assert not (now.fire and now.prealarm)
                if now.zone in before.burning:
                    assert now.smoke >= then.smoke
                elif then.smoke:
                    assert now.smoke < then.smoke


def test_a_fire_is_seen_where_it_burns_and_later_farther_away() -> None:
    burning = ignite(PANEL, "flat")
    assert not run(burning, 60).detectors["L1D1"].prealarm
    early = run(burning, 90)
    assert (early.detectors["L1D1"].prealarm, early.detectors["L1D1"].fire) == (True, False)
    assert [each.fire for each in run(burning, 121).detectors.values()] == [True, False, False]
    assert [each.fire for each in run(burning, 211).detectors.values()] == [True, True, False]


def test_a_reset_clears_what_has_passed_and_only_that() -> None:
    burning = run(ignite(PANEL, "flat"), 300)
    assert [each.fire for each in run(reset(burning), 1).detectors.values()] == [True, True, False]
    out = run(extinguish(burning, "flat"), 1200)
    assert out.detectors["L1D1"].fire
    assert out.detectors["L1D1"].smoke == 0
    clear = run(reset(out), 1)
    assert not any(each.fire or each.prealarm for each in clear.detectors.values())
    assert run(clear, 10) is clear  # nothing moves in a quiet house


def test_a_disabled_or_missing_detector_sees_nothing() -> None:
    for change in ("disabled", "missing"):
        blind = PANEL.with_detector("L1D1", replace(PANEL.detectors["L1D1"], **{change: True}))
        later = run(ignite(blind, "flat"), 200)
        assert not (later.detectors["L1D1"].fire or later.detectors["L1D1"].prealarm)
        assert later.detectors["L1D2"].prealarm
        seeing = later.with_detector("L1D1", replace(later.detectors["L1D1"], **{change: False}))
        assert run(seeing, 1).detectors["L1D1"].fire


def test_a_second_fire_in_a_burning_zone_changes_nothing() -> None:
    burning = run(ignite(PANEL, "flat"), 50)
    assert ignite(burning, "flat") == burning
    assert burning.zones == ("flat", "garage")
    assert burning.burning == {"flat": pytest.approx(50)}
