"""A damaged file is given another name and kept; a mark beside it asks for that at the next start."""

from __future__ import annotations

from pathlib import Path


def mark(path: Path) -> Path:
    return path.with_name(path.name + ".damaged")


def set_aside(path: Path) -> Path:
    """Give a damaged file and its log another name, for somebody to look at; the first free one."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        old = path.with_name(path.name + suffix)
        if old.exists():
            old.rename(aside.with_name(aside.name + suffix))
    return aside
