"""What the running gateway tells the doctor, over the control socket: all that is not well, with the reasons."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.app.house import Rooms
from gateway.health import problems
from gateway.model import GATEWAY_DEVICE, Health, Text

MOST_BYTES = 48 * 1024
"""Of findings: an answer of the control socket is one line of at most 64 KiB."""
_WELL = frozenset({Health.ONLINE, Health.STARTING, Health.DISABLED})


async def examined(rooms: Rooms, _: Mapping[str, Any]) -> dict[str, Any]:
    """Links that are down, devices that are not well, and the gateway's own troubles; `left_out` others had no room."""
    now = rooms.clock.now()
    status = await rooms.figures.status()
    sick, left_out = _that_fit(_sick(rooms))
    counts = rooms.health.counts(now)
    return {
        "version": rooms.house.version,
        "status": rooms.health.verdict(now),
        "problems": [_body(text) for text in problems(status)],
        "historian": None if status.historian is None else rooms.config.historian and rooms.config.historian.endpoint,
        "dead_notices": sum(worker.counts.dead for worker in rooms.workers),
        "has_tokens": rooms.access.has_tokens(),
        "links": len(rooms.drivers),
        "devices": {health.value: counts[health] for health in Health},
        "sick": sick,
        "left_out": left_out,
    }


def _sick(rooms: Rooms) -> Iterator[dict[str, Any]]:
    """The links first: one that is down explains its devices."""
    now = rooms.clock.now()
    for link in rooms.health.link_healths(now):
        if link.why is not None:
            yield {"what": "link", "id": link.report.link, "state": "down", "why": _body(link.why)}
    for device in rooms.config.devices:
        if device.id == GATEWAY_DEVICE:
            continue
        health = rooms.health.device(device.id, now)
        if health.health not in _WELL:
            error = health.error
            why = None if error is None else _body(error.why)
            kind = None if error is None else error.kind
            yield {"what": "device", "id": device.id, "state": health.health.value, "kind": kind, "why": why}
        else:
            notes = [note for note in health.notes if note.kind != "not_fitted"]
            if notes:
                yield {"what": "note", "id": device.id, "state": health.health.value, "why": _body(notes[0].why)}


def _body(text: Text) -> dict[str, str]:
    return {"en": text.en, "zh": text.zh}


def _that_fit(found: Iterator[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """As many as one answer holds, and how many it does not."""
    kept: list[dict[str, Any]] = []
    size = left_out = 0
    for one in found:
        size += len(json.dumps(one, ensure_ascii=False).encode())
        if size <= MOST_BYTES:
            kept.append(one)
        else:
            left_out += 1
    return kept, left_out
