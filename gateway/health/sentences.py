"""Why a unit or a link is not well, as sentences in both languages."""

from __future__ import annotations

from gateway.health.links import LinkRecord
from gateway.health.moments import Saying
from gateway.health.units import UnitRecord
from gateway.model import Refused, Text, UnitReport
from gateway.texts import SEMICOLON, both, joined

SHOWN = 3
NOTHING = Text("", "")
STARVED_SHARE = 0.05
"""Of the last polls skipped because the ones before were not done: from there on trends have gaps."""
_ENOUGH_POLLS = 20


def who(unit: UnitReport, device: str | None = None) -> Text:
    """`unit 5` of a device's own, else with its name; a sender of messages has only a name."""
    if unit.unit is None:
        return Text(unit.name, unit.name)
    if unit.name == device:
        return both("who_unit", number=unit.unit)
    return both("who_named", name=unit.name, number=unit.unit)


def link_sentence(link: LinkRecord, saying: Saying) -> Text | None:
    """Since when the link is down, and with what error; None while it is up."""
    if link.report.connected:
        return None
    report = link.report
    since = report.at.mono_ns if link.down_since_ns is None else link.down_since_ns
    why = NOTHING if report.error is None else both("in_brackets", message=report.error.message)
    return both("link_down", link=report.link, endpoint=report.endpoint, since=saying.mono(since), why=why)


def error_sentence(unit: UnitRecord, saying: Saying, device: str | None = None) -> Text | None:
    """What is wrong with its answers; None while they come."""
    report = unit.report
    if report.error is None and report.backoff_until_ns is None:
        return None
    again = NOTHING
    if report.backoff_until_ns is not None:
        again = both("asked_again", at=saying.mono(report.backoff_until_ns))
    good = report.last_good_wall_ns
    since = both("the_start") if good is None else _untranslated(saying.wall(good))
    if report.error is None:
        return both("fails_skipped", who=who(report, device), since=since, again=again)
    key = f"fails_{report.error.kind.value}"
    return both(key, who=who(report, device), since=since, again=again, message=report.error.message)


def refused_sentence(unit: UnitReport, saying: Saying, device: str | None = None) -> Text | None:
    """The registers that it has refused; None when there are none."""
    if not unit.refused:
        return None
    told = [_refusal(one, saying) for one in unit.refused[:SHOWN]]
    return both("refuses", who=who(unit, device), what=joined(told), more=more(len(unit.refused)))


def overrun_sentence(unit: UnitRecord) -> Text | None:
    """That its bus is too slow for what is asked on it; None while hardly a poll is skipped."""
    polls, _, overruns = unit.recent
    if polls < _ENOUGH_POLLS or overruns < STARVED_SHARE * polls:
        return None
    busy = unit.link.report.busy
    load = NOTHING if busy is None else both("bus_busy", share=f"{busy:.0%}")
    return both("bus_slow", link=unit.link.report.link, share=f"{overruns / polls:.0%}", busy=load)


def unit_sentence(unit: UnitRecord, saying: Saying) -> Text | None:
    """All that is to be said of a unit on its own; None when it is well."""
    found = [link_sentence(unit.link, saying) or error_sentence(unit, saying), refused_sentence(unit.report, saying)]
    if unit.gone_at is not None:
        found.insert(0, both("unavailable", who=both("of_whom", name=unit.report.name)))
    told = [sentence for sentence in [*found, overrun_sentence(unit)] if sentence is not None]
    return joined(told, SEMICOLON) if told else None


def more(count: int) -> Text:
    """That there are others than those shown."""
    return both("and_more", count=count - SHOWN) if count > SHOWN else NOTHING


def _refusal(refused: Refused, saying: Saying) -> Text:
    again, since = saying.mono(refused.again_ns), saying.wall(refused.since_wall_ns)
    return both("refused_registers", where=refused.where, why=refused.why, since=since, again=again)


def _untranslated(text: str) -> Text:
    return Text(text, text)
