"""Opens a site's rooms and wires them, readable from top to bottom; the one module that knows them all."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from alerts.notify.channel import Channel
from alerts.notify.log import LogChannel
from alerts.notify.webhook import WebhookChannel
from alerts.notify.worker import DeliveryWorker
from drivers.assign import LinkAssignment
from drivers.modbus.driver import ModbusDriver
from drivers.mqtt.driver import MqttDriver
from drivers.mqtt.options import MqttLinkOptions
from gateway.api.current import CurrentValues
from gateway.api.house import House, Muted
from gateway.app.access import Access
from gateway.app.explaining import Explaining
from gateway.app.figures import Figures
from gateway.app.probing import Probing
from gateway.app.quality import Quality
from gateway.app.reload import Reloading
from gateway.app.shutdown import Teardown
from gateway.app.simulation import epoch
from gateway.app.standing import Standing, engine_of, rules_of
from gateway.app.telling import telling_families
from gateway.bus import Bus, Change
from gateway.clock import BuildingClock
from gateway.config.load import SiteConfig
from gateway.health import HealthBook
from gateway.historian.historian import Historian
from gateway.model import Driver, Frame, Layout
from gateway.pipeline import Pipeline, last_known, recover, resumed_clock
from gateway.store.journal import Journal
from gateway.store.lock import DataLock
from gateway.store.reader import Reader
from gateway.store.samples import Samples

log = logging.getLogger("anlou.app")


@dataclass(frozen=True, kw_only=True)
class Rooms:
    """A site opened: everything is wired and recovered, nothing runs yet."""

    standing: Standing
    folder: Path
    clock: BuildingClock
    journal: Journal
    samples: Samples
    reader: Reader
    pipeline: Pipeline
    health: HealthBook
    bus: Bus[Change]
    drivers: tuple[Driver, ...]
    workers: tuple[DeliveryWorker, ...]
    historian: Historian | None
    access: Access
    figures: Figures
    quality: Quality
    probing: Probing
    reloading: Reloading
    explaining: Explaining
    house: House

    @property
    def config(self) -> SiteConfig:
        """The configuration in force."""
        return self.standing.config

    async def emit(self, frame: Frame) -> None:
        """Judge and keep a frame. On a full disk it is judged and shown: its device is read, and must not look dead."""
        await self.pipeline.emit(frame)
        if self.samples.full_disk:
            self.health.observe(frame)
            self.house.current.observe(frame)


def feeds(config: SiteConfig) -> dict[str, tuple[str, ...]]:
    """Device → the units whose answers it lives on."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for unit in config.units:
        if unit.own_device:
            found[unit.name][unit.name] = None
    for channel in config.channels:
        found[channel.device][channel.unit] = None
    return {device: tuple(units) for device, units in found.items()}


class Stores(NamedTuple):
    """The two files, locked and open, and the journal's read side."""

    journal: Journal
    samples: Samples
    reader: Reader


def _open_stores(folder: Path, channels: Sequence[str], teardown: Teardown) -> Stores:
    lock = DataLock(folder)
    lock.__enter__()
    teardown.add("data lock", partial(lock.__exit__, None, None, None))
    journal = Journal.open(folder / "alarm.db", channels)
    teardown.add("alarm.db", journal.close)
    samples = Samples.open(folder / "tele.db")
    teardown.add("tele.db", samples.close)
    reader = Reader(journal.path)
    teardown.add("journal reader", reader.close)
    return Stores(journal, samples, reader)


