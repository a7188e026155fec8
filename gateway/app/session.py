"""One process's life around the rooms: event loop, signals, opening, living, closing, exit code."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway.api.server import BindRefused
from gateway.app.house import Rooms, open_rooms
from gateway.app.life import live
from gateway.app.memory import laying_up
from gateway.app.shutdown import Teardown
from gateway.app.simulation import EpochError
from gateway.config.load import SiteConfig
from gateway.store.errors import StoreError

try:
    import uvloop
except ImportError:  # there is none for this platform; asyncio's own loop does the same, slower
    uvloop = None  # type: ignore[assignment]

EXIT_USAGE = 2
EXIT_PORT = 69  # EX_UNAVAILABLE
EXIT_CORE = 70  # EX_SOFTWARE
EXIT_STORE = 73  # EX_CANTCREAT
EXIT_REFUSED = 77  # EX_NOPERM

log = logging.getLogger("anlou.app")


def run_loop(main: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    """Run `main(stop)` on uvloop where there is one; SIGINT and SIGTERM set `stop`, a second one ends it at once."""

    async def with_signals() -> int:
        stop = asyncio.Event()

        def signalled() -> None:
            if stop.is_set():
                os._exit(130)  # the journal is durable at every moment; who asks twice means it
            stop.set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, signalled)
        return await main(stop)

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(with_signals())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    return uvloop.new_event_loop if uvloop is not None else None


async def live_once(
    config: SiteConfig,
    folder: Path,
    *,
    host: str,
    port: int,
    stop: asyncio.Event,
    rate: float = 1.0,
    ready: Callable[[str], None],
    opened: Callable[[Rooms], Awaitable[None]] | None = None,
) -> int:
    """Open, live until `stop`, close. `opened` runs before anything lives; the exit code says how it ended."""
    teardown = Teardown()
    try:
        with laying_up():
            rooms = await open_rooms(config, folder, rate, teardown)
            if opened is not None:
                await opened(rooms)
        await live(rooms, host, port, ready, stop)
    except EpochError as problem:
        return _complain(str(problem), EXIT_USAGE)
    except StoreError as problem:
        return _complain(str(problem), EXIT_STORE)
    except OSError as problem:
        return _complain(f"cannot listen on {host}:{port}: {_reason(problem)}", EXIT_PORT)
    except BaseExceptionGroup as group:
        return _core_failed(group, host, port)
    finally:
        failed = await teardown.run()
        if failed:
            log.error("closed with failures: %s", ", ".join(failed))
    return 0


def _core_failed(group: BaseExceptionGroup[BaseException], host: str, port: int) -> int:
    if stores := group.subgroup(StoreError):
        return _complain(str(_first(stores)), EXIT_STORE)
    if refused := group.subgroup(BindRefused):
        return _complain(str(_first(refused)), EXIT_REFUSED)
    if busy := group.subgroup(OSError):
        return _complain(f"cannot listen on {host}:{port}: {_reason(_first(busy))}", EXIT_PORT)
    log.critical("the core failed; the service manager starts it again", exc_info=group)
    return EXIT_CORE


def _reason(problem: BaseException) -> str:
    """Without the number that only programmers read."""
    return (problem.strerror if isinstance(problem, OSError) else None) or str(problem)


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def _complain(sentence: str, code: int) -> int:
    sys.stderr.write(f"anlou: {sentence}\n")
    return code
