"""What /metrics shows of devices, links and units. One series per link, unit or device, never per point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from gateway.api.house import House
from gateway.api.metrics import Family, Sample, single
from gateway.health import round_trips
from gateway.model import GATEWAY_DEVICE, SECOND, Health, LinkReport, Quality, UnitReport

_UP = {Health.ONLINE: 1.0, Health.DEGRADED: 1.0, Health.STALE: 0.0, Health.OFFLINE: 0.0}
SILENT = "silent"
UNHEARD = "unheard"


def device_families(house: House) -> list[Family]:
    """How the devices and their points are. On the loop's thread: it asks health."""
    now = house.clock.now()
    up: list[Sample] = []
    good: list[Sample] = []
    bad: list[Sample] = []
    states: Counter[Health] = Counter()
    reasons: Counter[str] = Counter()
    for device in house.devices:
        health = house.health.state(device.id, now)
        states[health] += 1
        if device.id == GATEWAY_DEVICE:
            continue
        labels = {"device": device.id, "system": device.system}
        if health in _UP:  # what has not been heard yet is neither, and what is disabled is nobody's
            up.append((labels, _UP[health]))
        if health is Health.DISABLED:
            continue
        summary = house.health.summary(device.id, now)
        reasons.update(summary.reasons)
        bad.append((labels, float(summary.bad)))
        if summary.last_good_wall_ns is not None:
            good.append((labels, summary.last_good_wall_ns / SECOND))
    named = [quality.reason or "good" for quality in Quality] + [SILENT, UNHEARD]
    points: list[Sample] = [({"reason": reason}, float(reasons[reason])) for reason in named]
    last = "anlou_device_last_good_timestamp_seconds"
    by_health = [({"health": health.value}, float(states[health])) for health in Health]
    return [
        Family("anlou_devices", "gauge", "Devices by health.", by_health),
        Family("anlou_device_up", "gauge", "1 online or degraded, 0 stale or offline; none before its first word.", up),
        Family(last, "gauge", "When a good sample of it last came.", good),
        Family("anlou_device_points_bad", "gauge", "Points that are bad or silent.", bad),
        Family("anlou_points", "gauge", "Points of all devices by the reason of their quality.", points),
    ]


def link_families(links: Sequence[LinkReport]) -> Iterator[Family]:
    """What the drivers report of links and units."""
    yield Family("anlou_link_up", "gauge", "Connected.", [({"link": one.link}, float(one.connected)) for one in links])
    connects = [({"link": one.link}, float(one.connects)) for one in links]
    yield Family("anlou_link_connects_total", "counter", "Connections made.", connects)
    busy = [({"link": one.link}, one.busy) for one in links if one.busy is not None]
    yield Family("anlou_link_busy_ratio", "gauge", "Share of the last minute with a question on the wire.", busy)
    info = [({"link": one.link, "endpoint": one.endpoint}, 1.0) for one in links]
    yield Family("anlou_link_info", "gauge", "The address in use.", info)
    announced = [
        ({"link": one.link, "known": word}, float(sum(new.known is known for new in one.announced)))
        for one in links
        if one.announced
        for word, known in (("yes", True), ("no", False))
    ]
    yield Family("anlou_link_announced", "gauge", "Devices that have announced themselves.", announced)
    counts = [({"link": one.link, "count": name}, float(count)) for one in links for name, count in one.counts.items()]
    yield Family("anlou_link_messages_total", "counter", "What a link counts of its messages.", counts)


def unit_families(links: Sequence[LinkReport]) -> Iterator[Family]:
    """What the drivers report of units. A device that answers as several units has a series for each number."""
    reports = [(_labels(link.link, unit), unit) for link in links for unit in link.units]

    def each(name: str, kind: str, text: str, values: Iterator[float]) -> Family:
        return Family(name, kind, text, [(labels, value) for (labels, _), value in zip(reports, values, strict=True)])

    every = [report for _, report in reports]
    yield each("anlou_unit_polls_total", "counter", "Polls.", (float(one.polls) for one in every))
    good = (float(one.good) for one in every)
    yield each("anlou_unit_polls_good_total", "counter", "Polls with a good answer.", good)
    overruns = (float(one.overruns) for one in every)
    text = "Polls skipped: the one before was not done."
    yield each("anlou_unit_overruns_total", "counter", text, overruns)
    yield each("anlou_unit_misses", "gauge", "Cycles missed in a row.", (float(one.misses) for one in every))
    failing = (float(one.error is not None or one.backoff_until_ns is not None) for one in every)
    yield each("anlou_unit_failing", "gauge", "1 while it has an error.", failing)
    backoff = (float(one.backoff_until_ns is not None) for one in every)
    yield each("anlou_unit_backoff", "gauge", "1 while it is left out of the polls and only probed.", backoff)
    refused = (float(len(one.refused)) for one in every)
    yield each("anlou_unit_refused_ranges", "gauge", "Ranges of registers that it has refused.", refused)
    last = [(labels, one.last_good_wall_ns / SECOND) for labels, one in reports if one.last_good_wall_ns is not None]
    yield Family("anlou_unit_last_good_timestamp_seconds", "gauge", "When it last answered in full.", last)
    trips = [(labels, round_trips([one])) for labels, one in reports if one.rtt_ns]
    half = [(labels, trip.p50_ns / SECOND) for labels, trip in trips if trip.p50_ns is not None]
    yield Family("anlou_unit_round_trip_p50_seconds", "gauge", "Half of its newest answers took at most this.", half)
    most = [(labels, trip.p99_ns / SECOND) for labels, trip in trips if trip.p99_ns is not None]
    yield Family("anlou_unit_round_trip_p99_seconds", "gauge", "99 % of its newest answers took at most this.", most)
    errors = [({**labels, "kind": kind.value}, float(n)) for labels, one in reports for kind, n in one.errors.items()]
    yield Family("anlou_unit_errors_total", "counter", "Failed requests by kind.", errors)
    said = [({**labels, "exception": name}, float(n)) for labels, one in reports for name, n in one.exceptions.items()]
    yield Family("anlou_unit_exceptions_total", "counter", "Refusals by the standard's name.", said)
    variants = [({**labels, "variant": one.variant}, 1.0) for labels, one in reports if one.variant is not None]
    yield Family("anlou_unit_info", "gauge", "The profile's variant that it has turned out to be.", variants)


def house_families(house: House) -> Iterator[Family]:
    """The gateway's own numbers."""
    status = house.health.gateway_status
    now = house.clock.now()
    up = 0.0 if house.health.verdict(now) == "failed" else 1.0
    yield single("anlou_up", "gauge", "0 while /healthz says failed.", up)
    yield single("anlou_frames_total", "counter", "Frames judged and stored.", house.current.frames)
    yield single("anlou_outbox_pending", "gauge", "Notices that wait for delivery.", status.outbox_pending)
    yield single("anlou_writer_queue_depth", "gauge", "Frames that wait for the writer.", status.queue_depth)
    yield single("anlou_loop_lag_seconds", "gauge", "How late the event loop is.", status.loop_lag_s)
    if status.disk_used is not None:
        yield single("anlou_disk_used_percent", "gauge", "Of the file system with the stores.", status.disk_used)


def _labels(link: str, unit: UnitReport) -> dict[str, str]:
    return {"link": link, "unit": unit.name, "number": "" if unit.unit is None else str(unit.unit)}
