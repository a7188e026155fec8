"""`anlou test-rules` and `anlou replay` as commands: exit codes, places, XML, and a folder that stays as it is."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from gateway.model import SECOND, Frame, Instant
from gateway.store.journal import Journal
from gateway.store.samples import Samples
from tests.gateway.test_cli import anlou

GARAGE = Path(__file__).parents[1] / "rehearsal" / "garage" / "site.yaml"
CASES = Path(__file__).parents[1] / "cases"
GOOD = "- test: t\n  steps:\n    - {at: 0s, set: {sump.floor_level: 0.12 m}}\n    - {at: 30s, expect: {W-1/sump: %s}}\n"


def test_a_good_file_is_0_a_failing_one_1_a_wrong_one_2(tmp_path: Path) -> None:
    for state, code, words in (("unacked", 0, "1 tests, 0 failed"), ("normal", 1, "expected normal, got unacked")):
        (tmp_path / "t.yaml").write_text(GOOD % state)
        done = anlou("test-rules", "t.yaml", "--site", GARAGE, cwd=tmp_path)
        assert (done.returncode, words in done.stdout) == (code, True), done.stdout + done.stderr
    (tmp_path / "t.yaml").write_text(GOOD % "unackd")
    done = anlou("test-rules", "t.yaml", "--site", GARAGE, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("t.yaml:4:")
    assert "did you mean 'unacked'?" in done.stderr
    for wrong in ("missing.yaml", "."):
        assert anlou("test-rules", wrong, cwd=tmp_path).returncode == 2


def test_json_coverage_and_junit(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(GOOD % "normal")
    done = anlou("test-rules", "t.yaml", "--site", GARAGE, "--json", "--coverage", "--junit", "out.xml", cwd=tmp_path)
    assert done.returncode == 1
    body = json.loads(done.stdout)
    assert body["ok"] is False
    assert body["tests"][0]["failures"][0]["line"] == 4
    assert "W-2" in body["coverage"]["never_raised"]
    assert Xml.parse(tmp_path / "out.xml").getroot().find(".//failure") is not None
    cannot = anlou("test-rules", "t.yaml", "--site", GARAGE, "--junit", "no/out.xml", cwd=tmp_path)
    assert cannot.returncode == 73


def test_the_starter_has_tests_that_run_where_they_are_copied(tmp_path: Path) -> None:
    assert anlou("init", "mine", cwd=tmp_path).returncode == 0
    done = anlou("test-rules", "mine/demo/tests.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


# --- replay


async def stored(folder: Path) -> None:
    """An hour of the sump: three times more than 10 cm, once more than 20 cm, each for two minutes."""
    from gateway.cli.check import AssumedPorts
    from gateway.config.load import load_site

    site = load_site(GARAGE, AssumedPorts({}, {}))
    layout = next(one for one in site.assignments["pumps"].layouts if one.points[0].name == "floor_level")
    samples = Samples.open(folder / "tele.db")
    wall = 1_767_225_600 * SECOND
    for second in range(3600):
        minute = second // 60
        level = 0.22 if minute in (40, 41) else 0.12 if minute in (10, 11, 25, 26) else 0.0
        at = Instant(second * SECOND, wall + second * SECOND)
        waiting = samples.append(samples.reserve(), Frame(layout, [level], at))
        if waiting is not None:
            await waiting
    await samples.close()


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    await stored(folder)
    journal = Journal.open(folder / "alarm.db", [])
    await journal.close()
    return folder


def test_replay_says_what_would_have_come_and_touches_nothing(data: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    done = anlou("replay", "--data", data, "--site", GARAGE, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout)
    assert body["frames"] == 3600
    (alarm,) = [one for one in body["alarms"] if one["rule"] == "W-1"]
    assert len(alarm["only_would"]) == 3
    began = 1_767_225_600 * SECOND
    assert alarm["only_would"][0] == began + (600 + 30) * SECOND, "its delay is sat out"
    assert {path.name: path.read_bytes() for path in data.iterdir() if path.name in before} == before
    text = anlou("replay", "--data", data, "--site", GARAGE, cwd=tmp_path).stdout
    assert "W-1/sump: came 0×, would come 3×" in text
    assert "only with these rules: 2026-01-01 08:10:30" in text


def test_alarms_a_week_by_candidate(data: Path, tmp_path: Path) -> None:
    vary = "W-1.when.at_least=0.05m,0.2 m,0.5m"
    done = anlou("replay", "--data", data, "--site", GARAGE, "--vary", vary, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    counted = {one["value"]: one["alarms"] for one in json.loads(done.stdout)["candidates"]}
    assert counted == {"0.05m": 3, "0.2 m": 1, "0.5m": 0}
    week = json.loads(done.stdout)["candidates"][0]["per_week"]
    assert week == pytest.approx(3 * 7 * 86400 / 3599)


def test_a_span_and_rules_of_a_file(data: Path, tmp_path: Path) -> None:
    span = ("--from", "2026-01-01T08:20", "--to", "2026-01-01T08:35")
    done = anlou("replay", "--data", data, "--site", GARAGE, *span, "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["frames"] == 901
    asked = json.loads(done.stdout)["asked"]
    assert asked["from"] == "2026-01-01T08:20:00 is the site's time (Asia/Shanghai): 2026-01-01T08:20:00+08:00"
    zoned = ("--from", "2026-01-01T00:20Z", "--to", "2026-01-01T00:35Z")
    same = anlou("replay", "--data", data, "--site", GARAGE, *zoned, "--json", cwd=tmp_path)
    assert json.loads(same.stdout) == {**json.loads(done.stdout), "asked": {}}
    shown = anlou("replay", "--data", data, "--site", GARAGE, *span, cwd=tmp_path).stdout
    assert shown.startswith("--from 2026-01-01T08:20:00 is the site's time (Asia/Shanghai)")
    own = GARAGE.with_name("rules.yaml").read_text().replace("at_least: 0.10 m", "at_least: 0.15 m")
    (tmp_path / "mine.yaml").write_text(own)
    done = anlou("replay", "--data", data, "--site", GARAGE, "--rules", "mine.yaml", "--json", cwd=tmp_path)
    (alarm,) = [one for one in json.loads(done.stdout)["alarms"] if one["rule"] == "W-1"]
    assert len(alarm["only_would"]) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--vary", "W-9.when.at_least=1m"), 2, "unknown rule 'W-9'"),
        (("--vary", "W-1.when.at_least=1"), 2, "W-1: "),
        (("--vary", "W-1"), 2, "RULE.PATH=VALUE"),
        (("--from", "yesterday"), 2, "2026-11-23T13:30"),
        (("--rules", "missing.yaml"), 2, "missing.yaml"),
    ],
)
def test_wrong_words(data: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    done = anlou("replay", "--data", data, "--site", GARAGE, *arguments, cwd=tmp_path)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr


def test_nothing_there(tmp_path: Path) -> None:
    done = anlou("replay", "--data", tmp_path / "none", "--site", GARAGE, cwd=tmp_path)
    assert (done.returncode, "no samples are stored" in done.stderr) == (73, True)
    assert not (tmp_path / "none").exists()


def test_a_capture_is_read_by_the_drivers(tmp_path: Path) -> None:
    case = CASES / "gully-poison"
    rules = tmp_path / "rules.yaml"
    text = GARAGE.with_name("rules.yaml").read_text()
    own = "- rule: W-1" + text.split("- rule: W-1")[1].split("- rule:")[0]
    rules.write_text(own.replace("on_delay: 30s", "on_delay: 0s").replace("0.10 m", "3 cm"))
    arguments = ("--capture", case / "capture.jsonl", "--site", case / "site.yaml", "--rules", rules)
    done = anlou("replay", *arguments, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    alarms = [(one["rule"], one["source"]) for one in json.loads(done.stdout)["alarms"]]
    assert alarms == [("W-1", "gully")]
    elsewhere = CASES / "sdm630-words-turned" / "capture.jsonl"
    other = anlou("replay", "--capture", elsewhere, "--site", GARAGE, cwd=tmp_path)
    assert (other.returncode, "the site has" in other.stderr) == (2, True)
