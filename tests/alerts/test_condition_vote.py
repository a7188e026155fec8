"""C9 and C11: votes against a count over the whole past; who is a voter; n of some."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.bind import bind
from alerts.bound import Bound
from alerts.condition.columns import Columns, Reading
from alerts.condition.node import Node
from alerts.condition.vote import Bad, SomeOf, Vote
from gateway.model import SECOND, Device, Location, Truth
from tests.alerts.building import EAST, KITCHEN, WEST, catalogue, panel, rule, sump, table
from tests.alerts.telling import Line, Says, Story, play, stories, truth

T, F, U = True, False, None
SETTLE_S = 5


def voting(n: int, within_s: int = 0, bad: Bad = "unknown") -> Any:
    return lambda nodes: Vote([[node] for node in nodes], n, within_s * SECOND, bad, SETTLE_S * SECOND)


def oracle(story: Story, n: int, within_s: int, bad: Bad) -> list[Truth]:
    """Each second from all that has been said until then."""
    lines, restarts = story
    return [
        _vote(lines, max([0, *(at for at in restarts if at <= t)]), t, n, within_s, bad) for t in range(len(lines[0]))
    ]


def _vote(lines: list[Line], start: int, t: int, n: int, within_s: int, bad: Bad) -> Truth:
    states = []
    for line in lines:
        # what was TRUE over [s, s + 1) counts until before s + 1 + within
        if any(line[s] is True for s in range(max(0, t - within_s), t + 1)):
            states.append("true")
        elif line[t] is False:
            states.append("false")
        else:
            known = any(truth(line[s]) is not None for s in range(start, t + 1))
            states.append("bad" if line[t] == "bad" or known or t >= start + SETTLE_S else "unheard")
    true, bads, unheard = (states.count(name) for name in ("true", "bad", "unheard"))
    if bad == "excluded":
        if bads == len(lines):
            return None
        n = min(n, len(lines) - bads)
    if bad == "counts" and true and true + bads >= n:
        return True
    open_ = unheard + (0 if bad == "excluded" else bads)
    return True if true >= n else False if true + open_ < n else None


@settings(deadline=None, max_examples=300)
@given(
    story=st.integers(1, 4).flatmap(lambda count: stories(count, (T, T, F, F, U, "bad"))),
    n=st.integers(1, 3),
    within_s=st.sampled_from([0, 0, 1, 4, 9]),
    bad=st.sampled_from(["unknown", "excluded", "counts"]),
)
def test_votes_are_those_of_the_whole_past(story: Story, n: int, within_s: int, bad: Bad) -> None:
    expected = oracle(story, n, within_s, bad)
    answers, node = play(voting(n, within_s, bad), story)
    assert answers == expected
    again, reborn = play(voting(n, within_s, bad), story, reborn=True)
    assert again == expected, "held votes go on with what was left of them"
    assert reborn.snapshot() == node.snapshot()


@pytest.mark.parametrize("words", list(itertools.product([T, F, U], repeat=3)))
@pytest.mark.parametrize("n", [1, 2, 3])
def test_n_of_some_in_three_values(words: Sequence[Truth], n: int) -> None:
    nodes = [Says(0) for _ in words]
    for node, word in zip(nodes, words, strict=True):
        node.truth = word
    could_be = {
        [*filled].count(True) >= n for filled in itertools.product(*([w] if w is not U else [T, F] for w in words))
    }
    expected = could_be.pop() if len(could_be) == 1 else None
    some = SomeOf(nodes, n)
    assert some.judge(Columns(), 0) is expected is some.alone(Columns())
    assert play(voting(n), ([[word] for word in words], set()))[0] == [expected]


def test_exactly_the_hold_later_is_too_late() -> None:
    def second_after(seconds: int) -> Truth:
        first: Line = [T, *[F] * 30]
        second: Line = [*[F] * seconds, *[T] * (31 - seconds)]
        return play(voting(2, 10), ([first, second], set()))[0][seconds]

    # the first is over at 1 s, and counts until before 11 s
    assert [second_after(seconds) for seconds in (1, 10, 11, 12)] == [T, T, F, F]


def test_one_bad_of_two() -> None:
    story: Story = ([[T], ["bad"]], set())
    assert [play(voting(2, 0, bad), story)[0] for bad in ("unknown", "excluded", "counts")] == [[U], [T], [T]]
    story = ([[F], ["bad"]], set())
    assert [play(voting(2, 0, bad), story)[0] for bad in ("unknown", "excluded", "counts")] == [[F], [F], [F]]


def test_both_bad_raise_nothing() -> None:
    story: Story = ([["bad"] * 20, ["bad"] * 20], set())
    for bad in ("unknown", "excluded", "counts"):
        assert set(play(voting(2, 0, bad), story)[0]) == {U}
        assert set(play(voting(1, 0, bad), story)[0]) == {U}


def test_what_has_not_been_heard_since_the_start_is_not_bad_yet() -> None:
    story: Story = ([[T] * 8, [U] * 8], set())
    assert play(voting(2, 0, "excluded"), story)[0] == [U] * SETTLE_S + [T] * (8 - SETTLE_S)
    assert play(voting(2, 0, "counts"), story)[0] == [U] * SETTLE_S + [T] * (8 - SETTLE_S)


def test_a_reset_between_two_votes_does_not_shorten_the_first() -> None:
    story: Story = ([[T, F, F, F, F], [F, F, F, T, T]], set())
    assert play(voting(2, 3), story)[0] == [F, F, F, T, F]


def test_a_held_vote_goes_on_after_a_restart() -> None:
    story: Story = ([[T, F, U, F, F, F], [F, F, U, T, T, T]], {2})
    answers, _ = play(voting(2, 4), story, reborn=True)
    assert answers == [F, F, U, T, T, F], "the time that the gateway was off is not counted"


def test_a_clock_step_moves_no_vote() -> None:
    node = Vote([[Says(0)], [Says(1)]], 2, SECOND, "unknown", SECOND)
    assert not node.on_label


def test_the_votes_are_shown() -> None:
    _, node = play(voting(2), ([[T], [T], [F]], set()))
    assert node.reading(Columns()) == Reading(2, 2)


def test_of_samples_alone_a_held_vote_is_not_known() -> None:
    def alone(within_s: int, *words: Truth) -> Truth:
        nodes = [Says(slot) for slot in range(len(words))]
        for node, word in zip(nodes, words, strict=True):
            node.truth = word
        node: Node = voting(2, within_s)(nodes)
        return node.alone(Columns())

    assert [alone(0, T, T), alone(0, T, F), alone(0, T, U)] == [T, F, U]
    assert [alone(9, T, T), alone(9, T, F)] == [T, U]


# --- who votes


def fire(name: str = "FI-01", **changes: Any) -> Any:
    when = {"is": True}
    return rule(when, rule=name, on={"system": "fire", "point": "fire"}, class_="life_safety", **changes)


def two_of_the_zone(**vote: Any) -> Any:
    when = {"votes": 2, "of": [{"alarm": "FI-01", "same": "zone"}], **vote}
    return rule(when, rule="V-01", on={"system": "garage-water"}, severity="high", class_="property")


def bound(rules: Sequence[Any], devices: Sequence[Device]) -> Bound:
    found = bind(rules, devices, catalogue())
    assert found.problems == ()
    return found


def test_each_alarm_of_the_zone_is_a_voter() -> None:
    house = table([fire(), two_of_the_zone()], [panel(), sump(zone="garage-east")])
    every = {f"L1D{n}/fire": False for n in (1, 2, 3, 4)} | {"L1M1/fire": False}
    house.set(0, "panel-1", every)
    assert house.truth("V-01", "water-east") is F
    house.set(1, "panel-1", {"L1D3/fire": True, "L1D1/fire": True})
    assert house.truth("V-01", "water-east") is F, "the other one is in the kitchen"
    house.set(2, "panel-1", {"L1M1/fire": True})
    assert house.truth("V-01", "water-east") is T


def test_a_zone_without_enough_detectors_is_not_watched_and_told() -> None:
    found = bound([fire(), two_of_the_zone()], [panel(), sump("water-west", "garage-west"), sump()])
    assert [each.source for each in found.instances if each.rule.rule == "V-01"] == ["water-east"]
    told = [(each.source, each.why) for each in found.unbound if each.rule == "V-01"]
    assert told == [("water-west", "1 voter can vote here, but 2 votes are needed")]


def test_the_same_device_twice_counts_once_if_asked() -> None:
    devices = [panel(), sump(zone="garage-east")]
    (told,) = [
        each
        for each in bound([fire(), two_of_the_zone(distinct="device")], devices).unbound
        if each.rule == "V-01" and each.source
    ]
    assert told.why == "1 device can vote here, but 2 votes are needed"
    other = panel("panel-2", {"L1D9": EAST})
    house = table([fire(), two_of_the_zone(distinct="device")], [panel(), other, sump(zone="garage-east")])
    house.set(0, "panel-2", {"L1D9/fire": False})
    house.set(1, "panel-1", dict.fromkeys(["L1D1/fire", "L1D2/fire", "L1D3/fire", "L1D4/fire", "L1M1/fire"], True))
    assert house.truth("V-01", "water-east") is F
    house.set(2, "panel-2", {"L1D9/fire": True})
    assert house.truth("V-01", "water-east") is T


def test_two_alarms_of_one_detector_are_one_vote() -> None:
    prealarm = rule({"is": True}, rule="FI-03", on={"system": "fire", "point": "prealarm"})
    voters = [{"alarm": name, "same": "zone"} for name in ("FI-01", "FI-03")]
    house = table([fire(), prealarm, two_of_the_zone(of=voters)], [panel(), sump(zone="garage-east")])
    every = {f"{part}/{point}": False for part in ("L1D3", "L1M1") for point in ("fire", "prealarm")}
    house.set(0, "panel-1", {**every, "L1D3/fire": True, "L1D3/prealarm": True})
    assert house.truth("V-01", "water-east") is F
    house.set(1, "panel-1", {"L1M1/prealarm": True})
    assert house.truth("V-01", "water-east") is T


def test_each_part_is_a_voter_and_every_part_is_one() -> None:
    any_part = {"votes": 2, "of": [{"point": "pump_fault", "is": True, "parts": "any"}]}
    house = table([rule(any_part, on={"system": "garage-water"})], [sump()])
    house.set(0, "water-east", {"pump-1/pump_fault": True, "pump-2/pump_fault": False})
    assert house.truth("T-01", "water-east") is F
    house.set(1, "water-east", {"pump-2/pump_fault": True})
    assert house.truth("T-01", "water-east") is T
    with pytest.raises(ValidationError, match="only 1 can vote"):
        rule({"votes": 2, "of": [{"point": "pump_fault", "is": True, "parts": "every"}]})


def test_two_sensors_of_a_pit_are_two_voters() -> None:
    either = {
        "votes": 2,
        "of": [{"point": "floor_level", "at_least": "10 cm"}, {"point": "high_high_float", "is": True}],
    }
    house = table([rule(either, on={"system": "garage-water"})], [sump()])
    house.set(0, "water-east", {"floor_level": 0.2, "high_high_float": False})
    assert house.truth("T-01", "water-east") is F
    house.set(1, "water-east", {"high_high_float": True})
    assert house.truth("T-01", "water-east") is T
    found = bound([rule({**either, "distinct": "device"}, on={"system": "garage-water"})], [sump()])
    assert "1 device can vote here" in found.unbound[0].why


def test_each_of_several_points_is_a_voter() -> None:
    three = {"votes": 2, "of": [{"points": ["floor_level", "sump_level", "no_such"], "at_least": "10 cm"}]}
    with pytest.raises(ValidationError, match="only 3 can vote"):
        rule({**three, "votes": 4})
    house = table(
        [
            rule(
                {**three, "of": [{"points": ["floor_level", "sump_level"], "at_least": "10 cm"}]},
                on={"system": "garage-water"},
            )
        ],
        [sump()],
    )
    house.set(0, "water-east", {"floor_level": 0.2, "sump_level": 0.0})
    assert house.truth("T-01", "water-east") is F
    house.set(1, "water-east", {"sump_level": 0.2})
    assert house.truth("T-01", "water-east") is T


def test_a_list_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValidationError, match="only 2 can vote: it could never be TRUE") as caught:
        rule({"votes": 3, "of": [{"at_least": "10 cm"}, {"point": "high_high_float", "is": True}]})
    assert caught.value.errors()[0]["loc"] == ("when", "votes")
    with pytest.raises(ValidationError, match="there are only 1 of them"):
        rule({"n_of": 2, "these": [{"at_least": "10 cm"}]})


def test_an_optional_voter_is_left_out_and_told() -> None:
    when = {"votes": 1, "of": [{"at_least": "10 cm"}, {"point": "no_such", "is": True, "optional": True}]}
    device = sump()
    found = bind([rule(when)], [device], None)
    assert [each.source for each in found.instances][:1] == ["water-east"]
    assert [each.why for each in found.reduced] == ["the device has no point 'no_such'"]
    some = {"n_of": 2, "these": when["of"]}
    (unbound, *_) = bind([rule(some)], [device], None).unbound
    assert unbound.why == "the device has only 1 of those of which 2 are needed"


def test_a_source_in_no_zone_has_no_voters() -> None:
    house = bound(
        [fire(), two_of_the_zone()], [panel(parts={"L1D1": KITCHEN, "L1D4": WEST}), sump(location=Location("1"))]
    )
    assert {each.why for each in house.unbound if each.rule == "V-01" and each.source} == {
        "rule FI-01 watches nothing on the same zone"
    }
