"""The door to a Modbus link, over whatever wire its address names."""

from __future__ import annotations

from drivers.base import SessionError
from drivers.modbus.client import TcpConnection
from drivers.modbus.connection import Connection
from drivers.modbus.options import ModbusLinkOptions
from drivers.modbus.owed import Owed
from drivers.modbus.rtu import RtuConnection
from gateway.clock import host_mono_ns

_OWED: dict[str, Owed] = {}
"""What each line of this machine owes, by the link's first address. It belongs to the line, not to a connection: a late
answer comes over the next one all the same, and over the second address, which leads to the same devices."""


async def open_connection(options: ModbusLinkOptions) -> Connection:
    """A new connection to the link's first address, or to its second when the first fails; SessionError when neither
    can be had."""
    failures = []
    for address in options.addresses:
        try:
            return await _open(options.at(address), options.modbus.door)
        except SessionError as error:
            failures.append(error)
    raise SessionError(failures[0].kind, "; ".join(failure.message for failure in failures))


async def _open(options: ModbusLinkOptions, door: str) -> Connection:
    connection = await (RtuConnection if options.rtu else TcpConnection).open(options)
    if options.rtu or options.transaction == "zero":
        if door not in _OWED:
            # a gateway that was killed has asked until just now
            _OWED[door] = Owed(all_until_ns=host_mono_ns() + options.late_ns())
        connection.owes(_OWED[door])
    return connection
