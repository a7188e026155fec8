"""The operator's desk: commands on occurrences, refused with a reason or carried out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from alerts import mute
from alerts.alarm import REFUSALS, Cue, record
from alerts.evaluator import Evaluator
from alerts.lifecycle import Trigger
from alerts.live import Live
from gateway.model import Command, CommandKind, CommandRefused, Instant


def find(lives: Sequence[Live], command: Command) -> Live:
    """The alarm whose occurrence it is, or whose rule and source; `stale` compares `expected_seq`.

    An occurrence that is over can only be unshelved or returned to service; what is not open is taken out of service by
    its rule and source.
    """
    if not command.occurrence:
        return _alarm(lives, command)
    for live in lives:
        if live.alarm.life is not None and live.alarm.life.occurrence == command.occurrence:
            _check_seq(live, command)
            return live
    for live in lives:
        if live.closed is not None and live.closed.occurrence == command.occurrence:
            if command.kind in (CommandKind.UNSHELVE, CommandKind.IN_SERVICE):
                return live
            raise CommandRefused("not_active", REFUSALS["not_active"] + ": the occurrence is closed", live.closed)
    raise CommandRefused("not_found", f"there is no open occurrence {command.occurrence}")


def _alarm(lives: Sequence[Live], command: Command) -> Live:
    if command.kind not in _OF_ALARMS:
        raise CommandRefused("invalid", f"{command.kind} needs an occurrence")
    for live in lives:
        if live.key == (command.rule, command.source):
            _check_seq(live, command)
            return live
    raise CommandRefused("not_found", f"no rule {command.rule} watches {command.source}")


def carry_out(evaluator: Evaluator, live: Live, command: Command, now: Instant) -> None:
    """The command on its alarm."""
    _DOING[command.kind](evaluator, live, command, now)


def _check_seq(live: Live, command: Command) -> None:
    life = live.alarm.life
    if life is None or command.expected_seq is None or command.expected_seq == life.seq:
        return
    if command.kind is CommandKind.ACK and life.acked_by == command.by:
        return  # the same person's acknowledgement once more: a lost answer was asked for again
    raise CommandRefused("stale", "the alarm has changed since it was shown", record(live.alarm))


def _acknowledge(evaluator: Evaluator, live: Live, command: Command, now: Instant) -> None:
    evaluator.apply(live, Cue(Trigger.ACK, by=command.by, comment=command.comment), now)


def _reset(evaluator: Evaluator, live: Live, command: Command, now: Instant) -> None:
    mute.need_comment(live.alarm, command)
    evaluator.apply(live, Cue(Trigger.RESET, by=command.by, comment=command.comment), now)


def _shelve(evaluator: Evaluator, live: Live, command: Command, now: Instant) -> None:
    evaluator.commit(live, *mute.shelve(live.alarm, command, now, live.terms), now)


def _unshelve(evaluator: Evaluator, live: Live, command: Command, now: Instant) -> None:
    evaluator.commit(live, *mute.unshelve(live.alarm, "command", now, live.terms, command.by), now)


def _take_out(evaluator: Evaluator, live: Live, command: Command, now: Instant) -> None:
    evaluator.commit(live, *mute.take_out_of_service(live.alarm, command, now, live.terms), now)


def _return(evaluator: Evaluator, live: Live, command: Command, now: Instant) -> None:
    evaluator.commit(live, *mute.return_to_service(live.alarm, "command", now, live.terms, command.by), now)


_OF_ALARMS = frozenset({CommandKind.OUT_OF_SERVICE, CommandKind.IN_SERVICE, CommandKind.UNSHELVE})
"""What can be done to an alarm that is not open."""
_DOING: dict[CommandKind, Callable[[Evaluator, Live, Command, Instant], None]] = {
    CommandKind.ACK: _acknowledge,
    CommandKind.RESET: _reset,
    CommandKind.SHELVE: _shelve,
    CommandKind.UNSHELVE: _unshelve,
    CommandKind.OUT_OF_SERVICE: _take_out,
    CommandKind.IN_SERVICE: _return,
}
