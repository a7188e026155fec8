"""The live stream over real sockets: what it says, whom it lets in, how it ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest

from gateway.api import shapes, telling
from gateway.api.current import CurrentValue
from gateway.api.house import House
from gateway.api.options import ApiOptions
from gateway.api.points import MOST_KEPT, PointTexts, Watched
from gateway.api.protocol import MOST_UNSENT
from gateway.api.streams import MOST_PER_USER, MOST_STREAMS, QUEUED_BYTES, QUEUED_CHANGES, Pace
from gateway.api.tokens import Identity, Role, token_hash
from gateway.bus import HealthChanged
from gateway.model import Frame, Health, Judgement, Quality
from gateway.store.errors import StoreError
from tests.api.conftest import IDS, TOKENS, WATER_LAYOUT, bearer, occurrence
from tests.api.listening import PATIENCE, Door, Log, door

QUICK = Pace(ping=0.1, recheck=0.1, taking=3.0, together=0.005, points=0.05)
CALM = Pace(taking=30.0)


@pytest.fixture
def log() -> Log:
    return Log()


@contextmanager
def deaf(opened: Door, window: int) -> Iterator[socket.socket]:
    """A caller that has asked for the stream; its system takes no more than `window` bytes for it."""
    with socket.socket() as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        caller.connect(("127.0.0.1", opened.port))
        lines = ("GET /api/v1/stream HTTP/1.1", "Host: localhost", f"Authorization: Bearer {TOKENS[Role.VIEWER]}")
        caller.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        yield caller


@pytest.fixture
def stream_house(make_house: Callable[..., House], log: Log) -> House:
    return make_house(records=log, changes=log.bus, options=ApiOptions(request_seconds=60.0))


@pytest.fixture
async def open_door(stream_house: House) -> AsyncIterator[Door]:
    async with door(stream_house, CALM) as opened:
        yield opened


def test_texts_of_points_that_nobody_watches_any_more_do_not_pile_up(stream_house: House) -> None:
    texts, at = PointTexts(stream_house), stream_house.clock.now()
    one = WATER_LAYOUT.points[0]
    for number in range(3 * MOST_KEPT):
        point = replace(one, name=f"p{number}")
        assert b"event: point" in texts.of(Watched("water-east", point), CurrentValue(point, 1.0, Quality.GOOD, at))
    assert len(texts._made) <= MOST_KEPT


async def test_first_how_everything_stands_then_every_change(open_door: Door, stream_house: House, log: Log) -> None:
    log.tell(0, 1, None)
    async with open_door.listening() as caller:
        assert caller.status == 200
        for line in ("content-type: text/event-stream", "cache-control: no-store", "x-accel-buffering: no"):
            assert line in caller.head.lower()
        ear = await caller.until(lambda ear: len(ear.heard) == 1)
        assert ear.retry in telling.RETRY_MS
        log.tell(0)
        log.tell(None)
        log.bus.publish(HealthChanged("lift-1", Health.ONLINE, Health.OFFLINE, "x", stream_house.clock.now()))
        log.bus.publish(HealthChanged("nobody", None, Health.OFFLINE, None, stream_house.clock.now()))
        log.bus.publish(Judgement(occurrences={IDS[1]: occurrence(1, seq=2, announced=True)}))
        log.tell(1, close=True)
        ear = await caller.until(lambda ear: ear.last_id == 6)
    first, ack, start, health, moved, closed = ear.heard
    shown = shapes.Snapshot.model_validate(first.content)
    assert (first.event, first.id, shown.reason, shown.seq) == ("snapshot", 3, "first", 3)
    assert [alarm.occurrence for alarm in shown.alarms] == [IDS[1], IDS[0]]
    assert [device.id for device in shown.devices] == ["lift-1", "water-east"]
    change = shapes.AlarmChange.model_validate(ack.content)
    assert (ack.event, ack.id, change.alarm.seq, change.event and change.event.seq) == ("alarm", 4, 4, 4)
    assert (start.event, start.id, shapes.Event.model_validate(start.content).kind) == ("journal", 5, "start")
    assert (health.event, health.id, shapes.Device.model_validate(health.content).id) == ("health", None, "lift-1")
    change = shapes.AlarmChange.model_validate(moved.content)
    assert (moved.event, moved.id, change.event, change.alarm.life.announced) == ("alarm", None, None, True)
    assert (closed.id, closed.content["alarm"]["life"]["close_reason"]) == (6, "returned")


async def test_who_comes_back_hears_what_was_missed_and_how_it_stands(open_door: Door, log: Log) -> None:
    for _ in range(telling.PAGE + 2):
        log.tell(0, None)
    log.tell(1)
    last = log.last_seq()
    async with open_door.listening("", "Last-Event-ID: 3") as caller:
        ear = await caller.until(lambda ear: ear.heard[-1:] and ear.heard[-1].event == "snapshot")  # type: ignore[arg-type, return-value]
        log.tell(0)
        await caller.until(lambda ear: ear.last_id == last + 1)
    assert ear.rows() == list(range(4, last + 2))
    snapshot = ear.heard[-2].content
    assert (snapshot["reason"], snapshot["seq"], len(snapshot["alarms"])) == ("resumed", last, 2)
    for heard in ear.heard[:-2]:
        if heard.event == "alarm":
            shapes.AlarmChange.model_validate(heard.content)


@pytest.mark.parametrize(
    ("query", "header", "reason"),
    [
        ("", "Last-Event-ID: 5", "resumed"),
        ("?last_event_id=5", None, "resumed"),
        ("?last_event_id=999", "Last-Event-ID: 5", "resumed"),
        ("", "Last-Event-ID:", "first"),
        ("", "Last-Event-ID: 6", "ahead"),
        ("", f"Last-Event-ID: {2**63 - 1}", "ahead"),
        ("", "Last-Event-ID: 0", "gap"),
        ("", "Last-Event-ID: 1", "resumed"),
    ],
)
async def test_where_it_begins(
    open_door: Door, log: Log, monkeypatch: pytest.MonkeyPatch, query: str, header: str | None, reason: str
) -> None:
    monkeypatch.setattr(telling, "LONGEST_REPLAY", 4)
    for _ in range(5):
        log.tell(0)
    async with open_door.listening(query, *([header] if header else [])) as caller:
        ear = await caller.until(lambda ear: any(one.event == "snapshot" for one in ear.heard))
    assert (ear.heard[-1].content["reason"], ear.last_id) == (reason, 5)
    assert ear.rows() == (list(range(2, 6)) if header == "Last-Event-ID: 1" else [])


@pytest.mark.parametrize(
    "header",
    [
        "Last-Event-ID: x",
        "Last-Event-ID: -1",
        "Last-Event-ID: 1.5",
        "Last-Event-ID: 1e3",
        "Last-Event-ID: 0x10",
        "Last-Event-ID: 1 2",
        "Last-Event-ID: \xb2",
        f"Last-Event-ID: {2**63}",
        "Last-Event-ID: " + "9" * 5000,
        "Last-Event-ID: 1\r\nLast-Event-ID: 2",
        "Last-Event-ID: 1\r\nLast-Event-ID: 1",
    ],
)
async def test_an_id_that_is_none_is_refused(open_door: Door, header: str) -> None:
    async with open_door.listening("", header) as caller:
        assert caller.status == 422
        assert shapes.ProblemShape.model_validate(await caller.body()).code == "invalid"
    assert open_door.seats() == 0


@pytest.mark.parametrize(
    "query",
    [
        "?last_event_id=x",
        "?points=",
        "?points=water-east",
        "?points=water-east/nothing",
        "?points=nobody/floor_level",
        "?points=water-east/floor_level,",
        "?points=" + ",".join(f"water-east/{number}" for number in range(65)),
        "?last_event_id=1&last_event_id=2",
        "?since=3",
    ],
)
async def test_what_cannot_be_asked_for(open_door: Door, query: str) -> None:
    async with open_door.listening(query) as caller:
        assert caller.status == (200 if query == "?points=" else 422)


async def test_only_get(open_door: Door) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{open_door.port}", headers=bearer(Role.ADMIN)) as http:
        for method in ("HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
            assert (await http.request(method, "/api/v1/stream")).status_code == 405
        assert (await http.get("/api/v1/stream", params={"token": TOKENS[Role.ADMIN]})).status_code == 400
        assert (await http.get("/api/v1/stream", headers={"Authorization": "Bearer x"})).status_code == 401


async def test_points_come_newest_only(stream_house: House, log: Log) -> None:
    def sampled(level: float | None, quality: Quality) -> None:
        stream_house.current.observe(
            Frame(WATER_LAYOUT, (level, True), stream_house.clock.now(), (quality, Quality.GOOD))
        )

    def levels(ear: object) -> list[float | None]:
        return [one.content["value"] for one in caller.ear.heard if one.content.get("point") == "floor_level"]

    async with door(stream_house, QUICK) as opened:
        query = "?points=water-east/floor_level,water-east/pump-1/pump_run,water-east/floor_level"
        async with opened.listening(query) as caller:
            ear = await caller.until(lambda ear: len(levels(ear)) == 1)
            for number in range(100):
                sampled(number / 100, Quality.GOOD)
            await caller.until(lambda ear: 0.99 in levels(ear))
            sampled(None, Quality.BAD_SENSOR)
            await caller.until(lambda ear: len(levels(ear)) > 2)
    assert levels(ear) == [None, 0.99, None]
    told = [shapes.PointChange.model_validate(one.content) for one in ear.heard if one.event == "point"]
    assert {(one.device, one.point) for one in told} == {
        ("water-east", "floor_level"),
        ("water-east", "pump-1/pump_run"),
    }
    assert [(one.quality, one.reason) for one in told if one.point == "floor_level"] == [
        (None, None),
        ("good", None),
        ("bad", "sensor"),
    ]


async def test_it_outlives_the_deadline_of_other_answers_and_pings(make_house: Callable[..., House], log: Log) -> None:
    house = make_house(records=log, changes=log.bus, options=ApiOptions(request_seconds=3.0))
    async with door(house, QUICK) as opened, opened.listening() as caller:
        await caller.until(lambda ear: ear.comments >= 40)  # ten a second at most
        log.tell(0)
        await caller.until(lambda ear: ear.last_id == 1)


async def test_streams_are_counted_by_token_and_in_all(make_house: Callable[..., House], log: Log) -> None:
    """40 callers at once; whoever leaves makes room."""
    tokens = [f"anlou_{number:x>22}" for number in range(5)]
    callers = {token_hash(token): Identity(token, Role.VIEWER) for token in tokens}
    house = make_house(records=log, changes=log.bus, authenticate=callers.get)
    async with door(house, CALM) as opened:
        asked = [opened.call(token=tokens[0]) for _ in range(MOST_PER_USER + 2)]
        first = await asyncio.gather(*asked)
        assert sorted(caller.status for caller in first) == [200] * MOST_PER_USER + [429] * 2
        refused = next(caller for caller in first if caller.status == 429)
        assert shapes.ProblemShape.model_validate(await refused.body()).code == "too_many"
        assert "retry-after: " in refused.head.lower()
        rest = await asyncio.gather(*(opened.call(token=token) for token in tokens[1:] for _ in range(MOST_PER_USER)))
        statuses = sorted(caller.status for caller in rest)
        assert statuses == [200] * (MOST_STREAMS - MOST_PER_USER) + [503] * MOST_PER_USER
        for caller in (*first, *rest):
            await caller.hang_up()
        await opened.empty()
        async with opened.listening(token=tokens[0]) as again:
            assert again.status == 200


async def test_a_caller_that_reads_nothing_is_let_go_of_and_nobody_waits(stream_house: House, log: Log) -> None:
    async with door(stream_house, QUICK) as opened:
        with deaf(opened, 4096):
            async with opened.listening() as quick, asyncio.timeout(PATIENCE):
                await quick.until(lambda ear: bool(ear.heard))
                while opened.seats() < 2:  # noqa: ASYNC110 - nothing announces it
                    await asyncio.sleep(0.01)
                while opened.seats() == 2:
                    log.tell(0)
                    await quick.until(lambda ear: ear.last_id == log.last_seq())
                assert quick.ear.rows() == list(range(1, log.last_seq() + 1))
        families = {family.name: list(family.samples) for family in opened.app.state.streams.families()}
        assert families["anlou_streams_ended_total"] == [({"reason": "slow"}, 1.0)]
        assert families["anlou_streams"] == [({}, 1)]


async def test_a_flood_is_no_reason_to_let_go_of_a_caller_that_reads(open_door: Door, log: Log) -> None:
    async with open_door.listening() as caller:
        await caller.until(lambda ear: bool(ear.heard))
        for number in range(3000):
            log.tell(number % 3)
        ear = await caller.until(lambda ear: ear.last_id == 3000)
    assert ear.rows() == list(range(1, 3001))


async def test_a_caller_that_reads_slowly_is_left_alone(make_house: Callable[..., House], log: Log) -> None:
    """Something waits for it for longer than any other answer may, but it takes all the time."""
    house = make_house(records=log, changes=log.bus, options=ApiOptions(request_seconds=1.0))
    loop = asyncio.get_running_loop()
    async with door(house, CALM) as opened:
        with deaf(opened, 4096) as slow:
            slow.setblocking(False)
            while not opened.seats():  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.01)
            for _ in range(600):
                log.tell(0)
            async with asyncio.timeout(PATIENCE):
                read = b""
                while b"id: 600\n" not in read:
                    chunk = await loop.sock_recv(slow, 4096)
                    assert chunk, "cut off"
                    read += chunk
                    await asyncio.sleep(0.01)
    assert read.count(b"event: alarm") == 600


async def test_a_caller_that_leaves_too_much_waiting_is_let_go_of(
    stream_house: House, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before its socket is given up: nothing is kept for it without end."""
    monkeypatch.setattr("gateway.api.streams.QUEUED_BYTES", 20_000)
    async with door(stream_house, CALM) as opened:
        async with opened.listening() as caller:
            await caller.until(lambda ear: bool(ear.heard))
            streams = opened.app.state.streams
            await asyncio.sleep(0.1)
            for seat in streams._seats:
                assert seat.reason is None
            log.tell(*(number % 3 for number in range(1000)))
            ear = await caller.to_the_end()
        assert ear.rows() == list(range(1, len(ear.rows()) + 1))  # what it got is whole
        assert len(ear.rows()) < 1000
        await opened.empty()
        assert streams._ended["slow"] == 1
        monkeypatch.undo()  # the frames of the last rows may still be made while it joins: it has the usual room
        async with opened.listening("", f"Last-Event-ID: {ear.last_id}") as again:
            last = await again.until(lambda ear: any(one.event == "snapshot" for one in ear.heard))
        assert ear.rows() + last.rows() == list(range(1, 1001))


