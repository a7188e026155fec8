"""Why a device is not well, as one sentence for people: the nearest cause that is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gateway.health.units import newest_error
from gateway.health.view import HealthError
from gateway.model import SECOND, ErrorKind, Health, Instant, Quality

if TYPE_CHECKING:
    from gateway.health.record import DeviceRecord

SHOWN_POINTS = 3


def complaint(record: DeviceRecord, now: Instant) -> HealthError | None:
    """The device's present trouble; None when there is none to tell."""
    if record.health is Health.DISABLED:
        return None
    for found in (_gone(record), _failed(record), _short_of(record), _silent(record, now), _bad(record)):
        if found is not None:
            return found
    return next(_partly_silent(record, now), None) or _untold(record, now)


def _gone(record: DeviceRecord) -> HealthError | None:
    """What it lives on has taken its leave, over a link that is up: else the link is the nearer cause."""
    gone = [unit for unit in record.units if unit.gone_at is not None and unit.link.down_since_ns is None]
    if not gone:
        return None
    last = max(gone, key=lambda unit: unit.gone_at or Instant(0, 0))
    named = "" if last.report.name == record.device.id else f"{last.report.name}: "
    said = f"{named}its availability topic says that it is not there"
    return HealthError("unavailable", said, last.gone_at.wall_ns if last.gone_at is not None else 0)


def _failed(record: DeviceRecord) -> HealthError | None:
    error = newest_error(record.units)
    return None if error is None else HealthError(error.kind.value, error.message, error.at_wall_ns)


def _short_of(record: DeviceRecord) -> HealthError | None:
    if not record.complaints:
        return None
    return HealthError("resources", "; ".join(record.complaints), record.since.wall_ns)


def _silent(record: DeviceRecord, now: Instant) -> HealthError | None:
    if record.health not in (Health.STALE, Health.OFFLINE):
        return None
    last = record.last_good
    down = [unit.link for unit in record.units if unit.link.down_since_ns is not None]
    if last is not None and not record.device.poll_ns and down:
        seconds = down[0].down_ns(now) // SECOND
        at_ns = now.wall_ns - down[0].down_ns(now)
        return HealthError(ErrorKind.CONNECT.value, f"the link {down[0].report.link} is down for {seconds} s", at_ns)
    quiet_since = last or record.started
    seconds = (now.mono_ns - quiet_since.mono_ns) // SECOND
    alive = last is None and any(unit.report.available for unit in record.units)
    but = ", though it says that it is there" if alive else ""
    return HealthError("silent", f"no good sample for {seconds} s{but}", quiet_since.wall_ns)


def _bad(record: DeviceRecord) -> HealthError | None:
    bad = [found for feed in record.feeds for found in feed.bad_points()]
    if record.shared is not None:
        bad += record.shared.bad_points()
    if not bad:
        return None
    shown = ", ".join(f"{key} ({quality.reason})" for key, quality, _ in bad[:SHOWN_POINTS])
    kind = "sensor" if any(quality is Quality.BAD_SENSOR for _, quality, _ in bad) else "decode"
    return HealthError(kind, f"bad: {shown}{_more(len(bad))}", max(at.wall_ns for _, _, at in bad))


def _partly_silent(record: DeviceRecord, now: Instant) -> Iterator[HealthError]:
    """Its messages come, but no longer with everything in them."""
    silent = list(record.shared.silent_points(record.silent_before_ns(now))) if record.shared is not None else []
    if silent:
        oldest = min(at for _, at in silent)
        shown = ", ".join(key for key, _ in silent[:SHOWN_POINTS])
        seconds = (now.mono_ns - oldest.mono_ns) // SECOND
        yield HealthError("silent", f"nothing for {seconds} s of {shown}{_more(len(silent))}", oldest.wall_ns)


def _untold(record: DeviceRecord, now: Instant) -> HealthError | None:
    untold = record.untold(now)
    if not untold:
        return None
    named = "" if untold[0].report.name == record.device.id else f"{untold[0].report.name}: "
    told = f"{named}its availability topic has never spoken: nobody would know that it is gone"
    return HealthError("silent", told, record.started.wall_ns)


def _more(count: int) -> str:
    return f" and {count - SHOWN_POINTS} more" if count > SHOWN_POINTS else ""
