"""Parts of a device: ids, the arithmetic of their addresses, and a panel behind its gateway."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from drivers.assign import AssignmentError, assign
from drivers.meaning import Judge
from drivers.modbus.exceptions import ExceptionAnswer
from drivers.modbus.frame import Question
from drivers.modbus.parts import Template
from drivers.modbus.plan import plan
from drivers.modbus.reading import cells_of
from drivers.modbus.vectors import mistakes, vector_failures
from drivers.part_ids import hint
from drivers.profile import ModbusProfile, never_read, profile_points
from gateway.model import ErrorKind, PointType, Quality
from tests.drivers.made import HEAD, cell, link, profile, shipped, unit
from tests.drivers.test_driver import exception, running, value

PANEL = shipped("notifier-modbus-gw")
LOOPS = {"loop": (1, 10), "number": (1, 159)}
ADDRESS = {"start": 40001, "loop": 400, "number": 1}


@pytest.mark.parametrize(
    ("part", "address"),
    [
        ("L1D1", 40001),
        ("L1D159", 40159),
        ("L2D1", 40401),
        ("L10D159", 43759),
        ("L0D1", None),
        ("L11D1", None),
        ("L1D160", None),
        ("L1D0", None),
        ("L01D1", None),
        ("L1D01", None),
        ("L1M1", None),
        ("l1d1", None),
        ("L1D1 ", None),
        ("L1D", None),
        ("L1D1/fire", None),
        ("L1D-1", None),
        ("L1D１", None),
        ("L1D" + "9" * 5000, None),
        ("", None),
    ],
    ids=lambda value: str(value)[:12],
)
def test_addresses(part: str, address: int | None) -> None:
    assert Template("L{loop}D{number}", LOOPS, ADDRESS).address(part) == address


def test_hint() -> None:
    assert PANEL.part_hint == "L1D1 … L10D159, L1M1 … L10M159"
    assert hint([]) == ""
    assert hint([Template("P{n}", {"n": (3, 3)}, {"start": 0}).ids]) == "P3"


def parts(**more: Any) -> dict[str, Any]:
    return {
        "id": "P{n}",
        "over": {"n": [1, 4]},
        "address": {"start": 10, "n": 2},
        "points": {"run": {"bit": 0}},
        **more,
    }


def made(template: dict[str, Any], points: dict[str, Any] | None = None, **modbus: Any) -> ModbusProfile:
    return profile(points or {}, modbus, parts=[template])


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("no variable", {"id": "P"}, "an id with variables"),
    ("other letters", {"id": "P {n}"}, "an id with variables"),
    ("no range", {"id": "P{n}x{m}"}, "`over` needs a range for each of n, m"),
    ("no id", {"over": {"n": [1, 4], "m": [1, 2]}}, "`over` needs a range for each of n"),
    ("no start", {"address": {"n": 2}}, "needs a `start`"),
    ("another variable", {"address": {"start": 1, "m": 2}}, "not 'm'"),
    ("falling", {"over": {"n": [4, 1]}}, "first register comes first"),
    ("numbers side by side", {"id": "P{n}{m}", "over": {"n": [1, 4], "m": [1, 2]}}, "stand between numbers"),
    ("numbers side by side", {"id": "P1{n}"}, "stand between numbers"),
    ("negative", {"over": {"n": [-1, 4]}}, "within 0 … 999999"),
    ("no points", {"points": {}}, "at least 1"),
    ("part in part", {"points": {"a/run": {"bit": 0}}}, "pattern"),
    ("outside", {"address": {"start": 65533, "n": 2}}, "P4: register numbers go from 0 to 65535, got 65539"),
    ("before", {"address": {"start": -1, "n": 2}}, "addresses rise"),
    ("backwards", {"address": {"start": 100, "n": -2}}, "addresses rise"),
    ("first", {"address": {"start": 0}, "points": {"run": {"address": -1, "bit": 0}}}, "P1: register numbers go from"),
    ("type", {"points": {"run": {"bit": 16}}}, "P1: a uint16 has the bits 0 … 15, not 16"),
    ("judge", {"points": {"run": {"bit": 0, "valid_when": {"ok": True}}}}, "P1: there is no point 'ok'"),
    ("overlap", {"points": {"run": {"bit": 0}, "x": {"type": "uint32"}}}, "overlaps"),
    ("write", {"points": {"run": {"bit": 0, "write": 1}}}, "Extra inputs"),
]


@pytest.mark.parametrize(("more", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        made(parts(**more))
    assert words in str(caught.value)
    assert caught.value.errors()[0]["loc"][:2] == ("parts", 0)


@pytest.mark.parametrize(
    ("more", "first", "other", "register"),
    [
        # a step was forgotten: every loop would show the first one's detectors
        ({"id": "L{a}D{n}", "over": {"a": [1, 9], "n": [1, 4]}, "address": {"start": 10, "n": 1}}, "L1D1", "L2D1", 10),
        # the loops are longer than the step
        (
            {"id": "L{a}D{n}", "over": {"a": [1, 2], "n": [1, 99]}, "address": {"start": 10, "a": 50, "n": 1}},
            "L1D51",
            "L2D1",
            60,
        ),
        # the step is shorter than a part
        ({"address": {"start": 10, "n": 1}, "points": {"run": {"bit": 0}, "level": {"address": 1}}}, "P1", "P2", 11),
        ({"address": {"start": 10, "n": 1}, "points": {"level": {"type": "float32"}}}, "P1", "P2", 11),
        ({"over": {"n": [0, 900_000]}, "address": {"start": 10}}, "P0", "P1", 10),
    ],
)
def test_two_parts_never_share_a_register(more: dict[str, Any], first: str, other: str, register: int) -> None:
    """One detector's fire would be another one's, and its own never seen."""
    with pytest.raises(ValidationError) as caught:
        made(parts(**more), type="uint16")
    (error,) = caught.value.errors()
    assert error["loc"][:3] == ("parts", 0, "address")
    assert error["msg"] == f"{first!r} and {other!r} would share the register {register}, counted from 0"


def test_parts_may_lie_in_tables_side_by_side() -> None:
    """All the states, and behind them all the values."""
    points = {"run": {"bit": 0}, "level": {"address": 4}, "speed": {"address": 0, "table": "input"}}
    panel = made(parts(address={"start": 10, "n": 1}, points=points), type="uint16")
    assert cell(panel.for_parts(["P4"]), "P4/level").address == 17


def test_two_templates_for_one_id() -> None:
    with pytest.raises(ValidationError, match="'P1' is also a part of a template above"):
        profile({}, parts=[parts(), parts(address={"start": 50})])


def test_parts_join_the_points_of_the_device() -> None:
    template = parts(points={"run": {"bit": 0, "valid_when": {"ok": True}}, "ok": {"address": 1, "bit": 3}})
    panel = made(template, {"power": {"address": 0, "bit": 0}})
    assert [point.key for point in profile_points(panel)] == ["power"]
    of = panel.for_parts(["P3", "P1", "P3"])
    assert [point.key for point in profile_points(of)] == ["power", "P3/run", "P3/ok", "P1/run", "P1/ok"]
    assert of.point("P3/run").part == "P3" and of.point("P3/run").type is PointType.BOOL
    assert [cell(of, key).address for key in of.readings] == [0, 14, 15, 10, 11]
    assert of.readings["P3/run"].meaning.valid_when == (Judge("P3/ok", frozenset({True})),)
    assert panel.for_parts([]).readings == panel.readings
    assert panel.for_parts(["P1"]).for_parts(["P2"]).readings.keys() == {"power", "P1/run", "P1/ok", "P2/run", "P2/ok"}
    assert of.sources("P3/run") == of.source
    with pytest.raises(ValueError, match="made has no part 'P5'; its parts are P1 … P4"):
        panel.for_parts(["P1", "P5"])
    with pytest.raises(ValueError, match="P1/run"):
        made(parts(), {"other": {"address": 9, "type": "uint32"}, "q": {"address": 0}}, limits={}).for_parts(["P1"])


def test_a_device_of_parts_needs_some() -> None:
    with pytest.raises(AssignmentError, match=r"p: nothing would be read from it; name its parts \(L1D1 … L10D159"):
        assign([unit("p", 1, PANEL)], [])
    with pytest.raises(ValidationError, match="at least 1 point"):
        ModbusProfile.model_validate({**HEAD, "points": {}})


def test_vectors_of_parts() -> None:
    vectors = [
        {"parts": "P2", "registers": {12: 1}, "expect": {"P2/run": True}},
        {"parts": ["P2"], "registers": {12: 1}, "expect": {"P2/run": False}},
    ]
    panel = profile({}, parts=[parts()], vectors=vectors)
    assert list(vector_failures(panel)) == [(1, "P2/run", "expected False, got True")]
    assert list(mistakes(panel)) == [(1, ("expect", "P2/run"), "P2/run: expected False, got True")]
    with pytest.raises(ValidationError, match="has no part 'P9'"):
        profile({}, parts=[parts()], vectors=[{"parts": ["P9"]}])
    with pytest.raises(ValidationError, match="there is no point 'P1/run'"):
        profile({}, parts=[parts()], vectors=[{"parts": ["P2"], "expect": {"P1/run": True}}])


GATE: dict[str, Any] = {"address": 1, "bits": [0, 7], "gate_bit": 11}
CODED: list[tuple[str, dict[str, Any], str]] = [
    ("gate of nothing", {"address": 1, "gate_bit": 11}, "opens `bits`"),
    ("gate of a number", GATE, "opens `bits`"),
    ("gate beyond", {**GATE, "gate_bit": 16, "true_for": 1}, "the bits 0 … 15, not 16"),
    ("gate of an enum without rest", {**GATE, "enum": {1: "fire"}}, "0 needs its word"),
    ("enum and bool", {**GATE, "enum": {0: "none"}, "true_for": [1]}, "not both"),
    ("only false", {"address": 1, "false_for": [0]}, "what is true"),
    ("only true", {"address": 1, "true_for": [1]}, "what is false"),
    ("both", {"address": 1, "true_for": [1, 2], "false_for": [2]}, "2 is true already"),
    ("of a bit", {"address": 1, "bit": 1, "true_for": [1], "false_for": [0]}, "needs whole numbers"),
    ("of a coil", {"address": 1, "table": "coil", "true_for": [1], "false_for": [0]}, "a single bit"),
    ("of a float", {"address": 1, "type": "float32", "true_for": [1], "false_for": [0]}, "needs whole numbers"),
    ("scaled", {"address": 1, "scale": 2, "true_for": [1], "false_for": [0]}, "needs a number"),
]


@pytest.mark.parametrize(("point", "words"), [row[1:] for row in CODED], ids=[row[0] for row in CODED])
def test_codes_refused(point: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        profile({"p": point})
    assert words in str(caught.value)


FIRE = {**GATE, "true_for": [0x10, 0x11], "false_for": [0x40], "sentinels": {0xFFFF: "not_fitted"}}
EVENT = {**GATE, "enum": {0: "none", 0x10: "fire"}}


@pytest.mark.parametrize(
    ("point", "word", "expected"),
    [
        (FIRE, 0x0C10, True),
        (FIRE, 0x0811, True),
        (FIRE, 0x0C40, False),
        (FIRE, 0x0410, False),
        (FIRE, 0x04FF, False),
        (FIRE, 0x0000, False),
        (FIRE, 0x0C12, "undeclared"),
        (FIRE, 0x0C00, "undeclared"),
        (FIRE, 0xFFFF, "not_fitted"),
        ({**FIRE, "invert": True}, 0x0C10, False),
        ({**FIRE, "invert": True}, 0x0000, True),
        (EVENT, 0x0C10, "fire"),
        (EVENT, 0x0410, "none"),
        (EVENT, 0x0C00, "none"),
        (EVENT, 0x0C41, "undeclared"),
        ({"address": 1, "true_for": [1, 3], "false_for": 0}, 3, True),
        ({"address": 1, "true_for": [1, 3], "false_for": 0}, 0, False),
        ({"address": 1, "true_for": [1, 3], "false_for": 0}, 2, "undeclared"),
        ({"address": 1, "type": "int16", "true_for": [-1], "false_for": 0}, 0xFFFF, True),
    ],
)
def test_bools_by_code(point: dict[str, Any], word: int, expected: bool | str) -> None:
    bad = expected in ("undeclared", "not_fitted")
    vector = {"registers": {1: word}, "bad" if bad else "expect": {"p": expected}}
    assert list(vector_failures(profile({"p": point}, vectors=[vector]))) == []


# a panel behind its gateway


def detectors(count: int) -> ModbusProfile:
    return PANEL.for_parts([f"L1D{number}" for number in range(1, count + 1)])


def test_a_full_loop_is_asked_in_blocks_of_a_hundred() -> None:
    of = detectors(159).for_parts([f"L1M{number}" for number in range(1, 160)])
    blocks = plan(cells_of(of.readings.values()), of.modbus.limits, never_read(of))
    assert [(block.address, block.count) for block in blocks] == [(0, 100), (100, 59), (200, 100), (300, 59)]


def without(*missing: int) -> Any:
    """Every register quiet and enabled; a question that touches one of `missing` is refused."""

    def act(question: Question) -> bytes:
        asked = range(question.address, question.address + question.count)
        if any(address in asked for address in missing):
            raise ExceptionAnswer(2)
        return b"\x14\x00" * question.count

    return act


async def test_a_point_that_is_not_programmed_is_only_its_own_loss() -> None:
    """Exception 2 for a block of 100: what is missing is found by halving it, and stays BAD_CONFIG alone."""
    missing = (41, 87, 120)
    async with running(link(unit("panel", 1, detectors(159))), units={1: without(*missing)}) as run:
        await run.seconds(3)
        frame = run.of("panel")[-1]
        bad = {
            point.part
            for point, mark in zip(frame.layout.points, frame.quality or (), strict=True)
            if mark == Quality.BAD_CONFIG
        }
        assert bad == {f"L1D{number + 1}" for number in missing}
        assert frame.quality is not None
        assert {mark for mark in frame.quality if mark} == {Quality.BAD_CONFIG}
        good = [value for value, mark in zip(frame.values, frame.quality, strict=True) if not mark]
        assert len(good) == 156 * 6 and set(good) == {False, "none"}
        run.wire.asked.clear()
        await run.seconds(2)
        assert not any(question.address <= 41 < question.address + question.count for _, question in run.wire.asked)


@pytest.mark.parametrize("code", [0x0A, 0x0B])
async def test_a_panel_off_line_is_bad_in_all_its_points_and_fails_alone(code: int) -> None:
    """0x0B: the panel behind the gateway is off line; 0x0A: there is no such node. The gateway itself answers."""
    both = link(unit("panel", 1, detectors(5)), unit("other", 2, profile({"a": {"address": 0}})))
    async with running(both, units={1: without(), 2: value}) as run:
        await run.seconds(2)
        assert all(mark == 0 for mark in run.of("panel")[-1].quality or [0])
        run.wire.units[1] = exception(code)
        others = len(run.of("other"))
        await run.seconds(10)
        frame = run.of("panel")[-1]
        assert frame.values == [None] * 30 and set(frame.quality or ()) == {Quality.BAD_COMM}
        assert len(run.of("other")) >= others + 9, "its neighbour is read as before"
        report = {one.name: one for one in run.reports[-1].units}["panel"]
        assert run.reports[-1].connected
        assert report.error is not None and report.error.kind is ErrorKind.EXCEPTION
        assert f"0x{code:02X}" in report.error.message and report.backoff_until_ns is not None
        run.wire.units[1] = without()
        await run.seconds(70)
        assert run.of("panel")[-1].quality is None, "and it comes back by itself"
