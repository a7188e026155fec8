"""A rule's condition as people write it in YAML: only what was written, quantities and durations with their units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, BeforeValidator

from gateway.fields import Quantity, duration_words, parse_duration


def written(value: Any) -> Any:
    """JSON-able: models by their keys in the file, a Quantity as `0.1 m`, a Duration as `30s`."""
    if isinstance(value, BaseModel):
        kept = type(value).model_fields.items()
        return {
            field.alias or name: _of_field(getattr(value, name), (field.annotation, *field.metadata))
            for name, field in kept
            if name in value.model_fields_set
        }
    if isinstance(value, Quantity):
        return f"{value.value:g} {value.unit}" if value.unit else value.value
    if isinstance(value, Mapping):
        return {str(key): written(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, frozenset, set)):
        return [written(each) for each in value]
    return value


def _of_field(value: Any, declared: tuple[Any, ...]) -> Any:
    if type(value) is int and any(map(_is_duration, declared)):
        return duration_words(value)
    return written(value)


def _is_duration(declared: Any) -> bool:
    """`Duration`, or one of several that may stand there."""
    if isinstance(declared, BeforeValidator):
        return declared.func is parse_duration
    return any(map(_is_duration, (*get_args(declared), *getattr(declared, "__metadata__", ()))))


def one_line(value: Any) -> str:
    """What `written` gives, in YAML's flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {one_line(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(one_line, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
