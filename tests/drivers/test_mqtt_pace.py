"""Pauses between connections, and the end of a backlog."""

from __future__ import annotations

from itertools import pairwise

from drivers.mqtt.pace import GIVE_WAY, Connecting, Drain
from gateway.model import SECOND


def connects(seconds: int, lives: int, *, random: float = 0.0, thrown_out: bool = False) -> list[int]:
    """When it connects within `seconds` while each connection lives for `lives`."""
    pauses, now, when = Connecting(lambda: random), 0, []
    while (now := pauses.next_at(now)) < seconds * SECOND:
        pauses.connecting(now)
        when.append(now // SECOND)
        pauses.connected(now)
        now += lives * SECOND
        pauses.lost(now, thrown_out=thrown_out)
    return when


def test_two_gateways_with_one_name_change_places_three_times_a_minute_at_most() -> None:
    when = connects(600, 1, thrown_out=True)
    late = [at for at in when if at >= 60]
    assert len(late) <= 3 * 9 and late, when


def test_once_a_connection_has_lasted_nobody_is_suspected_any_more() -> None:
    pauses = Connecting(lambda: 0.0)
    for now in (1, 2, 3):
        pauses.connected(now * SECOND)
        pauses.lost(now * SECOND, thrown_out=True)
    assert pauses.contested
    pauses.connected(100 * SECOND)
    pauses.lost(130 * SECOND)
    assert pauses.contested
    pauses.connected(200 * SECOND)
    pauses.lost(260 * SECOND)
    assert not pauses.contested


def test_a_connection_that_lived_long_is_made_again_at_once() -> None:
    assert connects(3600, 600, random=0.99)[:3] == [0, 600, 1200]


def test_a_broker_that_was_away_is_not_taken_for_another_gateway() -> None:
    assert max(later - earlier for earlier, later in pairwise(connects(100, 2))) <= 2 + 5


def test_pauses_grow_to_five_seconds_while_nobody_answers() -> None:
    pauses, now, gaps = Connecting(lambda: 0.999), 0, []
    for _ in range(10):
        before, now = now, pauses.next_at(now)
        gaps.append((now - before) / SECOND)
        pauses.connecting(now)
    assert gaps[0] == 0 and max(gaps) <= 5 and gaps[-1] > 4.9


def test_after_an_end_of_our_own_there_is_no_blame() -> None:
    pauses = Connecting(lambda: 0.999)
    pauses.connecting(0)
    pauses.connected(0)
    pauses.again()
    assert pauses.next_at(2 * SECOND) == 2 * SECOND
    assert GIVE_WAY == 20 * SECOND


def test_a_backlog_is_over_when_link_and_sender_are_silent() -> None:
    drain = Drain(0)
    assert drain.heard("a", SECOND, SECOND // 10)
    assert not drain.over("a", SECOND // 20, SECOND // 2)  # the link has not been silent for a second
    assert drain.heard("b", SECOND, SECOND // 2)
    assert not drain.heard("a", SECOND // 20, 2 * SECOND)  # now it had
    assert not drain.heard("b", SECOND, 2 * SECOND)


def test_a_sender_that_is_never_silent_is_in_the_present_after_half_a_minute() -> None:
    drain = Drain(0)
    drained = [drain.heard("a", SECOND, tick * SECOND // 10) for tick in range(400)]
    assert all(drained[:300]) and not any(drained[300:])


def test_a_sender_speaks_late_in_a_long_backlog() -> None:
    drain = Drain(0)
    for tick in range(100):
        drain.heard("a", SECOND, tick * SECOND // 10)
    assert drain.heard("b", SECOND, 10 * SECOND)  # silent so far, but its turn in the queue had not come
