"""What /metrics shows of devices, links and units: read by a strict reader, and bounded in number."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from gateway.api.app import create_app
from gateway.api.house import House
from gateway.api.measures import device_families, link_families, unit_families
from gateway.api.metrics import Family, render
from gateway.api.tokens import Role
from gateway.app.figures import Figures
from gateway.health import HealthBook
from gateway.model import SECOND, ErrorKind, Frame, LinkReport, Quality, UnitReport
from tests.api.conftest import LIFT, WALL, WATER, WATER_LAYOUT, bearer
from tests.api.exposition import Exposition
from tests.api.test_why import NEW, SICK, WELL, told
from tests.gateway.test_figures import Store, figures

SENDER = UnitReport(name='sw"l\n', unit=None, devices=("water-east",), available=True, polls=3, good=3)


@pytest.fixture
def busy_house(house: House) -> House:
    now = house.clock.now()
    house.health.observe(Frame(WATER_LAYOUT, (0.1, None), now, (Quality.GOOD, Quality.BAD_SENSOR)))
    house.health.report(told(now, WELL, SICK, busy=0.42, announced=(NEW, NEW._replace(known=True))))
    house.health.report(
        LinkReport(
            link="broker", endpoint="mqtts://b:8883", connected=False, at=now, units=(SENDER,), counts={"messages": 7}
        )
    )
    return house


@pytest.fixture
async def read(viewer: httpx.AsyncClient, busy_house: House) -> Exposition:
    return Exposition((await viewer.get("/metrics")).text)


async def test_a_device_of_two_units_has_a_series_for_each(read: Exposition) -> None:
    """Two series with the same labels make Prometheus refuse the whole page."""
    first = {"link": "cellar", "unit": "water-east", "number": "1"}
    second = first | {"number": "2"}
    assert (
        read.value("anlou_unit_polls_good_total", **first),
        read.value("anlou_unit_polls_good_total", **second),
    ) == (
        10,
        6,
    )
    assert read.value("anlou_unit_misses", **second) == 3
    assert read.value("anlou_unit_failing", **first) == 0
    assert read.value("anlou_unit_failing", **second) == read.value("anlou_unit_backoff", **second) == 1
    assert read.value("anlou_unit_refused_ranges", **second) == 1
    assert read.value("anlou_unit_last_good_timestamp_seconds", **second) == WALL / SECOND - 4
    assert read.value("anlou_unit_last_good_timestamp_seconds", **first) is None  # absent is never 0
    assert read.value("anlou_unit_round_trip_p50_seconds", **second) == 0.002
    assert read.value("anlou_unit_round_trip_p99_seconds", **second) == 0.009
    assert read.value("anlou_unit_errors_total", **second, kind="timeout") == 3
    assert read.value("anlou_unit_exceptions_total", **second, exception="illegal data address") == 1
    assert read.value("anlou_unit_info", **first, variant="p40-old") == 1


async def test_links_tell_their_load_and_who_is_new(read: Exposition) -> None:
    assert read.value("anlou_link_busy_ratio", link="cellar") == 0.42
    assert read.value("anlou_link_busy_ratio", link="broker") is None
    assert read.value("anlou_link_info", link="cellar", endpoint="tcp://10.0.0.8:502") == 1
    assert read.value("anlou_link_announced", link="cellar", known="no") == 1
    assert read.value("anlou_link_messages_total", link="broker", count="messages") == 7
    assert read.value("anlou_unit_polls_total", link="broker", unit=SENDER.name, number="") == 3


async def test_devices_tell_whether_they_are_there_and_their_points_by_reason(read: Exposition) -> None:
    water = {"device": "water-east", "system": "garage-water"}
    assert read.value("anlou_device_up", **water) == 1
    assert read.value("anlou_device_up", device="lift-1", system="elevator") is None, "nothing is known of it yet"
    assert read.value("anlou_device_last_good_timestamp_seconds", **water) == WALL / SECOND
    assert read.value("anlou_device_points_bad", **water) == 1
    assert read.value("anlou_points", reason="good") == read.value("anlou_points", reason="sensor") == 1
    assert read.value("anlou_points", reason="unheard") == 1
    assert read.value("anlou_points", reason="not_fitted") == 0
    assert read.value("anlou_devices", health="degraded") == 1


async def test_a_device_that_went_silent_is_down_and_its_points_silent(
    viewer: httpx.AsyncClient, busy_house: House
) -> None:
    await busy_house.clock.advance(20 * SECOND)  # type: ignore[attr-defined]
    read = Exposition((await viewer.get("/metrics")).text)
    assert read.value("anlou_device_up", device="water-east", system="garage-water") == 0
    assert (read.value("anlou_points", reason="silent"), read.value("anlou_points", reason="good")) == (2, 0)


def cardinality(families: list[Family]) -> dict[str, int]:
    return {family.name: len(list(family.samples)) for family in families}


def test_series_grow_with_units_and_devices_never_with_points(busy_house: House) -> None:
    """200,000 points would be more series than most time-series stores take from one target."""
    devices = tuple(replace(WATER, id=f"water-{n}", points=WATER.points[:1] * (n + 1)) for n in range(30))
    crowded = replace(busy_house, devices=devices, health=HealthBook(devices, {}, busy_house.clock.now()))
    counts = cardinality(device_families(crowded))
    assert counts["anlou_points"] <= 20 and counts["anlou_devices"] == 6
    assert all(number <= 30 for name, number in counts.items())
    units = tuple(replace(SICK, unit=n) for n in range(1, 248))
    links = (told(busy_house.clock.now(), *units),)
    for name, number in cardinality([*link_families(links), *unit_families(links)]).items():
        assert number <= 247 * len(ErrorKind), name


def test_every_family_of_the_house_is_good_exposition(busy_house: House) -> None:
    found: Figures = figures(Store(), Store())
    links = busy_house.health.links()
    every = [*device_families(busy_house), *link_families(links), *unit_families(links), *found.families()]
    read = Exposition(render(every))
    assert read.kinds["anlou_samples_total"] == "counter"
    assert all(len(told) < 100 for told in read.helps.values())


@pytest.mark.parametrize(
    "text",
    [
        "m 1\n",
        "# HELP m h\n# TYPE m gauge\nm 1",
        "# HELP m h\n# TYPE m gauge\nm 1\nm 1\n",
        "# HELP m h\n# TYPE m counter\nm 1\n",
        '# HELP m h\n# TYPE m gauge\nm{a="1"} 1\nm{b="1"} 1\n',
        '# HELP m h\n# TYPE m gauge\nm{a="1",a="2"} 1\n',
        '# HELP m h\n# TYPE m gauge\nm{a="\\x"} 1\n',
        "# HELP m h\n# TYPE m gauge\nm one\n",
        "# HELP m h\n# TYPE m gauge\n# HELP m h\n",
    ],
)
def test_the_strict_reader_is_strict(text: str) -> None:
    with pytest.raises(AssertionError):
        Exposition(text)


async def test_a_disabled_device_has_no_series(busy_house: House) -> None:
    devices = (replace(WATER, disabled=True), LIFT)
    house = replace(busy_house, devices=devices, health=HealthBook(devices, {}, busy_house.clock.now()))
    transport = httpx.ASGITransport(create_app(house))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=bearer(Role.VIEWER)) as http:
        read = Exposition((await http.get("/metrics")).text)
    assert read.of("anlou_device_up") == []
    assert [labels["device"] for labels in read.of("anlou_device_points_bad")] == ["lift-1"]
