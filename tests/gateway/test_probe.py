"""`anlou probe` on devices, registers and units: what an integrator sees, by content and not by layout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from gateway.cli.probe_link import Direct
from gateway.clock import VirtualClock
from gateway.model import SECOND
from simulators.pdu import Table, mapped
from tests.gateway.probe_stage import Bench, floats, meter, on_a_line, probe, served, silent_but

__all__ = ["probe"]

OWN = """
profile: acme-pump
title: {en: ACME pump controller, zh: ACME 水泵控制器}
source: [{ref: "ACME PC-4 manual v1.0", verified: doc}]
modbus: {type: uint16}
points:
  pressure_in: {address: 0, scale: 0.01, unit: bar, range: [0, 10]}
  temperature: {address: 1, unit: °C, range: [-40, 85]}
  flow: {address: 2, sentinels: {0xFFFF: not_fitted}}
  state: {address: 3, enum: {0: off, 1: running}}
  running: {address: 0, table: coil}
vectors: [{registers: {0: [210, 20, 0, 1]}, expect: {pressure_in: 2.1}}]
"""


def own_profile(folder: Path) -> Path:
    file = folder / "acme-pump.yaml"
    file.write_text(OWN)
    return file


def test_each_point_from_its_registers_to_its_quality(probe: Bench) -> None:
    with served({5: meter()}) as (server, link):
        done = probe("device", "--link", link, "--unit", 5, "--profile", "eastron-sdm630", "--json")
        assert done.code == 0, done.err
        points = {point["point"]: point for point in done.json["points"]}
        first = points["voltage_l1"]
        assert (first["table"], first["address"], first["count"], first["raw"]) == ("input", 0, 2, ["4366", "37A1"])
        assert first["value"] == pytest.approx(230.2173, rel=1e-6)
        assert (first["unit"], first["quality"], first["reason"], first["hints"]) == ("V", "good", None, [])
        assert first["rtt_ms"] > 0
        assert done.json["hints"] == []
        shown = probe("device", "--link", link, "--unit", 5, "--profile", "eastron-sdm630")
        assert shown.line("voltage_l1").split()[1:6] == ["input", "0…1", "4366", "37A1", "230.2173"]
        assert "14 of 14 points are good" in shown.out
        assert server.report()["units"][5]["functions"].keys() == {4}


def test_a_device_that_refuses_everything(probe: Bench, tmp_path: Path) -> None:
    """It is there; the profile asks for what it does not have. The numbers of the manual are told apart."""
    file = tmp_path / "p.yaml"
    text = OWN.replace("type: uint16", "type: uint16, base: 0").replace("  running: {address: 0, table: coil}\n", "")
    file.write_text(text)
    with served({5: silent_but(2)}) as (_, link):
        plain = probe("device", "--link", link, "--unit", 5, "--profile", file)
        for number in range(4):
            text = text.replace(f"address: {number},", f"address: {40001 + number},")
        file.write_text(text.replace("{0: [210", "{40001: [210"))
        trapped = probe("device", "--link", link, "--unit", 5, "--profile", file)
    assert (plain.code, trapped.code) == (1, 1)
    said = "the device refuses everything that is asked: "
    assert plain.line(said) == f"{said}another unit, table or `base`, or another profile?"
    assert trapped.line(said).startswith(
        f"{said}the addresses 40001 … 40004 look like the reference numbers of a manual"
    )
    assert "`base: ref`" in trapped.line(said)


def test_a_wrong_word_order_is_found(probe: Bench) -> None:
    with served({5: meter(swapped=True)}) as (_, link):
        done = probe("device", "--link", link, "--unit", 5, "--profile", "eastron-sdm630")
    assert done.code == 1
    assert "bad: range" in done.line("frequency")
    assert "    word_order: little would read 49.98 Hz" in done.lines
    assert done.line("for the whole device: ").startswith(
        "for the whole device: word_order: little would make 14 of 14"
    )


def test_reasons_and_what_the_description_may_have_wrong(probe: Bench, tmp_path: Path) -> None:
    unit = mapped({Table.HOLDING: {0: 210, 1: 0xFFF6, 2: 0xFFFF, 3: 9}, Table.COILS: {0: 1}})
    with served({3: unit}) as (_, link):
        done = probe("device", "--link", link, "--unit", 3, "--profile", own_profile(tmp_path), "--json")
    points = {point["point"]: point for point in done.json["points"]}
    assert done.code == 1
    assert (points["pressure_in"]["value"], points["running"]["value"]) == (2.1, True)
    assert [points[key]["reason"] for key in ("temperature", "flow", "state")] == ["range", "not_fitted", "undeclared"]
    assert "type: int16 would read -10 °C" in points["temperature"]["hints"]
    assert points["flow"]["hints"] == [], "the device itself says that there is none"


def test_one_refused_register_does_not_take_the_others(probe: Bench, tmp_path: Path) -> None:
    with served({3: mapped({Table.HOLDING: {0: 210, 1: 20, 3: 1}, Table.COILS: {0: 0}})}) as (_, link):
        done = probe("device", "--link", link, "--unit", 3, "--profile", own_profile(tmp_path))
    assert done.code == 1
    assert "bad: config" in done.line("flow")
    assert "good" in done.line("state")
    assert "exception 0x02, illegal data address" in done.out


def test_nobody_there_is_one_line(probe: Bench) -> None:
    with served({5: meter()}, absent=None) as (server, link):
        words = ("device", "--link", link, "--unit", 9, "--profile", "eastron-sdm630", "--option", "timeout=50ms")
        done = probe(*words)
        assert done.code == 1
        assert "unit 9 did not answer within 0.05 s (2 times)" in done.out
        assert server.report()["units"][9]["requests"] == 2, "silence twice, and it is left alone"
    for gone in (probe(*words), probe("registers", "--link", link, "--unit", 9, "--from", 0)):
        assert (gone.code, gone.out) == (1, "")
        assert gone.err.startswith("anlou: no connection to tcp://127.0.0.1:")
        assert len(gone.err.splitlines()) == 1


def test_registers_that_are_all_refused_are_one_line(probe: Bench) -> None:
    """And who takes the numbers of the manual for those of the wire is told."""
    with served({5: silent_but(2)}) as (_, link):
        words = ("registers", "--link", link, "--unit", 5, "--count", 40)
        plain, trapped = probe(*words, "--from", 0), probe(*words, "--from", 40001)
    assert plain.code == trapped.code == 1
    assert len(plain.lines) == 3 and plain.lines[1] == "none of them is answered:", plain.out
    assert "0x02, illegal data address" in plain.lines[2]
    assert trapped.lines[-1] == "if 40001 stands so in a manual, where 40001 is the first register: add --base ref"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["device"], "either --link ADDRESS, or --site FILE"),
        (["device", "x"], "--site FILE is missing"),
        (["device", "--link", "tcp://127.0.0.1"], "which device?"),
        (["device", "--link", "udp://1", "--unit", "1", "--profile", "keba-p30"], "--link: only tcp://"),
        (["device", "--link", "tcp://127.0.0.1", "--profile", "keba-p30"], "--unit N is missing"),
        (["device", "--link", "tcp://127.0.0.1", "--unit", "1", "--profile", "keba-p3"], "did you mean 'keba-p30'?"),
        (["device", "--link", "tcp://127.0.0.1", "--unit", "1", "--profile", "x.yaml"], "x.yaml: cannot be read"),
        (["device", "--link", "mqtt://127.0.0.1", "--profile", "openevse"], "need base, id"),
        (["device", "--link", "tcp://127.0.0.1", "--option", "timeout=5"], "--option timeout: a duration"),
        (["device", "--link", "tcp://127.0.0.1", "--option", "speed=5"], "--option speed: unknown key"),
        (["device", "--link", "tcp://127.0.0.1", "--option", "timeout"], "KEY=VALUE is expected"),
        (["device", "--link", "mqtt://10.0.0.9", "--profile", "openevse"], "use mqtts://"),
        (["device", "--site", "missing.yaml", "x"], "missing.yaml"),
        (["registers", "--link", "tcp://127.0.0.1", "--unit", "1", "--from", "x"], "--from x: a number"),
        (["registers", "--link", "tcp://127.0.0.1", "--unit", "1", "--from", "65536"], "0 to 65535"),
        (["registers", "--link", "tcp://127.0.0.1", "--unit", "1", "--from", "1", "--plausible", "5"], "LOW..HIGH"),
        (["registers", "--link", "tcp://127.0.0.1", "--unit", "1", "--from", "1", "--plausible", "9..5"], "LOW..HIGH"),
        (["registers", "--link", "mqtt://127.0.0.1", "--unit", "1", "--from", "1"], "is a broker"),
        (["units", "--link", "tcp://127.0.0.1", "--from", "9", "--to", "5"], "the lower number comes first"),
        (["topics", "--link", "tcp://127.0.0.1"], "is no broker"),
        (["topics", "--link", "mqtt://127.0.0.1", "--seconds", "0"], "--seconds 0"),
        (["record", "--out", "c.jsonl", "--link", "tcp://127.0.0.1"], "what is to be recorded?"),
    ],
)
def test_wrong_words_get_one_line(
    probe: Bench, words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = probe(*words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert list(tmp_path.glob("*.jsonl")) == []


def test_registers_and_what_they_may_be(probe: Bench) -> None:
    with served({5: meter(swapped=True)}) as (_, link):
        words = ("registers", "--link", link, "--unit", 5, "--table", "input", "--from", "0", "--count", 12)
        done = probe(*words, "--expect", 230, "--json")
        assert done.code == 0
        (first, other, *_) = done.json["runs"]
        assert (first["type"], first["order"], first["addresses"]) == ("float32", "CDAB", [0, 2, 4])
        assert first["profile"] == "type: float32, word_order: little"
        assert (other["order"], other["addresses"][0]) == ("ABCD", 1), "the trap of telegraf's issue 8151"
        assert any("off by one?" in warning for warning in done.json["warnings"])
        assert done.json["registers"][0] == {**done.json["registers"][0], "address": 0, "raw": "37A1"}
        shown = probe(*words, "--plausible", "200..250")
        assert "type: float32, word_order: little (CDAB) at 0, 2, 4: 230.2173" in shown.out


def test_a_device_that_refuses_odd_addresses_is_asked_for_even_ones(probe: Bench) -> None:
    even = meter()

    def registers(table: Table, address: int, count: int) -> object:
        return None if address % 2 or count % 2 else even(table, address, count)

    with served({5: registers}) as (_, link):  # type: ignore[dict-item]
        words = ("registers", "--link", link, "--unit", 5, "--from", "30002", "--base", "ref", "--count", 5)
        done = probe(*words, "--expect", 230, "--json")
    assert [one["raw"] for one in done.json["registers"]] == ["37A1", "4365", "8A86", "4367", "2141"]
    (first, *_) = done.json["runs"]
    assert (first["order"], first["addresses"]) == ("ABCD", [2, 4]) or first["addresses"] == [0, 2, 4]
    assert done.json["warnings"], "it may be one off, and it is"


def test_an_address_that_is_one_too_high_shows_by_the_register_before(probe: Bench) -> None:
    with served({5: meter()}) as (_, link):
        words = ("registers", "--link", link, "--unit", 5, "--table", "input", "--from", "1", "--count", 5)
        done = probe(*words, "--plausible", "200..250", "--json")
    orders = {(run["order"], run["addresses"][0]) for run in done.json["runs"]}
    assert ("ABCD", 0) in orders
    assert any("register" in warning for warning in done.json["warnings"])


def test_bits(probe: Bench) -> None:
    with served({5: mapped({Table.DISCRETE_INPUTS: {8: 1, 9: 0, 10: 1}})}) as (_, link):
        words = ("registers", "--link", link, "--unit", 5, "--table", "discrete", "--from", "8", "--count", 4)
        done = probe(*words, "--json")
    assert [one["raw"] for one in done.json["registers"]] == [1, 0, 1, None]
    assert done.json["errors"] == {"exception 0x02, illegal data address": 3}


def test_live_units_are_found_and_exceptions_are_a_sign_of_life(probe: Bench) -> None:
    holding = mapped({Table.HOLDING: {0: 7}})
    with served({2: holding, 5: meter(), 6: silent_but(4)}) as (server, link):
        done = probe("units", "--link", link, "--to", 8, "--pause", "1ms", "--json")
        assert done.code == 0
        assert {unit["unit"]: unit["exception"] for unit in done.json["units"]} == {2: None, 5: 2, 6: 4}
        assert (done.json["asked"], done.json["stopped"]) == (8, False)
        assert "illegal data address" in done.json["units"][1]["said"]
        requests = {number: unit["requests"] for number, unit in server.report()["units"].items()}
        assert requests == dict.fromkeys(range(1, 9), 1), "one question each, gateway exceptions included"
        nobody = probe("units", "--link", link, "--from", 7, "--to", 8, "--pause", "1ms")
        assert nobody.code == 1
        assert "0 of the units answer; 2 asked" in nobody.out


def test_units_on_a_serial_line_behind_a_serial_server(probe: Bench) -> None:
    with on_a_line({2: mapped({Table.HOLDING: {0: 7}}), 5: meter()}) as (_, link):
        words = ("--option", "timeout=1s", "--option", "late_within=50ms")
        found = probe("units", "--link", link, *words, "--from", 1, "--to", 3, "--pause", "1ms", "--json")
        assert [unit["unit"] for unit in found.json["units"]] == [2], found.err
        done = probe("device", "--link", link, *words, "--unit", 5, "--profile", "eastron-sdm630")
        assert done.code == 0, done.err + done.out
        assert "14 of 14 points are good" in done.out


def test_no_link_at_all_ends_the_search(probe: Bench) -> None:
    with served({2: meter()}) as (_, link):
        pass
    done = probe("units", "--link", link, "--to", 247, "--pause", "1ms")
    assert done.code == 1
    assert "no connection to" in done.err
    assert done.out == ""


def test_a_capture_is_played_again_as_it_was(probe: Bench, tmp_path: Path) -> None:
    from simulators.capture import read_capture
    from simulators.capture_play import CapturePlay
    from tests.gateway.probe_stage import behind

    file = tmp_path / "meter.jsonl"
    with served({5: meter()}) as (_, link):
        words = ("--link", link, "--unit", 5, "--profile", "eastron-sdm630")
        done = probe("record", "--out", file, *words, "--seconds", "0.3", "--every", "100ms")
        assert done.code == 0, done.err
        assert "anlou simulate --capture" in done.out
        again = probe("record", "--out", file, *words, "--seconds", "0.1")
        assert (again.code, "never written over" in again.err) == (2, True)
    assert file.stat().st_size > 100
    with behind() as thread:
        play = CapturePlay(read_capture(file), lambda: 0.0)
        ports = thread.run(play.start())
        try:
            link = f"tcp://127.0.0.1:{ports['capture']}"
            replayed = probe("device", "--link", link, "--unit", 5, "--profile", "eastron-sdm630", "--json")
            assert replayed.code == 0
            assert replayed.json["points"][0]["value"] == pytest.approx(230.2173, rel=1e-6)
        finally:
            thread.run(play.stop())


def test_what_is_recorded_of_a_sick_device(probe: Bench, tmp_path: Path) -> None:
    from simulators.capture import read_capture

    file = tmp_path / "sick.jsonl"
    with served({5: silent_but(4)}, absent=None) as (_, link):
        raw = ("--table", "input", "--from", "0", "--count", 2, "--seconds", "0.1", "--option")
        done = probe("record", "--out", file, "--link", link, "--unit", 5, *raw, "timeout=30s", "--json")
        assert (done.code, done.json["failed"]) == (1, done.json["lines"])
        assert {one.exception for one in read_capture(file).answers} == {4}
        mute = tmp_path / "mute.jsonl"
        assert probe("record", "--out", mute, "--link", link, "--unit", 6, *raw, "timeout=20ms").code == 1
        assert all(one.silent for one in read_capture(mute).answers)


def test_registers_numbered_floats_helper_matches_the_meter() -> None:
    assert floats({0: 230.0}) == {0: 0x4366, 1: 0}


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_every_locale_and_a_reader_that_leaves(locale: str, tmp_path: Path) -> None:
    anlou = Path(sys.executable).with_name("anlou")
    with served({5: meter()}) as (_, link):
        command = f"{anlou} probe device --link {link} --unit 5 --profile eastron-sdm630 | head -1"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=tmp_path,
            env={**os.environ, "LANG": locale, "LC_ALL": locale, "PYTHONUTF8": "0", "XDG_STATE_HOME": str(tmp_path)},
            capture_output=True,
            timeout=120,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"eastron-sdm630" in done.stdout


async def test_what_a_line_owes_is_no_time_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that was just opened is listened to for late answers: that second must not stand beside a point."""
    now_ns = 0

    class Line:
        def owed_ns(self, _: Question) -> int:
            return SECOND - now_ns

        async def checked_read(self, _: Question) -> bytes:
            await passed(max(0, SECOND - now_ns) + 5_000_000)
            return b"\0\1"

        def close(self) -> None:
            return

    async def passed(ns: int) -> None:
        nonlocal now_ns
        now_ns += ns

    async def opened(_: ModbusLinkOptions) -> Line:
        return Line()

    monkeypatch.setattr("gateway.cli.probe_link.open_connection", opened)
    monkeypatch.setattr("gateway.cli.probe_link.rest", passed)
    monkeypatch.setattr("gateway.cli.probe_link.host_mono_ns", lambda: now_ns)
    options = ModbusLinkOptions.model_validate({"modbus": "rtu+tcp://127.0.0.1:1"})
    reply = await Direct(options, VirtualClock(mono_ns=SECOND)).ask(Question(5, 3, 0, 1, 2))
    assert (reply.payload, reply.took_s) == (b"\0\1", 0.005)


def test_a_profile_of_another_wire(probe: Bench) -> None:
    """Told as that, not as topics that it needs."""
    done = probe("device", "--link", "tcp://127.0.0.1:1", "--unit", 6, "--profile", "milesight-em500-swl")
    assert done.code == 2
    assert done.err == "anlou: milesight-em500-swl is a profile of MQTT messages, and the link is another wire\n"
