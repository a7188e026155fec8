"""`anlou init DIR`: the starter site, copied out with the schemas for editors; whole or not at all."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from importlib.resources.abc import Traversable
from pathlib import Path

from gateway.cli.schema import SCHEMAS, editor_schema
from gateway.config.starter import starter

EXIT_CANNOT_CREATE = 73
# an edited copy that has no effect would be a rule that is not there
COPIED_PACK = b"""\
# A copy to read. `rules: {packs: [...]}` takes the packs from the installed AnLou, not from here: change single values
# with `override` in site.yaml, or write rules of your own in a file that `files` names.
"""

# editors with the YAML language server (VS Code and others) look for this line
EDITOR_LINE = b"# yaml-language-server: $schema=../schema/%s.json\n"
EDITED = {"site.yaml": b"site", "tests.yaml": b"rule-tests"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder that is empty or not there yet")


def run(args: argparse.Namespace) -> int:
    """0 when the folder holds the starter site; 73 and one line when it cannot, and then nothing was changed."""
    folder: Path = args.folder.absolute()
    try:
        if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
            print(f"{args.folder}: not empty; a new or empty folder is expected", file=sys.stderr)
            return EXIT_CANNOT_CREATE
        _copy_whole(starter(), folder)
    except OSError as error:
        print(f"{args.folder}: cannot be created: {(error.strerror or str(error)).lower()}", file=sys.stderr)
        return EXIT_CANNOT_CREATE
    site = args.folder / "demo" / "site.yaml"
    print(f"{args.folder}: written. Change {site} into your building, then: anlou check --site {site}")
    return 0


def _copy_whole(source: Traversable, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        copy = Path(scratch) / "copy"
        _copy(source, copy)
        (copy / "schema").mkdir()
        for kind in SCHEMAS:
            text = json.dumps(editor_schema(kind), indent=1, ensure_ascii=False)
            (copy / "schema" / f"{kind}.json").write_text(text + "\n", encoding="utf-8")
        if folder.exists():
            shutil.copymode(folder, copy)
        copy.rename(folder)  # takes the place of an empty folder; refuses one that has been filled meanwhile


def _copy(source: Traversable, target: Path) -> None:
    target.mkdir()
    for item in source.iterdir():
        if item.name.startswith((".", "__")):
            continue
        if item.is_dir():
            _copy(item, target / item.name)
        else:
            (target / item.name).write_bytes(_notice(source.name, item.name) + item.read_bytes())


def _notice(folder: str, name: str) -> bytes:
    """What a copy says above the original: which schema an editor checks it by, and what is only to be read."""
    if folder == "rules":
        return COPIED_PACK + EDITOR_LINE % b"rules"
    kind = EDITED.get(name)
    return b"" if kind is None else EDITOR_LINE % kind
