"""TLS files: beside the site file or at an absolute path, and such that whoever needs them can start with them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path as FilePath

from gateway.api.options import ApiOptions
from gateway.config.document import Path
from gateway.config.inspection import Inspection
from gateway.config.site_file import SiteDocument


def check_certificates(inspection: Inspection, site: SiteDocument) -> ApiOptions:
    """The API's options with whole paths. What is wrong with the files is noted."""
    options = site.site.api
    names = {"tls_certificate": options.tls_certificate, "tls_key": options.tls_key}
    files = _Files(inspection, site, ("api",), names)
    if len(files.found) == 2 and files.are_readable():
        files.check_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), "tls_certificate", "tls_key")
    return options.model_copy(update=files.paths)


def check_client_files(
    inspection: Inspection, site: SiteDocument, at: Path, names: Mapping[str, str | None]
) -> dict[str, str]:
    """Whole paths of `ca`, `certificate` and `key`, as far as they are named. `at` is what they are keys of."""
    files = _Files(inspection, site, at, names)
    if files.are_readable():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if "ca" in files.found:
            files.check_authorities(context, "ca")
        if {"certificate", "key"} <= files.found.keys():
            files.check_pair(context, "certificate", "key")
    return files.paths


class _Files:
    """The files that stand in one mapping of the site file, at `at`."""

    def __init__(self, inspection: Inspection, site: SiteDocument, at: Path, names: Mapping[str, str | None]) -> None:
        self._inspection, self._document, self._at = inspection, site.document, at
        self.found = {name: site.folder / written for name, written in names.items() if written is not None}

    @property
    def paths(self) -> dict[str, str]:
        return {name: str(path) for name, path in self.found.items()}

    def are_readable(self) -> bool:
        """Each is tried, so that each is told."""
        return not [name for name, path in self.found.items() if not self._is_readable(name, path)]

    def check_pair(self, context: ssl.SSLContext, certificate: str, key: str) -> None:
        """A certificate, and the key that is its own."""
        try:
            # an encrypted key would ask at the terminal, where nobody is
            context.load_cert_chain(self.found[certificate], self.found[key], password=lambda: b"")
        except (OSError, ValueError) as error:
            message = "a certificate and its key are expected here, in PEM, the key without a passphrase"
            if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
                message = f"the key in `{key}` is not this certificate's"
            self._problem(certificate, message)

    def check_authorities(self, context: ssl.SSLContext, name: str) -> None:
        """Certificates of those whom we believe."""
        try:
            context.load_verify_locations(self.found[name])
        except (OSError, ValueError):
            self._problem(name, "certificates of authorities are expected here, in PEM")

    def _is_readable(self, name: str, path: FilePath) -> bool:
        try:
            with path.open("rb"):
                return True
        except OSError as error:
            self._problem(name, f"{path} cannot be read: {(error.strerror or 'error').lower()}")
        except ValueError:
            self._problem(name, "this is no file name")
        return False

    def _problem(self, name: str, message: str) -> None:
        self._inspection.at_value(self._document, (*self._at, name), message)
