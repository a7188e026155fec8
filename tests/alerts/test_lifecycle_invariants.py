"""The invariants I1–I9 (docs/alarms.md) under random samples, qualities, time, commands, kills and edits.

The machine drives the real engine with real conditions and its store through JSON. A second observer, which knows only
the committed rows, records and notices, holds what must always be true.
"""

from __future__ import annotations

import contextlib
import functools
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from alerts.alarm import record
from alerts.lifecycle import ACTIVE, LATCHED, TIMED
from alerts.live import Live
from gateway.model import SECOND, AlarmClass, AlarmState, CommandRefused, Judgement, Severity
from tests.alerts import stage as building
from tests.alerts.stage import BAD, Stage, level_rule

S = AlarmState
HOME = (S.NORMAL, S.PENDING)


@functools.cache
def rules() -> tuple[Any, ...]:
    made = building.rule
    return (
        level_rule("LOW", "0.03 m", on_delay="4s", off_delay="6s", suppressed_by=["HIGH"]),
        level_rule("HIGH", "0.10 m", severity="high", on_delay="2s", off_delay="3s", unknown_for="5s"),
        made("LS", "a", severity="critical", on_delay="3s", unknown_for="4s", **{"class": "life_safety"}),
        made("NOW", "b", severity="critical", unknown_for="4s", **{"class": "life_safety"}),
        made("LATCH", "c", latching=True, off_delay="2s"),
        made("AUTO", "b", auto_ack=True, off_delay="2s"),
        made("TOP", when={"all": [{"alarm": "LOW"}, {"point": "c", "is": True}]}, on_delay="1s"),
        made("LOG", "d", severity="journal", auto_ack=True),
        made("PLAIN", "d"),
        made("GW-01", "health", when={"in": ["offline"]}, off_delay="2s", **{"class": "system"}),
    )


