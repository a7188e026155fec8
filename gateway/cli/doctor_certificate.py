"""Until when a certificate is good, read from its bytes: whoever speaks TLS is gone the moment it is over."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from gateway.cli.doctor_finding import Finding, fails, fine, warns
from gateway.clock import host_wall_ns
from gateway.model import SECOND

DAY_NS = 86_400 * SECOND
SOON_NS = 21 * DAY_NS
TONIGHT_NS = DAY_NS
_UTC_TIME = 0x17
_CONTEXT_0 = 0xA0  # the version, which version 1 leaves out


def certificate(whose: str, der: bytes) -> Iterator[Finding]:
    """What its last day means for this night."""
    try:
        until_ns = good_until_ns(der)
    except (ValueError, IndexError):
        return  # that it can be used at all is told by who uses it
    left_ns = until_ns - host_wall_ns()
    until = datetime.fromtimestamp(until_ns // SECOND, UTC).strftime("%Y-%m-%d %H:%M")
    if left_ns <= 0:
        yield fails("certificate", "certificate_over", whose=whose, until=until)
    elif left_ns < TONIGHT_NS:
        yield fails("certificate", "certificate_tonight", whose=whose, until=until)
    elif left_ns < SOON_NS:
        yield warns("certificate", "certificate_soon", whose=whose, until=until, days=left_ns // DAY_NS)
    else:
        yield fine("certificate", "certificate_good", whose=whose, until=until)


def certificate_file(whose: str, path: str) -> Iterator[Finding]:
    """The first certificate of a PEM file: it is the one that stands for its owner."""
    try:
        text = Path(path).read_text(encoding="ascii", errors="replace")
        begin = text.index("-----BEGIN CERTIFICATE-----")
        end = text.index("-----END CERTIFICATE-----", begin)
        der = ssl.PEM_cert_to_DER_cert(text[begin:end] + "-----END CERTIFICATE-----")
    except (OSError, ValueError):
        return  # the check of the site file has told it
    yield from certificate(whose, der)


def good_until_ns(der: bytes) -> int:
    """`notAfter` (RFC 5280 §4.1): certificate → to be signed → [version] serial, signature, issuer, validity."""
    _, to_be_signed, _ = _element(_element(der, 0)[1], 0)
    at = 0
    tag, _, after = _element(to_be_signed, at)
    at = after if tag == _CONTEXT_0 else at
    for _ in range(3):  # serial, signature, issuer
        _, _, at = _element(to_be_signed, at)
    _, validity, _ = _element(to_be_signed, at)
    _, _, second = _element(validity, 0)
    tag, text, _ = _element(validity, second)
    shape = "%y%m%d%H%M%SZ" if tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
    moment = datetime.strptime(text.decode("ascii"), shape).replace(tzinfo=UTC)
    return int(moment.timestamp()) * SECOND


def _element(der: bytes, at: int) -> tuple[int, bytes, int]:
    """(tag, content, where the next one begins) of the DER element at `at`."""
    tag, size, begin = der[at], der[at + 1], at + 2
    if size & 0x80:
        begin += size & 0x7F
        size = int.from_bytes(der[at + 2 : begin], "big")
    if begin + size > len(der):
        raise ValueError("a certificate that ends too soon")
    return tag, der[begin : begin + size], begin + size
