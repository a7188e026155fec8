"""A link speaks over one wire, and its address says over which: `{modbus: "tcp://…"}`, `{mqtt: "mqtt://…"}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Tag

from drivers.modbus.options import ModbusLinkOptions
from drivers.mqtt.options import MqttLinkOptions
from gateway.config.nearest import nearest

LinkOptions = ModbusLinkOptions | MqttLinkOptions
ADDRESSES = {
    "modbus": "tcp://HOST, tls://HOST, rtu:///dev/PORT?baud=… or rtu+tcp://HOST:PORT",
    "mqtt": "mqtt://HOST or mqtts://HOST",
}


def wire_of(link: LinkOptions) -> str:
    """`modbus` or `mqtt`."""
    return "mqtt" if isinstance(link, MqttLinkOptions) else "modbus"


def _meant(value: Mapping[Any, Any]) -> list[str]:
    """The wires whose key stands there; misspelt ones, when none does."""
    said = [wire for wire in ADDRESSES if wire in value]
    return said or [near for key in value if (near := nearest(key, ADDRESSES))]


def _one_wire(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    wires = _meant(value)
    if len(wires) > 1:
        raise ValueError("one link speaks over one wire: either `modbus` or `mqtt`; write two links")
    if not wires:
        there_is = " and ".join(f"`{wire}` ({address})" for wire, address in ADDRESSES.items())
        tried = next((key for key, inner in value.items() if isinstance(inner, str) and "://" in inner), None)
        begin = "a link begins with its address" if tried is None else f"unknown wire {str(tried)[:40]!r}"
        raise ValueError(f"{begin}; there are {there_is}")
    return value


def _branch(value: Any) -> str:
    wires = _meant(value) if isinstance(value, Mapping) else []
    return MqttLinkOptions.__name__ if "mqtt" in wires else ModbusLinkOptions.__name__


LinkField = Annotated[
    Annotated[ModbusLinkOptions, Tag(ModbusLinkOptions.__name__)]
    | Annotated[MqttLinkOptions, Tag(MqttLinkOptions.__name__)],
    Discriminator(_branch),
    BeforeValidator(_one_wire),
]
"""The options of the wire that is named; what is wrong is told of that one only."""
