"""Codec plug-ins: payloads that no profile can say, turned into a JSON value by somebody's Python.

A package brings one by an entry point of the group `anlou.codecs`. Whatever it does wrong is poison, one message of one
device; only an endless loop cannot be taken from it.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator

from drivers.mqtt.json_value import DEEPEST
from drivers.mqtt.poison import Poison

GROUP = "anlou.codecs"
MOST_VALUES = 100_000
MOST_LETTERS = 1_000_000
_LARGEST_NUMBER = 1 << 64
_KEPT_OF_WORDS = 300


class Codec(Protocol):
    """What a package ships: a class without arguments, or an object. `decode` is pure: the same bytes, the same value.

    The value is made of dict (with str keys), list, str, int, float, bool and None. ValueError with a sentence for
    people when the bytes are none of its format.
    """

    name: str

    def decode(self, payload: bytes) -> Any: ...


class CodecError(LookupError):
    """There is no such plug-in, or it cannot be loaded; the text says which there are."""


class Plugin:
    """An installed codec, at arm's length."""

    def __init__(self, name: str, codec: Codec) -> None:
        self.name = name
        self._codec = codec

    def decode(self, payload: bytes) -> Any:
        """A value as JSON has it; Poison, and no other error, for anything else."""
        try:
            value = self._codec.decode(payload)
        except KeyboardInterrupt:
            raise
        except ValueError as error:
            raise Poison("codec", f"{self.name}: {_words(error)}") from None
        except BaseException as error:  # SystemExit and CancelledError are no reason to stop either
            raise Poison(
                "internal", f"the codec {self.name} has failed: {type(error).__name__}: {_words(error)}"
            ) from error
        if told := fault(value):
            raise Poison("codec", f"{self.name} has returned {told}")
        return value


def installed() -> tuple[str, ...]:
    """The names of all plug-ins on this machine."""
    return tuple(sorted({entry.name for entry in _entries()}))


@cache
def find(name: str) -> Plugin:
    """The plug-in of that name, loaded once; CodecError when there is none."""
    found = {entry.value: entry for entry in _entries() if entry.name == name}
    if not found:
        known = ", ".join(installed()) or "none"
        raise CodecError(f"there is no codec plug-in {name!r} on this machine; installed: {known}")
    if len(found) > 1:
        raise CodecError(f"several packages bring a codec {name!r}: {', '.join(sorted(found))}")
    (entry,) = found.values()
    try:
        loaded = entry.load()
        codec = loaded() if isinstance(loaded, type) else loaded
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        told = f"the codec plug-in {name!r} ({entry.value}) cannot be loaded: {type(error).__name__}: {_words(error)}"
        raise CodecError(told) from error
    if not callable(getattr(codec, "decode", None)):
        raise CodecError(f"the codec plug-in {name!r} ({entry.value}) has no `decode(payload)`")
    return Plugin(name, codec)


def _entries() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def _known(name: str) -> str:
    try:
        find(name)
    except CodecError as error:
        raise ValueError(str(error.args[0])) from None
    return name


CodecName = Annotated[str, AfterValidator(_known)]


def fault(value: Any) -> str | None:
    """What is wrong with a value that should be one of JSON; None when nothing is."""
    depth = seen = letters = 0
    layer = [value]
    while layer:
        depth += 1
        seen += len(layer)
        if depth > DEEPEST + 1:
            return f"a value nested deeper than {DEEPEST}"
        if seen > MOST_VALUES:
            return f"more than {MOST_VALUES:,} values"
        below: list[Any] = []
        for item in layer:
            kind = item.__class__
            if kind is dict:
                for key in item:
                    if key.__class__ is not str:
                        return f"a key of type {type(key).__name__}"
                    letters += len(key)
                below += item.values()
            elif kind is list:
                below += item
            elif kind is str:
                letters += len(item)
                if not (item.isascii() or _is_unicode(item)):
                    return "a text with half a character (a surrogate)"
            elif kind is int:
                if not -_LARGEST_NUMBER < item < _LARGEST_NUMBER:
                    return "an integer of more than 64 bits"
            elif kind is float:
                if not math.isfinite(item):
                    return "a number that is not finite"
            elif not (item is None or kind is bool):
                return f"a value of type {kind.__name__}, which JSON does not have"
        if letters > MOST_LETTERS:
            return f"more than {MOST_LETTERS:,} characters"
        layer = below
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _words(error: BaseException) -> str:
    """What an error says, printable and short; it is a stranger's, and may fail itself."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001
        text = "it cannot say why"
    return "".join(letter if letter.isprintable() else " " for letter in text[:_KEPT_OF_WORDS]) or "without a word"
