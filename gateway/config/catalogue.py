"""The standard point names per system (gateway/points.yaml), as bind wants them."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated

from pydantic import Field, RootModel, StringConstraints

from alerts.bind import Catalogue
from gateway.config.inspection import Inspection
from gateway.config.source import read_packaged
from gateway.fields import Strict
from gateway.model import Point, PointType

BrickClass = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]*(_[A-Z0-9][A-Za-z0-9]*)*$")]
HaystackTags = Annotated[str, StringConstraints(pattern=r"^[a-z][A-Za-z0-9]*(:\S+)?( [a-z][A-Za-z0-9]*(:\S+)?)*$")]


class StandardPoint(Strict):
    """One standard point. `part: true` says that it belongs to the parts of a device.

    `brick` and `haystack` are what those vocabularies call it: a class, and tags as in Trio.
    """

    type: PointType = Field(strict=False)
    unit: str | None = None
    codes: list[str] = Field(default_factory=list)
    part: bool = False
    brick: BrickClass | None = None
    haystack: HaystackTags | None = None


class Systems(RootModel[dict[str, dict[str, StandardPoint]]]):
    """gateway/points.yaml: system → name → point."""


def read_catalogue(inspection: Inspection) -> Catalogue | None:
    """System → name → point; None when the file has problems, which are noted."""
    document = inspection.document(read_packaged(files("gateway") / "points.yaml"))
    systems = inspection.validated(Systems, document.value, document) if document else None
    if systems is None:
        return None
    return {
        system: {
            name: Point(name, standard.type, standard.unit, codes=tuple(standard.codes))
            for name, standard in points.items()
        }
        for system, points in systems.root.items()
    }
