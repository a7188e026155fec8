"""Muting is a layer over the life cycle: the alarm lives on underneath, journalled and shown; only notices stay away.

Every function takes an alarm and returns it with what has happened. When the last mute goes, the table's `lifted` row
decides: what is active, or latched and never told, is raised again.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any, NamedTuple

from alerts.alarm import Alarm, Cue, Effect, Terms, Turn, choose, record
from alerts.changed import changed
from alerts.lifecycle import Trigger
from gateway.model import SECOND, Command, CommandRefused, Instant, Mute, Severity

_DAY = 86_400 * SECOND
MAX_SHELVE_NS = 8 * 3600 * SECOND
MAX_OUT_NS, MAX_OUT_LIFE_SAFETY_NS = 30 * _DAY, 7 * _DAY
SHELVED, SUPPRESSED, OUT_OF_SERVICE = "shelved", "suppressed", "out_of_service"
SILENCED, MAINTENANCE = "silenced", "maintenance"
KINDS = (SHELVED, SUPPRESSED, OUT_OF_SERVICE, SILENCED, MAINTENANCE)
OWN_STATE = "suppress_when"
"""The cause of a suppression that the rule itself asks for, of its own source."""
COVERS = {SILENCED: ("silence", "unsilence"), MAINTENANCE: ("maintenance", "maintenance_over")}
"""What lies over many alarms at once, with the rows of its beginning and its end."""
_ENDS = {SHELVED: "unshelve", SUPPRESSED: "unsuppress", OUT_OF_SERVICE: "in_service"} | {
    kind: ends for kind, (_, ends) in COVERS.items()
}
_UNTIL = {SHELVED: "shelved_until_ns", OUT_OF_SERVICE: "out_until_ns"}
_LISTED = {SUPPRESSED: "causes", SILENCED: "reasons", MAINTENANCE: "reasons"}
"""Under which word its row says what is left of it."""

Changed = tuple[Alarm, tuple[Effect, ...]]


class _Row(NamedTuple):
    """The journal's row of a change of mutes; None: only the record changes. `always`: also of one that is not open."""

    kind: str | None
    body: dict[str, Any]
    by: str | None = None
    always: bool = False


def may_mute(terms: Terms, kind: str, reason: str = "") -> bool:
    """What may keep this alarm silent. All exemptions of life safety are here; whatever adds a mute goes through it.

    Life safety is never shelved, silenced or in maintenance, and suppressed only by what its own rule asks of its own
    device; its companion also by who says the same loss. Out of service takes a permit and a second person.
    """
    if not terms.life_safety:
        return True
    if kind == SUPPRESSED:
        return terms.companion or reason == OWN_STATE
    return kind == OUT_OF_SERVICE


def shelve(alarm: Alarm, command: Command, now: Instant, terms: Terms, longest_ns: int = MAX_SHELVE_NS) -> Changed:
    """Shelve for a time, or until it returns (one-shot), `longest_ns` at most either way. Replaces an earlier shelf."""
    if not may_mute(terms, SHELVED):
        raise CommandRefused("life_safety", "a life-safety alarm cannot be shelved", record(alarm))
    need_comment(alarm, command)
    if command.for_ns is None and not command.one_shot:
        raise CommandRefused("invalid", "say for how long to shelve, or shelve one-shot", record(alarm))
    for_ns = longest_ns if command.for_ns is None else command.for_ns
    if not 0 < for_ns <= longest_ns:
        hours = longest_ns / (3600 * SECOND)
        raise CommandRefused("invalid", f"shelve for more than 0 s and at most {hours:g} h", record(alarm))
    until = now.wall_ns + for_ns
    mute = Mute(SHELVED, command.comment or "", command.by, until, command.one_shot)
    mutes = (*_without(alarm, SHELVED), mute)
    body = {"comment": command.comment, "until_wall_ns": until, "one_shot": command.one_shot}
    shelved = changed(alarm, shelved_until_ns=now.mono_ns + for_ns)
    return _remute(shelved, mutes, now, terms, _Row("shelve", body, command.by))


def unshelve(alarm: Alarm, why: str, now: Instant, terms: Terms, by: str | None = None) -> Changed:
    """End the shelf: `why` is `expired` or `command`."""
    mutes = _without(alarm, SHELVED)
    if mutes == alarm.mutes:
        raise CommandRefused("invalid", "the alarm is not shelved", record(alarm))
    row = _Row("unshelve", {"why": why}, by, always=True)
    return _remute(changed(alarm, shelved_until_ns=None), mutes, now, terms, row)


