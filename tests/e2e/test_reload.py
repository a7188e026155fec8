"""A whole gateway reads its rules anew while it polls: no poll is lost, alarms stay, the changed limit works."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.api.explained import Explained
from gateway.store.chain import verify_file
from tests.e2e.running import Anlou

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

PORTS = ("LIFTS", "GARAGE", "FIRE", "BROKER", "CHARGING", "CHARGER_EAST_1")
STARTER = Path(__file__).parents[2] / "config"
OWN = """\
- rule: T-01
  title: {{en: Lift speed, zh: 电梯速度}}
  severity: low
  class: equipment
  on: {{system: elevator, point: floor}}
  when: {{at_least: {least}}}
- rule: T-02
  title: {{en: Floor known, zh: 楼层}}
  severity: low
  class: equipment
  on: {{device: lift-1, point: floor}}
  when: {{at_least: -100}}
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[tuple[Anlou, Path]]:
    site = tmp_path / "site"
    shutil.copytree(STARTER / "demo", site)
    text = (site / "site.yaml").read_text()
    rules = re.search(r"^rules:\n(  .*\n)+", text, re.MULTILINE)
    assert rules is not None
    assert "  packs:" in rules[0] and "  files:" not in rules[0]
    (site / "site.yaml").write_text(text.replace(rules[0], f"{rules[0]}  files: [own.yaml]\n"))
    (site / "own.yaml").write_text(OWN.format(least=500))
    with Anlou("simulate", "calm-day", cwd=tmp_path) as building:
        building.wait_for_line("^ready")
        ports = dict(line.split("=") for line in building.lines if line.startswith("ANLOU_"))
        data = tmp_path / "d"
        data.mkdir()
        made = subprocess.run(
            [anlou(), "token", "create", "--role", "engineer", "--name", "e", "--data", data],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        started = Anlou("run", "--site", site / "site.yaml", "--data", data, "--port", "0", cwd=tmp_path, env=ports)
        with started as running:
            running.ready()
            running.use_token(made.stdout.strip())
            yield running, tmp_path


def anlou() -> str:
    return str(Path(sys.executable).with_name("anlou"))


def rows(running: Anlou, kind: str) -> list[dict[str, Any]]:
    return [event for event in running.events() if event["kind"] == kind]


def test_good_and_broken_files_while_it_polls(gateway: tuple[Anlou, Path]) -> None:
    running, folder = gateway
    own, data = folder / "site" / "own.yaml", folder / "d"
    standing = running.wait_until("the alarm that stands", lambda: running.alarm("T-02", "lift-1"))
    assert running.alarm("T-01") is None
    (begun,) = rows(running, "start")

    # a broken file: nothing is different
    own.write_text(OWN.format(least="high"))
    running.process.send_signal(signal.SIGHUP)
    (refused,) = running.wait_until("the refusal", lambda: rows(running, "reload_refused"))
    assert refused["by"] == "signal" and refused["body"]["count"] == 1
    assert re.search(r"own\.yaml:6:\d+: ", refused["body"]["problems"][0])
    asked = running.http().post("/api/v1/reload")
    assert asked.status_code == 409 and asked.json()["errors"][0]["loc"][1] == "6"
    told = subprocess.run([anlou(), "reload", "--data", data], capture_output=True, text=True, check=False)
    assert told.returncode == 2 and "own.yaml:6:" in told.stderr
    running.wait_until("the gateway's own point", lambda: point(running, "reload_refused") is True)

    # what needs a restart: the sentence names it, and nothing is different either
    site = folder / "site" / "site.yaml"
    whole = site.read_text()
    own.write_text(OWN.format(least=-100))
    site.write_text(whole.replace("timezone: Asia/Shanghai", "timezone: Europe/Berlin"))
    told = subprocess.run([anlou(), "reload", "--data", data], capture_output=True, text=True, check=False)
    assert told.returncode == 2 and "timezone" in told.stderr and "restart" in told.stderr
    assert running.alarm("T-01") is None
    site.write_text(whole)

    # a good one
    said = subprocess.run([anlou(), "reload", "--check", "--data", data], capture_output=True, text=True, check=False)
    assert said.returncode == 0 and "changed: T-01" in said.stdout, said
    assert not rows(running, "reload")
    running.process.send_signal(signal.SIGHUP)
    (done,) = running.wait_until("the reload", lambda: rows(running, "reload"))
    body = done["body"]
    assert body["was"] == begun["body"]["config"] and body["config"] != body["was"]
    assert (body["added"], body["removed"], body["changed"], body["changed_rules"]) == (0, 0, 1, ["T-01"])
    running.wait_until("the changed limit", lambda: running.alarm("T-01", "lift-1"))
    still = running.alarm("T-02", "lift-1")
    assert still is not None and still["occurrence"] == standing["occurrence"]
    assert not [event for event in running.events() if event["kind"] in ("hold", "reraise") and event["rule"] == "T-02"]
    running.wait_until("the gateway's own point", lambda: point(running, "reload_refused") is False)

    # again and again: a rule that goes closes its alarm, what the API shows follows
    for _ in range(3):
        own.write_text(OWN.format(least=-100).split("- rule: T-02")[0])
        assert running.http().post("/api/v1/reload").json()["removed"] == ["T-02"]
        assert "T-02" not in {rule["rule"] for rule in running.items("/api/v1/rules")}
        assert running.alarm("T-02") is None
        own.write_text(OWN.format(least=-100))
        assert running.http().post("/api/v1/reload").json()["added"] == ["T-02"]
        assert running.alarm("T-02", "lift-1"), "the floor is known, so it is judged at once"
    closed = [event["body"]["reason"] for event in running.events() if event["kind"] == "close"]
    assert closed == ["rule_removed"] * 3
    running.kill()

    with closing(sqlite3.connect(data / "tele.db")) as log:
        positions = [position for (position,) in log.execute("SELECT position FROM log ORDER BY position")]
        polls = log.execute(
            "SELECT mono_ns FROM log JOIN device ON device.id = log.device WHERE name = 'lift-1' ORDER BY position"
        ).fetchall()
    assert positions == list(range(1, len(positions) + 1)), "a frame that was judged is not in the log"
    assert max(after - before for (before,), (after,) in pairwise(polls)) < 10e9
    assert verify_file(data / "alarm.db")[0] > 0


def test_why(gateway: tuple[Anlou, Path]) -> None:
    """Of an alarm that stands, of a rule that raised nothing, by API and command, with and without a gateway."""
    running, folder = gateway
    data, site = folder / "d", folder / "site" / "site.yaml"
    alarm = running.wait_until("the alarm that stands", lambda: running.alarm("T-02", "lift-1"))

    def live() -> Explained | None:
        """With a good value: a poll that a busy machine has missed makes none."""
        explained = Explained.model_validate(running.get(f"/api/v1/alarms/{alarm['occurrence']}/explain"))
        assert explained.judged == "live" and explained.condition is not None
        return explained if explained.condition.inputs[0].quality == "good" else None

    explained = running.wait_until("why, with a good value", live)
    (read,) = explained.condition.inputs
    assert (read.device, read.point, read.quality) == ("lift-1", "floor", "good")
    assert (explained.condition.answer, explained.condition.limit) == ("true", -100)
    assert [row.kind for row in explained.transitions] == ["raise"]
    told = running.wait_until(
        "the notice",
        lambda: [
            one
            for one in running.get(f"/api/v1/alarms/{alarm['occurrence']}/explain")["notices"]
            if one["state"] == "delivered"
        ],
    )
    (one,) = told  # what stands at a start is told in one digest
    assert (one["reason"], one["channel"]) in {("raise", "log"), ("digest", "log")} and one["attempts"] == 1

    now = running.get("/api/v1/explain", rule="T-01", source="lift-1")
    assert now["judged"] == "live" and now["condition"]["answer"] == "false"
    assert now["reasons"][1]["zh"].startswith("与限值比较：lift-1 floor = ")
    at = running.get("/api/v1/site")["now"]
    then = Explained.model_validate(running.get("/api/v1/explain", rule="T-01", source="lift-1", at=at))
    assert then.judged == "stored" and (then.frames or 0) > 0 and then.damaged == 0
    assert then.condition is not None and then.condition.answer == "false" and then.condition.since is not None
    refused = running.http().get("/api/v1/explain", params={"rule": "T-99", "source": "lift-1"})
    assert refused.status_code == 404 and "T-99" in refused.json()["detail"]

    later = running.http().get(
        "/api/v1/explain", params={"rule": "T-01", "source": "lift-1", "at": "2099-01-01T00:00:00Z"}
    )
    assert later.status_code == 404 and later.json()["detail"] == "that time has not come yet"
    slip = running.http().get("/api/v1/explain", params={"rule": "T-1", "source": "lift-1"})
    assert "did you mean 'T-01'?" in slip.json()["detail"]

    shown = said("explain", "T-01", "lift-1", "--data", data, "--language", "en")
    assert "the condition is FALSE" in shown and "limit 500 → FALSE" in shown
    assert "at_least: 500" in said("explain", "T-01", "lift-1", "--at", at, "--data", data, "--language", "en")
    local = f"{datetime.fromisoformat(at).astimezone(ZoneInfo('Asia/Shanghai')):%Y-%m-%dT%H:%M:%S}"
    told = said("explain", "T-01", "lift-1", "--at", local, "--data", data, "--language", "en")
    assert f"{local} is the site's time (Asia/Shanghai): {local}+08:00\n" in told and "limit 500 → FALSE" in told
    running.kill()
    assert f"{local} 按站点时区" in said("explain", "T-01", "lift-1", "--at", local, "--data", data, "--site", site)
    offline = said("explain", "T-01", "lift-1", "--at", at, "--data", data, "--site", site, "--language", "en")
    assert "limit 500 → FALSE, since" in offline or "limit 500 → FALSE since" in offline, offline
    lone = said("explain", alarm["occurrence"], "--data", data, "--site", site)
    assert "→ 成立" in lone and "报警（raise）" in lone and "已送达（delivered）" in lone
    none = subprocess.run([anlou(), "explain", "T-01", "lift-1", "--data", data], capture_output=True, check=False)
    assert none.returncode == 73


def said(*words: object) -> str:
    env = {**os.environ, **{f"ANLOU_PORT_{link}": str(1502 + number) for number, link in enumerate(PORTS)}}
    done = subprocess.run([anlou(), *map(str, words)], capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done
    return done.stdout


def point(running: Anlou, name: str) -> Any:
    items = running.items("/api/v1/devices/gateway/points")
    return next(item["value"] for item in items if item["point"] == name)
