"""Why a device is not well, as sentences for people: all causes that are known, the nearest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from gateway.health.feed import NOT_FITTED, Word
from gateway.health.moments import Saying
from gateway.health.sentences import (
    NOTHING,
    SHOWN,
    error_sentence,
    link_sentence,
    more,
    overrun_sentence,
    refused_sentence,
)
from gateway.health.units import UnitRecord
from gateway.health.view import HealthError
from gateway.model import ErrorKind, Health, Instant, Quality, Text
from gateway.texts import COMMA, SEMICOLON, both, joined

if TYPE_CHECKING:
    from gateway.health.record import DeviceRecord

_SILENT = (Health.STALE, Health.OFFLINE)
# the worst reason names the whole complaint
_WORST = (
    Quality.BAD_SENSOR,
    Quality.BAD_RANGE,
    Quality.BAD_DECODE,
    Quality.BAD_UNDECLARED,
    Quality.BAD_CONFIG,
    Quality.BAD_NO_VALUE,
    Quality.BAD_COMM,
)


def findings(record: DeviceRecord, saying: Saying) -> tuple[tuple[HealthError, ...], tuple[HealthError, ...]]:
    """(troubles, notes) of a device: the troubles the nearest first, the notes worth knowing and no trouble.

    Nothing of one that the site has disabled.
    """
    if record.health is Health.DISABLED:
        return (), ()
    words = list(record.words(saying.now, only_bad=True))
    return tuple(_causes(record, saying, lambda: words)), tuple(_notes(record, words, saying))


def nearest(record: DeviceRecord, saying: Saying) -> HealthError | None:
    """The first of its troubles. The others, which nobody has asked for, cost nothing."""
    if record.health is Health.DISABLED:
        return None
    return next(_causes(record, saying, lambda: list(record.words(saying.now, only_bad=True))), None)


def _causes(record: DeviceRecord, saying: Saying, ask: Callable[[], Sequence[Word]]) -> Iterator[HealthError]:
    """The troubles, each made when it is taken. `ask` for the words is called when those of the units are told."""
    told = [*_gone(record), *_failed(record, saying), *_short_of(record)]
    unheard = bool(told)
    if not unheard:
        told += _silent(record, saying)
    yield from told
    words = ask()
    late = [] if record.health in _SILENT else list(_partly_silent(words, saying))
    more_of_it = [*_refused(record, words, saying), *_bad(words, but_comm=unheard), *late]
    yield from more_of_it
    if late:
        yield from _starved(record)
    if not told and not more_of_it:
        yield from _untold(record, saying.now)


def _notes(record: DeviceRecord, words: Sequence[Word], saying: Saying) -> Iterator[HealthError]:
    if absent := [word for word in words if word.quality is NOT_FITTED]:
        said = both("not_fitted", points=_names([word.key for word in absent]))
        yield _said("not_fitted", said, max(word.at.wall_ns for word in absent))
    if not _unconfigured(words):
        yield from (_refusal(unit, said) for unit, said in _refusing(record, saying))
    if not any(word.silent for word in words):
        yield from _starved(record)


def _gone(record: DeviceRecord) -> Iterator[HealthError]:
    """What it lives on has taken its leave, over a link that is up: else the link is the nearer cause."""
    gone = [
        (unit.gone_at, unit) for unit in record.units if unit.gone_at is not None and unit.link.down_since_ns is None
    ]
    for at, unit in sorted(gone, key=lambda one: -one[0].mono_ns):
        yield _said("unavailable", both("unavailable", who=_of(unit, record)), at.wall_ns)


def _failed(record: DeviceRecord, saying: Saying) -> list[HealthError]:
    """Links that are down, each once, and units that do not answer as they should, the newest first."""
    found: dict[str, HealthError] = {}
    for unit in record.units:
        link, error = unit.link.report, unit.error
        said = link_sentence(unit.link, saying)
        if said is not None and link.error is not None:
            found[link.link] = HealthError(link.error.kind.value, link.error.message, link.error.at_wall_ns, said)
            continue
        said = error_sentence(unit, saying, record.device.id)
        if said is not None and error is not None:
            found[f"{link.link} {unit.report.name} {unit.report.unit}"] = HealthError(
                error.kind.value, error.message, error.at_wall_ns, said
            )
    return sorted(found.values(), key=lambda one: -one.at_wall_ns)


def _short_of(record: DeviceRecord) -> Iterator[HealthError]:
    if record.complaints:
        yield _said("resources", joined(record.complaints, SEMICOLON), record.since.wall_ns)


def _silent(record: DeviceRecord, saying: Saying) -> Iterator[HealthError]:
    if record.health not in _SILENT:
        return
    last = record.last_good
    down = [unit.link for unit in record.units if unit.link.down_since_ns is not None]
    if last is not None and not record.is_expected and down:
        at_ns = saying.now.wall_ns - down[0].down_ns(saying.now)
        said = link_sentence(down[0], saying)
        if said is not None:
            yield _said(ErrorKind.CONNECT.value, said, at_ns)
            return
    quiet_since = last or record.started
    alive = last is None and any(unit.report.available for unit in record.units)
    but = both("though_there") if alive else NOTHING
    yield _said("silent", both("silent", since=saying.at(quiet_since), but=but), quiet_since.wall_ns)


def _refused(record: DeviceRecord, words: Sequence[Word], saying: Saying) -> Iterator[HealthError]:
    """The registers behind points that the device does not have as its profile says."""
    if _unconfigured(words):
        yield from (_refusal(unit, said) for unit, said in _refusing(record, saying))


def _refusing(record: DeviceRecord, saying: Saying) -> Iterator[tuple[UnitRecord, Text]]:
    for unit in record.units:
        if (said := refused_sentence(unit.report, saying, record.device.id)) is not None:
            yield unit, said


def _refusal(unit: UnitRecord, said: Text) -> HealthError:
    return _said("config", said, max(one.since_wall_ns for one in unit.report.refused))


def _unconfigured(words: Sequence[Word]) -> bool:
    return any(word.quality is Quality.BAD_CONFIG for word in words)


def _bad(words: Sequence[Word], *, but_comm: bool) -> Iterator[HealthError]:
    """Its points without a value. That those of a unit which does not answer have none goes without saying."""
    bad = [
        word
        for word in words
        if word.quality.is_bad
        and not word.silent
        and word.quality is not NOT_FITTED
        and not (but_comm and word.quality is Quality.BAD_COMM)
    ]
    if not bad:
        return
    kinds = {word.quality for word in bad}
    kind = next(quality for quality in _WORST if quality in kinds).reason or ""
    shown = joined([both("with_reason", point=word.key, reason=_reason(word.quality)) for word in bad[:SHOWN]], COMMA)
    english = ", ".join(f"{word.key} ({word.quality.reason})" for word in bad[:SHOWN])
    rest = more(len(bad))
    said = both("bad_points", points=shown, more=rest)
    yield HealthError(kind, f"bad: {english}{rest.en}", max(word.at.wall_ns for word in bad), said)


def _partly_silent(words: Sequence[Word], saying: Saying) -> Iterator[HealthError]:
    """It is heard, but no longer with everything."""
    silent = [word for word in words if word.silent]
    if silent:
        oldest = min(word.at for word in silent)
        points = _names([word.key for word in silent])
        yield _said("silent", both("silent_points", since=saying.at(oldest), points=points), oldest.wall_ns)


def _starved(record: DeviceRecord) -> list[HealthError]:
    found = {}
    for unit in record.units:
        if (said := overrun_sentence(unit)) is not None:
            found[unit.link.report.link] = _said("overrun", said, unit.link.report.at.wall_ns)
    return list(found.values())


def _untold(record: DeviceRecord, now: Instant) -> list[HealthError]:
    return [
        _said("silent", both("untold", who=_of(unit, record)), record.started.wall_ns)
        for unit in record.untold(now)[:1]
    ]


def _of(unit: UnitRecord, record: DeviceRecord) -> Text:
    return NOTHING if unit.report.name == record.device.id else both("of_whom", name=unit.report.name)


def _names(keys: Sequence[str]) -> Text:
    shown = ", ".join(keys[:SHOWN]), "、".join(keys[:SHOWN])
    rest = more(len(keys))
    return Text(shown[0] + rest.en, shown[1] + rest.zh)


def _reason(quality: Quality) -> Text:
    return both(f"reason_{quality.reason}")


def _said(kind: str, why: Text, at_wall_ns: int) -> HealthError:
    return HealthError(kind, why.en, at_wall_ns, why)
