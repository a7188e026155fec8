"""A building in which anything may happen, and an observer who knows only what was committed and holds I1–I9.

The real engine with real conditions, its store through JSON. Who calls decides what happens: hypothesis, or chance.
"""

from __future__ import annotations

import contextlib
import functools
from typing import Any

from alerts import mute
from alerts.alarm import record
from alerts.lifecycle import ACKNOWLEDGED, ACTIVE, DELAY_ON, LATCHED, TIMED
from alerts.live import Live
from alerts.maintenance import MaintenanceOptions
from gateway.model import SECOND, AlarmClass, AlarmState, CommandRefused, Judgement, Severity
from tests.alerts import stage as building
from tests.alerts.stage import BAD, Stage, level_rule

S = AlarmState
HOME = (S.NORMAL, S.PENDING)
CALM = {"a": False, "b": False, "c": False, "d": False, "e": False, "level": 0.0, "health": "online"}
OWN = {"LS", "NOW", "LATCH", "AUTO", "LOG", "PLAIN", "LOW", "HIGH", "LIFE", "SLOW", "TURN"}
"""Rules on samples alone: UNKNOWN inputs move none of them."""
COMMANDS = ("ack", "ack", "reset", "shelve", "one_shot", "unshelve", "out_of_service", "in_service")
SILENCED: tuple[dict[str, Any], ...] = (
    {"system": "test"},
    {"rule": "LATCH"},
    {"severity": ["low", "high"]},
    {"rule": "GW-01"},
)
SAFETY = {"class": "life_safety"}


@functools.cache
def rules(*, edited: bool = False) -> tuple[Any, ...]:
    made = building.rule
    longer = "7s" if edited else "4s"
    graver = {"severity": "medium", "unknown_for": "5s", **SAFETY} if edited else {}
    return (
        level_rule("LOW", "0.03 m", on_delay=longer, off_delay="6s", **{} if edited else {"suppressed_by": ["HIGH"]}),
        level_rule("HIGH", "0.10 m", severity="high", on_delay="2s", off_delay="3s", unknown_for="5s"),
        made("LS", "a", severity="critical", on_delay="3s", unknown_for="4s", **SAFETY),
        made("NOW", "b", severity="critical", unknown_for="4s", suppress_when={"point": "e", "is": True}, **SAFETY),
        made("LIFE", "c", severity="high", latching=False, on_delay=longer, off_delay="2s", unknown_for="4s", **SAFETY),
        made("LATCH", "c", latching=True, off_delay="2s" if edited else "3s", realarm_after="5s" if edited else "8s"),
        made("AUTO", "b", auto_ack=True, off_delay="2s"),
        made("TOP", when={"all": [{"alarm": "LOW"}, {"point": "c", "is": True}]}, on_delay="1s"),
        made("LOG", "d", severity="journal", auto_ack=True),
        made("PLAIN", "d", suppress_when={"point": "e", "is": True, "for": "2s"}, **graver, **steps()),
        made(
            "SLOW", "d", on_delay="5s", off_delay=longer, realarm_after="9s", **steps("critical" if edited else "high")
        ),
        made("TURN", "b", on_delay="3s", off_delay="2s", realarm_after="6s" if edited else "9s", **graver),
        made("GW-01", "health", when={"in": ["offline"]}, off_delay="2s", **{"class": "system"}),
    )


def steps(severity: str = "high") -> dict[str, Any]:
    """While c, it is worse."""
    return {"escalate": [{"when": {"point": "c", "is": True}, "severity": severity}], "guidance": building.GUIDANCE}


@functools.cache
def windows() -> tuple[MaintenanceOptions, ...]:
    def window(name: str, of: dict[str, Any], **schedule: Any) -> MaintenanceOptions:
        given = {"id": name, "of": of, "schedule": schedule, "work_order": "WO", "reason": {"en": "x", "zh": "中"}}
        return MaintenanceOptions.model_validate(given)

    # a stage begins at 22:13:20 UTC
    return (
        window("all", {"system": "test"}, **{"from": "22:14", "to": "22:15"}),
        window("latch", {"rule": "LATCH"}, **{"from": "22:14", "lasts": "30s"}),
        window("later", {"severity": ["low", "high"]}, **{"from": "22:16", "to": "22:19"}),
        window("hour", {"class": "property"}, **{"from": "23:13", "to": "23:15"}),
    )


