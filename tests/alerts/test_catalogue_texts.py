"""What the catalogue says to people: both languages, lengths, severities, and where each number comes from."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from alerts.rule import Rule
from gateway.model import AlarmClass, Severity
from tests.alerts.building import packs
from tests.alerts.test_packs import texts

ALL = packs()
LONGEST = {"title": (60, 24), "cause": (220, 90), "consequence": (220, 90), "corrective_action": (480, 200)}
OTHERWISE = (420, 180)
# what may stand in Latin letters in a Chinese text: units, codes, names of standards, makers and commands
LATIN = re.compile(
    r"BACnet|OpenEVSE|[A-Z]{2,}-?\d*[a-z]?|\b(?:[kmMcμ]?[AVWm]|mA|mm|cm|kW|kPa|MPa|Pa|m/s|h|s|min|min/s)\b|/?[a-z]+_[a-z_]+|〔J〕|J〕"
    r"|/metrics|/healthz|anlou(?: \w+)?|timedatectl|alarm\.db|tele\.db|\bdf\b|App|SIM|[A-Z]+_[A-Z_]+"
    r"|GroundFailure|HighTemperature|OverCurrentFailure|ContactorStuck|go-e|Bolid|Polon|Modbus"
    r"|VictoriaMetrics|Elfin Eleon S1|Notifier|CGW-MB|Acrel|ASJ|T/T|B/T|/T\b|E\d+|0x[0-9A-F]+|[FTN]\b"
)
WEAK = {
    "TSG T5002": "TSG T5002 as others quote it",
    "FLD": r"waterlogging",
    "TRF": r"Indoor dry-type|rated current in the neutral",
    "RCD": r"IEC 60364-7-722",
    "EBK": r"Beijing's guide",
    "G50974": r"GB 50974 (?!5\.3\b)",
    "G25506": r"GB 25506",
}
"""Sources of which only a vendor's page or a copy was read (alarms.md §9): the operator is told."""


def one(name: str) -> Any:
    return next(each for each in ALL if each["rule"] == name)


@pytest.mark.parametrize("mapping", ALL, ids=lambda each: each["rule"])
def test_no_text_is_longer_than_somebody_reads_at_night(mapping: Any) -> None:
    for path, text in texts(mapping):
        en, zh = LONGEST.get(path[-1], OTHERWISE)
        assert len(text["en"]) <= en, (path, len(text["en"]))
        assert len(text["zh"]) <= zh, (path, len(text["zh"]))


@pytest.mark.parametrize("mapping", ALL, ids=lambda each: each["rule"])
def test_the_chinese_is_chinese(mapping: Any) -> None:
    for path, text in texts(mapping):
        left = LATIN.sub("", text["zh"])
        assert not re.findall(r"[A-Za-z]{2,}", left), (path, text["zh"])
        assert not re.search(r"[一-鿿][,;:?!.](?!\d)", text["zh"]), f"half-width punctuation at {path}"


@pytest.mark.parametrize("mapping", ALL, ids=lambda each: each["rule"])
def test_every_number_says_where_it_comes_from(mapping: Any) -> None:
    """A number in a condition or a delay has a named source, or the mark of a judgement, in both languages."""
    basis = mapping["guidance"]["basis"]
    keys = ("when", "on_delay", "off_delay", "escalate")
    if not re.search(r"\d", str({key: mapping[key] for key in keys if key in mapping})):
        return
    named = r"GB |EN \d|IEC |NE 43|TSG|BACnet|OCPP|OpenEVSE|NICE3000|STEP|QARTOD|Bolid|from memory"
    assert "[J]" in basis["en"] or re.search(named, basis["en"]), basis["en"]
    assert "〔J〕" in basis["zh"] or re.search(named.replace("from memory", "凭记忆"), basis["zh"]), basis["zh"]
    assert ("[J]" in basis["en"]) == ("〔J〕" in basis["zh"])
    assert ("from memory" in basis["en"]) == ("凭记忆" in basis["zh"])


@pytest.mark.parametrize("mapping", ALL, ids=lambda each: each["rule"])
def test_a_weak_source_says_confirm_before_use(mapping: Any) -> None:
    basis = mapping["guidance"]["basis"]
    is_weak = any(re.search(pattern, basis["en"]) for pattern in WEAK.values())
    assert ("confirm before use" in basis["en"]) == is_weak, basis["en"]
    assert ("使用前核实" in basis["zh"]) == is_weak, basis["zh"]


@pytest.mark.parametrize("source", WEAK)
def test_each_weak_source_is_used_somewhere(source: str) -> None:
    assert [each["rule"] for each in ALL if re.search(WEAK[source], each["guidance"]["basis"]["en"])]


def test_few_alarms_are_urgent() -> None:
    """Of the rules, not of what they raise: the catalogue itself has many that people must run for."""
    every = [Rule.model_validate(each) for each in ALL]
    mix = Counter(rule.severity for rule in every if rule.severity is not Severity.JOURNAL)
    total = mix.total()
    assert mix[Severity.CRITICAL] <= 0.2 * total
    assert mix[Severity.CRITICAL] + mix[Severity.HIGH] <= 0.55 * total
    assert {rule.rule for rule in every if rule.severity is Severity.CRITICAL} == {
        rule.rule for rule in every if rule.severity is Severity.CRITICAL and rule.class_ is AlarmClass.LIFE_SAFETY
    }, "what is critical by itself is about life"


def test_what_nobody_is_told_of_closes_by_itself() -> None:
    for each in ALL:
        if each["severity"] == "journal":
            assert each["auto_ack"] is True
            assert each["class"] != "life_safety"


def test_titles_are_told_apart() -> None:
    for language in ("en", "zh"):
        assert len({each["title"][language] for each in ALL}) == len(ALL)


def test_the_maintenance_modes_are_the_same_everywhere() -> None:
    """EL-01 does not look then, EL-15 counts them, and the equipment alarms of the lift are suppressed by them."""
    modes = one("EL-15")["when"]["in"]
    assert one("EL-01")["when"]["all"][0]["not_in"] == modes
    equipment = [each for each in ALL if each["rule"].startswith("EL") and each["class"] == "equipment"]
    asked = {each["rule"]: each["suppress_when"] for each in equipment if "suppress_when" in each}
    assert set(asked) == {each["rule"] for each in equipment} - {"EL-15", "EL-16"}
    assert all(when == {"point": "mode", "in": modes} for when in asked.values())
