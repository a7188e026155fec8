"""Files of rule tests: which site they are for, and what they say; everything wrong is said at its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from gateway.config.document import Document
from gateway.config.inspection import Inspection
from gateway.config.load import SiteConfig
from gateway.config.problems import ConfigErrors
from gateway.config.sentences import Finding
from gateway.config.source import read_source
from gateway.rehearsal.model import Bare, RuleTests
from gateway.rehearsal.script import Reader, Script


class Parsed(NamedTuple):
    """A file that is right in itself. `site`: the site file that it names, beside it."""

    file: Path
    document: Document
    tests: Bare | RuleTests
    site: Path | None


def parse_tests(inspection: Inspection, file: Path) -> Parsed | None:
    """The tests of a file, or None with its problems noted."""
    try:
        document = inspection.document(read_source(file))
    except ConfigErrors as error:
        inspection.problems += error.problems
        return None
    if document is None:
        return None
    if not isinstance(document.value, (list, dict)):
        said = "a list of tests is expected (- test: …), or a mapping with `tests`"
        inspection.note(document, Finding((), said))
        return None
    tests: Bare | RuleTests | None
    if isinstance(document.value, list):
        tests = inspection.validated(Bare, document.value, document)
    else:
        tests = inspection.validated(RuleTests, document.value, document)
    if tests is None or document.problems:
        return None
    named = tests.site if isinstance(tests, RuleTests) else None
    return Parsed(file, document, tests, None if named is None else file.parent / named)


class Prepared(NamedTuple):
    """A file's tests, ready to be played on their site."""

    file: Path
    site: SiteConfig
    scripts: Sequence[Script]


def prepare(
    files: Sequence[Path], site: Path | None, default: Path, load: Callable[[Path], SiteConfig]
) -> list[Prepared]:
    """Every test of every file; ConfigErrors with all that is wrong in them.

    `site` stands for whatever the files name; a file that names none is for `default`.
    """
    inspection = Inspection()
    sites: dict[Path, SiteConfig | None] = {}
    found: list[Prepared] = []
    for file in files:
        parsed = parse_tests(inspection, file)
        if parsed is None:
            continue
        wanted = site or parsed.site or default
        if wanted not in sites:
            try:
                sites[wanted] = load(wanted)
            except ConfigErrors as error:
                sites[wanted] = None
                inspection.problems += error.problems
        config = sites[wanted]
        if config is not None:
            reader = Reader(inspection, parsed.document, config.devices, config.bound)
            found.append(Prepared(file, config, reader.scripts(parsed.tests)))
    inspection.refuse_if_any()
    return found
