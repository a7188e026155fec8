"""What a site writes under `historian:`. Strict; a token is never shown."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator

from gateway.fields import Line, Strict


class HistorianOptions(Strict):
    """Where the samples and the alarms go. Plain http is for the loopback only, or with `insecure: true`.

    `ca` is a file of certificates that the server's is checked against, instead of the machine's own.
    """

    model_config = ConfigDict(hide_input_in_errors=True)  # a mistyped token is still a secret

    kind: Literal["influxdb2", "victoriametrics"]
    org: Line | None = None
    bucket: Line | None = None
    token: SecretStr | None = None
    ca: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    gzip: bool = True
    insecure: bool = False
    url: Annotated[str, Field(max_length=2000)]  # last: it is judged by what `insecure` says

    @field_validator("token")
    @classmethod
    def _sendable(cls, token: SecretStr | None) -> SecretStr | None:
        text = token.get_secret_value() if token is not None else "x"
        if not text or not text.isascii() or not text.isprintable() or text != text.strip():
            raise ValueError("must be printable ASCII without spaces around it")
        return token

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str, info: ValidationInfo) -> str:
        if not url.isascii() or not url.isprintable() or " " in url:
            raise ValueError("must be printable ASCII without spaces")
        parts = urlsplit(url)
        _ = parts.port  # ValueError when it is no number
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must look like https://host:8086")
        if parts.username is not None or parts.password is not None:
            raise ValueError("must not hold a user or a password; there is `token` for that")
        if parts.query or parts.fragment:
            raise ValueError("must end with the path; org and bucket have keys of their own")
        if parts.scheme == "http" and not info.data.get("insecure") and not _is_loopback(parts.hostname):
            raise ValueError("http:// is for the loopback only; use https://, or say `insecure: true`")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind == "influxdb2" and (self.org is None or self.bucket is None or self.token is None):
            raise ValueError("influxdb2 needs `org`, `bucket` and `token`")
        if self.kind == "victoriametrics" and (self.org is not None or self.bucket is not None):
            raise ValueError("victoriametrics has no `org` and no `bucket`")
        return self

    @property
    def endpoint(self) -> str:
        """The address as it may be shown."""
        return self.url


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
