"""HealthBook against a model that remembers everything and computes from scratch."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.health import HealthBook, limits
from gateway.model import Frame, Health, Layout, Quality
from tests.gateway.test_health import ANALOGUE, BOTH, DIGITAL, at, device

QUALITIES = (Quality.GOOD, Quality.UNCERTAIN_CLOCK, Quality.UNCERTAIN_BACKLOG, Quality.BAD_COMM, Quality.BAD_SENSOR)
HEARD = (Quality.GOOD, Quality.UNCERTAIN_CLOCK)
WORD = st.sampled_from(QUALITIES)
# a whole message, or one with only a part of the points in it
SPOKEN = st.tuples(st.sampled_from((ANALOGUE, DIGITAL)), st.tuples(WORD)) | st.tuples(
    st.just(BOTH), st.tuples(WORD, WORD)
)
STEPS = st.lists(
    st.tuples(st.sampled_from((0.1, 1.0, 4.9, 5.1, 10.1, 31.0)), st.none() | SPOKEN),
    max_size=40,
)
History = list[tuple[float, dict[str, Quality]]]


def newest(history: History) -> dict[str, tuple[float, Quality]]:
    return {name: (when, quality) for when, said in history for name, quality in said.items()}


def expected(history: History, now: float, poll: float) -> Health:
    limit = limits(device(poll=poll))
    stale, offline = limit.stale_ns / 1e9, limit.offline_ns / 1e9
    heard = [when for when, said in history if any(quality in HEARD for quality in said.values())]
    if not heard:
        return Health.STARTING if round(now, 3) <= offline else Health.OFFLINE
    age = round(now - heard[-1], 3)
    if age > offline:
        return Health.OFFLINE
    if age > stale:
        return Health.STALE
    words = newest(history).values()
    bad = any(quality.is_bad or round(now - when, 3) > offline for when, quality in words)
    return Health.DEGRADED if bad else Health.ONLINE


@settings(max_examples=400, deadline=None)
@given(steps=STEPS, poll=st.sampled_from((0.1, 1.0, 3.0, 10.0)))
def test_the_state_is_a_function_of_what_was_heard(
    steps: list[tuple[float, tuple[Layout, tuple[Quality, ...]] | None]], poll: float
) -> None:
    book = HealthBook([device(poll=poll)], {}, at(0))
    history: History = []
    now, published = 0.0, {}
    for wait, spoken in steps:
        now = round(now + wait, 3)
        if spoken is not None:
            layout, words = spoken
            all_good = all(quality is Quality.GOOD for quality in words)
            book.observe(Frame(layout, (None,) * len(words), at(now), None if all_good else words))
            history.append((now, {point.key: word for point, word in zip(layout.points, words, strict=True)}))
        state = book.state("water", at(now))
        assert state is expected(history, now, poll)
        for frame in book.frames(at(now)):
            published[frame.layout.device] = frame.values[0]
        assert published["water"] == state.value  # what was published last is what is so
        points = book.device("water", at(now)).points
        fresh = [
            word
            for when, word in newest(history).values()
            if round(now - when, 3) <= limits(device(poll=poll)).offline_ns / 1e9
        ]
        assert points.good == sum(word is Quality.GOOD for word in fresh)
        assert points.bad == len(newest(history)) - len(fresh) + sum(word.is_bad for word in fresh)
