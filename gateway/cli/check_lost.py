"""What `anlou check` says of rules that do not watch everything: a line for each rule and reason, not each device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from alerts.bound import Unbound

SHOWN = 8
_Rows = dict[tuple[str, str], list[str]]  # (rule, why) → the sources that it is said of


def lost_lines(unbound: Sequence[Unbound], reduced: Sequence[Unbound]) -> Iterator[str]:
    """Rules that watch nothing on this site first: nobody would be told of what they are for."""
    nowhere = {lost.rule for lost in unbound if lost.source is None}
    named = {lost.rule for lost in unbound if lost.source is not None}
    # where something is said of its devices, that says why
    idle = [lost for lost in unbound if lost.rule in nowhere and (lost.source or lost.rule not in named)]
    yield from _section("rules that watch nothing here", _rows(lost for lost in idle if lost.source is not None))
    alike: dict[str, list[str]] = {}
    for lost in idle:
        if lost.source is None:
            alike.setdefault(lost.why, []).append(lost.rule)
    for why, rules in alike.items():
        yield f"  {why}: {', '.join(rules)}"
    yield from _section("rules that do not watch these", _rows(lost for lost in unbound if lost.rule not in nowhere))
    yield from _section("rules that watch these in part", _rows(reduced))


def _rows(lost: Iterable[Unbound]) -> _Rows:
    rows: _Rows = {}
    for one in lost:
        rows.setdefault((one.rule, one.why), []).append(one.source or "")
    return rows


def _section(heading: str, rows: _Rows) -> Iterator[str]:
    if not rows:
        return
    yield f"  {heading}:"
    rules = max(len(rule) for rule, _ in rows)
    shown = {key: _shown(sources) for key, sources in rows.items()}
    places = max(map(len, shown.values()))
    for (rule, why), where in shown.items():
        yield f"    {rule:{rules}}  {where:{places}}  {why}"


def _shown(sources: Sequence[str]) -> str:
    more = f" and {len(sources) - SHOWN} more" if len(sources) > SHOWN else ""
    return ", ".join(sources[:SHOWN]) + more
