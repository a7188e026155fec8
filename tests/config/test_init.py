"""`anlou init`: the starter, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.config.starter import starter


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("existing", [True, False])
def test_the_starter_is_copied(tmp_path: Path, existing: bool, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "sites" / "mine"
    if existing:
        folder.mkdir(parents=True)
    assert main(["init", str(folder)]) == 0
    schemas = {"schema", "schema/site.json", "schema/profile.json", "schema/rules.json", "schema/rule-tests.json"}
    assert names(folder) == names(Path(str(starter()))) | schemas
    assert [path.name for path in folder.parent.iterdir()] == ["mine"]
    assert main(["check", "--site", str(folder / "demo/site.yaml")]) == 0
    assert "riverside-1 is good" in capsys.readouterr().out


def test_a_copied_pack_says_that_it_is_a_copy(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "mine")]) == 0
    packs = list((tmp_path / "mine/rules").glob("*.yaml"))
    assert packs and all(pack.read_text().startswith("# A copy to read.") for pack in packs)


def test_editors_find_the_schema_of_every_copied_file(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "mine")]) == 0
    demo = tmp_path / "mine/demo"
    files = [demo / "site.yaml", demo / "tests.yaml", *(tmp_path / "mine/rules").glob("*.yaml")]
    for file in files:
        (line,) = [line for line in file.read_text().splitlines() if line.startswith("# yaml-language-server:")]
        schema = json.loads((file.parent / line.partition("$schema=")[2]).read_text())
        kind = {"site.yaml": "site", "tests.yaml": "rule-tests"}.get(file.name, "rules")
        assert schema["$id"] == f"urn:anlou:schema:{kind}"


@pytest.mark.parametrize("kind", ["full", "file", "link", "hidden"])
def test_what_is_not_empty_is_left_alone(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mine"
    if kind == "file":
        folder.write_text("mine")
    elif kind == "link":
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.mkdir()
        (folder / (".git" if kind == "hidden" else "site.yaml")).write_text("mine")
    before = names(tmp_path)
    assert main(["init", str(folder)]) == 73
    assert names(tmp_path) == before
    assert "not empty" in capsys.readouterr().err


def test_nothing_is_left_of_a_copy_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    assert main(["init", str(tmp_path / "mine")]) == 73
    assert names(tmp_path) == set()
    assert "no space left on device" in capsys.readouterr().err
