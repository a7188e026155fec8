"""The files that come with AnLou: rule packs, the demo building, deployment files."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def starter() -> Traversable:
    """The folder `config/`: in the wheel as gateway/starter, in a checkout beside the packages."""
    packaged = files("gateway") / "starter"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "config"


def pack_names() -> list[str]:
    """The rule packs that `rules: {packs: […]}` may name."""
    packs = (starter() / "rules").iterdir()
    return sorted(pack.name.removesuffix(".yaml") for pack in packs if pack.name.endswith(".yaml"))
