"""Muting is a layer over the life cycle: the alarm lives on underneath, journalled and shown; only notices stay away.

Every function takes an alarm and returns it with what has happened. When the last mute goes, the table's `lifted` row
decides: what is active, or latched and never told, is raised again.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from typing import Any, NamedTuple

from alerts.alarm import Alarm, Cue, Effect, Terms, Turn, choose, record
from alerts.lifecycle import Trigger
from gateway.model import SECOND, Command, CommandRefused, Instant, Mute

MAX_SHELVE_NS = 8 * 3600 * SECOND
SHELVED, SUPPRESSED, OUT_OF_SERVICE = "shelved", "suppressed", "out_of_service"

Changed = tuple[Alarm, tuple[Effect, ...]]


class _Row(NamedTuple):
    """The journal's row of a change of mutes."""

    kind: str
    body: dict[str, Any]
    by: str | None = None


def shelve(alarm: Alarm, command: Command, now: Instant, terms: Terms, longest_ns: int = MAX_SHELVE_NS) -> Changed:
    """Shelve for a time, or until it returns (one-shot), `longest_ns` at most either way. Replaces an earlier shelf."""
    if terms.life_safety:
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
    shelved = replace(alarm, shelved_until_ns=now.mono_ns + for_ns)
    return _remute(shelved, mutes, _Row("shelve", body, command.by), now, terms)


def unshelve(alarm: Alarm, why: str, now: Instant, terms: Terms, by: str | None = None) -> Changed:
    """End the shelf: `why` is `expired` or `command`."""
    mutes = _without(alarm, SHELVED)
    if mutes == alarm.mutes:
        raise CommandRefused("invalid", "the alarm is not shelved", record(alarm))
    return _remute(replace(alarm, shelved_until_ns=None), mutes, _Row("unshelve", {"why": why}, by), now, terms)


def suppress(alarm: Alarm, causes: Set[str], now: Instant, terms: Terms) -> Changed:
    """Suppressed by design for exactly these causes; none lifts it."""
    before = {mute.reason for mute in alarm.mutes if mute.kind == SUPPRESSED}
    if before == causes:
        return alarm, ()
    kind = "suppress" if causes - before else "unsuppress"
    mutes = (*_without(alarm, SUPPRESSED), *(Mute(SUPPRESSED, cause) for cause in sorted(causes)))
    return _remute(alarm, mutes, _Row(kind, {"causes": sorted(causes)}), now, terms)


def take_out_of_service(alarm: Alarm, permit: str, by: str, now: Instant, terms: Terms) -> Changed:
    """Out of service under a work permit, until it is returned."""
    if not permit.strip():
        raise CommandRefused("invalid", "out of service needs a permit or work-order number", record(alarm))
    mutes = (*_without(alarm, OUT_OF_SERVICE), Mute(OUT_OF_SERVICE, permit, by))
    return _remute(alarm, mutes, _Row("out_of_service", {"permit": permit}, by), now, terms)


def return_to_service(alarm: Alarm, by: str, now: Instant, terms: Terms) -> Changed:
    """In service again."""
    mutes = _without(alarm, OUT_OF_SERVICE)
    if mutes == alarm.mutes:
        raise CommandRefused("invalid", "the alarm is not out of service", record(alarm))
    return _remute(alarm, mutes, _Row("in_service", {}, by), now, terms)


def need_comment(alarm: Alarm, command: Command) -> None:
    """Refuse a command that does not say why."""
    if not (command.comment or "").strip():
        raise CommandRefused("invalid", f"{command.kind} needs a comment", record(alarm))


def shelf_due(alarm: Alarm, now: Instant) -> int | None:
    """The mono time at which the shelf ends: at its label or after its span, whichever comes first.

    So a clock that steps back cannot make a shelf longer than it was allowed to be.
    """
    if alarm.shelved_until_ns is None:
        return None
    labels = [mute.until_wall_ns for mute in alarm.mutes if mute.kind == SHELVED and mute.until_wall_ns is not None]
    ends = [alarm.shelved_until_ns, *(now.mono_ns + label - now.wall_ns for label in labels)]
    return max(now.mono_ns, min(ends))


def speaks(alarm: Alarm) -> bool:
    """Nobody has silenced it by hand. (What is suppressed by design speaks through its suppressor.)"""
    return all(mute.kind == SUPPRESSED for mute in alarm.mutes)


def _without(alarm: Alarm, kind: str) -> tuple[Mute, ...]:
    return tuple(mute for mute in alarm.mutes if mute.kind != kind)


def _remute(alarm: Alarm, mutes: tuple[Mute, ...], row: _Row, now: Instant, terms: Terms) -> Changed:
    lifted = bool(alarm.mutes) and not mutes
    turn = Turn(replace(alarm, mutes=mutes), Cue(Trigger.LIFTED, by=row.by), now, terms)
    turn.log(row.kind, **row.body)
    if lifted:
        turn.take(choose(turn.alarm, Trigger.LIFTED, terms))
    return turn.alarm, tuple(turn.effects)
