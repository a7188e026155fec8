"""What a bad device does to a good answer: pure, so that every fault's bytes can be tested to the last one."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum

from simulators.pdu import ERROR_BIT, refuse
from simulators.rtu_wire import sealed
from simulators.wire import HEADER, Request, frame

BANNER = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
GARBAGE_BYTES = 64
FLOOD_FRAMES = 2000
NOISE_BYTES = 3


class FaultKind(StrEnum):
    """One way of answering badly; each value is its word in scenario files."""

    SILENT = "silent"  # no answer
    LATE = "late"  # the good answer, `seconds` later
    EXCEPTION = "exception"  # exception answer with `code` (4 unless told)
    SHORT = "short"  # one register (or byte of bits) fewer than asked, counted honestly
    LONG = "long"  # one register (or byte of bits) more than asked, counted honestly
    ODD_BYTES = "odd_bytes"  # the last byte is missing, counted honestly
    WRONG_COUNT = "wrong_count"  # the byte count says two more than there are
    WRONG_UNIT = "wrong_unit"  # the next unit's number
    WRONG_FUNCTION = "wrong_function"  # `code`, or the sister table's function (3↔4, 1↔2)
    WRONG_TRANSACTION = "wrong_transaction"  # five ahead
    ZERO_TRANSACTION = "zero_transaction"  # 0, as gateways do that do not echo it
    STALE_TRANSACTION = "stale_transaction"  # one behind
    STALE = "stale"  # the connection's previous answer, byte for byte (nothing, when there was none)
    WRONG_PROTOCOL = "wrong_protocol"  # protocol 7
    WRONG_LENGTH = "wrong_length"  # the header's length field is `code` (0 unless told)
    GARBAGE = "garbage"  # 64 random bytes
    BANNER = "banner"  # another protocol's greeting
    TWICE = "twice"  # the good answer and, in the same segment, another with the same transaction and inverted content
    FLOOD = "flood"  # 2,000 answers that nobody asked for, then the good one
    CUT = "cut"  # the first half of the answer, nothing more
    DRIP = "drip"  # one byte each `seconds`
    CLOSE = "close"  # the connection is closed instead of answering
    RESET = "reset"  # the connection is reset (RST) instead of answering
    BAD_CRC = "bad_crc"  # one bit of the answer has flipped on its way
    NOISE = "noise"  # `code` bytes of noise (3 unless told) before the good answer
    UNSEALED = "unsealed"  # the answer without its CRC


_OF_TRANSACTIONS = frozenset(
    {
        FaultKind.WRONG_TRANSACTION,
        FaultKind.ZERO_TRANSACTION,
        FaultKind.STALE_TRANSACTION,
        FaultKind.WRONG_PROTOCOL,
        FaultKind.WRONG_LENGTH,
        FaultKind.FLOOD,
    }
)
_OF_LINES = frozenset({FaultKind.BAD_CRC, FaultKind.NOISE, FaultKind.UNSEALED})


@dataclass(frozen=True, slots=True)
class Framing:
    """How a wire makes a frame of (request, unit, PDU, transactions ahead), and which faults it cannot have."""

    frame: Callable[[Request, int, bytes, int], bytes]
    header: int
    impossible: frozenset[FaultKind]

    def require(self, kind: FaultKind) -> None:
        """ValueError when the wire has nothing that could be wrong in this way."""
        if kind in self.impossible:
            raise ValueError(f"this wire cannot have the fault {kind.value!r}")


MBAP = Framing(
    lambda request, unit, pdu, ahead: frame((request.transaction + ahead) & 0xFFFF, unit, pdu), HEADER.size, _OF_LINES
)
RTU = Framing(lambda request, unit, pdu, ahead: sealed(unit, pdu), 1, _OF_TRANSACTIONS)


class Ending(Enum):
    """What becomes of the connection after the answer."""

    STAY = "stay"
    CLOSE = "close"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Fault:
    """When a unit answers badly, and how.

    `start` and `end` bound the window in the server's `now`; `seconds` is host time, for it is measured against the
    client's timeout; `times` ends the fault after so many plays.
    """

    kind: FaultKind
    probability: float = 1.0
    start: float = -math.inf
    end: float = math.inf
    seconds: float = 2.0
    code: int | None = None
    times: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"a probability lies within 0…1, got {self.probability}")
        if self.seconds < 0 or self.start > self.end:
            raise ValueError("a fault's seconds must not be negative and its start not after its end")
        most = 0xFFFF if self.kind is FaultKind.WRONG_LENGTH else 0xFF
        if self.code is not None and not 0 <= self.code <= most:
            raise ValueError(f"the code of {self.kind} lies within 0…{most}, got {self.code}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out: each piece after its own wait in host seconds, then the ending."""

    pieces: tuple[tuple[float, bytes], ...] = ()
    ending: Ending = Ending.STAY


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question, the good answer's PDU, the previous answer on this connection, and chance."""

    request: Request
    pdu: bytes
    previous: bytes
    rng: random.Random
    framing: Framing = MBAP

    def framed(self, pdu: bytes, ahead: int = 0, unit: int | None = None) -> bytes:
        return self.framing.frame(self.request, self.request.unit if unit is None else unit, pdu, ahead)

    @property
    def good(self) -> bytes:
        return self.framed(self.pdu)


def honest(exchange: Exchange) -> Answer:
    """The good answer, at once."""
    return Answer(((0.0, exchange.good),))


