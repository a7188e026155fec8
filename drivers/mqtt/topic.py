"""Topics of a device: templates with variables, and what their values may be. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import AfterValidator

_VARIABLE = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_VALUE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# what a network server writes in its own way
_FORMS = {"dev_eui": (re.compile(r"[0-9a-f]{16}"), "sixteen digits 0-9, a-f in small letters")}


def check_topic(value: str) -> str:
    """The template of a topic; ValueError when it is none."""
    names = _VARIABLE.findall(value)
    if wrong := [name for name in names if not _NAME.fullmatch(name)]:
        raise ValueError(f"a variable is named with small letters, digits and `_`; got {{{wrong[0]}}}")
    rest = _VARIABLE.sub("x", value)
    if "{" in rest or "}" in rest:
        raise ValueError(f"a brace stands alone in {value!r}")
    if "+" in rest or "#" in rest:
        raise ValueError("one device's topic is expected, without the wildcards + and #; use {variables}")
    if not rest or rest.startswith("$") or not rest.isprintable() or len(value) > 512:
        raise ValueError(f"a printable topic of at most 512 letters is expected, not below $; got {value[:64]!r}")
    return value


TopicField = Annotated[str, AfterValidator(check_topic)]


def variables_of(texts: Iterable[str]) -> frozenset[str]:
    """The variables in templates."""
    return frozenset(name for text in texts for name in _VARIABLE.findall(text))


def check_variables(needed: frozenset[str], given: Mapping[str, str]) -> None:
    """ValueError with a sentence when one is missing, has no use, or could be more than one level of a topic."""
    if missing := sorted(needed - given.keys()):
        raise ValueError(f"the profile's topics need {', '.join(missing)}")
    if extra := sorted(given.keys() - needed):
        known = f"it needs {', '.join(sorted(needed))}" if needed else "it needs none"
        raise ValueError(f"the profile's topics have no variable {extra[0]!r}; {known}")
    for name, value in given.items():
        if not _VALUE.fullmatch(value) or not value.strip("."):
            raise ValueError(f"{name}: letters, digits, `_`, `.` and `-` are expected, at most 64; got {value[:80]!r}")
        form, words = _FORMS.get(name, (_VALUE, ""))
        if not form.fullmatch(value):
            raise ValueError(f"{name}: {words} are expected, got {value!r}")


def filled(template: str, variables: Mapping[str, str]) -> str:
    """The template with its variables' values."""
    return _VARIABLE.sub(lambda match: variables[match[1]], template)


def as_filter(template: str) -> str:
    """The filter that covers the template whatever its variables are."""
    return "/".join("+" if _VARIABLE.search(level) else level for level in template.split("/"))


def as_pattern(template: str) -> re.Pattern[str]:
    """What finds the variables in a topic; each stands within one level."""
    pieces = _VARIABLE.split(template)  # text, name, text, name, …, text
    return re.compile("".join(f"(?P<{one}>[^/]+)" if i % 2 else re.escape(one) for i, one in enumerate(pieces)))
