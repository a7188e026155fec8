"""What the product says to people, in both languages, from texts.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from ruamel.yaml import YAML

from gateway.model import Text

SEMICOLON = Text("; ", "；")
COMMA = Text(", ", "、")


@cache
def texts() -> dict[str, Text]:
    """Key → text."""
    content = YAML(typ="safe", pure=True).load((files("gateway") / "texts.yaml").read_text(encoding="utf-8"))
    return {key: Text(**text) for key, text in content.items()}


def say(key: str, language: str, **places: object) -> str:
    """The text `key` in `language`, its places filled."""
    return texts()[key].in_language(language).format(**places)


def both(key: str, **places: object) -> Text:
    """The text `key` in both languages. A place that is a Text itself is filled in each language by its own."""
    text = texts()[key]
    if not places:
        return text
    english = {name: place.en if isinstance(place, Text) else place for name, place in places.items()}
    chinese = {name: place.zh if isinstance(place, Text) else place for name, place in places.items()}
    return Text(text.en.format(**english), text.zh.format(**chinese))


def joined(parts: Sequence[Text], comma: Text = SEMICOLON) -> Text:
    """Several texts in a row."""
    return Text(comma.en.join(text.en for text in parts), comma.zh.join(text.zh for text in parts))