def spoil(fault: Fault, exchange: Exchange) -> Answer:
    """The answer as `fault` makes it."""
    return _SPOILERS[fault.kind](fault, exchange)


def _at_once(content: bytes) -> Answer:
    return Answer(((0.0, content),)) if content else Answer()


def _recounted(pdu: bytes, change: int) -> bytes:
    """The PDU with `change` bytes of content more (zeros) or fewer; exception answers have no content and stay."""
    if pdu[0] & ERROR_BIT:
        return pdu
    content = pdu[2:] + bytes(change) if change > 0 else pdu[2 : max(2, len(pdu) + change)]
    return bytes([pdu[0], len(content) & 0xFF]) + content


def _width(pdu: bytes) -> int:
    return 1 if pdu[0] in (1, 2) else 2


def _with_function(fault: Fault, pdu: bytes) -> bytes:
    sister = {1: 2, 2: 1, 3: 4, 4: 3}.get(pdu[0], pdu[0] ^ 1)
    return bytes([sister if fault.code is None else fault.code]) + pdu[1:]


def _inverted(pdu: bytes) -> bytes:
    return pdu[:2] + bytes(byte ^ 0xFF for byte in pdu[2:])


def _wrong_length(fault: Fault, exchange: Exchange) -> bytes:
    return frame(exchange.request.transaction, exchange.request.unit, exchange.pdu, length=fault.code or 0)


def _miscounted(pdu: bytes) -> bytes:
    return pdu[:1] + bytes([(pdu[1] + 2) & 0xFF]) + pdu[2:]


def _flood(exchange: Exchange) -> bytes:
    unasked = b"".join(exchange.framed(_inverted(exchange.pdu), ahead) for ahead in range(1, FLOOD_FRAMES + 1))
    return unasked + exchange.good


def _flipped(exchange: Exchange) -> bytes:
    damaged = bytearray(exchange.good)
    damaged[exchange.rng.randrange(len(damaged))] ^= 1 << exchange.rng.randrange(8)
    return bytes(damaged)


def _drip(fault: Fault, exchange: Exchange) -> Answer:
    return Answer(tuple((fault.seconds, bytes([byte])) for byte in exchange.good))


_SPOILERS: dict[FaultKind, Callable[[Fault, Exchange], Answer]] = {
    FaultKind.SILENT: lambda fault, asked: Answer(),
    FaultKind.LATE: lambda fault, asked: Answer(((fault.seconds, asked.good),)),
    FaultKind.EXCEPTION: lambda fault, asked: _at_once(
        asked.framed(refuse(asked.request.pdu[0], 4 if fault.code is None else fault.code))
    ),
    FaultKind.SHORT: lambda fault, asked: _at_once(asked.framed(_recounted(asked.pdu, -_width(asked.pdu)))),
    FaultKind.LONG: lambda fault, asked: _at_once(asked.framed(_recounted(asked.pdu, _width(asked.pdu)))),
    FaultKind.ODD_BYTES: lambda fault, asked: _at_once(asked.framed(_recounted(asked.pdu, -1))),
    FaultKind.WRONG_COUNT: lambda fault, asked: _at_once(asked.framed(_miscounted(asked.pdu))),
    FaultKind.WRONG_UNIT: lambda fault, asked: _at_once(asked.framed(asked.pdu, unit=(asked.request.unit + 1) & 0xFF)),
    FaultKind.WRONG_FUNCTION: lambda fault, asked: _at_once(asked.framed(_with_function(fault, asked.pdu))),
    FaultKind.WRONG_TRANSACTION: lambda fault, asked: _at_once(asked.framed(asked.pdu, 5)),
    FaultKind.ZERO_TRANSACTION: lambda fault, asked: _at_once(frame(0, asked.request.unit, asked.pdu)),
    FaultKind.STALE_TRANSACTION: lambda fault, asked: _at_once(asked.framed(asked.pdu, -1)),
    FaultKind.STALE: lambda fault, asked: _at_once(asked.previous),
    FaultKind.WRONG_PROTOCOL: lambda fault, asked: _at_once(
        frame(asked.request.transaction, asked.request.unit, asked.pdu, protocol=7)
    ),
    FaultKind.WRONG_LENGTH: lambda fault, asked: _at_once(_wrong_length(fault, asked)),
    FaultKind.GARBAGE: lambda fault, asked: _at_once(asked.rng.randbytes(GARBAGE_BYTES)),
    FaultKind.BANNER: lambda fault, asked: _at_once(BANNER),
    FaultKind.TWICE: lambda fault, asked: _at_once(asked.good + asked.framed(_inverted(asked.pdu))),
    FaultKind.FLOOD: lambda fault, asked: _at_once(_flood(asked)),
    FaultKind.CUT: lambda fault, asked: _at_once(asked.good[: (asked.framing.header + len(asked.pdu)) // 2]),
    FaultKind.DRIP: _drip,
    FaultKind.CLOSE: lambda fault, asked: Answer(ending=Ending.CLOSE),
    FaultKind.RESET: lambda fault, asked: Answer(ending=Ending.RESET),
    FaultKind.BAD_CRC: lambda fault, asked: _at_once(_flipped(asked)),
    FaultKind.NOISE: lambda fault, asked: _at_once(
        asked.rng.randbytes(NOISE_BYTES if fault.code is None else fault.code) + asked.good
    ),
    FaultKind.UNSEALED: lambda fault, asked: _at_once(asked.good[:-2]),
}
