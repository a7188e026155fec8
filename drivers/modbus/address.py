"""Where a Modbus link leads: `tcp://`, `tls://`, `rtu+tcp://` with host and port, or `rtu://` with a serial port."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl

from drivers.modbus.line import BAUDS, Line

Scheme = Literal["tcp", "tls", "rtu+tcp"]


class NetAddress(NamedTuple):
    """A host that speaks Modbus TCP, the same within TLS, or RTU frames (a serial server: `line` is behind it)."""

    host: str
    port: int
    scheme: Scheme = "tcp"
    line: Line | None = None

    @property
    def door(self) -> str:
        """The same for all that lead to the same place, whatever is spoken there."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.door}"


class SerialAddress(NamedTuple):
    """A serial port of this machine."""

    path: str
    line: Line

    @property
    def scheme(self) -> Literal["rtu"]:
        return "rtu"

    @property
    def host(self) -> None:
        return None

    @property
    def door(self) -> str:
        return self.path

    def __str__(self) -> str:
        return f"rtu://{self.path}"


Address = NetAddress | SerialAddress

_PORTS = {"tcp": 502, "tls": 802, "rtu+tcp": None}
_NET = re.compile(r"(tcp|tls|rtu\+tcp)://(?:\[([0-9A-Fa-f:.%\w]+)\]|([A-Za-z0-9.-]+))(?::(\d{1,5}))?/?(?:\?([^?#]*))?")
_SERIAL = re.compile(r"rtu://(/[^\s?#\x00-\x1f]{1,255})(?:\?([^?#]*))?")
_EXAMPLES = "tcp://10.0.0.7:502, tls://10.0.0.7:802, rtu:///dev/ttyUSB0?baud=9600 or rtu+tcp://10.0.0.7:4196?baud=9600"


def parse_address(value: object) -> Address:
    """The address as the site writes it. Ports when none is said: 502 (MODBUS Messaging on TCP/IP V1.0b §4.2.1) and
    802 within TLS (MODBUS/TCP Security v21 §7); RTU over TCP has no port of its own.
    """
    if isinstance(value, (NetAddress, SerialAddress)):
        return value
    if isinstance(value, str):
        if match := _NET.fullmatch(value):
            return _net(match)
        if match := _SERIAL.fullmatch(value):
            return _serial(match)
        if re.match(r"rtu://[^/]", value):
            raise ValueError(f"a serial port is named by its whole path, such as rtu:///dev/ttyUSB0, got {value!r}")
        if value.startswith(("ascii:", "udp:", "rtu+udp:", "rtu+tls:")):
            raise ValueError(f"only tcp://, tls://, rtu:// and rtu+tcp:// can be spoken, got {value!r}")
    raise ValueError(f"an address such as {_EXAMPLES} is expected, got {value!r}")


def _net(match: re.Match[str]) -> NetAddress:
    scheme: Scheme = match[1]  # type: ignore[assignment]
    usual = _PORTS[scheme]
    if match[4] is None and usual is None:
        raise ValueError("rtu+tcp:// has no usual port: say it, as in rtu+tcp://10.0.0.7:4196")
    port = int(match[4] or usual or 0)
    if not 1 <= port <= 65535:
        raise ValueError(f"a port lies within 1 … 65535, got {port}")
    if match[5] is not None and scheme != "rtu+tcp":
        raise ValueError(f"{scheme}:// has no line: baud and the like belong to rtu:// and rtu+tcp://")
    line = _line(match[5]) if match[5] else None
    return NetAddress((match[2] or match[3]).lower(), port, scheme, line)


def _serial(match: re.Match[str]) -> SerialAddress:
    path, query = match[1], match[2]
    parts = path.split("/")[1:]
    if ".." in parts or "." in parts or "" in parts:
        raise ValueError(f"a path without ., .. and empty parts is expected, got {path!r}")
    if not query:
        raise ValueError("say the baud rate of the line, as in rtu:///dev/ttyUSB0?baud=9600&parity=N&stop=1")
    return SerialAddress(path, _line(query))


def _line(query: str) -> Line:
    """`baud=9600&parity=N&stop=1`; parity N and one stop bit when they are not said."""
    given: dict[str, str] = {}
    for key, text in parse_qsl(query, keep_blank_values=True):
        if key not in ("baud", "parity", "stop", "bytesize"):
            raise ValueError(f"a line has `baud`, `parity`, `stop` and `bytesize`, got {key!r}")
        if key in given:
            raise ValueError(f"`{key}` is said twice")
        given[key] = text
    baud = given.get("baud", "")
    if not baud.isdecimal() or int(baud) not in BAUDS:
        raise ValueError(f"`baud` is one of {', '.join(map(str, BAUDS))}, got {baud!r}")
    parity = given.get("parity", "N").upper()
    if parity not in ("N", "E", "O"):
        raise ValueError(f"`parity` is N, E or O, got {given['parity']!r}")
    stop = given.get("stop", "1")
    if stop not in ("1", "2"):
        raise ValueError(f"`stop` is 1 or 2, got {stop!r}")
    if given.get("bytesize", "8") != "8":
        raise ValueError("RTU has 8 data bits; a line with 7 carries Modbus ASCII, which is not spoken here")
    return Line(int(baud), parity, 2 if stop == "2" else 1)  # type: ignore[arg-type]
