"""The doctor's checks against what is really broken: serial ports, disks, ports, certificates, brokers, webhooks."""

from __future__ import annotations

import os
import pty
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme

from alerts.notify.options import WebhookOptions
from drivers.mqtt.options import MqttLinkOptions
from gateway.cli import doctor_machine, doctor_reach, doctor_serial
from gateway.cli.check import AssumedPorts
from gateway.cli.doctor import Doctor
from gateway.cli.doctor_certificate import certificate, certificate_file, good_until_ns
from gateway.cli.doctor_finding import Finding, Level
from gateway.cli.doctor_running import told
from gateway.clock import host_wall_ns
from gateway.config.load import load_site
from gateway.historian.options import HistorianOptions
from gateway.model import SECOND
from gateway.texts import texts
from tests.historian.stub import BUCKET, ORG, TOKEN, running
from tests.mqtt.brokers import Mosquitto

NOBODY = 65534


def kinds(findings: Iterator[Finding] | list[Finding]) -> list[tuple[str, str]]:
    """(level, check); each finding is one line in both languages, and says how to mend it when there is something."""
    found = list(findings)
    for finding in found:
        for language in ("en", "zh"):
            assert "\n" not in finding.line(language) and "{" not in finding.line(language)
            assert finding.mend is None or ("；" if language == "zh" else "; ") in finding.line(language)
        assert finding.level is not Level.FAILS or finding.mend is not None, finding
    return [(finding.level.value, finding.check) for finding in found]


async def drained(findings: AsyncIterator[Finding]) -> list[Finding]:
    return [finding async for finding in findings]


def test_every_way_to_mend_belongs_to_a_finding() -> None:
    keys = {key for key in texts() if key.startswith("doctor_")}
    assert {key.removesuffix("_mend") for key in keys if key.endswith("_mend")} <= keys


# serial ports


@contextmanager
def somebody_without_rights(port: str) -> Iterator[None]:
    """Root may open everything: then it is done as nobody."""
    Path(port).chmod(0)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)


@pytest.fixture
def port() -> Iterator[str]:
    master, slave = pty.openpty()
    yield os.ttyname(slave)
    os.close(slave)
    os.close(master)


def test_a_serial_port_that_may_be_opened(port: str) -> None:
    assert kinds(doctor_serial.serial_port(port, frozenset({os.getpid()}))) == [("fine", "serial")]


def test_a_serial_port_without_rights(port: str) -> None:
    with somebody_without_rights(port):
        (finding,) = doctor_serial.serial_port(port)
    assert finding.level is Level.FAILS
    assert finding.mend is not None and "usermod -aG" in finding.mend.en and "SupplementaryGroups" in finding.mend.zh


def test_a_serial_port_that_is_not_there_or_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, words in (("/dev/ttyUSB999", "is not there"), (str(tmp_path / "file"), "is no serial port")):
        (finding,) = doctor_serial.serial_port(path)
        assert finding.level is Level.FAILS and words in finding.what.en


def test_a_serial_port_that_another_program_has_open(
    port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "7777"
    (other / "fd").mkdir(parents=True)
    (other / "comm").write_text("minicom\n")
    (other / "fd" / "3").symlink_to(port)
    monkeypatch.setattr(doctor_serial, "PROCESSES", tmp_path)
    (finding,) = doctor_serial.serial_port(port)
    assert finding.level is Level.FAILS and "minicom (process 7777)" in finding.what.en
    assert kinds(doctor_serial.serial_port(port, frozenset({7777}))) == [("fine", "serial")]


def test_a_program_that_writes_to_new_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in ((12, "ModemManager"), (13, "bash")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "comm").write_text(f"{name}\n")
    (tmp_path / "self").mkdir()
    monkeypatch.setattr(doctor_serial, "PROCESSES", tmp_path)
    (finding,) = doctor_serial.meddlers()
    assert finding.level is Level.WARNS and "ModemManager (process 12)" in finding.what.en


def test_a_name_that_changes_with_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    names = tmp_path / "by-id"
    names.mkdir()
    (names / "usb-FTDI_1234-if00-port0").symlink_to(port)
    monkeypatch.setattr(doctor_serial, "BY_ID", names)
    monkeypatch.setattr(doctor_serial, "_CHANGING", __import__("re").compile("/dev/pts/.*"))
    found = list(doctor_serial.serial_port(port, frozenset({os.getpid()})))
    assert [finding.level for finding in found] == [Level.WARNS]
    assert found[0].mend is not None and "usb-FTDI_1234-if00-port0" in found[0].mend.en


# the machine


def disk(monkeypatch: pytest.MonkeyPatch, *, free: float, read_only: bool = False, files: int = 1000) -> None:
    """A disk of 100 GiB with so much of it free, in per cent."""
    blocks = 100 << 18
    facts = SimpleNamespace(
        f_flag=os.ST_RDONLY if read_only else 0,
        f_bavail=int(blocks * free / 100),
        f_blocks=blocks,
        f_frsize=4096,
        f_files=1000,
        f_favail=files,
    )
    monkeypatch.setattr("os.statvfs", lambda _: facts)


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        ({"free": 50}, "fine"),
        ({"free": 15.1}, "fine"),
        ({"free": 14.9}, "warns"),
        ({"free": 5.1}, "warns"),
        ({"free": 4.9}, "fails"),
        ({"free": 0}, "fails"),
        ({"free": 50, "read_only": True}, "fails"),
    ],
)
def test_disk_thresholds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any], level: str) -> None:
    disk(monkeypatch, **facts)
    assert kinds(doctor_machine.disk(tmp_path / "not" / "yet")) == [(level, "disk")]


