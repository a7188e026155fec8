"""`valid_when`: words, truths, numbers with units, several judges at once; and what may not judge."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.assign import Pace
from drivers.modbus.linking import MOST_NEEDS
from tests.drivers.made import link, profile, read, refusals, unit

OTHERS: dict[str, Any] = {
    "status": {"address": 1, "enum": {0: "ok", 1: "over", 2: "broken"}},
    "age": {"address": 2, "unit": "ms"},
    "range_code": {"address": 3},
    "on": {"address": 4, "bit": 0},
    "depth": {"address": 5, "scale": 0.01, "unit": "m"},
    "model": {"address": 6, "type": "string", "length": 1},
}


@pytest.mark.parametrize(
    ("condition", "image", "value"),
    [
        ({"status": "ok"}, {}, 7),
        ({"status": ["ok", "over"]}, {1: 1}, 7),
        ({"status": ["ok", "over"]}, {1: 2}, "sensor"),
        ({"status": "ok"}, {1: 9}, "sensor"),
        ({"on": True}, {4: 1}, 7),
        ({"on": False}, {4: 1}, "sensor"),
        ({"age": {"at_most": "10 s"}}, {2: 10_000}, 7),
        ({"age": {"at_most": "10 s"}}, {2: 10_001}, "sensor"),
        ({"age": {"at_most": 10_000}}, {2: 10_001}, "sensor"),
        ({"age": {"below": "10 s"}}, {2: 10_000}, "sensor"),
        ({"age": {"below": "10 s"}}, {2: 9_999}, 7),
        ({"age": {"at_least": "1 s", "at_most": "10 s"}}, {2: 999}, "sensor"),
        ({"age": {"at_least": "1 s", "at_most": "10 s"}}, {2: 1000}, 7),
        ({"depth": {"above": "10 cm"}}, {5: 10}, "sensor"),
        ({"depth": {"above": "10 cm"}}, {5: 11}, 7),
        ({"range_code": [0x0180, 0x0181]}, {3: 0x0181}, 7),
        ({"range_code": [0x0180, 0x0181]}, {3: 0x0182}, "sensor"),
        ({"range_code": 0}, {}, 7),
        ({"model": ["A1", "A2"]}, {6: 0x4132}, 7),
        ({"model": ["A1", "A2"]}, {6: 0x4133}, "sensor"),
        ({"status": "ok", "age": {"at_most": "1 s"}, "on": True}, {2: 900, 4: 1}, 7),
        ({"status": "ok", "age": {"at_most": "1 s"}, "on": True}, {2: 900, 4: 0}, "sensor"),
        ({"status": "ok", "age": {"at_most": "1 s"}, "on": True}, {2: 1001, 4: 1}, "sensor"),
    ],
)
def test_judged(condition: dict[str, Any], image: dict[int, int], value: Any) -> None:
    made = profile({"p": {"address": 0, "valid_when": condition}, **OTHERS})
    assert read(made, {0: 7, **image}, "p") == value
    assert set(made.readings["p"].needs) == set(condition)


def test_a_judge_that_is_bad_gives_its_reason() -> None:
    points = {
        "p": {"address": 0, "valid_when": {"age": {"at_most": 10}}},
        "age": {"address": 1, "sentinels": {0xFFFF: "not_fitted"}, "range": [0, 1000]},
    }
    assert read(profile(points), {1: 0xFFFF}, "p") == "not_fitted"
    assert read(profile(points), {1: 5000}, "p") == "range"


@pytest.mark.parametrize(
    ("condition", "tail", "told"),
    [
        ({"nothing": "ok"}, ("nothing",), "no point 'nothing'"),
        ({"status": "fine"}, ("status",), "never 'fine'; it is one of ok, over, broken"),
        ({"status": True}, ("status",), "never True"),
        ({"status": {"at_most": 1}}, ("status",), "only a number can be compared"),
        ({"on": 1}, ("on",), "never 1; it is true or false"),
        ({"range_code": True}, ("range_code",), "never True; it is a whole number"),
        ({"range_code": "ok"}, ("range_code",), "never 'ok'"),
        ({"depth": 1}, ("depth",), "compare it with bounds"),
        ({"age": {"at_most": "1 m"}}, ("age",), "'m' measures length"),
        ({"age": {"at_least": 5, "at_most": 4}}, ("age",), "no number lies within"),
        ({"age": {}}, ("age",), "good values are expected, or bounds"),
        ({"age": []}, ("age",), "good values are expected, or bounds"),
        ({"age": {"values": [1], "at_most": 4}}, ("age",), "not both"),
        ({"age": {"max": 4}}, ("age", "max"), "Extra inputs"),
    ],
)
def test_refused(condition: dict[str, Any], tail: tuple[Any, ...], told: str) -> None:
    found = refusals({"p": {"address": 0, "valid_when": condition}, **OTHERS})
    assert [loc for loc, _ in found] == [("points", "p", "valid_when", *tail)] and told in found[0][1]


def test_circles_are_told_with_their_way() -> None:
    points = {
        "a": {"address": 0, "bit": 0, "valid_when": {"b": True}},
        "b": {"address": 1, "bit": 0, "valid_when": {"c": True}},
        "c": {"address": 2, "bit": 0, "valid_when": {"a": True}},
        "outside": {"address": 3, "valid_when": {"a": True}},
    }
    found = refusals(points)
    assert [loc for loc, _ in found] == [
        ("points", x, "valid_when", y) for x, y in (("a", "b"), ("b", "c"), ("c", "a"))
    ]
    assert "'a' would be judged by itself: a → b → c → a" in found[0][1]


def test_a_chain_has_an_end() -> None:
    def chain(length: int) -> dict[str, Any]:
        points: dict[str, Any] = {
            f"p{i}": {"address": i, "bit": 0, "valid_when": {f"p{i + 1}": True}} for i in range(length)
        }
        return points | {f"p{length}": {"address": length, "bit": 0}}

    longest = profile(chain(MOST_NEEDS))
    assert read(longest, dict.fromkeys(range(MOST_NEEDS + 1), 1), "p0") is True
    assert read(longest, dict.fromkeys(range(MOST_NEEDS), 1), "p0") == "sensor"
    (loc, told), *_ = refusals(chain(2000))
    assert loc == ("points", "p0", "valid_when", "p1") and "at most 64" in told


STATION = {"units": {"station": 200, "second": 2}}


def test_a_device_with_several_units() -> None:
    """Alfen: the station answers as 200, its sockets as 1 and 2, behind one address."""
    made = profile({"a": {"address": 1}, "b": {"address": 1, "type": "uint32", "at_unit": "station"}}, STATION)
    assert [made.readings[key].unit for key in "ab"] == [None, "station"], "and their registers do not overlap"


@pytest.mark.parametrize(
    ("points", "loc", "told"),
    [
        ({"a": {"address": 1, "at_unit": "nowhere"}}, ("points", "a", "at_unit"), "it has station, second"),
        (
            {"a": {"address": 1, "valid_when": {"b": True}}, "b": {"address": 1, "bit": 0, "at_unit": "station"}},
            ("points", "a", "valid_when", "b"),
            "'b' is read from unit station, 'a' from the device's own unit; they would never be of one moment",
        ),
        (
            {"a": {"address": 1, "at_unit": "second", "scale_from": "b"}, "b": {"address": 1, "at_unit": "station"}},
            ("points", "a", "scale_from"),
            "unit station, 'a' from unit second",
        ),
        (
            {"a": {"address": 1, "at_unit": "station"}, "b": {"address": 1, "at_unit": "station", "type": "uint32"}},
            ("points", "b", "address"),
            "overlaps",
        ),
    ],
)
def test_units_refused(points: dict[str, Any], loc: tuple[Any, ...], told: str) -> None:
    ((place, sentence),) = refusals(points, STATION)
    assert place == loc and told in sentence


@pytest.mark.parametrize("number", [0, 256, "200"])
def test_numbers_of_units(number: Any) -> None:
    ((loc, _),) = refusals({"a": {"address": 1}}, {"units": {"station": number}})
    assert loc == ("modbus", "units", "station")


def test_judge_and_judged_are_read_together() -> None:
    made = profile({"p": {"address": 0, "valid_when": {"s": True}}, "s": {"address": 900, "bit": 0, "every": "1min"}})
    (pace,) = link(unit("d", 1, made)).units[0].paces
    assert isinstance(pace, Pace) and pace.keys == ("p", "s")


def test_what_a_point_says_about_its_reading() -> None:
    made = profile(
        {
            "a": {"address": 1, "every": "1min", "optional": True, "warm_up": {"reads": 2, "again_after": "60s"}},
            "b": {"address": 2, "warm_up": {}},
            "c": {"address": 3, "counter": True, "unit": "kWh"},
            "d": {"address": 4, "scale": 0.1, "counter": 6553.6},
            "e": {"address": 5, "counter": False},
        }
    )
    a, b = made.readings["a"], made.readings["b"]
    assert (a.every_ns, a.optional, a.warm_up) == (60 * 10**9, True, (2, 60 * 10**9))
    assert (b.every_ns, b.optional, b.warm_up) == (None, False, (1, 0))
    assert [made.point(key).counter for key in "abcde"] == [None, None, float("inf"), 6553.6, None]
    for point, word in (
        ({"bit": 0, "counter": True}, "counter"),
        ({"counter": -1}, "counter"),
        ({"counter": 0}, "counter"),
        ({"every": "10ms"}, "every"),
        ({"every": 5}, "every"),
    ):
        ((loc, _),) = refusals({"p": {"address": 1, **point}})
        assert loc == ("points", "p", word)
