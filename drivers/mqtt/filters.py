"""Topic filters: which topics they cover, and what to subscribe to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_LEVELS, _LETTERS = 6, 128


def covers(wanted: str, topic: str) -> bool:
    """Whether a filter matches a topic, or every topic of another filter (MQTT 5 §4.7)."""
    levels, others = wanted.split("/"), topic.split("/")
    if others[0].startswith("$") and levels[0] in {"+", "#"}:
        return False
    for place, level in enumerate(levels):
        if level == "#":
            return True
        if place >= len(others) or (level != "+" and level != others[place]) or others[place] == "#":
            return False
    return len(levels) == len(others)


def covering(topic: str) -> list[str]:
    """Every filter that covers a topic; of one with many levels or letters, only itself and those that end in `#`."""
    levels = topic.split("/")
    if len(levels) > _LEVELS or len(topic) > _LETTERS:
        return [topic, "#", *("/".join([*levels[:place], "#"]) for place in range(1, min(len(levels), _LEVELS)))]
    heads: list[list[str]] = [[]]
    found = ["#"]
    for level in levels:
        heads = [[*head, one] for head in heads for one in dict.fromkeys((level, "+"))]
        found += ["/".join([*head, "#"]) for head in heads]
    return [*found, *map("/".join, heads)]


def subscriptions(topics: Iterable[str], watch: Sequence[str]) -> list[str]:
    """Filters for all of them, none of which covers another: some brokers send a message once for each that matches."""
    kept = [
        one
        for place, one in enumerate(watch)
        if not any(
            covers(other, one) and (one != other or before < place)
            for before, other in enumerate(watch)
            if before != place
        )
    ]
    return kept + sorted(topic for topic in set(topics) if not any(covers(one, topic) for one in kept))
