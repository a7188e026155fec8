"""What a site writes under `notify:`. Strict; an address that the gateway should not speak to is refused here."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from alerts.notify.address import Allowed, parse_allowed, parse_target
from gateway.fields import Duration, Id, Strict
from gateway.model import SECOND

SHORTEST_SECRET = 16
BUILT_IN = frozenset({"log"})


class WebhookOptions(Strict):
    """A signed POST of each notice. `allow` lists private hosts or networks that are meant all the same."""

    model_config = ConfigDict(hide_input_in_errors=True)  # a mistyped secret is still a secret

    name: Id = "webhook"
    secret: SecretStr
    timeout: Duration = 5 * SECOND
    allow: Annotated[tuple[str, ...], Field(strict=False, max_length=100)] = ()
    url: Annotated[str, Field(max_length=2000)]  # last: it is judged by what `allow` says

    @field_validator("name")
    @classmethod
    def _not_taken(cls, name: str) -> str:
        if name in BUILT_IN:
            raise ValueError(f"{name!r} is the name of a channel that is always there")
        return name

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(f"must have at least {SHORTEST_SECRET} characters")
        return secret

    @field_validator("timeout")
    @classmethod
    def _sensible(cls, timeout: int) -> int:
        if not SECOND // 10 <= timeout <= 30 * SECOND:
            raise ValueError("must lie within 100ms … 30s")
        return timeout

    @field_validator("allow")
    @classmethod
    def _readable(cls, allow: tuple[str, ...]) -> tuple[str, ...]:
        for entry in allow:
            parse_allowed(entry)
        return allow

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str, info: ValidationInfo) -> str:
        target = parse_target(url)
        if "allow" in info.data:  # otherwise `allow` itself has been told
            Allowed.of(info.data["allow"]).check_name(target)
        return url

    @property
    def allowed(self) -> Allowed:
        """Whom this channel may speak to."""
        return Allowed.of(self.allow)


def _distinct(webhooks: list[WebhookOptions]) -> list[WebhookOptions]:
    names = [webhook.name for webhook in webhooks]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two webhooks are named {name!r}; each needs a `name` of its own")
    return webhooks


Webhooks = Annotated[list[WebhookOptions], AfterValidator(_distinct)]
"""The webhooks of a site. Their names are the outbox's keys, so they must differ."""
