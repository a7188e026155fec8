"""A Notifier panel behind its MODBUS-GW on the wire: one holding register per point, after the maker's manual
(LS10015-000NF-E). The unit number is the panel's node number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from simulators.fire import Detector, Module, Panel
from simulators.pdu import Refusal, Refused, RegisterMap, Table

LOOPS = 10
POINTS = 159
MODULES_AT = 200
PER_LOOP = 400
POINTS_END = LOOPS * PER_LOOP
BELLS = (9409, 9410)  # references 49410 and 49411
SILENCE = 9499  # reference 49500
MOST = 100

PREALARM, TROUBLE, INACTIVE, ACTIVE, ENABLE, DISABLE = 1 << 14, 1 << 13, 1 << 12, 1 << 11, 1 << 10, 1 << 9
FIRE_CODE, SUPERVISORY_CODE = 0x10, 0x40
NOT_PROGRAMMED = 0xFFFF
NODE_UNKNOWN = Refusal.GATEWAY_PATH_UNAVAILABLE
"""The gateway's answer for a node that is not configured."""

_POINT = re.compile(r"L([1-9]|10)([DM])([1-9]\d{0,2})")


def point_address(name: str) -> int | None:
    """The register of a point (`L1D1` → 0, `L1M1` → 200); None for a name that no point can have."""
    match = _POINT.fullmatch(name)
    if match is None or int(match[3]) > POINTS:
        return None
    return (int(match[1]) - 1) * PER_LOOP + (MODULES_AT if match[2] == "M" else 0) + int(match[3]) - 1


def notifier_gw(panel: Callable[[], Panel], *, marks_absent: bool = False) -> RegisterMap:
    """One node. A question that touches a point which is not programmed is refused, or answered 0xFFFF there when the
    gateway `marks_absent` points; a panel that the network does not reach makes the gateway answer 0x0B."""

    def registers(table: Table, address: int, count: int) -> Sequence[int] | None:
        if table is not Table.HOLDING:
            raise Refused(Refusal.ILLEGAL_FUNCTION)
        if count > MOST:
            raise Refused(Refusal.ILLEGAL_VALUE)
        state = panel()
        if state.lost:
            raise Refused(Refusal.GATEWAY_TARGET_SILENT)
        words = panel_words(state)
        found = []
        for place in range(address, address + count):
            word = words.get(place, NOT_PROGRAMMED if marks_absent and place < POINTS_END else None)
            if word is None:
                return None
            found.append(word)
        return found

    return registers


def panel_words(panel: Panel) -> dict[int, int]:
    """The registers of what is programmed."""
    words = {}
    for name, detector in panel.detectors.items():
        words[_address(name)] = _detector(detector)
    for name, module in panel.modules.items():
        words[_address(name)] = _module(module)
    sounding = any(detector.fire and not detector.disabled for detector in panel.detectors.values())
    words.update(dict.fromkeys(BELLS, ENABLE | (ACTIVE if sounding else INACTIVE)))
    words[SILENCE] = 0
    return words


def _address(name: str) -> int:
    address = point_address(name)
    if address is None:
        raise ValueError(f"no point of a panel is called {name}")
    return address


def _detector(detector: Detector) -> int:
    word = DISABLE if detector.disabled else ENABLE
    if detector.missing:
        word |= TROUBLE
    if detector.prealarm:
        word |= PREALARM
    shown = detector.fire and not detector.disabled
    return word | (ACTIVE | FIRE_CODE if shown else INACTIVE)


def _module(module: Module) -> int:
    word = DISABLE if module.disabled else ENABLE
    if module.missing:
        word |= TROUBLE
    shown = module.shut and not (module.disabled or module.missing)
    return word | (ACTIVE | SUPERVISORY_CODE if shown else INACTIVE)
