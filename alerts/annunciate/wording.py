"""What notices say to people, in both languages, from texts.json."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from importlib.resources import files

from gateway.model import SECOND, Occurrence, Text, Value

MINUTES_FROM, HOURS_FROM = 120 * SECOND, 2 * 3600 * SECOND


@functools.cache
def texts() -> dict[str, Text]:
    """Key → text."""
    content = json.loads(files("alerts.annunciate").joinpath("texts.json").read_text("utf-8"))
    return {key: Text(**text) for key, text in content.items()}


def say(key: str, **places: object) -> Text:
    """The text with its places filled; a place that is a Text is filled in each language by its own."""
    text = texts()[key]
    english = {name: place.en if isinstance(place, Text) else place for name, place in places.items()}
    chinese = {name: place.zh if isinstance(place, Text) else place for name, place in places.items()}
    return Text(text.en.format(**english), text.zh.format(**chinese))


def duration(span_ns: int) -> Text:
    """`45 s`, `12 min`, `3 h`: cut, never rounded up."""
    if span_ns < MINUTES_FROM:
        return say("seconds", count=max(0, span_ns) // SECOND)
    if span_ns < HOURS_FROM:
        return say("minutes", count=span_ns // (60 * SECOND))
    return say("hours", count=span_ns // (3600 * SECOND))


def of_alarm(key: str, record: Occurrence, span_ns: int) -> Text:
    """A sentence about one alarm that has lasted so long."""
    return say(key, title=record.title, source=record.source, duration=duration(span_ns))


def of_end(key: str, record: Occurrence, span_ns: int) -> Text:
    """How it ended: for how long it lasted, who acknowledged it, how far it went."""
    reason = f"reason_{record.close_reason}"
    if key == "recover" and record.closed_ns is not None and reason in texts():
        ended = say("closed", title=record.title, source=record.source, reason=texts()[reason])
    else:
        ended = of_alarm(key, record, span_ns)
    acked = texts()["not_acked"] if record.acked_by is None else say("acked_by", who=record.acked_by)
    peak = measured(record.peak, record.unit)
    return joined([ended, acked, *([] if peak is None else [say("peak", peak=peak)])])


def measured(value: Value, unit: str | None) -> str | None:
    """A number with its unit; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return f"{value:g} {unit}" if unit else f"{value:g}"


def joined(parts: Sequence[Text], comma: Text = Text("", "")) -> Text:  # noqa: B008 - a NamedTuple does not change
    return Text(comma.en.join(part.en for part in parts), comma.zh.join(part.zh for part in parts))


def body(text: Text) -> dict[str, str]:
    """As JSON has it."""
    return {"en": text.en, "zh": text.zh}
