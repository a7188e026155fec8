"""Pydantic's errors as sentences of ours at the place in the file: what is wrong, what was expected, what is near."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.config.branches import Fault, faults, value_at
from gateway.config.document import Document, Path
from gateway.config.nearest import unknown
from gateway.config.problems import Problem, quoted
from gateway.config.schema import Expected
from gateway.fields import duration_words
from gateway.near import either, nearest_all

_ID = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
_CODE = r"^[a-z][a-z0-9_]*$"
_WRITES = {"write", "writes", "writable", "writeable", "allow_write", "allow_writes"}


class Finding:
    """A sentence about a path, before it is known in which file the path stands."""

    def __init__(self, path: Path, message: str, *, on_key: bool = False) -> None:
        self.path, self.message, self.on_key = path, message, on_key

    def in_document(self, document: Document) -> Problem:
        """The problem at the path's key or value in `document`."""
        return (document.at_key if self.on_key else document.at_value)(self.path, self.message)


def findings(error: ValidationError, model: type[BaseModel], value: Any) -> list[Finding]:
    """One finding for each mistake in `value`, which `model` has refused with `error`."""
    found = faults(error, value)
    meant = _meant(found, model)
    told: dict[tuple[Path, str], Finding] = {}
    lacking: dict[Path, list[str]] = {}
    for fault in found:
        parent, key = fault.path[:-1], str(fault.path[-1] if fault.path else "")
        misspelt = any(key in names for names in meant.get(parent, {}).values())
        if fault.kind == "missing" and (misspelt or (parent in meant and fault.branches)):
            continue  # it stands there, misspelt; and a branch that was not meant misses many
        if fault.kind == "missing":
            lacking.setdefault(parent, []).append(key)
            continue
        message = _sentence(fault, model, meant.get(parent, {}).get(key, []), value_at(value, fault.path))
        told.setdefault((fault.path, message), Finding(fault.path, message, on_key=fault.on_key))
    return [*(_missing(parent, keys) for parent, keys in lacking.items()), *told.values()]


def _missing(parent: Path, keys: list[str]) -> Finding:
    names = list(dict.fromkeys(keys))
    if len(names) == 1:
        return Finding((*parent, names[0]), f"the key {quoted(names[0])} is missing")
    return Finding(parent, f"the keys {', '.join(map(quoted, names))} are missing", on_key=True)


def _meant(found: list[Fault], model: type[BaseModel]) -> dict[Path, dict[str, list[str]]]:
    """For each mapping with unknown keys: what they were probably meant to be."""
    unknowns: dict[Path, list[str]] = {}
    missing: dict[Path, list[str]] = {}
    branches: dict[Path, tuple[tuple[int, str], ...]] = {}
    for fault in found:
        if fault.path and fault.kind in {"extra_forbidden", "missing"}:
            branches[fault.path[:-1]] = fault.branches
            group = unknowns if fault.kind == "extra_forbidden" else missing
            group.setdefault(fault.path[:-1], []).append(str(fault.path[-1]))
    meant: dict[Path, dict[str, list[str]]] = {}
    for parent, keys in unknowns.items():
        near = {key: guess for key in keys if (guess := _guess(key, model, parent, branches[parent]))}
        lacking = missing.get(parent, [])
        if not near and len(keys) == len(lacking) == 1 and nearest_all(keys[0], lacking, cutoff=0.4):
            near = {keys[0]: lacking}
        if near:
            meant[parent] = near
    return meant


def _guess(key: str, model: type[BaseModel], parent: Path, branches: tuple[tuple[int, str], ...]) -> list[str]:
    """The keys that may be meant: of the branch that was taken first, then of the others."""
    for expected in (Expected(model, parent, branches), Expected(model, parent)):
        if near := nearest_all(key, [valid for valid in expected.keys() if valid != key]):  # noqa: SIM118 - no mapping
            return near
    return []


def _sentence(fault: Fault, model: type[BaseModel], meant: list[str], written: Any) -> str:
    if fault.kind == "extra_forbidden":
        return _unknown_key(fault, model, meant)
    if fault.kind in _BOUNDS:
        return _out_of_bounds(fault, model, written)
    if fault.kind in {"literal_error", "enum"} or (not _is_placed(fault, written) and _is_choice(fault, model)):
        return _no_choice(fault, model)
    if say := _SENTENCES.get(fault.kind):
        return say(fault)
    message = fault.message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return message.replace("Input should ", "must ", 1) if message.startswith("Input should ") else message


def _unknown_key(fault: Fault, model: type[BaseModel], meant: list[str]) -> str:
    key = fault.path[-1] if fault.path else ""
    if str(key).lower() in _WRITES:
        return f"unknown key {quoted(key)}: AnLou only reads; it never writes to a device"
    if str(key).endswith(")"):
        return f"unknown key {quoted(key)}: a value with a comma within {{ … }} stands in quotes"
    valid = [name for name in Expected(model, fault.path[:-1], fault.branches).keys() if name != key]  # noqa: SIM118 - no mapping
    if meant:
        return f"unknown key {quoted(key)}; did you mean {either(meant)}?"
    return unknown("key", key, valid)