def test_a_disk_without_room_for_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk(monkeypatch, free=50, files=10)
    assert kinds(doctor_machine.disk(tmp_path)) == [("fine", "disk"), ("fails", "disk")]


@pytest.mark.parametrize(("hours_of_data", "level"), [(0.5, "fine"), (10, "fails"), (100, "warns"), (2000, "fine")])
def test_a_disk_that_fills_up_tonight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours_of_data: float, level: str
) -> None:
    """1 GiB came in that time, and 2 GiB are free."""
    with (tmp_path / "tele.db").open("wb") as file:
        file.truncate(1 << 30)
    began = host_wall_ns() - int(hours_of_data * 3600 * SECOND)
    monkeypatch.setattr(doctor_machine, "first_row_ns", lambda _: began)
    blocks = 1 << 20
    facts = SimpleNamespace(f_flag=0, f_bavail=blocks // 2, f_blocks=blocks, f_frsize=4096, f_files=0, f_favail=0)
    monkeypatch.setattr("os.statvfs", lambda _: facts)
    assert kinds(doctor_machine.disk(tmp_path)) == [(level, "disk")]


def test_a_clock_that_went_back_and_one_that_nobody_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_machine, "host_clock_synced", lambda: True)
    assert kinds(doctor_machine.clock(host_wall_ns())) == [("fine", "clock")]
    (back, _) = doctor_machine.clock(host_wall_ns() + 3600 * SECOND)
    assert (back.level is Level.FAILS and "60 min before" in back.what.en) or "59 min before" in back.what.en
    monkeypatch.setattr(doctor_machine, "host_clock_synced", lambda: False)
    assert kinds(doctor_machine.clock(None)) == [("warns", "clock")]
    monkeypatch.setattr(doctor_machine, "host_clock_synced", lambda: None)
    assert kinds(doctor_machine.clock(None)) == [("unknown", "clock")]


def test_the_kernel_tells_of_its_clock() -> None:
    assert doctor_machine.host_clock_synced() in {None, True, False}


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    assert kinds(doctor_machine.folder(tmp_path)) in ([("fine", "data")], [("warns", "data")])
    assert kinds(doctor_machine.folder(Path("/proc/self/data"))) == [("fails", "data")]
    file = tmp_path / "file"
    file.write_text("")
    assert kinds(doctor_machine.folder(file / "data")) == [("fails", "data")]


def test_a_folder_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_machine, "_file_system", lambda _: "tmpfs")
    assert kinds(doctor_machine.folder(tmp_path)) == [("warns", "data")]


def test_a_port_in_use_one_that_is_free_and_no_address_of_ours() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        (finding,) = doctor_machine.port("127.0.0.1", number)
        assert finding.level is Level.FAILS and "another program listens" in finding.what.en
    assert kinds(doctor_machine.port("127.0.0.1", number)) == [("fine", "port")]
    assert kinds(doctor_machine.port("192.0.2.1", number)) == [("fails", "port")]


# certificates


@pytest.mark.parametrize(("days", "level"), [(-1, "fails"), (0.5, "fails"), (10, "warns"), (90, "fine")])
def test_a_certificate_that_ends(tmp_path: Path, days: float, level: str) -> None:
    until = datetime.now(UTC) + timedelta(days=days)
    leaf = trustme.CA().issue_cert("api.example", not_after=until, not_before=until - timedelta(days=100))
    file = tmp_path / "cert.pem"
    leaf.cert_chain_pems[0].write_to_path(file)
    (finding,) = certificate_file("api", str(file))
    assert (finding.level, finding.check) == (level, "certificate")
    assert until.strftime("%Y-%m-%d %H:%M") in finding.what.en
    assert finding.level is Level.FINE or finding.mend is not None


