"""A strict reader of the Prometheus text format 0.0.4, written after its description alone."""

from __future__ import annotations

import re

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)')
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?([eE][+-]?\d+)?|Inf)|NaN")
Key = tuple[str, frozenset[tuple[str, str]]]


class Exposition:
    """Families by name, samples by name and labels; AssertionError for whatever the format does not allow."""

    def __init__(self, text: str) -> None:
        assert text.endswith("\n"), "the last line ends"
        self.kinds: dict[str, str] = {}
        self.helps: dict[str, str] = {}
        self.samples: dict[Key, float] = {}
        self._label_names: dict[str, set[str]] = {}
        present: str | None = None
        for line in text[:-1].split("\n"):
            if line.startswith("# HELP "):
                _, _, present, told = line.split(" ", 3)
                assert present not in self.helps, f"{present} is described twice"
                assert told, f"{present} is not described"
                self.helps[present] = told
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name == present, f"{name} has its TYPE elsewhere than its HELP"
                assert kind in {"counter", "gauge"}, kind
                assert name not in self.kinds
                assert name.endswith("_total") == (kind == "counter"), f"{name} is a {kind}"
                self.kinds[name] = kind
            else:
                self._sample(line, present)

    def _sample(self, line: str, present: str | None) -> None:
        match = _SAMPLE.fullmatch(line)
        assert match, f"no sample: {line!r}"
        name, inner, number = match.groups()
        assert name == present and name in self.kinds, f"{name} stands outside its family"
        assert _NUMBER.fullmatch(number), f"no number: {line!r}"
        labels = _labels(inner or "")
        names = set(labels)
        assert self._label_names.setdefault(name, names) == names, f"{name} has now these labels, now others"
        key = name, frozenset(labels.items())
        assert key not in self.samples, f"twice: {line!r}"
        self.samples[key] = float(number)
        if self.kinds[name] == "counter":
            assert self.samples[key] >= 0

    def value(self, metric: str, /, **labels: str) -> float | None:
        """The sample with exactly these labels."""
        return self.samples.get((metric, frozenset(labels.items())))

    def of(self, metric: str) -> list[dict[str, str]]:
        """The labels of each sample of a family."""
        return [dict(labels) for name, labels in self.samples if name == metric]


def _labels(inner: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(inner):
        match = _LABEL.match(inner, at)
        assert match, f"no label: {inner[at:]!r}"
        name, value, _ = match.groups()
        assert name not in found and not name.startswith("__"), f"label {name}"
        found[name] = re.sub(r"\\(.)", lambda one: "\n" if one[1] == "n" else one[1], value)
        at = match.end()
    return found
