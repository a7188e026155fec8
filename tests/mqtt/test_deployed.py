"""config/deploy/mosquitto.conf as it stands, but for its folders and its port: one door, with TLS and a name."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
from pathlib import Path

import aiomqtt
import pytest
import trustme

from tests.mqtt.brokers import PLACES, ROOT, Broker
from tests.mqtt.house import house
from tests.mqtt.talk import until

ETC = "/etc/mosquitto/"


class Deployed(Broker):
    """Mosquitto under the deployed file, with a certificate of `authority` and the user anlou."""

    def command(self) -> list[str]:
        found = shutil.which("mosquitto", path=PLACES)
        assert found, "mosquitto is not installed: make test-deps"
        text = (ROOT / "config/deploy/mosquitto.conf").read_text()
        text = text.replace(ETC, f"{self.folder}/").replace("/var/lib/mosquitto/", f"{self.folder}/")
        text, listeners = re.subn(r"(?m)^listener 8883$", f"listener {self.port}", text)
        assert listeners == 1
        (self.folder / "mosquitto.conf").write_text(f"user root\n{text}")
        return [found, "-c", str(self.folder / "mosquitto.conf")]


def provide(folder: Path, authority: trustme.CA) -> None:
    certificate = authority.issue_cert("localhost")
    for place in ("ca_certificates", "certs"):
        (folder / place).mkdir()
    authority.cert_pem.write_to_path(folder / "ca_certificates/anlou-ca.crt")
    (folder / "certs/broker.crt").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(folder / "certs/broker.key")
    shutil.copy(ROOT / "config/deploy/mosquitto.acl", folder / "anlou.acl")
    tool = shutil.which("mosquitto_passwd", path=PLACES)
    assert tool
    subprocess.run([tool, "-c", "-b", str(folder / "anlou.passwd"), "anlou", "secret"], check=True, timeout=60)


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_the_deployed_broker_has_one_door_and_the_gateway_comes_in_by_it(tmp_path: Path) -> None:
    authority = trustme.CA()
    provide(tmp_path, authority)
    broker = Deployed(tmp_path)
    broker.start()
    try:
        opened = set(re.findall(r"listen socket on port (\d+)", (tmp_path / "broker.log").read_text()))
        assert opened == {str(broker.port)}
        door = {"mqtt": f"mqtts://localhost:{broker.port}", "ca": str(tmp_path / "ca_certificates/anlou-ca.crt")}
        with pytest.raises(aiomqtt.MqttError):
            async with aiomqtt.Client("localhost", broker.port, tls_context=trusting(authority)):
                pass  # without a name
        async with house(0, tmp_path / "house", **door, username="anlou", password="secret") as rooms:
            await until(lambda: rooms.reports and rooms.report.connected)
    finally:
        broker.stop()
