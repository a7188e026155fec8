"""What a site may say about a link."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from drivers.modbus.options import ModbusLinkOptions
from drivers.profile import ChannelOptions, ModbusProfile
from gateway.model import SECOND


def parse(**given: Any) -> ModbusLinkOptions:
    return ModbusLinkOptions.model_validate(given)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("tcp://127.0.0.1:1502", "tcp://127.0.0.1:1502"),
        ("tcp://Panel.example", "tcp://panel.example:502"),
        ("tcp://10.0.0.7/", "tcp://10.0.0.7:502"),
        ("tcp://[fe80::1%eth0]:503", "tcp://[fe80::1%eth0]:503"),
    ],
)
def test_endpoint(text: str, endpoint: str) -> None:
    assert parse(modbus=text).endpoint == endpoint


def test_defaults() -> None:
    options = parse(modbus="tcp://a")
    assert (options.timeout, options.connect_timeout, options.retries) == (SECOND, 2 * SECOND, 0)
    assert (options.reconnect_min, options.reconnect_max, options.transaction) == (SECOND // 2, 5 * SECOND, "echo")


@pytest.mark.parametrize(
    ("given", "loc", "words"),
    [
        ({"modbus": "127.0.0.1:502"}, "modbus", "tcp://10.0.0.7:502"),
        ({"modbus": "tcp://a:0"}, "modbus", "1 … 65535, got 0"),
        ({"modbus": "tcp://a:65536"}, "modbus", "1 … 65535"),
        ({"modbus": "tcp://a b"}, "modbus", "is expected"),
        ({"modbus": "tcp://user@a"}, "modbus", "is expected"),
        ({"modbus": "rtu:///dev/ttyUSB0"}, "modbus", "say the baud rate"),
        ({"modbus": 502}, "modbus", "is expected"),
        ({"modbus": "tcp://a", "timeout": 1}, "timeout", "with its unit"),
        ({"modbus": "tcp://a", "timeout": "1ms"}, "timeout", "10ms … 1min"),
        ({"modbus": "tcp://a", "reconnect_max": "1h"}, "reconnect_max", "10min"),
        ({"modbus": "tcp://a", "retries": 2}, "retries", "less than or equal to 1"),
        ({"modbus": "tcp://a", "write": True}, "write", "Extra inputs"),
        ({"modbus": "tcp://a", "transaction": "none"}, "transaction", "'echo' or 'zero'"),
    ],
)
def test_refused(given: dict[str, Any], loc: str, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ModbusLinkOptions.model_validate(given)
    (error,) = caught.value.errors()
    assert error["loc"] == (loc,)
    assert words in error["msg"]


@pytest.mark.parametrize("model", [ModbusLinkOptions, ChannelOptions, ModbusProfile])
def test_editors_get_a_schema(model: type[Any]) -> None:
    schema = model.model_json_schema()
    assert schema["additionalProperties"] is False
    json.dumps(schema)
