"""The shape of a message: which keys it has, with their types and an example of each. Pure, and bounded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from drivers.mqtt.json_value import parse
from drivers.mqtt.poison import Poison

MOST_KEYS = 200
LONGEST_EXAMPLE = 40
MOST_TYPES = 4
_BARE = re.compile(r'[^\s."\\\[\]]+')


@dataclass(slots=True)
class Key:
    """What has stood at one path: how often, of which types, and the last value as a short text."""

    types: list[str] = field(default_factory=list)
    example: str = ""
    seen: int = 0

    def add(self, kind: str, value: Any) -> None:
        self.seen += 1
        if kind not in self.types and len(self.types) < MOST_TYPES:
            self.types.append(kind)
        self.example = shortened(value)


def kind_of(value: Any) -> str:
    """The word for a JSON value's type, as profiles have them; `null` and empty containers by their own."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float"
    return {str: "text", list: "array", dict: "object"}.get(value.__class__, "text")


def shortened(value: Any, longest: int = LONGEST_EXAMPLE) -> str:
    """A value as a short text that cannot disturb a screen."""
    text = value if isinstance(value, str) else json.dumps(value)
    shown = "".join(letter if letter.isprintable() else "�" for letter in text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


def paths(value: Any) -> Iterator[tuple[str, Any]]:
    """Every scalar in a JSON value with its path as a profile writes it; of an array the first item stands for all."""
    layer: list[tuple[str, Any]] = [("", value)]
    told = 0
    while layer and told < MOST_KEYS:
        path, item = layer.pop(0)
        if isinstance(item, dict) and item:
            layer = [*((_joined(path, key), inner) for key, inner in list(item.items())[:MOST_KEYS]), *layer]
        elif isinstance(item, list) and item:
            layer.insert(0, (f"{path}[0]", item[0]))
        else:
            told += 1
            yield path, item


def _joined(path: str, key: str) -> str:
    step = key if _BARE.fullmatch(key) else '"' + key.replace('"', "").replace("\\", "") + '"'
    return f"{path}.{step}" if path else step


def read(payload: bytes) -> tuple[str, list[tuple[str, Any]]]:
    """(`object`, `array`, a scalar's type, `text` or `bytes`, the scalars with their paths) of a payload."""
    if not payload:
        return "empty", []
    try:
        value = parse(payload)
    except Poison:
        try:
            return "text", [("", payload.decode().strip())]
        except UnicodeDecodeError:
            return "bytes", [("", payload[:LONGEST_EXAMPLE].hex())]
    return kind_of(value), list(paths(value))
