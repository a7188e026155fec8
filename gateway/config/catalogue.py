"""The standard point names per system (gateway/points.yaml), as bind wants them."""

from __future__ import annotations

from importlib.resources import files

from pydantic import Field, RootModel

from alerts.bind import Catalogue
from gateway.config.inspection import Inspection
from gateway.config.source import read_packaged
from gateway.fields import Strict
from gateway.model import Point, PointType


class StandardPoint(Strict):
    """One standard point. `part: true` says that it belongs to the parts of a device."""

    type: PointType = Field(strict=False)
    unit: str | None = None
    codes: list[str] = Field(default_factory=list)
    part: bool = False


class _Systems(RootModel[dict[str, dict[str, StandardPoint]]]):
    pass


def read_catalogue(inspection: Inspection) -> Catalogue | None:
    """System → name → point; None when the file has problems, which are noted."""
    document = inspection.document(read_packaged(files("gateway") / "points.yaml"))
    systems = inspection.validated(_Systems, document.value, document) if document else None
    if systems is None:
        return None
    return {
        system: {
            name: Point(name, standard.type, standard.unit, codes=tuple(standard.codes))
            for name, standard in points.items()
        }
        for system, points in systems.root.items()
    }
