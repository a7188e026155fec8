"""The alarm life cycle as one table: (state, trigger) → the first way whose guard holds.

Rule 1: everything that decides an alarm's next state is in this file; `alarm.advance` only carries it out.
Rule 2: every pair is present. A pair that must not happen refuses with its code, and nothing has changed then.

The states are ISA-18.2's with our delay sub-states; the picture in docs/alarm-states.md is generated from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.model import AlarmState


class Trigger(StrEnum):
    """What can happen to an alarm."""

    TRUE = "true"  # the condition was judged TRUE (again)
    FALSE = "false"
    UNKNOWN = "unknown"  # also: restarted, inputs not seen yet
    EXPIRED = "expired"  # the running on- or off-delay has passed
    ACK = "ack"
    RESET = "reset"
    WORSE = "worse"  # the condition reached a higher severity than this occurrence has had
    REALARM = "realarm"  # acknowledged too long ago, still active
    LIFTED = "lifted"  # the last mute was removed
    OUTAGE = "outage"  # restarted after longer than the tolerance: delays that ran are forgotten
    LIFE_SAFETY = "life_safety"  # its rule has become life safety: whoever answered it answered something less
    EDITED = "edited"  # the rule's condition has changed: judged afresh, but what is active stays until FALSE
    WITHDRAWN = "withdrawn"  # the rule was removed or disabled


class Do(StrEnum):
    """What a transition does besides changing the state."""

    START_ON = "start on-delay"
    START_OFF = "start off-delay"
    FREEZE = "freeze the delay"
    RESUME = "resume the delay"
    RAISE = "raise"
    RERAISE = "reraise"
    WORSEN = "severity up"
    RETURN = "return"
    RETURNING = "returning"
    CANCEL_RETURN = "return cancelled, chatter + 1"
    FLEETING = "fleeting + 1"
    ACKNOWLEDGE = "acknowledged"
    RESET = "reset"
    CLOSE = "close"
    RECOVER = "recover"  # tell everybody who was told; belongs after the action whose row it rides on


class When(StrEnum):
    """Guards."""

    NO_ON_DELAY = "no on-delay"
    OFF_DELAY = "off-delay"
    LATCHING = "latching"
    AUTO_ACK = "auto-ack"
    LIFE_SAFETY = "life safety"
    TOLD = "announced"
    FALSE = "condition FALSE"


@dataclass(frozen=True, slots=True)
class Way:
    """One transition. `refusal` is the code of the refused command; then `to` is the same state."""

    to: AlarmState
    do: tuple[Do, ...] = ()
    when: When | None = None
    refusal: str | None = None


S = AlarmState
ACTIVE = frozenset({S.UNACKED, S.UNACKED_REC, S.ACKED, S.ACKED_REC})
LATCHED = frozenset({S.LATCHED_UNACKED, S.LATCHED_ACKED})
ACKNOWLEDGED = frozenset({S.ACKED, S.ACKED_REC})
"""Active and answered: for as long as the answer holds."""
DELAY_ON = frozenset({S.PENDING, S.RTN_PENDING})
DELAY_OFF = frozenset({S.UNACKED_REC, S.ACKED_REC})
TIMED = DELAY_ON | DELAY_OFF
"""States with a delay: it runs or is frozen exactly while the alarm is in one of these (I7)."""
RETURNED = frozenset({S.NORMAL, S.RTN_UNACKED})
"""Entering one of these ends a one-shot shelf."""


def _to(state: AlarmState, *do: Do, when: When | None = None) -> Way:
    return Way(state, do, when)


def _refuse(state: AlarmState, code: str) -> tuple[Way, ...]:
    return (Way(state, refusal=code),)


_RETURN_UNACKED = (
    _to(S.LATCHED_UNACKED, Do.RETURN, when=When.LATCHING),
    _to(S.NORMAL, Do.RETURN, Do.CLOSE, Do.RECOVER, when=When.AUTO_ACK),
    _to(S.RTN_UNACKED, Do.RETURN, Do.RECOVER),
)
_RETURN_ACKED = (
    _to(S.LATCHED_ACKED, Do.RETURN, when=When.LATCHING),
    _to(S.NORMAL, Do.RETURN, Do.CLOSE, Do.RECOVER),
)
_WITHDRAW = {Trigger.WITHDRAWN: (_to(S.NORMAL, Do.CLOSE, Do.RECOVER),)}


def _row(state: AlarmState, changes: dict[Trigger, tuple[Way, ...]]) -> dict[Trigger, tuple[Way, ...]]:
    """A state's whole row: what is not written changes nothing."""
    return {trigger: changes.get(trigger, (Way(state),)) for trigger in Trigger}