def suppress(alarm: Alarm, causes: Set[str], now: Instant, terms: Terms) -> Changed:
    """Suppressed by design for exactly these causes; none lifts it."""
    causes = {cause for cause in causes if may_mute(terms, SUPPRESSED, cause)}
    before = {mute.reason for mute in alarm.mutes if mute.kind == SUPPRESSED}
    if before == causes:
        return alarm, ()
    kind = "suppress" if causes - before else "unsuppress"
    mutes = (*_without(alarm, SUPPRESSED), *(Mute(SUPPRESSED, cause) for cause in sorted(causes)))
    return _remute(alarm, mutes, now, terms, _Row(kind, {"causes": sorted(causes)}))


def take_out_of_service(alarm: Alarm, command: Command, now: Instant, terms: Terms) -> Changed:
    """Out of service under a work permit, for `for_ns` at most; a later permit replaces the one before.

    A life-safety alarm needs `second`, another person than `by`, who agrees.
    """
    if not (command.permit or "").strip():
        raise CommandRefused("invalid", "out of service needs a permit or work-order number", record(alarm))
    need_comment(alarm, command)
    longest = MAX_OUT_LIFE_SAFETY_NS if terms.life_safety else MAX_OUT_NS
    if command.for_ns is None or not 0 < command.for_ns <= longest:
        raise CommandRefused("invalid", f"say for how long: at most {longest // _DAY} days", record(alarm))
    body: dict[str, Any] = {"permit": command.permit, "comment": command.comment}
    if terms.life_safety or command.second is not None:
        if not (command.second or "").strip() or _same_person(command.second, command.by):
            message = "a life-safety alarm is taken out of service by two: `second` is another person who agrees"
            raise CommandRefused("invalid", message, record(alarm))
        body["second"] = command.second
    body["until_wall_ns"] = until = now.wall_ns + command.for_ns
    out_now = Mute(OUT_OF_SERVICE, command.permit or "", command.by, until, second=command.second)
    mutes = (*_without(alarm, OUT_OF_SERVICE), out_now)
    out = changed(alarm, out_until_ns=now.mono_ns + command.for_ns)
    return _remute(out, mutes, now, terms, _Row("out_of_service", body, command.by, always=True))


def return_to_service(alarm: Alarm, why: str, now: Instant, terms: Terms, by: str | None = None) -> Changed:
    """In service again: `why` is `expired` or `command`."""
    mutes = _without(alarm, OUT_OF_SERVICE)
    if mutes == alarm.mutes:
        raise CommandRefused("invalid", "the alarm is not out of service", record(alarm))
    row = _Row("in_service", {"why": why}, by, always=True)
    return _remute(changed(alarm, out_until_ns=None), mutes, now, terms, row)


def cover(alarm: Alarm, covers: Sequence[Mute], now: Instant, terms: Terms, by: str | None = None) -> Changed:
    """Exactly these silences and maintenance windows lie over it."""
    before = tuple(mute for mute in alarm.mutes if mute.kind in COVERS)
    wanted = tuple(mute for mute in covers if may_mute(terms, mute.kind))
    if before == wanted:
        return alarm, ()
    rows = []
    for kind, (begins, ends) in COVERS.items():
        had, has = ({mute.reason for mute in mutes if mute.kind == kind} for mutes in (before, wanted))
        if had != has:
            rows.append(_Row(begins if has - had else ends, {"reasons": sorted(has)}, by))
    kept = tuple(mute for mute in alarm.mutes if mute.kind not in COVERS)
    return _remute(alarm, (*kept, *wanted), now, terms, *(rows or [_Row(None, {})]))


def forbidden(alarm: Alarm, now: Instant, terms: Terms) -> bool:
    """Something mutes it that may not: its rule has become life safety since."""
    return not all(_permitted(alarm, mute, now, terms) for mute in alarm.mutes)


def lift_forbidden(alarm: Alarm, now: Instant, terms: Terms) -> Changed:
    """Without what may not mute it (any longer)."""
    kept, ends, rows = _rid(alarm, now, terms)
    return _remute(changed(alarm, **ends), kept, now, terms, *rows)


def become_life_safety(alarm: Alarm, severity: Severity, now: Instant, terms: Terms) -> Changed:
    """The open alarm is life safety from now on: what may not mute it ends, and it is announced again as severe as
    that. What is over and does not latch is only journalled.
    """
    kept, ends, rows = _rid(alarm, now, terms)
    turn = Turn(changed(alarm, mutes=kept, **ends), Cue(Trigger.LIFE_SAFETY, severity=severity), now, terms)
    turn.reclassify()
    for row in rows:
        turn.log(row.kind, **row.body)
    turn.take(choose(turn.alarm, Trigger.LIFE_SAFETY, terms))
    return turn.alarm, tuple(turn.effects)


