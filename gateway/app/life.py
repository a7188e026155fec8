"""Lets an opened site live until it is told to stop: one TaskGroup for the core, a supervised loop per link."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from gateway.api.app import create_app
from gateway.api.server import serve
from gateway.app import control, systemd
from gateway.app.doctor import examined
from gateway.app.house import Rooms
from gateway.app.shutdown import STEP_SECONDS
from gateway.app.starts import unclean_starts
from gateway.bus import HealthChanged
from gateway.clock import host_mono_ns
from gateway.model import SECOND, Frame, Health
from gateway.supervise import supervise

log = logging.getLogger("anlou.app")

HEALTH_EVERY_NS = SECOND
STATUS_EVERY_NS = 10 * SECOND


async def live(rooms: Rooms, host: str, port: int, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Run until `stop` is set. A failure of the core (store, engine, API) comes out as an ExceptionGroup.

    SIGHUP is a wish for a reload, unless the process was left to end by it (a terminal that closes). `ready` gets the
    address once the API answers; the service manager is told at the same moment.
    """

    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, rooms.reloading.request, "signal")

    def is_ready(address: str) -> None:
        ready(address)
        systemd.notify("READY=1")

    await rooms.access.begin()
    if not rooms.access.has_tokens():
        wanted = "anlou token create --role operator --name NAME --data"
        log.warning("nobody can ask the API before there is a token: %s %s", wanted, rooms.folder)
    rooms.figures.unclean_starts_ns = await asyncio.to_thread(unclean_starts, rooms.reader, rooms.clock.now())
    await rooms.pipeline.note("start", body={"version": rooms.house.version, "config": rooms.config.digest})
    async with asyncio.TaskGroup() as core:
        living = [core.create_task(work, name=name) for name, work in _core(rooms).items()]
        for driver in rooms.drivers:
            # a sick link may not reach its neighbours; a failed store is everybody's
            reading = supervise(f"link {driver.link}", partial(driver.run, rooms.emit), rooms.clock)
            living.append(core.create_task(reading, name=f"link {driver.link}"))
        if rooms.historian is not None:
            sending = supervise("historian", rooms.historian.run, rooms.clock)
            living.append(core.create_task(sending, name="historian"))
        judging_quality = supervise("alarm quality", rooms.quality.run, rooms.clock)
        living.append(core.create_task(judging_quality, name="alarm quality"))
        probing = supervise("probing", rooms.probing.run, rooms.clock)
        living.append(core.create_task(probing, name="probing"))
        reloading = core.create_task(rooms.reloading.run(), name="reload")
        living.append(reloading)
        app = create_app(rooms.house)
        answering = core.create_task(serve(app, host, port, rooms.config.api, is_ready, stop), name="api")
        commands: dict[str, control.Answer] = {
            "token": rooms.access.answer,
            "doctor": partial(examined, rooms),
            **rooms.probing.commands,
            **rooms.reloading.commands,
            "explain": rooms.explaining.answer,
        }
        asking = core.create_task(control.serve(rooms.folder, commands, stop), name="control")
        await stop.wait()
        systemd.notify("STOPPING=1")
        for task in living:
            task.cancel()
        await asyncio.wait([answering, asking])
    await _note_stop(rooms)


async def _note_stop(rooms: Rooms) -> None:
    """The mark of an orderly end. A store that is held or full must not keep the process from ending."""
    try:
        async with asyncio.timeout(STEP_SECONDS):
            await rooms.pipeline.note("stop")
    except TimeoutError:
        log.error("the end is not journalled: alarm.db does not answer")


def _core(rooms: Rooms) -> dict[str, Coroutine[Any, Any, object]]:
    loops: dict[str, Coroutine[Any, Any, object]] = {
        "ticks": rooms.pipeline.run_ticks(),
        "health": publish_health(rooms),
        "status": publish_status(rooms),
        "host clock": follow_host_clock(rooms),
    }
    for worker in rooms.workers:
        loops[f"notices to {worker.channel.name}"] = worker.run()
    return loops


async def publish_health(rooms: Rooms) -> None:
    """Each second of building time: what health concludes goes down the same road as any sample."""
    said: dict[str, Health] = {}
    due = rooms.clock.now().mono_ns
    while True:
        now = rooms.clock.now()
        for frame in rooms.health.frames(now):
            await rooms.emit(frame)
            _publish_change(rooms, frame, said)
        for frame in rooms.health.silenced(now):
            await rooms.emit(frame)
        if (news := rooms.health.gateway_news(now)) is not None:
            await rooms.emit(news)
        due = max(due + HEALTH_EVERY_NS, rooms.clock.now().mono_ns)
        await rooms.clock.sleep_until(due)


def _publish_change(rooms: Rooms, frame: Frame, said: dict[str, Health]) -> None:
    device, health = frame.layout.device, Health(str(frame.values[0]))
    was = said.get(device)
    if was is not health:
        said[device] = health
        error = rooms.health.brief(device, frame.at).error
        rooms.bus.publish(HealthChanged(device, was, health, error.message if error else None, frame.at))


async def publish_status(rooms: Rooms) -> None:
    """The gateway's own numbers as points of its device; the loop's lag is how late this very loop woke."""
    while True:
        status = await rooms.figures.status()
        await rooms.emit(rooms.health.gateway(status, rooms.clock.now()))
        due = rooms.clock.now().mono_ns + STATUS_EVERY_NS
        await rooms.clock.sleep_until(due)
        rooms.figures.loop_lag_s = max(0, rooms.clock.now().mono_ns - due) / rooms.clock.rate / SECOND


async def follow_host_clock(rooms: Rooms) -> None:
    """Journal every step of the host's clock; delays and periods do not notice it."""
    while True:
        due = rooms.clock.now().mono_ns + STATUS_EVERY_NS
        await rooms.clock.sleep_until(due)
        before = host_mono_ns()
        step = rooms.clock.follow_host()
        if step is not None:
            rooms.figures.clock_steps += 1
            await rooms.pipeline.note("clock_step", body={"step_ns": step, "host_mono_ns": before})
