"""The base of every compiled condition: no state, no severity, no timer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from alerts.condition.columns import Columns, Reading
from gateway.model import Severity, Truth


class Node(ABC):
    """A compiled condition (protocol `Condition`). `tick` is `judge`: a sample is recognised by its time, once.

    `needs` are the slots without which the condition is blind; a question about quality needs none. `on_label`: it
    reads the UTC label of building time, and is asked again when that steps.
    """

    __slots__ = ("alarms", "needs", "on_label", "severity", "slots")

    def __init__(self, slots: frozenset[int] = frozenset(), alarms: frozenset[tuple[str, str]] = frozenset()) -> None:
        self.slots = slots
        self.needs = slots
        self.alarms = alarms
        self.on_label = False
        self.severity: Severity | None = None

    def inside(self) -> tuple[Node, ...]:
        """The conditions that it is made of."""
        return ()

    @abstractmethod
    def judge(self, columns: Columns, now_ns: int) -> Truth: ...

    def tick(self, columns: Columns, now_ns: int) -> Truth:
        return self.judge(columns, now_ns)

    def alone(self, columns: Columns) -> Truth:
        return None

    def next_due(self) -> int | None:
        return None

    def snapshot(self) -> Any:
        return None

    def restore(self, state: Any) -> None:  # noqa: B027 - most conditions keep nothing
        """Nothing to take over."""

    def reading(self, columns: Columns) -> Reading:
        return Reading()
