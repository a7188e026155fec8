"""By which it is known again whether what is made of a point's raw number is the same: scale, offset, line. Pure."""

from __future__ import annotations

import hashlib

from drivers.conversion import ChannelOptions, converted
from drivers.language import Profile
from drivers.meaning import Meaning

_PLAIN = Meaning()


def made(profile: Profile) -> dict[str, str]:
    """The mark of each point of a device of this type; of one that is taken as it comes there is none."""
    marks = {key: _mark(reading.meaning) for key, reading in profile.readings.items()}
    return {key: mark for key, mark in marks.items() if mark}


def made_of_channel(options: ChannelOptions, module: Profile) -> str:
    """The mark of a point that comes from a module's channel: what the module makes of it, and then the site."""
    reading = module.readings[options.point]
    source = reading.point
    own = converted(options, source.type, source.unit, source.counter).meaning()
    return _mark(reading.meaning) + _mark(own)


def _mark(meaning: Meaning) -> str:
    terms, plain = (
        (of.scale, of.offset, of.curves, of.multipliers, of.unit_code, of.bits, of.field) for of in (meaning, _PLAIN)
    )
    return "" if terms == plain else hashlib.sha256(repr(terms).encode()).hexdigest()[:12]
