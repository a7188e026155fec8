"""A storm night in VictoriaMetrics, which is stopped, killed and frozen meanwhile: the store and it count alike."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from gateway.clock import BuildingClock
from gateway.config.load import load_site
from gateway.historian.historian import Historian
from gateway.model import PointType
from gateway.store.samples import Samples
from tests.e2e.running import PATIENCE, Anlou
from tests.historian.house import QUICK, House, at_work
from tests.historian.test_victoria import until_sent
from tests.historian.victoria import Victoria, victoria_metrics

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(900)]

SPEED = 25
Series = tuple[str, str, str]  # device, part, point


async def stored(data: Path) -> dict[str, Counter[Series]]:
    """Usable samples, and doubtful or bad ones, as the log has them."""
    found: dict[str, Counter[Series]] = {"point_value": Counter(), "point_quality": Counter()}
    samples = Samples.open(data / "tele.db")
    try:
        for _, frame in samples.replay(0):
            marks = frame.quality or [0] * len(frame.values)
            for point, value, mark in zip(frame.layout.points, frame.values, marks, strict=True):
                series = (frame.layout.device, point.part or "", point.name)
                if mark:
                    found["point_quality"][series] += 1
                if value is not None and point.type is not PointType.TEXT:
                    found["point_value"][series] += 1
    finally:
        await samples.close()
    return found


async def kept(server: Victoria, name: str) -> Counter[Series]:
    found: Counter[Series] = Counter()
    for series, moments in (await server.export(name)).items():
        tags = dict(pair.split("=", 1) for pair in series.split(",")[1:])
        assert all(len(values) == 1 for values in moments.values()), f"{series} has a moment twice"
        found[tags["device"], tags.get("part", ""), tags["point"]] += len(moments)
    return found


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A copy of the starter, as somebody makes it who wants to change it."""
    anlou = Path(sys.executable).with_name("anlou")
    subprocess.run([anlou, "init", tmp_path / "mine"], check=True, timeout=PATIENCE)
    return tmp_path / "mine"


async def test_a_storm_night_is_there_once(tmp_path: Path, mine: Path) -> None:
    site = mine / "demo/site.yaml"
    data = tmp_path / "data"
    with victoria_metrics(tmp_path / "vm") as server:
        await server.answers()
        with site.open("a", encoding="utf-8") as more:
            more.write(f"\nhistorian: {{kind: victoriametrics, url: {server.url!r}}}\n")
        arguments = ["--site", site, "--data", data, "--speed", str(SPEED), "--scenario", "storm-night"]
        with Anlou("demo", *arguments, cwd=tmp_path) as running:
            running.ready()
            running.wait_until("WA-08", lambda: running.alarm("WA-08"))
            server.signal(signal.SIGTERM)  # stopped in order, for more than a minute of the building
            running.wait_until("WA-04", lambda: running.alarm("WA-04", "water-east"))
            server.start()
            running.wait_until("XC-01", lambda: running.alarm("XC-01", "charger-east-1"))
            server.signal(signal.SIGKILL)  # what it had said yes to in the last seconds is gone
            server.start()
            running.wait_until("WA-02", lambda: running.alarm("WA-02", "water-east"))
            server.signal(signal.SIGSTOP)  # it takes connections and says nothing
            running.wait_until("WA-03", lambda: running.alarm("WA-03", "water-east"), 300)
            server.signal(signal.SIGCONT)

            def returned() -> bool:
                return any(event["rule"] == "WA-03" and event["kind"] == "return" for event in running.events())

            running.wait_until("the water is gone", returned, 300)
            assert running.interrupt() == 0, running.output
            assert "Traceback" not in running.output
        # what was not sent yet when the gateway was stopped is sent when it starts again
        links = ("lifts", "garage", "fire", "charging", "charger-east-1", "broker")
        config = load_site(site, {link: number for number, link in enumerate(links, 1)})
        house = House.open(data, config.devices)
        assert config.historian is not None
        rest = Historian(
            config.historian, config.site.id, config.devices, BuildingClock(), house.samples, house.reader, pace=QUICK
        )
        async with at_work(rest):
            await until_sent(house, rest)
            assert rest.status.kept_aside == 0
        await house.close()
        wanted = await stored(data)
        for name, counts in wanted.items():
            assert await kept(server, name) == counts
        assert sum(wanted["point_value"].values()) > 20_000
        assert len(wanted["point_value"]) > 100
