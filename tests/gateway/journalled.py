"""A stage whose memory is alarm.db: whatever it goes on from after a kill has come out of the file."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from gateway.model import Judgement, Occurrence
from gateway.store.chain import verify_file
from gateway.store.journal import Journal
from gateway.store.reader import Reader
from tests.alerts.chance import happen
from tests.alerts.living import Living, rules, windows
from tests.alerts.stage import Stage

CHANNELS = ["log"]


class JournalledStage(Stage):
    """Judgements are queued as the pipeline does and are in the file before anything reads it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "alarm.db"
        self.loop = asyncio.new_event_loop()
        self.queue: list[Judgement] = []
        self.kills = 0
        self.journal = self.loop.run_until_complete(self._open())
        super().__init__(*rules(), windows=windows())

    async def _open(self) -> Journal:
        return Journal.open(self.path, CHANNELS)

    def commit(self, judgement: Judgement) -> Judgement:
        super().commit(judgement)
        if judgement:
            self.queue.append(judgement)
        return judgement

    def flush(self) -> None:
        """Everything is committed, in order."""

        async def put(queue: list[Judgement]) -> None:
            await asyncio.gather(*[self.journal.submit(judgement) for judgement in queue])

        queue, self.queue = self.queue, []
        self.loop.run_until_complete(put(queue))

    def save(self) -> None:
        self.flush()
        self.loop.run_until_complete(self.journal.save_checkpoint(self.engine.checkpoint(self.now, self.position)))

    def reload(self) -> list[Judgement]:
        self.flush()
        self.kills += 1
        self.loop.run_until_complete(self.journal.close())
        self.journal = self.loop.run_until_complete(self._open())
        restored = self.journal.load()
        assert restored.next_seq == len(self.events) + 1
        kept = {one.occurrence: one for one in restored.open_occurrences}
        assert kept == {name: one for name, one in self.occurrences.items() if one.closed_ns is None}
        self.engine = self.build()
        self.engine.restore(restored.checkpoint, restored.instances, restored.open_occurrences)
        floor = restored.checkpoint.position if restored.checkpoint else 0
        self.log = [(position, frame) for position, frame in self.log if position > floor]
        return [self.engine.judge(frame, position) for position, frame in self.log]

    def close(self) -> None:
        """The file holds each row, each notice and each occurrence, and its chain is whole."""
        self.flush()
        self.loop.run_until_complete(self.journal.close())
        self.loop.close()
        assert verify_file(self.path)[0] == len(self.events)
        reader = Reader(self.path)
        after = 0
        while page := reader.events(after, 1000):
            for event in page:
                mine = self.events[event.seq - 1]
                assert (event.kind, event.occurrence, event.rule, event.source, event.by, event.at) == (
                    mine.kind,
                    mine.occurrence,
                    mine.rule,
                    mine.source,
                    mine.by,
                    mine.at,
                )
            after = page[-1].seq
        stored: dict[str, Occurrence] = {one.occurrence: one for one in _all(reader)}
        assert stored == self.occurrences
        told = len(reader.deliveries(0, 2**62))
        assert told == len(self.notices), "each notice has one row for the one channel"
        reader.close()


def _all(reader: Reader) -> list[Occurrence]:
    found: list[Occurrence] = []
    after: str | None = None
    while page := reader.occurrences(after=after, limit=1000):
        found += page
        after = page[-1].occurrence
    return found


def live(folder: Path, seed: int, events: int) -> tuple[int, int]:
    """So many random events, the invariants asked after each, then home; (kills, rows of the journal)."""
    chance = random.Random(seed)
    stage = JournalledStage(folder)
    living = Living(stage)
    try:
        for _ in range(events):
            happen(living, chance)
        living.go_home()
        living.watch_new()
    finally:
        stage.flush()
    stage.close()
    return stage.kills, len(stage.events)
