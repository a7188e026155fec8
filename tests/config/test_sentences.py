"""Mistakes in values are told at their place, once, with what was expected and what is near."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, StringConstraints, model_validator

from gateway.config.inspection import Inspection
from gateway.config.nearest import unknown
from gateway.config.source import Source
from gateway.fields import Delay, Id, QuantityField, SeverityField, Strict, TextField


class AtLeast(Strict):
    at_least: QuantityField
    deadband: QuantityField | None = None


class Below(Strict):
    below: QuantityField
    deadband: QuantityField | None = None


class Between(Strict):
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Between:
        if self.high <= self.low:
            raise ValueError(f"high ({self.high:g}) must be above low ({self.low:g})")
        return self


class Anything(Strict):
    any: list[AtLeast | Below | Between]


class Sample(Strict):
    title: TextField | None = None
    when: AtLeast | Below | Between | Anything | None = None
    severity: SeverityField | None = None
    on_delay: Delay = 0
    unit: Annotated[int, Field(ge=1, le=255)] | None = None
    kind: Literal["input", "holding"] = "input"
    latching: bool = False
    names: dict[Id, Annotated[str, Field(max_length=5)]] = {}  # noqa: RUF012
    ratio: Annotated[float, Field(gt=0)] = 1.0
    items: list[int] = []  # noqa: RUF012
    word: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")] = "ok"


def told(text: str) -> list[str]:
    inspection = Inspection()
    document = inspection.document(Source("f", text.encode(), text))
    assert document is not None
    inspection.validated(Sample, document.value, document)
    return [str(problem).removeprefix("f:") for problem in inspection.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on_deley: 5s", "1:1: unknown key 'on_deley'; did you mean 'on_delay'?"),
        ("On_Delay: 5s", "1:1: unknown key 'On_Delay'; did you mean 'on_delay'?"),
        ("on-delay: 5s", "1:1: unknown key 'on-delay'; did you mean 'on_delay'?"),
        ("zzz: 5s", "1:1: unknown key 'zzz'; valid: title, when, severity, on_delay, unit, kind, latching,"
                    " names, ratio, items, word"),
        ("write: true", "1:1: unknown key 'write': AnLou only reads; it never writes to a device"),
        ("on_delay: 5", "1:11: a duration with its unit is expected, such as 500ms, 30s, 5min, 8h or 1d; got 5"),
        ("{unit: 2,1}", "1:11: a key is a name, not the number 1; a decimal comma? A number is written with a point:"
                        " 0.1"),
        ("{kind: input, word: max, b)}", "1:26: unknown key 'b)': a value with a comma within { … } stands in quotes"),
        ("word: Wire Break", "1:7: 'Wire Break': small letters, digits and _ are expected, a letter first"),
        ("on_delay: 2d", "1:11: must lie within 0s … 1d"),
        ("unit: 0", "1:7: must lie within 1 … 255, got 0"),
        ("unit: 010", "1:7: a whole number is expected, got the text '010'; write it without quotes and without"
                      " leading zeros"),
        ('unit: "10"', "1:7: a whole number is expected, got the text '10'; write it without quotes"),
        ("unit: true", "1:7: a whole number is expected, got true"),
        ("unit: 1.5", "1:7: a whole number is expected, got the number 1.5"),
        ("ratio: 0", "1:8: must be more than 0"),
        ("kind: inputs", "1:7: one of input, holding is expected, got the text 'inputs'; did you mean 'input'?"),
        ("latching: no", "1:11: true or false is expected, got the text 'no'; in YAML 1.2 this is written false"),
        ("latching: 1", "1:11: true or false is expected, got the number 1"),
        ("severity: urgent", "1:11: one of critical, high, medium, low, journal is expected, got the text 'urgent'"),
        ("names: {a b: x}", "1:9: 'a b' is no name: letters, digits, - and _ are expected, at most 64"),
        ("names: {1: x}", "1:9: a name (text) is expected as the key, got the number 1; to write it as a text,"
                          ' quote it: "1"'),
        ("names: {a: abcdefg}", "1:12: too long: at most 5 are allowed, got more"),
        ("names: [a]", "1:8: a mapping (key: value) is expected, got a list"),
        ("items: 5", "1:8: a list is expected, got the number 5"),
        ("items: [1, x]", "1:12: a whole number is expected, got the text 'x'"),
        ("title: {en: A}", "1:1: the key 'zh' is missing"),
        ("title: {en: A, zh: 5}", "1:20: a text is expected, got the number 5; to write it as a text, quote it: \"5\""),
        ("title: {en: A, zn: B}", "1:16: unknown key 'zn'; did you mean 'zh'?"),
        ("when: {at_least: 80 q}", "1:18: unknown unit 'q'; known: "),
        ('when: {at_least: "80"}', "1:18: a number (without quotes) or a number with a unit is expected"),
        ("when: {at_least: true}", "1:18: a number with its unit is expected, such as 0.10 m; got True"),
        ("when: {at_lest: 1 m}", "1:8: unknown key 'at_lest'; did you mean 'at_least'?"),
        ("when: {at_least: 1 m, dead_band: 1 m}", "1:23: unknown key 'dead_band'; did you mean 'deadband'?"),
        ("when: {low: 5, high: 3}", "1:7: high (3) must be above low (5)"),
        ("when: {low: 5, hihg: 3}", "1:16: unknown key 'hihg'; did you mean 'high'?"),
        ("when: {any: [{below: x}]}", "1:22: a number with its unit is expected"),
        ("when: {any: [{below: 1 m}, {belov: 1 m}]}", "1:29: unknown key 'belov'; did you mean 'below'?"),
        ("when: 5", "1:7: a mapping (key: value) is expected, got the number 5"),
        ("[]", "1:1: a mapping (key: value) is expected, got a list"),
    ],
)  # fmt: skip
def test_cfg8_cfg9_cfg10_one_mistake_is_one_sentence(text: str, expected: str) -> None:
    found = told(text)
    assert len(found) == 1, found
    assert found[0].startswith(expected)


def test_all_mistakes_are_told_at_once() -> None:
    found = told("unit: 0\nwhen: {at_least: x, deadbnd: 1 m}\nlatching: yes\nitems: [a, 1, b]\n")
    assert [line.split(": ")[0] for line in found] == ["1:7", "3:11", "4:9", "4:15", "2:18", "2:21"]


def test_a_value_that_the_yaml_already_refused_is_not_refused_again() -> None:
    found = told("unit: .nan\nlatching: &a true\n")
    assert found == [
        "1:7: .nan is no measurable number; a finite number is expected",
        "2:11: anchors (&) are not allowed; write the value out where it is needed",
    ]


def test_nothing_told_can_move_a_cursor() -> None:
    found = told('"a\\e[31m\\u202eb\\n": 1\nkind: "x\\u202e\\e[2J"\n')
    assert found and all(character.isprintable() for line in found for character in line)


@pytest.mark.parametrize("length", [10, 10_000])
def test_messages_stay_short(length: int) -> None:
    assert all(len(line) < 800 for line in told(f"{'k' * min(length, 1000)}: 1\nkind: {'v' * length}\n"))


def test_unknown_without_candidates() -> None:
    assert unknown("link", "a", []) == "unknown link 'a'; there is none here"


def test_deep_nonsense_stays_an_error_of_its_place() -> None:
    value: Any = "when: {any: [[{below: {a: 1}}]]}"
    assert len(told(value)) == 1
