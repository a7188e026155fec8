"""What a site says about an MQTT link: `{mqtt: "mqtts://broker.lan:8883", username: anlou, password: …}`."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic.json_schema import WithJsonSchema

from gateway.fields import Duration, Line, Strict, within
from gateway.model import SECOND


class BrokerAddress(NamedTuple):
    host: str
    port: int
    tls: bool

    @property
    def loopback(self) -> bool:
        """Nobody but this machine can listen in."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.partition("%")[0]).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        scheme = "mqtts" if self.tls else "mqtt"
        return f"{scheme}://[{self.host}]:{self.port}" if ":" in self.host else f"{scheme}://{self.host}:{self.port}"


_ADDRESS = re.compile(r"mqtt(s?)://(?:\[([0-9A-Fa-f:.%\w]+)\]|([A-Za-z0-9.-]+))(?::(\d{1,5}))?/?")
# MQTT 5 §1.5.4: no NUL, and no surrogate; a control character in a filter can only be a mistake
_FILTER = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,1024}")
_DAY = 86_400 * SECOND


def parse_broker(value: object) -> BrokerAddress:
    """`mqtt://host:1883` or `mqtts://host:8883`; these ports when none is said."""
    if isinstance(value, BrokerAddress):
        return value
    if isinstance(value, str):
        if match := _ADDRESS.fullmatch(value):
            port = int(match[4] or (8883 if match[1] else 1883))
            if not 1 <= port <= 65535:
                raise ValueError(f"a port lies within 1 … 65535, got {port}")
            return BrokerAddress((match[2] or match[3]).lower(), port, bool(match[1]))
        if re.match(r"mqtts?://[^/]*@", value):
            raise ValueError("a name and a password stand in `username` and `password`, not in the address")
        if value.startswith(("ws://", "wss://", "tcp://", "ssl://")):
            raise ValueError("only mqtt:// and mqtts:// can be spoken")
    raise ValueError("an address such as mqtts://broker.lan:8883 is expected")


def _filter(value: str) -> str:
    if not _FILTER.fullmatch(value):
        raise ValueError("a topic filter has 1 … 1024 printable characters")
    levels = value.split("/")
    for place, level in enumerate(levels):
        if ("+" in level and level != "+") or ("#" in level and (level != "#" or place != len(levels) - 1)):
            raise ValueError(f"`+` stands for one whole level and `#` for all the last ones, got {value[:80]!r}")
    if levels[0].startswith("$"):
        raise ValueError("what the broker says about itself ($SYS) and shared subscriptions cannot be watched")
    return value


TopicFilter = Annotated[str, AfterValidator(_filter)]
ProfileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


class MqttLinkOptions(Strict):
    """One connection to a broker, MQTT 5. `keepalive` is host time; the broker keeps our session `session_expiry`."""

    mqtt: Annotated[BrokerAddress, BeforeValidator(parse_broker), WithJsonSchema({"type": "string"})]
    username: Line | None = None
    password: str | None = Field(default=None, min_length=1, max_length=1024, repr=False)
    ca: str | None = Field(default=None, description="file with the authorities to believe instead of the system's")
    certificate: str | None = Field(default=None, description="file with our own certificate, for brokers that ask")
    key: str | None = Field(default=None, description="file with its key")
    client_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = Field(
        default=None, description="one gateway only: a second one with the same name throws the first one out"
    )
    keepalive: Annotated[Duration, within(2 * SECOND, 60 * SECOND, "2s … 1min")] = 10 * SECOND
    session_expiry: Annotated[Duration, within(60 * SECOND, 365 * _DAY, "1min … 365d")] = Field(
        default=7 * _DAY, description="how long the broker keeps what we have not acknowledged"
    )
    max_payload: int = Field(default=65536, ge=256, le=1 << 24, description="bytes; larger ones stay with the broker")
    window: int = Field(default=2000, ge=10, le=65535, description="messages taken and not yet acknowledged")
    watch: tuple[TopicFilter, ...] = Field(
        default=(), strict=False, max_length=64, description="filters whose unknown senders are to be noticed"
    )
    discover: tuple[ProfileName, ...] = Field(
        default=(), strict=False, max_length=64, description="profiles whose announced devices are to be shown"
    )
    insecure: bool = Field(default=False, description="true: without TLS beyond this machine")

    @property
    def endpoint(self) -> str:
        """Identity of the broker's door."""
        return str(self.mqtt)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.mqtt.tls:
            if not (self.mqtt.loopback or self.insecure):
                raise ValueError(
                    "anybody on the way can read and forge what mqtt:// carries: use mqtts://, or say `insecure: true`"
                )
            if self.ca or self.certificate or self.key:
                raise ValueError("`ca`, `certificate` and `key` belong to mqtts://")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("`certificate` and `key` go together")
        if self.password is not None and self.username is None:
            raise ValueError("`password` needs a `username`")
        return self

    def file_problems(self) -> list[str]:
        """Files that are named and cannot be read, each as a sentence. Reads the disk; loading the options does not."""
        found = []
        for key in ("ca", "certificate", "key"):
            name = getattr(self, key)
            if name is not None and not Path(name).is_file():
                found.append(f"{key}: there is no file {name!r}")
        return found
