"""The rules of a site: packs, the site's own files, and what the site changes in them."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from alerts.override import apply_override
from alerts.rule import Rule
from gateway.config.branches import value_at
from gateway.config.document import Document, Path
from gateway.config.inspection import Inspection
from gateway.config.nearest import nearest, unknown
from gateway.config.problems import ConfigErrors, quoted
from gateway.config.sentences import Finding, findings
from gateway.config.site_file import SiteDocument
from gateway.config.source import Source, read_packaged, read_source
from gateway.config.starter import pack_names, starter

_OF_THE_WHOLE = ("rule", "on", "instead_of", "inhibits")


@dataclass(frozen=True)
class RuleOrigin:
    """Where a rule is written, and what the site changes in it."""

    document: Document
    number: int
    value: dict[str, Any]
    override: dict[str, Any] | None
    merged: dict[str, Any]
    devices: dict[str, Any]  # what the site changes on single devices
    blames_override: bool = False  # the rule is good without it, and not good with it


class Rules:
    """All rules that the site chose, with their origins."""

    def __init__(self, inspection: Inspection, site: SiteDocument) -> None:
        self._inspection, self._site = inspection, site
        self._override = site.site.rules.override
        self._origins: dict[str, RuleOrigin] = {}
        self.rules: list[Rule] = []
        self.complete = True
        self._all_read = True
        for source in self._sources():
            self._read(source)
        for name in self._override if self._all_read else ():
            if name not in self._origins:
                self.complete = False
                inspection.at_key(
                    site.document, ("rules", "override", name), unknown("rule", name, sorted(self._origins))
                )

    def problem(self, rule: str, finding: Finding, device: str | None = None) -> None:
        """A problem at a path inside a rule, or inside what it is on one device.

        It is told where the site overrides it, else in the rule's own file.
        """
        self.complete = False
        document, path = self._place(rule, finding.path, device)
        message = finding.message if finding.message.startswith(rule) else f"{rule}: {finding.message}"
        self._inspection.note(document, Finding(path, message, on_key=finding.on_key))

    def warn(self, message: str, places: Iterable[tuple[Rule, Path]]) -> None:
        """A warning about several rules: at the first of these places that the site has changed, else at the first."""
        found = [self._place(rule.rule, path, rule.device) for rule, path in places]
        document, path = next((place for place in found if place[0] is self._site.document), found[0])
        self._inspection.warn(document, path, message, on_key=False)

    def _place(self, rule: str, path: Path, device: str | None) -> tuple[Document, Path]:
        """Where what stands at `path` in a rule, or in what it is on one device, is written."""
        origin = self._origins[rule]
        changed: Path = ("rules", "override", rule)
        own: Path = (origin.number, *path)
        if device is not None:
            here: Path = (*changed, "devices", device)
            deepest = (*here, *_in_override(path, origin.merged, origin.devices.get(device)))
            if not path or len(self._site.document.nearest(deepest)) > len(here):
                return self._site.document, deepest
        changed = (*changed, *_in_override(path, origin.value, origin.override))
        # the longer beginning that stands there is the nearer place; what the site says outweighs the pack
        depth = len(self._site.document.nearest(changed)) - 3
        if origin.blames_override or (depth > 0 and depth >= len(origin.document.nearest(own)) - 1):
            return self._site.document, changed
        return origin.document, own

    def _sources(self) -> list[Source]:
        found: list[Source] = []
        choice, document = self._site.site.rules, self._site.document
        for number, name in enumerate(choice.packs):
            if name in (known := pack_names()) and name not in choice.packs[:number]:
                found.append(read_packaged(starter() / "rules" / f"{name}.yaml"))
                continue
            self.complete = self._all_read = False
            told = f"the pack {name!r} is named twice" if name in known else unknown("rule pack", name, known)
            self._inspection.at_value(document, ("rules", "packs", number), told)
        for number, name in enumerate(choice.files):
            if name in choice.files[:number]:
                self._inspection.at_value(document, ("rules", "files", number), f"the file {name!r} is named twice")
                continue
            try:
                found.append(read_source(self._site.folder / name))
            except ConfigErrors as error:
                self.complete = self._all_read = False
                self._inspection.at_value(document, ("rules", "files", number), str(error.problems[0]))
        return found

    def _read(self, source: Source) -> None:
        document = self._inspection.document(source)
        if document is None:
            self.complete = self._all_read = False
            return
        self.complete &= not document.problems
        if not isinstance(document.value, list):
            self._inspection.note(document, Finding((), "a list of rules is expected (- rule: …)"))
            self.complete = False
            return
        for number, value in enumerate(document.value):
            self._rule(document, number, value)

    def _rule(self, document: Document, number: int, value: Any) -> None:
        name = value.get("rule") if isinstance(value, dict) else None
        if not isinstance(name, str):
            self.complete &= self._inspection.validated(Rule, value, document, (number,)) is not None
            return
        if name in self._origins:
            first = self._origins[name]
            where = first.document.line_of((first.number,))
            message = f"the rule {name!r} already stands in {first.document.file} {where}"
            self._inspection.at_value(document, (number, "rule"), message)
            self.complete = False
            return
        override, devices = self._changes(name)
        self._origins[name] = RuleOrigin(document, number, value, override, value, devices)
        # the merge may not change what the file says
        try:
            merged = apply_override(copy.deepcopy(value), copy.deepcopy(override)) if override else value
        except ValidationError as error:
            for finding in findings(error, Rule, value):
                self.problem(name, finding)
            return
        self._origins[name] = replace(self._origins[name], merged=merged)
        found = self._inspection.findings(Rule, merged)
        if isinstance(found, Rule):
            here = {device: self._on_device(name, device, merged, change) for device, change in devices.items()}
            self.rules.append(found.with_devices({device: rule for device, rule in here.items() if rule is not None}))
            return
        if override and isinstance(self._inspection.findings(Rule, value), Rule):
            self._origins[name] = replace(self._origins[name], blames_override=True)
        for finding in found:
            self.problem(name, finding)

    def _changes(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the site changes in a rule, and what on single devices."""
        override = dict(self._override.get(name) or {})
        devices = override.pop("devices", {})
        at: Path = ("rules", "override", name, "devices")
        for key in [key for key in override if self._is_of_devices(name, str(key))]:
            del override[key]
        if not isinstance(devices, dict):
            self.complete = False
            told = "the changes of each device are expected, such as {water-east: {on_delay: 10s}}"
            self._inspection.at_value(self._site.document, at, told)
            return override, {}
        for device, change in devices.items():
            if not isinstance(change, dict):
                self.complete = False
                told = "the changed keys of the rule are expected, such as {on_delay: 10s}"
                self._inspection.at_value(self._site.document, (*at, device), told)
        return override, {str(device): change for device, change in devices.items() if isinstance(change, dict)}

    def _is_of_devices(self, name: str, key: str) -> bool:
        """A key beside the rule's own that was to say what differs on a device; it is noted where that goes."""
        known = {field.alias or own for own, field in Rule.model_fields.items()}
        if key in known:
            return False
        if key in self._site.names("devices"):
            told = f"what differs on one device stands below `devices`: devices: {{{key}: {{…}}}}"
        elif nearest(key, sorted({*known, "devices"})) == "devices":
            told = f"unknown key {quoted(key)}; did you mean 'devices'?"
        else:
            return False
        self.complete = False
        self._inspection.at_key(self._site.document, ("rules", "override", name, key), f"{name}: {told}")
        return True

    def _on_device(self, name: str, device: str, merged: dict[str, Any], change: dict[str, Any]) -> Rule | None:
        """The rule as it is on one device; None when that has problems, which are noted."""
        at: Path = ("rules", "override", name, "devices", device)
        whole = [key for key in change if key in _OF_THE_WHOLE]
        for key in whole:
            self.complete = False
            told = f"{name}: `{key}` is said of the rule as a whole, not of one device"
            self._inspection.at_key(self._site.document, (*at, key), told)
        if whole:
            return None
        try:
            found = self._inspection.findings(Rule, apply_override(copy.deepcopy(merged), copy.deepcopy(change)))
        except ValidationError as error:
            found = findings(error, Rule, merged)
        if isinstance(found, Rule):
            return found
        self.complete = False
        for finding in found:
            path = (*at, *_in_override(finding.path, merged, change))
            message = finding.message if finding.message.startswith(name) else f"{name}: {finding.message}"
            self._inspection.note(self._site.document, Finding(path, message, on_key=finding.on_key))
        return None


def pack_to_add(rule: str) -> str:
    """What to do about a rule that another one asks for and that is not there: the pack that has it, if any."""
    for name in pack_names():
        text = (starter() / "rules" / f"{name}.yaml").read_text(encoding="utf-8")
        if re.search(rf"^- rule: {re.escape(rule)}$", text, re.MULTILINE):
            return f"; it is in the pack {name!r}: add that to `rules: packs`, even if the site has none of its devices"
    return ""


def _in_override(path: Path, value: Any, override: Any) -> Path:
    """`path` in the rule as its override writes it: operands of a list may be named by their point."""
    own, changed = value, override
    written: list[Any] = []
    for step in path:
        own = value_at(own, (step,))
        name = step
        if isinstance(step, int) and isinstance(changed, dict) and isinstance(own, dict):
            name = own.get("point", step)
        changed = value_at(changed, (name,))
        written.append(name)
    return tuple(written)
