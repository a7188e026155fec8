"""One measured figure, with its ratio to a floor of the same run and the promise it is held against."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    value: float
    unit: str
    ratio: float | None = None
    promise: str | None = None

    def __str__(self) -> str:
        ratio = f"   × {self.ratio:.2f}" if self.ratio is not None else ""
        promise = f"   (promised {self.promise})" if self.promise else ""
        return f"{self.name:<72} {self.value:>12,.4g} {self.unit}{ratio}{promise}"
