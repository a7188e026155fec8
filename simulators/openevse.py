"""An OpenEVSE on the broker, after its firmware's `docs/mqtt.md`: one topic per value under a base topic, and an
announcement, retained, that the broker itself takes back when the charger vanishes.
"""

from __future__ import annotations

import json

from simulators.building import Building
from simulators.charger import Charger, Trouble
from simulators.mqtt_device import Message, MqttFaultKind, Publisher, WallOf
from simulators.wiring import OpenEvse

EVERY = 30
"""Seconds between two publications of a value that does not change."""
MEASURED_EVERY = 5
"""Seconds between two measurements."""
AT_ONCE = frozenset({"state", "status", "vehicle"})
"""Events, not measurements."""
ONLY_REGULARLY = frozenset({"session_elapsed"})

NOT_CONNECTED, CONNECTED, CHARGING, GFCI_FAULT, OVER_TEMPERATURE, SLEEPING = 1, 2, 3, 6, 10, 254


def evse_values(charger: Charger) -> dict[str, str]:
    """Topic under the base → payload, for one state of the charging point."""
    tenths = str(round(charger.temperature * 10))
    return {
        "amp": str(round(charger.current * 1000)),
        "voltage": str(round(charger.voltages[0])),
        "power": str(round(charger.power)),
        "frequency": "5000",
        "pilot": str(round(charger.shape.limit)),
        "temp": tenths,
        "temp1": tenths,
        "temp2": "false",
        "temp3": "false",
        "temp4": "false",
        "state": str(_state(charger)),
        "status": "disabled" if charger.stopped else "active",
        "vehicle": "0" if charger.car is None else "1",
        "session_energy": str(round(charger.session_kwh * 1000)),
        "total_energy": f"{charger.total_kwh:.3f}",
        "session_elapsed": str(round(charger.plugged_for)),
    }


def _state(charger: Charger) -> int:
    if charger.trouble is Trouble.OVER_TEMPERATURE:
        return OVER_TEMPERATURE
    if charger.trouble is Trouble.RESIDUAL_CURRENT:
        return GFCI_FAULT
    if charger.stopped:
        return SLEEPING
    if charger.charging:
        return CHARGING
    return NOT_CONNECTED if charger.car is None else CONNECTED


class Evse(Publisher):
    """The charger's own client. It keeps nothing: what it cannot say in time is never said."""

    def __init__(self, name: str, wired: OpenEvse) -> None:
        super().__init__([name])
        self._name = name
        self._wired = wired
        self.identifier = f"openevse-{wired.announce}"
        self.will = self._announcement("disconnected")
        self._said: dict[str, str] = {}
        self._values: dict[str, str] = {}

    @property
    def up(self) -> bool:
        standing = self.standing[self._name]
        return not (standing.cut or standing.off)

    def look(self, building: Building, second: int, wall_of: WallOf) -> None:
        self._values = evse_values(building.chargers[self._wired.charger])
        standing = self.standing[self._name]
        if not self.up or standing.fault(MqttFaultKind.SILENT, second):
            return
        for key, value in self._values.items():
            if self._due(key, value, second):
                self._said[key] = value
                self._say(standing.spoilt(self._message(key, value), second))

    def _due(self, key: str, value: str, second: int) -> bool:
        if second % EVERY == 0:
            return True
        if key in ONLY_REGULARLY or self._said.get(key) == value:
            return False
        return key in AT_ONCE or second % MEASURED_EVERY == 0

    def greeting(self) -> list[Message]:
        """On a new connection: who is here, that nobody overrides it, and every value."""
        self.outbox.clear()
        self._said = dict(self._values)
        nobody = Message(self._name, f"{self._wired.base}/override", b'{"state":"null"}', retain=True)
        values = [self._message(key, value) for key, value in self._values.items()]
        return [self._announcement("connected"), nobody, *values]

    def _message(self, key: str, value: str) -> Message:
        return Message(self._name, f"{self._wired.base}/{key}", value.encode())

    def _announcement(self, state: str) -> Message:
        said = {"state": state, "id": self._wired.announce, "name": self._wired.base}
        if state == "connected":
            said |= {"mqtt": self._wired.base, "http": "http://192.0.2.17/"}
        return Message(self._name, f"openevse/announce/{self._wired.announce}", json.dumps(said).encode(), retain=True)
