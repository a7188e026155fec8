"""docs/probe.md shows what the bench says: its commands run, and their lines come out."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from drivers.bench.topics import Topics
from simulators.capture import read_capture
from simulators.capture_play import CapturePlay
from tests.gateway.probe_stage import Bench, behind, probe

__all__ = ["probe"]

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/probe.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```console\n\$ anlou probe (.*?)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
DEVICES = {"10.0.0.7:502": "sdm630-words-turned", "10.0.0.8:502": "refused-block"}


def plain(line: str) -> str:
    """A line without what differs from run to run: times, and the width of columns."""
    return " ".join(re.sub(r"\d+ ms", "N ms", line).split())


@pytest.mark.parametrize(("words", "shown"), [one for one in EXAMPLES if "mqtt://" not in one[0]])
def test_what_the_page_shows_comes_out(probe: Bench, words: str, shown: str) -> None:
    address = next(address for address in DEVICES if address in words)
    case = ROOT / "tests/cases" / DEVICES[address]
    with behind() as thread:
        play = CapturePlay(read_capture(case / "capture.jsonl"), lambda: 0.0)
        (port,) = thread.run(play.start()).values()
        try:
            real = words.replace(address, f"127.0.0.1:{port}")
            real = real.replace("acme-pump.yaml", f"{case}/profiles/acme-pump.yaml")
            done = probe(*shlex.split(real), *(["--pause", "1ms"] if words.startswith("units") else []))
        finally:
            thread.run(play.stop())
    said = [plain(line.replace(f"127.0.0.1:{port}", address)) for line in done.lines]
    for line in shown.splitlines():
        assert plain(line) in said, f"{line!r} is not in what comes out:\n{done.out}{done.err}"


def test_the_broker_s_example() -> None:
    """Its lines, from the same messages without a broker (tests/mqtt has a real one)."""
    (words, shown) = next(one for one in EXAMPLES if "mqtt://" in one[0])
    from drivers.bench.matching import matches
    from gateway.cli.probe_target import Target, _link_options
    from gateway.cli.probe_topics import _lines, mqtt_profiles

    topics = Topics()
    for number, eui in enumerate(("24e124454d083401", "24e124454d083402")):
        message = {
            "time": "2026-07-30T10:15:00Z",
            "deviceInfo": {"devEui": eui},
            "object": {"depth": 10 + number, "battery": 98},
        }
        topics.take(f"application/riverside/device/{eui}/event/up", json.dumps(message).encode(), number)
    target = Target("mqtt://127.0.0.1", _link_options("mqtt://127.0.0.1", []))
    lines = _lines(target, topics, topics.groups(), matches(mqtt_profiles([]), topics.heard))
    said = [plain(line) for line in lines]
    for line in shown.splitlines():
        assert plain(line) in said, f"{line!r} is not in {said}"
    assert "topics" in words


def test_the_page_s_capture_is_one(tmp_path: Path) -> None:
    (lines,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    file = tmp_path / "c.jsonl"
    file.write_text(lines)
    answers = read_capture(file).answers
    assert [(one.values, one.exception, one.silent) for one in answers] == [
        ((0x4366, 0x3333), None, False),
        ((0, 1, 1, 0), None, False),
        ((), 2, False),
        ((), None, True),
    ]


def test_every_sub_command_is_on_the_page() -> None:
    from gateway.cli.probe import BENCH

    for name in BENCH:
        assert f"`probe {name}`" in PAGE
