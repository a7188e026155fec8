"""The terminal's words in both languages, from gateway/texts.yaml."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from ruamel.yaml import YAML

from gateway.model import Text


@cache
def texts() -> dict[str, Text]:
    """Key → text."""
    content = YAML(typ="safe", pure=True).load((files("gateway") / "texts.yaml").read_text(encoding="utf-8"))
    return {key: Text(**text) for key, text in content.items()}


def say(key: str, language: str, **places: object) -> str:
    """The text `key` in `language`, its places filled."""
    return texts()[key].in_language(language).format(**places)
