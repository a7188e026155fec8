"""The house's walls: who may import whom, how large a module may be, who may read a clock or start a task."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("gateway", "drivers", "alerts", "simulators")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))

FLOOR = {"gateway.model", "gateway.clock", "gateway.units", "gateway.expression", "gateway.near"}
FIELDS = FLOOR | {"gateway.fields", "gateway.supervise", "gateway.texts"}
# longest prefix wins; None = everything of ours
MAY_IMPORT: dict[str, set[str] | None] = {
    "gateway.model": set(),
    "gateway.units": set(),
    "gateway.near": set(),
    "gateway.expression": {"gateway.near"},
    "gateway.clock": {"gateway.model"},
    "gateway.fields": FLOOR,
    "gateway.supervise": FLOOR,
    "gateway.texts": FLOOR,
    "gateway.bus": FIELDS,
    "gateway.store": FIELDS | {"gateway.store"},
    "gateway.historian": FIELDS | {"gateway.historian", "gateway.store"},
    "gateway.health": FIELDS | {"gateway.health"},
    "gateway.pipeline": FIELDS | {"gateway.store"},
    "gateway.config": FIELDS
    | {
        "gateway.config",
        "drivers.adaptation",
        "drivers.assign",
        "drivers.language",
        "drivers.profile",
        "drivers.channel",
        "drivers.modbus.budget",
        "drivers.modbus.address",
        "drivers.modbus.options",
        "drivers.modbus.references",
        "drivers.modbus.vectors",
        "drivers.mqtt.options",
        "drivers.mqtt.topic",
        "alerts.rule",
        "alerts.override",
        "alerts.bind",
        "alerts.milder",
        "alerts.maintenance",
        "alerts.annunciate.options",
        "alerts.annunciate.plan",
        "alerts.notify.options",
        "gateway.api.options",
        "gateway.health.points",
        "gateway.historian.options",
    },
    "gateway.api": FIELDS | {"gateway.api", "gateway.bus", "gateway.store", "gateway.health", "alerts"},
    "gateway.rehearsal": FIELDS
    | {"gateway.rehearsal", "gateway.store", "gateway.health", "gateway.config", "gateway.pipeline", "alerts"},
    "gateway.app": None,
    "gateway.cli": None,
    "drivers": FIELDS | {"drivers"},
    "alerts": FIELDS | {"alerts"},
    "simulators": {"simulators"},
}
STANDARD_ONLY = FLOOR
ALLOWED_OVER_400 = {"gateway.model": "the vocabulary stands in one place, one word beside the other"}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def rule_for(module: str) -> set[str] | None:
    candidates = [prefix for prefix in MAY_IMPORT if module == prefix or module.startswith(prefix + ".")]
    assert candidates, f"{module} stands in no room: give it a line in MAY_IMPORT"
    return MAY_IMPORT[max(candidates, key=len)]


def imports(path: Path) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            for alias in node.names:
                inner = ROOT / (node.module or "").replace(".", "/") / alias.name
                is_module = inner.with_suffix(".py").exists() or inner.is_dir()
                found.append((node.lineno, f"{node.module}.{alias.name}" if is_module else str(node.module)))
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_one_way(path: Path) -> None:
    module = name_of(path)
    if module == "gateway":  # empty, as test_package_root_is_empty says
        return
    allowed = rule_for(module)
    if allowed is None:
        return
    for line, imported in imports(path):
        if imported.split(".")[0] not in ROOMS:
            continue
        fits = any(imported == prefix or imported.startswith(prefix + ".") for prefix in allowed)
        assert fits, f"{path.relative_to(ROOT)}:{line}: {module} may not import {imported}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_floor_needs_no_third_party(path: Path) -> None:
    import sys

    if name_of(path) in STANDARD_ONLY:
        for line, imported in imports(path):
            top = imported.split(".")[0]
            assert top in sys.stdlib_module_names or top == "gateway", f"{path}:{line} imports {imported}"


def test_module_sizes() -> None:
    sizes = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}
    sizes = {module: size for module, size in sizes.items() if size > 1}
    assert statistics.median(sizes.values()) <= 150
    for module, size in sizes.items():
        assert size <= 600, f"{module} has {size} lines"
        assert size <= 400 or module in ALLOWED_OVER_400, f"{module} has {size} lines and no reason for it"


def test_package_root_is_empty() -> None:
    assert (ROOT / "gateway/__init__.py").read_text() == ""


CLOCKS = re.compile(
    r"\btime\.(time|monotonic|perf_counter|process_time|sleep)|datetime\.(now|utcnow|today)|date\.today|loop\(\)\.time\("
    r"|loop\.time\(|\.utcnow\("
)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_clock_reads_a_clock(path: Path) -> None:
    module = name_of(path)
    if module == "gateway.clock":
        return
    for number, line in enumerate(path.read_text().splitlines(), 1):
        code = line.split("#")[0]
        assert not CLOCKS.search(code), f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        if not module.startswith("simulators"):  # they get time through `now` and may pace themselves
            assert "asyncio.sleep(" not in code or "asyncio.sleep(0)" in code, f"{path.relative_to(ROOT)}:{number}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_tasks_are_started_by_groups(path: Path) -> None:
    """A task that nobody owns dies unheard; only a TaskGroup (`group.create_task`) starts one."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            bare = called in {"asyncio.create_task", "asyncio.ensure_future", "create_task"} or called.endswith(
                "loop.create_task"
            )
            assert not bare or name_of(path) == "gateway.supervise", f"{path.relative_to(ROOT)}:{node.lineno}: {called}"


# `out_of_service` and the return from it are ISA-18.2's own terms
VAGUE = re.compile(r"(^|_)(data|manager|(?<!out_of_)(?<!return_to_)service|handler|helper|utils?)(_|$)")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_names_say_something(path: Path) -> None:
    assert not VAGUE.search(path.stem), path
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            snake = re.sub(r"(?<!^)(?=[A-Z])", "_", node.name).lower()
            assert not VAGUE.search(snake), f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert not VAGUE.search(node.name), f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}"


WRITE_CODES = re.compile(r"write_(coil|register|registers|coils|file)|mask_write|readwrite_registers")


@pytest.mark.parametrize("path", [p for p in MODULES if name_of(p).startswith("drivers")], ids=name_of)
def test_drivers_cannot_write(path: Path) -> None:
    assert not WRITE_CODES.search(path.read_text()), f"{path}: AnLou only reads devices"
