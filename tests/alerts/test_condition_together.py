"""C10: together and in sequence against the whole past of both operands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

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
    return lambda nodes: Together(*nodes, within_s * SECOND, hold_s * SECOND, life_safety=life_safety)


def sequence(least_s: int, most_s: int, hold_s: int = 0, *, life_safety: bool = False) -> Any:
    return lambda nodes: Sequence(*nodes, least_s * SECOND, most_s * SECOND, hold_s * SECOND, life_safety=life_safety)


class Life(NamedTuple):
    """A stretch of TRUE without a FALSE in it: from when to when each of its ends may have been, both seconds included.

    `since` None: any moment before. `ended` None: it is TRUE; `over` None: nobody has seen it FALSE since.
    """

    since: int | None
    rose: int
    ended: int | None
    over: int | None

    def beginnings(self) -> Iterator[int]:
        """Each moment at which it may have become TRUE."""
        return iter(range(self.rose - LONG if self.since is None else self.since, self.rose + 1))


LONG = 120
"""More than any story is long, with its outages and whatever is awaited in it."""


class Past:
    """What can be said at second `t` of one operand from all of its past; times are real ones where those count."""

    def __init__(self, story: Story, line: Line, hold_s: int, *, life_safety: bool) -> None:
        self.words = [truth(word) for word in line]
        self.hold_s = hold_s
        self.at = (lambda second: real(story, second)) if life_safety else (lambda second: second)
        self.off_at = dict.fromkeys(story[1], OUTAGE_S if life_safety else 0)

    def lives(self, t: int) -> list[Life]:
        found: list[Life] = []
        for s, word in enumerate(self.words[: t + 1]):
            if word is F and found and found[-1].over is None:
                ended = self.at(s) if found[-1].ended is None else found[-1].ended
                found[-1] = found[-1]._replace(ended=ended, over=self.at(s))
            elif word is U and found and found[-1].ended is None:
                found[-1] = found[-1]._replace(ended=self.at(s))
            elif word is T and found and found[-1].over is None:
                found[-1] = found[-1]._replace(ended=None)
            elif word is T:
                found.append(Life(self.unseen_since(s), self.at(s), None, None))
        return found

    def unseen_since(self, s: int) -> int | None:
        """From when on it may have been what it is at `s`: nobody has looked since the last FALSE."""
        falses = [each for each in range(s) if self.words[each] is F]
        if not falses:
            return None
        for each in range(falses[-1] + 1, s + 1):
            if each in self.off_at:
                return self.at(each) - self.off_at[each]
            if self.words[each] is not F:
                return self.at(each)
        raise AssertionError(s)

    def counts(self, t: int) -> Truth:
        """TRUE, and for the hold longer."""
        lives = self.lives(t)
        if lives and (lives[-1].ended is None or self.at(t) < lives[-1].ended + self.hold_s):
            return True
        return self.words[t]

    def over(self, t: int) -> bool:
        known = [word for word in self.words[: t + 1] if word is not None]
        return self.counts(t) is not True and (not known or known[-1] is False)


def near(one: Life, other: Life, within_s: int) -> Truth:
    """Whether they began so near to each other, tried with each moment at which they may have."""
    if None not in (one.since, other.since) and abs(one.rose - other.rose) <= within_s:
        return True
    apart = (abs(a - b) for a in one.beginnings() for b in other.beginnings())
    return None if any(each <= within_s for each in apart) else False


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
            answer = near(a.lives(t)[-1], b.lives(t)[-1], within_s)
            for s in range(t, -1, -1):
                if False in (then := (a.counts(s), b.counts(s))):
                    break
                was = near(a.lives(s)[-1], b.lives(s)[-1], within_s) if None not in then else F
                if was or (was is U and life_safety):
                    answer = T
            answers.append(answer)
    return answers


def follows(first: Life, second: Life, least_s: int, most_s: int, hold_s: int) -> Truth:
    """Whether one began so long after the other, tried with each moment at which they may have."""
    still = first.ended is None or second.rose < first.ended + hold_s
    if None not in (first.since, second.since) and still and least_s <= second.rose - first.rose <= most_s:
        return True
    counting = [b for b in second.beginnings() if first.over is None or b < first.over + hold_s]
    return None if any(least_s <= b - a <= most_s for b in counting for a in first.beginnings()) else False


def oracle_sequence(story: Story, least_s: int, most_s: int, hold_s: int, *, life_safety: bool) -> list[Truth]:
    a, b = (Past(story, line, hold_s, life_safety=life_safety) for line in story[0])
    followed: set[int] = set()
    matched = False
    answers: list[Truth] = []
    for t in range(len(story[0][0])):
        first, second = a.counts(t), b.counts(t)
        doubt = False
        if second is False:
            matched = False
        elif not matched and not b.over(t):
            firsts = [each for each in a.lives(t) if each.rose not in followed]
            found = [(each.rose, follows(each, b.lives(t)[-1], least_s, most_s, hold_s)) for each in firsts]
            fits = {rose for rose, fit in found if fit}
            may_fit = {rose for rose, fit in found if fit is U}
            if not fits and life_safety and first is not U:
                fits = may_fit
            followed |= fits
            matched, doubt = bool(fits), bool(may_fit) and not fits
        if matched:
            answers.append(second)
        elif second is not False and doubt:
            answers.append(U)
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
        ("TTTTTT", "FFTTTT", "FFUUUU"),  # TRUE when first known: it may have begun just then, or long before
        ("TTTTTT", "FFFFTT", "FFFFFF"),  # but here too long before
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
        ("TTTTTT", "FFFTTT", "FFFUUU"),  # TRUE when first known: it may have begun just then
        ("TTTTTT", "FFFFFT", "FFFFFF"),  # but here too long before
        ("FTTTFFFF", "FFFTTTFF", "FFFTTTFF"),  # it stands until B ends
        ("FTTTTTFTTT", "FFFTFTFFFF", "FFFTFFFFFF"),  # one alarm for each A
        ("FTTTFTTTT", "FFFTFFFTT", "FFFTFFFTT"),
        ("FTUUTT", "FFFFTT", "FFFFTT"),  # UNKNOWN cancels nothing
        ("FTTUUT", "FFFFTT", "FFFFUT"),  # A turns out to have been TRUE when B began
        ("FTTUUF", "FFFFTT", "FFFFUU"),  # or nobody will ever know
        ("FTTUUF", "FFFTTT", "FFFUUU"),
        ("FTTTUF", "FFFFFT", "FFFFFF"),  # it was over when B began
    ],
)
def test_sequence(first: str, second: str, answers: str) -> None:
    assert told(sequence(2, 4), first, second) == answers


@pytest.mark.parametrize(
    ("first", "second", "others", "life_safety"),
    [
        ("TTTF", "TTTT", "UUUF", "TTTF"),  # both TRUE at the first word
        ("UTTT", "TTTT", "UUUU", "UTTT"),  # one is heard later
        ("UUUUTT", "FTTTTT", "FUUUUU", "FUUUTT"),  # first known TRUE behind the other's beginning
        ("TTTT", "UUUU", "UUUU", "UUUU"),  # nobody has seen the other
        ("TTTTTT", "FFFFTT", "FFFFFF", "FFFFFF"),  # it began more than `within` before: certain
        ("FUUUUT", "FFTTTT", "FFUUUU", "FFUUUT"),  # it became TRUE while it was lost, perhaps together with the other
        ("FUUUUT", "TTTTTT", "FUUUUU", "FUUUUT"),
        ("FFFFFUT", "FTTTTTT", "FFFFFUF", "FFFFFUF"),  # it was still FALSE when it was too late
        ("TTFTTT", "TTTTTT", "UUFFFF", "TTFFFF"),  # a match ends as ever
    ],
)
def test_together_where_nobody_saw_a_beginning(first: str, second: str, others: str, life_safety: str) -> None:
    for one, other in ((first, second), (second, first)):
        assert told(together(2), one, other) == others
        assert told(together(2, life_safety=True), one, other) == life_safety


@pytest.mark.parametrize(
    ("first", "second", "others", "life_safety"),
    [
        ("TTTTF", "TTTFF", "UUUFF", "TTTFF"),  # both TRUE at the first word: it ends with the second
        ("TTTTTT", "FFFTTT", "FFFUUU", "FFFTTT"),  # the first at the first word, or shortly before
        ("TTTTTT", "FFFFFT", "FFFFFF", "FFFFFF"),  # too long before: certain
        ("TTTTTT", "FTTTTT", "FUUUUU", "FTTTTT"),  # no less than the least before, if it began before it was heard
        ("FTTTTT", "TTTTTT", "FFFFFF", "FFFFFF"),  # the second was there first
        ("FFFFTT", "FFUUUT", "FFFFUF", "FFFFUF"),  # the first came too late for it, whenever that was
        ("FTTTTT", "FFUUUT", "FFUUUT", "FFUUUT"),
        ("FUTTTT", "FFFFTT", "FFFFTT", "FFFFTT"),
        ("FUUUTT", "FFFFTT", "FFFFUU", "FFFFTT"),  # the first may have come while it was lost
        ("FTTUUF", "FFFFTT", "FFFFUU", "FFFFUT"),  # the first may still have been there
        ("FFFF", "TTTT", "FFFF", "FFFF"),  # nobody has seen the first
    ],
)
def test_sequence_where_nobody_saw_a_beginning(first: str, second: str, others: str, life_safety: str) -> None:
    assert told(sequence(2, 4), first, second) == others
    assert told(sequence(2, 4, life_safety=True), first, second) == life_safety


def test_what_may_have_followed_uses_up_nothing_unless_it_counts() -> None:
    first, second = "TTTTTTT", "FFTFFFT"
    assert told(sequence(2, 9), first, second) == "FFUFFFU"
    assert told(sequence(2, 9, life_safety=True), first, second) == "FFTFFFF", "one alarm for each A"


def test_a_hold_ends_before_what_begins_exactly_then() -> None:
    assert told(sequence(2, 10, hold_s=4), "FTTFFFFFFF", "FFFFFFUUUT") == "FFFFFFUFFU"
    assert told(sequence(2, 10, hold_s=4), "FTTFFFFFFF", "FFFFFFFUUT") == "FFFFFFFFFF"


@pytest.mark.parametrize("restarts", [{4}, {3, 4}])
def test_in_an_outage_it_may_have_become_true_at_any_moment(restarts: set[int]) -> None:
    assert told(together(2, life_safety=True), "FFFUUTTT", "FTTTUTTT", restarts) == "FFFUUTTT", "lost at 3 s"
    assert told(together(1, life_safety=True), "FFFUUTTT", "FTTTUTTT", restarts) == "FFFUUFFF"


def test_without_a_word_before_the_start_the_outage_is_the_gap() -> None:
    assert told(together(2, life_safety=True), "FFFFUTTT", "FFTTUTTT", {4}) == "FFFFUTTT"
    assert told(together(2, life_safety=True), "FFFFUTTT", "FTTTUTTT", {4}) == "FFFFUFFF"
    assert told(together(2), "FFFFUTTT", "FTTTUTTT", {4}) == "FFFFUFFF", "others' clock stands still meanwhile"


def test_what_an_earlier_version_kept_is_understood() -> None:
    """Its lists are shorter: an operand's has last, rose, ended and the inner one's; a first's has rose and ended."""
    says = [Says(0), Says(1)]
    for life_safety in (False, True):
        node = together(3, life_safety=life_safety)(list(says))
        node.restore([False, 0, [[True, None, None, None], [True, 2 * SECOND, None, None]]])
        says[0].truth = says[1].truth = True
        assert node.judge(Columns(), 3 * SECOND) is (T if life_safety else U)
        says[1].truth = F
        assert node.judge(Columns(), 4 * SECOND) is F
        says[1].truth = T
        assert node.judge(Columns(), 9 * SECOND) is F, "it was TRUE for more than 3 s by then"
        node = sequence(1, 3, life_safety=life_safety)(list(says))
        operands = [[True, 2 * SECOND, None, None], [False, None, None, None]]
        node.restore([[[2 * SECOND, None]], 2 * SECOND, [False, 0, operands]])
        assert node.judge(Columns(), 4 * SECOND) is T


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
    assert told(sequence(2, 4, life_safety=True), line, "FFFFUFTT", {4}) == "FFFFUFFF"
    assert told(sequence(2, 5 + OUTAGE_S, life_safety=True), line, "FFFFUFTT", {4}) == "FFFFUFTT"
    assert told(sequence(2, 4, life_safety=True), line, "FFFFUTTT", {4}) == "FFFFUTTT", "it may have been in time"
    assert told(sequence(1, 2, life_safety=True), line, "FFFFUTTT", {4}) == "FFFFUFFF", "it was FALSE for too long"


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
