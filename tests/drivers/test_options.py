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
        ("tls://Panel.example", "tls://panel.example:802"),
        ("rtu:///dev/ttyUSB0?baud=9600&parity=e", "rtu:///dev/ttyUSB0"),
        ("rtu+tcp://10.0.0.7:4196", "rtu+tcp://10.0.0.7:4196"),
        ("rtu+tcp://10.0.0.7:4196?baud=2400&stop=2", "rtu+tcp://10.0.0.7:4196"),
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
        ({"modbus": "rtu://ttyUSB0?baud=9600"}, "modbus", "whole path"),
        ({"modbus": "rtu:///dev/../etc/x?baud=9600"}, "modbus", "without ., .."),
        ({"modbus": "rtu:///dev/ttyUSB0?baud=9601"}, "modbus", "got '9601'"),
        ({"modbus": "rtu:///dev/ttyUSB0?baud=9600&baud=9600"}, "modbus", "said twice"),
        ({"modbus": "rtu:///dev/ttyUSB0?baud=9600&parity=X"}, "modbus", "N, E or O"),
        ({"modbus": "rtu:///dev/ttyUSB0?baud=9600&stop=3"}, "modbus", "1 or 2"),
        ({"modbus": "rtu:///dev/ttyUSB0?baud=9600&bytesize=7"}, "modbus", "Modbus ASCII"),
        ({"modbus": "rtu:///dev/ttyUSB0?baud=9600&speed=1"}, "modbus", "got 'speed'"),
        ({"modbus": "rtu+tcp://10.0.0.7"}, "modbus", "no usual port"),
        ({"modbus": "tcp://10.0.0.7?baud=9600"}, "modbus", "has no line"),
        ({"modbus": "ascii:///dev/ttyUSB0"}, "modbus", "only tcp://, tls://"),
        ({"modbus": "tcp://a", "backup": "tls://b"}, (), "as the first address is"),
        ({"modbus": "tcp://a", "backup": "tcp://a:502"}, (), "first address once more"),
        ({"modbus": "tcp://a", "echo": True}, (), "belongs to rtu://"),
        ({"modbus": "tcp://a", "late_within": "1s"}, (), "tells late answers apart"),
        ({"modbus": "tcp://a", "ca": "ca.pem"}, (), "belong to tls://"),
        ({"modbus": "tls://a", "key": "key.pem"}, (), "go together"),
        ({"modbus": "rtu+tcp://a:1", "transaction": "zero"}, (), "rtu+tcp:// has none"),
        ({"modbus": "tcp://a", "timeout": 1}, "timeout", "with its unit"),
        ({"modbus": "tcp://a", "timeout": "1ms"}, "timeout", "10ms … 1min"),
        ({"modbus": "tcp://a", "reconnect_max": "1h"}, "reconnect_max", "10min"),
        ({"modbus": "tcp://a", "retries": 2}, "retries", "less than or equal to 1"),
        ({"modbus": "tcp://a", "write": True}, "write", "Extra inputs"),
        ({"modbus": "tcp://a", "transaction": "none"}, "transaction", "'echo' or 'zero'"),
    ],
)
def test_refused(given: dict[str, Any], loc: str | tuple[()], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ModbusLinkOptions.model_validate(given)
    (error,) = caught.value.errors()
    assert error["loc"] == ((loc,) if loc else ())
    assert words in error["msg"]


def test_what_a_line_adds_to_a_timeout() -> None:
    """8 characters of the question, 5 and the content of the answer: 105 characters of 10 bits at 9,600 baud."""
    assert parse(modbus="tcp://a").answer_ns(92) == SECOND
    serial = parse(modbus="rtu:///dev/ttyUSB0?baud=9600")
    assert serial.answer_ns(92) == SECOND + 109_375_000
    assert serial.answer_ns(92, 5 * SECOND) == 5 * SECOND + 109_375_000
    assert parse(modbus="rtu+tcp://a:4196").answer_ns(92) == SECOND, "nothing is said of its line"


def test_how_late_an_answer_may_be() -> None:
    serial = "rtu:///dev/ttyUSB0?baud=9600"
    assert parse(modbus=serial).late_ns() == SECOND
    assert parse(modbus=serial, timeout="100ms").late_ns() == SECOND // 2, "a short timeout makes no device quick"
    assert parse(modbus=serial).late_ns(8 * SECOND) == 8 * SECOND
    assert parse(modbus=serial, late_within="3s").late_ns(8 * SECOND) == 3 * SECOND


def test_a_hurried_question_is_owed_as_long_as_any_other() -> None:
    """The bench, or a profile, waits for 10 ms; the device answers after 600, when the next question may be out."""
    serial = "rtu:///dev/ttyUSB0?baud=9600"
    hurry = SECOND // 100
    assert hurry + parse(modbus=serial).late_ns(hurry) == 2 * SECOND
    assert hurry + parse(modbus=serial, late_within="3s").late_ns(hurry) == 4 * SECOND


def test_all_ways_to_the_devices() -> None:
    made = parse(modbus="tcp://a", backup="tcp://b:503")
    assert [str(address) for address in made.addresses] == ["tcp://a:502", "tcp://b:503"]
    assert made.at(made.addresses[1]).endpoint == "tcp://b:503"
    assert made.at(made.addresses[1]).backup is None


@pytest.mark.parametrize("model", [ModbusLinkOptions, ChannelOptions, ModbusProfile])
def test_editors_get_a_schema(model: type[Any]) -> None:
    schema = model.model_json_schema()
    assert schema["additionalProperties"] is False
    json.dumps(schema)
