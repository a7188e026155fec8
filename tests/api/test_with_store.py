"""The API and the delivery worker on the real journal and the real sample log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from alerts.notify.channel import Delivered, Outcome, Retry
from alerts.notify.worker import DeliveryWorker
from gateway.api.app import create_app
from gateway.api.house import House
from gateway.api.tokens import Identity, Role, make_token, token_hash
from gateway.bus import Bus, Change
from gateway.clock import host_wall_ns
from gateway.model import SECOND, Event, Frame, Instant, Judgement, Notice, Quality
from gateway.store.journal import Journal
from gateway.store.reader import Reader
from gateway.store.samples import Samples
from tests.api.conftest import IDS, WALL, WATER_LAYOUT, bearer, occurrence
from tests.api.listening import door

NOW = Instant(1, WALL)


def told(seq: int, reason: str, number: int = 0, **changes: Any) -> Judgement:
    """What the engine commits when it raises or closes an alarm."""
    alarm = occurrence(number, seq=seq, **changes)
    return Judgement(
        events=[Event(seq=seq, at=NOW, kind=reason, occurrence=alarm.occurrence, body={"n": seq})],
        occurrences={alarm.occurrence: alarm},
        notices=[Notice(seq=seq, reason=reason, occurrence=alarm, at=NOW)],
    )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SimpleNamespace]:
    journal = Journal.open(tmp_path / "alarm.db", ["told"])
    samples = Samples.open(tmp_path / "tele.db")
    reader = Reader(tmp_path / "alarm.db")
    yield SimpleNamespace(journal=journal, samples=samples, reader=reader)
    reader.close()
    await journal.close()
    await samples.close()


@pytest.fixture
async def http(store: SimpleNamespace, make_house: Callable[..., House]) -> AsyncIterator[httpx.AsyncClient]:
    house = make_house(records=store.reader, history=store.samples.history)
    transport = httpx.ASGITransport(create_app(house))
    async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=bearer(Role.VIEWER)) as caller:
        caller.headers["Host"] = "localhost"
        yield caller


async def test_alarms_and_events_come_from_the_journal(http: httpx.AsyncClient, store: SimpleNamespace) -> None:
    await store.journal.commit(told(1, "raise", 0))
    await store.journal.commit(told(2, "raise", 1, rule="EL-01", source="lift-1", system="elevator"))
    await store.journal.commit(told(3, "recover", 0, closed_ns=WALL, close_reason="returned"))
    listed = (await http.get("/api/v1/alarms")).json()
    assert [alarm["occurrence"] for alarm in listed["items"]] == [IDS[1]]
    everything = (await http.get("/api/v1/alarms", params={"open": "false", "limit": 1})).json()
    assert everything["next"] == IDS[1]
    rest = (await http.get("/api/v1/alarms", params={"open": "false", "after": IDS[1], "severity": "high"})).json()
    assert [alarm["life"] if "life" in alarm else alarm["occurrence"] for alarm in rest["items"]] == [IDS[0]]
    assert (await http.get(f"/api/v1/alarms/{IDS[0]}")).json()["life"]["close_reason"] == "returned"
    events = (await http.get("/api/v1/events", params={"after": 1})).json()
    assert [(event["seq"], event["body"]) for event in events["items"]] == [(2, {"n": 2}), (3, {"n": 3})]
    assert 'anlou_alarms{state="unacked",severity="high"} 1\n' in (await http.get("/metrics")).text


async def test_history_comes_from_the_sample_log(http: httpx.AsyncClient, store: SimpleNamespace) -> None:
    stored = asyncio.Event()
    for second in range(60):
        quality = None if second < 50 else (Quality.BAD_SENSOR, Quality.GOOD)
        values = (second / 100 if quality is None else None, second >= 30)
        frame = Frame(WATER_LAYOUT, values, Instant(second * SECOND, WALL + second * SECOND), quality)
        frame.accept = stored.set if second == 59 else None
        if (wait := store.samples.append(store.samples.reserve(), frame)) is not None:
            await wait
    await stored.wait()
    window = {"from": "2023-11-14T22:13:20Z", "to": "2023-11-14T22:14:20Z", "max_points": "6"}
    level = (await http.get("/api/v1/points/water-east/floor_level/history", params=window)).json()
    assert (level["type"], level["unit"], level["kind"], len(level["items"])) == ("float", "m", "buckets", 6)
    assert (level["items"][0]["min"], level["items"][0]["max"], level["items"][0]["quality"]) == (0.0, 0.09, "good")
    last = level["items"][5]
    assert (last["count"], last["quality"], last["reason"]) == (0, "bad", "sensor")
    run = (await http.get("/api/v1/points/water-east/pump-1/pump_run/history", params=window)).json()
    assert (run["kind"], [item["value"] for item in run["items"]]) == ("changes", [False, True])


async def test_tokens_are_looked_up_by_their_hash(store: SimpleNamespace, make_house: Callable[..., House]) -> None:
    token = make_token()
    await store.journal.add_token("duty", "operator", token_hash(token), created=host_wall_ns())

    def authenticate(secret_hash: bytes) -> Identity | None:
        found = store.reader.token(secret_hash)
        return None if found is None or found.revoked_wall_ns else Identity(found.name, Role.of(found.role))

    app = create_app(make_house(authenticate=authenticate))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
        headers = {"Authorization": f"Bearer {token}"}
        assert (await http.get("/api/v1/site", headers=headers)).status_code == 200
        await store.journal.revoke_token("duty", host_wall_ns())
        assert (await http.get("/api/v1/site", headers=headers)).status_code == 401


class Told:
    name = "told"

    def __init__(self) -> None:
        self.up = False
        self.seen: list[tuple[int, str]] = []

    async def send(self, notice: Notice, key: str) -> Outcome:
        if not self.up:
            return Retry("down")
        self.seen.append((notice.seq, notice.reason))
        return Delivered()

    async def close(self) -> None:
        return


async def test_a_stream_follows_the_journal_of_a_busy_house(
    store: SimpleNamespace, make_house: Callable[..., House]
) -> None:
    """Groups of commits, two listeners, one of them again and again from where it was."""
    bus: Bus[Change] = Bus()
    house = make_house(records=store.reader, changes=bus)
    last = 600

    def commit(seq: int) -> asyncio.Future[None]:
        judgement = told(seq, "raise", seq % 10, source=f"device-{seq % 10}")
        committed: asyncio.Future[None] = store.journal.submit(judgement)
        committed.add_done_callback(lambda _: bus.publish(judgement))
        return committed

    async def build() -> None:
        seq = 1
        while seq < last:
            group = [commit(number) for number in range(seq + 1, min(seq + 60, last) + 1)]
            seq += len(group)
            await asyncio.gather(*group)

    await commit(1)
    async with door(house) as opened, asyncio.TaskGroup() as group, opened.listening() as steady:
        await steady.until(lambda ear: bool(ear.heard))
        group.create_task(build())
        rows: list[int] = []
        newest: int | None = 1
        while newest != last:
            async with opened.listening(f"?last_event_id={newest}") as caller:
                most = len(rows) + 150
                await caller.until(lambda ear: ear.last_id == last or len(rows) + len(ear.rows()) >= most)  # noqa: B023
                rows += caller.ear.rows()
                newest = caller.ear.last_id
        await steady.until(lambda ear: ear.last_id == last)
    assert steady.ear.rows() == rows == list(range(2, last + 1))


async def test_the_outbox_is_emptied_in_order(store: SimpleNamespace) -> None:
    """The receiver is down for the raise and back for the recover: the raise still comes first, after a restart too."""
    channel = Told()
    await store.journal.commit(told(1, "raise"))
    await DeliveryWorker(channel, store.journal).send_due()
    await store.journal.commit(told(2, "recover"))
    channel.up = True
    again = DeliveryWorker(channel, store.journal)
    store.journal.on_notice = again.wake
    async with asyncio.timeout(60):
        while len(channel.seen) < 2:
            await again.send_due()
            await asyncio.sleep(0.05)
    assert channel.seen == [(1, "raise"), (2, "recover")]
    assert await store.journal.outbox_counts() == {"told": {"pending": 0, "delivered": 2, "refused": 0}}


async def test_a_new_notice_wakes_the_worker(store: SimpleNamespace) -> None:
    channel = Told()
    channel.up = True
    worker = DeliveryWorker(channel, store.journal)
    store.journal.on_notice = worker.wake
    async with asyncio.TaskGroup() as group:
        running = group.create_task(worker.run())
        await asyncio.sleep(0.1)
        await store.journal.commit(told(1, "raise"))
        async with asyncio.timeout(60):
            while not channel.seen:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.01)
        assert channel.seen == [(1, "raise")]
        running.cancel()
