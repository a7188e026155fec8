"""The Notifier MODBUS-GW against its manual: where points stand, what their bits say, what is refused and how."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulators.fire import Detector, Module, Panel
from simulators.notifier import notifier_gw, panel_words, point_address
from simulators.pdu import answer

PANEL = Panel(
    {"L1D1": Detector("flat"), "L1D2": Detector("flat"), "L1D159": Detector("garage"), "L2D1": Detector("garage")},
    {"L1M1": Module("garage")},
)


def asked(question: str, panel: Panel = PANEL, *, marks_absent: bool = False) -> str:
    return answer(bytes.fromhex(question), notifier_gw(lambda: panel, marks_absent=marks_absent)).hex(" ")


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("L1D1", 0),  # reference 40001
        ("L1D159", 158),
        ("L1M1", 200),  # 40201
        ("L2D1", 400),  # + 400 for each loop
        ("L10M1", 3800),  # 43801
        ("L10M159", 3958),
        ("L11D1", None),
        ("L0D1", None),
        ("L1D0", None),
        ("L1D160", None),
        ("L1D01", None),
        ("l1d1", None),
    ],
)
def test_where_a_point_stands(name: str, address: int | None) -> None:
    assert point_address(name) == address


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, 0x1400),  # enabled, inactive
        ({"fire": True, "smoke": 20.0}, 0x0C10),  # active, enabled, fire
        ({"smoke": 4.0}, 0x5400),  # pre-alarm
        ({"disabled": True}, 0x1200),
        ({"disabled": True, "fire": True}, 0x1200),  # a disabled point hides its alarm
        ({"missing": True}, 0x3400),  # trouble
        ({"missing": True, "fire": True}, 0x2C10),  # several at once: it was seen before it vanished
    ],
)
def test_bits_of_a_detector(changes: dict[str, object], word: int) -> None:
    panel = PANEL.with_detector("L1D1", replace(PANEL.detectors["L1D1"], **changes))  # type: ignore[arg-type]
    assert panel_words(panel)[0] == word
    assert panel_words(panel)[1] == 0x1400


@pytest.mark.parametrize(
    ("changes", "word"),
    [({}, 0x1400), ({"shut": True}, 0x0C40), ({"shut": True, "disabled": True}, 0x1200), ({"missing": True}, 0x3400)],
)
def test_bits_of_a_module(changes: dict[str, bool], word: int) -> None:
    panel = PANEL.with_module("L1M1", replace(PANEL.modules["L1M1"], **changes))
    assert panel_words(panel)[200] == word


def test_a_point_that_no_panel_has_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no point of a panel is called L1X1"):
        panel_words(Panel({"L1X1": Detector("flat")}))


@pytest.mark.parametrize(
    ("question", "said", "marked"),
    [
        ("03 00 00 00 02", "03 04 14 00 14 00", "03 04 14 00 14 00"),
        ("03 00 01 00 02", "83 02", "03 04 14 00 ff ff"),  # L1D3 is not programmed
        ("03 00 9e 00 02", "83 02", "03 04 14 00 ff ff"),  # 40160 is never used
        ("03 0f 9f 00 01", "83 02", "03 02 ff ff"),
        ("03 0f a0 00 01", "83 02", "83 02"),  # behind the points
        ("03 00 00 00 65", "83 03", "83 03"),  # 101 registers
        ("03 24 c1 00 02", "03 04 14 00 14 00", "03 04 14 00 14 00"),  # bell circuits
        ("03 25 1b 00 01", "03 02 00 00", "03 02 00 00"),  # silence
        ("04 00 00 00 01", "84 01", "84 01"),
        ("06 00 00 02 00", "86 01", "86 01"),
    ],
)
def test_answers(question: str, said: str, marked: str) -> None:
    assert asked(question) == said
    assert asked(question, marks_absent=True) == marked


def test_100_registers_where_absent_points_are_marked() -> None:
    assert asked("03 00 00 00 64", marks_absent=True).count("ff") == 2 * 98


def test_bells_ring_while_a_fire_is_shown() -> None:
    burning = PANEL.with_detector("L1D1", replace(PANEL.detectors["L1D1"], fire=True))
    assert asked("03 24 c1 00 01", burning) == "03 02 0c 00"


def test_a_panel_off_line() -> None:
    lost = replace(PANEL, lost=True)
    assert asked("03 00 00 00 01", lost) == "83 0b"
    assert asked("03 00 00 00 01", lost, marks_absent=True) == "83 0b"
