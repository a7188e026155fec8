"""The door to a Modbus link, over whatever wire its address names."""

from __future__ import annotations

from drivers.base import SessionError
from drivers.modbus.client import TcpConnection
from drivers.modbus.connection import Connection
from drivers.modbus.options import ModbusLinkOptions
from gateway.model import ErrorKind


async def open_connection(options: ModbusLinkOptions) -> Connection:
    """A new connection to the link's first address, or to its second when the first fails; SessionError when neither
    can be had."""
    failures = []
    for address in options.addresses:
        try:
            return await _open(options.at(address))
        except SessionError as error:
            failures.append(error)
    raise SessionError(failures[0].kind, "; ".join(failure.message for failure in failures))


async def _open(options: ModbusLinkOptions) -> Connection:
    if options.modbus.scheme == "tcp":
        return await TcpConnection.open(options)
    raise SessionError(ErrorKind.CONNECT, f"{options.modbus.scheme}:// cannot be spoken")