async def open_rooms(config: SiteConfig, folder: Path, rate: float, teardown: Teardown) -> Rooms:
    """Open, recover and wire. What was opened is on `teardown`, also when this raises (StoreError)."""
    channels = _channels(config)
    stores = _open_stores(folder, [channel.name for channel in channels], teardown)
    journal, samples, reader = stores
    clock = resumed_clock(last_known(journal.load(), samples), rate, epoch())
    engine = engine_of(config, journal.load().next_seq)
    standing = Standing(config, engine)
    health = HealthBook(config.devices, feeds(config), clock.now(), ZoneInfo(config.site.timezone))
    current = CurrentValues(config.devices)
    bus: Bus[Change] = Bus()
    drivers = _drivers(config, clock, health, samples)
    historian = _historian(config, clock, stores)
    workers = tuple(
        DeliveryWorker(channel, journal, longest=standing.longest_ns, now=lambda: clock.now().wall_ns)
        for channel in channels
    )

    layouts: list[Layout] = [layout for driver in drivers for layout in driver.layouts]
    replayed = await recover(engine, journal, samples, clock, layouts=layouts)
    if replayed:
        log.info("judged %d logged frames again", replayed)

    def stored(frame: Frame) -> None:
        health.observe(frame)
        current.observe(frame)

    def noticed() -> None:
        for worker in workers:
            worker.wake()

    pipeline = Pipeline(engine, journal, samples, clock, after_commit=bus.publish, after_frame=stored)
    teardown.add("checkpoint", pipeline.checkpoint)
    journal.on_notice = noticed
    access = Access(journal, reader, pipeline)
    figures = Figures(
        folder,
        journal,
        samples,
        bus,
        workers,
        historian=historian,
        now=lambda: clock.now().wall_ns,
        faulty=lambda: standing.engine.faulty_rules,
    )
    quality = Quality(reader, clock, standing.rules)
    reloading = Reloading(standing, pipeline, figures)
    explaining = Explaining(standing, reader, folder, clock)
    house = House(
        site=config.site,
        devices=config.devices,
        clock=clock,
        health=health,
        current=current,
        records=reader,
        history=samples.history,
        command=pipeline.command,
        silence=pipeline.silence,
        unsilence=pipeline.unsilence,
        authenticate=access.authenticate,
        has_users=access.has_tokens,
        rules=rules_of(config),
        live=standing.open_occurrences,
        rules_view=standing.rules_view,
        silences=standing.silences,
        mutes=partial(_mutes, standing),
        unbound=config.unbound,
        changes=bus,
        quarantined=samples.quarantined,
        kpi=quality.kpi,
        annunciation=standing.annunciation,
        metrics=(figures.families, quality.families, partial(telling_families, standing.annunciation)),
        options=config.api,
        reload=reloading.reload,
        explain=explaining.occurrence,
        explain_rule=explaining.rule,
        version=version("anlou"),
    )
    reloading.shown_by(house)
    return Rooms(
        standing=standing,
        folder=folder,
        clock=clock,
        journal=journal,
        samples=samples,
        reader=reader,
        pipeline=pipeline,
        health=health,
        bus=bus,
        drivers=drivers,
        workers=workers,
        historian=historian,
        access=access,
        figures=figures,
        quality=quality,
        probing=Probing(standing, drivers),
        reloading=reloading,
        explaining=explaining,
        house=house,
    )


def _channels(config: SiteConfig) -> tuple[Channel, ...]:
    site = config.site.id
    return (LogChannel(site), *(WebhookChannel(options, site) for options in config.notify))


def _drivers(config: SiteConfig, clock: BuildingClock, health: HealthBook, samples: Samples) -> tuple[Driver, ...]:
    def driver(link: str, assignment: LinkAssignment) -> Driver:
        options = config.links[link]
        if not isinstance(options, MqttLinkOptions):
            return ModbusDriver(link, options, assignment, clock, health.report)
        return MqttDriver(
            link,
            options,
            assignment,
            clock,
            health.report,
            client_id=str(options.client_id),  # the configuration has named it
            quarantine=samples.quarantine,
            count=samples.count,
            recent=samples.recent,
            announce=config.discover.get(link, ()),
        )

    return tuple(driver(link, assignment) for link, assignment in config.assignments.items())


def _historian(config: SiteConfig, clock: BuildingClock, stores: Stores) -> Historian | None:
    if config.historian is None:
        return None
    return Historian(config.historian, config.site.id, config.devices, clock, stores.samples, stores.reader)


def _mutes(standing: Standing) -> list[Muted]:
    """Every mute of every alarm, for the API."""
    return [
        Muted(view.rule, view.source, view.state, view.occurrence, mute)
        for view in standing.engine.rules_view()
        for mute in view.mutes
    ]
