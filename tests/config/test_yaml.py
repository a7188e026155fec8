"""CFG1–CFG7, CFG17: what a configuration file may be, and what is said when it is something else."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.config.document import Document
from gateway.config.parse import parse
from gateway.config.problems import ConfigErrors
from gateway.config.source import MAX_BYTES, Source, decode, read_source


def read(raw: bytes | str) -> Document:
    """The document; ConfigErrors when it has any problem."""
    raw = raw.encode() if isinstance(raw, str) else raw
    document = parse(Source("f", raw, decode("f", raw)))
    if document.problems:
        raise ConfigErrors(document.problems)
    return document


def problems(raw: bytes | str) -> list[str]:
    with pytest.raises(ConfigErrors) as refused:
        read(raw)
    return [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"a: 1\n\tb: 2\n", "f:2:1: a tab cannot indent"),
        (b"a:\n\tb: 2\n", "f:2:1: a tab cannot indent"),
        (b"a: 1\nb: 'x\nc: 2\n", "f:2:4: this quote is never closed"),
        (b'a: 1\nb: "x\n', "f:2:4: this quote is never closed"),
        (b"a: 1\nb: x\x00y\n", "f:2:5: the character U+0000"),
        (b"a: 1\nb: \x1b[31m\n", "f:2:4: the character U+001B"),
        (b"a: 1\nb: \xff\n", "f:2:4: the byte 0xFF is not UTF-8"),
        (b"\xef\xbb\xbfa: \xc3\x28\n", "f:1:4: the byte 0xC3 is not UTF-8"),
        ("a: 1\n".encode("utf-16"), "f:1:1: the file is UTF-16"),
        ("a: 1\n".encode("utf-16-be"), "f:1:1: the character U+0000"),
        (b"a: [1, 2\n", "f:2:1: expected ',' or ']'"),
        (b"a: b: c\n", "f:1:5: `key: value` is not expected here"),
        (b"a: 1\n---\nb: 2\n", "f:2:1: one file holds one document"),
        (b"%YAML 1.1\n---\na: no\n", "f:2:1: only YAML 1.2"),
        (b'a: "\\0"\n', "f:1:4: the character U+0000"),
        (b'a: "\\ud800"\n', "f:1:4: the character U+D800"),
        ("a: x\u2028b: 1\n".encode(), "f:1:5: the character U+2028"),
        (b"a: 1\n? [b]\n: 1\n", "f:2:3: a key must be a text or a number"),
        (b": 1\n", "f:1:1: a key must be a text or a number"),
    ],
)
def test_cfg2_broken_text_is_told_with_line_and_column(raw: bytes, place: str) -> None:
    assert problems(raw)[0].startswith(place)


def test_cfg2_a_byte_order_mark_is_accepted() -> None:
    assert read(b"\xef\xbb\xbfa: 1\n").value == {"a": 1}


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("a: 1\nb: 2\na: 3\n", "f:3:1: the key 'a' stands here twice; first in line 1"),
        ("x: {a: 1, a: 1}\n", "f:1:11: the key 'a' stands here twice; first in line 1"),
        ("0x10: a\n16: b\n", "f:2:1: the key 16 stands here twice; first in line 1"),
        ("devices:\n  lift-1: {}\n  lift-1: {}\n", "f:3:3: the key 'lift-1' stands here twice; first in line 2"),
    ],
)
def test_cfg3_a_duplicate_key_names_both_lines(raw: str, told: str) -> None:
    assert problems(raw) == [told]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("22:30", "22:30"),
        ("12:30:45", "12:30:45"),
        ("010", "010"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("Off", "Off"),
        ("y", "y"),
        ("2026-11-23", "2026-11-23"),
        ("2026-11-23T22:30:00Z", "2026-11-23T22:30:00Z"),
        ("=", "="),
        ("4 mA", "4 mA"),
        ("1e3", 1000.0),
        ("-0.5", -0.5),
        (".5", 0.5),
        ("3.", 3.0),
        ("0x1F", 31),
        ("-12", -12),
        ("+7", 7),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ('"7"', "7"),
        ("'true'", "true"),
    ],
)
def test_cfg4_plain_scalars_follow_the_core_schema(written: str, value: object) -> None:
    found = read(f"a: {written}\n").value["a"]
    assert found == value and type(found) is type(value)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{after}: &{after} [{','.join(['*' + before] * 9)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_cfg5_an_alias_bomb_is_refused_at_once() -> None:
    read("warm: up\n")
    begin = process_time()
    told = problems(BOMB)
    assert process_time() - begin < 1.0  # 5 ms; its expansion takes minutes
    assert told[0].startswith("f:1:4: anchors (&) are not allowed")


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("a: &a [*a]\n", "f:1:8: aliases (*) are not allowed"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n", "f:3:3: merge keys (<<) are not allowed"),
        ("*a : 1\n", "f:1:1: a key must be a text or a number"),
        ("&a k: 1\n", "f:1:1: anchors and tags are not allowed"),
    ],
)
def test_cfg5_aliases_anchors_and_merge_keys_are_refused(raw: str, told: str) -> None:
    assert any(line.startswith(told) for line in problems(raw))


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system", "!!python/name:os.system", "!!binary", "!!int", "!site", "!", "!<x>"]
)
def test_cfg6_every_tag_is_refused(tag: str) -> None:
    assert problems(f"a: {tag} ls\n")[0].startswith("f:1:4: tags are not allowed")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "{a: [{b: "])
def test_cfg7_nesting_has_a_limit(opening: str) -> None:
    assert any("nested deeper than 20 levels" in line for line in problems(opening * 3000))


def test_cfg7_a_file_has_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ConfigErrors, match="larger than 1,000,000 bytes"):
        read_source(path)
    path.write_bytes(b"a: 1" + b" " * (MAX_BYTES - 4))
    assert read_source(path).text.startswith("a: 1")


@pytest.mark.parametrize("written", [".inf", "-.inf", ".nan", ".NaN", "1e400", "-1e999", "9" * 20, "9" * 5000])
def test_cfg9_a_number_is_finite_and_fits(written: str) -> None:
    told = problems(f"limit: {written}\n")
    assert len(told) == 1 and told[0].startswith("f:1:8: ")


def refusal(path: Path) -> str:
    with pytest.raises(ConfigErrors) as refused:
        read_source(path)
    (problem,) = refused.value.problems
    assert problem.file == str(path) and problem.line == 0
    return problem.message


def test_cfg17_only_a_regular_file_is_read(tmp_path: Path) -> None:
    good = tmp_path / "good.yaml"
    good.write_text("a: 1\n")
    link, fifo, door = tmp_path / "link", tmp_path / "fifo", tmp_path / "door"
    link.symlink_to(good)
    os.mkfifo(fifo)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(door))
        assert "this is a socket" in refusal(door)
    assert "this is a symbolic link" in refusal(link)
    assert "this is a FIFO" in refusal(fifo)
    assert "this is a directory" in refusal(tmp_path)
    assert "this is a device file" in refusal(Path("/dev/zero"))
    assert "no such file or directory" in refusal(tmp_path / "missing")
    assert "cannot be read" in refusal(tmp_path / ("x" * 300))
    assert read_source(good).text == "a: 1\n"


def test_cfg17_a_file_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("a: 1\n")
    path.chmod(0o666)
    assert "everybody may write this file" in refusal(path)


def test_every_problem_of_a_file_is_told_at_once() -> None:
    told = problems("a: &x 1\nb: *x\nc: !t 1\na: 2\nd: .nan\n<<: {}\n")
    assert [line.split(":")[1] for line in told] == ["1", "2", "3", "4", "5", "6"]


def test_places_of_keys_and_values() -> None:
    document = read("a: 1\nb:\n  - x\n  - {c: 安, d: 2}\n")
    assert str(document.at_key(("b", 1, "d"), "m")) == "f:4:12: m"
    assert str(document.at_value(("b", 1, "d"), "m")) == "f:4:15: m"
    assert str(document.at_value(("b", 0), "m")) == "f:3:5: m"
    # what does not stand there is told at the key of what should hold it
    assert str(document.at_value(("b", 1, "missing"), "m")) == "f:4:5: m"
    assert str(document.at_value(("missing",), "m")) == "f:1:1: m"


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b'a: "\\UFFFFFFFF"')
@example(b"%TAG ! tag:x,2000:\n--- !foo a")
@example(b"%YAML 9999999999.1\n---\na")
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    try:
        read(raw)
    except ConfigErrors as refused:
        assert refused.problems


ALPHABET = st.sampled_from(
    [*"ab01:-?,[]{}#&*!|>'\"%@`\\ \n\t.~<=$", "\n  ", ": ", "- ", "\\x", "\\U", "---\n", "...\n", "%YAML "]
)


@given(st.lists(ALPHABET, max_size=60).map("".join))
def test_no_punctuation_raises_anything_else(text: str) -> None:
    try:
        read(text)
    except ConfigErrors as refused:
        assert refused.problems
