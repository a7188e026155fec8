"""One engine goes on for another at a reload: unlike a restart the present stays known, and nothing is told twice.

The former engine has been asked up to `now` and is only read: if anything fails here, it can simply go on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from alerts.amended import edited, told
from alerts.bound import Bound
from alerts.budget import tried_at_once
from alerts.condition.columns import Columns
from alerts.evaluator import Evaluator
from alerts.live import Live
from alerts.obey import obey_class, obey_severity, said
from alerts.recorder import Recorder
from alerts.resident import Resident
from alerts.restart import Orphan, close_orphans, why_gone
from alerts.snapshot import hush_in, hush_out
from gateway.model import Instant


def take_over_columns(columns: Columns, former: Columns) -> None:
    """The samples of every point that rules read before and now, as they stood."""
    for slot, key in enumerate(former.keys):
        here = columns.slots.get(key)
        if here is not None:
            at_ns, source_ns = former.at_ns[slot], former.source_ns[slot]
            columns.put(here, former.values[slot], former.quality[slot], at_ns, source_ns)
            if slot in former.late_ns:
                columns.late_ns[here] = former.late_ns[slot]
    columns.epoch, columns.outage_ns, columns.label_ns = former.epoch, former.outage_ns, former.label_ns


def take_over_residents(residents: Iterable[Resident], former: Iterable[Resident]) -> None:
    """Each goes on from what the one of its name knows."""
    known = {one.name: one for one in former}
    for one in residents:
        if one.name in known:
            one.restore(_apart(known[one.name].snapshot()))


def take_over(evaluator: Evaluator, former: Evaluator, recorder: Recorder, bound: Bound, now: Instant) -> None:
    """Every alarm goes on; a changed condition begins anew with the samples that are there, as a new rule does.

    What is active stays active until its changed condition is FALSE; what no rule speaks for any more is closed. All
    instances are stored with it: a death after this moment goes on from here.
    """
    gone = {live.key: live for live in former.lives}
    was = {live.key: said(live) for live in former.lives}
    fresh = [live for live in evaluator.lives if not _continues(live, gone.pop(live.key, None), now)]
    for live in evaluator.lives:
        evaluator.take_up(live)
    evaluator.go_on_from(former)
    orphans = [Orphan(key, live.alarm, why_gone(key, bound)) for key, live in gone.items()]
    close_orphans(recorder, orphans, (evaluator.position, evaluator.judged_ns), now)
    changed = [live for live in evaluator.lives if live.edited]
    for live in changed:
        evaluator.commit(live, edited(live.alarm, now, live.terms), (), now)
    for live in evaluator.lives:
        if not live.edited or live.alarm.life is None:
            obey_class(evaluator, live, now)
    for live in evaluator.lives:
        evaluator.suppress(live, now)
    evaluator.sweep(fresh, now)
    for live in changed:
        live.edited = False
        evaluator.commit(live, *told(live.alarm, now, live.terms), now)
        obey_class(evaluator, live, now)
    for live in changed:
        evaluator.suppress(live, now)
    for live in evaluator.lives:
        obey_severity(evaluator, live, now, was.get(live.key))
    recorder.touch_all(evaluator.lives)


def _continues(live: Live, former: Live | None, now: Instant) -> bool:
    """Take over what there is of it; False when its condition must be asked from the beginning."""
    if former is None:
        return False
    live.alarm, live.past, live.closed = former.alarm, former.past, former.closed
    hush_in(live, hush_out(former))
    same_hush = former.instance.hush_hash == live.instance.hush_hash
    if same_hush and live.hush is not None and former.hush is not None and not live.guards:
        live.hush.pace = tried_at_once(former.hush.pace, now.mono_ns)
    live.edited = former.instance.condition_hash != live.instance.condition_hash
    if live.edited:
        return False
    live.condition.restore(_apart(former.condition.snapshot()))
    live.condition_due_ns, live.fault = former.condition_due_ns, former.fault
    live.pace = tried_at_once(former.pace, now.mono_ns)
    is_tried = live.pace is not None or (live.hush is not None and live.hush.pace is not None)
    return same_hush and not is_tried


def _apart(state: Any) -> Any:
    """A snapshot as it would come from the store: the former engine may have to go on with what is in its own."""
    return json.loads(json.dumps(state))
