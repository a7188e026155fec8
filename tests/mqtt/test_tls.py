"""mqtts:// verifies its peer, always (S10): what is not provably the broker that was meant is not spoken to."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from drivers.base import SessionError
from drivers.mqtt.options import MqttLinkOptions
from drivers.mqtt.session import Session
from gateway.model import ErrorKind
from tests.mqtt.brokers import Mosquitto
from tests.mqtt.house import house
from tests.mqtt.talk import until

TODAY = datetime.datetime.now(datetime.UTC)


class Secured(Mosquitto):
    """A Mosquitto with a certificate."""

    def __init__(self, folder: Path, authority: trustme.CA, certificate: trustme.LeafCert, more: str = "") -> None:
        super().__init__(folder)
        authority.cert_pem.write_to_path(folder / "ca.crt")
        (folder / "broker.crt").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        certificate.private_key_pem.write_to_path(folder / "broker.key")
        self.more = more

    def command(self) -> list[str]:
        command = list(super().command())
        config = Path(command[-1])
        files = f"cafile {self.folder}/ca.crt\ncertfile {self.folder}/broker.crt\nkeyfile {self.folder}/broker.key\n"
        config.write_text(config.read_text() + files + self.more)
        return command


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[list[Secured]]:
    running: list[Secured] = []
    yield running
    for one in running:
        one.stop()


def secured(
    brokers: list[Secured], folder: Path, authority: trustme.CA, certificate: trustme.LeafCert, more: str = ""
) -> Secured:
    one = Secured(folder, authority, certificate, more)
    one.start()
    brokers.append(one)
    return one


def options(one: Secured, host: str = "localhost", **more: object) -> MqttLinkOptions:
    address = f"mqtts://{host}:{one.port}"
    return MqttLinkOptions.model_validate({"mqtt": address, "ca": str(one.folder / "ca.crt"), **more})


async def test_messages_come_over_tls(brokers: list[Secured], tmp_path: Path, authority: trustme.CA) -> None:
    one = secured(brokers, tmp_path, authority, authority.issue_cert("localhost"))
    async with house(0, tmp_path / "house", mqtt=f"mqtts://localhost:{one.port}", ca=str(tmp_path / "ca.crt")) as rooms:
        await until(lambda: rooms.reports and rooms.report.connected)


async def test_a_large_message_over_tls(brokers: list[Secured], tmp_path: Path, authority: trustme.CA) -> None:
    """TLS keeps decrypted bytes of its own, for which no socket becomes readable."""
    one = secured(brokers, tmp_path, authority, authority.issue_cert("localhost"))
    heard: list[bytes] = []
    session = await Session.open(options(one), "ears")
    try:
        session.begin(lambda message: heard.append(message.payload))
        await session.subscribe(["a"])
        for size in (60_000, 1, 30_000):
            session._paho.publish("a", b"x" * size, 1)  # our own client can; the driver has no word for it
        await until(lambda: len(heard) == 3)
        assert [len(payload) for payload in heard] == [60_000, 1, 30_000]
    finally:
        await session.close()


@pytest.mark.parametrize("case", ["other authority", "other host", "expired", "not yet", "no authority of ours"])
async def test_who_is_not_proven_is_not_spoken_to(
    brokers: list[Secured], tmp_path: Path, authority: trustme.CA, case: str
) -> None:
    day = datetime.timedelta(days=1)
    certificate = {
        "other authority": lambda: trustme.CA().issue_cert("localhost"),
        "other host": lambda: authority.issue_cert("elsewhere.example"),
        "expired": lambda: authority.issue_cert("localhost", not_before=TODAY - 9 * day, not_after=TODAY - day),
        "not yet": lambda: authority.issue_cert("localhost", not_before=TODAY + day, not_after=TODAY + 9 * day),
        "no authority of ours": lambda: authority.issue_cert("localhost"),
    }[case]()
    one = secured(brokers, tmp_path, authority, certificate)
    chosen = options(one)
    if case == "no authority of ours":
        chosen = MqttLinkOptions.model_validate({"mqtt": f"mqtts://localhost:{one.port}"})
    with pytest.raises(SessionError, match=r"(?i)certificate.verify.failed") as caught:
        await Session.open(chosen, "ears")
    assert caught.value.kind is ErrorKind.CONNECT


async def test_a_certificate_of_our_own(brokers: list[Secured], tmp_path: Path, authority: trustme.CA) -> None:
    more = "require_certificate true\nuse_identity_as_username true\n"
    one = secured(brokers, tmp_path, authority, authority.issue_cert("localhost"), more)
    with pytest.raises(SessionError):
        await Session.open(options(one), "ears")
    ours = authority.issue_cert("gateway", common_name="gateway")
    ours.private_key_and_cert_chain_pem.write_to_path(tmp_path / "ours.pem")
    pem = str(tmp_path / "ours.pem")
    session = await Session.open(options(one, certificate=pem, key=pem), "ears")
    await session.close()
    foreign = trustme.CA().issue_cert("gateway", common_name="gateway")
    foreign.private_key_and_cert_chain_pem.write_to_path(tmp_path / "foreign.pem")
    pem = str(tmp_path / "foreign.pem")
    with pytest.raises(SessionError):
        await Session.open(options(one, certificate=pem, key=pem), "ears")


async def test_a_missing_file_is_told(brokers: list[Secured], tmp_path: Path, authority: trustme.CA) -> None:
    one = secured(brokers, tmp_path, authority, authority.issue_cert("localhost"))
    with pytest.raises(SessionError, match="No such file"):
        await Session.open(options(one, ca=str(tmp_path / "gone.crt")), "ears")


async def test_plain_text_to_a_tls_door_and_the_other_way_round(
    brokers: list[Secured], tmp_path: Path, authority: trustme.CA
) -> None:
    one = secured(brokers, tmp_path, authority, authority.issue_cert("localhost"))
    plain = MqttLinkOptions.model_validate({"mqtt": f"mqtt://127.0.0.1:{one.port}"})
    with pytest.raises(SessionError):
        await Session.open(plain, "ears")
    (tmp_path / "open").mkdir()
    other = Mosquitto(tmp_path / "open")
    other.start()
    try:
        with pytest.raises(SessionError):
            await Session.open(MqttLinkOptions.model_validate({"mqtt": f"mqtts://localhost:{other.port}"}), "ears")
    finally:
        other.stop()
