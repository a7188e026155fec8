"""The one way: a frame is judged, what it changed is committed, the frame is logged, and only then accepted and shown.

Judging and queueing for the journal happen without an await in between, so events are committed in the engine's order
whatever emitters are in flight. What follows a commit hangs on the commit itself and not on the task that waits for
it: a cancelled driver loses nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from gateway.clock import BuildingClock, Clock, fast_wall_ns, host_wall_ns
from gateway.model import (
    SECOND,
    Checkpoint,
    Command,
    Engine,
    Frame,
    InstanceSnapshot,
    Instant,
    Judgement,
    Layout,
    Occurrence,
    Silence,
    SilenceWish,
)
from gateway.store.errors import CorruptRow, StoreError
from gateway.store.journal import Journal
from gateway.store.records import Restored
from gateway.store.samples import Samples

log = logging.getLogger(__name__)

CHECKPOINT_NS = 10 * SECOND
_RECOVERED_AT_ONCE = 256
_PATIENCE_NS = SECOND // 10


class RestorableEngine(Engine, Protocol):
    """An engine that can go on from what the journal holds."""

    def restore(
        self,
        checkpoint: Checkpoint | None,
        instances: tuple[InstanceSnapshot, ...],
        open_occurrences: tuple[Occurrence, ...],
    ) -> None: ...
    def restarted(self, now: Instant, outage_ns: int) -> Judgement: ...


def _nothing() -> None:
    pass


class Pipeline:
    """Every frame, tick, command and note goes through here.

    `after_commit` gets each judgement once it is committed, `after_frame` each frame once it is in the log; both on
    the loop's thread, and neither can fail the pipeline. A failed store ends `run_ticks` (and refuses `emit`).
    """

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        samples: Samples,
        clock: Clock,
        *,
        after_commit: Callable[[Judgement], None] = lambda judgement: None,
        after_frame: Callable[[Frame], None] = lambda frame: None,
        checkpoint_ns: int = CHECKPOINT_NS,
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._samples = samples
        self._clock = clock
        self._after_commit = after_commit
        self._checkpoint_ns = checkpoint_ns
        self._alarm = _Alarm()
        samples.on_stored = after_frame
        samples.on_failure = journal.on_failure = lambda error: self._alarm.ring()

    async def emit(self, frame: Frame) -> None:
        """Judge a frame and log it; returns when what it changed is committed, and waits while the log is behind.

        Frames of one layout keep their order if their emitter awaits each.
        """
        self._check()
        position = self._samples.reserve()
        try:
            judgement = self._engine.judge(frame, position)
        except BaseException:
            self._lose(position, frame)
            raise
        self._rearm()
        if judgement:
            room: list[Any] = []
            await self._commit(
                judgement, lambda: room.append(self._log(position, frame)), lambda: self._lose(position, frame)
            )
            waiting = room[0]
        else:
            waiting = self._log(position, frame)
        if waiting is not None:
            await waiting
            self._check()

    def _log(self, position: int, frame: Frame) -> Awaitable[None] | None:
        try:
            return self._samples.append(position, frame)
        except BaseException:
            self._lose(position, frame)
            raise

    def _lose(self, position: int, frame: Frame) -> None:
        """It will never be in the log: nobody who reads the log may wait for it, and its samples are counted."""
        self._samples.give_up(position)
        self._samples.count(dropped=len(frame.values))

    async def command(self, command: Command) -> Occurrence | None:
        """Carry out an operator's command; the occurrence as committed, None of an alarm that is not open.

        CommandRefused changes nothing.
        """
        self._check()
        judgement = self._engine.command(command, self._clock.now(), self._samples.position)
        self._rearm()
        await self._commit(judgement)
        if command.occurrence:
            return judgement.occurrences[command.occurrence]
        alarm = (command.rule, command.source)
        return next((one for one in judgement.occurrences.values() if (one.rule, one.source) == alarm), None)

    async def silence(self, wish: SilenceWish) -> Silence:
        """Nobody is told of these alarms for a while. CommandRefused changes nothing."""
        self._check()
        silence, judgement = self._engine.silence(wish, self._clock.now(), self._samples.position)
        self._rearm()
        await self._commit(judgement)
        return silence

    async def unsilence(self, silence: str, by: str) -> Silence:
        """They speak again. CommandRefused when there is no such silence."""
        self._check()
        ended, judgement = self._engine.unsilence(silence, by, self._clock.now(), self._samples.position)
        self._rearm()
        await self._commit(judgement)
        return ended

    async def swap(self, engine: Engine, succeed: Callable[[Instant, int], Judgement]) -> None:
        """Let another engine judge from here on; returns when that is committed, with a checkpoint of it.

        The present engine is asked up to now; then `succeed(now, position)` makes the other one go on for it, without
        an await in between: each frame is judged by one of them. Where it raises, the present one judges on.
        """
        self._check()
        now, position = self._clock.now(), self._samples.position
        committing = [self._submit(self._engine.tick(now, position))]
        committing.append(self._submit(succeed(now, position)))
        self._engine = engine
        self._rearm()
        for committed in committing:
            await committed
        await self.checkpoint()

    async def note(self, kind: str, by: str | None = None, body: Mapping[str, Any] | None = None) -> None:
        """Write an event of the house itself (start, sign-in, reload …) into the journal."""
        self._check()
        await self._commit(self._engine.note(kind, self._clock.now(), by, body))

    async def run_ticks(self) -> None:
        """Let time pass for the engine at the moments it asks for, and save a checkpoint each `checkpoint_ns`.

        Never returns; raises StoreError as soon as one of the files cannot be written any more.
        """
        checkpoint_at = self._clock.now().mono_ns + self._checkpoint_ns
        unmoved: int | None = None
        while True:
            self._check()
            due = self._engine.next_due()
            if due is not None and due == unmoved:
                due = self._clock.now().mono_ns + _PATIENCE_NS  # an engine that asks again must not take the loop
            wake = checkpoint_at if due is None else min(due, checkpoint_at)
            await self._alarm.sleep_until(self._clock, wake, due)
            now = self._clock.now()
            due, unmoved = self._engine.next_due(), None
            if due is not None and due <= now.mono_ns:
                await self._commit(self._engine.tick(now, self._samples.position))
                unmoved = due
            if now.mono_ns >= checkpoint_at:
                await self.checkpoint()
                checkpoint_at = self._clock.now().mono_ns + self._checkpoint_ns

    async def checkpoint(self) -> None:
        """Save the whole engine with the position that it has judged: what a restart begins from. Also at stop."""
        self._check()
        await self._journal.save_checkpoint(self._engine.checkpoint(self._clock.now(), self._samples.position))

    def _submit(self, judgement: Judgement) -> asyncio.Future[None]:
        """Queue it now; the future is done when it is committed and shown."""
        return self._follow(self._journal.submit(judgement), judgement, _nothing, _nothing)

    async def _commit(
        self, judgement: Judgement, then: Callable[[], None] = _nothing, otherwise: Callable[[], None] = _nothing
    ) -> None:
        if not judgement:
            return
        try:
            committed = self._journal.submit(judgement)
        except BaseException:
            otherwise()
            raise
        await self._follow(committed, judgement, then, otherwise)

    def _follow(
        self,
        committed: asyncio.Future[None],
        judgement: Judgement,
        then: Callable[[], None],
        otherwise: Callable[[], None],
    ) -> asyncio.Future[None]:
        """Do what follows a commit when it is there (`otherwise` when it never will be), whoever still waits for it;
        the future is done after that."""
        finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def after(done: asyncio.Future[None]) -> None:
            error = done.exception()
            if error is None:
                try:
                    then()
                except Exception as failure:
                    log.exception("after the commit of events %s", [event.seq for event in judgement.events])
                    error = failure
                self._show(judgement)
            else:
                otherwise()
            if finished.cancelled():
                return
            if error is None:
                finished.set_result(None)
            else:
                finished.set_exception(error)
                finished.exception()  # seen: a failed store ends run_ticks, whoever waits here

        committed.add_done_callback(after)
        return finished

    def _show(self, judgement: Judgement) -> None:
        try:
            self._after_commit(judgement)
        except Exception:
            log.exception("after the commit of events %s", [event.seq for event in judgement.events])

    def _rearm(self) -> None:
        self._alarm.earlier(self._engine.next_due())

    def _check(self) -> None:
        failure = self._journal.failure or self._samples.failure
        if failure is not None:
            raise StoreError(str(failure)) from failure


class _Alarm:
    """A sleep in building time that can be cut short, without a task of its own."""

    def __init__(self) -> None:
        self._due: int | None = None
        self._sleep: asyncio.Timeout | None = None

    async def sleep_until(self, clock: Clock, wake: int, due: int | None) -> None:
        self._due = due
        try:
            async with asyncio.timeout(None) as self._sleep:
                await clock.sleep_until(wake)
        except TimeoutError:
            pass
        finally:
            self._sleep = None

    def earlier(self, due: int | None) -> None:
        """Wake the sleeper if `due` comes before what it sleeps for."""
        if due is not None and (self._due is None or due < self._due):
            self.ring()

    def ring(self) -> None:
        if self._sleep is not None and not self._sleep.expired():
            self._sleep.reschedule(0)  # a moment that has passed: at the loop's next turn
            self._sleep = None


def last_known(restored: Restored, samples: Samples) -> Instant | None:
    """The newest moment that either file knows of."""
    moments = [moment for moment in (restored.last, samples.last_instant()) if moment is not None]
    return max(moments, default=None)


def resumed_clock(last: Instant | None, rate: float = 1.0, epoch_ns: int | None = None) -> BuildingClock:
    """Building time goes on where it stopped, without the downtime; its label never goes back behind the last one.

    `epoch_ns`: the moment since which a simulated building in another process has run at this rate.
    """
    wall_ns = host_wall_ns() if epoch_ns is None else fast_wall_ns(rate, epoch_ns)
    if last is None:
        return BuildingClock(rate=rate, wall_origin_ns=wall_ns)
    return BuildingClock(rate=rate, mono_base_ns=last.mono_ns, wall_origin_ns=max(wall_ns, last.wall_ns))


async def recover(
    engine: RestorableEngine,
    journal: Journal,
    samples: Samples,
    clock: Clock,
    *,
    layouts: Iterable[Layout] = (),
) -> int:
    """Bring a new engine to where the last run ended, before anything is emitted. The number of frames replayed.

    Restores what was committed, judges the logged frames behind the checkpoint, tells the engine of the restart and how
    long nobody watched, and saves a checkpoint. Whatever this changes is committed. A damaged log does not keep the
    gateway from starting; the loss is journalled (`log_set_aside`, `log_rows_damaged`).
    Give the drivers' `layouts`, so that the engine meets the same objects again.
    """
    restored = journal.load()
    engine.restore(restored.checkpoint, restored.instances, restored.open_occurrences)
    known = [i.position for i in restored.instances]
    checkpoint = restored.checkpoint.position if restored.checkpoint else 0
    samples.raise_floor(max([checkpoint, *known]))
    pending: list[asyncio.Future[None]] = []
    frames = 0
    damaged: list[CorruptRow] = []
    for position, frame in samples.replay(checkpoint, layouts, damaged.append):
        if judgement := engine.judge(frame, position):
            pending.append(journal.submit(judgement))
        frames += 1
        if len(pending) >= _RECOVERED_AT_ONCE:
            await asyncio.gather(*pending)
            pending.clear()
    now = clock.now()
    last = last_known(restored, samples)
    outage_ns = 0 if last is None else max(0, now.wall_ns - last.wall_ns)
    await asyncio.gather(*pending)
    judged = [engine.restarted(now, outage_ns)]
    judged += [engine.note(kind, now, body=body) for kind, body in _losses(samples, damaged)]
    # as one: whoever starts after a crash must not judge the log before this moment without it
    await journal.save_checkpoint(engine.checkpoint(now, samples.position), judged)
    return frames


def _losses(samples: Samples, damaged: Sequence[CorruptRow]) -> Iterator[tuple[str, dict[str, Any]]]:
    if samples.set_aside is not None:
        yield "log_set_aside", {"file": samples.set_aside.name}
    if damaged:
        yield "log_rows_damaged", {"rows": len(damaged), "first": str(damaged[0])}
