"""The rules of a site with something else in them: files of rules instead of its own, candidates for one value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from alerts.bound import Bound
from alerts.rule import Rule
from gateway.config.inspection import Inspection
from gateway.config.nearest import unknown
from gateway.config.problems import ConfigErrors, Problem
from gateway.config.rules import Rules
from gateway.config.scalars import resolve
from gateway.config.site_file import read_site
from gateway.config.source import read_source
from gateway.rehearsal.rebinding import Rebinding

_VARY = re.compile(r"([^.=]+)\.([^=]+)=(.+)")


class Variation(NamedTuple):
    """`WA-02.when.at_least=0.05 m,0.10 m`: candidates for one value of one rule."""

    rule: str
    path: tuple[str, ...]
    candidates: tuple[str, ...]

    @property
    def name(self) -> str:
        return ".".join((self.rule, *self.path))


def parse_variation(text: str) -> Variation:
    """ValueError with a sentence when it is none."""
    match = _VARY.fullmatch(text)
    candidates = tuple(one.strip() for one in match[3].split(",")) if match else ()
    if not match or not all(candidates):
        raise ValueError(f"RULE.PATH=VALUE,VALUE,… is expected, such as WA-02.when.at_least=0.05m,0.10m; got {text!r}")
    return Variation(match[1].strip(), tuple(step.strip() for step in match[2].split(".")), candidates)


def varied(site: Path, ports: Mapping[str, int], variation: Variation, candidate: str) -> tuple[Rule, ...]:
    """The site's rules with this candidate, as if the site's `override` had it; ConfigErrors when that is no rule."""
    inspection = Inspection()
    document = read_site(inspection, site, ports)
    inspection.refuse_if_any()
    if document is None:
        raise AssertionError("a site that cannot be read has told why")
    choice = document.site.rules
    override = dict(choice.override)
    override[variation.rule] = _merged(override.get(variation.rule, {}), variation.path, _scalar(candidate))
    changed = document.site.model_copy(update={"rules": choice.model_copy(update={"override": override})})
    rules = Rules(inspection, replace(document, site=changed))
    if inspection.problems:
        found = [problem.message for problem in inspection.problems]
        raise ConfigErrors([Problem(f"--vary {variation.name}={candidate}", 0, 0, message) for message in found])
    return tuple(rules.rules)


def with_files(rules: Sequence[Rule], files: Sequence[Path]) -> tuple[Rule, ...]:
    """The rules, those of the same name replaced by the files' and new ones added; ConfigErrors with all mistakes."""
    inspection = Inspection()
    found = {rule.rule: rule for rule in rules}
    for file in files:
        try:
            document = inspection.document(read_source(file))
        except ConfigErrors as error:
            inspection.problems += error.problems
            continue
        if document is None:
            continue
        if not isinstance(document.value, list):
            inspection.at_value(document, (), "a list of rules is expected (- rule: …)")
            continue
        for number, value in enumerate(document.value):
            rule = inspection.validated(Rule, value, document, (number,))
            if rule is not None:
                found[rule.rule] = rule
    inspection.refuse_if_any()
    return tuple(found.values())


def bound_or_refused(binding: Rebinding, what: str) -> Bound:
    """The rules on their sources; ConfigErrors when one of them cannot mean what it says on this site."""
    bound = binding.bound()
    if bound.problems:
        told = [f"{one.rule}: {'.'.join(map(str, one.loc))}: {one.message}" for one in bound.problems]
        raise ConfigErrors([Problem(what, 0, 0, message) for message in told])
    return bound


def known_rule(rules: Sequence[Rule], name: str) -> str | None:
    """None when there is such a rule; else the sentence with the nearest one."""
    names = [rule.rule for rule in rules]
    return None if name in names else unknown("rule", name, names)


def _merged(override: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    first, *rest = path
    inner = override.get(first)
    return {**override, first: _merged(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}


def _scalar(text: str) -> Any:
    """As YAML reads it: a number, true, or a text."""
    return resolve(text)
