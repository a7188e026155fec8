"""C10: together and in sequence against the whole past of both operands."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.bind import bind
from alerts.condition.columns import Columns
from alerts.condition.together import Sequence, Together
from gateway.model import SECOND, Location, Truth
from tests.alerts.building import catalogue, charger, rule, sump, table
from tests.alerts.telling import OUTAGE_S, Line, Says, Story, play, real, stories, truth

T, F, U = True, False, None


def together(within_s: int, hold_s: int = 0, *, life_safety: bool = False) -> Any:
    return lambda nodes: Together(*nodes, within_s * SECOND, hold_s * SECOND, counts_downtime=life_safety)


def sequence(least_s: int, most_s: int, hold_s: int = 0, *, life_safety: bool = False) -> Any:
    return lambda nodes: Sequence(
        *nodes, least_s * SECOND, most_s * SECOND, hold_s * SECOND, counts_downtime=life_safety
    )


class Past:
    """What can be said at second `t` of one operand from all of its past; times are real ones where those count."""

    def __init__(self, story: Story, line: Line, hold_s: int, *, life_safety: bool) -> None:
        self.words = [truth(word) for word in line]
        self.hold_s = hold_s
        self.at = (lambda second: real(story, second)) if life_safety else (lambda second: second)

    def lives(self, t: int) -> list[tuple[int | None, int, int | None]]:
        """(when it became TRUE, its first TRUE second, when it ended) of each stretch of TRUE without a FALSE in it."""
        found: list[tuple[int | None, int, int | None]] = []
        fresh, seen_false = True, False
        for s in range(t + 1):
            word = self.words[s]
            if word is F:
                fresh, seen_false = True, True
            if word is T and fresh:
                found.append((s if seen_false else None, s, None))
                fresh = False
            if word is T:
                found[-1] = (*found[-1][:2], None)
            elif found and found[-1][2] is None:
                found[-1] = (*found[-1][:2], s)
        return found

    def counts(self, t: int) -> Truth:
        """TRUE, and for the hold longer."""
        lives = self.lives(t)
        if lives and (lives[-1][2] is None or self.at(t) < self.at(lives[-1][2]) + self.hold_s):
            return True
        return self.words[t]

    def over(self, t: int) -> bool:
        known = [word for word in self.words[: t + 1] if word is not None]
        return self.counts(t) is not True and (not known or known[-1] is False)


def oracle_together(story: Story, within_s: int, hold_s: int, *, life_safety: bool) -> list[Truth]:
    a, b = (Past(story, line, hold_s, life_safety=life_safety) for line in story[0])
    answers: list[Truth] = []
    for t in range(len(story[0][0])):
        both = a.counts(t), b.counts(t)
        if False in both:
            answers.append(F)
        elif None in both:
            answers.append(U)
        else:
            matched = False
            for s in range(t, -1, -1):
                if False in (then := (a.counts(s), b.counts(s))):
                    break
                rises = a.lives(s)[-1:], b.lives(s)[-1:]
                if None in then or not all(rises):
                    continue
                (one,), (other,) = rises
                if one[0] is not None and other[0] is not None:
                    matched = matched or abs(a.at(one[0]) - b.at(other[0])) <= within_s
            answers.append(matched)
    return answers


def oracle_sequence(story: Story, least_s: int, most_s: int, hold_s: int, *, life_safety: bool) -> list[Truth]:
    a, b = (Past(story, line, hold_s, life_safety=life_safety) for line in story[0])
    followed: set[int] = set()
    matched = False
    answers: list[Truth] = []
    for t in range(len(story[0][0])):
        first, second = a.counts(t), b.counts(t)
        if second is False:
            matched = False
        elif not matched and not b.over(t) and (began := b.lives(t)[-1][0]) is not None:
            for rose, _, ended in a.lives(t):
                if rose is None or rose in followed:
                    continue
                still = ended is None or b.at(began) < a.at(ended) + hold_s
                if still and least_s <= b.at(began) - a.at(rose) <= most_s:
                    followed.add(rose)
                    matched = True
        if matched:
            answers.append(second)
        elif second is False or first is False or None not in (first, second):
            answers.append(F)
        else:
            answers.append(U)
    return answers


holds = st.sampled_from([0, 0, 2, 6])


@settings(deadline=None, max_examples=250)
@given(story=stories(2), within_s=st.sampled_from([0, 1, 5, 12]), hold_s=holds, life_safety=st.booleans())
def test_together_by_the_whole_past(story: Story, within_s: int, hold_s: int, life_safety: bool) -> None:
    expected = oracle_together(story, within_s, hold_s, life_safety=life_safety)
    make = together(within_s, hold_s, life_safety=life_safety)
    assert play(make, story)[0] == expected
    assert play(make, story, reborn=True)[0] == expected


@settings(deadline=None, max_examples=250)
@given(
    story=stories(2),
    span=st.sampled_from([(0, 0), (0, 5), (2, 6), (1, 20)]),
    hold_s=holds,
    life_safety=st.booleans(),
)
def test_sequence_by_the_whole_past(story: Story, span: tuple[int, int], hold_s: int, life_safety: bool) -> None:
    expected = oracle_sequence(story, *span, hold_s, life_safety=life_safety)
    make = sequence(*span, hold_s, life_safety=life_safety)
    assert play(make, story)[0] == expected
    assert play(make, story, reborn=True)[0] == expected


def told(make: Any, first: str, second: str, restarts: set[int] | None = None) -> str:
    """Two timelines of T, F and U, a letter a second, and the answers in the same letters."""
    letters: dict[str, Truth] = {"T": T, "F": F, "U": U}
    story: Story = ([[letters[each] for each in first], [letters[each] for each in second]], restarts or set())
    return "".join("U" if each is None else "T" if each else "F" for each in play(make, story, reborn=True)[0])


@pytest.mark.parametrize(
    ("first", "second", "answers"),
    [
        ("FTTTTT", "FFFFTT", "FFFFTT"),  # exactly as far apart as may be
        ("FTTTTTT", "FFFFFTT", "FFFFFFF"),  # a second more
        ("FFFFTT", "FTTTTT", "FFFFTT"),  # either may be first
        ("FTTFFF", "FFFFTT", "FFFFFF"),  # the first is over
        ("TTTTTT", "FFTTTT", "FFFFFF"),  # TRUE when first known: it has no beginning
        ("FTTTTF", "FFTTTT", "FFTTTF"),
        ("FTUTT", "FFTTT", "FFUTT"),  # UNKNOWN ends nothing
        ("FTTUF", "FTTTT", "FTTUF"),
    ],
)
def test_together(first: str, second: str, answers: str) -> None:
    assert told(together(3), first, second) == answers


@pytest.mark.parametrize(
    ("first", "second", "answers"),
    [
        ("FFTTTT", "FTTTTT", "FFFFFF"),  # B before A
        ("FTTTTT", "FTTTTT", "FFFFFF"),  # at once: less than the least
        ("FTTTTT", "FFFTTT", "FFFTTT"),  # exactly the least
        ("FTTTTTT", "FFFFFTT", "FFFFFTT"),  # exactly the most
        ("FTTTTTTT", "FFFFFFTT", "FFFFFFFF"),  # a second more
        ("FTTFFF", "FFFFTT", "FFFFFF"),  # A is over before B
        ("TTTTTT", "FFFTTT", "FFFFFF"),  # TRUE when first known is no edge
        ("FTTTFFFF", "FFFTTTFF", "FFFTTTFF"),  # it stands until B ends
        ("FTTTTTFTTT", "FFFTFTFFFF", "FFFTFFFFFF"),  # one alarm for each A
        ("FTTTFTTTT", "FFFTFFFTT", "FFFTFFFTT"),
        ("FTUUTT", "FFFFTT", "FFFFTT"),  # UNKNOWN cancels nothing
        ("FTTUUT", "FFFFTT", "FFFFUT"),  # A turns out to have been TRUE when B began
        ("FTTUUF", "FFFFTT", "FFFFUF"),  # or not
    ],
)
def test_sequence(first: str, second: str, answers: str) -> None:
    assert told(sequence(2, 4), first, second) == answers


def test_pulses_follow_each_other_when_they_are_held() -> None:
    assert told(sequence(2, 4, hold_s=4), "FTFFFFFFFF", "FFFFTFFFFF") == "FFFFTTTTTF"
    assert told(together(4, hold_s=4), "FTFFFFFFFF", "FFFFTFFFFF") == "FFFFTTFFFF", (
        "the first is over at 2 s, and held until 6 s"
    )


def test_a_restart_at_the_last_second_leaves_that_second() -> None:
    # the first at 1 s, 4 s at most, off at 4 s for OUTAGE_S: the second may come 1 s after the start
    line = "FTTTUTTT"
    assert told(sequence(2, 4), line, "FFFFUTTT", {4}) == "FFFFUTTT"
    assert told(sequence(2, 4), line, "FFFFUFTT", {4}) == "FFFFUFFF"


def test_life_safety_counts_the_time_off() -> None:
    line = "FTTTUTTT"
    assert told(sequence(2, 4, life_safety=True), line, "FFFFUTTT", {4}) == "FFFFUFFF"
    assert told(sequence(2, 4 + OUTAGE_S, life_safety=True), line, "FFFFUTTT", {4}) == "FFFFUTTT"


def test_a_match_stands_over_a_restart() -> None:
    assert told(together(3), "FTTTUUTT", "FFTTUUTT", {4}) == "FFTTUUTT"
    assert told(sequence(1, 3), "FTTTUUTT", "FFTTUUTT", {4}) == "FFTTUUTT"


def test_of_samples_alone_only_that_not_both_are_true() -> None:
    for make in (together(3), sequence(1, 3)):
        says = [Says(0), Says(1)]
        node = make(list(says))
        seen = []
        for says[0].truth, says[1].truth in [(T, T), (T, F), (F, U), (U, U)]:
            seen.append(node.alone(Columns()))
        assert seen == [U, F, F, U]
    assert together(3, hold_s=1)(list(says)).alone(Columns()) is U


def test_no_clock_is_read() -> None:
    assert not together(3)([Says(0), Says(1)]).on_label
    assert not sequence(1, 3)([Says(0), Says(1)]).on_label


WET, BUSY = {"alarm": "W-01", "same": "zone"}, {"point": "power", "above": "1 kW"}


def water() -> Any:
    return rule({"at_least": "5 cm"}, rule="W-01")


def test_what_two_sources_share_no_place_with_is_not_watched() -> None:
    """No zone is not a zone that two can share."""
    both = rule({"together": [WET, BUSY], "within": "10min"}, rule="X-01", on={"system": "ev-charging"})
    devices = [sump(location=Location("1")), charger("c-1", Location("1"), ["power"]), charger("c-2", points=["power"])]
    found = bind([water(), both], devices, catalogue())
    assert found.problems == ()
    told = {each.source: each.why for each in found.unbound if each.rule == "X-01"}
    assert told == {
        "c-1": "rule W-01 watches nothing on the same zone",
        "c-2": "rule W-01 watches nothing on the same zone",
        None: "the rule watches nothing on this site",
    }


def test_an_alarm_and_a_point_of_one_zone() -> None:
    both = rule({"sequence": [WET, BUSY], "after": ["0s", "10min"]}, rule="X-01", on={"system": "ev-charging"})
    house = table([water(), both], [sump(), charger("c-1", points=["power"])])
    house.set(0, "water-east", {"floor_level": 0.0})
    house.set(0, "c-1", {"power": 0.0})
    house.set(60, "water-east", {"floor_level": 0.2})
    assert house.truth("X-01", "c-1") is F
    house.set(600, "c-1", {"power": 7000.0})
    assert house.truth("X-01", "c-1") is T


@pytest.mark.parametrize(
    ("when", "where", "message"),
    [
        ({"together": [BUSY], "within": "1s"}, "when.together", "a list of two conditions is expected, got 1"),
        (
            {"sequence": [BUSY, BUSY], "after": ["5s"]},
            "when.after",
            "[the least, the most], such as [0s, 30s], is expected, got 1",
        ),
        ({"together": [BUSY, BUSY]}, "when.within", "required"),
        ({"together": [BUSY, BUSY], "within": "2h"}, "when.within", "0s … 1h"),
        ({"sequence": [BUSY, BUSY], "after": ["5s", "1s"]}, "when.after", "[the least, the most]"),
        ({"sequence": [BUSY, BUSY], "after": ["5s", "2d"]}, "when.after.1", "0s … 1d"),
        (
            {"sequence": [BUSY, {**BUSY, "optional": True}], "after": ["0s", "1s"]},
            "when.sequence.1.optional",
            "left out",
        ),
    ],
)
def test_mistakes_are_told_at_their_key(when: Any, where: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        rule(when, on={"system": "ev-charging"})
    (error, *_) = caught.value.errors()
    assert ".".join(map(str, error["loc"])).startswith(where)
    assert message in error["msg"]
