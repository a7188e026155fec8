"""The units of a wiring, each as the register map that answers for it."""

from __future__ import annotations

from collections.abc import Callable

from simulators import building
from simulators.building import Building
from simulators.devices import adam_4100, adam_6024, loop_current, nice3000
from simulators.keba import keba_p30
from simulators.meters import acrel_asj, sdm630
from simulators.notifier import notifier_gw
from simulators.pdu import RegisterMap
from simulators.wiring import (
    AI_CHANNELS,
    DI_CHANNELS,
    SENSOR_COIL,
    AnalogueModule,
    ChargingStation,
    DigitalModule,
    FeederMeter,
    FirePanel,
    LiftController,
    ResidualRelay,
    Unit,
    loop_name,
)


def registers(link: str, number: int, unit: Unit, present: Callable[[], Building]) -> RegisterMap:
    """What answers for `unit`; `present` is asked for the building once or more for each request."""
    match unit:
        case LiftController(lift):
            return nice3000(lambda: present().lifts[lift])
        case AnalogueModule():
            names = [loop_name(link, number, f"ai{channel}") for channel in range(AI_CHANNELS)]
            return adam_6024(lambda: _currents(present(), unit, names), lambda: (False, False))
        case DigitalModule():
            return adam_4100(lambda: _contacts(present(), unit))
        case FirePanel(panel, marks_absent):
            return notifier_gw(lambda: present().panels[panel], marks_absent=marks_absent)
        case FeederMeter(feeder):
            return sdm630(lambda: present().feeders[feeder])
        case ResidualRelay(feeder, rated, warning):
            coil = loop_name(link, number, SENSOR_COIL)
            return acrel_asj(
                lambda: present().feeders[feeder],
                lambda: coil in present().open_loops,
                rated=rated,
                warning=warning,
                unit=number,
            )
        case ChargingStation(charger):
            return keba_p30(lambda: present().chargers[charger])


def _currents(state: Building, module: AnalogueModule, names: list[str]) -> list[float]:
    currents = [0.0] * AI_CHANNELS
    for channel, loop in module.loops.items():
        if names[channel] not in state.open_loops:
            currents[channel] = loop_current(building.level(state, loop.thing, loop.signal), loop.low, loop.high)
    return currents


def _contacts(state: Building, module: DigitalModule) -> list[bool]:
    wired = module.contacts
    return [
        channel in wired and building.contact(state, wired[channel].thing, wired[channel].signal)
        for channel in range(DI_CHANNELS)
    ]
