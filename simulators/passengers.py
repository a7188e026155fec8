"""People who want to go somewhere by lift."""

from __future__ import annotations

import random
from dataclasses import dataclass

KG_PER_PERSON = 75  # EN 81-20, table 6


@dataclass(frozen=True, slots=True)
class Trip:
    """A group that travels together, floors counted from 1 at the bottom."""

    origin: int
    destination: int
    people: int = 1

    @property
    def kg(self) -> int:
        return self.people * KG_PER_PERSON


def arrival(rng: random.Random, per_hour: float, floors: int, ground: int, dt: float) -> Trip | None:
    """A new group within `dt`, or nobody. Most come home or go out by the ground floor; few call on a neighbour."""
    if rng.random() >= per_hour * dt / 3600:
        return None
    elsewhere = [floor for floor in range(1, floors + 1) if floor != ground]
    home = rng.choice(elsewhere)
    kind = rng.random()
    people = 1 + (rng.random() < 0.4) + (rng.random() < 0.15)
    if kind < 0.5:
        return Trip(ground, home, people)
    if kind < 0.9:
        return Trip(home, ground, people)
    neighbour = rng.choice([floor for floor in range(1, floors + 1) if floor != home])
    return Trip(home, neighbour, people)