class Living:
    """What can happen, each as a call; after each `sound` must hold."""

    def __init__(self, stage: Stage | None = None) -> None:
        self.stage = stage or Stage(*rules(), windows=windows())
        self.raised: set[str] = set()  # occurrences with a raise row
        self.on: dict[str, bool] = {}  # occurrence → told that it is on, and not yet that it is over
        self.entered: dict[str, bool] = {}
        self.whole = True  # not in the middle of something that failed
        self.watch(self.stage.commit(self.stage.engine.restarted(self.stage.now, 0)))
        self.stage.save()

    def states(self) -> dict[tuple[str, str], AlarmState]:
        return {live.key: live.alarm.state for live in self.lives}

    @property
    def lives(self) -> list[Live]:
        return self.stage.engine._lives

    # --- what can happen

    def sample(self, values: dict[str, Any]) -> None:
        before = self.states()
        due = self.stage.engine.next_due()
        judgement = self.stage.set(**values)
        self.watch(judgement)
        if all(value is BAD for value in values.values()) and (due is None or due > self.stage.now_ns):
            after = self.states()
            for key, state in before.items():
                if key[0] in OWN:
                    assert after[key] is state, "I1: UNKNOWN changed a state"
            assert all(notice.occurrence.rule not in OWN for notice in judgement.notices), "I1: UNKNOWN told something"

    def time(self, half_seconds: int, *, looked: bool) -> None:
        self.stage.now_ns += half_seconds * SECOND // 2
        if looked:
            self.watch(self.stage.tick())

    def step(self, seconds: int) -> None:
        """The clock on the wall is set. No delay ends or begins by it; mutes may end, and nothing is raised anew."""
        self.watch(self.stage.tick())
        before = self.states()
        judgement = self.stage.step(seconds).tick()
        self.watch(judgement)
        assert all(notice.reason == "reraise" for notice in judgement.notices)
        lifted = {S.ACKED: S.UNACKED, S.ACKED_REC: S.UNACKED_REC, S.LATCHED_ACKED: S.LATCHED_UNACKED}
        for key, state in self.states().items():
            assert state in (before[key], lifted.get(before[key])), "a step of the clock raised or cleared"

    def command(self, kind: str, which: int) -> None:
        opened = self.stage.engine.open_occurrences()
        if not opened:
            return
        shown = opened[which % len(opened)]
        before = [live.alarm for live in self.lives]
        fields: dict[str, Any] = {"comment": "c", "expected_seq": shown.seq}
        if kind == "shelve":
            fields["for_ns"] = (which + 1) * SECOND
        elif kind == "one_shot":
            kind, fields["one_shot"] = "shelve", True
        elif kind == "out_of_service":
            fields |= {"for_ns": (which + 1) * SECOND, "permit": "WO", "second": "li" if which % 3 else None}
        try:
            judgement = self.stage.do(kind, shown.occurrence, **fields)
        except CommandRefused as refused:
            assert [live.alarm for live in self.lives] == before
            if kind == "ack":
                raise AssertionError("an open occurrence can always be acknowledged") from refused
            return
        if kind == "ack":
            after = judgement.occurrences[shown.occurrence]
            assert not (shown.state in ACTIVE and after.closed_ns), "I4: ACK cleared an active alarm"
            assert after.acked_by == "ann"
        if kind == "shelve":
            assert shown.class_ is not AlarmClass.LIFE_SAFETY
        if kind == "out_of_service":
            assert shown.class_ is not AlarmClass.LIFE_SAFETY or fields["second"]
        if kind == "reset":
            assert shown.state is S.LATCHED_ACKED and shown.condition is False, "I3"
        self.watch(judgement)

    def on_any(self, kind: str, which: int) -> None:
        """A command on an alarm that need not be open; those on occurrences are refused."""
        rule, source = self.lives[which % len(self.lives)].key
        with contextlib.suppress(CommandRefused):
            wish = {"permit": "WO", "for_ns": (which + 1) * SECOND, "second": "li"}
            self.watch(self.stage.out(kind, rule, source, **wish))
            assert kind in ("out_of_service", "in_service", "unshelve")

    def silence(self, which: int) -> None:
        standing = self.stage.engine.silences()
        if standing and which % 3 == 0:
            self.stage.unsilence(standing[which % len(standing)].id)
        else:
            self.stage.silence(which + 1, **SILENCED[which % len(SILENCED)])
        self.watch_new()

    def killed(self, outage: int, *, saved: bool, step: int) -> None:
        if saved:
            self.stage.save()
        self.whole = False
        before, told = self.states(), len(self.stage.notices)
        seen = [live.alarm for live in self.lives]
        silences = self.stage.engine.silences()
        replayed = self.stage.reload()
        assert not any(judgement.events or judgement.notices for judgement in replayed), (
            f"the log told something anew: {[event for judgement in replayed for event in judgement.events]}"
        )
        assert self.states() == before, "the log led elsewhere"
        for name in ("life", "mutes", "realarm_ns", "shelved_until_ns", "out_until_ns"):
            kept = [getattr(live.alarm, name) for live in self.lives]
            assert kept == [getattr(alarm, name) for alarm in seen], f"{name} is another after the log"
        assert self.stage.engine.silences() == silences
        for judgement in replayed:
            self.stage.commit(judgement)
        self.stage.wall += (outage + step) * SECOND
        judgement = self.stage.commit(self.stage.engine.restarted(self.stage.now, outage * SECOND))
        for key, state in self.states().items():
            forgotten = {S.PENDING: S.NORMAL, S.RTN_PENDING: S.RTN_UNACKED} if outage > 3600 else {}
            # a companion's question is answered by having no inputs
            if not key[0].endswith("protection_lost"):
                assert state is forgotten.get(before[key], before[key]), "I1: a restart changed a state"
        assert len(self.stage.notices) == told, "I1: a restart told something"
        self.watch(judgement)
        self.stage.save()  # as every start does
        self.whole = True

    def removed_and_back(self, name: str) -> None:
        kept = tuple(each for each in rules() if each.rule != name and not (name == "LOW" and each.rule == "TOP"))
        gone = {each.rule for each in rules()} - {each.rule for each in kept}
        opened = {o.occurrence for o in self.stage.engine.open_occurrences() if o.rule.split("/")[0] in gone}
        self.watch(self.stage.restart(rules=kept))
        self.stage.save()
        for occurrence in opened:
            closed = self.stage.occurrences[occurrence]
            assert closed.closed_ns is not None and closed.close_reason == "rule_removed"
        self.watch(self.stage.restart(rules=rules()))
        self.stage.save()

    def edited(self, *, live: bool) -> None:
        """Other delays: at a restart, or while it runs."""
        other = rules(edited=True) if self.stage.rules == rules() else rules()
        if live:
            self.stage.succeed(other)
            self.watch_new()
        else:
            self.watch(self.stage.restart(rules=other))
            self.stage.save()

    # --- what must hold, seen from the committed rows

    _seen = 0
    _heard = 0

    def watch(self, judgement: Judgement) -> None:
        """What was committed last, whatever it was for."""
        assert len({notice.seq for notice in judgement.notices}) == len(judgement.notices)
        for occurrence in judgement.occurrences.values():
            assert occurrence.seq <= len(self.stage.events)
        self.watch_new()

    def watch_new(self) -> None:
        events, notices = self.stage.events[self._seen :], self.stage.notices[self._heard :]
        self._seen, self._heard = len(self.stage.events), len(self.stage.notices)
        reasons = {notice.seq: notice.reason for notice in notices}
        for event in events:
            if event.kind in ("maintenance", "maintenance_over") and event.rule is None:
                name, begins = event.body["window"], event.kind == "maintenance"
                assert self.entered.get(name, False) is not begins, "entered or left twice"
                self.entered[name] = begins
            if event.occurrence is None:
                continue
            if event.kind == "raise":
                assert event.occurrence not in self.raised, "I5: raised twice"
                self.raised.add(event.occurrence)
            reason = reasons.pop(event.seq, None)
            if reason == "recover":
                assert self.on.get(event.occurrence), "I6: a recovery of what nobody was told of"
                self.on[event.occurrence] = False
            elif reason is not None:
                self.on[event.occurrence] = True
            if event.kind == "close":
                assert not self.on.pop(event.occurrence, False), "told that it is on, never that it is over"
                self.check_close(event.occurrence, event.body["reason"])
            if event.kind == "ack":
                assert event.by == "ann"
        assert not reasons, "a notice without its row"

    def check_close(self, occurrence: str, reason: str) -> None:
        closed = self.stage.occurrences[occurrence]
        if reason == "returned":
            auto = closed.rule in ("AUTO", "LOG")
            assert closed.acked_by is not None or auto, "I2: gone without an acknowledgement"
            assert not closed.latched, "I3: a latch went without a reset"
        elif reason == "reset":
            assert closed.latched and closed.condition is False and closed.acked_by is not None, "I3"

    def sound(self) -> None:
        due = self.stage.engine.next_due()
        for live in self.lives:
            alarm = live.alarm
            assert ((alarm.due_ns is None) != (alarm.left_ns is None)) is (alarm.state in TIMED), "I7"
            if alarm.state in DELAY_ON and alarm.condition is None:
                assert (alarm.due_ns is not None) is live.terms.life_safety, "only life safety is raised by UNKNOWN"
            assert alarm.realarm_ns is None or alarm.state in ACKNOWLEDGED
            for own in (alarm.due_ns, alarm.realarm_ns, alarm.shelved_until_ns, alarm.out_until_ns):
                assert own is None or (due is not None and due <= own), "a time that nobody will look at"
            for held in alarm.mutes:
                assert mute.may_mute(live.terms, held.kind, held.reason), "life safety was muted"
            assert len(set(alarm.mutes)) == len(alarm.mutes)
            assert (alarm.life is None) is (alarm.state in HOME)
            if alarm.life is None:
                assert live.terms is live.own
                continue
            stored = self.stage.occurrences[alarm.life.occurrence]
            shown = record(alarm)
            assert shown is not None and stored.closed_ns is None
            for name in (
                *("state", "condition", "mutes", "severity", "seq", "acked_by", "announced", "chatter", "held"),
                *("class_", "latched"),
            ):
                assert getattr(stored, name) == getattr(shown, name), f"the record's {name} is old"
            assert (shown.class_, shown.latched) == (live.terms.class_, live.terms.latching), "it is judged as another"
            dangerous = AlarmClass.LIFE_SAFETY in (shown.class_, live.instance.rule.class_)
            assert live.terms.life_safety is dangerous, "a danger to life that stands is one until it closes"
            quiet = alarm.mutes or alarm.severity is Severity.JOURNAL
            if not quiet and (alarm.state in ACTIVE or alarm.state in LATCHED):
                assert self.on.get(alarm.life.occurrence), "I9: a silent alarm"
            assert alarm.told is self.on.get(alarm.life.occurrence, False)
        opened = {o.occurrence for o in self.stage.occurrences.values() if o.closed_ns is None}
        assert opened == {o.occurrence for o in self.stage.engine.open_occurrences()}

    def go_home(self) -> None:
        """I8: from wherever it is, everything can be brought home."""
        if not self.whole:
            return
        for silence in self.stage.engine.silences():
            self.stage.unsilence(silence.id)
        for live in self.lives:
            for kind in ("in_service", "unshelve"):
                with contextlib.suppress(CommandRefused):
                    self.stage.out(kind, *live.key)
        for _ in range(3):
            self.stage.now_ns += SECOND
            self.stage.set(**CALM)
            self.stage.now_ns += 100 * SECOND
            self.stage.set(**CALM)
            for occurrence in self.stage.engine.open_occurrences():
                for kind in ("ack", "reset"):
                    with contextlib.suppress(CommandRefused):
                        self.stage.do(kind, occurrence.occurrence, comment="c")
        assert set(self.states().values()) == {S.NORMAL}, "I8: a trap"
