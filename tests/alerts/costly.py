"""A stage whose conditions take as much of the machine as a test says, by a scripted meter."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from alerts.bound import Bound
from alerts.budget import Meter
from alerts.condition.columns import Columns, Reading
from alerts.condition.logic import Blind
from alerts.condition.node import Node
from gateway.model import Truth
from tests.alerts.stage import Stage

MS = 10**6


class CostlyStage(Stage):
    """`costs`: rule (`rule?` for its `suppress_when`) → ms of CPU of each evaluation; `starved_ms` passes beside."""

    def __init__(self, *rules: Any, **options: Any) -> None:
        self.costs: dict[str, float] = {}
        self.starved_ms = 0.0
        self.asked: Counter[str] = Counter()
        self.looks: Counter[str] = Counter()
        self._cpu = self._elapsed = 0
        options.setdefault("meter", Meter(elapsed=self._look_at_elapsed, cpu=self._look_at_cpu))
        super().__init__(*rules, **options)

    def _look_at_elapsed(self) -> int:
        self.looks["elapsed"] += 1
        return self._elapsed

    def _look_at_cpu(self) -> int:
        self.looks["cpu"] += 1
        return self._cpu

    def spend(self, name: str) -> None:
        self.asked[name] += 1
        took = round(self.costs.get(name, 0) * MS)
        self._cpu += took
        self._elapsed += took + round(self.starved_ms * MS)

    def bound(self) -> Bound:
        bound = super().bound()
        made: dict[tuple[str, str], Costly] = {}
        instances = []
        for each in bound.instances:
            if isinstance(each.condition, Blind) and each.companion_of is not None:
                each.condition.guarded = made[each.companion_of]
                instances.append(each)
                continue
            own: Any = each.condition
            hush: Any = each.hush
            node = made[each.rule.rule, each.source] = Costly(own, self, each.rule.rule)
            quiet = None if hush is None else Costly(hush, self, f"{each.rule.rule}?")
            instances.append(replace(each, condition=node, hush=quiet))
        return replace(bound, instances=tuple(instances))

    def every(self, seconds: float, times: int, **values: Any) -> CostlyStage:
        """So many frames, each so much later."""
        begin = self.now_ns / 1e9
        for number in range(times):
            self.at(begin + (number + 1) * seconds).set(**values)
        return self

    def faults(self) -> dict[str, str]:
        return {rule: why.en for rule, why in self.engine.faulty_rules.items()}

    def errors(self, name: str = "R") -> list[str]:
        return [e.body["error"] for e in self.events if e.kind == "rule_error" and e.body["rule"] == name]


class Costly(Node):
    """Another condition, at a price."""

    __slots__ = ("_inner", "_name", "_stage")

    def __init__(self, inner: Node, stage: CostlyStage, name: str) -> None:
        super().__init__(inner.slots, inner.alarms)
        self.needs, self.on_label = inner.needs, inner.on_label
        self._inner, self._stage, self._name = inner, stage, name

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        self._stage.spend(self._name)
        truth = self._inner.judge(columns, now_ns)
        self.severity = self._inner.severity
        return truth

    def inside(self) -> tuple[Node, ...]:
        return (self._inner,)

    def next_due(self) -> int | None:
        return self._inner.next_due()

    def snapshot(self) -> Any:
        return self._inner.snapshot()

    def restore(self, state: Any) -> None:
        self._inner.restore(state)

    def reading(self, columns: Columns) -> Reading:
        return self._inner.reading(columns)
