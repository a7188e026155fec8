"""What must be true of the files after any death: everything acknowledged is there, nothing is there by half."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import apsw

from gateway.store.chain import verify_file
from gateway.store.connection import rows
from gateway.store.journal import Journal
from gateway.store.samples import Samples
from tests.store.victim import CHANNELS

ROOT = Path(__file__).resolve().parents[2]
_QUESTIONS = {
    "events": "SELECT seq FROM event ORDER BY seq",
    "occurrences": "SELECT seq FROM occurrence ORDER BY seq",
    "notices": "SELECT seq FROM outbox ORDER BY seq",
    "deliveries": "SELECT seq FROM delivery JOIN outbox ON outbox.id = outbox ORDER BY seq, delivery.id",
}


class Acknowledged:
    """What victims said before they died."""

    def __init__(self) -> None:
        self.events: set[int] = set()
        self.frames: set[int] = set()
        self.checkpoint = 0

    def hear(self, lines: Iterable[str]) -> None:
        for line in lines:
            word, _, number = line.strip().partition(" ")
            if not line.endswith("\n") or not number:
                continue
            match word:
                case "event":
                    self.events.add(int(number))
                case "frame":
                    self.frames.add(int(number))
                case "checkpoint":
                    self.checkpoint = max(self.checkpoint, int(number))


def victim(directory: Path, *more: str, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    command = [*before, sys.executable, "-m", "tests.store.victim", str(directory), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def inspect(directory: Path, acknowledged: Acknowledged) -> None:
    """Assert all of it. Opens both files as the next start would."""
    asyncio.run(_open_and_close(directory))
    connection = apsw.Connection(str(directory / "alarm.db"), flags=apsw.SQLITE_OPEN_READONLY)
    found = {name: [seq for (seq,) in rows(connection, sql)] for name, sql in _QUESTIONS.items()}
    connection.close()
    events = found["events"]
    assert acknowledged.events <= set(events), f"lost events {sorted(acknowledged.events - set(events))[:10]}"
    assert events == list(range(1, len(events) + 1))
    assert found["occurrences"] == found["notices"] == events
    assert found["deliveries"] == [seq for seq in events for _ in CHANNELS]
    assert verify_file(directory / "alarm.db")[0] == len(events)
    samples = Samples.open(directory / "tele.db")
    stored = {position: one for position, one in samples.replay(0) if one.layout.device == "acknowledged"}
    assert all(list(one.values) == [float(position)] * 3 for position, one in stored.items())
    asyncio.run(samples.close())
    assert acknowledged.frames <= set(stored), f"lost frames {sorted(acknowledged.frames - set(stored))[:10]}"


async def _open_and_close(directory: Path) -> None:
    journal = Journal.open(directory / "alarm.db", CHANNELS)
    restored = journal.load()
    await journal.close()
    checkpoint = restored.checkpoint.position if restored.checkpoint else 0
    assert len(restored.instances) == len(restored.open_occurrences) == restored.next_seq - 1 >= checkpoint