@pytest.mark.parametrize("now", [None, Identity("the viewer", Role.OPERATOR), Identity("somebody", Role.VIEWER)])
async def test_a_token_that_is_no_longer_the_callers_ends_the_stream(
    make_house: Callable[..., House], log: Log, now: Identity | None
) -> None:
    known: dict[bytes, Identity | None] = {token_hash(TOKENS[Role.VIEWER]): Identity("the viewer", Role.VIEWER)}
    house = make_house(records=log, changes=log.bus, authenticate=known.get)
    async with door(house, QUICK) as opened, opened.listening() as caller:
        await caller.until(lambda ear: ear.comments > 2)
        known[token_hash(TOKENS[Role.VIEWER])] = now
        await caller.to_the_end()
        assert caller.ended is True
        await opened.empty()
        assert opened.app.state.streams._ended["token"] == 1


async def test_the_end_of_the_house_is_the_end_of_its_streams(make_house: Callable[..., House], log: Log) -> None:
    """Twenty listeners, one of them deaf, are not waited for."""
    tokens = [f"anlou_{number:x>22}" for number in range(3)]
    callers = {token_hash(token): Identity(token, Role.VIEWER) for token in tokens}
    house = make_house(records=log, changes=log.bus, authenticate=callers.get)
    for _ in range(400):
        log.tell(*range(10))
    async with door(house, CALM) as opened:
        listening = [await opened.call(token=tokens[number % 3]) for number in range(19)]
        deaf = await opened.call("?last_event_id=0", token=tokens[0])
        for caller in listening:
            await caller.until(lambda ear: bool(ear.heard))
        opened.stop.set()
        for caller in listening:
            await caller.to_the_end()
        assert [caller.ended for caller in listening] == [True] * 19
        await opened.empty()
        assert opened.app.state.streams._ended == {"stopping": 20}
    for caller in (*listening, deaf):
        await caller.hang_up()


