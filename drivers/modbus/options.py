"""What a site says about a Modbus link: `{modbus: "tcp://10.0.0.7:502", timeout: 1s}`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic.json_schema import WithJsonSchema

from drivers.modbus.address import Address, parse_address
from drivers.modbus.line import Line
from gateway.fields import Duration, Strict, within
from gateway.model import SECOND

_MS = SECOND // 1000
Timeout = Annotated[Duration, within(10 * _MS, 60 * SECOND, "10ms … 1min")]
Pause = Annotated[Duration, within(100 * _MS, 600 * SECOND, "100ms … 10min")]
Wait = Annotated[Duration, within(0, 60 * SECOND, "0s … 1min")]
AddressField = Annotated[Address, BeforeValidator(parse_address), WithJsonSchema({"type": "string"})]

# a device that is asked to be quick does not become quicker by it
_LEAST_LATE = 500 * _MS


class ModbusLinkOptions(Strict):
    """One endpoint. Times are host time but for the pauses between connects, which are building time."""

    modbus: AddressField
    backup: AddressField | None = Field(
        default=None, description="a second way to the same devices, taken when the first cannot be connected"
    )
    timeout: Timeout = Field(
        default=SECOND, description="for one answer; on a serial line what its characters take comes on top"
    )
    connect_timeout: Timeout = Field(default=2 * SECOND, description="for one connection")
    connect_delay: Wait = Field(default=0, description="between a connection and its first question")
    pause: Wait = Field(default=0, description="between an answer and the next question")
    retries: int = Field(default=0, ge=0, le=1, description="how often a question is repeated after a timeout")
    assumed_rtt: Annotated[Duration, within(_MS, 10 * SECOND, "1ms … 10s")] | None = Field(
        default=None, description="for the arithmetic of `anlou check`: how long the devices take to answer"
    )
    allow_overrun: bool = Field(default=False, description="true: run although the link cannot do all its polls")
    reconnect_min: Pause = Field(default=500 * _MS, description="first pause before connecting again")
    reconnect_max: Pause = Field(
        default=5 * SECOND, description="longest pause: how long a returned link may stay unseen"
    )
    transaction: Literal["echo", "zero"] = Field(
        default="echo", description="zero: a gateway that answers every question with transaction 0"
    )
    echo: bool = Field(default=False, description="true: the adapter lets us hear our own questions")
    late_within: Timeout | None = Field(
        default=None, description="how long after its timeout an answer may still arrive (default: the timeout)"
    )
    ca: str | None = Field(default=None, description="file with the authorities to believe instead of the system's")
    certificate: str | None = Field(default=None, description="file with our own certificate, for devices that ask")
    key: str | None = Field(default=None, description="file with its key")

    @property
    def endpoint(self) -> str:
        """Identity of the physical endpoint: two links to the same one are an error."""
        return str(self.modbus)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All ways to the devices, in the order in which they are tried."""
        return (self.modbus,) if self.backup is None else (self.modbus, self.backup)

    @property
    def line(self) -> Line | None:
        """The serial line that the answers come over, None where there is none or nothing is said of it."""
        return self.modbus.line

    @property
    def rtu(self) -> bool:
        """Frames are those of a serial line: without transactions, ended by silence."""
        return self.modbus.scheme in ("rtu", "rtu+tcp")

    def at(self, address: Address) -> Self:
        """These options with `address` as the only one."""
        return self.model_copy(update={"modbus": address, "backup": None})

    def answer_ns(self, size: int, timeout_ns: int | None = None) -> int:
        """How long to wait for an answer of `size` data bytes: the timeout, and what question and answer take on the
        line. The standard's is "from 1 s to several seconds at 9600 bps" (MODBUS over Serial Line V1.02 §2.4.1).
        """
        own = self.timeout if timeout_ns is None else timeout_ns
        return own if self.line is None else own + round(self.line.seconds(8 + 5 + size) * SECOND)

    def late_ns(self, timeout_ns: int | None = None) -> int:
        """How long after its timeout an answer may still arrive. A device that takes twice its time is imaginable; one
        that takes longer cannot be told from one that answers the next question, and the site has to say so. Whoever
        waits for less than the link's timeout hears no sooner that nothing comes.
        """
        own = self.timeout if timeout_ns is None else timeout_ns
        usual = max(own, self.timeout)
        late_ns = max(usual, _LEAST_LATE) if self.late_within is None else self.late_within
        return usual - own + late_ns

    @model_validator(mode="after")
    def _check(self) -> Self:
        scheme = self.modbus.scheme
        if self.backup is not None:
            if self.backup.scheme != scheme:
                raise ValueError(f"`backup` is spoken to as the first address is: {scheme}://, got {self.backup}")
            if self.backup.door == self.modbus.door:
                raise ValueError("`backup` is the first address once more")
        if self.transaction == "zero" and self.rtu:
            raise ValueError(f"`transaction` belongs to tcp:// and tls://: {scheme}:// has none")
        if self.echo and not self.rtu:
            raise ValueError(f"`echo` belongs to rtu:// and rtu+tcp://: nothing comes back over {scheme}://")
        if self.late_within is not None and not self.rtu and self.transaction == "echo":
            raise ValueError(f"`late_within` belongs to rtu:// and rtu+tcp://: {scheme}:// tells late answers apart")
        if scheme != "tls" and (self.ca or self.certificate or self.key):
            raise ValueError("`ca`, `certificate` and `key` belong to tls://")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("`certificate` and `key` go together")
        return self
