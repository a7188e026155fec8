"""The points of the device `gateway`: one list for the site, which declares them, and for health, which fills them."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.model import Point, PointType

SINK = "historian"
"""The part that the outside time-series store is; no link may have this name."""
LINK_UP = "link_up"
BAD_REPLIES = "bad_replies"
OFFLINE_SHARE = "offline_share"
STORM = "storm"
LINK_TROUBLES: Mapping[str, tuple[str, ...]] = {
    "data_gap": ("gaps",),
    "poison": ("quarantined", "unknown_device"),  # what came from nobody is quarantined too, and has its own name
    "unknown_device": ("unknown_device",),
    "conflict": ("conflicts",),
}
"""A trouble of an MQTT link → the count that tells of it, less those that have a name of their own."""

_OWN = (
    Point("disk_used", PointType.FLOAT, "%"),
    Point("outbox_pending", PointType.INT),
    Point("notices_late", PointType.BOOL),
    Point("queue_depth", PointType.INT),
    Point("loop_lag", PointType.FLOAT, "s"),
    Point("samples_dropped", PointType.BOOL),
    Point("reload_refused", PointType.BOOL),
    Point("storage_slow", PointType.BOOL),
    Point("storage_fault", PointType.BOOL),
    Point("clock_synced", PointType.BOOL),
    Point("unclean_starts", PointType.INT),
    Point("rule_fault", PointType.BOOL),
)
_OF_SINK = (
    Point("sink_behind", PointType.FLOAT, "s", SINK),
    Point("sink_refused", PointType.BOOL, part=SINK),
    Point("sink_lost", PointType.BOOL, part=SINK),
)


def gateway_points(links: Mapping[str, bool], *, historian: bool) -> tuple[Point, ...]:
    """What the gateway says of itself. `links` are those that are read, with True for those over MQTT."""
    points = [*_OWN, *(_OF_SINK if historian else ())]
    for link, is_mqtt in links.items():
        troubles = (*LINK_TROUBLES, STORM) if is_mqtt else (BAD_REPLIES,)
        points += [Point(name, PointType.BOOL, part=link) for name in (LINK_UP, *troubles)]
        points.append(Point(OFFLINE_SHARE, PointType.FLOAT, "%", link))
    return tuple(points)
