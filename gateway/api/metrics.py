"""The Prometheus text format, written by hand: three rules of escaping are less than a library."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[Mapping[str, str], float]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: `kind` is counter or gauge; samples are (labels, number)."""

    name: str
    kind: str
    help: str
    samples: Iterable[Sample]


def single(name: str, kind: str, help_text: str, value: float) -> Family:
    """A family of one sample without labels."""
    return Family(name, kind, help_text, [({}, value)])


def render(families: Iterable[Family]) -> str:
    """The exposition. Families of one name from two suppliers are joined: a name may appear only once."""
    joined: dict[str, tuple[Family, list[Sample]]] = {}
    for family in families:
        joined.setdefault(family.name, (family, []))[1].extend(family.samples)
    lines = []
    for name, (family, samples) in joined.items():
        lines.append(f"# HELP {name} {_help(family.help)}")
        lines.append(f"# TYPE {name} {family.kind}")
        lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    written = (f'{key}="{_help(value).replace(chr(34), chr(92) + chr(34))}"' for key, value in labels.items())
    return "{" + ",".join(written) + "}"


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