def test_far_years_and_broken_certificates() -> None:
    assert good_until_ns(bytes.fromhex(FAR)) == int(datetime(2077, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()) * SECOND
    for der in (b"", b"\x30", b"\x30\x82\xff\xff\x00", bytes.fromhex(FAR)[:30]):
        assert list(certificate("x", der)) == []


# a certificate's skeleton: no version, serial, signature, issuer, and a validity with a UTCTime and a GeneralizedTime
_VALIDITY = b"\x17\x0d260101000000Z" + b"\x18\x0f20770102030405Z"
_SIGNED = b"\x02\x01\x01\x30\x00\x30\x00" + bytes([0x30, len(_VALIDITY)]) + _VALIDITY
FAR = (bytes([0x30, len(_SIGNED) + 2, 0x30, len(_SIGNED)]) + _SIGNED).hex()


# whatever is spoken to


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    one = Mosquitto(tmp_path)
    one.start()
    yield one
    one.end()


def link(broker: Mosquitto, **changes: Any) -> MqttLinkOptions:
    return MqttLinkOptions.model_validate(
        {"mqtt": f"mqtt://127.0.0.1:{broker.port}", "client_id": "anlou-here"} | changes
    )


async def test_a_broker_that_lets_us_in(broker: Mosquitto) -> None:
    assert kinds(await drained(doctor_reach.broker("b", link(broker), ["a/b", "c/#"]))) == [("fine", "broker")]


async def test_a_wrong_password(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text("anlou:$7$101$AAAAAAAAAAAAAAAA$AAAA\n")
    one = Mosquitto(tmp_path, f"allow_anonymous false\npassword_file {tmp_path}/passwd\n")
    one.start()
    try:
        (finding,) = await drained(doctor_reach.broker("b", link(one, username="anlou", password="wrong"), ["a"]))
    finally:
        one.end()
    assert finding.level is Level.FAILS and "Not authorized" in finding.what.en, finding
    assert finding.mend is not None and "password" in finding.mend.en and "wrong" not in str(finding)


async def test_topics_that_the_broker_does_not_give_us(monkeypatch: pytest.MonkeyPatch, broker: Mosquitto) -> None:
    """Other brokers answer as the standard has it; Mosquitto grants what it will not deliver."""

    class Strict:
        async def subscribe(self, filters: list[str]) -> dict[str, str]:
            return {one: "Not authorized" for one in filters if one.startswith("no/")}

        async def close(self) -> None:
            return

    async def opened(*_: object) -> Strict:
        return Strict()

    monkeypatch.setattr(doctor_reach.Session, "open", opened)
    (finding,) = await drained(doctor_reach.broker("b", link(broker), ["yes/a", "no/a"]))
    assert finding.level is Level.FAILS and "no/a (Not authorized)" in finding.what.en


async def test_announcements_that_are_looked_for_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(
        "site: {id: t, name: {en: Test, zh: 测试}, timezone: Asia/Shanghai}\n"
        'links: {broker: {mqtt: "mqtt://127.0.0.1:1", discover: [openevse], watch: ["house/#"]}}\n'
        "rules: {packs: [gateway]}\n"
    )
    asked: list[str] = []

    async def seen(_: str, __: MqttLinkOptions, topics: list[str]) -> AsyncIterator[Finding]:
        asked.extend(topics)
        nothing: tuple[Finding, ...] = ()
        for finding in nothing:
            yield finding

    monkeypatch.setattr(doctor_reach, "broker", seen)
    doctor = Doctor(load_site(file), tmp_path / "data", "127.0.0.1", 8640, AssumedPorts({}, {}))
    await drained(doctor._gently())
    assert asked == ["house/#", "openevse/announce/+"]


async def test_a_broker_that_is_not_there(broker: Mosquitto) -> None:
    broker.end()
    assert kinds(await drained(doctor_reach.broker("b", link(broker), []))) == [("fails", "broker")]


async def test_the_doctor_leaves_the_gateways_session_alone(broker: Mosquitto) -> None:
    """It must neither throw the gateway out nor leave a session behind that the broker fills."""
    from drivers.mqtt.session import Session

    options = link(broker)
    ours = await Session.open(options, str(options.client_id))
    try:
        await ours.subscribe(["a/b"])
        assert kinds(await drained(doctor_reach.broker("b", options, ["a/b"]))) == [("fine", "broker")]
        assert not ours.lost.done()
    finally:
        await ours.close()
    again = await Session.open(options.model_copy(update={"session_expiry": 0}), "anlou-here-doctor")
    try:
        assert not again.present
    finally:
        await again.close()


async def test_a_historian_that_knows_us_and_one_that_does_not() -> None:
    def options(port: int, token: str) -> HistorianOptions:
        return HistorianOptions.model_validate(
            {"kind": "influxdb2", "url": f"http://127.0.0.1:{port}", "org": ORG, "bucket": BUCKET, "token": token}
        )

    async with running() as stub:
        assert kinds(await drained(doctor_reach.historian(options(stub.port, TOKEN), "s"))) == [("fine", "historian")]
        (finding,) = await drained(doctor_reach.historian(options(stub.port, "other"), "s"))
        assert finding.level is Level.FAILS and "token" in (finding.mend or ("",))[0]
        assert stub.points == {}, "nothing was written"
        port = stub.port
    assert kinds(await drained(doctor_reach.historian(options(port, TOKEN), "s"))) == [("fails", "historian")]


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ('flag{name="dedup.minScrapeInterval", value="1ms", is_set="true"} 1\n', []),
        ('flag{name="dedup.minScrapeInterval", value="30s", is_set="true"} 1\n', [("fails", "historian")]),
        ("", [("warns", "historian")]),
        (None, [("warns", "historian")]),
    ],
)
def test_victoria_metrics_must_not_count_twice(metrics: str | None, expected: list[tuple[str, str]]) -> None:
    assert kinds(doctor_reach._of_flags(metrics)) == expected


