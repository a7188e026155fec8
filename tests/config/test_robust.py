"""Whatever stands in a site's files, loading them gives a site or ConfigErrors: never anything else."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from drivers.assign import assign
from drivers.mqtt.codec import DeviceCodec
from gateway.config.load import ConfigErrors, load_site
from gateway.config.starter import starter
from tests.config import test_mqtt
from tests.config.conftest import Folder

DEMO = (Path(str(starter())) / "demo" / "site.yaml").read_text()
PORTS = {"lifts": 1, "garage": 2, "fire": 3, "charging": 4, "charger-east-1": 5, "broker": 6}
FILES = ["site.yaml", "rules.yaml", "profiles/box.yaml"]
SENDERS = ["site.yaml", "profiles/float-switch.yaml", "profiles/station.yaml"]
TOKENS = [
    "{", "}", "[", "]", ":", ",", "-", "\n", "  ", "'", '"', "&a", "*a", "!!str", "null", "true", ".nan", "1e400",
    "0x10", "${env:X}", "${port:lifts}", "${file:.}", "#", "|", ">", "write: true", "<<", "安", "\t", "9" * 30,
    "-1", "4 mA", "devices", "rules", "from: io.ai0", "\\", "%", "@", "\x00", "\u202e",
]  # fmt: skip


def load(folder: Path) -> None:
    try:
        site = load_site(folder / "site.yaml", PORTS)
        for assignment in assign(site.units, site.channels).values():  # what is good here is good for the drivers
            for unit in assignment.units:
                if assignment.wire == "mqtt":
                    DeviceCodec(unit)
    except ConfigErrors as refused:
        assert refused.problems
        for problem in refused.problems:
            assert problem.message.isprintable() and problem.message
            assert problem.line >= 0 and problem.col >= 0


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp())
    Folder(path)
    yield path
    shutil.rmtree(path)


@st.composite
def mutations(draw: st.DrawFn, text: str) -> str:
    """`text` with a few places cut, doubled, exchanged or filled with something foreign."""
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(text)))
        end = min(len(text), begin + draw(st.integers(0, 30)))
        text = text[:begin] + draw(st.sampled_from([*TOKENS, "", text[begin:end] * 2])) + text[end:]
    return text


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.data())
def test_a_mutated_site_is_refused_in_words(room: Path, drawn: st.DataObject) -> None:
    shutil.rmtree(room)
    room.mkdir()
    folder = Folder(room)
    name = drawn.draw(st.sampled_from(FILES))
    folder.write(name, drawn.draw(mutations((room / name).read_text())))
    load(room)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=mutations(DEMO))
def test_a_mutated_demo_is_refused_in_words(room: Path, text: str) -> None:
    (room / "site.yaml").write_text(text)
    load(room)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.data())
def test_a_mutated_site_with_senders_is_refused_in_words(room: Path, drawn: st.DataObject) -> None:
    shutil.rmtree(room)
    room.mkdir()
    folder = Folder(room)
    folder.write("profiles/float-switch.yaml", test_mqtt.PROFILE)
    folder.write("profiles/station.yaml", test_mqtt.QUIET)
    folder.write("site.yaml", test_mqtt.SITE.replace("${env:ANLOU_TEST_PASSWORD}", "correct horse"))
    name = drawn.draw(st.sampled_from(SENDERS))
    folder.write(name, drawn.draw(mutations((room / name).read_text())))
    load(room)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(TOKENS)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["from", "when", "all", "a", "x/y", "modbus", "linear"]) | SCALARS, inner, max_size=3
        )
    ),
    max_leaves=8,
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from paths(value[key], (*path, key))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.data())
def test_anything_in_any_place_is_refused_in_words(room: Path, drawn: st.DataObject) -> None:
    """Valid YAML with the wrong thing somewhere in it."""
    shutil.rmtree(room)
    room.mkdir()
    Folder(room)
    name = drawn.draw(st.sampled_from(FILES))
    value = YAML(typ="safe", pure=True).load(room / name)
    *above, last = drawn.draw(st.sampled_from([path for path in paths(value) if path]))
    holder = value
    for step in above:
        holder = holder[step]
    holder[last] = drawn.draw(ANYTHING)
    with (room / name).open("w") as file:
        YAML(typ="safe", pure=True).dump(value, file)
    load(room)


def test_a_thousand_devices_load_without_growing_beyond_them(folder: Folder) -> None:
    """An idle machine takes about a second; what looked at every pair of devices took a minute."""
    links = "".join(f'  l{n}: {{modbus: "tcp://10.1.0.{n}:502", assumed_rtt: 5ms}}\n' for n in range(10))
    devices = "".join(
        f"  d{n}: {{profile: box, system: fire, link: l{n // 100}, unit: {n % 100 + 1}, poll: 1s, at: {{building: 1,"
        f" floor: B2, zone: z}}, name: {{en: Device {n}, zh: 设备 {n}}}}}\n"
        for n in range(999)
    )
    folder.change(("modules:", links + "modules:"), ("rules: {", devices + "rules: {"))
    begin = process_time()
    assert len(folder.load().devices) == 1001
    assert process_time() - begin < 20.0
