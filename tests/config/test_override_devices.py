"""A rule that is otherwise on one device; labels of devices; the site's calendar."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from alerts.bound import Unbound
from tests.config.conftest import RULES, Folder

CHOICE = "rules: {files: [rules.yaml]}"
SUMP = """\
  sump:
    system: garage-water
    at: {building: 1, floor: B2}
"""
SECOND = """\
  sump-west:
    system: garage-water
    at: {building: 1, floor: B3}
    points: {floor_level: {from: io.ai1, signal: {0: 0 mA, 65535: 20 mA}, linear: {4 mA: 0 m, 20 mA: 1 m}}}
  lift: {system: elevator, points: {moving: {from: io.di1}}}
"""


@pytest.fixture
def site(folder: Folder) -> Folder:
    folder.change((CHOICE, f"{SECOND}{CHOICE}"))
    return folder


def override(site: Folder, changes: str) -> None:
    site.change((CHOICE, f"rules: {{files: [rules.yaml], override: {{T-01: {changes}}}}}"))


def hashes(site: Folder) -> dict[str, str]:
    return {each.source: each.condition_hash for each in site.load().bound.instances if each.rule.rule == "T-01"}


def test_it_is_another_rule_of_the_same_id_on_that_device_only(site: Folder) -> None:
    before = hashes(site)
    override(site, "{when: {at_least: 0.12 m}, devices: {sump-west: {on_delay: 5s, when: {at_least: 15 cm}}}}")
    bound = site.load().bound
    rules = {each.source: each.rule for each in bound.instances if each.rule.rule == "T-01"}
    assert set(rules) == {"sump", "sump-west"}
    assert str(rules["sump"].when.at_least) == "0.12 m" and rules["sump"].on_delay == 30 * 10**9  # type: ignore[union-attr]
    assert str(rules["sump-west"].when.at_least) == "15 cm" and rules["sump-west"].on_delay == 5 * 10**9  # type: ignore[union-attr]
    assert len({*before.values(), *hashes(site).values()}) == 3  # two had been alike, and none is as before
    assert len({(each.rule.rule, each.source) for each in bound.instances}) == len(bound.instances)


def test_a_device_alone_leaves_the_others_as_they_are(site: Folder) -> None:
    before = hashes(site)
    override(site, "{devices: {sump-west: {when: {deadband: 2 cm}}}}")
    after = hashes(site)
    assert after["sump"] == before["sump"] and after["sump-west"] != before["sump-west"]


def test_a_companion_is_that_of_its_own_rule(site: Folder) -> None:
    site.change(("severity: low", "severity: low\n  unknown_for: 2min"), file="rules.yaml")
    keys = ("cause", "consequence", "corrective_action", "confirm_how", "owner", "basis")
    guidance = f"guidance: {{{', '.join(f'{key}: {{en: w, zh: 水}}' for key in keys)}, time_to_respond: 10min}}"
    override(site, f"{{severity: high, {guidance}, devices: {{sump-west: {{title: {{en: West, zh: 西}}}}}}}}")
    titles = {each.source: each.rule.title.en for each in site.load().bound.instances if each.companion_of}
    assert titles["sump-west"] != titles["sump"] and "West" in titles["sump-west"]


def test_disabled_on_one_device_and_enabled_on_one(site: Folder) -> None:
    override(site, "{devices: {sump-west: {enabled: false}}}")
    loaded = site.load()
    assert set(hashes(site)) == {"sump"}
    assert Unbound("T-01", "sump-west", "disabled here by the site") in loaded.unbound


def test_a_rule_that_is_disabled_may_be_enabled_on_one(site: Folder) -> None:
    override(site, "{enabled: false, devices: {sump-west: {enabled: true}}}")
    assert set(hashes(site)) == {"sump-west"}
    assert Unbound("T-01", "sump", "the rule is disabled") in site.load().unbound


@pytest.mark.parametrize(
    ("changes", "at", "says"),
    [
        (
            "{devices: {sump-wets: {on_delay: 5s}}}",
            "sump-wets",
            "there is no device 'sump-wets'; did you mean 'sump-west'?",
        ),
        ("{devices: {sump-wets: {enabled: false}}}", "sump-wets", "there is no device 'sump-wets'"),
        ("{devices: {lift: {on_delay: 5s}}}", "lift", "T-01 does not watch 'lift': its `on` means other devices"),
        ("{devices: {lift: {enabled: false}}}", "lift", "T-01 does not watch 'lift'"),
        ("{devices: {sump: {on_deley: 5s}}}", "on_deley", "unknown key 'on_deley'; did you mean 'on_delay'?"),
        ("{devices: {sump: {on_delay: 5}}}", "5}}}", "a duration with its unit"),
        (
            "{devices: {sump: {when: {at_least: 5 °C, deadband: null}}}}",
            "5 °C",
            "'°C' measures temperature",
        ),
        ("{devices: {sump: {when: {expr: flor_level > 5}}}}", "flor_level", "did you mean 'floor_level'?"),
        ("{devices: {sump: {when: {alarm: T-09}}}}", "T-09", "there is no rule 'T-09'"),
        ("{devices: {sump: {severity: high}}}", "sump", "needs its guidance record"),
        ("{devices: {sump: {on: {system: fire}}}}", "on:", "is said of the rule as a whole"),
        ("{devices: {sump: {rule: T-02}}}", "rule: T-02", "is said of the rule as a whole"),
        ("{devices: [sump]}", "[sump]", "the changes of each device are expected"),
        ("{devices: {sump: 5s}}", "5s", "the changed keys of the rule are expected"),
    ],
)
def test_what_is_wrong_with_it_is_told_at_its_key(site: Folder, changes: str, at: str, says: str) -> None:
    override(site, changes)
    problems = site.problems()
    assert len(problems) == 1, problems
    (found,) = problems
    line, col = (int(number) for number in found.split(":")[1:3])
    assert found.startswith("site.yaml:") and says in found, found
    assert (site.path / "site.yaml").read_text().split("\n")[line - 1][col - 1 :].startswith(at), found


def test_a_device_that_lacks_the_point_is_not_watched(site: Folder) -> None:
    text = (site.path / "site.yaml").read_text()
    start = text.index("    points: {floor_level: {from: io.ai1")
    end = text.index("\n", start)
    site.write("site.yaml", f"{text[:start]}    points: {{pump_fault: {{from: io.di0}}}}{text[end:]}")
    override(site, "{devices: {sump-west: {on_delay: 5s}}}")
    (found,) = site.problems()
    assert "T-01 does not watch 'sump-west': the device has no point 'floor_level'" in found


def test_what_a_disabled_device_is_to_have_waits_for_it(site: Folder) -> None:
    site.change(("    at: {building: 1, floor: B3}", "    at: {building: 1, floor: B3}\n    disabled: true"))
    override(site, "{devices: {sump-west: {on_delay: 5s}}}")
    assert site.problems() == []


# --- labels, places, profiles


def test_labels_choose(site: Folder) -> None:
    site.change((SUMP, f"{SUMP}    labels: {{owner: metro, row: 3}}\n"))
    devices = {device.id: device.labels for device in site.load().devices}
    assert devices["sump"] == {"owner": "metro", "row": "3"} and devices["sump-west"] == {}
    site.change(("on: {system: garage-water, point", "on: {labels: {owner: metro}, point"), file="rules.yaml")
    assert set(hashes(site)) == {"sump"}


@pytest.mark.parametrize(
    ("on", "at", "says"),
    [
        ("profile: boxx", "boxx", "there is no profile 'boxx'; did you mean 'box'?"),
        ("profile: eastron-sdm63", "eastron-sdm63", "did you mean 'eastron-sdm630'?"),
        ("labels: {ower: metro}", "metro", "there is no label 'ower'; did you mean 'owner'?"),
        ("labels: {owner: metr}", "metr", "there is no label owner 'metr'; did you mean 'metro'?"),
        ("floor: B7", "B7", "there is no floor 'B7'"),
        ("zone: garage-east", "garage-east", "there is no zone 'garage-east'; the site names none"),
        ("building: 2", "2", "there is no building '2'; the site names 1"),
        ("device: sumq", "sumq", "there is no device 'sumq'; did you mean 'sump'?"),
        ("system: garage-watr", "garage-watr", "there is no system 'garage-watr'; did you mean 'garage-water'?"),
    ],
)
def test_a_slip_in_what_a_rule_is_on_is_told(site: Folder, on: str, at: str, says: str) -> None:
    site.change((SUMP, f"{SUMP}    labels: {{owner: metro}}\n"))
    text = RULES.replace("system: garage-water, point", f"{on}, point")
    site.write("rules.yaml", text)
    (found,) = site.problems()
    assert says in found
    line, col = (int(number) for number in found.split(":")[1:3])
    assert text.split("\n")[line - 1][col - 1 :].startswith(at), found


@pytest.mark.parametrize("on", ["profile: eastron-sdm630", "system: fire", "labels: {use: lithium-store}"])
def test_what_this_site_has_not_got_is_no_slip(site: Folder, on: str) -> None:
    site.change((SUMP, f"{SUMP}    labels: {{owner: metro}}\n"))
    text = RULES.replace("system: garage-water, point: floor_level", on).replace(
        "when: {at_least: 0.10 m, deadband: 0.01 m}", "when: {point: health, is: offline}"
    )
    site.write("rules.yaml", text)
    loaded = site.load()
    assert Unbound("T-01", None, "the rule watches nothing on this site") in loaded.unbound


# --- the calendar


def test_the_calendar_reaches_the_rules(site: Folder) -> None:
    site.change((CHOICE, f'{CHOICE}\ncalendar: {{holidays: ["2026-10-01", 2026-10-02]}}'))
    loaded = site.load()
    days = {date(2026, 10, 1), date(2026, 10, 2)}
    assert loaded.holidays == days and loaded.bound.holidays == days
    assert loaded.zone == ZoneInfo("Asia/Shanghai") == loaded.bound.zone


@pytest.mark.parametrize(
    ("days", "says"),
    [
        ("[2026-02-30]", "there is no such day: 2026-02-30"),
        ("[20261001]", "a day such as 2026-10-01 is expected, got 20261001"),
        ("[1 October]", "a day such as 2026-10-01 is expected"),
        ("[2026-10-01, 2026-10-01]", "2026-10-01 stands here twice"),
    ],
)
def test_days_that_are_none(site: Folder, days: str, says: str) -> None:
    site.change((CHOICE, f"{CHOICE}\ncalendar: {{holidays: {days}}}"))
    (found,) = site.problems()
    assert says in found
