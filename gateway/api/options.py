"""What a site writes under `api:`."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from gateway.fields import Strict

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")

Names = Annotated[tuple[str, ...], Field(strict=False, max_length=100)]


class ApiOptions(Strict):
    """How the HTTP door is guarded. Beyond loopback it opens only with TLS and users, or `insecure: true`.

    `hosts` are the names that browsers may call the gateway by (addresses and localhost always may). `trusted_proxies`
    are networks whose `X-Forwarded-For` is believed.
    """

    insecure: bool = False
    hosts: Names = ()
    trusted_proxies: Names = ()
    tls_certificate: str | None = None
    tls_key: str | None = None
    max_body_bytes: Annotated[int, Field(ge=1024, le=16 * 1024 * 1024)] = 256 * 1024
    request_seconds: Annotated[float, Field(ge=0.1, le=120)] = 10.0
    connections: Annotated[int, Field(ge=1, le=10_000)] = 512
    connections_per_address: Annotated[int, Field(ge=1, le=10_000)] = 64

    @field_validator("hosts")
    @classmethod
    def _names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise ValueError(f"{host[:64]!r} is not a host name in lower case, without port")
        return hosts

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            ipaddress.ip_network(proxy)
        return proxies

    @model_validator(mode="after")
    def _both_or_none(self) -> ApiOptions:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together")
        return self

    @property
    def tls(self) -> bool:
        return self.tls_certificate is not None
