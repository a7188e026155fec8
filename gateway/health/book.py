"""HealthBook: frames and LinkReports in, every device's state out, and its `health` frames for the pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, tzinfo

from gateway.health.complaint import findings, nearest
from gateway.health.feed import Feed
from gateway.health.gateway import GatewayRecord, GatewayStatus
from gateway.health.links import LinkRecord, storm_limit
from gateway.health.moments import Saying
from gateway.health.reasons import point_healths
from gateway.health.record import DeviceRecord
from gateway.health.sentences import link_sentence, unit_sentence
from gateway.health.units import UnitRecord, round_trips, success_ratio
from gateway.health.view import DeviceHealth, HealthError, LinkHealth, PointHealth, PointSummary, UnitHealth
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

    It reads no clock: `started` is the moment that `starting` counts from, `now` comes with each question. Sentences
    tell the time of `zone`.
    """

    def __init__(
        self,
        devices: Sequence[Device],
        feeds: Mapping[str, Sequence[str]],
        started: Instant,
        zone: tzinfo = UTC,
    ) -> None:
        self._zone = zone
        self._records = {device.id: DeviceRecord(device, started) for device in devices}
        self._fed_by: dict[str, list[str]] = {}
        for device, units in feeds.items():
            for unit in units:
                self._fed_by.setdefault(unit, []).append(device)
        self._layouts: dict[Layout, Feed] = {}
        self._links: dict[str, LinkRecord] = {}
        self._units: dict[tuple[str, str, int | None], UnitRecord] = {}  # by link, name and number
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
            behind = (each.device for each in self._records.values() if report.link in each.device.links)
            self._links[report.link] = link = LinkRecord(report, storm_limit(behind))
        else:
            link.update(report)
        for unit in report.units:
            key = (report.link, unit.name, unit.unit)  # a device may answer as several units
            record = self._units.get(key)
            if record is None:
                self._units[key] = record = UnitRecord(link, unit)
                self._attach(unit.name, unit.devices, record)
            else:
                record.update(unit)

    def gateway(self, status: GatewayStatus, now: Instant) -> Frame:
        """The gateway's numbers: remembered for its own health, and answered as the frame to emit.

        The links' points are in it, of those too that have never reported.
        """
        self._count_offline()
        frame = self._gateway.frame(status, self._links, now)
        if (record := self._records.get(GATEWAY_DEVICE)) is not None:
            record.complaints = self._gateway.problems(now)
        return frame

    def gateway_news(self, now: Instant) -> Frame | None:
        """The gateway's frame again when a link's points have changed since: an alarm must not wait for the numbers."""
        self._count_offline()
        return self._gateway.news(self._links, now)

    def _count_offline(self) -> None:
        """Each link's share of devices that are offline; of one device it would say no more than its own health."""
        devices: dict[str, list[bool]] = {}
        for record in self._records.values():
            if record.health is not Health.DISABLED:
                for name in {unit.link.report.link for unit in record.units}:
                    devices.setdefault(name, []).append(record.health is Health.OFFLINE)
        for name, link in self._links.items():
            offline = devices.get(name, [])
            link.offline_share = round(100 * sum(offline) / len(offline), 1) if len(offline) > 1 else 0.0

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
        record, saying = self._records[device], Saying(now, self._zone)
        health = record.decide(now)
        return self._device(record, health, now, *findings(record, saying))

    def brief(self, device: str, now: Instant) -> DeviceHealth:
        """As `device`, with the nearest cause alone and no notes: for those who show many. KeyError as there."""
        record, saying = self._records[device], Saying(now, self._zone)
        health = record.decide(now)
        cause = nearest(record, saying)
        return self._device(record, health, now, () if cause is None else (cause,), ())

    def _device(
        self,
        record: DeviceRecord,
        health: Health,
        now: Instant,
        causes: tuple[HealthError, ...],
        notes: tuple[HealthError, ...],
    ) -> DeviceHealth:
        last = record.last_good
        return DeviceHealth(
            device=record.device.id,
            health=health,
            since_wall_ns=record.since.wall_ns,
            last_good_wall_ns=None if last is None else last.wall_ns,
            age_ns=None if last is None else now.mono_ns - last.mono_ns,
            causes=causes,
            notes=notes,
            success_ratio=success_ratio(record.units),
            rtt=round_trips([unit.report for unit in record.units]),
            points=record.counts(now),
        )

    def points(self, device: str, now: Instant) -> list[PointHealth]:
        """Every point of the device but `health`, with its age and why it is not good; KeyError when there is none."""
        return point_healths(self._records[device], Saying(now, self._zone))

    def summary(self, device: str, now: Instant) -> PointSummary:
        """Its points counted by their reasons; KeyError when there is no such device."""
        return self._records[device].summary(now)

    def units(self, device: str, now: Instant) -> tuple[UnitHealth, ...]:
        """The units that feed the device, one for each number; KeyError when there is no such device."""
        saying = Saying(now, self._zone)
        return tuple(_unit_health(unit, saying) for unit in self._records[device].units)

    def state(self, device: str, now: Instant) -> Health:
        """Only the state; KeyError when there is no such device."""
        return self._records[device].decide(now)

    def counts(self, now: Instant) -> Counter[Health]:
        """How many devices are in each state."""
        return Counter(record.decide(now) for record in self._records.values())

    def links(self) -> tuple[LinkReport, ...]:
        """The newest report of each link."""
        return tuple(link.report for link in self._links.values())

    def link_healths(self, now: Instant) -> Iterator[LinkHealth]:
        """The newest report of each link, by name, with what is to be said of it and its units."""
        saying = Saying(now, self._zone)
        for name, link in sorted(self._links.items()):
            records = (self._units[name, unit.name, unit.unit] for unit in link.report.units)
            units = tuple(_unit_health(record, saying) for record in records)
            yield LinkHealth(report=link.report, units=units, why=link_sentence(link, saying))

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


def _unit_health(unit: UnitRecord, saying: Saying) -> UnitHealth:
    link = unit.link.report
    return UnitHealth(
        link=link.link,
        endpoint=link.endpoint,
        report=unit.report,
        rtt=round_trips([unit.report]),
        why=unit_sentence(unit, saying),
    )
