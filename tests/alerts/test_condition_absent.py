"""C10: what has not followed in time, against the whole past of both operands."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.condition.absent import Missing
from alerts.condition.columns import Columns
from gateway.model import SECOND, Truth
from tests.alerts.building import One, panel, rule, table
from tests.alerts.telling import OUTAGE_S, Says, Story, play, real, stories, truth

T, F, U = True, False, None
UNKNOWN_FOR_S = 3


def missing(by_s: int, *, sticky: bool = False, trip: bool = False, life_safety: bool = False) -> Any:
    """Operands in the order awaited, after."""
    return lambda nodes: Missing(
        *nodes,
        by_s * SECOND,
        sticky=sticky,
        trip=trip,
        unknown_for_ns=UNKNOWN_FOR_S * SECOND,
        counts_downtime=life_safety,
    )


class Past:
    def __init__(self, story: Story, by_s: int, *, sticky: bool, trip: bool, life_safety: bool) -> None:
        self.awaited, self.after = ([truth(word) for word in line] for line in story[0])
        self.restarts = story[1]
        self.by_s, self.sticky, self.trip = by_s, sticky, trip
        self.at = (lambda second: real(story, second)) if life_safety else (lambda second: second)

    def start(self, t: int) -> int:
        return max([0, *(at for at in self.restarts if at <= t)])

    def waits_since(self, t: int) -> int | None:
        since: int | None = None
        last: Truth = None
        for s in range(t + 1):
            if self.after[s] is T and last is not T and since is None:
                since = s
            if self.after[s] is F and not self.sticky:
                since = None
            if self.awaited[s] is T:
                since = None
            last = last if self.after[s] is None else self.after[s]
        return since

    def blind(self, since: int, t: int) -> bool:
        """`awaited` was lost at some time between; not yet heard after a start is not lost, for a while."""
        for s in range(since, t + 1):
            start = self.start(s)
            heard = any(word is not None for word in self.awaited[start:s])
            if self.awaited[s] is None and heard:
                return True
            if self.awaited[s] is not None and not heard and s - max(start, since) > UNKNOWN_FOR_S:
                return True
        return False

    def gone(self, t: int) -> bool:
        """UNKNOWN for so long that it is read as not happened."""
        run = 0
        while t - run >= self.start(t) and self.awaited[t - run] is None:
            run += 1
        return self.trip and run > UNKNOWN_FOR_S

    def told(self, since: int, t: int) -> bool:
        for m in range(since, t + 1):
            if self.at(m) < self.at(since) + self.by_s or (self.after[m] is None and not self.sticky):
                continue
            if self.awaited[m] is F and (self.trip or not self.blind(since, m)):
                return True
            if self.gone(m):
                return True
        return False

    def answer(self, t: int) -> Truth:
        since = self.waits_since(t)
        if self.awaited[t] is T:
            return F
        if since is None:
            return U if self.after[t] is None else F
        if self.at(t) < self.at(since) + self.by_s:
            return F
        if self.after[t] is None and not self.sticky:
            return U
        return T if self.told(since, t) and (self.awaited[t] is F or self.gone(t)) else U


@settings(deadline=None, max_examples=400)
@given(
    story=stories(2, (T, F, F, F, U)),
    by_s=st.sampled_from([0, 1, 4, 9]),
    sticky=st.booleans(),
    trip=st.booleans(),
    life_safety=st.booleans(),
)
def test_absence_by_the_whole_past(story: Story, by_s: int, sticky: bool, trip: bool, life_safety: bool) -> None:
    past = Past(story, by_s, sticky=sticky, trip=trip, life_safety=life_safety)
    expected = [past.answer(t) for t in range(len(past.after))]
    make = missing(by_s, sticky=sticky, trip=trip, life_safety=life_safety)
    assert play(make, story)[0] == expected
    assert play(make, story, reborn=True)[0] == expected


def told(make: Any, after: str, awaited: str, restarts: set[int] | None = None) -> str:
    """Two timelines of T, F and U, a letter a second, and the answers in the same letters."""
    letters: dict[str, Truth] = {"T": T, "F": F, "U": U}
    story: Story = ([[letters[each] for each in awaited], [letters[each] for each in after]], restarts or set())
    return "".join("U" if each is None else "T" if each else "F" for each in play(make, story, reborn=True)[0])


@pytest.mark.parametrize(
    ("after", "awaited", "answers"),
    [
        ("FTTTTTT", "FFFFFFF", "FFFFTTT"),
        ("FTTTTTT", "FFFFFFT", "FFFFTTF"),  # late, and over
        ("FTTTTTT", "FFFTFFF", "FFFFFFF"),  # it came, and need not stay
        ("FTTTTTT", "FFFFTTT", "FFFFFFF"),  # exactly in time
        ("FTTTTTT", "TTTTTTT", "FFFFFFF"),  # it stood before
        ("FTTTTTT", "TFFFFFF", "FFFFTTT"),  # it was over when that began
        ("FTTFFFF", "FFFFFFF", "FFFFFFF"),  # what it was to follow is over
        ("FTTTTFF", "FFFFFFF", "FFFFTFF"),
        ("TTTTTTT", "FFFFFFF", "FFFTTTT"),  # it stands when it is first known: watched from then
        ("FTTFTTTT", "FFFFFFFF", "FFFFFFFT"),  # each occurrence by itself
        ("FTTTTTTT", "FFUFFFFF", "FFFFUUUU"),  # lost meanwhile: it may have come
        ("FTTTTTTT", "FFUUUUUT", "FFFFUUUF"),
        ("FTTTTTTT", "FFFFFUFF", "FFFFTUTT"),  # lost when it was known already
        ("FTUUTTTT", "FFFFFFFF", "FFFFTTTT"),  # what is UNKNOWN is not over
        ("FTUUUUTT", "FFFFFFFF", "FFFFUUTT"),
        ("FTUUUUFF", "FFFFFFFF", "FFFFUUFF"),
        ("UUUUUUUU", "FFFFFFTT", "UUUUUUFF"),
    ],
)
def test_absence(after: str, awaited: str, answers: str) -> None:
    assert told(missing(3), after, awaited) == answers


@pytest.mark.parametrize(
    ("after", "awaited", "answers"),
    [
        ("FTFFFFFF", "FFFFFFFF", "FFFFTTTT"),
        ("FTFFFFFF", "FFFFFFFT", "FFFFTTTF"),
        ("FTFFFFFF", "FFTFFFFF", "FFFFFFFF"),
        ("FTFTFFFF", "FFFFFFFF", "FFFFTTTT"),  # from the first
        ("FTFUUUUU", "FFFFFFFF", "FFFFTTTT"),  # nor is it asked again
    ],
)
def test_sticky_waits_though_what_it_is_to_follow_is_over(after: str, awaited: str, answers: str) -> None:
    assert told(missing(3, sticky=True), after, awaited) == answers


@pytest.mark.parametrize(
    ("after", "awaited", "answers"),
    [
        ("FTTTTTTT", "FFUFFFFF", "FFFFTTTT"),  # lost meanwhile: it did not happen
        ("FTTTTTTT", "FUUUUUUU", "FFFFTTTT"),  # lost for so long that it did not
        ("FTTTTTTT", "FFFUUUUU", "FFFFUUTT"),  # but not at once
        ("FTTTTTTT", "UUUUUUUU", "FFFFTTTT"),
        ("FUUUUUUU", "FUUUUUUU", "FUUUUUUU"),  # a dead bus raises nothing by itself
        ("FTTUUUUU", "FFFUUUUU", "FFFFUUUU"),
    ],
)
def test_unknown_trips_where_the_rule_says_so(after: str, awaited: str, answers: str) -> None:
    assert told(missing(3, trip=True), after, awaited) == answers


def test_a_restart_a_second_before_the_end_leaves_a_second() -> None:
    # by = 5 s from 1 s; off at 5 s, where both are UNKNOWN until heard
    assert told(missing(5), "FTTTTUTTT", "FFFFFUFFF", {5}) == "FFFFFFTTT"
    assert told(missing(5), "FTTTTUTTT", "FFFFFUTTT", {5}) == "FFFFFFFFF", "it came meanwhile"
    assert told(missing(5), "FTTTTUFFF", "FFFFFUFFF", {5}) == "FFFFFFFFF"
    assert told(missing(5), "FTTTTUTTT", "FFFFFUUUU", {5}) == "FFFFFFUUU", "not heard since"
    assert told(missing(5), "FTTTTUTTTTTTT", "FFFFFUUUUUFFF", {5}) == "FFFFFFUUUUUUU", "not heard for too long"


def test_what_was_lost_before_a_restart_stays_lost() -> None:
    assert told(missing(5), "FTTTUTTTT", "FFUFUFFFF", {4}) == "FFFFFFUUU"


def test_life_safety_counts_the_time_off() -> None:
    life_safety = missing(5 + OUTAGE_S, life_safety=True)
    assert told(life_safety, "FTTUTTTTT", "FFFUFFFFF", {3}) == "FFFFFFTTT"
    assert told(missing(5 + OUTAGE_S), "FTTUTTTTT", "FFFUFFFFF", {3}) == "FFFFFFFFF"
    over = missing(4, life_safety=True)
    assert told(over, "FTTUTTTTT", "FFFUFFFFF", {3}) == "FFFUTTTTT", "over meanwhile: at the first word"
    assert told(over, "FTTUFFFFF", "FFFUFFFFF", {3}) == "FFFUFFFFF"
    assert told(over, "FTTUTTTTT", "FFFUTTTTT", {3}) == "FFFUFFFFF"


def test_a_start_does_not_trip_before_anybody_could_be_heard() -> None:
    trip = missing(4, trip=True, life_safety=True)
    assert told(trip, "FTTUTTTTT", "FFFUUFFFF", {3}) == "FFFUUTTTT"
    assert told(trip, "FTTUTTTTT", "FFFUUTTTT", {3}) == "FFFUUFFFF"
    assert told(trip, "FTTUTTTTT", "FFFUUUUUU", {3}) == "FFFUUUTTT"


def test_what_stands_goes_on_after_a_restart() -> None:
    assert told(missing(2), "FTTTTUUTT", "FFFFFUUFF", {5}) == "FFFTTUUTT"
    assert told(missing(2), "FTTTTUUTT", "FFFFFUUTT", {5}) == "FFFTTUUFF"


def test_of_samples_alone_only_that_it_is_not_missing() -> None:
    says = [Says(0), Says(1)]
    node = missing(3)(list(says))
    seen = []
    for says[0].truth, says[1].truth in [(T, T), (F, T), (F, F), (U, U)]:
        seen.append(node.alone(Columns()))
    assert seen == [F, U, U, U]
    assert not node.on_label


FAN = {"point": "b", "is": True}


def test_written_and_compiled() -> None:
    one = One({"absent": FAN, "after": {"above": "1 m"}, "by": "60s"})
    one.put(0, False, point="b")
    one.put(0, 0.0)
    assert one.put(10, 2.0) is F
    assert one.node.next_due() == 70 * SECOND
    assert one.tick(69.999) is F
    assert one.tick(70) is T
    assert one.put(71, True, point="b") is F


def test_a_dead_feedback_is_read_as_missing_in_life_safety() -> None:
    one = One({"absent": {**FAN, "on_unknown": "trip"}, "after": {"above": "1 m"}, "by": "2min"})
    one.put(0, 2.0)
    one.put(0, False, point="b")
    one.put(10, None, 0x80, point="b")
    assert one.tick(119) is F
    assert one.tick(120) is T


@pytest.mark.parametrize(
    ("changes", "where", "message"),
    [
        ({"class_": "property", "absent": {**FAN, "on_unknown": "trip"}}, "absent.on_unknown", "life_safety only"),
        ({"after": {**FAN, "on_unknown": "trip"}}, "after.on_unknown", "the `absent` of an absence"),
        ({"absent": {**FAN, "optional": True}}, "absent.optional", "none can be left out"),
        ({"by": "2h"}, "by", "0s … 1h"),
        ({"by": 60}, "by", "with its unit"),
    ],
)
def test_mistakes_are_told_at_their_key(changes: dict[str, Any], where: str, message: str) -> None:
    class_ = changes.pop("class_", "life_safety")
    with pytest.raises(ValidationError) as caught:
        rule({"absent": FAN, "after": {"above": "1 m"}, "by": "1min", **changes}, class_=class_)
    (error, *_) = caught.value.errors()
    assert ".".join(map(str, error["loc"])) == f"when.{where}"
    assert message in error["msg"]


def test_a_fire_that_nobody_confirms() -> None:
    fire = rule({"is": True}, rule="FI-01", on={"system": "fire", "point": "fire"}, class_="life_safety")
    silent = {"absent": {"point": "supervisory", "is": True}, "after": {"alarm": "FI-01"}, "by": "100s"}
    house = table([fire, rule(silent, rule="A-01", on={"system": "fire", "point": "supervisory"})], [panel()])
    house.set(0, "panel-1", {"L1D1/fire": False, "L1D1/supervisory": False})
    house.set(10, "panel-1", {"L1D1/fire": True})
    house.wait(109)
    assert house.truth("A-01", "panel-1/L1D1") is F
    house.wait(110)
    assert house.truth("A-01", "panel-1/L1D1") is T
