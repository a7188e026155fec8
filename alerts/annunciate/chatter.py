"""An alarm that comes and goes: when it begins to chatter, and when it has been quiet for long enough. Pure."""

from __future__ import annotations

from alerts.annunciate.case import Chatter
from alerts.annunciate.options import ChatterOptions
from gateway.model import Event

_ACTIVE_AGAIN = "active again"


def is_activation(event: Event) -> bool:
    """A raise, a raise again because the condition was TRUE again, a return that was broken off."""
    if event.kind == "reraise":
        return event.body.get("why") == _ACTIVE_AGAIN
    return event.kind in ("raise", "return_cancelled")


def activate(chatter: Chatter, at_ns: int, options: ChatterOptions) -> bool:
    """One more activation; True when with it the chatter begins."""
    chatter.times = [*(time for time in chatter.times if time > at_ns - options.within), at_ns][-options.activations :]
    chatter.count += 1
    if chatter.on or len(chatter.times) < options.activations:
        return False
    chatter.since_ns, chatter.count = at_ns, len(chatter.times)
    return True


def due_ns(chatter: Chatter, options: ChatterOptions) -> int:
    """When there is nothing left to remember, or the chatter is over, if it stays quiet until then."""
    return chatter.times[-1] + (options.quiet if chatter.on else options.within)
