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
    if kind is dict or kind is list or kind is str:
        _examine(value, payload)
    return value


def _why(payload: bytes, error: Exception) -> str:
    if not payload.strip(b" \t\r\n"):
        return "the message is empty"
    if payload.startswith(b"\x1f\x8b"):
        return "compressed (gzip); only plain messages are read"
    if payload.startswith(b"\xef\xbb\xbf"):
        return "begins with a byte order mark"
    return f"no JSON: {error}"[:200]


def _examine(value: Any, payload: bytes) -> None:
    keys = colons = seen = 0
    layer = [value]
    depth = 0
    while layer:
        depth += 1
        if depth > DEEPEST:
            raise Poison("depth", f"nested deeper than {DEEPEST}")
        below: list[Any] = []
        for item in layer:
            kind = item.__class__
            if kind is dict:
                keys += len(item)
                below.extend(item)
                below.extend(item.values())
            elif kind is list:
                below.extend(item)
            elif kind is str:
                colons += item.count(":")
                if "\0" in item:
                    raise Poison("text", "NUL in a text")
        seen += len(below)
        if seen > 2 * MOST:
            raise Poison("depth", f"more than {MOST:,} keys and items")
        layer = below
    # every colon is a key's or stands in a text that we have seen; what is left is a key that was there before.
    # A text written with escapes may hold a colon that is none of the payload's bytes
    if b"\\" in payload:
        json.loads(payload, object_pairs_hook=_unique)
    elif payload.count(b":") != keys + colons:
        raise Poison("duplicate_key", "a key stands twice in one object")


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Poison("duplicate_key", "a key stands twice in one object")
