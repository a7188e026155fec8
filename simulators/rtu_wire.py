"""RTU framing after "MODBUS over Serial Line" V1.02: bytes in, requests out; no ports."""

from __future__ import annotations

from simulators.wire import MODBUS_PROTOCOL, Request

READ_BYTES = 8
"""Unit, function, two words, CRC: every question this server answers has this length."""
LEAST_BYTES = 4
MOST_BYTES = 256


def crc(content: bytes) -> int:
    """V1.02 §6.2.2, bit by bit as the appendix draws it."""
    register = 0xFFFF
    for byte in content:
        register ^= byte
        for _ in range(8):
            carry = register & 1
            register >>= 1
            if carry:
                register ^= 0xA001
    return register


def sealed(unit: int, pdu: bytes) -> bytes:
    """One frame: unit, PDU, CRC with its low byte first (§2.5.1)."""
    content = bytes([unit]) + pdu
    value = crc(content)
    return content + bytes([value & 0xFF, value >> 8])


def opened(frame: bytes) -> Request | None:
    """The request in a whole frame; None when the CRC does not fit or it cannot be a frame."""
    if not LEAST_BYTES <= len(frame) <= MOST_BYTES or sealed(frame[0], frame[1:-2]) != frame:
        return None
    return Request(0, MODBUS_PROTOCOL, frame[0], frame[1:-2])
