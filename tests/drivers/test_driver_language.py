"""What a profile says of reading, in its own words, through the driver."""

from __future__ import annotations

from drivers.modbus.frame import Question
from gateway.model import Quality
from tests.drivers.made import link, profile, refusals, unit
from tests.drivers.wire import Act, exception, running, value

STATION = profile(
    {
        "power": {"address": 100, "every": "5s"},
        "status": {"address": 200, "enum": {200: "ok"}, "warm_up": {"reads": 1}},
        "level": {"address": 201, "valid_when": {"status": "ok"}},
        "extra": {"address": 300, "optional": True},
        "serial": {"address": 400, "at_unit": "station"},
    },
    {"units": {"station": 200}, "limits": {"gap": 0}},
    identity={"product": {"address": 10}},
    variants=[
        {"variant": "small", "when": {"product": [1]}, "points": {"power": {"absent": True}}},
        {"variant": "large", "when": {"product": [2]}, "points": {"power": {"scale": 10}}},
    ],
    computed={"twice": {"expr": "level * 2"}},
)


def product(number: int, refused: int = 300) -> Act:
    def act(question: Question) -> bytes:
        if question.address == 10:
            return number.to_bytes(2, "big")
        return exception(2)(question) if question.address == refused else value(question)

    return act


async def test_variants_periods_units_warm_up_and_what_need_not_be_there() -> None:
    async with running(link(unit("cp", 1, STATION)), units={1: product(2)}) as run:
        await run.seconds(10)
        latest: dict[str, object] = {}
        counted: dict[str, int] = {}
        for frame in run.of("cp"):
            for i, point in enumerate(frame.layout.points):
                bad = frame.quality[i] if frame.quality else 0
                latest[point.key] = Quality(bad) if bad else frame.values[i]
                counted[point.key] = counted.get(point.key, 0) + 1
        assert latest == {
            "power": 1000,
            "status": "ok",
            "level": 201,
            "extra": Quality.BAD_NOT_FITTED,
            "serial": 400,
            "product": 2,
            "twice": 402,
        }
        assert counted["power"] == 3 and counted["level"] == counted["serial"] == 11
        (first, *_) = [frame for frame in run.of("cp") if len(frame.layout.points) > 1]
        of = dict(zip((point.key for point in first.layout.points), first.quality or (), strict=True))
        cold = {key for key, bad in of.items() if bad == Quality.BAD_NO_VALUE}
        assert cold == {"status", "level", "twice"}, "nothing follows from a first read that counts for nothing"
        assert {report.unit: report.variant for report in run.reports[-1].units} == {1: "large", 200: "large"}
        assert {q.address for _, q in run.wire.asked if q.unit == 200} == {400}


async def test_what_a_variant_has_not_is_not_asked() -> None:
    async with running(link(unit("cp", 1, STATION)), units={1: product(1)}) as run:
        await run.seconds(10)
        assert not any(q.address <= 100 < q.address + q.count for _, q in run.wire.asked)
        power = [frame for frame in run.of("cp") if frame.layout.points[0].key == "power"]
        assert [frame.quality for frame in power] == [[Quality.BAD_NOT_FITTED]] * 3
        assert run.reports[-1].units[0].variant == "small"


def test_an_identity_that_stands_in_two_units_is_refused() -> None:
    """It is asked in one cycle, of one number."""
    found = refusals(
        {"a": {"address": 1}},
        {"units": {"station": 200}},
        identity={"product": {"address": 10}, "firmware": {"address": 11, "at_unit": "station"}},
        variants=[{"variant": "small", "when": {"product": [1], "firmware": [2]}}],
    )
    assert any("identity" in loc and "one unit" in sentence for loc, sentence in found), found
