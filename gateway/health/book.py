"""HealthBook: frames and LinkReports in, every device's state out, and its `health` frames for the pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from gateway.health.feed import Feed
from gateway.health.gateway import GatewayRecord, GatewayStatus
from gateway.health.links import LinkRecord
from gateway.health.record import DeviceRecord
from gateway.health.units import UnitRecord
from gateway.health.view import DeviceHealth
from gateway.model import (
    GATEWAY_DEVICE,
    HEALTH_POINT,
    SECOND,
    Device,
    Frame,
    FrameKind,
    Health,
    Instant,
    Layout,
    LinkReport,
)

PUBLISH_EVERY_NS = 10 * SECOND


class HealthBook:
    """The one place that decides health. `feeds` says which units (by name) feed which device.

    It reads no clock: `started` is the moment that `starting` counts from, `now` comes with each question.
    """

    def __init__(self, devices: Sequence[Device], feeds: Mapping[str, Sequence[str]], started: Instant) -> None:
        self._records = {device.id: DeviceRecord(device, started) for device in devices}
        self._fed_by: dict[str, list[str]] = {}
        for device, units in feeds.items():
            for unit in units:
                self._fed_by.setdefault(unit, []).append(device)
        self._layouts: dict[Layout, Feed] = {}
        self._links: dict[str, LinkRecord] = {}
        self._units: dict[str, UnitRecord] = {}
        self._gateway = GatewayRecord(next((device for device in devices if device.id == GATEWAY_DEVICE), None))
        self._stagger(started)

    def observe(self, frame: Frame) -> None:
        """A committed frame. History says nothing of now; health's own frames say nothing of the device."""
        if frame.kind is FrameKind.HISTORY:
            return
        feed = self._layouts.get(frame.layout)
        if feed is None:
            feed = self._join(frame.layout)
        if frame.quality is None:
            feed.at = feed.good_at = frame.at
            feed.quality = None
            feed.is_new = True
        else:
            feed.mixed(frame)

    def report(self, report: LinkReport) -> None:
        """What a driver says of its link and units; it replaces what that link said before."""
        link = self._links.get(report.link)
        if link is None:
            self._links[report.link] = link = LinkRecord(report)
        else:
            link.update(report)
        for unit in report.units:
            record = self._units.get(unit.name)
            if record is None:
                self._units[unit.name] = record = UnitRecord(link, unit)
                self._attach(unit.name, unit.devices, record)
            else:
                record.update(unit)

    def gateway(self, status: GatewayStatus, now: Instant) -> Frame:
        """The gateway's numbers: remembered for its own health, and answered as the frame to emit.

        The links' points are in it, of those too that have never reported.
        """
        frame = self._gateway.frame(status, self._links, now)
        if (record := self._records.get(GATEWAY_DEVICE)) is not None:
            record.complaints = self._gateway.problems(now)
        return frame

    def gateway_news(self, now: Instant) -> Frame | None:
        """The gateway's frame again when a link's points have changed since: an alarm must not wait for the numbers."""
        return self._gateway.news(self._links, now)

    @property
    def gateway_status(self) -> GatewayStatus:
        """What the app last said of the gateway."""
        return self._gateway.status

    def verdict(self, now: Instant) -> str:
        """`ok`, `degraded` or `failed` for /healthz: what the numbers say, unless nobody brings numbers any more."""
        said = self._gateway.verdict(now)
        record = self._records.get(GATEWAY_DEVICE)
        state = Health.ONLINE if record is None else record.decide(now)
        if state is Health.OFFLINE or said == "failed":
            return "failed"
        return "degraded" if state is Health.STALE else said

    def frames(self, now: Instant) -> list[Frame]:
        """The `health` frames due: those of devices whose state changed, and each device's at least every 10 s."""
        due = []
        for record in self._records.values():
            health = record.decide(now)
            if health is record.published and now.mono_ns < record.publish_due_ns:
                continue
            kind = FrameKind.LIVE if record.published is not None else FrameKind.INITIAL
            if now.mono_ns >= record.publish_due_ns:
                late_ns = (now.mono_ns - record.publish_due_ns) % PUBLISH_EVERY_NS
                record.publish_due_ns = now.mono_ns - late_ns + PUBLISH_EVERY_NS
            record.published = health
            due.append(Frame(record.layout, (health.value,), now, kind=kind))
        return due

    def silenced(self, now: Instant) -> list[Frame]:
        """As BAD, once: the points of which nothing comes any more, while others of their device still speak."""
        found = [frame for record in self._records.values() for frame in record.silence.frames(now)]
        for frame in found:
            self._layouts.setdefault(frame.layout, Feed(frame.layout))  # no word of the device's own
        return found

    def device(self, device: str, now: Instant) -> DeviceHealth:
        """KeyError when there is no such device."""
        return self._records[device].view(now)

    def state(self, device: str, now: Instant) -> Health:
        """Only the state; KeyError when there is no such device."""
        return self._records[device].decide(now)

    def counts(self, now: Instant) -> Counter[Health]:
        """How many devices are in each state."""
        return Counter(record.decide(now) for record in self._records.values())

    def links(self) -> tuple[LinkReport, ...]:
        """The newest report of each link."""
        return tuple(link.report for link in self._links.values())

    def _join(self, layout: Layout) -> Feed:
        record = self._records.get(layout.device)
        if record is None or all(point.key == HEALTH_POINT.key for point in layout.points):
            feed = Feed(layout)  # counts for nobody, but is found at once the next time
        else:
            feed, replaced = record.join(layout)
            for known in replaced:
                self._layouts.pop(known, None)
        self._layouts[layout] = feed
        return feed

    def _attach(self, name: str, devices: Sequence[str], unit: UnitRecord) -> None:
        for device in dict.fromkeys([*self._fed_by.get(name, ()), *devices]):
            if (record := self._records.get(device)) is not None:
                record.units.append(unit)

    def _stagger(self, started: Instant) -> None:
        """Spread the devices over the ten seconds: a thousand frames at once would stall the loop."""
        for index, record in enumerate(self._records.values()):
            record.publish_due_ns = started.mono_ns + PUBLISH_EVERY_NS * index // len(self._records)
            record.silence.due_ns = record.publish_due_ns
