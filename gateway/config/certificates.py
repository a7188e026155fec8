"""The TLS files of `api:`: beside the site file or at an absolute path, and such that the API can start with them."""

from __future__ import annotations

import ssl
from pathlib import Path

from gateway.api.options import ApiOptions
from gateway.config.inspection import Inspection
from gateway.config.site_file import SiteDocument


def check_certificates(inspection: Inspection, site: SiteDocument) -> ApiOptions:
    """The options with whole paths. What is wrong with the files is noted."""
    options = site.site.api
    if options.tls_certificate is None or options.tls_key is None:
        return options
    certificate, key = site.folder / options.tls_certificate, site.folder / options.tls_key
    readable = [_is_readable(inspection, site, name, path) for name, path in _named(certificate, key)]
    if all(readable):
        try:
            # an encrypted key would ask at the terminal, where nobody is
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: b"")
        except (OSError, ValueError) as error:
            message = "a certificate and its key are expected here, in PEM, the key without a passphrase"
            if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
                message = "the key in `tls_key` is not this certificate's"
            inspection.at_value(site.document, ("api", "tls_certificate"), message)
    return options.model_copy(update={"tls_certificate": str(certificate), "tls_key": str(key)})


def _named(certificate: Path, key: Path) -> tuple[tuple[str, Path], tuple[str, Path]]:
    return ("tls_certificate", certificate), ("tls_key", key)


def _is_readable(inspection: Inspection, site: SiteDocument, name: str, path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError as error:
        said = f"{path} cannot be read: {(error.strerror or 'error').lower()}"
        inspection.at_value(site.document, ("api", name), said)
        return False
