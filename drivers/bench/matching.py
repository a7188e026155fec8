"""Which profiles fit what is said on a broker: their topics are matched, and the messages decoded. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from drivers.assign import UnitSpec, assign
from drivers.bench.topics import Heard
from drivers.mqtt.codec import DeviceCodec, Record
from drivers.mqtt.language import MqttProfile
from drivers.mqtt.poison import Poison
from drivers.mqtt.topic import variables_of

MOST_MATCHES = 200
# fewer topics of a profile than this share would fit many devices that it does not describe
LEAST_SHARE = 0.4
_VARIABLE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Match:
    """A device of a known type: how many of the profile's points were heard, and how many were good."""

    profile: str
    variables: Mapping[str, str]
    topics: int
    points: int
    heard: int
    good: int
    on: frozenset[str] = frozenset()
    """The topics themselves."""

    @property
    def entry(self) -> str:
        """What a site says of it."""
        said = ", ".join(f"{name}: {_quoted(value)}" for name, value in self.variables.items())
        return f"{{profile: {self.profile}, link: LINK, vars: {{{said}}}}}"


def _quoted(value: str) -> str:
    return value if re.fullmatch(r"[A-Za-z][A-Za-z_.-]*", value) else f'"{value}"'


def matches(profiles: Iterable[MqttProfile], heard: Sequence[Heard]) -> list[Match]:
    """Devices that speak like one of the profiles, those of which most is good first."""
    found = [match for profile in profiles for match in _of_profile(profile, heard)]
    found.sort(key=lambda match: (-match.good / match.points, -match.good, match.profile, *match.variables.values()))
    best: dict[str, Match] = {}
    for match in found:
        for topic in match.on:
            best.setdefault(topic, match)
    # an envelope and a battery are everybody's: a profile that knows half as much of them is another device's
    return [match for match in found if any(_share(match) * 2 > _share(best[on]) for on in match.on)][:MOST_MATCHES]


def _share(match: Match) -> float:
    return match.good / match.points


def _of_profile(profile: MqttProfile, heard: Sequence[Heard]) -> Iterator[Match]:
    templates = list(dict.fromkeys(reading.topic for reading in profile.readings.values()))
    bound: dict[tuple[tuple[str, str], ...], list[Heard]] = defaultdict(list)
    for template in templates:
        pattern = _pattern(template)
        for one in heard:
            if match := pattern.fullmatch(one.topic):
                bound[tuple(sorted(match.groupdict().items()))].append(one)
    for pairs, topics in bound.items():
        if len(topics) >= LEAST_SHARE * len(templates):
            variables = {**dict(pairs), **_spoken_for(profile, dict(pairs), heard)}
            if found := _tried(profile, variables, topics):
                yield found


def _spoken_for(profile: MqttProfile, known: Mapping[str, str], heard: Sequence[Heard]) -> dict[str, str]:
    """Variables that only the availability topic has: of the one that names what is known, or of the only one."""
    spoken = profile.mqtt.availability
    if spoken is None or variables_of([spoken.topic]) <= known.keys():
        return {}
    pattern = _pattern(spoken.topic)
    found = [(match.groupdict(), one) for one in heard if (match := pattern.fullmatch(one.topic))]
    found = [(said, one) for said, one in found if all(said.get(name, value) == value for name, value in known.items())]
    named = [said for said, one in found if any(_names(payload, known) for payload in one.samples)]
    if len(named) == 1:
        return named[0]
    return found[0][0] if len(found) == 1 else {}


def _names(payload: bytes, known: Mapping[str, str]) -> bool:
    return any(value.encode() in payload for value in known.values() if len(value) > 1)


def _pattern(template: str) -> re.Pattern[str]:
    """A template's topics; the same variable twice has the same value twice."""
    pieces: list[str] = []
    at = 0
    seen: set[str] = set()
    for match in _VARIABLE.finditer(template):
        pieces.append(re.escape(template[at : match.start()]))
        name = match[1]
        pieces.append(f"(?P={name})" if name in seen else f"(?P<{name}>[A-Za-z0-9_.-]{{1,64}})")
        seen.add(name)
        at = match.end()
    return re.compile("".join([*pieces, re.escape(template[at:])]))


def _tried(profile: MqttProfile, variables: Mapping[str, str], topics: Sequence[Heard]) -> Match | None:
    """The match, if some message decodes; what nobody has said is left open."""
    unsaid = sorted(profile.variables - variables.keys())
    filled = {**variables, **{name: "0" * 16 if name == "dev_eui" else "x" for name in unsaid}}
    try:
        profile.check_variables(filled)
    except ValueError:
        return None  # a dev_eui that is none, say
    spec = UnitSpec("probe", "probe", None, profile, 0, own_device=True, variables=filled)
    codec = DeviceCodec(assign([spec], [])["probe"].units[0])
    good: set[str] = set()
    said: set[str] = set()
    for record in _records(codec, topics):
        marks = record.quality or [0] * len(record.values)
        said.update(point.key for point in record.layout.points)
        good.update(point.key for point, mark in zip(record.layout.points, marks, strict=True) if not mark)
    if not good:
        return None
    shown = {**variables, **dict.fromkeys(unsaid, "…")}
    on = frozenset(one.topic for one in topics)
    return Match(profile.profile, shown, len(topics), len(profile.readings), len(said), len(good), on)


def _records(codec: DeviceCodec, topics: Sequence[Heard]) -> Iterator[Record]:
    for one in topics:
        for payload in one.samples:
            try:
                yield from codec.decode(one.topic, payload).records
            except Poison:
                continue  # one bad message does not make it another device
