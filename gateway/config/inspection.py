"""One load of a site: the files read, and every problem and warning found on the way."""

from __future__ import annotations

import hashlib
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from gateway.config.document import Document, Path
from gateway.config.parse import parse
from gateway.config.problems import ConfigErrors, Problem, tidy
from gateway.config.sentences import Finding, findings
from gateway.config.source import Source
from gateway.config.substitute import Substitution

Model = TypeVar("Model", bound=BaseModel)


class Inspection:
    """Collects; it raises only in `refuse_if_any`, so that one run tells everything."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._sources: list[Source] = []
        self._hidden: dict[str, Substitution] = {}

    def document(self, source: Source) -> Document | None:
        """The document in `source`, or None when it is no YAML at all; its problems are noted."""
        self._sources.append(source)
        try:
            found = parse(source)
        except ConfigErrors as error:
            self.problems += error.problems
            return None
        self.problems += found.problems
        return found

    def hide(self, substitution: Substitution) -> None:
        """From now on nothing is told of what `substitution` has filled in."""
        self.problems += substitution.problems
        self._hidden[substitution.file] = substitution

    def validated(self, model: type[Model], value: object, document: Document, at: Path = ()) -> Model | None:
        """`value`, which stands at `at` in `document`, as `model`; or None with its problems noted."""
        found = self.findings(model, value)
        for finding in found if isinstance(found, list) else ():
            self.note(document, Finding((*at, *finding.path), finding.message, on_key=finding.on_key))
        return None if isinstance(found, list) else found

    def findings(self, model: type[Model], value: object) -> Model | list[Finding]:
        """`value` as `model`, or what is wrong with it."""
        try:
            return model.model_validate(value)
        except ValidationError as error:
            return findings(error, model, value)

    def note(self, document: Document, finding: Finding) -> None:
        """A problem, unless the YAML itself has one there."""
        if not document.is_faulty(finding.path):
            self.problems.append(self._discreet(document, finding))

    def at_value(self, document: Document, path: Path, message: str) -> None:
        """A problem with a value."""
        self.note(document, Finding(path, message))

    def at_key(self, document: Document, path: Path, message: str) -> None:
        """A problem with a key."""
        self.note(document, Finding(path, message, on_key=True))

    def warn(self, document: Document, path: Path, message: str, *, on_key: bool = True) -> None:
        """Something to think about that does not stop the gateway."""
        self.warnings.append(self._discreet(document, Finding(path, message, on_key=on_key)))

    def refuse_if_any(self) -> None:
        """ConfigErrors with all problems so far, if there are any."""
        if self.problems:
            raise ConfigErrors(self.problems)

    @property
    def all_warnings(self) -> tuple[Problem, ...]:
        return tidy(self.warnings)

    @property
    def digest(self) -> str:
        """SHA-256 over names and bytes of all files read, in the order of their names."""
        digest = hashlib.sha256()
        for source in sorted(self._sources, key=lambda source: source.name):
            digest.update(hashlib.sha256(source.raw).digest())
        return digest.hexdigest()

    def _discreet(self, document: Document, finding: Finding) -> Problem:
        problem = finding.in_document(document)
        substitution = self._hidden.get(document.file)
        return substitution.discreet(problem, finding.path) if substitution else problem
