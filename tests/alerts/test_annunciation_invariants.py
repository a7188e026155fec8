"""Whatever happens, restarts included: no notice is lost, none is said twice, nobody is left with what is over.

The machine drives the real engine with the annunciator; a second observer knows only the committed rows and notices.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from functools import cache
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from alerts.annunciate.case import Where
from gateway.model import SECOND, AlarmClass, CommandRefused, Judgement, Notice
from tests.alerts.annunciating import Office, plan
from tests.alerts.stage import BAD, level_rule
from tests.alerts.stage import rule as made

ON = ("raise", "reraise", "severity_up")
OVER = ("recover", "raised_and_recovered")
LADDER = [
    {"match": {"severity": "high"}, "steps": [{"after": "20s", "to": ["chief"]}, {"after": "40s", "to": ["room"]}]}
]
OPTIONS: dict[str, Any] = {
    "routes": [{"match": {"class": "life_safety"}, "to": ["chief", "room"]}, {"to": ["room"]}],
    "escalation": LADDER,
    "unresolved": [{"steps": [{"after": "0s", "to": ["chief"]}]}],
    "repeat": {"critical": "30s", "high": "1min"},
    "group": {"interval": "1min"},
    "flood": {"above": 4, "below": 3, "within": "1min", "digest": "20s"},
    "chatter": {"activations": 3, "within": "30s", "limit": "1min", "quiet": "1min"},
    "settle": "10s",
}


@cache
def rules() -> tuple[Any, ...]:
    """Every class of waiting, latching, muting and answering by itself."""
    grave = {"severity": "critical", "unknown_for": "4s", "class": "life_safety"}
    return (
        level_rule("LOW", "0.03 m", on_delay="4s", off_delay="6s", suppressed_by=["HIGH"]),
        level_rule("HIGH", "0.10 m", severity="high", on_delay="2s", unknown_for="5s"),
        made("NOW", "a", **grave),
        made("LATCH", "c", severity="high", latching=True, off_delay="2s", unknown_for="5s"),
        made("AUTO", "b", severity="medium", auto_ack=True, off_delay="2s", unknown_for="5s"),
        made("PLAIN", "d"),
        made("GRAVE", "d", severity="critical", unknown_for="5s"),
        made("GW-01", "health", when={"in": ["offline"]}, off_delay="2s", **{"class": "system"}),
    )


def parts(notice: Notice) -> list[tuple[str, str]]:
    """(occurrence, what is said of it)."""
    if notice.reason != "digest":
        return [(notice.occurrence.occurrence, notice.reason)]
    assert notice.body["count"] == len(notice.body["alarms"]), "more than a body lists: the test must be smaller"
    return [(alarm["occurrence"], alarm["reason"]) for alarm in notice.body["alarms"]]


class Told(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.office = Office(*rules(), to=plan(**OPTIONS))
        self.on: dict[tuple[str, str], bool] = {}  # (channel, occurrence) → it has been told that it is on
        self.raised: Counter[tuple[str, str]] = Counter()
        self.told: set[str] = set()
        self.keys: set[tuple[Any, ...]] = set()
        self.excused: set[str] = set()  # was muted, or its alarm chattered
        self.alarm_of: dict[str, tuple[str | None, str | None]] = {}
        self.restless: set[tuple[str | None, str | None]] = set()
        self.grave: set[str] = set()
        self.watch(self.office.commit(self.office.engine.restarted(self.office.now, 0)))

    # --- what can happen

    @rule(
        values=st.fixed_dictionaries(
            {},
            optional={
                **{name: st.sampled_from([True, True, False, False, BAD]) for name in "abcd"},
                "level": st.sampled_from([0.0, 0.05, 0.2, BAD]),
                "health": st.sampled_from(["online", "offline"]),
            },
        ).filter(bool)
    )
    def sample(self, values: dict[str, Any]) -> None:
        self.watch(self.office.set(**values))

    @rule(half_seconds=st.sampled_from([1, 2, 5, 13, 40, 200]), looked=st.booleans())
    def time(self, half_seconds: int, looked: bool) -> None:
        if looked:
            self.pass_time(self.office.now_ns + half_seconds * SECOND // 2)
        else:
            self.office.now_ns += half_seconds * SECOND // 2

    @rule(kind=st.sampled_from(["ack", "ack", "reset", "shelve", "one_shot", "unshelve"]), which=st.integers(0, 30))
    def command(self, kind: str, which: int) -> None:
        opened = self.office.engine.open_occurrences()
        if not opened:
            return
        fields: dict[str, Any] = {"comment": "c"}
        if kind == "shelve":
            fields["for_ns"] = (which + 1) * SECOND
        elif kind == "one_shot":
            kind, fields["one_shot"] = "shelve", True
        with contextlib.suppress(CommandRefused):
            self.watch(self.office.do(kind, opened[which % len(opened)].occurrence, **fields))

    @rule(outage=st.sampled_from([0, 1, 20, 3601]), saved=st.booleans())
    def killed(self, outage: int, saved: bool) -> None:
        if saved:
            self.office.save()
        held, counts = self.office.annunciator.memory.whole(), self.office.counts
        for judgement in self.office.reload():
            assert not judgement.notices, "the log told something anew"
            self.watch(self.office.commit(judgement))
        assert self.office.annunciator.memory.whole() == held, "something was forgotten, or remembered wrongly"
        assert self.office.counts == counts
        self.office.wall += outage * SECOND
        self.watch(self.office.commit(self.office.engine.restarted(self.office.now, outage * SECOND)))

    def pass_time(self, until_ns: int) -> None:
        for _ in range(5000):
            due = self.office.engine.next_due()
            if due is None or due > until_ns:
                break
            self.office.now_ns = max(self.office.now_ns, due)
            self.watch(self.office.tick())
        else:
            raise AssertionError("time stands still")
        self.office.now_ns = until_ns
        self.watch(self.office.tick())

    # --- what must hold, seen from the committed rows and notices

    def watch(self, judgement: Judgement) -> None:
        by_seq = {notice.seq: notice for notice in judgement.notices if notice.reason in ON}
        for event in judgement.events:
            if event.occurrence is not None:
                self.alarm_of[event.occurrence] = (event.rule, event.source)
            if event.kind == "chatter_begin":
                self.restless.add((event.rule, event.source))
            if event.kind in ON:
                assert event.occurrence is not None
                about = self.office.occurrences[event.occurrence]
                if "muted" in event.body:
                    self.excused.add(event.occurrence)
                elif about.class_ is AlarmClass.LIFE_SAFETY and not judgement.occurrences[event.occurrence].mutes:
                    self.grave.add(event.occurrence)  # (a companion may be muted in the breath that raised it)
                    assert event.seq in by_seq, "life safety waited"
        for occurrence in judgement.occurrences.values():
            if occurrence.mutes:
                self.excused.add(occurrence.occurrence)
        for notice in judgement.notices:
            self.hear(notice)

    def hear(self, notice: Notice) -> None:
        key = (notice.occurrence.occurrence, notice.seq, notice.reason, notice.step)
        assert key not in self.keys, "the same notice twice"
        self.keys.add(key)
        assert notice.to and ("log" in notice.to or notice.reason == "digest")  # a digest has a share for each
        for occurrence, reason in parts(notice):
            self.told.add(occurrence)
            if notice.reason == "digest":
                assert occurrence not in self.grave, "life safety in a digest"
            for channel in notice.to:
                place = (channel, occurrence)
                if reason == "raise":
                    self.raised[place] += 1
                    assert self.raised[place] == 1, "I5: raised twice"
                if reason in (*ON, "escalate", "repeat"):
                    self.on[place] = True
                elif reason == "raised_and_recovered":
                    assert not self.on.get(place), "combined, although it had been told"
                elif reason in ("recover", "returned"):
                    assert self.on.get(place), f"I6: {channel} was not told of {self.history(occurrence)}"
                    self.on[place] = reason == "returned"
            if reason in OVER:
                left = [place for place, on in self.on.items() if on and place[1] == occurrence]
                # a digest's shares go out side by side: looked at when all of the judgement have been heard
                assert notice.reason == "digest" or not left, "told that it is on, not told that it is over"

    def history(self, occurrence: str) -> list[str]:
        """What was said of it, for whoever reads why this failed."""
        said = []
        for notice in self.office.notices:
            said += [
                f"{notice.at.mono_ns / SECOND:g} {notice.reason} {reason} → {notice.to}"
                for about, reason in parts(notice)
                if about == occurrence
            ]
        rows = [
            f"{event.at.mono_ns / SECOND:g} {event.kind}"
            for event in self.office.events
            if event.occurrence == occurrence
        ]
        return [*self.alarm_of[occurrence], *rows, *said]

    @invariant()
    def sound(self) -> None:
        if not hasattr(self, "office"):
            return
        self.office.balanced()
        self.office.heard_or_held()
        memory, due = self.office.annunciator.memory, self.office.engine.next_due()
        for case in memory.cases.values():
            assert case.due_ns() is None or (due is not None and due <= case.due_ns()), "nobody will look"
            if case.waiting is not None and case.waiting.record.class_ is AlarmClass.LIFE_SAFETY:
                assert case.waiting.where is Where.MUTED, "life safety waits only for the end of a mute"
        for place, on in self.on.items():
            if on:
                case = memory.cases[place[1]]
                assert case.on and place[0] in case.to, "somebody knows of it, and nobody knows that"

    def teardown(self) -> None:
        """Everything is brought home; then nothing waits and nobody believes that anything is on."""
        if not hasattr(self, "office"):
            return
        office = self.office
        calm = {"a": False, "b": False, "c": False, "d": False, "level": 0.0, "health": "online"}
        for _ in range(3):
            for occurrence in office.engine.open_occurrences():
                with contextlib.suppress(CommandRefused):
                    self.watch(office.do("unshelve", occurrence.occurrence))
            office.now_ns += SECOND
            self.watch(office.set(**calm))
            self.pass_time(office.now_ns + 100 * SECOND)
            for occurrence in office.engine.open_occurrences():
                for kind in ("ack", "reset"):
                    with contextlib.suppress(CommandRefused):
                        self.watch(office.do(kind, occurrence.occurrence, comment="c"))
        assert office.engine.open_occurrences() == []
        self.pass_time(office.now_ns + 600 * SECOND)
        self.sound()
        assert office.annunciator.memory.cases == {} and office.annunciator.memory.chatters == {}
        assert office.annunciator.memory.held == 0 and office.annunciator.memory.room.flood is None
        assert not any(self.on.values()), "told that it is on, never that it is over"
        silent = {name for name, alarm in self.alarm_of.items() if name not in self.told and alarm not in self.restless}
        loud = {o.occurrence for o in office.occurrences.values() if o.announced}
        assert not (silent & loud) - self.excused, "announced, and nobody was told"
        kinds = Counter(event.kind for event in office.events)
        assert kinds["flood_begin"] == kinds["flood_end"] and kinds["chatter_begin"] == kinds["chatter_end"]


Told.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestTold = Told.TestCase
