"""What one request may ask of a type of device, and how it wants to be asked."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from drivers.conversion import AsTuple
from gateway.fields import Strict


def _span(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    return tuple(value) if isinstance(value, list) else value


def _rises(value: tuple[int, int]) -> tuple[int, int]:
    if value[0] > value[1]:
        raise ValueError(f"the first register comes first, got {value[0]} … {value[1]}")
    return value


Span = Annotated[tuple[int, int], BeforeValidator(_span), AfterValidator(_rises)]


class Limits(Strict):
    """What one request may ask of this device (defaults: MODBUS Application Protocol V1.1b3 §6, with room to spare)."""

    max_registers: int = Field(default=120, ge=1, le=125)
    max_bits: int = Field(default=2000, ge=1, le=2000)
    gap: int = Field(default=16, ge=0, le=124, description="registers nobody wants that are read to save a request")
    never_read: Annotated[tuple[Span, ...], AsTuple] = ()
    one_value: bool = Field(default=False, description="one value per request")
