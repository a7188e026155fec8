"""What a device, or its last will, says of being there. Pure."""

from __future__ import annotations

from drivers.mqtt.defaults import Availability
from drivers.mqtt.json_value import parse
from drivers.mqtt.message import scalar
from drivers.mqtt.path import getter, parse_path
from drivers.mqtt.poison import Poison
from drivers.mqtt.source_time import odd
from drivers.mqtt.take import Bad, coded


class AvailabilityReader:
    """Reads the messages of an availability topic."""

    def __init__(self, spoken: Availability) -> None:
        self._get = getter(parse_path(spoken.path)) if spoken.path else None
        self._take = coded([*((one, True) for one in spoken.online), *((one, False) for one in spoken.offline)])

    def read(self, payload: bytes) -> bool:
        """On line or off line; Poison for anything else."""
        if self._get is not None:
            said, text = self._get(parse(payload)), None
        else:
            said, text = scalar(payload)
        verdict = self._take(said)
        if verdict.__class__ is Bad and text is not None:
            verdict = self._take(text)
        if verdict.__class__ is not bool:
            raise Poison("availability", f"{odd(said)} is neither a word for on line nor one for off line")
        return bool(verdict)
