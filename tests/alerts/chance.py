"""What happens in a `Living`, by chance: the same for the same seed."""

from __future__ import annotations

import random

from tests.alerts.living import COMMANDS, Living
from tests.alerts.stage import BAD

TIMES = (0, 1, 2, 3, 5, 8, 13, 40)
STEPS = (-5, 5, -60, 60, -3600, 3600, -86_400, 86_400)
LEVELS = (0.0, 0.025, 0.05, 0.095, 0.2, BAD)


def happen(living: Living, chance: random.Random) -> None:
    """One event, mostly an ordinary one."""
    dice = chance.random()
    if dice < 0.45:
        names = chance.sample("abcd", chance.randint(1, 4))
        values = {name: chance.choice([True, True, False, False, BAD]) for name in names}
        if chance.random() < 0.3:
            values["level"] = chance.choice(LEVELS)
        if chance.random() < 0.15:
            values["e"] = chance.choice([True, False, False, BAD])
        if chance.random() < 0.1:
            values["health"] = chance.choice(["online", "online", "offline", BAD])
        living.sample(values)
    elif dice < 0.65:
        living.time(chance.choice(TIMES), looked=chance.random() < 0.5)
    elif dice < 0.87:
        living.command(chance.choice(COMMANDS), chance.randrange(31))
    elif dice < 0.90:
        living.on_any(chance.choice(["out_of_service", "in_service"]), chance.randrange(31))
    elif dice < 0.93:
        living.silence(chance.randrange(61))
    elif dice < 0.95:
        living.step(chance.choice(STEPS))
    elif dice < 0.97:
        step = chance.choice(STEPS) if chance.random() < 0.3 else 0
        living.killed(chance.choice([0, 1, 20, 3600, 3601]), saved=chance.random() < 0.7, step=step)
    elif dice < 0.98:
        living.removed_and_back(chance.choice(["LS", "LATCH", "LOW", "PLAIN", "SLOW"]))
    else:
        living.edited(live=chance.random() < 0.5)
    living.sound()