# error → (key of the bound in its context, words)
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def _out_of_bounds(fault: Fault, model: type[BaseModel], written: Any) -> str:
    low, high = Expected(model, fault.path, fault.branches).bounds()
    if low is not None and high is not None:
        return f"must lie within {low} … {high}, got {quoted(fault.input)}"
    key, words = _BOUNDS[fault.kind]
    bound = fault.context.get(key)
    if isinstance(written, str) and isinstance(bound, int):  # a duration is compared in nanoseconds
        return f"must be {words} {duration_words(bound)}, got {written}"
    return f"must be {words} {bound}, got {quoted(fault.input)}"


def _is_placed(fault: Fault, written: Any) -> bool:
    """A check of several keys has put its sentence here; it brings no input, and is not about this value's form."""
    return fault.kind == "value_error" and fault.input is None and written is not None


def _is_choice(fault: Fault, model: type[BaseModel]) -> bool:
    """A validator of its own that refuses a word which is not in its schema's list."""
    choices = Expected(model, fault.path, fault.branches).choices() if fault.kind == "value_error" else []
    return bool(choices) and not isinstance(fault.input, dict | list) and fault.input not in choices


def _no_choice(fault: Fault, model: type[BaseModel]) -> str:
    choices = Expected(model, fault.path, fault.branches).choices()
    near = nearest_all(fault.input, choices) if isinstance(fault.input, str) else []
    if near and sum(choice.startswith(str(fault.input)) for choice in choices) > 1:
        near = []  # `float` is the beginning of float32 and float64: a guess would be read as advice
    hint = f"; did you mean {either(near)}?" if near else ""
    listed = ", ".join(choices) or fault.context.get("expected", "another value")
    return f"one of {listed} is expected, got {_what(fault.input)}{hint}"


def _what(value: Any) -> str:
    """`the text 'x'`, `the number 5`, `a list`: what stands there instead."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return f"the text {quoted(value)}"
        case int() | float():
            return f"the number {quoted(value)}"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
    return "something else"


def _text(fault: Fault) -> str:
    hint = ""
    if isinstance(fault.input, int | float):
        hint = f'; to write it as a text, quote it: "{quoted(fault.input)}"'
    subject = "a name (text) is expected as the key" if fault.on_key else "a text is expected"
    return f"{subject}, got {_what(fault.input)}{hint}"


def _truth(fault: Fault) -> str:
    words = {"yes": "true", "on": "true", "no": "false", "off": "false"}
    meant = words.get(str(fault.input).lower())
    hint = f"; in YAML 1.2 this is written {meant}" if meant else ""
    return f"true or false is expected, got {_what(fault.input)}{hint}"


def _number(kind: str) -> Callable[[Fault], str]:
    def say(fault: Fault) -> str:
        text = fault.input
        hint = ""
        if isinstance(text, str) and text.strip().lstrip("+-").isdigit():
            zeros = " and without leading zeros" if text.strip().lstrip("+-")[:1] == "0" else ""
            hint = f"; write it without quotes{zeros}"
        return f"{kind} is expected, got {_what(text)}{hint}"

    return say


def _mapping(fault: Fault) -> str:
    return f"a mapping (key: value) is expected, got {_what(fault.input)}"


def _list(fault: Fault) -> str:
    return f"a list is expected, got {_what(fault.input)}"


def _pattern(fault: Fault) -> str:
    pattern = str(fault.context.get("pattern", ""))
    if pattern == _ID:
        return f"{quoted(fault.input)} is no name: letters, digits, - and _ are expected, at most 64"
    if pattern == _CODE:
        return f"{quoted(fault.input)}: small letters, digits and _ are expected, a letter first"
    return f"{quoted(fault.input)} does not have the form {pattern}"


def _key(fault: Fault) -> str:
    key = quoted(fault.path[-1]) if fault.path else "this key"
    return f"a key is a name, not the number {key}; a decimal comma? A number is written with a point: 0.1"


def _length(fault: Fault) -> str:
    context = fault.context
    if "max_length" in context:
        return f"too long: at most {context['max_length']} are allowed, got {context.get('actual_length', 'more')}"
    least = context.get("min_length", 1)
    return "must not be empty" if least == 1 else f"too short: at least {least} are expected"


_SENTENCES: dict[str, Callable[[Fault], str]] = {
    "string_type": _text,
    "bool_type": _truth,
    "bool_parsing": _truth,
    "int_type": _number("a whole number"),
    "int_parsing": _number("a whole number"),
    "int_from_float": _number("a whole number"),
    "float_type": _number("a number"),
    "float_parsing": _number("a number"),
    "finite_number": _number("a finite number"),
    "dict_type": _mapping,
    "mapping_type": _mapping,
    "model_type": _mapping,
    "model_attributes_type": _mapping,
    "list_type": _list,
    "tuple_type": _list,
    "set_type": _list,
    "frozen_set_type": _list,
    "string_pattern_mismatch": _pattern,
    "invalid_key": _key,
    "string_too_long": _length,
    "string_too_short": _length,
    "too_long": _length,
    "too_short": _length,
}
