"""What stands on the wire of Modbus TCP, judged byte by byte before anybody decodes it. Pure.

MBAP header (MODBUS Messaging on TCP/IP V1.0b §3.1.3): transaction, protocol 0, length of unit + PDU, unit.
"""

from __future__ import annotations

from dataclasses import dataclass

HEADER = 7
# unit + function + exception code … unit + the largest PDU of 253 bytes (V1.1b3 §4.1)
LENGTHS = range(3, 255)
# a slow gateway may send a few late answers at once; more unread bytes are a flood, not an answer
MOST_WAITING = 8 * 260


@dataclass(frozen=True, slots=True)
class Question:
    """One read request. `size` is the number of bytes that its answer must hold.

    `timeout_ns` (host time) is a slow device's own; None: the link's.
    """

    unit: int
    function: int
    address: int
    count: int
    size: int
    timeout_ns: int | None = None


def refusal(buffer: bytes, transaction: int, unit: int, function: int, *, zero: bool = False) -> str | None:
    """Why `buffer` cannot lead to the answer of (transaction, unit, function), None while it still can.

    Whole frames of other transactions are late answers: passed over, never believed.
    """
    if len(buffer) > MOST_WAITING:
        return f"a flood of {len(buffer)} bytes"
    at = 0
    while at < len(buffer):
        head = buffer[at : at + HEADER + 1]
        if any(head[2:4]):
            return f"this is not Modbus TCP: {printable(buffer)}"
        if len(head) < 6:
            return None
        length = int.from_bytes(head[4:6], "big")
        if length not in LENGTHS:
            return f"an MBAP length of {length} is impossible"
        if len(head) <= HEADER:
            return None
        if int.from_bytes(head[:2], "big") == (0 if zero else transaction):
            if head[6] != unit:
                return f"unit {head[6]} answered instead of unit {unit}"
            if head[7] & 0x7F != function:
                return f"function 0x{head[7]:02X} answered function {function}"
            return None
        if not zero and head[:2] == b"\0\0":
            return "transaction 0 answered: this gateway needs `transaction: zero`"
        at += 6 + length
    return None


def whole(buffer: bytes) -> bool:
    """True when the bytes left over are whole frames: what comes next begins a frame."""
    at = 0
    while at + 6 <= len(buffer) and not any(buffer[at + 2 : at + 4]):
        at += 6 + int.from_bytes(buffer[at + 4 : at + 6], "big")
    return at == len(buffer)


def printable(buffer: bytes) -> str:
    """The first bytes, as text where they are text (an HTTP or SSH banner tells at once what is wrong)."""
    return repr(buffer[:24])[1:]