async def test_a_webhook_that_can_be_reached_and_ones_that_cannot() -> None:
    def hook(url: str, *allow: str) -> WebhookOptions:
        return WebhookOptions.model_validate({"name": "duty", "url": url, "secret": "s" * 20, "allow": list(allow)})

    with socket.socket() as ear:
        ear.bind(("127.0.0.1", 0))
        ear.listen()
        number = ear.getsockname()[1]
        found = await drained(doctor_reach.webhook(hook(f"http://127.0.0.1:{number}/se/cret")))
        assert kinds(found) == [("fine", "webhook")]
        assert "cret" not in found[0].line("en")
    (refused,) = await drained(doctor_reach.webhook(hook(f"http://127.0.0.1:{number}/se/cret")))
    assert refused.level is Level.FAILS and "cret" not in refused.line("en")
    (unknown,) = await drained(doctor_reach.webhook(hook("https://no-such-host.invalid/x")))
    assert unknown.level is Level.FAILS


# what the running gateway says


def said(**changes: Any) -> dict[str, Any]:
    fine: dict[str, Any] = {
        "version": "1",
        "status": "ok",
        "problems": [],
        "dead_notices": 0,
        "has_tokens": True,
        "devices": {"online": 7, "disabled": 1, "starting": 1},
        "sick": [],
        "left_out": 0,
    }
    return fine | changes


def test_a_gateway_that_is_well() -> None:
    assert [finding.line("en") for finding in told(said())] == [
        "fine    gateway: version 1 runs here and says `ok`",
        "fine    device: 7 of 8 are online, none has a trouble",
    ]


def test_a_gateway_with_troubles() -> None:
    why = {"en": "unit 5 has not answered", "zh": "从站 5 没有应答"}
    sick = [
        {"what": "link", "id": "cellar", "state": "down", "why": why},
        {"what": "device", "id": "pump", "state": "offline", "why": why},
        {"what": "device", "id": "lift", "state": "degraded", "kind": None, "why": None},
        {"what": "device", "id": "lift-2", "state": "degraded", "kind": "timeout", "why": why},
        {"what": "note", "id": "meter", "state": "online", "why": why},
    ]
    found = list(told(said(status="degraded", problems=[why], sick=sick, left_out=3, dead_notices=2, has_tokens=False)))
    assert [(finding.level.value, finding.check) for finding in found] == [
        ("warns", "gateway"),
        ("warns", "gateway"),
        ("fails", "gateway"),
        ("warns", "gateway"),
        ("fails", "link"),
        ("fails", "device"),
        ("warns", "device"),
        ("fails", "device"),
        ("fine", "device"),
        ("warns", "device"),
    ]
    assert found[5].line("zh") == "fails   device: pump 离线：从站 5 没有应答"