TABLE: dict[AlarmState, dict[Trigger, tuple[Way, ...]]] = {
    state: _row(state, changes)
    for state, changes in {
        S.NORMAL: {
            Trigger.TRUE: (_to(S.UNACKED, Do.RAISE, when=When.NO_ON_DELAY), _to(S.PENDING, Do.START_ON)),
            Trigger.ACK: _refuse(S.NORMAL, "not_active"),
            Trigger.RESET: _refuse(S.NORMAL, "not_active"),
        },
        S.PENDING: {
            Trigger.TRUE: (_to(S.PENDING, Do.RESUME),),
            Trigger.FALSE: (_to(S.NORMAL, Do.FLEETING),),
            Trigger.UNKNOWN: (_to(S.PENDING, when=When.LIFE_SAFETY), _to(S.PENDING, Do.FREEZE)),
            Trigger.EXPIRED: (_to(S.UNACKED, Do.RAISE),),
            Trigger.ACK: _refuse(S.PENDING, "not_active"),
            Trigger.RESET: _refuse(S.PENDING, "not_active"),
            Trigger.OUTAGE: (_to(S.NORMAL),),
            Trigger.EDITED: (_to(S.NORMAL),),
            Trigger.WITHDRAWN: (_to(S.NORMAL),),
        },
        S.UNACKED: {
            Trigger.FALSE: (_to(S.UNACKED_REC, Do.START_OFF, Do.RETURNING, when=When.OFF_DELAY), *_RETURN_UNACKED),
            Trigger.ACK: (_to(S.ACKED, Do.ACKNOWLEDGE),),
            Trigger.RESET: _refuse(S.UNACKED, "still_active"),
            Trigger.WORSE: (_to(S.UNACKED, Do.WORSEN),),
            Trigger.LIFTED: (_to(S.UNACKED, Do.RERAISE),),
            Trigger.LIFE_SAFETY: (_to(S.UNACKED, Do.RERAISE),),
            **_WITHDRAW,
        },
        S.UNACKED_REC: {
            Trigger.TRUE: (_to(S.UNACKED, Do.CANCEL_RETURN),),
            Trigger.FALSE: (_to(S.UNACKED_REC, Do.RESUME),),
            Trigger.UNKNOWN: (_to(S.UNACKED_REC, Do.FREEZE),),
            Trigger.EXPIRED: _RETURN_UNACKED,
            Trigger.ACK: (_to(S.ACKED_REC, Do.ACKNOWLEDGE),),
            Trigger.RESET: _refuse(S.UNACKED_REC, "still_active"),
            Trigger.WORSE: (_to(S.UNACKED_REC, Do.WORSEN),),
            Trigger.LIFTED: (_to(S.UNACKED_REC, Do.RERAISE),),
            Trigger.LIFE_SAFETY: (_to(S.UNACKED_REC, Do.RERAISE),),
            Trigger.EDITED: (_to(S.UNACKED),),
            **_WITHDRAW,
        },
        S.ACKED: {
            Trigger.FALSE: (_to(S.ACKED_REC, Do.START_OFF, Do.RETURNING, when=When.OFF_DELAY), *_RETURN_ACKED),
            Trigger.RESET: _refuse(S.ACKED, "still_active"),
            Trigger.WORSE: (_to(S.UNACKED, Do.RERAISE),),
            Trigger.REALARM: (_to(S.UNACKED, Do.RERAISE),),
            Trigger.LIFTED: (_to(S.UNACKED, Do.RERAISE),),
            Trigger.LIFE_SAFETY: (_to(S.UNACKED, Do.RERAISE),),
            **_WITHDRAW,
        },
        S.ACKED_REC: {
            Trigger.TRUE: (_to(S.ACKED, Do.CANCEL_RETURN),),
            Trigger.FALSE: (_to(S.ACKED_REC, Do.RESUME),),
            Trigger.UNKNOWN: (_to(S.ACKED_REC, Do.FREEZE),),
            Trigger.EXPIRED: _RETURN_ACKED,
            Trigger.RESET: _refuse(S.ACKED_REC, "still_active"),
            Trigger.WORSE: (_to(S.UNACKED_REC, Do.RERAISE),),
            Trigger.REALARM: (_to(S.UNACKED_REC, Do.RERAISE),),
            Trigger.LIFTED: (_to(S.UNACKED_REC, Do.RERAISE),),
            Trigger.LIFE_SAFETY: (_to(S.UNACKED_REC, Do.RERAISE),),
            Trigger.EDITED: (_to(S.ACKED),),
            **_WITHDRAW,
        },
        S.RTN_UNACKED: {
            Trigger.TRUE: (
                _to(S.UNACKED, Do.RERAISE, when=When.NO_ON_DELAY),
                _to(S.RTN_PENDING, Do.START_ON),
            ),
            Trigger.ACK: (_to(S.NORMAL, Do.ACKNOWLEDGE, Do.CLOSE),),
            Trigger.RESET: _refuse(S.RTN_UNACKED, "not_active"),
            Trigger.LIFE_SAFETY: (_to(S.LATCHED_UNACKED, Do.RERAISE, when=When.LATCHING), _to(S.RTN_UNACKED)),
            **_WITHDRAW,
        },
        S.RTN_PENDING: {
            Trigger.TRUE: (_to(S.RTN_PENDING, Do.RESUME),),
            Trigger.FALSE: (_to(S.RTN_UNACKED, Do.FLEETING),),
            Trigger.UNKNOWN: (_to(S.RTN_PENDING, when=When.LIFE_SAFETY), _to(S.RTN_PENDING, Do.FREEZE)),
            Trigger.EXPIRED: (_to(S.UNACKED, Do.RERAISE),),
            Trigger.ACK: (_to(S.PENDING, Do.ACKNOWLEDGE, Do.CLOSE),),
            Trigger.RESET: _refuse(S.RTN_PENDING, "not_active"),
            Trigger.OUTAGE: (_to(S.RTN_UNACKED),),
            # latched it would say that it is over: its condition was TRUE when it was asked last
            Trigger.LIFE_SAFETY: (_to(S.UNACKED, Do.RERAISE, when=When.LATCHING), _to(S.RTN_PENDING)),
            Trigger.EDITED: (_to(S.RTN_UNACKED),),
            **_WITHDRAW,
        },
        S.LATCHED_UNACKED: {
            Trigger.TRUE: (_to(S.UNACKED, Do.RERAISE),),
            Trigger.ACK: (_to(S.LATCHED_ACKED, Do.ACKNOWLEDGE),),
            Trigger.RESET: _refuse(S.LATCHED_UNACKED, "needs_ack"),
            Trigger.LIFTED: (_to(S.LATCHED_UNACKED, when=When.TOLD), _to(S.LATCHED_UNACKED, Do.RERAISE)),
            Trigger.LIFE_SAFETY: (_to(S.LATCHED_UNACKED, Do.RERAISE),),
            **_WITHDRAW,
        },
        S.LATCHED_ACKED: {
            Trigger.TRUE: (_to(S.UNACKED, Do.RERAISE),),
            Trigger.RESET: (
                _to(S.NORMAL, Do.RESET, Do.CLOSE, Do.RECOVER, when=When.FALSE),
                Way(S.LATCHED_ACKED, refusal="condition_unknown"),
            ),
            Trigger.LIFTED: (_to(S.LATCHED_ACKED, when=When.TOLD), _to(S.LATCHED_UNACKED, Do.RERAISE)),
            Trigger.LIFE_SAFETY: (_to(S.LATCHED_UNACKED, Do.RERAISE),),
            **_WITHDRAW,
        },
    }.items()
}