class Life(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.stage = Stage(*rules())
        self.raised: set[str] = set()  # occurrences with a raise row
        self.on: dict[str, bool] = {}  # occurrence → told that it is on, and not yet that it is over
        self.by_whom: dict[str, str] = {}
        self.watch(self.stage.commit(self.stage.engine.restarted(self.stage.now, 0)), "start")

    def states(self) -> dict[tuple[str, str], AlarmState]:
        return {live.key: live.alarm.state for live in self.lives}

    @property
    def lives(self) -> list[Live]:
        return self.stage.engine._lives

    # --- what can happen

    @rule(
        values=st.fixed_dictionaries(
            {},
            optional={
                **{name: st.sampled_from([True, True, False, False, BAD]) for name in "abcd"},
                "level": st.sampled_from([0.0, 0.025, 0.05, 0.095, 0.2, BAD]),
                "health": st.sampled_from(["online", "offline", BAD]),
            },
        ).filter(bool)
    )
    def sample(self, values: dict[str, Any]) -> None:
        before = self.states()
        due = self.stage.engine.next_due()
        judgement = self.stage.set(**values)
        self.watch(judgement, "frame")
        if all(value is BAD for value in values.values()) and (due is None or due > self.stage.now_ns):
            own = {"LS", "NOW", "LATCH", "AUTO", "LOG", "PLAIN", "LOW", "HIGH"}
            after = self.states()
            for key, state in before.items():
                if key[0] in own:
                    assert after[key] is state, "I1: UNKNOWN changed a state"
            assert all(notice.occurrence.rule not in own for notice in judgement.notices), "I1: UNKNOWN told something"

    @rule(half_seconds=st.sampled_from([0, 1, 2, 3, 5, 8, 13, 40]), looked=st.booleans())
    def time(self, half_seconds: int, looked: bool) -> None:
        self.stage.now_ns += half_seconds * SECOND // 2
        if looked:
            self.watch(self.stage.tick(), "tick")

    @rule(kind=st.sampled_from(["ack", "ack", "reset", "shelve", "one_shot", "unshelve"]), which=st.integers(0, 30))
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
        if kind == "reset":
            assert shown.state is S.LATCHED_ACKED and shown.condition is False, "I3"
        self.watch(judgement, kind)

    @rule(outage=st.sampled_from([0, 1, 20, 3600, 3601]), saved=st.booleans(), stepped=st.booleans())
    def killed(self, outage: int, saved: bool, stepped: bool) -> None:
        if saved:
            self.stage.save()
        before, told = self.states(), len(self.stage.notices)
        seen = [live.alarm for live in self.lives]
        replayed = self.stage.reload()
        assert not any(judgement.events or judgement.notices for judgement in replayed), "the log told something anew"
        assert self.states() == before, "the log led elsewhere"
        assert [live.alarm.life for live in self.lives] == [alarm.life for alarm in seen]
        for judgement in replayed:
            self.stage.commit(judgement)
        self.stage.wall += outage * SECOND - (5 * SECOND if stepped else 0)
        judgement = self.stage.commit(self.stage.engine.restarted(self.stage.now, outage * SECOND))
        for key, state in self.states().items():
            forgotten = {S.PENDING: S.NORMAL, S.RTN_PENDING: S.RTN_UNACKED} if outage > 3600 else {}
            # a companion's question is answered by having no inputs
            if not key[0].endswith("protection_lost"):
                assert state is forgotten.get(before[key], before[key]), "I1: a restart changed a state"
        assert len(self.stage.notices) == told, "I1: a restart told something"
        self.watch(judgement, "restart")

    @rule(name=st.sampled_from(["LS", "LATCH", "LOW", "PLAIN"]))
    def removed_and_back(self, name: str) -> None:
        opened = {
            o.occurrence for o in self.stage.engine.open_occurrences() if o.rule in (name, f"{name}/protection_lost")
        }
        kept = tuple(each for each in rules() if each.rule != name and not (name == "LOW" and each.rule == "TOP"))
        gone = {each.rule for each in rules()} - {each.rule for each in kept}
        opened |= {o.occurrence for o in self.stage.engine.open_occurrences() if o.rule.split("/")[0] in gone}
        self.watch(self.stage.restart(rules=kept), "removed")
        for occurrence in opened:
            closed = self.stage.occurrences[occurrence]
            assert closed.closed_ns is not None and closed.close_reason == "rule_removed"
        self.watch(self.stage.restart(rules=rules()), "back")

    # --- what must hold, seen from the committed rows

    def watch(self, judgement: Judgement, what: str) -> None:
        reasons = {notice.seq: notice.reason for notice in judgement.notices}
        assert len(reasons) == len(judgement.notices)
        for event in judgement.events:
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
        for occurrence in judgement.occurrences.values():
            assert occurrence.seq <= len(self.stage.events)

    def check_close(self, occurrence: str, reason: str) -> None:
        closed = self.stage.occurrences[occurrence]
        if reason == "returned":
            auto = closed.rule in ("AUTO", "LOG")
            assert closed.acked_by is not None or auto, "I2: gone without an acknowledgement"
            assert not closed.latched, "I3: a latch went without a reset"
        elif reason == "reset":
            assert closed.latched and closed.condition is False and closed.acked_by is not None, "I3"

    @invariant()
    def sound(self) -> None:
        if not hasattr(self, "stage"):
            return
        due = self.stage.engine.next_due()
        for live in self.lives:
            alarm = live.alarm
            assert ((alarm.due_ns is None) != (alarm.left_ns is None)) is (alarm.state in TIMED), "I7"
            if alarm.due_ns is not None:
                assert due is not None and due <= alarm.due_ns, "a delay that nobody will look at"
            assert (alarm.life is None) is (alarm.state in HOME)
            if alarm.life is None:
                continue
            stored = self.stage.occurrences[alarm.life.occurrence]
            shown = record(alarm)
            assert shown is not None and stored.closed_ns is None
            for name in ("state", "condition", "mutes", "severity", "seq", "acked_by", "announced", "chatter", "held"):
                assert getattr(stored, name) == getattr(shown, name), f"the record's {name} is old"
            quiet = alarm.mutes or alarm.severity is Severity.JOURNAL
            if not quiet and (alarm.state in ACTIVE or alarm.state in LATCHED):
                assert self.on.get(alarm.life.occurrence), "I9: a silent alarm"
            assert alarm.told is self.on.get(alarm.life.occurrence, False)
            if alarm.life.class_ is AlarmClass.LIFE_SAFETY and not live.guards:
                assert alarm.mutes == (), "life safety was muted"
        opened = {o.occurrence for o in self.stage.occurrences.values() if o.closed_ns is None}
        assert opened == {o.occurrence for o in self.stage.engine.open_occurrences()}

    def teardown(self) -> None:
        """I8: from wherever it is, everything can be brought home."""
        if not hasattr(self, "stage"):
            return
        calm = {"a": False, "b": False, "c": False, "d": False, "level": 0.0, "health": "online"}
        for _ in range(3):
            for occurrence in self.stage.engine.open_occurrences():
                with contextlib.suppress(CommandRefused):
                    self.stage.do("unshelve", occurrence.occurrence)
            self.stage.now_ns += SECOND
            self.stage.set(**calm)
            self.stage.now_ns += 100 * SECOND
            self.stage.set(**calm)
            for occurrence in self.stage.engine.open_occurrences():
                for kind in ("ack", "reset"):
                    with contextlib.suppress(CommandRefused):
                        self.stage.do(kind, occurrence.occurrence, comment="c")
        assert set(self.states().values()) == {S.NORMAL}, "I8: a trap"


Life.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLife = Life.TestCase
