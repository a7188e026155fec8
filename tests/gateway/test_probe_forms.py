"""Devices of the rarer forms on the bench: variants, computed points, several unit numbers; and being interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.probe_link import RunningGateway
from simulators.pdu import Table, mapped
from tests.e2e.running import Anlou
from tests.gateway.probe_stage import Bench, meter, probe, served

__all__ = ["probe"]

CHARGER = """
profile: acme-charger
title: {en: ACME charger, zh: ACME 充电机}
source: [{ref: "ACME CH manual v2, with the note on firmware 1.2", verified: doc}]
modbus: {type: uint16, units: {station: 200}}
identity:
  model: {address: 100}
points:
  voltage: {address: 0, scale: 0.1, unit: V, range: [0, 300]}
  station_state: {address: 0, at_unit: station, enum: {0: idle, 1: serving}}
  energy: {address: 2, unit: kWh}
computed:
  half: {expr: "voltage / 2", unit: V}
variants:
  - {variant: old, when: {model: [1]}, points: {energy: {scale: 0.1}}}
  - {variant: new, when: {model: [2]}}
vectors: [{registers: {0: [2302], 2: [500], 100: [2]}, expect: {voltage: 230.2, energy: 500}}]
"""


@pytest.fixture
def charger(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "acme-charger.yaml"
    file.write_text(CHARGER)
    yield file


@pytest.mark.parametrize(("model", "variant", "energy"), [(1, "old", 50.0), (2, "new", 500)])
def test_the_variant_that_it_turns_out_to_be(
    probe: Bench, charger: Path, model: int, variant: str, energy: float
) -> None:
    units = {
        3: mapped({Table.HOLDING: {0: 2302, 2: 500, 100: model}}),
        200: mapped({Table.HOLDING: {0: 1}}),
    }
    with served(units) as (_, link):
        done = probe("device", "--link", link, "--unit", 3, "--profile", charger, "--json")
    points = {point["point"]: point for point in done.json["points"]}
    assert done.code == 0, done.out + done.err
    assert done.json["variant"] == variant
    assert (points["energy"]["value"], points["voltage"]["value"]) == (energy, 230.2)
    assert (points["half"]["value"], points["half"]["address"]) == (115.1, None)
    assert (points["station_state"]["value"], points["station_state"]["unit_number"]) == ("serving", 200)


def test_none_of_the_variants(probe: Bench, charger: Path) -> None:
    units = {3: mapped({Table.HOLDING: {0: 2302, 2: 500, 100: 7}}), 200: mapped({Table.HOLDING: {0: 1}})}
    with served(units) as (_, link):
        done = probe("device", "--link", link, "--unit", 3, "--profile", charger)
    assert done.code == 1
    assert "none of the variants of acme-charger fits: it says model = 7" in done.out


@pytest.mark.e2e
def test_ctrl_c_shows_what_was_found_so_far(tmp_path: Path) -> None:
    with served({1: meter(), 2: meter()}) as (_, link):
        words = ("probe", "units", "--link", link, "--to", "247", "--pause", "300ms")
        with Anlou(*words, cwd=tmp_path, env={"XDG_STATE_HOME": str(tmp_path)}) as running:
            running.wait_for_line("^unit 2: answers")
            assert running.interrupt() == 0
    assert "then stopped" in running.output
    assert "2 of the units answer" in running.output


@pytest.mark.parametrize(
    ("asked", "owned"),
    [
        ("tcp://127.0.0.1:502", "tcp://localhost:502"),
        ("tcp://[::1]:502", "tcp://127.0.0.1:502"),
        ("rtu+tcp://10.0.0.7:502", "tcp://10.0.0.7:502"),
        ("rtu:///dev/../dev/ttyUSB0", "rtu:///dev/ttyUSB0"),
    ],
)
def test_the_same_endpoint_by_other_names(asked: str, owned: str) -> None:
    gateway = RunningGateway(Path("d"), "s", "x", {"bus": {"doors": ["tcp://10.0.0.9:502", owned]}})
    assert gateway.owner_of([asked]) == "bus"
    assert gateway.owner_of(["tcp://10.0.0.7:503", "rtu:///dev/ttyUSB1"]) is None
