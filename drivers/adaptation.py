"""What a site says of one device that its profile leaves open: its order of bytes, its variant, its measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from gateway.fields import QuantityField, Strict

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
_SPOKEN = {
    "ABCD": "`word_order` and `byte_order` are big then",
    "CDAB": "`word_order` is little then, `byte_order` big",
    "BADC": "`byte_order` is little then, `word_order` big",
    "DCBA": "`word_order` and `byte_order` are little then",
}


def _order(value: Any) -> Any:
    if isinstance(value, str) and (meant := _SPOKEN.get(value.upper())):
        raise PydanticCustomError(
            "order", "big or little is expected, got {said}: {meant}", {"said": value, "meant": meant}
        )
    return value


Order = Annotated[Literal["big", "little"], BeforeValidator(_order)]


class Adaptation(Strict):
    """Keys of a device or module in the site file; all of them may be left out."""

    word_order: Order | None = Field(default=None, description="of 32 and 64 bits, where it is a setting of the device")
    byte_order: Order | None = Field(default=None, description="of each register")
    variant: str | None = Field(default=None, max_length=64, description="which of the profile's variants this is")
    parameters: dict[Name, QuantityField] = Field(
        default_factory=dict, description="measures that computed points need: {mount_height: 3.2 m}"
    )
    adjust: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="keys of a point that differ on this device: {session_energy: {scale: 0.001}}"
    )

    @property
    def given(self) -> Mapping[str, Any]:
        """The keys that the site says."""
        return {key: value for key, value in self if value not in (None, {})}


class AdaptationError(ValueError):
    """What a site says of a device does not fit its profile; `loc` is the place below the device's entry."""

    def __init__(self, loc: tuple[str | int, ...], sentence: str) -> None:
        super().__init__(sentence)
        self.loc = loc
        self.sentence = sentence
