"""MBAP framing after "MODBUS Messaging on TCP/IP Implementation Guide" V1.0b: bytes in, requests out; no sockets."""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER = struct.Struct(">HHHB")
"""Guide §3.1.3: transaction, protocol (0 = MODBUS), length of what follows (unit included), unit."""
MAX_PDU = 253
"""Application Protocol V1.1b3 §4.1: 256 bytes of an RS485 ADU less address and CRC."""
MODBUS_PROTOCOL = 0


class FramingError(ValueError):
    """The stream cannot be followed any further: the length field does not describe a MODBUS request."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question as it arrived: the header's fields and the PDU behind them."""

    transaction: int
    protocol: int
    unit: int
    pdu: bytes


def frame(
    transaction: int, unit: int, pdu: bytes, *, protocol: int = MODBUS_PROTOCOL, length: int | None = None
) -> bytes:
    """The bytes of one ADU. `protocol` and `length` are given only to spoil it on purpose."""
    return HEADER.pack(transaction, protocol, len(pdu) + 1 if length is None else length, unit) + pdu


def split(received: bytes) -> tuple[list[Request], bytes]:
    """All whole requests at the head of `received`, and the rest; FramingError when the length field is impossible."""
    requests = []
    start = 0
    while len(received) - start >= HEADER.size:
        transaction, protocol, length, unit = HEADER.unpack_from(received, start)
        if not 2 <= length <= MAX_PDU + 1:  # a unit and at least a function code; at most the largest PDU
            raise FramingError(f"length field {length} is not within 2…{MAX_PDU + 1}")
        end = start + HEADER.size - 1 + length  # the length counts the unit byte, which is part of the header
        if len(received) < end:
            break
        requests.append(Request(transaction, protocol, unit, received[start + HEADER.size : end]))
        start = end
    return requests, received[start:]
