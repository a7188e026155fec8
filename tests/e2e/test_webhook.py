"""The webhook through the whole house: signed, in order, and after a kill with the same key for the same notice."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import PATIENCE, Anlou

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SECRET = "a secret of the duty room"
SITE = Path(__file__).resolve().parents[2] / "config/demo/site.yaml"


class DutyRoom:
    """A receiver that refuses its first request with 503 and then takes everything."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.forged: list[str] = []
        self.refused_keys: set[str] = set()
        room = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signed = f"{self.headers['X-AnLou-Timestamp']}.".encode() + body
                wanted = "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
                if not hmac.compare_digest(wanted, self.headers["X-AnLou-Signature"]):
                    room.forged.append(self.headers["X-AnLou-Signature"])
                key = self.headers["Idempotency-Key"]
                if not room.refused_keys:
                    room.refused_keys.add(key)
                    self.send_response(503)
                else:
                    room.taken.append((key, json.loads(body)))
                    self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def told(self, rule: str) -> list[tuple[int, str]]:
        """(row, what was said) of this rule, by itself or in a digest."""
        said = []
        for _, body in self.taken:
            alarms = body["about"].get("alarms") or [body["alarm"] | {"reason": body["reason"]}]
            said += [(body["seq"], alarm["reason"]) for alarm in alarms if alarm["rule"] == rule]
        return said


@pytest.fixture
def duty_room() -> Iterator[DutyRoom]:
    room = DutyRoom()
    room.thread.start()
    yield room
    room.server.shutdown()
    room.server.server_close()
    room.thread.join(PATIENCE)


def test_notices_reach_the_duty_room(tmp_path: Path, duty_room: DutyRoom) -> None:
    site = tmp_path / "site.yaml"
    url = f"http://127.0.0.1:{duty_room.server.server_port}/anlou"
    site.write_text(
        SITE.read_text(encoding="utf-8")
        + f'notify:\n  webhooks:\n    - {{name: duty-room, url: "{url}", secret: "${{env:DUTY_SECRET}}"}}\n',
        encoding="utf-8",
    )
    site.chmod(0o600)
    run = ("run", "--site", site, "--data", tmp_path / "data", "--port", "0", "--speed", "20")
    with Anlou("simulate", "storm-night", "--speed", "20", cwd=tmp_path) as building:
        building.wait_for_line("^ready$")
        ports = dict(line.split("=") for line in building.lines if line.startswith("ANLOU_PORT_"))
        environment = {**ports, "DUTY_SECRET": SECRET}
        with Anlou(*run, cwd=tmp_path, env=environment) as gateway:
            gateway.ready()
            gateway.wait_until("WA-08 in the duty room", lambda: duty_room.told("WA-08"))
            gateway.kill()
        with Anlou(*run, cwd=tmp_path, env=environment) as gateway:
            gateway.ready()
            gateway.wait_until("WA-03 in the duty room", lambda: duty_room.told("WA-03"))
            gateway.process.terminate()
            assert gateway.process.wait(PATIENCE) == 0, gateway.output
            assert SECRET not in gateway.output
    assert duty_room.forged == []
    keys: dict[tuple[str, int, int], set[str]] = defaultdict(set)
    for key, body in duty_room.taken:
        keys[body["alarm"]["occurrence"], body["seq"], body["step"]].add(key)
    assert all(len(found) == 1 for found in keys.values()), "one notice, one key, however often it is sent"
    assert duty_room.refused_keys <= {key for key, _ in duty_room.taken}, "what was refused is sent again"
    assert duty_room.told("WA-08")[0][1] == "raise"
    assert len({seq for seq, reason in duty_room.told("WA-08") if reason == "raise"}) == 1, "told once"
