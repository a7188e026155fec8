"""A process that is meant to be killed: writes both files as the pipeline does and prints what it has acknowledged.

`python -m tests.store.victim DIRECTORY [COUNT]`: lines `event SEQ` and `frame POSITION`, each after its commit; `ready`
first. Without a count it goes on until it dies.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gateway.model import SECOND, Checkpoint, Instant
from gateway.store.journal import Journal
from gateway.store.samples import Samples
from tests.store.material import WALL, frame, judgement, layout

CHANNELS = ("log", "webhook")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def raise_alarms(journal: Journal, count: int) -> None:
    first = journal.load().next_seq
    for seq in range(first, first + count):
        await journal.commit(judgement(seq, notice=True, rule=f"R-{seq}"))
        say(f"event {seq}")
        if seq % 20 == 0:
            at = Instant(seq * SECOND, WALL + seq * SECOND)
            instances = tuple(judgement(n, rule=f"R-{n}").instances[0] for n in range(1, seq + 1))
            await journal.save_checkpoint(
                Checkpoint(position=seq, at=at, next_seq=seq + 1, columns={}, instances=instances)
            )
            say(f"checkpoint {seq}")


async def log_frames(samples: Samples, count: int) -> None:
    one, two = layout("acknowledged"), layout("polled", 50)
    for _ in range(count):
        position = samples.reserve()
        samples.append(
            position,
            frame(one, position, [position] * 3, accept=lambda p=position: say(f"frame {p}")),  # type: ignore[misc]
        )
        waiting = samples.append(samples.reserve(), frame(two, position))
        if waiting is not None:
            await waiting
        await asyncio.sleep(0.0005 if position % 7 else 0)


async def main(directory: Path, count: int) -> None:
    journal, samples = Journal.open(directory / "alarm.db", CHANNELS), Samples.open(directory / "tele.db")
    say("ready")
    await asyncio.gather(raise_alarms(journal, count), log_frames(samples, count))
    await samples.close()
    await journal.close()
    say("done")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000))
