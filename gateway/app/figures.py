"""The gateway's own numbers: for its device `gateway`, for /metrics, for the watchdog."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from alerts.notify.worker import DeliveryWorker
from gateway.api.metrics import Family, single
from gateway.app.changes import Change
from gateway.bus import Bus
from gateway.health import GatewayStatus
from gateway.store.journal import Journal
from gateway.store.samples import Samples

FATES = ("received", "stored", "unchanged", "duplicate", "quarantined", "dropped")


class Figures:
    """Reads what the rooms count. `loop_lag_s` is set by the loop that measures it."""

    def __init__(
        self, folder: Path, journal: Journal, samples: Samples, bus: Bus[Change], workers: Sequence[DeliveryWorker]
    ) -> None:
        self._folder = folder
        self._journal = journal
        self._samples = samples
        self._bus = bus
        self._workers = workers
        self.loop_lag_s = 0.0
        self.clock_steps = 0

    async def status(self) -> GatewayStatus:
        """The numbers now. A store that another program blocks makes the gateway useless until it lets go."""
        blocked = [
            f"another program holds {name}"
            for name, store in (("alarm.db", self._journal), ("tele.db", self._samples))
            if store.blocked
        ]
        # while alarm.db is blocked, asking it would wait with everybody else
        pending = 0 if self._journal.blocked else await self._pending()
        return GatewayStatus(
            disk_used=self._disk_used(),
            outbox_pending=pending,
            queue_depth=self._samples.queued,
            loop_lag_s=self.loop_lag_s,
            failed=tuple(blocked),
        )

    async def _pending(self) -> int:
        counts = await self._journal.outbox_counts()
        return sum(states.get("pending", 0) for states in counts.values())

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
        yield Family("anlou_samples_total", "counter", "Samples by fate; received is the sum of the others.", fates)
        yield single("anlou_bus_dropped_total", "counter", "Live-view items slow readers lost.", self._bus.dropped)
        yield single("anlou_clock_steps_total", "counter", "Steps of the host's clock.", self.clock_steps)
        delivered = [({"channel": worker.channel.name}, float(worker.counts.delivered)) for worker in self._workers]
        yield Family("anlou_notices_delivered_total", "counter", "Notices that a channel took.", delivered)
        dead = [({"channel": worker.channel.name}, float(worker.counts.dead)) for worker in self._workers]
        yield Family("anlou_notices_dead_total", "counter", "Notices given up after refusals.", dead)