async def test_a_store_that_does_not_answer_is_503_or_the_end(stream_house: House, log: Log) -> None:
    def gone(*_: object) -> int:
        raise StoreError("alarm.db is gone")

    log.tell(0)
    async with door(stream_house, CALM) as opened:
        log.last_seq = gone  # type: ignore[method-assign]
        async with opened.listening() as caller:
            assert (caller.status, (await caller.body())["code"]) == (503, "unavailable")
        log.last_seq = lambda: 1  # type: ignore[method-assign]
        log.events = gone  # type: ignore[method-assign, assignment]
        async with opened.listening("", "Last-Event-ID: 0") as caller:
            assert caller.status == 200
            await caller.to_the_end()
            assert caller.ended is True
        assert opened.app.state.streams._ended == {"store": 1, "gone": 1}


async def test_a_change_that_cannot_be_shown_ends_the_streams_and_nothing_else(
    open_door: Door, log: Log, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its row is in the journal: whoever comes back gets it from there."""
    async with open_door.listening() as caller:
        await caller.until(lambda ear: bool(ear.heard))
        with monkeypatch.context() as broken:
            broken.setattr("gateway.api.streams.pieces", lambda *_: 1 / 0)
            log.tell(0)
            await caller.to_the_end()
    assert "a change cannot be shown" in caplog.text
    async with open_door.listening("", "Last-Event-ID: 0") as caller:
        log.tell(1)
        ear = await caller.until(lambda ear: ear.last_id == 2)
    assert ear.rows() == [1, 2]


async def test_more_changes_than_frames_can_be_made_of_in_time(open_door: Door, log: Log) -> None:
    """The bus is lossy, the journal is not: listeners are sent back to it."""
    async with open_door.listening() as caller:
        await caller.until(lambda ear: bool(ear.heard))
        for _ in range(QUEUED_CHANGES + 1):
            log.tell(None)
        heard = await caller.to_the_end()
    assert open_door.app.state.streams._ended["behind"] == 1
    assert heard.rows() == list(range(1, len(heard.rows()) + 1))


async def test_a_body_beside_the_question_changes_nothing(open_door: Door, log: Log) -> None:
    async with open_door.listening("", "Content-Length: 3\r\n\r\nabc\r\n") as caller:
        await caller.until(lambda ear: bool(ear.heard))
        log.tell(0)
        await caller.until(lambda ear: ear.last_id == 1)


def test_what_one_listener_can_hold_is_bounded() -> None:
    """Frames are shared, but a single deaf listener holds them alone; the system doubles what a socket asks for."""
    socket_bytes = MOST_UNSENT + 2 * MOST_UNSENT
    assert QUEUED_BYTES + telling.CHUNK + socket_bytes <= 2**20
    usual = Pace()
    assert usual.recheck + usual.taking < 60
    assert Pace.within(120).taking == usual.taking
    assert Pace.within(0.5).taking == 0.5


async def test_it_is_described(viewer: httpx.AsyncClient) -> None:
    said = (await viewer.get("/openapi.json")).json()
    operation = said["paths"]["/api/v1/stream"]["get"]
    assert {(one["name"], one["in"]) for one in operation["parameters"]} == {
        ("points", "query"),
        ("last_event_id", "query"),
        ("Last-Event-ID", "header"),
    }
    schema = operation["responses"]["200"]["content"]["text/event-stream"]["schema"]["$ref"].rpartition("/")[2]
    assert set(said["components"]["schemas"][schema]["properties"]) == {
        "snapshot",
        "alarm",
        "journal",
        "health",
        "point",
    }
