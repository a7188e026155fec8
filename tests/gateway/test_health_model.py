"""HealthBook against a model that remembers everything and computes from scratch."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.health import HealthBook, limits
from gateway.model import Frame, Health, Quality
from tests.gateway.test_health import ANALOGUE, DIGITAL, at, device

QUALITIES = (Quality.GOOD, Quality.UNCERTAIN_CLOCK, Quality.UNCERTAIN_BACKLOG, Quality.BAD_COMM, Quality.BAD_SENSOR)
HEARD = (Quality.GOOD, Quality.UNCERTAIN_CLOCK)
STEPS = st.lists(
    st.tuples(st.sampled_from((0.1, 1.0, 4.9, 5.1, 10.1, 31.0)), st.booleans(), st.none() | st.sampled_from(QUALITIES)),
    max_size=40,
)


def expected(history: list[tuple[float, str, Quality]], now: float, poll: float) -> Health:
    limit = limits(device(poll=poll))
    stale, offline = limit.stale_ns / 1e9, limit.offline_ns / 1e9
    heard = [when for when, _, quality in history if quality in HEARD]
    if not heard:
        return Health.STARTING if round(now, 3) <= offline else Health.OFFLINE
    age = round(now - heard[-1], 3)
    if age > offline:
        return Health.OFFLINE
    if age > stale:
        return Health.STALE
    newest = {name: (when, quality) for when, name, quality in history}
    bad = any(quality.is_bad or round(now - when, 3) > offline for when, quality in newest.values())
    return Health.DEGRADED if bad else Health.ONLINE


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, poll=st.sampled_from((0.1, 1.0, 3.0, 10.0)))
def test_the_state_is_a_function_of_what_was_heard(
    steps: list[tuple[float, bool, Quality | None]], poll: float
) -> None:
    book = HealthBook([device(poll=poll)], {}, at(0))
    history: list[tuple[float, str, Quality]] = []
    now, published = 0.0, {}
    for wait, analogue, quality in steps:
        now = round(now + wait, 3)
        if quality is not None:
            layout = ANALOGUE if analogue else DIGITAL
            book.observe(Frame(layout, (None,), at(now), None if quality is Quality.GOOD else (quality,)))
            history.append((now, "a" if analogue else "d", quality))
        state = book.state("water", at(now))
        assert state is expected(history, now, poll)
        for frame in book.frames(at(now)):
            published[frame.layout.device] = frame.values[0]
        assert published["water"] == state.value  # what was published last is what is so
