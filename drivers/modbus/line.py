"""A serial line: how long its characters take, and the silence that parts its frames. Pure.

Frames of Modbus RTU have no mark where they end but silence (MODBUS over Serial Line V1.02 §2.5.1.1).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from gateway.model import SECOND

Parity = Literal["N", "E", "O"]
BAUDS = (300, 600, 1200, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 76800, 115200, 230400, 460800, 921600)
# V1.02 §2.5.1.1: above 19,200 baud the silence no longer shrinks with the characters
_FAST = 19_200
FAST_GAP_NS = 1_750_000
_GAP_CHARACTERS = 3.5


class Line(NamedTuple):
    """Speed and shape of the characters; RTU has 8 data bits, always (V1.02 §2.5.1)."""

    baud: int
    parity: Parity = "N"
    stop: Literal[1, 2] = 1

    @property
    def bits(self) -> int:
        """Bits of one character on the wire: start, data, parity, stop."""
        return 1 + 8 + (self.parity != "N") + self.stop

    def seconds(self, characters: float) -> float:
        """How long so many bytes take on the wire."""
        return characters * self.bits / self.baud

    @property
    def gap_ns(self) -> int:
        """The silence between two frames."""
        return FAST_GAP_NS if self.baud > _FAST else round(self.seconds(_GAP_CHARACTERS) * SECOND)

    def __str__(self) -> str:
        return f"{self.baud} baud, 8{self.parity}{self.stop}"
