"""What a device means when it says no: MODBUS Application Protocol V1.1b3 §7, as consequences for polling."""

from __future__ import annotations

from enum import Enum, auto

from drivers.base import RequestError
from gateway.model import ErrorKind


class Consequence(Enum):
    REFUSED = auto()  # these registers are not there: the others may be
    BUSY = auto()  # the device lives and asks to come again
    ABSENT = auto()  # a gateway answers for a device that does not
    FAILED = auto()  # the device could not: these registers have no value now


_NAMES = {
    1: ("illegal function", Consequence.REFUSED),
    2: ("illegal data address", Consequence.REFUSED),
    3: ("illegal data value", Consequence.REFUSED),
    4: ("server device failure", Consequence.FAILED),
    5: ("acknowledge", Consequence.BUSY),
    6: ("server device busy", Consequence.BUSY),
    8: ("memory parity error", Consequence.FAILED),
    10: ("gateway path unavailable", Consequence.ABSENT),
    11: ("gateway target device failed to respond", Consequence.ABSENT),
}


class ExceptionAnswer(RequestError):  # noqa: N818 - the standard's word
    """The device answered with an exception."""

    def __init__(self, code: int) -> None:
        name, self.consequence = _NAMES.get(code, ("a code the standard does not know", Consequence.FAILED))
        super().__init__(ErrorKind.EXCEPTION, f"exception 0x{code:02X}, {name}")
        # a device that answers with every code there is must not make as many names
        self.name = name
        self.code = code

    @property
    def can_be_cut(self) -> bool:
        """A part of the block may be answered. A function that is not there answers nothing."""
        return self.code in (2, 3)
