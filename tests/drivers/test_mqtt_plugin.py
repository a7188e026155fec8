"""Codec plug-ins: what the page shows works as a package of somebody else's, and nothing that one does harms us."""

from __future__ import annotations

import asyncio
import enum
import importlib
import re
import sys
import tomllib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from drivers.mqtt import plugin
from drivers.mqtt.json_value import DEEPEST
from drivers.mqtt.plugin import MOST_LETTERS, MOST_VALUES, CodecError, Plugin, fault, find, installed
from drivers.mqtt.poison import Poison
from drivers.mqtt.vectors import mistakes
from drivers.profile import MqttProfile, parse_profile
from tests.drivers.mqtt_fake import scene, spec
from tests.drivers.said import TOPIC, codec, poison, profile, read

PAGE = (Path(__file__).resolve().parents[2] / "docs/profiles.md").read_text()


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Installs a package as pip would: its module, and what its metadata says."""
    monkeypatch.syspath_prepend(tmp_path)
    names: list[str] = []

    def install(name: str, source: str, entries: str, module: str = "") -> None:
        module = module or name.replace("-", "_")
        names.append(module)
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[anlou.codecs]\n{entries}\n")
        importlib.invalidate_caches()

    yield install
    find.cache_clear()
    for name in names:
        sys.modules.pop(name, None)


def section() -> str:
    return PAGE[PAGE.index("## Codec plug-ins") :]


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", section(), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_of_the_page_as_a_package(packages: Callable[..., None]) -> None:
    project = tomllib.loads(block("toml"))["project"]
    ((name, value),) = project["entry-points"]["anlou.codecs"].items()
    text = YAML(typ="safe", pure=True).load(block("yaml"))
    with pytest.raises(ValidationError, match="no codec plug-in 'example-tags' on this machine; installed: gbt26875-3"):
        parse_profile(text)
    packages(project["name"], block("python"), f"{name} = {value}")
    assert installed() == ("example-tags", "gbt26875-3")
    made = parse_profile(text)
    assert isinstance(made, MqttProfile) and made.has_examples and list(mistakes(made)) == []
    one = codec(made, variables={"id": "a"})
    assert read(one, bytes.fromhex("010064"), "sensors/a") == {"temperature": 10.0}
    assert poison(one, bytes.fromhex("FF0064"), "sensors/a") == "codec"
    assert poison(one, b"", "sensors/a") == "no_point"


@pytest.mark.parametrize(
    ("source", "entry", "words"),
    [
        ("raise RuntimeError('not today')", "x = broken:X", "cannot be loaded: RuntimeError: not today"),
        ("import sys; sys.exit(3)", "x = broken:X", "cannot be loaded: SystemExit: 3"),
        ("import no_such_module", "x = broken:X", "cannot be loaded: ModuleNotFoundError"),
        ("X = 7", "x = broken:X", "has no `decode(payload)`"),
        ("X = 7", "x = broken:Y", "cannot be loaded: AttributeError"),
        ("class X:\n  def __init__(self, a): pass", "x = broken:X", "cannot be loaded: TypeError"),
        ("syntax error", "x = broken:X", "cannot be loaded: SyntaxError"),
    ],
)
def test_a_package_that_cannot_be_loaded_is_an_error_of_the_profile(
    packages: Callable[..., None], source: str, entry: str, words: str
) -> None:
    packages("broken", source, entry)
    with pytest.raises(ValidationError) as caught:
        profile({"a": {"path": "a"}}, {"codec": "x"})
    (error,) = caught.value.errors()
    assert error["loc"] == ("mqtt", "codec") and words in error["msg"]


def test_two_packages_with_one_name_are_ambiguous_and_one_found_twice_is_not(packages: Callable[..., None]) -> None:
    packages("one", "class X:\n  def decode(self, payload): return {}", "x = one:X")
    packages("one-again", "", "x = one:X", module="unused")
    assert find("x").decode(b"") == {}
    packages("two", "", "x = two:X")
    find.cache_clear()
    with pytest.raises(CodecError, match="several packages bring a codec 'x': one:X, two:X"):
        find("x")


def test_loaded_once(packages: Callable[..., None]) -> None:
    packages(
        "counting",
        "made = []\nclass X:\n  def __init__(self): made.append(self)\n  def decode(self, b): ...",
        "x = counting:X",
    )
    assert find("x") is find("x")
    assert len(importlib.import_module("counting").made) == 1


class Does:
    """A codec that does what the test wants."""

    name = "does"

    def __init__(self, act: Callable[[bytes], Any]) -> None:
        self.act = act

    def decode(self, payload: bytes) -> Any:
        return self.act(payload)


def raising(error: BaseException) -> Callable[[bytes], Any]:
    def act(payload: bytes) -> Any:
        raise error

    return act


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even that")


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (ValueError("no header"), "codec", "does: no header"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "codec", "does: 'utf-8' codec"),
        (KeyError("a"), "internal", "KeyError: 'a'"),
        (ZeroDivisionError(), "internal", "ZeroDivisionError: without a word"),
        (MemoryError(), "internal", "MemoryError"),
        (RecursionError("deep"), "internal", "RecursionError: deep"),
        (SystemExit(1), "internal", "SystemExit: 1"),
        (asyncio.CancelledError(), "internal", "CancelledError"),
        (GeneratorExit(), "internal", "GeneratorExit"),
        (StopIteration(), "internal", "StopIteration"),
        (Mute(), "internal", "Mute: it cannot say why"),
        (Poison("identity", "somebody else's"), "internal", "Poison"),
        (ValueError("a\nb\x1b" + "x" * 9999), "codec", "does: a b x"),
    ],
)
def test_whatever_it_raises_is_poison(error: BaseException, reason: str, words: str) -> None:
    with pytest.raises(Poison) as caught:
        Plugin("does", Does(raising(error))).decode(b"")
    assert caught.value.reason == reason and words in caught.value.message
    assert caught.value.message.isprintable() and len(caught.value.message) < 450


def test_an_interrupt_of_the_user_goes_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        Plugin("does", Does(raising(KeyboardInterrupt()))).decode(b"")


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


class Sneaky(dict):  # type: ignore[type-arg]
    def values(self) -> Any:
        raise RuntimeError("surprise")


class Colour(enum.IntEnum):
    RED = 1


ITSELF: list[Any] = []
ITSELF.append(ITSELF)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"bytes", "a value of type bytes"),
        ({"a": (1, 2)}, "a value of type tuple"),
        ({"a": {1, 2}}, "a value of type set"),
        ({1: 2}, "a key of type int"),
        ({"a": object()}, "a value of type object"),
        ({"a": Colour.RED}, "a value of type Colour"),
        (OrderedDict(a=1), "a value of type OrderedDict"),
        (Sneaky(a=1), "a value of type Sneaky"),
        ({"a": [float("nan")]}, "not finite"),
        ([float("inf")], "not finite"),
        ([1 << 64], "more than 64 bits"),
        ([10**5000], "more than 64 bits"),
        ({"a": "\ud800"}, "surrogate"),
        (nested(DEEPEST + 1), "deeper than 32"),
        (ITSELF, "deeper than 32"),
        ([0] * (MOST_VALUES + 1), "more than 100,000 values"),
        (["x" * (MOST_LETTERS + 1)], "more than 1,000,000 characters"),
        ({"x" * (MOST_LETTERS + 1): 1}, "more than 1,000,000 characters"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_it_returns_is_checked(value: Any, words: str) -> None:
    with pytest.raises(Poison, match="does has returned") as caught:
        Plugin("does", Does(lambda payload: value)).decode(b"")
    assert caught.value.reason == "codec" and words in caught.value.message


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64) + 1, 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(json_values)
def test_every_value_of_json_is_good(value: Any) -> None:
    assert fault(value) is None


def test_one_value_of_each_kind_is_good() -> None:
    assert fault({"a": [1, 2.5, "x", None, True, {}, []], "b": nested(DEEPEST - 1)}) is None


@pytest.fixture
def wild(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[bytes], Any]]]:
    """A codec `wild` that does the next thing of a list."""
    acts: list[Callable[[bytes], Any]] = []

    def act(payload: bytes) -> Any:
        return acts.pop(0)(payload)

    made = Plugin("wild", Does(act))
    monkeypatch.setattr(plugin, "find", lambda name: made)
    monkeypatch.setattr("drivers.mqtt.frame.find", lambda name: made)
    yield acts


def test_a_codec_for_the_bytes_inside_a_message(wild: list[Callable[[bytes], Any]]) -> None:
    """Time and identity are those around it; the points' paths begin in what the codec has made."""
    mqtt = {
        "codec": "wild",
        "binary": {"path": "data", "encoding": "hex"},
        "identity": {"path": "id", "equals": "a"},
        "time": {"path": "t", "format": "unix_s"},
    }
    made = codec(profile({"n": {"path": "x.n"}}, mqtt))
    wild.append(lambda payload: {"x": {"n": len(payload)}})
    (record,) = made.decode(TOPIC, b'{"id": "a", "t": 1795428672, "data": "00ff"}').records
    assert record.values == [2.0] and record.source_ns == 1_795_428_672_000_000_000
    assert poison(made, {"id": "b", "data": "00"}) == "identity", "before the codec is asked"
    assert poison(made, {"id": "a", "data": "0g"}) == "encoding"
    assert made.decode(TOPIC, b'{"id": "a"}').records == (), "no payload"
    wild.append(lambda payload: [1])
    assert poison(made, {"id": "a", "data": "00"}) == "shape"


async def test_it_cannot_stop_the_driver(wild: list[Callable[[bytes], Any]]) -> None:
    made = profile({"level": {"path": "level"}}, {"topic": "w/{id}", "codec": "wild"})
    async with scene(spec("a", made), spec("b")) as on:
        wild += [
            raising(SystemExit(0)),
            raising(ValueError("no")),
            raising(asyncio.CancelledError()),
            lambda raw: object(),
        ]
        wild.append(lambda raw: {"level": 3})
        mids = [on.says("w/a", b"\x00\x01") for _ in range(5)]
        mids.append(on.level(1.0, name="b"))
        await on.turn()
        assert [item.reason for item in on.kept] == ["internal", "codec", "internal", "codec"]
        assert [list(frame.values) for frame in on.taken()] in ([[3.0], [1.0, 3.6]], [[1.0, 3.6], [3.0]])
        assert sorted(on.wire.acknowledged) == sorted(mids)
