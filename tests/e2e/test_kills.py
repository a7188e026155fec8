"""kill -9 in the storm: what was acknowledged is there, nothing is raised or announced twice."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gateway.store.chain import verify_file
from tests.e2e.running import Anlou

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

OPEN = ("occurrence", "rule", "source", "state", "acked_by", "raised_at", "severity")


def start(tmp_path: Path, speed: int = 20) -> Anlou:
    return Anlou("demo", "--scenario", "storm-night", "--speed", str(speed), "--data", tmp_path / "data", cwd=tmp_path)


def open_alarms(running: Anlou) -> dict[str, dict[str, Any]]:
    return {item["occurrence"]: item for item in running.items("/api/v1/alarms", limit=500)}


def journal(tmp_path: Path) -> list[tuple[str, str, str, str]]:
    """(kind, rule, source, occurrence) of each row, read from the file itself while nobody runs."""
    with sqlite3.connect(tmp_path / "data" / "alarm.db") as connection:
        rows = connection.execute("SELECT kind, rule, source, occurrence FROM event ORDER BY seq").fetchall()
    connection.close()
    return rows


def assert_told_once(tmp_path: Path) -> None:
    rows = journal(tmp_path)
    raises = Counter(occurrence for kind, _, _, occurrence in rows if kind == "raise")
    assert max(raises.values(), default=0) <= 1, raises
    alive: set[tuple[str, str]] = set()
    for kind, rule, source, occurrence in rows:
        if kind == "raise":
            assert (rule, source) not in alive, f"{rule} on {source} raised again as {occurrence} while it was open"
            alive.add((rule, source))
        elif kind == "close":
            alive.discard((rule, source))
    with sqlite3.connect(tmp_path / "data" / "alarm.db") as connection:
        notices = [json.loads(text) for (text,) in connection.execute("SELECT json FROM outbox")]
    connection.close()
    announced = Counter(one["occurrence"]["occurrence"] for one in notices if one["reason"] == "raise")
    assert max(announced.values(), default=1) == 1, announced


def test_a_killed_gateway_comes_back_as_it_was(tmp_path: Path) -> None:
    with start(tmp_path) as first:
        first.wait_until("WA-01", lambda: first.alarm("WA-01", "water-east"))
        alarm = first.wait_until("the tripped pump", lambda: first.alarm("WA-08", "water-east/pump-1"))
        ack = f"/api/v1/alarms/{alarm['occurrence']}/ack"
        answer = first.http().post(ack, json={"expected_seq": alarm["seq"]})
        while answer.status_code == 409:  # it has moved on since it was read
            seq = first.get(f"/api/v1/alarms/{alarm['occurrence']}")["seq"]
            answer = first.http().post(ack, json={"expected_seq": seq})
        assert answer.status_code == 200, answer.text
        before = open_alarms(first)
        first.kill()
    with start(tmp_path) as second:
        second.ready()
        for occurrence, was in before.items():
            now = second.get(f"/api/v1/alarms/{occurrence}")
            if occurrence == alarm["occurrence"]:
                assert (now["state"], now["acked_by"]) == ("acked", "demo-1")
            assert [now[key] for key in ("rule", "source", "raised_at")] == [
                was[key] for key in ("rule", "source", "raised_at")
            ]
        # the storm goes on where it stood, and so do the delays: the higher stages still come
        second.wait_until("WA-03", lambda: second.alarm("WA-03", "water-east"))
        second.kill()
    assert_told_once(tmp_path)


@pytest.mark.long
def test_twenty_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    rng = random.Random(20)
    acked: dict[int, dict[str, Any]] = {}  # the journal's number of the ack → what the gateway answered with 200
    known: set[str] = set()
    for _ in range(20):
        with start(tmp_path, speed=40) as running:
            running.ready()
            life_ends = time.monotonic() + rng.uniform(0.2, 3)
            assert_kept(running, acked, known)
            while time.monotonic() < life_ends:
                for occurrence, alarm in open_alarms(running).items():
                    known.add(occurrence)
                    if alarm["state"] in {"unacked", "unacked_rec", "rtn_unacked"} and rng.random() < 0.3:
                        answer = running.http().post(f"/api/v1/alarms/{occurrence}/ack", json={})
                        if answer.status_code == 200:
                            acked[answer.json()["seq"]] = answer.json()
            running.kill()
        assert_told_once(tmp_path)
    assert len(acked) >= 3, "the storm gave too little to acknowledge"
    verify_file(tmp_path / "data" / "alarm.db")


def assert_kept(running: Anlou, acked: dict[int, dict[str, Any]], known: set[str]) -> None:
    """Every acknowledgement is a row of the journal, and stands unless a later row of its alarm says otherwise."""
    rows = {event["seq"]: event for event in running.events()}
    newest = {event["occurrence"]: event["seq"] for event in rows.values()}
    for seq, answered in acked.items():
        # acknowledging what has returned closes it in the same breath: the row before is the ack then
        ack = rows[seq] if rows[seq]["kind"] == "ack" else rows[seq - 1]
        assert (ack["kind"], ack["occurrence"], ack["by"]) == ("ack", answered["occurrence"], answered["acked_by"]), ack
        if newest[answered["occurrence"]] == seq:
            now = running.get(f"/api/v1/alarms/{answered['occurrence']}")
            assert now["acked_by"] == answered["acked_by"] is not None
    for occurrence in known:
        running.get(f"/api/v1/alarms/{occurrence}")
