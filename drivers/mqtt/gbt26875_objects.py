"""GB/T 26875.3-2011, clause 8: the objects in a frame, and what they say together. Pure.

Bits combine: a detector may be in fire, in test and disabled at once. Fire is never given up for another bit: the
standard's own sample of a fire alarm has the bit that means "test".
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

TIME = 6
SIZES = {1: 4, 2: 40, 3: 10, 4: 4, 21: 1}
"""Bytes of an object without its time, of the types that are read."""
# of a component whose name is cut off the state has come
_ENOUGH = {2: 9}
_NAMES = {
    5: "version",
    6: "system_configuration",
    7: "component_configuration",
    8: "system_time",
    24: "device_operation",
    25: "device_version",
    26: "device_configuration",
    28: "device_time",
    61: "read_system_state",
    62: "read_component_state",
    63: "read_analog",
    64: "read_operation",
    65: "read_version",
    66: "read_system_configuration",
    67: "read_component_configuration",
    68: "read_system_time",
    81: "read_device_state",
    84: "read_device_operation",
    85: "read_device_version",
    86: "read_device_configuration",
    88: "read_device_time",
    89: "initialise",
    90: "set_time",
    91: "duty_check",
}
_BITS = ("fire", "fault", "disabled", "supervisory", "started", "feedback", "delayed")  # from bit 1 on
_OF_SYSTEM = ("mains_fault", "battery_fault", "bus_fault", "manual", "configuration_changed", "reset")  # from bit 8 on
_OF_COMPONENT = ("supply_fault",)
_OF_DEVICE = ("fire", "fault", "mains_fault", "battery_fault", "centre_link_fault", "line_fault")  # from bit 1 on
_RESET = 1  # bit 0 of an operation
# analog type → (name, counts in one of its unit); both pressures in kPa, air volume in m³/min
_ANALOG = {
    1: ("count", 1),
    2: ("height", 100),
    3: ("temperature", 10),
    4: ("pressure", 0.01),
    5: ("pressure", 10),
    6: ("gas_lel", 10),
    7: ("duration", 1),
    8: ("voltage", 10),
    9: ("current", 10),
    10: ("flow", 10),
    11: ("air_volume", 10),
    12: ("air_speed", 1),
}


def moment(clock: bytes) -> str:
    """Six bytes of second, minute … year as a local time without zone; whether it can be is for others to judge."""
    second, minute, hour, day, month, year = clock
    return f"20{year:02}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"


def text(field: bytes) -> str:
    """GB 18030, filled up with zeros or spaces, and perhaps cut in the middle of a character."""
    field = field.split(b"\0")[0].rstrip(b" ")
    for cut in range(4):  # a character has one, two or four bytes
        try:
            return _printable(field[: len(field) - cut].decode("gb18030"))
        except UnicodeDecodeError:
            continue
    return _printable(field.decode("gb18030", "replace"))


class Taken(NamedTuple):
    """How many objects of a data unit were read, and what is wrong with it."""

    objects: int
    fault: str | None


class Objects:
    """What the objects of one payload say together; later ones replace earlier ones, except that fire stays."""

    def __init__(self) -> None:
        self._device: dict[str, Any] = {}
        self._systems: dict[str, dict[str, Any]] = {}
        self._components: dict[str, dict[str, Any]] = {}
        self._cleared: dict[str, bool] = {}
        self._passed: Counter[str] = Counter()

    def add(self, body: bytes) -> Taken:
        """Take an application data unit.

        Its frame is sound, so the objects that are there are read, whatever their count says and wherever the last one
        ends: one of them may be a fire.
        """
        if len(body) < 2:
            return Taken(0, "one byte is no data unit")
        kind, count, rest = body[0], body[1], body[2:]
        size = SIZES.get(kind)
        if size is None:
            self._passed[_NAMES.get(kind, f"type_{kind}")] += 1
            return Taken(0, None)
        read, step, told = _layout(kind, count, len(rest))
        for at in range(0, read * step, step):
            one = rest[at : at + size]
            said = rest[at + size : at + step]
            self._add(kind, one, {"since": moment(said)} if len(said) == TIME else {})
        return Taken(read, told)

    def _add(self, kind: int, one: bytes, since: dict[str, Any]) -> None:
        system = "" if kind == 21 else f"S{one[0]}-{one[1]}"
        if kind == 1:
            state = int.from_bytes(one[2:4], "little")
            said = _bits(state, 1, _BITS) | _bits(state, 8, _OF_SYSTEM) | _normal(state) | since
            said["trouble"] = any(said[name] for name in ("fault", "mains_fault", "battery_fault", "bus_fault"))
            if said["reset"]:
                self._cleared[system] = False
            _merge(self._systems, system, said)
        elif kind == 2:
            state = int.from_bytes(one[7:9], "little")
            said = _bits(state, 1, _BITS) | _bits(state, 8, _OF_COMPONENT) | _normal(state) | since
            said |= {"kind": one[2], "description": text(one[9:40])}
            said["trouble"] = said["fault"] or said["supply_fault"]
            _merge(self._components, system + _place(one[3:7]), said)
        elif kind == 3:
            self._measured(system + _place(one[3:7]), one)
        elif kind == 4:
            if one[2] & _RESET:
                self._cleared[system] = False
            else:
                self._passed["operation"] += 1
        else:
            said = _bits(one[0], 1, _OF_DEVICE) | _normal(one[0]) | since
            said["trouble"] = said["fault"] or said["line_fault"]
            said["fire"] |= self._device.get("fire", False)
            self._device = said

    def _measured(self, component: str, one: bytes) -> None:
        name, counts = _ANALOG.get(one[7], ("", 1))
        if not name:
            self._passed[f"analog_{one[7]}"] += 1
            return
        value = int.from_bytes(one[8:10], "little", signed=True) / counts
        known = self._components.setdefault(component, {})
        known["kind"] = one[2]
        known[name] = value

    def value(self) -> dict[str, Any]:
        """What is known of whom; only what was said."""
        everything = {"device": self._device, "systems": self._systems, "components": self._components}
        found: dict[str, Any] = {key: said for key, said in everything.items() if said}
        everybody = (self._device, *self._systems.values(), *self._components.values())
        if any(one.get("fire") for one in everybody):
            found["any"] = {"fire": True}
        elif self._cleared:
            found["any"] = {"fire": False}
        if self._cleared:
            found["cleared"] = self._cleared
        if self._passed:
            found["passed"] = dict(self._passed)
        return found


def _layout(kind: int, count: int, length: int) -> tuple[int, int, str | None]:
    """(objects that are whole, bytes from one to the next, what is wrong) in so many bytes after a count."""
    size, step = SIZES[kind], SIZES[kind] + TIME
    if length == count * step:
        return count, step, None
    if length == count * size:
        return count, size, None  # some leave out the times
    told = f"{count} objects of type {kind} have {count * step} bytes, got {length}"
    whole, rest = divmod(length, step)
    if not rest:
        return whole, step, told  # they were counted wrong
    return min(max(count, 1), whole + (rest >= _ENOUGH.get(kind, size))), step, told


def _bits(state: int, first: int, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: bool(state >> bit & 1) for bit, name in enumerate(names, first)}


def _normal(state: int) -> dict[str, Any]:
    # bit 0 is 1 while it runs normally; it says nothing about the other bits
    return {"test": not state & 1}


def _merge(known: dict[str, dict[str, Any]], who: str, said: dict[str, Any]) -> None:
    before = known.get(who, {})
    said["fire"] = said["fire"] or before.get("fire", False)
    known[who] = {**before, **said}


def _place(address: bytes) -> str:
    """A component's address: two halves, the low byte of each first."""
    return f"Z{int.from_bytes(address[:2], 'little')}P{int.from_bytes(address[2:], 'little')}"


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable()).strip()
