"""What judges now: a reload replaces the configuration and its engine in one step, and everybody asks here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alerts.annunciate.memory import Memory
from alerts.annunciate.view import view
from alerts.budget import Meter
from alerts.engine import AlarmEngine
from alerts.notify.body import truth_body
from alerts.rule import Rule
from gateway.clock import host_cpu_ns, host_mono_ns
from gateway.config.load import SiteConfig
from gateway.model import Instant, Occurrence, Severity, Silence


def engine_of(config: SiteConfig, next_seq: int = 1) -> AlarmEngine:
    """The engine of a configuration, before it has seen anything."""
    return AlarmEngine(config.bound, next_seq=next_seq, meter=Meter(elapsed=host_mono_ns, cpu=host_cpu_ns))


def rules_of(config: SiteConfig) -> dict[str, Rule]:
    """The site's rules, and those that say that one of them cannot be relied on."""
    bound = {instance.rule.rule: instance.rule for instance in config.bound.instances}
    return bound | {rule.rule: rule for rule in config.rules}


@dataclass(slots=True)
class Standing:
    """The configuration in force and the engine that judges by it."""

    config: SiteConfig
    engine: AlarmEngine

    def rules(self) -> dict[str, Rule]:
        return rules_of(self.config)

    def open_occurrences(self) -> list[Occurrence]:
        """All open alarms as they are judged now."""
        return self.engine.open_occurrences()

    def annunciation(self) -> dict[str, Any]:
        """What becomes of notices, for the API."""
        annunciator = self.engine.annunciator
        return view(Memory(), Instant(0, 0)) if annunciator is None else annunciator.view()

    def longest_ns(self, severity: Severity) -> int:
        """How old a notice may grow that no channel takes; 0: it has no end."""
        plan = self.config.bound.annunciation
        return 0 if plan is None else plan.longest_ns(severity)

    def silences(self) -> list[Silence]:
        """Those that last, oldest first."""
        return self.engine.silences()

    def rules_view(self) -> list[dict[str, Any]]:
        """Every rule on its sources as it stands, for the API."""
        return [
            {
                "rule": view.rule,
                "source": view.source,
                "state": view.state.value,
                "condition": truth_body(view.condition),
                "mutes": [mute.kind for mute in view.mutes],
                "fleeting": view.fleeting,
                "occurrence": view.occurrence,
                "fault": view.fault,
            }
            for view in self.engine.rules_view()
        ]
