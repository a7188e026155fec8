"""Everything in the log and in the journal to an outside database: none missing, none twice, and at nobody's cost.

No queue stands between: cursors go over what is stored. A database that is away for a week costs a longer way back.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from gateway.clock import Clock, host_mono_ns, host_wall_ns
from gateway.historian import answers
from gateway.historian.answers import BadLines, Trouble
from gateway.historian.batch import EventBatches, SampleBatches, Window
from gateway.historian.canary import MEASUREMENT as CANARY
from gateway.historian.canary import Canary
from gateway.historian.delivery import Delivery
from gateway.historian.options import HistorianOptions
from gateway.historian.passes import Progress, Stretch
from gateway.historian.stamps import MILLI
from gateway.historian.target import TOTAL_S, Target
from gateway.model import SECOND, Device
from gateway.store.errors import StoreError
from gateway.store.reader import Reader
from gateway.store.samples import Samples
from gateway.supervise import Backoff

log = logging.getLogger("anlou.historian")

CURSOR = "historian"
DEDUP = "dedup.minScrapeInterval"


@dataclass(frozen=True, slots=True)
class Pace:
    """Host seconds. `confirm`: how long the target may forget what it took; `split`: how far behind the newest samples
    go first; `patience`: how long a canary may be away."""

    idle: float = 1.0
    check: float = 10.0
    confirm: float = 60.0
    split: float = 60.0
    canary: float = 300.0
    patience: float = 600.0
    total: float = TOTAL_S
    first_wait: float = 0.5
    longest_wait: float = 30.0


@dataclass(frozen=True, slots=True)
class HistorianStatus:
    """`behind_s`: how old the oldest sample is that was not taken yet. `refused`: why somebody must mend the target or
    the site file. `lost`: it said yes and kept nothing. `warning`: it works, but should be set up differently."""

    behind_s: float
    refused: str | None
    lost: bool
    sent: int
    kept_aside: int
    warning: str | None


class Historian:
    """Run it under `supervise`. `status` can be read at any time, from the loop's thread."""

    def __init__(  # noqa: PLR0917 - what it stands between, each of another kind
        self,
        options: HistorianOptions,
        site: str,
        devices: Iterable[Device],
        clock: Clock,
        samples: Samples,
        reader: Reader,
        *,
        pace: Pace | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._options = options
        self._site = site
        self._devices: Mapping[str, Device] = {device.id: device for device in devices}
        self._clock = clock
        self._samples = samples
        self._reader = reader
        self._pace = pace or Pace()
        self._backoff = Backoff(
            rng or random.Random(),  # noqa: S311 - jitter, not secrecy
            round(self._pace.first_wait * SECOND),
            round(self._pace.longest_wait * SECOND),
        )
        self._progress: Progress | None = None
        self._canary = Canary(site, round(self._pace.canary * SECOND), round(self._pace.patience * SECOND))
        self._retention_ns: int | None = None
        self._started: str | None = None
        self._denied: str | None = None
        self._unreadable: str | None = None
        self._warning: str | None = None
        self._failing = False
        self._sent = self._kept_aside = 0
        self._delivery: Delivery | None = None
        self._checked_ns = 0

    @property
    def status(self) -> HistorianStatus:
        delivery = self._delivery
        return HistorianStatus(
            behind_s=self._behind_s(),
            refused=self._denied or self._unreadable,
            lost=self._canary.lost,
            sent=self._sent + (delivery.sent if delivery else 0),
            kept_aside=self._kept_aside + (delivery.kept_aside if delivery else 0),
            warning=self._warning,
        )

    def _behind_s(self) -> float:
        progress, horizon = self._progress, self._samples.horizon()
        if progress is None:
            return 0.0
        waiting = [one.at_wall_ns for one in (progress.live, *progress.holes) if one.left(horizon)]
        oldest = min((at for at in waiting if at is not None), default=None)
        return 0.0 if oldest is None else max(0.0, (self._clock.now().wall_ns - oldest) / SECOND)

    async def run(self) -> NoReturn:
        """Send for ever. Whatever the target does stays in here; StoreError when our own files cannot be read."""
        target = Target(self._options, self._pace.total)
        self._delivery = delivery = Delivery(target, self._samples, self._site)
        try:
            self._progress = Progress.parse(await target.run(lambda: self._samples.cursor(CURSOR)))
            await target.run(delivery.remember)
            while True:
                try:
                    await self._session(target, delivery, self._progress)
                except Trouble as trouble:
                    await self._wait_out(trouble)
        finally:
            self._sent, self._kept_aside = self._sent + delivery.sent, self._kept_aside + delivery.kept_aside
            self._delivery = None
            await target.close()

    async def _wait_out(self, trouble: Trouble) -> None:
        self._denied = str(trouble) if trouble.denied else None
        if not self._failing:
            log.warning("%s does not take what is sent, trying again: %s", self._options.endpoint, trouble)
        self._failing = True
        wait = self._backoff.next_ns() if trouble.after_ns is None else max(trouble.after_ns, self._backoff.next_ns())
        await _pause(wait / SECOND)

    async def _session(self, target: Target, delivery: Delivery, progress: Progress) -> NoReturn:
        """From what is confirmed on; ends with Trouble."""
        progress.resume()
        samples = _Readers(self._samples, self._reader, self._site, self._devices)
        await target.run(lambda: self._find_ages(progress))
        await self._look_at(target, progress)
        self._split_if_late(progress)
        while True:
            stand = _Stand(self._samples.horizon(), self._clock.now().wall_ns)
            more = await self._advance(delivery, samples.live, progress.live, stand)
            more |= await self._advance(delivery, samples.events, progress.journal, stand)
            if hole := next((one for one in progress.holes if one.left(stand.horizon)), None):
                more |= await self._advance(delivery, samples.backlog, hole, stand)
                more |= any(one.left(stand.horizon) for one in progress.holes)
            self._well()
            if host_mono_ns() - self._checked_ns >= self._pace.check * SECOND:
                await self._check(target, delivery, progress)
            if not more:
                await _pause(self._pace.idle)

    async def _advance(
        self, delivery: Delivery, source: SampleBatches | EventBatches, stretch: Stretch, stand: _Stand
    ) -> bool:
        """Send one batch of a stretch; whether there is more to be sent at once."""
        window = self._window()
        batch = await delivery.target.run(lambda: source.take(stretch, stand.horizon, window))
        if batch.until != stretch.next:
            await delivery.deliver(batch, stretch.judged)
            stretch.delivered(batch.until, host_mono_ns())
        # what comes behind the horizon is not older than the moment at which that was the horizon
        stretch.at_wall_ns = batch.at_wall_ns if batch.more else stand.wall_ns
        return batch.more

    async def _check(self, target: Target, delivery: Delivery, progress: Progress) -> None:
        """Has the target begun anew? If not, what it took a minute ago is there to stay."""
        await self._look_at(target, progress)
        if progress.confirm(self._checked_ns - round(self._pace.confirm * SECOND)):
            await self._save(progress)
        self._split_if_late(progress)
        await self._look_for_canary(target, delivery)

    async def _look_at(self, target: Target, progress: Progress) -> None:
        began = host_mono_ns()
        metrics = await target.metrics() or ""
        started = answers.started_at(metrics)
        if self._started is not None and started != self._started:
            log.warning("%s has begun anew: what it took in the last minute is sent again", self._options.endpoint)
            progress.resume()
            self._canary.forget()
        self._started = started
        self._checked_ns = began
        if target.is_victoria:
            self._judge_flags(answers.flags(metrics))

    def _judge_flags(self, flags: Mapping[str, str]) -> None:
        self._retention_ns = answers.retention_ns(flags.get("retentionPeriod", ""))
        warning = None
        if flags.get(DEDUP, "1ms") != "1ms":
            warning = f"victoria-metrics runs without -{DEDUP}=1ms: what is sent again counts twice"
        elif DEDUP not in flags:
            warning = f"whether victoria-metrics runs with -{DEDUP}=1ms cannot be seen"
        if warning is not None and warning != self._warning:
            log.warning("%s", warning)
        self._warning = warning

    def _window(self) -> Window:
        if self._options.kind == "victoriametrics":
            return Window.of_victoria(host_wall_ns(), self._retention_ns)
        return Window()

    def _find_ages(self, progress: Progress) -> None:
        """How old the first thing is that each stretch has to send; reads, for the thread."""
        now = self._clock.now().wall_ns
        for stretch in (progress.live, *progress.holes):
            found = self._samples.read(stretch.next, 1).frames
            stretch.at_wall_ns = found[0][1].at.wall_ns if found else now

    def _split_if_late(self, progress: Progress) -> None:
        at, now = progress.live.at_wall_ns, self._clock.now().wall_ns
        if at is not None and now - at > self._pace.split * SECOND and progress.split(self._samples.horizon()):
            progress.live.at_wall_ns = now

    async def _look_for_canary(self, target: Target, delivery: Delivery) -> None:
        canary = self._canary
        try:
            if (awaited := canary.awaited) is not None:
                canary.looked(await target.read_back(CANARY, self._site, awaited), host_mono_ns())
            self._unreadable = None
        except Trouble as trouble:
            if not trouble.denied:
                raise
            self._unreadable = f"what was written cannot be read back: {trouble}"
        except BadLines as problem:
            self._unreadable = f"what was written cannot be read back: {problem}"
        if canary.due(host_mono_ns()):
            ms = host_wall_ns() // MILLI
            try:
                await target.write([canary.line(ms)])
            except BadLines as problem:  # the samples may be taken all the same
                self._unreadable = f"the canary is refused: {problem}"
            else:
                canary.written(ms, host_mono_ns())

    async def _save(self, progress: Progress) -> None:
        try:
            await self._samples.save_cursor(CURSOR, progress.text())
        except StoreError as error:  # a full disk: a restart then sends more than it must
            log.warning("how far the historian has come cannot be saved: %s", error)

    def _well(self) -> None:
        if self._failing:
            log.warning("%s takes what is sent again", self._options.endpoint)
        self._failing, self._denied = False, None
        self._backoff.reset()


class _Stand(NamedTuple):
    """Up to where the log is whole, and when that was."""

    horizon: int
    wall_ns: int


class _Readers:
    """What reads for one session; the newest samples and the backlog each remember where they are."""

    def __init__(self, samples: Samples, reader: Reader, site: str, devices: Mapping[str, Device]) -> None:
        self.live = SampleBatches(samples, site, devices)
        self.backlog = SampleBatches(samples, site, devices)
        self.events = EventBatches(reader, site, devices)


async def _pause(seconds: float) -> None:
    """Host time: the target's, not the building's."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()
