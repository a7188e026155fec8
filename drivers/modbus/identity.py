"""Which variant of its profile a device is: asked first after each connect, of the device itself. Pure."""

from __future__ import annotations

from drivers.assign import Pace, UnitSpec, further_units
from drivers.base import RequestError
from drivers.modbus.cycle import Cycle
from drivers.paces import number_of, with_needs
from drivers.profile import ModbusProfile
from gateway.model import SECOND, ErrorKind, Instant, Quality

AGAIN_FIRST = 60 * SECOND
AGAIN_LAST = 3600 * SECOND
GROWTH = 4


class Unidentified(RequestError):  # noqa: N818 - a device of another kind, not a failure of ours
    """None of the profile's variants fits what the device says of itself."""

    def __init__(self, sentence: str) -> None:
        super().__init__(ErrorKind.IDENTITY, sentence)


class Identity:
    """The questions that decide. `settled`: they have done so once."""

    def __init__(self, spec: UnitSpec, profile: ModbusProfile, number: int, pace: Pace, now_ns: int) -> None:
        self._profile = profile
        self._keys = profile.identity
        needed = with_needs(profile.readings, self._keys)
        keys = tuple(key for key in profile.readings if key in needed)
        at = number_of(profile.readings, self._keys[0], spec.unit or number, further_units(spec, profile))
        self.cycle = Cycle(Pace(pace.period_ns, keys, (), pace.urgent), spec.link, at, profile, now_ns)
        self._columns = [keys.index(key) for key in self._keys]
        self._again_ns = AGAIN_FIRST
        self.settled = False

    def ask(self, now_ns: int) -> None:
        """A new connection, or a device that is back: it may be another one."""
        self._again_ns = AGAIN_FIRST
        self.cycle.use(self._profile)
        self.cycle.connected()
        self.cycle.at_once(now_ns)

    def judge(self, at: Instant) -> ModbusProfile | None:
        """The answers are there: the profile of the variant; None when the device could not say it this time.

        Unidentified when no variant fits: asked again later, and less and less often.
        """
        values, quality = self.cycle.values(at)
        marks = [0 if quality is None else quality[column] for column in self._columns]
        self.cycle.abandon()
        if Quality.BAD_COMM in marks or self.cycle.cold:
            return None
        said = {
            key: values[column]
            for key, column, mark in zip(self._keys, self._columns, marks, strict=True)
            if mark == Quality.GOOD
        }
        chosen = self._profile.chosen(said)
        if chosen is not None:
            return chosen
        self.cycle.due_ns = at.mono_ns + self._again_ns
        self._again_ns = min(GROWTH * self._again_ns, AGAIN_LAST)
        told = ", ".join(f"{key} {said.get(key, 'unknown')}" for key in self._keys)
        raise Unidentified(f"no variant of {self._profile.profile} has {told}")
