"""Where something stands in a JSON message: `uplink.values[2]."active power"`. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator

Path = tuple[str | int, ...]

_STEP = re.compile(r"""\[(?P<index>\d{1,4})\]|(?P<dot>\.?)(?:"(?P<quoted>[^"\\]+)"|(?P<bare>[^\s."\\\[\]]+))""")


class _Missing:
    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


class _Blocked:
    __slots__ = ()

    def __repr__(self) -> str:
        return "BLOCKED"


MISSING: Any = _Missing()
"""There is no such key or item."""
BLOCKED: Any = _Blocked()
"""Something else stands where an object or an array with it is expected."""


def parse_path(text: str) -> Path:
    """The steps of a path; ValueError with how one looks."""
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        # a dot stands between two keys, and only there
        if match is None or (match["index"] is None and bool(match["dot"]) != bool(steps)):
            break
        steps.append(int(match["index"]) if match["index"] is not None else match["quoted"] or match["bare"])
        at = match.end()
    if re.match(r"/|\$[.\[]", text):  # JSON Pointer, JSONPath
        raise ValueError(f"a path begins with a key, such as values[2].power, not with {text[0]}; got {text!r}")
    if at < len(text) or not steps or len(text) > 256:
        raise ValueError(f'a path is expected, such as values[2].power or status."active power"; got {text!r}')
    return tuple(steps)


def _path(value: str) -> str:
    parse_path(value)
    return value


PathField = Annotated[str, AfterValidator(_path)]


def getter(path: Path) -> Callable[[Any], Any]:
    """What stands at `path`, MISSING or BLOCKED; null on the way is null at its end."""

    def get(value: Any) -> Any:
        for step in path:
            if step.__class__ is int:
                if value.__class__ is not list:
                    return None if value is None else BLOCKED
                if step >= len(value):
                    return MISSING
                value = value[step]
            else:
                if value.__class__ is not dict:
                    return None if value is None else BLOCKED
                value = value.get(step, MISSING)
                if value is MISSING:
                    return MISSING
        return value

    return get


def first_of(paths: Sequence[Path]) -> Callable[[Any], Any]:
    """What stands at the first path where something does; null is something."""
    if len(paths) == 1:
        return getter(paths[0])
    gets = [getter(path) for path in paths]

    def get(value: Any) -> Any:
        found = MISSING
        for one in gets:
            there = one(value)
            if there is BLOCKED:
                found = BLOCKED
            elif there is not MISSING:
                return there
        return found

    return get
