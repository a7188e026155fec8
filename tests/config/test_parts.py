"""Parts of a device: those of a profile's templates, those of its own points, their names and places."""

from __future__ import annotations

import json

import pytest

from gateway.cli.main import main
from gateway.model import Location, Part, Text
from tests.config.conftest import Folder

PANEL = """\
profile: panel
title: {en: Panel, zh: 主机}
system: fire
source: [{ref: test, verified: memory}]
modbus: {table: holding, type: uint16, base: 0}
parts:
  - id: "L{loop}D{number}"
    title: {en: detector, zh: 探测器}
    over: {loop: [1, 2], number: [1, 159]}
    address: {start: 0, loop: 400, number: 1}
    points:
      fire: {bit: 0}
      fault: {bit: 1}
points:
  panel_fault: {address: 2000, bit: 0}
vectors: [{registers: {2000: 1}, expect: {panel_fault: true}}]
"""
ENTRY = """\
  panel-1:
    profile: panel
    link: bus
    unit: 1
    at: {building: 1, floor: 1, zone: lobby}
    parts:
      L1D1: {name: {en: Kitchen, zh: 厨房}, at: {floor: 3, zone: kitchen}}
      L2D7: {}
rules: {"""


@pytest.fixture
def site(folder: Folder) -> Folder:
    folder.write("profiles/panel.yaml", PANEL)
    folder.change(("rules: {", ENTRY))
    return folder


def test_parts_have_points_names_and_places(site: Folder) -> None:
    found = site.load()
    panel = next(device for device in found.devices if device.id == "panel-1")
    assert [point.key for point in panel.points] == [
        "panel_fault",
        "L1D1/fire",
        "L1D1/fault",
        "L2D7/fire",
        "L2D7/fault",
        "health",
    ]
    assert panel.parts == {
        "L1D1": Part("L1D1", Text("Kitchen", "厨房"), Location(None, "3", "kitchen")),
        "L2D7": Part("L2D7"),
    }
    assert panel.place("L1D1") == Location("1", "3", "kitchen") and panel.place("L2D7") == Location("1", "1", "lobby")
    unit = next(unit for unit in found.units if unit.name == "panel-1")
    assert set(unit.profile.readings) == {point.key for point in panel.points} - {"health"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("L2D7: {}", "L3D7: {}", "21:7: "),
        ("L2D7: {}", "L2D160: {}", "21:7: "),
        ("L2D7: {}", "L02D7: {}", "21:7: "),
        ("L2D7: {}", "pump-1: {}", "21:7: "),
        ("L2D7: {}", "L2D7: {nam: {en: a, zh: b}}", "21:14: unknown key 'nam'; did you mean 'name'?"),
        ("L2D7: {}", "L2D7: {name: {en: a}}", "21:14: the key 'zh' is missing"),
        ("L2D7: {}", "L2D7:", "22:1: a mapping (key: value) is expected, got nothing"),
        ("L2D7: {}", "L1D1: {}", "21:7: the key 'L1D1' stands here twice; first in line 20"),
        ("L2D7: {}", "'L2/D7': {}", "21:7: 'L2/D7' is no name: letters, digits, - and _ are expected, at most 64"),
    ],
)
def test_a_part_that_cannot_be(site: Folder, old: str, new: str, told: str) -> None:
    site.change((old, new))
    (found,) = site.problems()
    assert found.startswith(f"site.yaml:{told}")


def test_every_wrong_part_is_told(site: Folder) -> None:
    site.change(("L2D7: {}", "L9D1: {}\n      L1D0: {}"))
    assert [told.split(" ")[0] for told in site.problems()] == ["site.yaml:21:7:", "site.yaml:22:7:"]
    assert "L1D1 … L2D159" in site.problems()[0]


def test_a_panel_without_parts_is_a_warning(site: Folder) -> None:
    text = (site.path / "site.yaml").read_text()
    begin, end = text.index("    parts:"), text.index("rules: {")
    site.write("site.yaml", text[:begin] + text[end:])
    assert (
        "site.yaml:14:3: no `parts`: only the device as a whole would be watched, none of its parts (L1D1 … L2D159)"
        in site.warnings()
    )
    site.change(("points:\n  panel_fault: {address: 2000, bit: 0}\n", "points: {}\n"), file="profiles/panel.yaml")
    site.change(("{registers: {2000: 1}, expect: {panel_fault: true}}", ""), file="profiles/panel.yaml")
    assert site.problems() == ["site.yaml:14:3: nothing would be read: name its `parts` (L1D1 … L2D159)"]


def test_parts_of_points_from_modules_may_have_names(folder: Folder) -> None:
    folder.change(("    points:\n", "    parts: {pump-1: {name: {en: Pump 1, zh: 1号泵}}}\n    points:\n"))
    sump = folder.load().devices[0]
    assert sump.parts == {"pump-1": Part("pump-1", Text("Pump 1", "1号泵"))}
    folder.change(("pump-1: {name", "pump-2: {name"))
    assert folder.problems() == ["site.yaml:11:13: unknown part 'pump-2'; did you mean 'pump-1'?"]


def test_a_part_of_a_panel_may_feed_another_device(site: Folder) -> None:
    site.change(("    points:\n", "    points:\n      gas: {from: panel-1.L1D1/fault}\n"))
    assert site.problems() == []
    site.change(("panel-1.L1D1/fault", "panel-1.L1D2/fault"))
    (told,) = site.problems()
    assert told.startswith("site.yaml:12:19: unknown point of 'panel-1' (panel) 'L1D2/fault'")


def test_check_tells_of_parts(site: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--site", str(site.path / "site.yaml")]) == 0
    assert "  panel-1: 2 parts (L1D1, L2D7)\n" in capsys.readouterr().out
    assert main(["check", "--site", str(site.path / "site.yaml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parts"] == {"panel-1": ["L1D1", "L2D7"]}
