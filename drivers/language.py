"""What every profile says, whatever its wire: what it is called, where its facts are from, which points it has.

The registers are in drivers.modbus.language, the messages in drivers.mqtt.language; drivers.profile is the door to all.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NoReturn, Protocol, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from drivers.adaptation import Adaptation, AdaptationError
from drivers.conversion import AsTuple, point_name
from drivers.meaning import Meaning
from gateway.fields import Duration, Id, Prose, Strict, TextField, within
from gateway.model import SECOND, Point, Quality

Wire = Literal["modbus", "mqtt"]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Reason = Literal["not_fitted", "no_value", "sensor", "config", "range", "decode"]
REASONS = {quality.reason: quality for quality in Quality if quality.is_bad}


def _key(value: str) -> str:
    point_name(value)
    return value


PointKey = Annotated[str, AfterValidator(_key)]


def many(value: Any) -> Any:
    """A YAML list, or one value, for a field that is a tuple."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


class Source(Strict):
    """Where facts come from, and how they were checked."""

    ref: Prose
    verified: Literal["code", "doc", "issue", "memory"]


Sources = Annotated[tuple[Source, ...], AsTuple, Field(min_length=1)]
Numbers = Annotated[tuple[int, ...], BeforeValidator(many), Field(min_length=1)]
Every = Annotated[Duration, within(SECOND // 10, 7 * 86400 * SECOND, "100ms … 7d")]
"""How often a point is read at most."""
Expected = bool | int | float | str
Badness = Reason | Literal["undeclared"]
"""Why a vector's point has no value."""
Mistake = tuple[int, tuple[str | int, ...], str]
"""(index of the vector, keys inside it, sentence) of an example that a profile does not keep."""


class PointFault(ValueError):  # noqa: N818 - a fault in what somebody wrote, at `loc` inside the profile
    """What is wrong with a point, in a sentence."""

    def __init__(self, loc: tuple[str | int, ...], sentence: str) -> None:
        super().__init__(sentence)
        self.loc = loc
        self.sentence = sentence


PLUGGED_IN = frozenset(
    {"calc", "code", "converter", "decode", "decoder", "eval", "expr", "expression", "formula", "function"}
    | {"javascript", "js", "lambda", "lua", "parser", "python", "script", "transform", "value_template"}
)
"""Keys under which people expect a programming language."""


class Spoken(Strict):
    """What a profile is written in. It is no programming language, and says where one would go."""

    @model_validator(mode="before")
    @classmethod
    def _no_program(cls, value: Any) -> Any:
        said = value if isinstance(value, Mapping) else {}
        faults = [
            PointFault((key,), _no_such(key, said[key]))
            for key in said
            if key in PLUGGED_IN and key not in cls.model_fields
        ]
        if faults:
            refuse(cls.__name__, faults)
        return value


def _no_such(key: str, value: object) -> str:
    if key == "function" and isinstance(value, int):
        return "there is no `function`: its code follows from `table`: coil 1, discrete 2, holding 3, input 4"
    return (
        f"there is no `{key}`: what is computed from other points stands under `computed:`; for what this"
        " language cannot say, write a codec plug-in: docs/profiles.md#codec-plug-ins"
    )


class AnyReading(Protocol):
    """What readings of all wires have: the point, what is made of the raw value, and how often it comes at most."""

    @property
    def point(self) -> Point: ...
    @property
    def meaning(self) -> Meaning: ...
    @property
    def every_ns(self) -> int | None: ...


class Profile(Spoken):
    """A type of device."""

    wire: ClassVar[Wire]

    profile: Id
    title: TextField
    source: Sources
    system: Id | None = None
    needs_liveness: TextField | None = Field(default=None, description="what the device does when nobody writes to it")

    @property
    @abstractmethod
    def readings(self) -> Mapping[str, AnyReading]:
        """Every point with its meaning, in the order of the profile."""

    @property
    def part_hint(self) -> str:
        """How the ids of its parts look (`L1D1 … L10M159`); empty when it has none."""
        return ""

    def for_parts(self, ids: Sequence[str]) -> Self:
        """The profile with the points of these parts; ValueError with a sentence for an id that is none."""
        if ids:
            raise ValueError(f"{self.profile} has no parts, so {ids[0]!r} cannot be one")
        return self

    def adapted(self, changes: Adaptation, timezone: str) -> Self:
        """The profile as it is on one device, whose own clock is in `timezone`; AdaptationError at what does not fit.

        Points keep their names; units and types may change.
        """
        for key in changes.given:
            raise AdaptationError((key,), f"the profile {self.profile} leaves nothing open that `{key}` could say")
        return self

    def point(self, key: str) -> Point:
        """The point of that key; KeyError when there is none."""
        return self.readings[key].point

    def sources(self, key: str) -> tuple[Source, ...]:
        """The point's own sources, or the profile's."""
        raise NotImplementedError

    @property
    def has_examples(self) -> bool:
        """Some vector says what comes out of what."""
        raise NotImplementedError


def refuse(title: str, faults: Sequence[PointFault]) -> NoReturn:
    """ValidationError that tells all `faults`, each at its place."""
    raise ValidationError.from_exception_data(
        title,
        [
            InitErrorDetails(
                type=PydanticCustomError("profile", "{sentence}", {"sentence": fault.sentence}),
                loc=fault.loc,
                input=None,
            )
            for fault in faults
        ],
    )
