"""A small site of its own: one module, one sump, one rule; tests change a line of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.load import ConfigErrors, SiteConfig, load_site

PROFILE = """\
profile: box
title: {en: Box, zh: 盒}
source: [{ref: test, verified: memory}]
modbus: {table: holding, type: uint16}
points:
  ai0: {address: 0}
  ai1: {address: 1}
  di0: {address: 10, bit: 0}
  di1: {address: 10, bit: 1}
vectors: [{registers: {1: 7, 2: 7}, expect: {ai1: 7}}]
"""
RULES = """\
- rule: T-01
  title: {en: Water, zh: 积水}
  severity: low
  class: equipment
  on: {system: garage-water, point: floor_level}
  when: {at_least: 0.10 m, deadband: 0.01 m}
  on_delay: 30s
"""
SITE = """\
site: {id: t, name: {en: Test, zh: 测试}, timezone: Asia/Shanghai}
profiles: [profiles]
links:
  bus: {modbus: "tcp://10.0.0.7:502"}
modules:
  io: {profile: box, link: bus, unit: 3}
devices:
  sump:
    system: garage-water
    at: {building: 1, floor: B2}
    points:
      floor_level: {from: io.ai0, signal: {0: 0 mA, 65535: 20 mA}, linear: {4 mA: 0 m, 20 mA: 1 m}}
      pump-1/pump_run: {from: io.di0}
rules: {files: [rules.yaml]}
"""


class Folder:
    """A folder with a site in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "profiles").mkdir()
        self.write("profiles/box.yaml", PROFILE)
        self.write("rules.yaml", RULES)
        self.write("site.yaml", SITE)

    def write(self, name: str, text: str | bytes, mode: int = 0o640) -> Path:
        file = self.path / name
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        file.chmod(mode)
        return file

    def change(self, *changes: tuple[str, str], file: str = "site.yaml") -> None:
        text = (self.path / file).read_text()
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
            text = text.replace(old, new)
        self.write(file, text)

    def load(self, ports: dict[str, int] | None = None) -> SiteConfig:
        return load_site(self.path / "site.yaml", ports or {})

    def problems(self, ports: dict[str, int] | None = None) -> list[str]:
        """What is told, with file names relative to the folder; empty when the site is good."""
        try:
            self.load(ports)
        except ConfigErrors as refused:
            return [str(problem).replace(f"{self.path}/", "") for problem in refused.problems]
        return []

    def warnings(self) -> list[str]:
        return [str(warning).replace(f"{self.path}/", "") for warning in self.load().warnings]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)
