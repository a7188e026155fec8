"""What a site may say about an MQTT link."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from drivers.mqtt.options import MqttLinkOptions
from gateway.model import SECOND


def options(mqtt: str = "mqtt://127.0.0.1:1883", **more: Any) -> MqttLinkOptions:
    return MqttLinkOptions.model_validate({"mqtt": mqtt, **more})


@pytest.mark.parametrize(
    ("address", "endpoint", "tls"),
    [
        ("mqtt://127.0.0.1", "mqtt://127.0.0.1:1883", False),
        ("mqtt://localhost:1884/", "mqtt://localhost:1884", False),
        ("mqtt://[::1]", "mqtt://[::1]:1883", False),
        ("mqtts://Broker.LAN", "mqtts://broker.lan:8883", True),
        ("mqtts://10.0.0.7:443", "mqtts://10.0.0.7:443", True),
    ],
)
def test_addresses(address: str, endpoint: str, tls: bool) -> None:
    made = options(address)
    assert made.endpoint == endpoint and made.mqtt.tls is tls


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"mqtt": "tcp://127.0.0.1:1883"}, "only mqtt:// and mqtts://"),
        ({"mqtt": "mqtt://user:secret@127.0.0.1"}, "`username` and `password`"),
        ({"mqtt": "mqtt://127.0.0.1:0"}, "1 … 65535"),
        ({"mqtt": "broker"}, "an address such as"),
        ({"mqtt": 1883}, "an address such as"),
        ({"mqtt": "mqtt://10.0.0.7"}, "insecure: true"),
        ({"mqtt": "mqtt://broker.lan"}, "insecure: true"),
        ({"ca": "ca.crt"}, "belong to mqtts://"),
        ({"mqtt": "mqtts://b", "certificate": "c"}, "go together"),
        ({"password": "secret"}, "needs a `username`"),
        ({"keepalive": "1s"}, "2s … 1min"),
        ({"keepalive": 10}, "with its unit"),
        ({"window": 5}, "greater than or equal to 10"),
        ({"client_id": "a b"}, "pattern"),
        ({"watch": ["a/#/b"]}, "stands for one whole level"),
        ({"watch": ["a+"]}, "stands for one whole level"),
        ({"watch": ["$SYS/#"]}, "cannot be watched"),
        ({"watch": ["$share/g/a"]}, "cannot be watched"),
        ({"watch": [""]}, "printable"),
        ({"qos": 2}, "Extra inputs"),
        ({"write": True}, "Extra inputs"),
    ],
)
def test_refused(more: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        options(**{"mqtt": "mqtt://127.0.0.1", **more})


def test_a_password_is_not_shown() -> None:
    made = options(username="anlou", password="correct horse")
    assert "horse" not in repr(made) and "horse" not in str(made)
    with pytest.raises(ValidationError) as caught:
        options("mqtt://anlou:horse@127.0.0.1")
    assert "horse" not in str(caught.value.errors()[0]["msg"])


def test_defaults_and_files(tmp_path: Path) -> None:
    made = options("mqtt://10.0.0.7", insecure=True, watch=["a/+", "b/#"])
    assert made.keepalive == 10 * SECOND and made.session_expiry == 7 * 86_400 * SECOND
    assert made.max_payload == 65536 and made.window == 2000 and made.watch == ("a/+", "b/#")
    assert made.file_problems() == []
    there = tmp_path / "ca.crt"
    there.write_text("")
    tls = options("mqtts://b", ca=str(there), certificate="gone.crt", key="gone.key")
    assert tls.file_problems() == ["certificate: there is no file 'gone.crt'", "key: there is no file 'gone.key'"]
