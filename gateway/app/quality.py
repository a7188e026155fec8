"""Alarm quality of the journal: any span when it is asked for, the last day now and then for /metrics."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from alerts.kpi import Norms, deliveries, kpis
from alerts.rule import Rule
from alerts.tally import Tally
from gateway.api.metrics import Family, single
from gateway.clock import Clock
from gateway.model import SECOND, Severity
from gateway.store.reader import Reader

DAY_NS = 86_400 * SECOND
EVERY_NS = 300 * SECOND
MOST_ROWS = 100_000


class Quality:
    """Reads the journal in whole spans; `rules` are asked anew each time, so a reload is followed."""

    def __init__(self, reader: Reader, clock: Clock, rules: Callable[[], Mapping[str, Rule]]) -> None:
        self._reader = reader
        self._clock = clock
        self._rules = rules
        self._day: Mapping[str, Any] | None = None

    def kpi(self, begin_ns: int, end_ns: int) -> dict[str, Any]:
        """All figures of [begin, end) in UTC ns, as far as it has been. Blocks: call it in a worker thread."""
        end_ns = max(begin_ns, min(end_ns, self._clock.now().wall_ns + 1))  # nothing has lasted longer yet
        tally = Tally(begin_ns, end_ns)
        known = self._reader.open_within(begin_ns, end_ns)
        tally.know(known)
        for one in known:
            if one.raised_ns < begin_ns:
                tally.recall(self._reader.events(occurrence=one.occurrence, limit=MOST_ROWS))
        for event in self._reader.span(begin_ns, end_ns):
            tally.take(event)
        muted = Counter(
            kind for one in self._reader.open_within(end_ns - 1, end_ns) for kind in {mute.kind for mute in one.mutes}
        )
        return {
            **kpis(tally, norms(self._rules())),
            "muted_now": dict(sorted(muted.items())),
            "delivery": deliveries(self._reader.deliveries(begin_ns, end_ns)),
        }

    async def run(self) -> NoReturn:
        """Each five minutes of building time: the last day, for /metrics."""
        while True:
            now = self._clock.now()
            self._day = await asyncio.to_thread(self.kpi, now.wall_ns - DAY_NS, now.wall_ns)
            await self._clock.sleep_until(now.mono_ns + EVERY_NS)

    def families(self) -> Iterator[Family]:
        """The last day's figures as of the last look; nothing before the first."""
        day = self._day
        if day is None:
            return
        rate, floods = day["rate"], day["floods"]
        if rate["per_10min"] is not None:
            yield single("anlou_alarms_per_10min", "gauge", "Ringings in 10 min, a day's average.", rate["per_10min"])
        yield single("anlou_alarms_peak_10min", "gauge", "The most in 10 min of the last day.", rate["peak_10min"])
        yield single("anlou_alarm_floods", "gauge", "Floods of the last day.", floods["count"])
        yield single("anlou_alarm_flood_seconds", "gauge", "Time in floods, of the last day.", floods["seconds"])
        yield single("anlou_alarms_stale", "gauge", "Active for more than a day.", day["stale"]["count"])
        count = day["chattering"]["count"]
        yield single("anlou_alarms_chattering", "gauge", "Active 3 times in a minute, in the last day.", count)
        yield single("anlou_alarms_fleeting", "gauge", "Over within 10 s, in the last day.", day["fleeting"]["count"])
        waiting = day["unacked_returned"]["count"]
        yield single("anlou_alarms_unacked_returned", "gauge", "Over, and nobody has answered.", waiting)
        hours = day["protection_lost"]["hours"]
        help_text = "Hours in which life-safety rules could not be relied on, in the last day."
        yield single("anlou_protection_lost_hours", "gauge", help_text, hours)
        raised = [({"severity": word}, float(number)) for word, number in day["priorities"].items()]
        yield Family("anlou_alarms_raised", "gauge", "Occurrences raised in the last day.", raised)
        answered = [
            ({"severity": word}, found["p95_s"])
            for word, found in day["time_to_ack"].items()
            if found["p95_s"] is not None
        ]
        yield Family("anlou_alarm_ack_p95_seconds", "gauge", "Time to the answer, of the last day.", answered)


def norms(rules: Mapping[str, Rule]) -> Norms:
    """What the figures need of the rules; of one that is gone nothing is known."""

    def respond(name: str) -> int | None:
        rule = rules.get(name)
        guidance = None if rule is None or rule.severity is Severity.JOURNAL else rule.guidance
        return None if guidance is None else guidance.time_to_respond

    return Norms(
        on_delay_ns=lambda name: rules[name].on_delay if name in rules else 0,
        respond_ns=respond,
        class_of=lambda name: rules[name].class_ if name in rules else None,
    )
