"""Reading the rules anew: all or nothing, beside the running judgement, which is swapped between two frames.

Reading and binding a large site takes seconds: a thread does it. Only the takeover itself is on the loop.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import anyio.to_thread

from alerts.engine import AlarmEngine
from gateway.api.house import House
from gateway.api.reloaded import Place, Reloaded, ReloadRefused
from gateway.app.control import Answer, ControlError
from gateway.app.figures import Figures
from gateway.app.memory import lay_up_again
from gateway.app.standing import Standing, engine_of, rules_of
from gateway.config.load import SiteConfig, load_site
from gateway.config.problems import ConfigErrors, Problem
from gateway.config.restart_needed import after_restart, restart_needed
from gateway.model import Instant, Judgement
from gateway.pipeline import Pipeline
from gateway.store.errors import StoreError

log = logging.getLogger("anlou.reload")

JOURNALLED_PROBLEMS = 5
JOURNALLED_NAMES = 50
WAIT_SECONDS = 5.0
"""Of host time for one answer of the control socket; who waits longer comes again with the ticket."""
MOST_TICKETS = 16
MOST_BYTES = 48 * 1024


@dataclass(slots=True)
class _Wish:
    """A reload that somebody asked for. `check`: only read, and say what would be different."""

    by: str
    check: bool = False
    outcome: Reloaded | ReloadRefused | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Reloading:
    """One reload after the other; `run` must run for any of them to happen. A caller that leaves cuts none short."""

    def __init__(self, standing: Standing, pipeline: Pipeline, figures: Figures) -> None:
        self._standing = standing
        self._pipeline = pipeline
        self._figures = figures
        self._house: House | None = None
        self._wishes: asyncio.Queue[_Wish] = asyncio.Queue()
        self._tickets: dict[int, _Wish] = {}
        self._numbers = itertools.count(1)

    def shown_by(self, house: House) -> None:
        """The API's view follows."""
        self._house = house

    @property
    def commands(self) -> dict[str, Answer]:
        """What the control socket answers."""
        return {"reload": self.asked, "reload.answer": self.answered}

    async def run(self) -> NoReturn:
        """Carry out what is asked for, until cancelled. A store that fails ends it, as it ends everything."""
        while True:
            wish = await self._wishes.get()
            try:
                wish.outcome = await self._carry_out(wish)
            except ReloadRefused as refused:
                wish.outcome = refused
            except StoreError:
                raise
            except Exception:
                # the former engine judges on: a mistake of ours here must not take the judgement with it
                log.exception("the reload failed; the rules of before go on")
                wish.outcome = ReloadRefused([Place("", 0, 0, "the reload failed; the gateway's log says how")])
                self._figures.reload_refused = True
            finally:
                wish.done.set()

    def request(self, by: str) -> None:
        """Reload; whoever wants to know how it ended reads the journal."""
        self._wishes.put_nowait(_Wish(by))

    async def reload(self, by: str) -> Reloaded:
        """Reload, and say what is different; ReloadRefused with everything that is wrong."""
        wish = _Wish(by)
        self._wishes.put_nowait(wish)
        await wish.done.wait()
        if isinstance(wish.outcome, Reloaded):
            return wish.outcome
        raise wish.outcome or ReloadRefused(())

    async def _carry_out(self, wish: _Wish) -> Reloaded:
        standing = self._standing
        try:
            config, engine, told = await anyio.to_thread.run_sync(_prepared, standing.config, abandon_on_cancel=True)
        except ConfigErrors as errors:
            if not wish.check:
                await self._refuse(wish.by, errors.problems)
            raise ReloadRefused([Place(*problem) for problem in errors.problems]) from None
        if wish.check:
            return told

        def succeed(now: Instant, position: int) -> Judgement:
            judgement = engine.succeed(standing.engine, now, position, wish.by, _row(told))
            standing.config, standing.engine = config, engine
            if self._house is not None:
                self._house.rules, self._house.unbound = rules_of(config), config.unbound
            return judgement

        await self._pipeline.swap(engine, succeed)
        self._figures.reload_refused = False
        log.info("reloaded for %s: %d rules added, %d removed, %d changed", wish.by, *map(len, _names(told)))
        for warning in told.warnings:
            log.warning("%s", warning)
        lay_up_again()
        return told

    async def _refuse(self, by: str, problems: Sequence[Problem]) -> None:
        self._figures.reload_refused = True
        first = [str(problem) for problem in problems[:JOURNALLED_PROBLEMS]]
        for problem in problems:
            log.error("%s", problem)
        log.error("the reload is refused; the rules of before go on")
        await self._pipeline.note("reload_refused", by, {"count": len(problems), "problems": first})

    # --- the control socket

    async def asked(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """`check: true` only says what would be different."""
        self._forget()
        if len(self._tickets) >= MOST_TICKETS:
            raise ControlError("too many reloads are waiting already")
        wish = _Wish("control", check=request.get("check") is True)
        number = next(self._numbers)
        self._tickets[number] = wish
        self._wishes.put_nowait(wish)
        return await self._reply(number, wish)

    async def answered(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """What became of it."""
        number = request.get("ticket")
        wish = self._tickets.get(number) if isinstance(number, int) else None
        if wish is None or number is None:
            raise ControlError("ticket = the number of a reload whose end nobody has fetched yet")
        return await self._reply(number, wish)

    async def _reply(self, number: int, wish: _Wish) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await wish.done.wait()
        except TimeoutError:
            return {"ticket": number}
        self._tickets.pop(number, None)
        if isinstance(wish.outcome, Reloaded):
            return {"reloaded": _that_fit(wish.outcome)}
        places = wish.outcome.places if wish.outcome is not None else ()
        kept = _first_bytes([str(Problem(*place)) for place in places])
        return {"refused": kept, "left_out": len(places) - len(kept)}

    def _forget(self) -> None:
        for number in [number for number, wish in self._tickets.items() if wish.done.is_set()]:
            if len(self._tickets) >= MOST_TICKETS:
                del self._tickets[number]


def _prepared(running: SiteConfig) -> tuple[SiteConfig, AlarmEngine, Reloaded]:
    """Everything but the takeover, for a thread. ConfigErrors when the files are wrong or ask for more than rules."""
    config = load_site(running.path, running.ports)
    if problems := restart_needed(running, config):
        raise ConfigErrors(problems)
    return config, engine_of(config), difference(running, config)


def difference(running: SiteConfig, wanted: SiteConfig) -> Reloaded:
    """What of the rules is different."""
    before, after = ({rule.rule: rule for rule in of.rules} for of in (running, wanted))
    return Reloaded(
        was=running.digest,
        digest=wanted.digest,
        added=[name for name in after if name not in before],
        removed=[name for name in before if name not in after],
        changed=[name for name, rule in after.items() if name in before and before[name] != rule],
        warnings=[*map(str, wanted.warnings), *after_restart(running, wanted)],
    )


def _names(told: Reloaded) -> tuple[Sequence[str], ...]:
    return told.added, told.removed, told.changed


def _row(told: Reloaded) -> dict[str, Any]:
    """The body of the journal's row: numbers, and as many names as a row should hold."""
    body: dict[str, Any] = {"was": told.was, "config": told.digest}
    for what, names in zip(("added", "removed", "changed"), _names(told), strict=True):
        body[what] = len(names)
        body[f"{what}_rules"] = list(names[:JOURNALLED_NAMES])
    return body


def _that_fit(told: Reloaded) -> dict[str, Any]:
    """Within the one line that the socket answers: names are short, and warnings come last."""
    body = told.body()
    for what in ("added", "removed", "changed"):
        body[f"{what}_count"], body[what] = len(body[what]), body[what][:JOURNALLED_NAMES]
    body["warnings"] = _first_bytes(body["warnings"])
    return body


def _first_bytes(lines: Sequence[str]) -> list[str]:
    sizes = itertools.accumulate(len(line.encode()) for line in lines)
    return [line for line, size in zip(lines, sizes, strict=True) if size <= MOST_BYTES]
