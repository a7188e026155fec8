"""A house of fakes around the real routes: two devices, three alarms, four callers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from gateway.api.app import create_app
from gateway.api.current import CurrentValues
from gateway.api.house import House, Muted
from gateway.api.options import ApiOptions
from gateway.api.tokens import Identity, Role, token_hash
from gateway.clock import VirtualClock
from gateway.health import HealthBook
from gateway.model import (
    HEALTH_POINT,
    SECOND,
    AlarmClass,
    AlarmState,
    Command,
    CommandKind,
    CommandRefused,
    Device,
    Event,
    Instant,
    Layout,
    Location,
    Mute,
    Occurrence,
    Point,
    PointType,
    Severity,
    Silence,
    SilenceWish,
    Text,
)
from gateway.store.history import Bucket, Change, History

TOKENS = {role: f"anlou_{role.word:x<22}" for role in Role}
IDS = [f"01HZZZZZZZZZZZZZZZZZZZZZZ{number}" for number in range(10)]
WALL = 1_700_000_000 * SECOND

WATER = Device(
    id="water-east",
    system="garage-water",
    name=Text("East sump", "东集水坑"),
    profile=None,
    location=Location("1", "B2", "garage-east"),
    poll_ns=SECOND,
    points=(
        Point("floor_level", PointType.FLOAT, "m"),
        Point("pump_run", PointType.BOOL, part="pump-1"),
        HEALTH_POINT,
    ),
)
LIFT = Device(
    id="lift-1",
    system="elevator",
    name=Text("Lift 1", "1号梯"),
    profile="inovance-nice3000-plus",
    location=Location("1"),
    poll_ns=SECOND,
    points=(Point("speed", PointType.FLOAT, "m/s"), HEALTH_POINT),
)
WATER_LAYOUT = Layout("water-east", WATER.points[:2])


def occurrence(number: int = 0, **changes: Any) -> Occurrence:
    return replace(
        Occurrence(
            occurrence=IDS[number],
            rule="WA-02",
            source="water-east",
            system="garage-water",
            severity=Severity.HIGH,
            class_=AlarmClass.PROPERTY,
            state=AlarmState.UNACKED,
            condition=True,
            latched=False,
            title=Text("Garage water stage 2", "车库积水二级"),
            raised_ns=WALL,
            active_ns=WALL - 30 * SECOND,
            value=0.12,
            limit=0.10,
            unit="m",
            seq=7,
        ),
        **changes,
    )


class Journal:
    """Records and the command door in memory, with the engine's refusals."""

    def __init__(self) -> None:
        self.rows = {
            IDS[0]: occurrence(0),
            IDS[1]: occurrence(1, rule="EL-01", system="elevator", source="lift-1", class_=AlarmClass.LIFE_SAFETY),
            IDS[2]: occurrence(2, state=AlarmState.NORMAL, closed_ns=WALL + SECOND, close_reason="returned"),
        }
        self.log: list[Event] = []
        self.commands: list[Command] = []
        self.silent: dict[str, Silence] = {}
        self.out: dict[tuple[str, str], Mute] = {}

    def occurrences(self, **query: Any) -> list[Occurrence]:
        rows = sorted(self.rows.values(), key=lambda row: row.occurrence, reverse=True)
        for name in ("state", "system", "severity"):
            if (wanted := query.get(name)) is not None:
                rows = [row for row in rows if getattr(row, name) == wanted]
        if query["open_only"]:
            rows = [row for row in rows if row.closed_ns is None]
        if (after := query.get("after")) is not None:
            rows = [row for row in rows if row.occurrence < after]
        return rows[: query["limit"]]

    def occurrence(self, name: str) -> Occurrence | None:
        return self.rows.get(name)

    def events(self, after: int, limit: int) -> list[Event]:
        return [event for event in self.log if event.seq > after][:limit]

    def last_seq(self) -> int:
        return max((event.seq for event in self.log), default=0)

    async def silence(self, wish: SilenceWish) -> Silence:
        if wish.of.get("class") == "life_safety":
            raise CommandRefused("life_safety", "a life-safety alarm cannot be silenced")
        made = Silence(
            id=IDS[len(self.silent)],
            of=wish.of,
            by=wish.by,
            reason=wish.reason,
            began_ns=WALL,
            until_wall_ns=WALL + wish.for_ns,
        )
        self.silent[made.id] = made
        return made

    async def unsilence(self, silence: str, by: str) -> Silence:
        if silence not in self.silent:
            raise CommandRefused("not_found", f"there is no silence {silence}")
        return self.silent.pop(silence)

    def silences(self) -> list[Silence]:
        return list(self.silent.values())

    def mutes(self) -> list[Muted]:
        return [Muted(*key, AlarmState.NORMAL, None, mute) for key, mute in self.out.items()]

    def _alarm_command(self, command: Command) -> None:
        """On an alarm that is not open: only the lift is there."""
        key = (command.rule or "", command.source or "")
        if key[1] != "lift-1":
            raise CommandRefused("not_found", f"no rule {command.rule} watches {command.source}")
        self.commands.append(command)
        if command.kind is CommandKind.OUT_OF_SERVICE:
            until = WALL + (command.for_ns or 0)
            self.out[key] = Mute("out_of_service", command.permit or "", command.by, until)
        else:
            del self.out[key]

    async def command(self, command: Command) -> Occurrence | None:
        if not command.occurrence:
            return self._alarm_command(command)
        row = self.rows.get(command.occurrence)
        if row is None:
            raise CommandRefused("not_found", "no such alarm")
        if command.kind is CommandKind.ACK and row.acked_by is not None:
            return row
        if command.expected_seq is not None and command.expected_seq != row.seq:
            raise CommandRefused("stale", "the alarm has changed since", row)
        if row.closed_ns is not None:
            raise CommandRefused("not_active", "the alarm is over", row)
        if command.kind is CommandKind.SHELVE and row.class_ is AlarmClass.LIFE_SAFETY:
            raise CommandRefused("life_safety", "a life-safety alarm is never shelved", row)
        self.commands.append(command)
        row = replace(row, acked_by=command.by, state=AlarmState.ACKED, seq=row.seq + 1)
        self.rows[row.occurrence] = row
        self.log.append(
            Event(
                seq=row.seq,
                at=Instant(0, WALL),
                kind=command.kind.value,
                occurrence=row.occurrence,
                by=command.by,
                body={"comment": command.comment},
            )
        )
        return row


