"""The standard points: what is there is sound, and what other vocabularies call it keeps their forms."""

from __future__ import annotations

from importlib.resources import files

import pytest
from pydantic import ValidationError

from gateway.config.catalogue import StandardPoint, Systems, read_catalogue
from gateway.config.inspection import Inspection
from gateway.config.parse import parse
from gateway.config.source import read_packaged
from gateway.model import PointType
from gateway.units import UNITS


def systems() -> dict[str, dict[str, StandardPoint]]:
    document = parse(read_packaged(files("gateway") / "points.yaml"))
    assert document.problems == []
    return Systems.model_validate(document.value).root


EVERY = [(system, name, point) for system, points in systems().items() for name, point in points.items()]
each = pytest.mark.parametrize(
    ("name", "point"), [row[1:] for row in EVERY], ids=[f"{system}/{name}" for system, name, _ in EVERY]
)


def test_it_reads() -> None:
    inspection = Inspection()
    catalogue = read_catalogue(inspection)
    assert inspection.problems == [] and catalogue is not None
    assert catalogue["ev-charging"]["current_l1"].unit == "A"
    assert "charging" in catalogue["ev-charging"]["charger_state"].codes


@each
def test_types_units_and_codes_fit_together(name: str, point: StandardPoint) -> None:
    assert (point.type is PointType.ENUM) is bool(point.codes), name
    assert point.unit is None or point.unit in UNITS
    assert point.unit is None or point.type in (PointType.FLOAT, PointType.INT)
    assert point.unit is not None or point.type is not PointType.FLOAT, "a measured number has a unit"
    assert len(set(point.codes)) == len(point.codes)


@each
def test_a_name_means_one_thing_in_every_system(name: str, point: StandardPoint) -> None:
    """A dashboard that shows `temperature` of everything must not mix units."""
    for _, other_name, other in EVERY:
        if other_name == name:
            assert (other.type, other.unit) == (point.type, point.unit)


@each
def test_other_vocabularies_say_the_same_kind(name: str, point: StandardPoint) -> None:
    if point.brick is not None and point.brick.endswith("_Alarm"):
        assert point.type is PointType.BOOL, name
    if point.brick is not None and point.type is PointType.FLOAT:
        assert point.brick.endswith(("_Sensor", "_Setpoint", "_Limit")), name
    tags = (point.haystack or "").split()
    assert not tags or sum(tag in tags for tag in ("sensor", "cmd", "sp")) == 1, "a point senses, commands or is set"
    assert "point" not in tags, "every point has that one"
    phase = name[-2:].upper() if name[-3:-1] == "_l" else None
    assert phase is None or any(phase in tag for tag in tags), "each phase has a tag of its own"


@pytest.mark.parametrize(
    "point",
    [
        {"type": "float", "unit": "V", "brick": "Voltage Sensor"},
        {"type": "float", "unit": "V", "brick": "voltage_sensor"},
        {"type": "float", "unit": "V", "haystack": "Elec volt"},
        {"type": "float", "unit": "V", "haystack": "elec  volt"},
        {"type": "float", "unit": "V", "haystack": ["elec", "volt"]},
        {"type": "float", "unit": "V", "ifc": "IfcSensor"},
        {"type": "number"},
    ],
)
def test_a_wrong_word_is_refused(point: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        StandardPoint.model_validate(point)
