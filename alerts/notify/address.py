"""Which addresses a channel may speak to: public ones, the loopback when written plainly, and what the site allows.

Names are judged at load without DNS, addresses when sending: the answer of DNS is pinned, so it cannot change between
the check and the connection.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_NUMBER = re.compile(r"(0[xX][0-9A-Fa-f]*|[0-9]+)")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # RFC 4291: not mapped, compatible, NAT64 or site-local


class AddressRefused(ValueError):  # noqa: N818 - the address was refused; nothing failed
    """The channel may not speak to this address."""


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL. `address` is set when the host is written as an IP address."""

    scheme: str
    host: str
    port: int
    path: str
    address: IP | None

    @property
    def is_loopback(self) -> bool:
        """Written as the loopback, not merely resolving to it."""
        return self.host == "localhost" or (self.address is not None and self.address.is_loopback)

    @property
    def authority(self) -> str:
        """The `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = {"http": 80, "https": 443}[self.scheme]
        return host if self.port == default else f"{host}:{self.port}"


def parse_target(url: str) -> Target:
    """The parts of a webhook URL, or AddressRefused with a sentence."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise AddressRefused("the URL must be plain ASCII without spaces; write an international name as xn--…")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise AddressRefused(f"not a URL: {problem}") from None
    if parts.scheme not in ("http", "https"):
        raise AddressRefused(f"the URL must begin with https://, not {parts.scheme or 'nothing'}:")
    if "@" in parts.netloc:
        raise AddressRefused("the URL must not hold a user or password")
    if parts.fragment:
        raise AddressRefused("the URL must not hold a #fragment")
    if port == 0:
        raise AddressRefused("port 0 is no port")
    host = (parts.hostname or "").rstrip(".")
    path = parts.path or "/"
    target = Target(
        scheme=parts.scheme,
        host=host,
        port=port or (443 if parts.scheme == "https" else 80),
        path=f"{path}?{parts.query}" if parts.query else path,
        address=_address(host),
    )
    if target.scheme == "http" and not target.is_loopback:
        raise AddressRefused("http:// is for the loopback only; use https://")
    return target


def _address(host: str) -> IP | None:
    """The address that `host` is written as, None for a name; numbers in any other notation are refused."""
    if "%" in host:
        raise AddressRefused("an address with a zone is refused")
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused(f"{host[:64]!r} is not a host name")
    if _NUMBER.fullmatch(labels[-1]):
        raise AddressRefused(f"{host!r} is an address in disguise; write it as four decimal numbers")
    return None


def parse_allowed(entry: str) -> Network | str:
    """An entry of `allow`: a network (`10.0.0.0/8`, `192.168.1.5`) or a host name."""
    try:
        return ipaddress.ip_network(entry)
    except ValueError as problem:
        if "/" in entry:
            raise AddressRefused(f"not a network: {problem}") from None
    if _address(entry) is None and entry == entry.lower():
        return entry
    raise AddressRefused(f"{entry!r}: a host name in lower case or a network is expected")


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the site allows beyond public addresses."""

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, entries: Sequence[str]) -> Allowed:
        parsed = [parse_allowed(entry) for entry in entries]
        return cls(
            frozenset(entry for entry in parsed if isinstance(entry, str)),
            tuple(entry for entry in parsed if not isinstance(entry, str)),
        )

    def check_name(self, target: Target) -> None:
        """Judge what can be judged without DNS."""
        if target.address is not None:
            self.check(target, target.address)

    def check(self, target: Target, address: IP) -> None:
        """Judge the address that is about to be connected to."""
        if any(address in network for network in self.networks) or target.host in self.names:
            return
        if target.is_loopback and address.is_loopback:
            return
        if not is_public(address):
            raise AddressRefused(f"{address} is not a public address; list it under `allow` if it is meant")


def is_public(address: IP) -> bool:
    """A global unicast address that does not wrap another one."""
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.sixtofour or address.teredo
        if address not in _GLOBAL_UNICAST or wrapped is not None:
            return False
    return address.is_global and not address.is_multicast
