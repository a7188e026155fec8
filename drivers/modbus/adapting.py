"""What a site says of one device, understood by its profile: variant, parameters, changed points, the clocks' zone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from drivers.adaptation import Adaptation, AdaptationError
from drivers.computed import ComputedMeaning
from drivers.language import PointFault
from drivers.modbus.building import Site
from drivers.modbus.encoding import Loc
from drivers.modbus.points import PointKeys, PointMeaning
from gateway.fields import Strict
from gateway.near import hint

if TYPE_CHECKING:
    from drivers.modbus.language import ModbusProfile


def understood(profile: ModbusProfile, changes: Adaptation, timezone: str, parts: Iterable[str]) -> Site:
    """`changes` for a device of that profile that has these `parts`; AdaptationError at what does not fit."""
    return Site(
        _parameters(profile, changes),
        {key: _change(profile, key, said, parts) for key, said in changes.adjust.items()},
        ZoneInfo(timezone),
        changes.word_order,
        changes.byte_order,
    )


def variant_of(profile: ModbusProfile, changes: Adaptation) -> int | None:
    """Which variant the site chooses, None when the device decides itself; AdaptationError when nobody does."""
    names = [variant.variant for variant in profile.variants]
    if changes.variant is not None:
        if changes.variant not in names:
            known = f"its variants are {', '.join(names)}" if names else "it has no variants"
            raise AdaptationError(("variant",), f"{profile.profile} has no variant {changes.variant!r}; {known}")
        return names.index(changes.variant)
    if names and not profile.identity_points and profile.variants_else == "refuse":
        raise AdaptationError((), f"say which `variant` of {profile.profile} it is: {', '.join(names)}")
    return None


def defaults_of(profile: ModbusProfile, given: Mapping[str, Any] | None = None) -> dict[str, float | None]:
    """The values of the parameters where nobody has given others; ValueError as (name, sentence)."""
    found: dict[str, float | None] = {}
    for name, parameter in profile.parameters.items():
        try:
            found[name] = parameter.value((given or {}).get(name))
        except ValueError as error:
            raise ValueError(name, str(error)) from None
    return found


def _parameters(profile: ModbusProfile, changes: Adaptation) -> dict[str, float | None]:
    for name in changes.parameters:
        if name not in profile.parameters:
            told = f"{profile.profile} has no parameter {name!r}{_near(name, profile.parameters)}"
            raise AdaptationError(("parameters", name), told)
    try:
        found = defaults_of(profile, changes.parameters)
    except ValueError as error:
        raise AdaptationError(("parameters", error.args[0]), error.args[1]) from None
    missing = [name for name, value in found.items() if value is None]
    if missing:
        unit = profile.parameters[missing[0]].unit
        example = f"parameters: {{{missing[0]}: 1{f' {unit}' if unit else ''}}}"
        at = ("parameters",) if changes.parameters else ()
        raise AdaptationError(at, f"{profile.profile} needs {', '.join(missing)} of each device, such as {example}")
    return found


def _change(profile: ModbusProfile, key: str, said: Mapping[str, Any], parts: Iterable[str]) -> Strict:
    if key not in (known := profile.readings):
        told = f"{profile.profile} has no point {key!r}{_near(key, known)}"
        raise AdaptationError(("adjust", key), told)
    part, _, name = key.rpartition("/")
    computed = key in profile.computed
    if part in parts:
        computed = any(name in one.computed for one in profile.parts if one.template.place(part) is not None)
    model: type[Strict] = ComputedMeaning if computed else PointMeaning
    for word in said:
        if word not in model.model_fields:
            fixed = word in PointKeys.model_fields or word in ("address", "expr")
            why = "that is the same on every device of the type" if fixed else f"there is no `{word}`"
            told = f"{why}; what may differ is {', '.join(model.model_fields)}"
            raise AdaptationError(("adjust", key, word), told)
    try:
        return model.model_validate(dict(said))
    except ValidationError as error:
        first = error.errors()[0]
        raise AdaptationError(("adjust", key, *first["loc"]), first["msg"].removeprefix("Value error, ")) from None


def blamed(fault: PointFault, changes: Adaptation, keys: Mapping[Loc, str]) -> AdaptationError:
    """A fault of the profile with these changes, at the change that has brought it."""
    for length in range(len(fault.loc), 0, -1):
        if (key := keys.get(fault.loc[:length])) in changes.adjust:
            tail = fault.loc[length:]
            known = bool(tail) and tail[0] in changes.adjust[key]
            return AdaptationError(("adjust", key, *(tail if known else ())), fault.sentence)
    return AdaptationError(("adjust",) if changes.adjust else (), f"{fault.loc[-1]}: {fault.sentence}")


def _near(name: str, known: Iterable[str]) -> str:
    names = list(known)
    return hint(name, names) or f"; it has {', '.join(names[:20]) or 'none'}"
