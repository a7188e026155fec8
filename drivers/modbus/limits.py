"""What one request may ask of a type of device, and how it wants to be asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from drivers.conversion import AsTuple
from gateway.fields import Duration, Strict, within
from gateway.model import SECOND


def _span(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    return tuple(value) if isinstance(value, list) else value


def _rises(value: tuple[int, int]) -> tuple[int, int]:
    if value[0] > value[1]:
        raise ValueError(f"the first register comes first, got {value[0]} … {value[1]}")
    return value


Span = Annotated[
    tuple[int, int],
    BeforeValidator(_span, json_schema_input_type=int | tuple[int, int]),
    AfterValidator(_rises),
]


Base = Literal[0, 1, "ref"]
_MS = SECOND // 1000
Spacing = Annotated[Duration, within(_MS, 10 * SECOND, "1ms … 10s")]
Least = Annotated[Duration, within(100 * _MS, 3600 * SECOND, "100ms … 1h")]
Patience = Annotated[Duration, within(10 * _MS, 60 * SECOND, "10ms … 1min")]


class Limits(Strict):
    """What one request may ask of this device (defaults: MODBUS Application Protocol V1.1b3 §6, with room to spare).

    Register numbers are the manual's, as in `points`.
    """

    max_registers: int = Field(default=120, ge=1, le=125)
    max_bits: int = Field(default=2000, ge=1, le=2000)
    max_values: int | None = Field(default=None, ge=1, le=125, description="values that one request may ask for")
    gap: int = Field(default=16, ge=0, le=124, description="registers nobody wants that are read to save a request")
    never_read: Annotated[tuple[Span, ...], AsTuple] = ()
    never_cross: Annotated[tuple[int, ...], AsTuple] = Field(
        default=(), description="registers at which a request begins: none goes across from below"
    )
    align: int = Field(default=1, ge=1, le=8, description="first register and count are multiples of this")
    one_value: bool = Field(default=False, description="one value per request")
    pause: Spacing | None = Field(default=None, description="from an answer of this device to its next question")
    min_period: Least | None = Field(default=None, description="the device must not be polled more often")
    max_period: Least | None = Field(
        default=None, description="a longer silence is a lost master to the device, and it goes into a safe state"
    )
    timeout: Patience | None = Field(default=None, description="a slow device's own, instead of the link's")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.max_registers < self.align:
            raise ValueError(f"`align: {self.align}` needs at least as many `max_registers`, got {self.max_registers}")
        if self.max_period is not None and self.max_period < (self.min_period or 0):
            raise ValueError("`max_period` must not be shorter than `min_period`")
        return self

    def forbidden(self, base: Base) -> tuple[tuple[int, int], ...]:
        """The spans that no request may touch, as addresses on the wire, both ends included."""
        return tuple((_on_wire(low, base), _on_wire(high, base)) for low, high in self.never_read)

    def boundaries(self, base: Base) -> tuple[int, ...]:
        """The addresses on the wire that no request may go across."""
        return tuple(sorted(_on_wire(number, base) for number in self.never_cross))


def _on_wire(number: int, base: Base) -> int:
    if base == "ref":  # Modicon references: their last four or five digits, counted from 1
        return number % (100_000 if number >= 100_000 else 10_000) - 1
    return number - base
