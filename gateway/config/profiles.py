"""The profiles of a site: those of its own folders, and of the library that comes with AnLou."""

from __future__ import annotations

from pathlib import Path as FilePath

from drivers.modbus.references import reference_trap
from drivers.profile import ModbusProfile, Profile, library, mistakes, profile_class
from gateway.config.document import Document
from gateway.config.inspection import Inspection
from gateway.config.nearest import unknown
from gateway.config.problems import ConfigErrors, Problem
from gateway.config.site_file import SiteDocument
from gateway.config.source import Source, read_packaged, read_source


class Profiles:
    """Profiles by id. One of the library is read when it is asked for; the site's own are all checked."""

    def __init__(self, inspection: Inspection, site: SiteDocument) -> None:
        self._inspection = inspection
        self._library = {
            file.name.removesuffix(".yaml"): file for file in library().iterdir() if file.name.endswith(".yaml")
        }
        self._found: dict[str, Profile | None] = {}
        self._own: dict[str, FilePath] = {}
        for number, folder in enumerate(site.site.profiles):
            for file in self._files(site, number, folder):
                self._read_own(file)

    def names(self) -> set[str]:
        """Of all profiles that there are: the library's, and the site's own."""
        return {*self._library, *self._own}

    def get(self, name: str) -> Profile | None:
        """The profile, or None when it has problems, which are noted; LookupError when there is none."""
        if name not in self._found:
            if name not in self._library:
                raise LookupError(unknown("profile", name, sorted({*self._library, *self._found})))
            _, self._found[name] = self._read(read_packaged(self._library[name]))  # its vectors are the house's tests
        return self._found[name]

    def _files(self, site: SiteDocument, number: int, folder: str) -> list[FilePath]:
        try:
            return sorted(file for file in (site.folder / folder).iterdir() if file.name.endswith(".yaml"))
        except OSError as error:
            said = f"the folder {folder!r} cannot be read: {(error.strerror or 'error').lower()}"
            self._inspection.at_value(site.document, ("profiles", number), said)
            return []

    def _read_own(self, file: FilePath) -> None:
        try:
            source = read_source(file)
        except ConfigErrors as error:
            self._inspection.problems += error.problems
            return
        document, profile = self._read(source)
        name = _id_of(document)
        # a faulty file still takes its name, so that its devices are not told that there is no such profile
        name = name or file.name.removesuffix(".yaml")
        elsewhere = str(self._library.get(name) or self._own.get(name) or "")
        if elsewhere:
            message = f"the profile {name!r} is already in {elsewhere}; give this one another id"
            self._inspection.problems.append(Problem(source.name, 1, 1, message))
            return
        if profile is not None and document is not None:
            self._doubt(document, profile)
        self._own[name] = file
        self._found[name] = profile

    def _read(self, source: Source) -> tuple[Document | None, Profile | None]:
        """The file, and the profile in it if it is good."""
        document = self._inspection.document(source)
        if document is None:
            return None, None
        profile = self._inspection.validated(profile_class(document.value), document.value, document)
        return document, None if document.problems else profile

    def _doubt(self, document: Document, profile: Profile) -> None:
        """An example that the profile does not keep: one of the two is wrong, and nobody else would notice. What else
        is more likely a mistake than meant is a warning.
        """
        for index, keys, sentence in mistakes(profile):
            self._inspection.at_value(document, ("vectors", index, *keys), sentence)
        if not profile.has_examples:
            told = (
                "no `vectors`: no example shows that this profile reads what the device means; add one of the manual's"
            )
            self._inspection.warn(document, ("profile",), told)
        # who says `base: 0` knows what goes over the wire; to count from 1 and write 40001 is to count twice
        if isinstance(profile, ModbusProfile) and profile.modbus.base == 1 and (trap := reference_trap(profile)):
            self._inspection.warn(document, ("modbus", "base"), trap)


def _id_of(document: Document | None) -> str | None:
    """The id that the file gives itself."""
    name = document.value.get("profile") if document and isinstance(document.value, dict) else None
    return name if isinstance(name, str) else None