def need_comment(alarm: Alarm, command: Command) -> None:
    """Refuse a command that does not say why."""
    if not (command.comment or "").strip():
        raise CommandRefused("invalid", f"{command.kind} needs a comment", record(alarm))


def due(alarm: Alarm, now: Instant) -> int | None:
    """The mono time at which a shelf or permit ends: at its label or after its span, whichever comes first.

    So a clock that steps back cannot make it longer than it was allowed to be.
    """
    ends = [end for kind in (SHELVED, OUT_OF_SERVICE) if (end := _end(alarm, kind, now)) is not None]
    return max(now.mono_ns, min(ends)) if ends else None


def expire(alarm: Alarm, now: Instant, terms: Terms) -> Changed:
    """End the shelf or the permit whose time is up (the shelf first, when it is both)."""
    for kind, ending in ((SHELVED, unshelve), (OUT_OF_SERVICE, return_to_service)):
        end = _end(alarm, kind, now)
        if end is not None and end <= now.mono_ns:
            return ending(alarm, "expired", now, terms)
    return alarm, ()


def speaks(alarm: Alarm) -> bool:
    """Somebody hears of it. (What another alarm suppresses by design speaks through its suppressor.)

    What is only journalled is never told to anybody.
    """
    if alarm.severity is Severity.JOURNAL:
        return False
    return all(mute.kind == SUPPRESSED and mute.reason != OWN_STATE for mute in alarm.mutes)


def _end(alarm: Alarm, kind: str, now: Instant) -> int | None:
    until = alarm.shelved_until_ns if kind == SHELVED else alarm.out_until_ns
    if until is None:
        return None
    labels = [mute.until_wall_ns for mute in alarm.mutes if mute.kind == kind and mute.until_wall_ns is not None]
    return min([until, *(now.mono_ns + label - now.wall_ns for label in labels)])


def _permitted(alarm: Alarm, held: Mute, now: Instant, terms: Terms) -> bool:
    """It could be laid over the alarm today, too: a permit of life safety has two names and its limit."""
    if held.kind != OUT_OF_SERVICE or not terms.life_safety:
        return may_mute(terms, held.kind, held.reason)
    left_ns = 0 if alarm.out_until_ns is None else alarm.out_until_ns - now.mono_ns
    return held.second is not None and left_ns <= MAX_OUT_LIFE_SAFETY_NS


def _rid(alarm: Alarm, now: Instant, terms: Terms) -> tuple[tuple[Mute, ...], dict[str, None], list[_Row]]:
    """What is left when all goes that may not mute it, which ends go with it, and a row for each kind that went."""
    kept = tuple(held for held in alarm.mutes if _permitted(alarm, held, now, terms))
    gone = {held.kind for held in alarm.mutes if held not in kept}
    rows = []
    for kind in (kind for kind in KINDS if kind in gone):
        body: dict[str, Any] = {"why": "life_safety"}
        if kind in _LISTED:
            body[_LISTED[kind]] = sorted({held.reason for held in kept if held.kind == kind})
        rows.append(_Row(_ENDS[kind], body, always=kind in _UNTIL))
    return kept, {_UNTIL[kind]: None for kind in gone if kind in _UNTIL}, rows


def _same_person(one: str | None, other: str) -> bool:
    return (one or "").strip().casefold() == other.strip().casefold()


def _without(alarm: Alarm, kind: str) -> tuple[Mute, ...]:
    return tuple(mute for mute in alarm.mutes if mute.kind != kind)


def _remute(alarm: Alarm, mutes: tuple[Mute, ...], now: Instant, terms: Terms, *rows: _Row) -> Changed:
    mutes = tuple(mute for mute in mutes if may_mute(terms, mute.kind, mute.reason))
    lifted = bool(alarm.mutes) and not mutes
    turn = Turn(changed(alarm, mutes=mutes), Cue(Trigger.LIFTED, by=rows[-1].by), now, terms)
    for row in rows:
        turn.log(row.kind, **row.body)
        if alarm.life is None and row.always:
            turn.effects.append(Effect(row.kind, None, row.body, None, row.by))
    if lifted:
        turn.take(choose(turn.alarm, Trigger.LIFTED, terms))
    return turn.alarm, tuple(turn.effects)
