"""Why a point is not simply good, as a sentence in both languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.health.complaint import findings
from gateway.health.feed import Word
from gateway.health.judge import patience, period_of
from gateway.health.moments import Saying, lasting
from gateway.health.sentences import NOTHING, refused_sentence
from gateway.health.view import HealthError, PointHealth
from gateway.model import HEALTH_POINT, ErrorKind, Quality, Text
from gateway.texts import both, joined

if TYPE_CHECKING:
    from gateway.health.record import DeviceRecord

_OF_UNITS = frozenset(kind.value for kind in ErrorKind) | {"unavailable"}


def point_healths(record: DeviceRecord, saying: Saying) -> list[PointHealth]:
    """Every declared point but `health`, in order."""
    words = {word.key: word for word in record.words(saying.now)}
    troubles, _ = findings(record, saying)
    return [
        _point(record, point.key, words.get(point.key), troubles, saying)
        for point in record.device.points
        if point.key != HEALTH_POINT.key
    ]


def _point(
    record: DeviceRecord, key: str, word: Word | None, troubles: Sequence[HealthError], saying: Saying
) -> PointHealth:
    period = period_of(record.device, key)
    if word is None:
        waited = saying.now.mono_ns - record.started.mono_ns
        silent = waited > patience(record.device, key) and not record.device.disabled
        why = _unheard(record, period, saying, silent=silent)
        return PointHealth(
            key=key, quality=None, period_ns=period, last_good_wall_ns=None, age_ns=None, silent=silent, why=why
        )
    good = word.good_at
    return PointHealth(
        key=key,
        quality=word.quality,
        period_ns=period,
        last_good_wall_ns=None if good is None else good.wall_ns,
        age_ns=None if good is None else saying.now.mono_ns - good.mono_ns,
        silent=word.silent,
        why=_why(record, word, period, troubles, saying),
    )


def _unheard(record: DeviceRecord, period: int, saying: Saying, *, silent: bool) -> Text:
    if record.device.disabled:
        return both("point_disabled")
    if silent:
        return both("point_never", since=saying.at(record.started))
    return both("point_yet", period=lasting(period)) if period else both("point_quiet")


def _why(record: DeviceRecord, word: Word, period: int, troubles: Sequence[HealthError], saying: Saying) -> Text | None:
    of_units = [trouble.why for trouble in troubles if trouble.kind in _OF_UNITS]
    if word.silent:
        said = both("point_silent", since=saying.at(word.at), period=lasting(period))
        return joined([said, *of_units])
    quality = word.quality
    if quality is Quality.GOOD:
        return None
    if quality is Quality.BAD_COMM and of_units:
        return joined(of_units)
    if quality is Quality.BAD_CONFIG:
        return _unconfigured(record, troubles, saying)
    return both(f"point_{quality.reason}", since=saying.at(word.good_at) if word.good_at else both("never_good"))


def _unconfigured(record: DeviceRecord, troubles: Sequence[HealthError], saying: Saying) -> Text:
    """Which refusal is this point's nobody has told health: those of all its units are shown."""
    if other := [trouble.why for trouble in troubles if trouble.kind == ErrorKind.IDENTITY.value]:
        return joined(other)
    refused = [said for unit in record.units if (said := refused_sentence(unit.report, saying)) is not None]
    return both("point_config", refused=both("said_of_unit", said=joined(refused)) if refused else NOTHING)
