"""The gateway's own numbers: for its device `gateway`, for /metrics, for the watchdog."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from alerts.notify.worker import DeliveryWorker
from gateway.api.metrics import Family, single
from gateway.bus import Bus, Change
from gateway.clock import host_clock_synced, host_wall_ns
from gateway.health import GatewayStatus
from gateway.historian.historian import Historian, HistorianStatus
from gateway.model import SECOND, Text
from gateway.store.journal import Journal
from gateway.store.samples import Samples
from gateway.texts import both

log = logging.getLogger("anlou.figures")

FATES = ("stored", "unchanged", "duplicate", "quarantined", "dropped")
SLOW_WRITE_NS = 5 * SECOND  # host time of one transaction: somebody should look at the disk
STUCK_WRITE_NS = 30 * SECOND  # alarms wait behind it and nobody is told
ANSWER_SECONDS = 1.0
LATE_NS = 60 * SECOND  # a notice of a critical or high alarm that nobody has by then


class Figures:
    """Reads what the rooms count. The loop that measures it sets `loop_lag_s`, who reloads sets `reload_refused`."""

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        samples: Samples,
        bus: Bus[Change],
        workers: Sequence[DeliveryWorker],
        *,
        historian: Historian | None = None,
        now: Callable[[], int] = host_wall_ns,
        faulty: Callable[[], Mapping[str, Text]] = dict,
    ) -> None:
        self._now = now
        self._faulty = faulty
        self._faulty_before: Mapping[str, Text] = {}
        self._folder = folder
        self._journal = journal
        self._samples = samples
        self._bus = bus
        self._workers = workers
        self._historian = historian
        self._stores = (("alarm.db", journal), ("tele.db", samples))
        self._pending = 0
        self._late = False
        self.loop_lag_s = 0.0
        self.reload_refused = False
        self.clock_steps = 0
        self.unclean_starts_ns: tuple[int, ...] = ()

    async def status(self) -> GatewayStatus:
        """The numbers now. A store that cannot be written makes the gateway useless until it can."""
        await self._count_pending()
        return GatewayStatus(
            disk_used=self._disk_used(),
            outbox_pending=self._pending,
            queue_depth=self._samples.queued,
            loop_lag_s=self.loop_lag_s,
            samples_dropped=self._samples.counters.dropped,
            notices_late=self._late,
            notices_lost=sum(worker.counts.lost for worker in self._workers),
            reload_refused=self.reload_refused,
            storage_slow=any(store.busy_ns > SLOW_WRITE_NS for _, store in self._stores),
            storage_fault=any(store.blocked or store.busy_ns > STUCK_WRITE_NS for _, store in self._stores),
            clock_synced=host_clock_synced(),
            unclean_starts_ns=self.unclean_starts_ns,
            faulty_rules=self._faults(),
            historian=None if self._historian is None else self._historian.status,
            failed=tuple(self._failures()),
            degraded=tuple(self._troubles()),
        )

    def _faults(self) -> Mapping[str, Text]:
        """The rules that cannot be judged; the log is told of each once, and when it can be again."""
        faulty, before = self._faulty(), self._faulty_before
        for rule in faulty.keys() - before.keys():
            log.error("the rule %s cannot be judged: %s", rule, faulty[rule].en)
        for rule in before.keys() - faulty.keys():
            log.warning("the rule %s is judged again", rule)
        self._faulty_before = faulty
        return faulty

    def _failures(self) -> Iterator[Text]:
        for name, store in self._stores:
            if store.blocked and store is self._journal and not self._journal.reserve_held:
                yield both("store_no_space", file=name)
            elif store.blocked:
                yield both("store_held", file=name)
            elif store.busy_ns > STUCK_WRITE_NS:
                yield both("store_stuck", file=name, seconds=store.busy_ns // SECOND)

    def _troubles(self) -> Iterator[Text]:
        for name, store in self._stores:
            if not store.blocked and SLOW_WRITE_NS < store.busy_ns <= STUCK_WRITE_NS:
                yield both("store_slow", file=name, seconds=store.busy_ns // SECOND)
        if self._samples.full_disk:
            yield both("samples_not_kept")
        if not self._journal.reserve_held:
            yield both("reserve_gone")
        if self._historian is not None and self._historian.status.warning is not None:
            yield both("sink_warns", message=self._historian.status.warning)
        if self._samples.set_aside is not None:
            yield both("samples_set_aside", file=self._samples.set_aside.name)

    async def _count_pending(self) -> None:
        """What the outbox holds; the number before where alarm.db cannot be asked without waiting with everybody."""
        if self._journal.blocked:
            return
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                counts = await self._journal.outbox_counts()
                self._late = await self._journal.late_notices(self._now() - LATE_NS)
        except TimeoutError:
            return
        self._pending = sum(states.get("pending", 0) for states in counts.values())

    def _disk_used(self) -> float | None:
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return None
        return round(100 * (1 - disk.f_bavail / disk.f_blocks), 1) if disk.f_blocks else None

    def families(self) -> Iterator[Family]:
        """What /metrics shows of store, outbox and bus."""
        counters = self._samples.counters
        fates = [({"fate": fate}, float(getattr(counters, fate))) for fate in FATES]
        yield single("anlou_samples_received_total", "counter", "Samples given to the store.", counters.received)
        yield Family("anlou_samples_total", "counter", "Samples by fate; with those queued all received.", fates)
        queued = counters.received - counters.settled
        yield single("anlou_samples_queued", "gauge", "Samples received that have no fate yet.", queued)
        yield from self._store_families()
        if self._historian is not None:
            yield from _sink_families(self._historian.status)
        yield single("anlou_bus_dropped_total", "counter", "Live-view items slow readers lost.", self._bus.dropped)
        yield single("anlou_clock_steps_total", "counter", "Steps of the host's clock.", self.clock_steps)
        delivered = [({"channel": worker.channel.name}, float(worker.counts.delivered)) for worker in self._workers]
        yield Family("anlou_notices_delivered_total", "counter", "Notices that a channel took.", delivered)
        dead = [({"channel": worker.channel.name}, float(worker.counts.dead)) for worker in self._workers]
        yield Family("anlou_notices_dead_total", "counter", "Notices given up after refusals.", dead)

    def _store_families(self) -> Iterator[Family]:
        busy = [({"file": name}, store.busy_ns / SECOND) for name, store in self._stores]
        yield Family("anlou_store_busy_seconds", "gauge", "Host time of the transaction being written.", busy)
        blocked = [({"file": name}, float(store.blocked)) for name, store in self._stores]
        yield Family("anlou_store_blocked", "gauge", "1 while commits wait for a lock or for space.", blocked)
        full = float(self._samples.full_disk)
        yield single("anlou_samples_disk_full", "gauge", "1 while samples are dropped for want of space.", full)
        aside = float(self._samples.set_aside is not None)
        yield single("anlou_samples_set_aside", "gauge", "1 when tele.db was damaged and begun anew at start.", aside)
        held = float(self._journal.reserve_held)
        yield single("anlou_alarm_reserve_held", "gauge", "0 when the space kept for alarms is used up.", held)


def _sink_families(status: HistorianStatus) -> Iterator[Family]:
    yield single("anlou_historian_behind_seconds", "gauge", "Age of the oldest sample not taken yet.", status.behind_s)
    yield single(
        "anlou_historian_sent_total", "counter", "Lines that the historian took, repeats included.", status.sent
    )
    aside = status.kept_aside
    yield single("anlou_historian_kept_aside_total", "counter", "Lines that it will never take.", aside)
    yield single(
        "anlou_historian_refused", "gauge", "1 while somebody must mend it.", float(status.refused is not None)
    )
    yield single("anlou_historian_lost", "gauge", "1 while it keeps nothing of what it takes.", float(status.lost))
