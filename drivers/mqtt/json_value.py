"""Strict JSON. Pure.

msgspec refuses what RFC 8259 refuses (NaN, 01, comments, a byte order mark, trailing bytes, a second document, lone
surrogates, broken UTF-8), and numbers beyond a float or of more than 4,300 digits. It takes the last of duplicate
keys and NUL in a text, and goes as deep as Python's stack: those are judged here.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from drivers.mqtt.poison import Poison

LARGEST = 256 * 1024
"""Bytes of the longest message that is looked at at all; a link's own `max_payload` is below it."""
DEEPEST = 32
MOST = 10_000
"""Keys and items of one message."""

_decode = msgspec.json.decode


def parse(payload: bytes) -> Any:
    """The JSON value in `payload`; Poison when it is none, or no device would say it like that."""
    if len(payload) > LARGEST:
        raise Poison("oversize", f"{len(payload):,} bytes; at most {LARGEST:,} are read")
    try:
        value = _decode(payload)
    except RecursionError:
        raise Poison("depth", "nested so deep that nobody can have meant it") from None
    except UnicodeDecodeError:
        raise Poison("encoding", "not UTF-8") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise Poison("json", _why(payload, error)) from None
    kind = value.__class__
    # a message without nesting has as many colons as keys, unless one stands twice or in a text
    if kind is dict and payload.count(b":") == len(value) and b"\\" not in payload and b"[" not in payload:
        return value
    if kind is dict or kind is list:
        keys = _keys(value)
        # without a backslash every quote begins or ends a text, and what is left has one colon for each key
        if b"\\" in payload or b"".join(payload.split(b'"')[::2]).count(b":") != keys:
            json.loads(payload, object_pairs_hook=_unique)
    if b"\\u0000" in payload:
        _no_nul(value)
    return value


def _why(payload: bytes, error: Exception) -> str:
    if not payload.strip(b" \t\r\n"):
        return "the message is empty"
    if payload.startswith(b"\x1f\x8b"):
        return "compressed (gzip); only plain messages are read"
    if payload.startswith(b"\xef\xbb\xbf"):
        return "begins with a byte order mark"
    return f"no JSON: {error}"[:200]


def _keys(value: Any) -> int:
    """How many keys there are, at all depths; Poison when there is too much of anything."""
    keys = seen = depth = 0
    layer = [value]
    while layer:
        depth += 1
        if depth > DEEPEST:
            raise Poison("depth", f"nested deeper than {DEEPEST}")
        below: list[Any] = []
        for container in layer:
            seen += len(container)
            if container.__class__ is dict:
                keys += len(container)
                container = container.values()  # noqa: PLW2901 - its items from here on
            below += [item for item in container if item.__class__ is dict or item.__class__ is list]
        if seen > MOST:
            raise Poison("depth", f"more than {MOST:,} keys and items")
        layer = below
    return keys


def _no_nul(value: Any) -> None:
    layer = [value]
    while layer:
        item = layer.pop()
        if item.__class__ is dict:
            layer += [*item, *item.values()]
        elif item.__class__ is list:
            layer += item
        elif item.__class__ is str and "\0" in item:
            raise Poison("text", "NUL in a text")


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Poison("duplicate_key", "a key stands twice in one object")
