"""What is said on a broker, grouped by shape: topics that differ only in whose they are become one template. Pure.

Memory is bounded whatever comes: so many topics, keys and bytes are kept, and what is more is counted.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from drivers.bench.shape import MOST_KEYS, Key, kind_of, read
from gateway.model import SECOND

MOST_TOPICS = 2000
LONGEST_SAMPLE = 8192
SAMPLES = 3
MOST_VALUES = 6
# a serial number, an address, `east-1`: what tells one device from the next has a digit, names of values rarely do
_LIKE_AN_ID = re.compile(r"(?=.*\d).{2,}|\d+")
# `temp2` is a name, `a4cf12` and `0017` are not
_PLAINLY_AN_ID = re.compile(r"\d+|[0-9a-fA-F]{6,}|.*\d{3,}.*")


@dataclass(slots=True)
class Heard:
    """One topic: its messages counted, their keys, and the newest of them whole."""

    topic: str
    messages: int = 0
    retained: int = 0
    size: int = 0
    first_ns: int = 0
    last_ns: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    samples: list[bytes] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """What most of its messages are."""
        return max(self.kinds, key=lambda kind: self.kinds[kind])

    @property
    def every_s(self) -> float | None:
        """Seconds between two live messages, None for fewer than two."""
        live = self.messages - self.retained
        return (self.last_ns - self.first_ns) / SECOND / (live - 1) if live > 1 else None

    def take(self, payload: bytes, at_ns: int, *, retained: bool) -> None:
        """One more message."""
        self.messages += 1
        self.retained += retained
        self.size = max(self.size, len(payload))
        if not retained:
            self.first_ns = self.first_ns or at_ns
            self.last_ns = at_ns
        kind, found = read(payload)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        for path, value in found:
            if path in self.keys or len(self.keys) < MOST_KEYS:
                self.keys.setdefault(path, Key()).add(_kind(kind, value), value)
        if len(payload) <= LONGEST_SAMPLE:
            self.samples = [*self.samples[-SAMPLES + 1 :], payload]


def _kind(kind: str, value: object) -> str:
    return kind if kind in ("text", "bytes") else kind_of(value)


@dataclass(frozen=True, slots=True)
class Group:
    """Topics of one shape. `template` has variables where they differ; `variables` are the values met there."""

    template: str
    topics: tuple[Heard, ...]
    variables: Mapping[str, tuple[str, ...]]

    @property
    def messages(self) -> int:
        return sum(topic.messages for topic in self.topics)

    @property
    def retained(self) -> int:
        return sum(topic.retained for topic in self.topics)

    @property
    def kind(self) -> str:
        return self.topics[0].kind

    @property
    def keys(self) -> dict[str, Key]:
        """The keys of all its topics together."""
        found: dict[str, Key] = {}
        for topic in self.topics:
            for path, key in topic.keys.items():
                together = found.setdefault(path, Key())
                together.seen += key.seen
                together.types += [kind for kind in key.types if kind not in together.types]
                together.example = key.example
        return found

    @property
    def every_s(self) -> float | None:
        """The usual time between two messages of one topic."""
        known = sorted(every for topic in self.topics if (every := topic.every_s) is not None)
        return known[len(known) // 2] if known else None


class Topics:
    """Everything heard so far."""

    def __init__(self) -> None:
        self._heard: dict[str, Heard] = {}
        self.messages = 0
        self.beyond = 0
        """Messages on topics that there was no room for."""

    def take(self, topic: str, payload: bytes, at_ns: int, *, retained: bool = False) -> None:
        """One message; `at_ns` is any clock that does not go back."""
        self.messages += 1
        heard = self._heard.get(topic)
        if heard is None:
            if len(self._heard) >= MOST_TOPICS:
                self.beyond += 1
                return
            heard = self._heard[topic] = Heard(topic)
        heard.take(payload, at_ns, retained=retained)

    @property
    def heard(self) -> tuple[Heard, ...]:
        return tuple(self._heard.values())

    def groups(self) -> list[Group]:
        """The shapes, those with most topics first."""
        return sorted(grouped(self.heard), key=lambda group: (-len(group.topics), group.template))


def grouped(heard: Iterable[Heard]) -> list[Group]:
    """Topics as groups of one shape each: the same number of levels, the same kind of message, the same keys."""
    by_shape: dict[tuple[object, ...], list[Heard]] = defaultdict(list)
    for one in heard:
        by_shape[one.topic.count("/"), one.kind, _keyed(one)].append(one)
    found: list[Group] = []
    for (_, kind, _), topics in by_shape.items():
        levels = [topic.topic.split("/") for topic in topics]
        found += _split(topics, levels, by_key=kind in ("object", "array"))
    return found


def _keyed(one: Heard) -> frozenset[str]:
    """What an object's messages have in common with others': its keys at the top; of a scalar nothing but its kind."""
    if one.kind not in ("object", "array"):
        return frozenset()
    return frozenset(re.split(r"[.\[]", path, maxsplit=1)[0] for path in one.keys)


def _split(topics: list[Heard], levels: list[list[str]], *, by_key: bool) -> list[Group]:
    """Groups of topics that agree in every level that is a name."""
    width = len(levels[0])
    varied = {place for place in range(width) if _is_variable(place, levels, by_key=by_key)}
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, one in enumerate(levels):
        groups[tuple("" if place in varied else level for place, level in enumerate(one))].append(number)
    return [_group([topics[n] for n in members], [levels[n] for n in members], varied) for members in groups.values()]


def _is_variable(place: int, levels: list[list[str]], *, by_key: bool) -> bool:
    """Whether the level tells whose a message is, and not what it says."""
    values = {one[place] for one in levels}
    if len(values) < 2:
        return False
    last = place == len(levels[0]) - 1
    if all((_PLAINLY_AN_ID if last and not by_key else _LIKE_AN_ID).fullmatch(value) for value in values):
        return True
    tails: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for one in levels:
        tails[one[place]].add(tuple(one[:place] + one[place + 1 :]))
    if last:
        # messages with the same keys on topics that differ at their end only: each is a device
        return by_key
    # the same values are said below each of them
    sets = list(tails.values())
    shared = set.intersection(*sets)
    return len(shared) * 2 >= max(len(tail) for tail in sets)


def _group(topics: list[Heard], levels: list[list[str]], varied: set[int]) -> Group:
    names: dict[int, str] = {}
    for place in sorted(varied):
        if len({one[place] for one in levels}) > 1:
            names[place] = _named(len(names), {one[place] for one in levels})
    template = "/".join(f"{{{names[place]}}}" if place in names else level for place, level in enumerate(levels[0]))
    values = {name: tuple(sorted({one[place] for one in levels})) for place, name in names.items()}
    return Group(template, tuple(topics), values)


def _named(number: int, values: set[str]) -> str:
    if all(re.fullmatch(r"[0-9a-f]{16}", value) for value in values):
        return "dev_eui" if number == 0 else f"dev_eui_{number + 1}"
    return "id" if number == 0 else f"id_{number + 1}"
