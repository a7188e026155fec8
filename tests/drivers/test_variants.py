"""Variants of a type of device, what chooses them, and what a site says of a device that its profile leaves open."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.adaptation import Adaptation, AdaptationError
from drivers.modbus.vectors import mistakes
from drivers.profile import ModbusProfile, profile_points
from gateway.fields import Quantity
from gateway.model import PointType
from tests.drivers.made import cell, profile, read, refusals

IDENTITY = {"product": {"address": 100}, "firmware": {"address": 101, "type": "uint32"}}
POINTS: dict[str, Any] = {
    "energy_total": {"address": 0, "type": "uint32", "scale": 0.0001, "unit": "kWh", "counter": True},
    "state": {"address": 2, "enum": {0: "idle", 1: "charging"}},
    "phases": {"address": 3},
    "power": {"address": 4, "unit": "W"},
}
VARIANTS: list[dict[str, Any]] = [
    {
        "variant": "p40-old",
        "when": {"product": [140], "firmware": {"below": 0x010201}},
        "points": {"energy_total": {"scale": 0.001}, "phases": {"absent": True}},
    },
    {
        "variant": "p40",
        "when": {"product": [140, 141]},
        "points": {
            "state": {"address": 9, "enum": {0: "idle", 5: "suspended"}},
            "power": {"address": 20, "type": "float32", "range": [0, 22000]},
        },
    },
    {"variant": "by-hand", "points": {"phases": {"address": 77}}},
]


def keba(**more: Any) -> ModbusProfile:
    return profile(POINTS, identity=IDENTITY, variants=VARIANTS, **more)


IMAGE = {0: 0x00BC, 1: 0x614E, 2: 1, 3: 3, 4: 700, 9: 5, 20: 0x45E6, 21: 0, 77: 1}


@pytest.mark.parametrize(
    ("product", "firmware", "name"),
    [
        (140, 0x010200, "p40-old"),
        (140, 0x010201, "p40"),
        (141, 0, "p40"),
        (130, 0x010200, None),
        (None, 0x010200, None),
        (140, None, "p40"),
    ],
)
def test_the_identity_chooses(product: int | None, firmware: int | None, name: str | None) -> None:
    """KEBA: the P40 before 1.2.1 counts in Wh what all others count in 0.1 Wh, at the same address."""
    base = keba()
    assert base.identity == ("product", "firmware") and base.variant_name is None
    chosen = base.chosen({"product": product, "firmware": firmware})
    assert (chosen and chosen.variant_name) == name
    if chosen is None:
        return
    assert list(chosen.readings) == list(base.readings)
    assert all(chosen.readings[key].point is base.readings[key].point for key in base.readings)
    assert chosen.identity == () and chosen.chosen({}) is chosen


def test_what_a_variant_changes_and_what_it_keeps() -> None:
    base = keba()
    old, new = (base.chosen({"product": 140, "firmware": version}) for version in (0, 0x020000))
    assert old is not None and new is not None
    assert read(old, IMAGE, "energy_total") == 12345.678 and read(new, IMAGE, "energy_total") == 1234.5678
    assert read(base, IMAGE, "energy_total") == 1234.5678
    assert read(old, IMAGE, "state") == "charging" and read(new, IMAGE, "state") == "suspended"
    assert read(old, IMAGE, "phases") == "not_fitted" and old.readings["phases"].cell is None
    assert read(new, IMAGE, "phases") == 3
    assert (read(old, IMAGE, "power"), read(new, IMAGE, "power")) == (700.0, 7360.0)
    assert type(read(old, IMAGE, "power")) is float, "the layout says float before anybody has asked"
    assert base.point("power").type is PointType.FLOAT
    assert base.point("state").codes == ("idle", "charging", "suspended")
    assert base.point("energy_total").counter == float("inf")
    assert read(old, {2: 5}, "state") == "undeclared", "the words of another variant mean nothing here"


def test_what_holds_when_none_fits() -> None:
    other = {"product": 130, "firmware": 1}
    assert keba().chosen(other) is None
    base = keba(variants_else="base")
    chosen = base.chosen(other)
    assert chosen is not None and chosen.variant_name is None and chosen.identity == ()
    assert read(chosen, IMAGE, "phases") == 3


def test_a_site_chooses_without_asking() -> None:
    base = keba()
    made = base.adapted(Adaptation(variant="by-hand"), "UTC")
    assert made.identity == () and made.variant_name == "by-hand" and made.chosen({}) is made
    assert cell(made, "phases").address == 77
    with pytest.raises(AdaptationError, match="has no variant 'p50'; its variants are p40-old, p40, by-hand") as caught:
        base.adapted(Adaptation(variant="p50"), "UTC")
    assert caught.value.loc == ("variant",)
    with pytest.raises(AdaptationError, match="it has no variants"):
        profile({"a": {"address": 1}}).adapted(Adaptation(variant="x"), "UTC")
    only_by_hand = profile({"a": {"address": 1}}, variants=[{"variant": "x"}, {"variant": "y"}])
    with pytest.raises(AdaptationError, match="say which `variant` of made it is: x, y"):
        only_by_hand.adapted(Adaptation(), "UTC")
    assert profile({"a": {"address": 1}}, variants=[{"variant": "x"}], variants_else="base").adapted(
        Adaptation(), "UTC"
    )


def test_texts_and_words_choose_too() -> None:
    made = profile(
        {"a": {"address": 1}},
        identity={
            "model": {"address": 10, "type": "string", "length": 2},
            "kind": {"address": 12, "enum": {1: "em", 2: "ev"}},
        },
        variants=[{"variant": "x", "when": {"model": ["AB", "CD"], "kind": "em"}}],
    )
    assert (found := made.chosen({"model": "CD", "kind": "em"})) and found.variant_name == "x"
    assert made.chosen({"model": "CD", "kind": "ev"}) is None


REFUSED: list[tuple[dict[str, Any], tuple[Any, ...], str]] = [
    ({"identity": IDENTITY}, ("identity",), "nothing is chosen by it"),
    ({"variants_else": "base"}, ("variants_else",), "there are no `variants`"),
    (
        {"variants": [{"variant": "x", "when": {"power": [1]}}]},
        ("variants", 0, "when", "power"),
        "not stand under `identity`",
    ),
    ({"identity": {"power": {"address": 900}}}, ("points", "power"), "stands under `identity` already"),
    (
        {"identity": IDENTITY, "variants": [{"variant": "x", "when": {"product": "new"}}]},
        ("variants", 0, "when", "product"),
        "never 'new'",
    ),
    (
        {
            "identity": IDENTITY,
            "variants": [{"variant": "x", "when": {"product": 1}, "points": {"product": {"address": 5}}}],
        },
        ("variants", 0, "points", "product"),
        "the same in all variants",
    ),
    ({"variants": [{"variant": "x"}, {"variant": "x"}]}, ("variants", 1, "variant"), "two variants 'x'"),
    ({"variants": [{"variant": "x", "points": {"q": {}}}]}, ("variants", 0, "points", "q"), "no point 'q'"),
    (
        {"variants": [{"variant": "x", "points": {"power": {"bit": 99 % 64}}}]},
        ("variants", 0, "points", "power", "bit"),
        "bits 0 … 15",
    ),
    (
        {"variants": [{"variant": "x", "points": {"power": {"unit": "kW"}}}]},
        ("variants", 0, "points", "power"),
        "in `points` it is in W, here in kW",
    ),
    (
        {"variants": [{"variant": "x", "points": {"power": {"bit": 3, "unit": None}}}]},
        ("variants", 0, "points", "power"),
        "of type int, here of type bool",
    ),
    (
        {"variants": [{"variant": "x", "points": {"energy_total": {"counter": None}}}]},
        ("variants", 0, "points", "energy_total"),
        "one `counter`",
    ),
    (
        {"variants": [{"variant": "x", "points": {"power": {"address": 1}}}]},
        ("variants", 0, "points", "power", "address"),
        "overlaps",
    ),
    (
        {"variants": [{"variant": "x", "points": {"power": {"write": 1}}}]},
        ("variants", 0, "points", "power", "write"),
        "Extra",
    ),
]


@pytest.mark.parametrize(("more", "loc", "told"), REFUSED)
def test_refused(more: dict[str, Any], loc: tuple[Any, ...], told: str) -> None:
    found = refusals(POINTS, **more)
    assert [place for place, _ in found] == [loc] and told in found[0][1]


def test_vectors_of_variants() -> None:
    says = {0: [0x00BC, 0x614E], 100: [140, 0, 1]}
    vectors = [
        {"registers": says, "expect": {"energy_total": 12345.678, "product": 140}, "bad": {"phases": "not_fitted"}},
        {"registers": says, "variant": "p40-old", "expect": {"energy_total": 12345.678}},
        {"registers": {0: says[0]}, "variant": "p40", "expect": {"energy_total": 1234.5678}},
        {"registers": {0: says[0]}, "expect": {"energy_total": 1234.5678}},
        {"registers": {**says, 100: [99, 0, 0]}, "bad": {"energy_total": "config"}},
        {"registers": says, "variant": "p40", "expect": {"energy_total": 1234.5678}},
        {"registers": {**says, 100: [99, 0, 0]}, "expect": {"energy_total": 1234.5678}},
    ]
    assert [(index, loc, told.partition(": ")[2]) for index, loc, told in mistakes(keba(vectors=vectors))] == [
        (5, ("variant",), "expected 'p40', but its identity says 'p40-old'"),
        (6, ("expect", "energy_total"), "expected a value, got 'config'"),
    ]
    ((loc, _),) = refusals(POINTS, identity=IDENTITY, variants=VARIANTS, vectors=[{"variant": "p50"}])
    assert loc == ("vectors", 0, "variant")


def test_parts_of_a_variant_are_the_same_points() -> None:
    parts = {"id": "S{n}", "over": {"n": [1, 3]}, "address": {"start": 200, "n": 10}, "points": {"run": {"bit": 0}}}
    template = {**parts, "points": {"run": {"bit": 0, "valid_when": {"state": "idle"}}, "i": {"address": 1}}}
    base = keba(parts=[template]).for_parts(["S2", "S3"])
    chosen = base.chosen({"product": 140, "firmware": 0x020000})
    assert chosen is not None and list(chosen.readings) == list(base.readings)
    assert all(chosen.readings[key].point is base.readings[key].point for key in base.readings)
    assert read(chosen, {9: 0, 210: 1}, "S2/run") is True and read(chosen, {9: 5, 210: 1}, "S2/run") == "sensor"


# what a site says


def test_the_order_of_words_is_a_setting_of_the_device() -> None:
    points = {
        "v": {"address": 0, "type": "float32", "range": [80, 300]},
        "own": {"address": 2, "type": "uint32", "word_order": "big"},
        "w": {"address": 4},
    }
    made = profile(points).adapted(Adaptation(word_order="little"), "UTC")
    assert read(made, {0: 0x3333, 1: 0x4366}, "v") == pytest.approx(230.2)
    assert read(made, {0: 0x4366, 1: 0x3333}, "v") == "range"
    assert read(made, {2: 0, 3: 1}, "own") == 1, "what a point says itself is a fact of the type"
    swapped = profile(points).adapted(Adaptation(byte_order="little", word_order="little"), "UTC")
    assert read(swapped, {0: 0x3333, 1: 0x6643}, "v") == pytest.approx(230.2)
    assert read(swapped, {4: 0x3412}, "w") == 0x1234


def test_points_are_adjusted() -> None:
    base = keba().for_parts([])
    changes = Adaptation(adjust={"energy_total": {"scale": 0.001, "unit": "kWh"}, "power": {"range": ["0 W", "11 kW"]}})
    made = base.adapted(changes, "UTC")
    assert read(made, IMAGE, "energy_total") == 12345.678
    assert read(made, {4: 11001}, "power") == "range"
    assert made.identity == base.identity
    new = made.chosen({"product": 140, "firmware": 0x020000})
    assert new is not None and read(new, IMAGE, "energy_total") == 12345.678, "the site has the last word"
    old = base.adapted(Adaptation(adjust={"energy_total": {"scale": 0.01}}), "UTC").chosen(
        {"product": 140, "firmware": 0}
    )
    assert old is not None and old.variant_name == "p40-old" and read(old, IMAGE, "energy_total") == 123456.78
    assert base.adapted(changes, "UTC") is made, "a thousand devices share one"
    assert base.adapted(Adaptation(), "Asia/Shanghai") is base
    plain = profile(POINTS).adapted(Adaptation(adjust={"power": {"unit": "kW", "scale": 0.001}}), "UTC")
    assert plain.point("power").unit == "kW" and plain.point("power").type is PointType.FLOAT


def test_computed_points_and_those_of_parts_are_adjusted_too() -> None:
    parts = {"id": "P{n}", "over": {"n": [1, 4]}, "address": {"start": 10, "n": 2}, "points": {"t": {"unit": "°C"}}}
    base = profile({"a": {"address": 0}}, parts=[parts], computed={"x": {"expr": "a * 2"}})
    changes = Adaptation(adjust={"x": {"range": [0, 5]}, "P2/t": {"scale": 0.1}})
    made = base.for_parts(["P1", "P2"]).adapted(changes, "UTC")
    assert read(made, {0: 3}, "x") == "range"
    image = {10: 215, 12: 215}
    assert (read(made, image, "P1/t"), read(made, image, "P2/t")) == (215, 21.5)
    assert [point.key for point in profile_points(made)] == ["a", "x", "P1/t", "P2/t"]
    assert [point.key for point in profile_points(made.for_parts(["P4"]))] == ["a", "x", "P1/t", "P2/t", "P4/t"]
    for adjust, loc in (
        ({"P3/t": {"scale": 0.1}}, ("adjust", "P3/t")),
        ({"P2/t": {"scale": 0}}, ("adjust", "P2/t", "scale")),
    ):
        with pytest.raises(AdaptationError) as caught:
            base.for_parts(["P1", "P2"]).adapted(Adaptation(adjust=adjust), "UTC")
        assert caught.value.loc == loc


ADJUSTED: list[tuple[dict[str, Any], tuple[Any, ...], str]] = [
    ({"powr": {"scale": 1}}, ("adjust", "powr"), "no point 'powr'; did you mean 'power'?"),
    ({"power": {"address": 1}}, ("adjust", "power", "address"), "the same on every device of the type"),
    ({"power": {"table": "input"}}, ("adjust", "power", "table"), "the same on every device of the type"),
    ({"power": {"bit": 1}}, ("adjust", "power", "bit"), "the same on every device of the type"),
    ({"power": {"scael": 1}}, ("adjust", "power", "scael"), "there is no `scael`"),
    ({"power": {"scale": "x"}}, ("adjust", "power", "scale"), "valid number"),
    ({"power": {"range": [5, 1]}}, ("adjust", "power", "range"), "must rise"),
    ({"power": {"scale": 0}}, ("adjust", "power", "scale"), "every value 0"),
    ({"power": {"unit": "yd"}}, ("adjust", "power", "unit"), "unknown unit"),
    ({"power": {"valid_when": {"nothing": True}}}, ("adjust", "power", "valid_when", "nothing"), "no point 'nothing'"),
    ({"state": {"scale": 2}}, ("adjust", "state", "scale"), "needs a number"),
    ({"x": {"expr": "power"}}, ("adjust", "x", "expr"), "the same on every device of the type"),
    ({"x": {"range": [5, 1]}}, ("adjust", "x", "range"), "must rise"),
    ({"power": {"enum": {0: "off"}, "unit": None}}, ("adjust",), "only numbers can be computed with"),
]


@pytest.mark.parametrize(("adjust", "loc", "told"), ADJUSTED)
def test_adjustments_refused(adjust: dict[str, Any], loc: tuple[Any, ...], told: str) -> None:
    base = profile(POINTS, computed={"x": {"expr": "power * 2"}})
    with pytest.raises(AdaptationError) as caught:
        base.adapted(Adaptation(adjust=adjust), "UTC")
    assert caught.value.loc == loc and told in caught.value.sentence


@pytest.mark.parametrize(
    ("given", "loc", "told"),
    [
        ({}, (), "made needs height, width of each device, such as parameters: {height: 1 m}"),
        (
            {"height": Quantity(1, "m")},
            ("parameters",),
            "made needs width of each device, such as parameters: {width: 1}",
        ),
        ({"hight": Quantity(1, "m")}, ("parameters", "hight"), "no parameter 'hight'; did you mean 'height'?"),
        ({"height": Quantity(1, "V")}, ("parameters", "height"), "measures voltage"),
        ({"height": Quantity(21, "m")}, ("parameters", "height"), "must lie within 0 … 20 m"),
        ({"height": Quantity(-1, None)}, ("parameters", "height"), "must lie within 0 … 20 m"),
    ],
)
def test_parameters_refused(given: dict[str, Quantity], loc: tuple[Any, ...], told: str) -> None:
    base = profile(
        {"a": {"address": 0, "unit": "m"}},
        parameters={"height": {"unit": "m", "range": [0, 20]}, "width": {}, "depth": {"unit": "m", "default": "50 cm"}},
        computed={"x": {"expr": "a - height - depth * width"}},
    )
    with pytest.raises(AdaptationError) as caught:
        base.adapted(Adaptation(parameters=given), "UTC")
    assert caught.value.loc == loc and told in caught.value.sentence
    made = base.adapted(Adaptation(parameters={"height": Quantity(1, "m"), "width": Quantity(2, None)}), "UTC")
    assert read(made, {0: 5}, "x") == 3
