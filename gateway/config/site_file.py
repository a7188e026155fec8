"""Reading the site file: its values, its references filled in, and as much of it as is valid."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from gateway.config.document import Document, Path
from gateway.config.inspection import Inspection
from gateway.config.sentences import Finding
from gateway.config.site import SiteFile
from gateway.config.source import read_source
from gateway.config.substitute import Substitution, environment

_ENTRIES = {"links", "modules", "devices", "rules"}  # one bad entry leaves the others to be checked
_NOBODY = {"id": "site", "name": {"en": "site", "zh": "site"}, "timezone": "UTC"}
_SECRET = re.compile(r"(^|_)(secret|password|passwd|passphrase|token|api_key|apikey|private_key)$")


@dataclass(frozen=True)
class SiteDocument:
    """The site file. When `complete` is False, `site` lacks the entries that have problems; they are noted."""

    document: Document
    value: Mapping[str, Any]
    site: SiteFile
    complete: bool

    def names(self, section: str) -> list[str]:
        """The ids that stand in a section, those of faulty entries too."""
        entries = self.value.get(section)
        return [str(name) for name in entries] if isinstance(entries, dict) else []

    @property
    def folder(self) -> FilePath:
        return FilePath(self.document.file).parent


def read_site(inspection: Inspection, path: FilePath, ports: Mapping[str, int]) -> SiteDocument | None:
    """The site file at `path`; None when nothing in it can be checked further. Problems are noted."""
    document = inspection.document(read_source(path))
    if document is None:
        return None
    if not isinstance(document.value, dict):
        inspection.note(document, Finding((), f"config: mapping expected, {_instead(document.value)}"))
        return None
    substitution = Substitution(document, ports, environment())
    inspection.hide(substitution)
    document.problems += substitution.problems
    _look_for_secrets(inspection, document, substitution)
    found = inspection.findings(SiteFile, substitution.value)
    if isinstance(found, SiteFile):
        return SiteDocument(document, substitution.value, found, complete=not document.problems)
    for finding in found:
        inspection.note(document, finding)
    if any(map(_loses_a_section, found)):
        return None  # whatever refers to that section would be told as well
    rest = inspection.findings(SiteFile, _without(substitution.value, found))
    if isinstance(rest, SiteFile):
        return SiteDocument(document, substitution.value, rest, complete=False)
    return None


def _loses_a_section(finding: Finding) -> bool:
    path = finding.path
    if path[:1] == ("profiles",) or path[:2] in {("rules", "packs"), ("rules", "files")}:
        return True
    return len(path) < 2 and path != ("site",)


def _instead(value: object) -> str:
    return "but the file is empty" if value is None else "such as site: {id: …}"


def _without(value: Mapping[str, Any], found: list[Finding]) -> dict[str, Any]:
    """`value` less the entries that have findings."""
    rest: dict[str, Any] = {**value}
    for finding in found:
        section = finding.path[0] if finding.path else ""
        if section in _ENTRIES and len(finding.path) > 1 and isinstance(rest.get(str(section)), dict):
            rest[str(section)] = {k: v for k, v in rest[str(section)].items() if k != finding.path[1]}
        else:
            rest.pop(str(section), None)
    rest.setdefault("site", _NOBODY)
    return rest


def _look_for_secrets(inspection: Inspection, document: Document, substitution: Substitution) -> None:
    mode = document.source.mode or 0
    for path, text in _texts(document.value, ()):
        if not _SECRET.search(str(path[-1]).lower().replace("-", "_")) or "${" in text or not text:
            continue
        substitution.hidden[path] = ("the secret", text)
        inspection.warn(document, path, "a secret stands here in clear; use ${cred:NAME}, ${file:PATH} or ${env:NAME}")
        if mode & stat.S_IRWXO:
            inspection.at_value(document, path, "everybody may read this file and the secret in it; chmod o-rwx it")


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, (*path, number))
    elif isinstance(value, str) and path:
        yield path, value
