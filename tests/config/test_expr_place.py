"""A mistake in an expression is told at its very character, however the YAML writes the text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.characters import place_of
from gateway.config.parse import parse
from gateway.config.source import Source
from tests.config.conftest import RULES, Folder

WHEN = "when: {at_least: 0.10 m, deadband: 0.01 m}"


def told(folder: Folder, when: str) -> list[str]:
    folder.write("rules.yaml", RULES.replace(WHEN, when))
    return [line.removeprefix("rules.yaml:") for line in folder.problems()]


@pytest.mark.parametrize(
    ("when", "place", "at"),
    [
        ('when: {expr: health == "offline" or floor_level > "5 °C"}', "6:53", '"5'),
        ("when: {expr: 'floor_level > \"5 °C\"'}", "6:31", '"5'),
        ("when: {expr: 'point(''pump-1/pump_run'') or floor_level > 5'}", "6:61", "5"),
        ('when: {expr: "floor_level > \\"5 °C\\""}', "6:31", '\\"5'),
        ('when: {expr: "\\x66loor_level >\\u0020 5"}', "6:40", "5"),
        ("when:\n    expr: >\n      floor_level\n      > 5\n", "9:9", "5"),
        ("when:\n    expr: >-\n      floor_level >\n\n      5\n", "10:7", "5"),
        ("when:\n    expr: |\n      floor_level >\n        5\n", "9:9", "5"),
        ("when:\n    expr: |2-\n        floor_level > 5\n", "8:23", "5"),
        ("when:\n    expr:\n      floor_level\n      >   5\n", "9:11", "5"),
        ('when:\n    expr: "floor_\\\n      level >\n      5"\n', "9:7", "5"),
        ("when: {all: [{at_least: 1 m}, {not: {expr: floor_level > 5}}]}", "6:60", "5"),
        ("when: {expr: floor_level > 5 m}", "6:30", "5 m"),  # no expression at all
        ("when: {expr: flor_level > 5}", "6:16", "flor"),  # no point of anybody
        ('when: {expr: floor_level > "5 m" or alarm("T-99")}', "6:45", '"T-99'),  # no rule
        ("when: {expr: floor_level // 2 > 5}", "6:28", "//"),
    ],
)
def test_cfg18_the_very_character(folder: Folder, when: str, place: str, at: str) -> None:
    found = told(folder, when)
    assert len(found) == 1 and found[0].startswith(f"{place}: T-01: "), found
    line, col = (int(number) for number in place.split(":"))
    assert (folder.path / "rules.yaml").read_text().split("\n")[line - 1][col - 1 :].startswith(at)


def test_what_a_site_overrides_is_told_in_the_site_file(folder: Folder) -> None:
    override = "override: {T-01: {when: {expr: floor_level > 5}}}"
    folder.change(("rules: {files: [rules.yaml]}", f"rules: {{files: [rules.yaml], {override}}}"))
    (found,) = folder.problems()
    assert found == 'site.yaml:14:75: T-01: `floor_level` is in m: write "5 m"'


def test_where_the_place_cannot_be_known_the_sentence_tells_the_character() -> None:
    """The text that was judged is not the one in the file: a reference has been filled in."""
    document = parse(Source("f", b"", 'a: "level > ${env:LIMIT}"'))
    assert str(document.at_value(("a", 8), "wrong")) == "f:1:4: wrong (at character 9 of this text)"


@pytest.mark.parametrize(
    ("expr", "says"),
    [
        ("__import__('os')", "is no function"),
        ("9**9**9", "there is no power"),
        ("floor_level.__class__ > 5", "is no point's name"),
        ("alarm('T-01')", "ask for its own alarm"),
        ("floor_level > 5 m and " * 500, "too long: at most 1000 are allowed"),
    ],
)
def test_cfg18_what_is_more_than_an_expression_is_refused(folder: Folder, expr: str, says: str) -> None:
    (found,) = told(folder, f"when: {{expr: {json.dumps(expr)}}}")
    assert says in found and found.startswith("6:")


STYLES = ["plain", "single", "double", "folded", "literal"]


@settings(deadline=None, max_examples=200)
@given(
    words=st.lists(
        st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=5),
        min_size=1,
        max_size=8,
    ),
    style=st.sampled_from(STYLES),
    breaks=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_every_character_is_found_in_every_style(words: list[str], style: str, breaks: list[bool]) -> None:
    gaps = ["\n    " if cut and style != "literal" else " " for cut in breaks]
    joined = "".join(word + gap for word, gap in zip(words, gaps, strict=False)).rstrip()
    if style == "double":
        escaped = json.dumps(joined, ensure_ascii=False).replace("\\n", "\n")
        text = f"a:\n    {escaped}"
    elif style == "single":
        text = "a:\n    '" + joined.replace("'", "''") + "'"
    elif style == "plain":
        joined = "x " + "".join(
            character if character.isalnum() or character.isspace() else "y" for character in joined
        )
        text = "a:\n    " + joined
    else:
        text = f"a: {'>' if style == 'folded' else '|'}\n    {joined}\n"
    document = parse(Source("f", text.encode(), text))
    value, mark = document.value["a"], document.marks["a",]
    for offset, character in enumerate(value):
        if character.isspace():
            continue
        place = place_of(text, mark.line, mark.col, value, offset)
        assert place is not None
        found = text.split("\n")[place[0] - 1][place[1] - 1 :]
        assert found[0] == character or (found[0] == "\\" and style == "double")


def test_a_text_that_is_another_one_has_no_places() -> None:
    assert place_of("a: level > 5", 1, 4, "level > 6", 8) is None
    assert place_of("a: level > 5", 1, 4, "level > 5", 99) is None
    assert place_of("a: level > 5", 1, 4, "level > 5", 8) == (1, 12)
    assert place_of("a: level >", 1, 4, "level >", 7) == (1, 11)  # behind its end
