"""What a site says of a rule on single devices must reach them: a device that the rule does not watch is a slip."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from alerts.bound import BindProblem, Unbound
from alerts.condition.operand import nearest
from alerts.rule import Rule
from gateway.model import Device


def unreached(
    rule: Rule,
    devices: Sequence[Device],
    candidates: Sequence[Device],
    watched: Collection[str],
    unbound: Sequence[Unbound],
) -> Iterator[BindProblem]:
    """The devices of `rule.here` that are none, or that the rule would not watch though neither is disabled.

    `candidates` are those that its `on` means, `watched` those that it watches, `unbound` says why not others.
    """
    meant = {device.id: device.disabled for device in candidates}
    known = [device.id for device in devices]
    for device, here in rule.here.items():
        if device in watched or (device in meant and (meant[device] or not here.enabled)):
            continue
        told = f"{rule.rule} does not watch {device!r}"
        if device not in known:
            told = f"there is no device {device!r}{nearest(device, known)}"
        elif device not in meant:
            told += ": its `on` means other devices"
        else:
            whys = (each.why for each in unbound if each.rule == rule.rule and each.source in {device, None})
            told += "".join(f": {why}" for why in [*whys][:1])
        yield BindProblem(rule.rule, (), told, device=device)
