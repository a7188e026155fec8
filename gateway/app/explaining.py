"""Why: of an occurrence as it stands, of a closed one when it was raised, and of a rule at any time it is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import anyio
import anyio.to_thread

from alerts.explain import explain
from alerts.notify.body import rfc3339, text_body
from gateway.api.explained import NotExplained
from gateway.app.control import ControlError
from gateway.app.explained import explanation_body, life_told, rule_body, unexplained
from gateway.app.moments import meant, parse
from gateway.app.standing import Standing, rules_of
from gateway.clock import Clock
from gateway.config.load import SiteConfig
from gateway.model import Occurrence
from gateway.near import hint
from gateway.rehearsal.hindsight import LONGEST_NS, NotWatched, look_back, needed
from gateway.rehearsal.rebinding import Rebinding
from gateway.rehearsal.stored import StoredFrames
from gateway.store.reader import Reader

ANSWER_SECONDS = 9.0
"""Of host time for the control socket; the API has its own deadline."""
MOST_BYTES = 60 * 1024
MOST_ROWS = 200
"""Of the journal in one explanation: the first is there, and the newest."""


class Explaining:
    """Asks the running engine where it can, and stored frames where it is too late for that; one of these at a time."""

    def __init__(self, standing: Standing, reader: Reader, folder: Path, clock: Clock) -> None:
        self._standing = standing
        self._reader = reader
        self._folder = folder
        self._clock = clock
        self._limiter = anyio.CapacityLimiter(1)

    async def occurrence(self, occurrence: str) -> dict[str, Any] | None:
        """An open one as it is now, a closed one as it was when it was raised; None when there is none."""
        found = await anyio.to_thread.run_sync(self._reader.occurrence, occurrence, abandon_on_cancel=True)
        if found is None:
            return None
        config, now = self._standing.config, self._clock.now()
        said: dict[str, Any] | None = None
        if found.closed_ns is None and (life := self._standing.engine.occurrence(occurrence)) is not None:
            live, columns = self._standing.engine.at_work(life.rule, life.source)
            told = explanation_body(explain(live, columns, now), ZoneInfo(config.site.timezone))
            said = {**_about(config, life.rule, life.source), "at": rfc3339(now.wall_ns), "judged": "live", **told}
        return await anyio.to_thread.run_sync(
            of_occurrence,
            config,
            self._reader,
            self._folder,
            found,
            said,
            limiter=self._limiter,
            abandon_on_cancel=True,
        )

    async def rule(self, rule: str, source: str, at_wall_ns: int | None) -> dict[str, Any]:
        """A rule on a source at that time, or now. NotExplained when it does not watch it, or nothing is stored."""
        config, now = self._standing.config, self._clock.now()
        if at_wall_ns is None:
            try:
                live, columns = self._standing.engine.at_work(rule, source)
            except KeyError:
                pass
            else:
                told = explanation_body(explain(live, columns, now), ZoneInfo(config.site.timezone))
                return {**_about(config, rule, source), "at": rfc3339(now.wall_ns), "judged": "live", **told}
        elif at_wall_ns > now.wall_ns:
            raise NotExplained("that time has not come yet")
        try:
            return await anyio.to_thread.run_sync(
                of_rule,
                config,
                self._reader,
                self._folder,
                (rule, source),
                now.wall_ns if at_wall_ns is None else at_wall_ns,
                limiter=self._limiter,
                abandon_on_cancel=True,
            )
        except NotWatched as refused:
            raise NotExplained(str(refused)) from None

    async def answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The control socket's `explain`: an occurrence, or rule and source with `at` (ISO 8601; null: now).

        `asked` says how a time without a zone was understood.
        """
        try:
            with anyio.fail_after(ANSWER_SECONDS):
                match request:
                    case {"occurrence": str(occurrence)}:
                        found = await self.occurrence(occurrence)
                        if found is None:
                            raise ControlError("there is no such alarm")
                        return {"explained": _that_fits(found)}
                    case {"rule": str(rule), "source": str(source), "at": str() | None as at}:
                        then = None if at is None else meant(parse(at), ZoneInfo(self._standing.config.site.timezone))
                        told = await self.rule(rule, source, None if then is None else then.wall_ns)
                        asked = None if then is None or then.said is None else text_body(then.said)
                        return {"explained": _that_fits(told), "asked": asked}
        except (NotExplained, ValueError) as refused:
            raise ControlError(str(refused)) from None
        except TimeoutError:
            raise ControlError("that takes too long here; with --site FILE it is read beside the gateway") from None
        raise ControlError("occurrence, or rule, source and at (a time or null), are expected")


def _that_fits(body: dict[str, Any]) -> dict[str, Any]:
    """Within the one line that the socket answers: of what happened the newest, and the first."""
    while len(json.dumps(body, ensure_ascii=False).encode()) > MOST_BYTES:
        rows, notices = body["transitions"], body["notices"]
        if len(rows) < 3 and len(notices) < 2:
            raise ControlError("that is too much for one answer; with --site FILE it is read beside the gateway")
        kept = [*rows[:1], *rows[1 + len(rows) // 2 :]]
        body = {
            **body,
            "transitions": kept,
            "notices": notices[len(notices) // 2 :],
            "left_out": body["left_out"] + len(rows) - len(kept),
        }
    return body


def of_occurrence(
    config: SiteConfig, reader: Reader, folder: Path, found: Occurrence, said: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The whole body of an occurrence. `said`: how it stands, where an engine was asked. Blocks."""
    if said is None:
        try:
            said = of_rule(config, reader, folder, (found.rule, found.source), found.raised_ns)
        except NotWatched as refused:
            said = {**_about(config, found.rule, found.source), "at": rfc3339(found.raised_ns), "judged": "stored"}
            said |= unexplained(str(refused))
    events = reader.events(occurrence=found.occurrence, limit=100_000)
    kept = events if len(events) <= MOST_ROWS else [events[0], *events[1 - MOST_ROWS :]]
    life = life_told(found, kept, reader.notices(found.occurrence)[-MOST_ROWS:])
    return {**said, **life, "left_out": len(events) - len(kept)}


def of_rule(config: SiteConfig, reader: Reader, folder: Path, key: tuple[str, str], at_wall_ns: int) -> dict[str, Any]:
    """A rule on a source at a time, from stored frames. NotWatched. Blocks."""
    few = needed(config.rules, key[0])
    if not few:
        raise NotWatched(f"there is no rule {key[0]!r}{hint(key[0], rules_of(config))}")
    frames = StoredFrames(folder / "tele.db")
    try:
        bound = Rebinding.of(config, few).bound()
        starts = reader.starts(at_wall_ns - LONGEST_NS, at_wall_ns)
        seen = look_back(bound, key, frames, at_wall_ns, starts)
    finally:
        frames.close()
    return {
        **_about(config, *key),
        "at": rfc3339(seen.explanation.at.wall_ns),
        "judged": "stored",
        **explanation_body(seen.explanation, ZoneInfo(config.site.timezone)),
        "judged_from": rfc3339(seen.began.wall_ns),
        "frames": seen.frames,
        "damaged": seen.damaged,
    }


def _about(config: SiteConfig, rule: str, source: str) -> dict[str, Any]:
    """Which alarm, with its rule as it is written; what only stored frames have is null."""
    known = rules_of(config).get(rule)
    return {
        "rule": rule,
        "source": source,
        "written": None if known is None else rule_body(known),
        "judged_from": None,
        "frames": None,
        "damaged": 0,
        "alarm": None,
        "transitions": [],
        "notices": [],
        "left_out": 0,
    }
