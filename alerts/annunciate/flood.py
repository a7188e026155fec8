"""Too many alarms for one control room: when a flood begins and ends. Times are mono ns. Pure."""

from __future__ import annotations

from alerts.annunciate.case import Arrival, Flood, Room
from alerts.annunciate.options import FloodOptions


def arrive(room: Room, arrival: Arrival, options: FloodOptions) -> bool:
    """One more alarm; True when with it a flood begins. Of all arrivals only those that can decide are kept."""
    earliest = arrival.at_ns - options.within
    kept = [known for known in room.arrivals if known.at_ns > earliest]
    room.arrivals = [*kept, arrival][-(options.above + 1) :]
    if room.flood is None and len(room.arrivals) > options.above:
        room.flood = Flood(arrival.at_ns, room.arrivals[0])
        return True
    return False


def ends_ns(room: Room, options: FloodOptions) -> int | None:
    """When fewer than `below` will have come within the span, if none comes until then."""
    if room.flood is None:
        return None
    deciding = room.arrivals[-options.below :]
    return (deciding[0].at_ns if deciding else room.flood.since_ns) + options.within


def next_digest_ns(flood: Flood, now_ns: int, soon_ns: int, options: FloodOptions) -> int:
    """When what has come now is told: soon, but `digest` after the one before at the earliest."""
    return max(now_ns + soon_ns, flood.last_ns + options.digest if flood.last_ns else 0)