def history(device: str, point: str, from_ns: int, to_ns: int, max_points: int) -> History:
    if point == "floor_level":
        bucket = Bucket(from_ns, to_ns, 2, 0, 0.1, from_ns, 0.3, to_ns - 1, 0.2, 0.3, to_ns - 1, 0)
        return History(device, point, PointType.FLOAT, "m", from_ns, to_ns, (bucket, Bucket(from_ns, to_ns)))
    change = (Change(from_ns, True, 0), Change(to_ns - 1, None, 0x82))
    return History(device, point, PointType.BOOL, None, from_ns, to_ns, (), change)


RULE = SimpleNamespace(
    rule="WA-02",
    title=Text("Garage water stage 2", "车库积水二级"),
    severity=Severity.HIGH,
    class_=AlarmClass.PROPERTY,
    guidance={"cause": Text("rain", "暴雨"), "time_to_respond": 600 * SECOND},
)


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def make_house(journal: Journal) -> Callable[..., House]:
    def make(**changes: Any) -> House:
        clock = VirtualClock()
        devices = (WATER, LIFT)
        callers = {token_hash(token): Identity(f"the {role.word}", role) for role, token in TOKENS.items()}
        parts: dict[str, Any] = {
            "site": SimpleNamespace(
                id="riverside-1", name=Text("R", "滨河苑"), timezone="Asia/Shanghai", language="zh"
            ),
            "devices": devices,
            "clock": clock,
            "health": HealthBook(devices, {}, clock.now()),
            "current": CurrentValues(devices),
            "records": journal,
            "history": history,
            "command": journal.command,
            "silence": journal.silence,
            "unsilence": journal.unsilence,
            "silences": journal.silences,
            "mutes": journal.mutes,
            "authenticate": callers.get,
            "has_users": lambda: True,
            "rules": {"WA-02": RULE},
            "rules_view": lambda: [{"rule": "WA-02", "source": "water-east", "state": "unacked"}],
        }
        return House(**(parts | changes))

    return make


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    return make_house(options=ApiOptions(request_seconds=60.0))


@pytest.fixture
async def http(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without a token."""
    transport = httpx.ASGITransport(create_app(house))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as caller:
        yield caller


def bearer(role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[role]}"}


@pytest.fixture
def viewer(http: httpx.AsyncClient) -> httpx.AsyncClient:
    http.headers.update(bearer(Role.VIEWER))
    return http


@pytest.fixture
def operator(http: httpx.AsyncClient) -> httpx.AsyncClient:
    http.headers.update(bearer(Role.OPERATOR))
    return http
