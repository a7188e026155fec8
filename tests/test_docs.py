"""The documents say what is there: every command and flag, every link, no path of anybody's machine."""

from __future__ import annotations

import argparse
import importlib
import re
import subprocess
from pathlib import Path

import pytest

from gateway.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def flags(parser: argparse.ArgumentParser) -> set[str]:
    found = set()
    for action in parser._actions:
        found |= {option for option in action.option_strings if option.startswith("--")} - {"--help"}
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                found |= flags(inner)
    return found


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_and_flag_is_documented(command: str) -> None:
    page = (ROOT / "docs/commands.md").read_text()
    section = re.search(rf"^## `anlou {command}.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert section is not None, f"docs/commands.md has no section on {command}"
    parser = argparse.ArgumentParser()
    importlib.import_module(COMMANDS[command][0]).add_arguments(parser)
    for flag in flags(parser):
        assert flag in section[0], f"{command} {flag} is not in docs/commands.md"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} → {target}"


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_nothing_tells_of_one_machine() -> None:
    """What is in the repository runs anywhere: no home, no workplace, no registry's host."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    private = re.compile("|".join(["/ro" + "ot/", "/wo" + "rk/", "/home" + "/", "pypi" + r"\.org", "/tmp/" + "v/"]))
    for name in listed:
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".yaml", ".sql", ""} and path.is_file():
            found = private.search(path.read_text(errors="replace"))
            assert found is None, f"{name}: {found}"