def diagram() -> str:
    """The table as a Mermaid state diagram: every way that changes the state."""
    lines = ["stateDiagram-v2", f"    [*] --> {S.NORMAL}"]
    for state, row in TABLE.items():
        for trigger, ways in row.items():
            for way in ways:
                if way.to is not state:
                    guard = f" [{way.when}]" if way.when else ""
                    done = f" / {', '.join(way.do)}" if way.do else ""
                    lines.append(f"    {state} --> {way.to}: {trigger}{guard}{done}")
    return "\n".join(lines)


def _cell(state: AlarmState, ways: tuple[Way, ...]) -> str:
    words = []
    for way in ways:
        guard = f"[{way.when}] " if way.when else ""
        if way.refusal:
            words.append(f"{guard}409 `{way.refusal}`")
        elif way.to is state and not way.do:
            words.append(f"{guard}–")
        else:
            target = "stay" if way.to is state else f"**{way.to}**"
            words.append(f"{guard}{target}" + (f" ({', '.join(way.do)})" if way.do else ""))
    return "; ".join(words)


def document() -> str:
    """docs/alarm-states.md, whole: the picture and the table."""
    head = "| state | " + " | ".join(Trigger) + " |"
    rule = "|---" * (len(Trigger) + 1) + "|"
    rows = [
        f"| `{state}` | " + " | ".join(_cell(state, row[trigger]) for trigger in Trigger) + " |"
        for state, row in TABLE.items()
    ]
    return "\n".join(
        [
            "# The life of an alarm",
            "",
            "Generated from `alerts/lifecycle.py` by `python -m alerts.lifecycle > docs/alarm-states.md`;",
            "a test compares. The first way whose [guard] holds is taken; – changes nothing.",
            "",
            "```mermaid",
            diagram(),
            "```",
            "",
            head,
            rule,
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    import sys

    sys.stdout.write(document())
