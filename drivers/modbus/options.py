"""What a site says about a Modbus TCP link: `{modbus: "tcp://10.0.0.7:502", timeout: 1s}`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, NamedTuple

from pydantic import BeforeValidator, Field
from pydantic.json_schema import WithJsonSchema

from gateway.fields import Duration, Strict, within
from gateway.model import SECOND


class TcpAddress(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp://[{self.host}]:{self.port}" if ":" in self.host else f"tcp://{self.host}:{self.port}"


_ADDRESS = re.compile(r"tcp://(?:\[([0-9A-Fa-f:.%\w]+)\]|([A-Za-z0-9.-]+))(?::(\d{1,5}))?/?")


def parse_address(value: object) -> TcpAddress:
    """`tcp://host:port`, port 502 when it is not said (MODBUS Messaging on TCP/IP V1.0b §4.2.1)."""
    if isinstance(value, TcpAddress):
        return value
    if isinstance(value, str):
        if match := _ADDRESS.fullmatch(value):
            port = int(match[3] or 502)
            if not 1 <= port <= 65535:
                raise ValueError(f"a port lies within 1 … 65535, got {port}")
            return TcpAddress((match[1] or match[2]).lower(), port)
        if value.startswith(("rtu:", "rtu+tcp:", "tls:")):
            raise ValueError(f"only Modbus TCP (tcp://host:port) can be spoken so far, got {value!r}")
    raise ValueError(f"an address such as tcp://10.0.0.7:502 is expected, got {value!r}")


_MS = SECOND // 1000
Timeout = Annotated[Duration, within(10 * _MS, 60 * SECOND, "10ms … 1min")]
Pause = Annotated[Duration, within(100 * _MS, 600 * SECOND, "100ms … 10min")]


class ModbusLinkOptions(Strict):
    """One TCP connection. Times are host time but for the pauses between connects, which are building time."""

    modbus: Annotated[TcpAddress, BeforeValidator(parse_address), WithJsonSchema({"type": "string"})]
    timeout: Timeout = Field(default=SECOND, description="for one answer")
    connect_timeout: Timeout = Field(default=2 * SECOND, description="for one connection")
    retries: int = Field(default=0, ge=0, le=1, description="how often a question is repeated after a timeout")
    reconnect_min: Pause = Field(default=500 * _MS, description="first pause before connecting again")
    reconnect_max: Pause = Field(
        default=5 * SECOND, description="longest pause: how long a returned link may stay unseen"
    )
    assumed_rtt: Annotated[Duration, within(_MS, 10 * SECOND, "1ms … 10s")] | None = Field(
        default=None, description="for the arithmetic of `anlou check`: how long the devices take to answer"
    )
    allow_overrun: bool = Field(default=False, description="true: run although the link cannot do all its polls")
    transaction: Literal["echo", "zero"] = Field(
        default="echo", description="zero: a gateway that answers every question with transaction 0"
    )

    @property
    def endpoint(self) -> str:
        """Identity of the physical endpoint: two links to the same one are an error."""
        return str(self.modbus)
