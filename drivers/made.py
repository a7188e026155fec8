"""By which it is known again whether what is made of a point's raw number is the same: scale, offset, line. Pure."""

from __future__ import annotations

import hashlib

from drivers.conversion import ChannelOptions, converted
from drivers.language import Profile
from drivers.meaning import Meaning

_PLAIN = Meaning()


def made(profile: Profile) -> dict[str, str]:
    """The mark of each point of a device of this type; of one that is taken as it comes there is none."""
    known: dict[str, str] = {}
    marks = {key: _mark_of(profile, key, known) for key in profile.readings}
    return {key: mark for key, mark in marks.items() if mark}


def made_of_channel(options: ChannelOptions, module: Profile) -> str:
    """The mark of a point that comes from a module's channel: what the module makes of it, and then the site."""
    source = module.readings[options.point].point
    own = converted(options, source.type, source.unit, source.counter).meaning()
    return _mark_of(module, options.point, {}) + _mark(own)


def _mark_of(profile: Profile, key: str, known: dict[str, str]) -> str:
    """With what is made of the points that it is made of: a height, a transformer's ratio, a unit."""
    if key not in known:
        meaning = profile.readings[key].meaning
        others = [(other, _mark_of(profile, other, known)) for other in meaning.early]
        known[key] = _mark(meaning, others)
    return known[key]


def _mark(meaning: Meaning, others: list[tuple[str, str]] | None = None) -> str:
    terms, plain = (
        (of.scale, of.offset, of.curves, of.multipliers, of.unit_code, of.bits, of.field) for of in (meaning, _PLAIN)
    )
    if terms == plain and meaning.formula is None:
        return ""
    said = () if meaning.formula is None else (meaning.formula.reads, meaning.formula.said)
    return hashlib.sha256(repr((terms, said, others or [])).encode()).hexdigest()[:12]
