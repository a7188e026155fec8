"""The gateway's engine measures by the host's own clocks: what really takes the processor is set aside."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from alerts.bind import bind
from alerts.budget import ALLOWED_NS, IN_A_ROW
from alerts.condition.columns import Columns
from alerts.condition.node import Node
from gateway.app.standing import engine_of
from gateway.clock import host_cpu_ns, host_mono_ns
from gateway.model import SECOND, Frame, Instant, Layout, Truth
from tests.alerts.stage import POINTS, device, rule


class Busy(Node):
    """It takes a little more than is allowed."""

    __slots__ = ()

    def judge(self, columns: Columns, now_ns: int) -> Truth:
        began = host_cpu_ns()
        while host_cpu_ns() - began <= ALLOWED_NS:
            pass
        return False


def test_the_engine_of_a_site_has_the_hosts_meter() -> None:
    config: Any = SimpleNamespace(bound=bind([rule("R"), rule("Q")], [device()]))
    engine = engine_of(config)
    live, _ = engine.at_work("R", "dev")
    live.condition = Busy(live.condition.slots)
    layout = Layout("dev", POINTS[:1])
    for second in range(IN_A_ROW + 2):
        engine.judge(Frame(layout, [False], Instant(second * SECOND, second * SECOND)), second + 1)
    assert [*engine.faulty_rules] == ["R"] and "of CPU where 50 are allowed" in engine.faulty_rules["R"].en


def test_what_a_thread_has_had_of_a_processor_is_never_more_than_what_has_passed() -> None:
    passed, had = host_mono_ns(), host_cpu_ns()
    sum(range(100_000))
    had, passed = host_cpu_ns() - had, host_mono_ns() - passed
    assert 0 < had <= passed
