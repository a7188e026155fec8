"""A rule's past judged from stored frames is what the engine said then, and says why it said nothing."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.bind import bind
from alerts.engine import AlarmEngine
from alerts.lifecycle import ACTIVE
from alerts.rule import Rule
from gateway.model import SECOND, AlarmState, Frame, Instant, Layout, Point, PointType, Quality, Truth
from gateway.rehearsal.hindsight import Hindsight, NotWatched, look_back, needed
from gateway.rehearsal.stored import StoredFrames
from gateway.store.samples import Samples
from tests.alerts.stage import device, level_rule, rule
from tests.store.material import WALL

DEVICES = [device(), replace(device("quiet"), poll_ns=0)]
LAYOUTS = {
    one.id: Layout(
        one.id, (Point("a", PointType.BOOL), Point("b", PointType.BOOL), Point("level", PointType.FLOAT, "m"))
    )
    for one in DEVICES
}
RULES = (
    rule("D", on={"device": "dev", "point": "a"}, on_delay="5s", off_delay="3s"),
    level_rule("LOW", "0.1 m", suppressed_by=["HIGH"]),
    level_rule("HIGH", "0.3 m", on_delay="4s"),
    rule("F", on={"device": "dev"}, when={"point": "b", "is": True, "for": "10s"}),
    rule("X", on={"device": "dev"}, when={"all": [{"alarm": "HIGH"}, {"point": "a", "is": True}]}),
    rule("OTHER", on={"device": "quiet", "point": "b"}),
)


class Past:
    """Frames judged and stored; what the engine said of each rule after each of them."""

    def __init__(self, path: Path) -> None:
        self.path = path / "tele.db"
        self.samples = Samples.open(self.path)
        self.engine = AlarmEngine(bind(RULES, DEVICES))
        self.said: list[tuple[int, dict[tuple[str, str], tuple[AlarmState, Truth]]]] = []

    def at(self, seconds: float) -> Instant:
        return Instant(round(seconds * SECOND), WALL + round(seconds * SECOND))

    def hear(self, seconds: float, of: str = "dev", **values: bool | float | None) -> None:
        layout = LAYOUTS[of]
        row = [values.get(point.name, 0.0 if point.name == "level" else False) for point in layout.points]
        quality = [int(Quality.BAD_COMM) if value is None else 0 for value in row]
        frame = Frame(layout, row, self.at(seconds), quality if any(quality) else None)
        position = self.samples.reserve()
        self.engine.judge(frame, position)
        self.samples.append(position, frame)
        self.note(seconds)

    def note(self, seconds: float) -> None:
        self.engine.tick(self.at(seconds), self.samples.position)
        views = {(one.rule, one.source): (one.state, one.condition) for one in self.engine.rules_view()}
        self.said.append((self.at(seconds).wall_ns, views))


@asynccontextmanager
async def past(path: Path) -> AsyncIterator[Past]:
    made = Past(path)
    yield made
    await made.samples.close()


def back(path: Path, name: str, wall_ns: int, source: str = "dev", starts: tuple[Instant, ...] = ()) -> Hindsight:
    frames = StoredFrames(path / "tele.db")
    try:
        return look_back(bind(needed(RULES, name), DEVICES), (name, source), frames, wall_ns, starts)
    finally:
        frames.close()


@pytest.mark.parametrize("seed", range(4))
async def test_it_is_what_the_engine_said_then(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with past(tmp_path) as then:
        now = 0.0
        for _ in range(300):
            now += chance.choice([0.5, 1, 1, 1, 2, 5, 30])
            then.hear(
                now,
                chance.choice(["dev", "dev", "dev", "quiet"]),
                a=chance.choice([True, True, False, None]),
                b=chance.choice([True, True, True, False]),
                level=chance.choice([0.0, 0.095, 0.2, 0.4, 0.4, None]),
            )
    for wall_ns, views in chance.sample(then.said[150:], 6):
        for name in ("D", "LOW", "HIGH", "F", "X"):
            seen = back(tmp_path, name, wall_ns).explanation
            state, condition = views[name, "dev"]
            assert seen.condition.answer is condition, (name, wall_ns)
            assert (seen.state in ACTIVE) == (state in ACTIVE), (name, wall_ns)
            assert (seen.state in (AlarmState.PENDING, AlarmState.RTN_PENDING)) == (
                state in (AlarmState.PENDING, AlarmState.RTN_PENDING)
            )


async def test_why_it_raised_nothing(tmp_path: Path) -> None:
    async with past(tmp_path) as then:
        for second in range(100):
            then.hear(second, a=second >= 60, level=0.4 if second < 50 else 0.2)
    seen = back(tmp_path, "D", WALL + 63 * SECOND).explanation
    assert seen.state is AlarmState.PENDING
    assert seen.reasons[0].en == "the condition is TRUE; the delay has 2 s to run"
    assert seen.condition.since == Instant(60 * SECOND, WALL + 60 * SECOND)
    seen = back(tmp_path, "X", WALL + 80 * SECOND).explanation
    assert seen.state is AlarmState.NORMAL
    assert [text.en for text in seen.reasons] == [
        "the condition is FALSE",
        "another alarm is active: HIGH dev: not active → FALSE",
    ]
    alarm, point = seen.condition.operands
    assert (alarm.since, point.since) == (then.at(50), then.at(60))
    assert back(tmp_path, "X", WALL + 45 * SECOND).explanation.reasons[1].en.startswith("its state: dev a = false good")


async def test_what_was_due_between_two_frames_has_its_own_moment(tmp_path: Path) -> None:
    async with past(tmp_path) as then:
        then.hear(0)
        then.hear(100, b=True)
    seen = back(tmp_path, "F", WALL + 400 * SECOND).explanation
    assert seen.state is AlarmState.UNACKED and seen.condition.since == then.at(110)
    assert back(tmp_path, "F", WALL + 109 * SECOND).explanation.condition.answer is False


async def test_what_is_said_only_when_it_changes_is_recalled_from_before(tmp_path: Path) -> None:
    async with past(tmp_path) as then:
        then.hear(0, "quiet", b=True)
        then.hear(90_000)
    seen = back(tmp_path, "OTHER", WALL + 90_000 * SECOND, "quiet").explanation
    assert seen.state is AlarmState.UNACKED and seen.condition.inputs[0].age_ns == 90_000 * SECOND


async def test_a_start_of_the_gateway_makes_it_unknown_until_the_next_frame(tmp_path: Path) -> None:
    async with past(tmp_path) as then:
        then.hear(0, a=True)
        then.hear(50, a=True)
    seen = back(tmp_path, "D", WALL + 60 * SECOND, starts=(then.at(40),)).explanation
    assert seen.condition.since == then.at(50)
    late = back(tmp_path, "D", WALL + 60 * SECOND, starts=(then.at(55),)).explanation
    assert late.condition.answer is None and late.state in ACTIVE


async def test_what_is_not_watched_or_not_stored_says_so(tmp_path: Path) -> None:
    async with past(tmp_path) as then:
        then.hear(1000)
    with pytest.raises(NotWatched, match="nothing is stored"):
        back(tmp_path, "D", WALL)
    with pytest.raises(NotWatched, match="no such source"):
        back(tmp_path, "D", WALL + 2000 * SECOND, "nobody")
    assert needed(RULES, "NONE") == []


def test_only_what_its_answer_hangs_on_is_judged() -> None:
    assert [one.rule for one in needed(RULES, "X")] == ["HIGH", "X"]
    assert [one.rule for one in needed(RULES, "LOW/protection_lost")] == ["LOW", "HIGH"]


def test_rules_that_ask_in_a_circle_come_to_an_end() -> None:
    def asking(name: str, other: str) -> Rule:
        return rule(name, on={"device": "dev"}, when={"all": [{"alarm": other}, {"point": "a", "is": True}]})

    assert len(needed([asking("P", "Q"), asking("Q", "P")], "P")) == 2


async def test_an_unknown_source_is_told_with_the_nearest_one(tmp_path: Path) -> None:
    async with past(tmp_path) as then:
        then.hear(1000)
    with pytest.raises(NotWatched, match="there is no such source; did you mean 'dev'"):
        back(tmp_path, "D", WALL + 2000 * SECOND, "dve")
