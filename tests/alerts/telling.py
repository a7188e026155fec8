"""Operands that say what a timeline tells them, second by second, for oracles that look at the whole of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

from hypothesis import strategies as st

from alerts.condition.columns import Columns
from alerts.condition.node import Node
from gateway.model import SECOND, Quality, Truth

OUTAGE_S = 7
Kind = TypeVar("Kind", bound=Node)


class Says(Node):
    """An operand that answers what it is told; a slot of its own tells whether it is BAD."""

    def __init__(self, slot: int) -> None:
        super().__init__(frozenset({slot}))
        self.truth: Truth = None

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        return self.truth

    def alone(self, columns: Columns) -> Truth:
        return self.truth


Word = bool | str | None
"""TRUE, FALSE, UNKNOWN, or `bad`: UNKNOWN because its sample is BAD."""
Line = list[Word]
Story = tuple[list[Line], set[int]]
"""What each operand says at each second, and the seconds at which the gateway starts again."""


def stories(operands: int, words: tuple[Word, ...] = (True, True, False, False, None)) -> st.SearchStrategy[Story]:
    """Stretches of one answer each; after a restart nothing is known until something is said."""
    stretch = st.tuples(st.sampled_from(words), st.integers(1, 6))

    def told(stretches: list[tuple[Word, int]]) -> Line:
        return [word for word, length in stretches for _ in range(length)]

    def whole(drawn: tuple[list[Line], set[int], list[int]]) -> Story:
        lines, restarts, deaf = drawn
        length = min(map(len, lines))
        lines = [list(line[:length]) for line in lines]
        restarts = {at for at in restarts if at < length}
        for at in restarts:
            for line, seconds in zip(lines, deaf, strict=False):
                line[at : at + seconds] = [None] * len(line[at : at + seconds])
        return lines, restarts

    line = st.lists(stretch, min_size=2, max_size=14).map(told)
    return st.tuples(
        st.lists(line, min_size=operands, max_size=operands),
        st.sets(st.integers(1, 40), max_size=2),
        st.lists(st.integers(1, 4), min_size=operands, max_size=operands),
    ).map(whole)


def real(story: Story, second: int) -> int:
    """Seconds of the world: building time leaves each outage out."""
    return second + OUTAGE_S * sum(at <= second for at in story[1])


def truth(word: Word) -> Truth:
    return None if isinstance(word, str) else word


def play(make: Callable[[list[Node]], Kind], story: Story, *, reborn: bool = False) -> tuple[list[Truth], Kind]:
    """Its answer at each second. `reborn`: a restart is a fresh node restored from JSON."""
    lines, restarts = story
    columns = Columns()
    says = [Says(columns.slot("d", f"p{index}")) for index in range(len(lines))]
    node = make(list(says))
    answers = []
    for second in range(len(lines[0])):
        now = second * SECOND
        if second in restarts:
            if reborn:
                state = json.loads(json.dumps(node.snapshot()))
                node = make(list(says))
                node.restore(state)
            columns.forget(OUTAGE_S * SECOND)
        for slot, (operand, line) in enumerate(zip(says, lines, strict=True)):
            operand.truth = truth(line[second])
            if line[second] == "bad":
                columns.put(slot, None, Quality.BAD_COMM, now)
            elif operand.truth is not None:
                columns.put(slot, operand.truth, Quality.GOOD, now)
            elif columns.quality[slot] == Quality.BAD_COMM:
                columns.quality[slot] = -1
        due = node.next_due()
        changed = second == 0 or second in restarts or any(line[second] != line[second - 1] for line in lines)
        if not changed and (due is None or due > now):
            # as the engine: nobody looks, so the answer must still be the last one
            answers.append(answers[-1])
            continue
        answers.append(node.judge(columns, now))
        assert node.judge(columns, now) is answers[-1]
    return answers, node
