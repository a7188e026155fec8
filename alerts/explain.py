"""Why an alarm is as it is: its condition as a tree of answers, each with what it read. Pure; nothing is changed."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from alerts.condition.columns import Columns
from alerts.condition.node import Node
from alerts.condition.threshold import HighLimit, Threshold
from alerts.lifecycle import ACTIVE
from alerts.live import Key, Live
from gateway.model import SECOND, AlarmState, Instant, Mute, Quality, Text, Truth, Value
from gateway.texts import COMMA, both, joined

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_ANSWERS = {True: "answer_true", False: "answer_false", None: "answer_unknown"}
_WAITS = {
    AlarmState.RTN_UNACKED: "why_unanswered",
    AlarmState.LATCHED_UNACKED: "why_latched",
    AlarmState.LATCHED_ACKED: "why_not_reset",
}
_ACTIVITIES = {True: "active", False: "inactive", None: "not_known"}


@cache
def texts() -> dict[str, Text]:
    """What is said to people, from explain.json; a kind of condition under its class's name."""
    content = json.loads((files("alerts") / "explain.json").read_text(encoding="utf-8"))
    return {key: Text(**text) for key, text in content.items()}


def say(key: str, **places: Text | str) -> Text:
    """A text with its places filled, each in its language."""
    text = texts()[key]
    english = {name: place.en if isinstance(place, Text) else place for name, place in places.items()}
    chinese = {name: place.zh if isinstance(place, Text) else place for name, place in places.items()}
    return Text(text.en.format(**english), text.zh.format(**chinese))


def word(kind: str, code: str) -> Text:
    """What a code is called: `word("state", "acked")`. One that has no word is shown as it is."""
    return texts().get(f"{kind}_{code}", Text(code, code))


def mute_words(kind: str, reason: str) -> Text:
    """Why an alarm is not annunciated; the reason is a comment, a rule, or the rule's own wish."""
    return say("because", word=word("mute", kind), reason=word("cause", reason)) if reason else word("mute", kind)


@dataclass(frozen=True, slots=True)
class Input:
    """A point that a condition reads. `quality` and `age_ns` None: nothing has been heard of it since the start."""

    device: str
    point: str
    value: Value
    quality: Quality | None
    age_ns: int | None


@dataclass(frozen=True, slots=True)
class Operand:
    """A condition and its answer. `inputs` and `asked` are those of a leaf; `due_ns` (mono) is when time may change it.

    `since`: the moment from which on it has answered so, where somebody has watched.
    """

    kind: str
    answer: Truth
    value: Value
    limit: Value
    unit: str | None
    inputs: tuple[Input, ...] = ()
    asked: tuple[tuple[Key, Truth], ...] = ()
    due_ns: int | None = None
    since: Instant | None = None
    operands: tuple[Operand, ...] = ()

    @property
    def text(self) -> Text:
        """What it asks."""
        return texts().get(self.kind, texts()["condition"])

    @property
    def answer_text(self) -> Text:
        return texts()[_ANSWERS[self.answer]]

    def all(self) -> Iterator[Operand]:
        """It, and all that it is made of, in order."""
        yield self
        for operand in self.operands:
            yield from operand.all()


@dataclass(frozen=True, slots=True)
class Explanation:
    """An alarm at a moment. `left_ns`: what is left of its running or frozen delay; `began_ns` (mono): when that began.

    `reasons` say it in sentences, the nearest first.
    """

    rule: str
    source: str
    at: Instant
    state: AlarmState
    condition: Operand
    on_delay_ns: int
    off_delay_ns: int
    began_ns: int | None
    due_ns: int | None
    left_ns: int | None
    mutes: tuple[Mute, ...]
    fault: str | None
    reasons: tuple[Text, ...]


def kind_of(node: type[Node]) -> str:
    """The name of a kind of condition: `threshold_of_point`."""
    if node is HighLimit:
        node = Threshold  # a quicker way to the same answer
    return _CAPITAL.sub("_", node.__name__).lower()


def tree(node: Node, columns: Columns, now_ns: int) -> Operand:
    """The answers at the moment at which the condition was judged last: asked twice, a condition answers the same."""
    inside = node.inside()
    reading = node.reading(columns)
    return Operand(
        kind=kind_of(type(node)),
        answer=node.judge(columns, now_ns),
        value=reading.value,
        limit=reading.limit,
        unit=reading.unit,
        inputs=() if inside else tuple(_input(columns, slot, now_ns) for slot in sorted(node.slots)),
        asked=() if inside else tuple((key, columns.alarm_active.get(key)) for key in sorted(node.alarms)),
        due_ns=node.next_due(),
        operands=tuple(tree(operand, columns, now_ns) for operand in inside),
    )


def explain(live: Live, columns: Columns, now: Instant, condition: Operand | None = None) -> Explanation:
    """The alarm as it stands. The engine's own conditions are not asked, but a copy: it may be later than they know."""
    if condition is None:
        condition = tree(copy.deepcopy(live.instance.condition), columns, now.mono_ns)  # type: ignore[arg-type]
    alarm, terms = live.alarm, live.terms
    left = alarm.left_ns
    began = None
    if alarm.due_ns is not None:
        left = max(0, alarm.due_ns - now.mono_ns)
        delay = terms.on_delay_ns if alarm.state in (AlarmState.PENDING, AlarmState.RTN_PENDING) else terms.off_delay_ns
        began = alarm.due_ns - delay
    explanation = Explanation(
        rule=live.key[0],
        source=live.key[1],
        at=now,
        state=alarm.state,
        condition=condition,
        on_delay_ns=terms.on_delay_ns,
        off_delay_ns=terms.off_delay_ns,
        began_ns=began,
        due_ns=alarm.due_ns,
        left_ns=left,
        mutes=alarm.mutes,
        fault=live.fault,
        reasons=(),
    )
    return replace(explanation, reasons=tuple(_reasons(explanation)))


def with_since(operand: Operand, since: Mapping[int, Instant]) -> Operand:
    """The tree with the moments, by their numbers in the order of `Operand.all`."""
    numbers = iter(range(1 << 30))

    def marked(one: Operand) -> Operand:
        number = next(numbers)
        return replace(one, since=since.get(number), operands=tuple(map(marked, one.operands)))

    return marked(operand)


def blamed(operand: Operand) -> Iterator[Operand]:
    """The leaves that keep the whole from being TRUE: those that answer as it does, or are not known."""
    if operand.answer is True:
        return
    if not operand.operands or operand.kind == "not":
        yield operand
        return
    for one in operand.operands:
        if one.answer is not True and (one.answer is operand.answer or operand.kind == "any_of"):
            yield from blamed(one)


def _reasons(told: Explanation) -> Iterator[Text]:
    answer = told.condition.answer
    left = "" if told.left_ns is None else seconds(told.left_ns)
    if told.fault is not None:
        yield say("why_fault", fault=told.fault)
    elif told.state in ACTIVE:
        yield say("why_active")
    elif told.due_ns is not None and answer:
        yield say("why_delay", left=left)
    elif told.left_ns is not None and answer is None:
        yield say("why_frozen", left=left)
    elif answer is not True:
        if told.state in _WAITS:
            yield say(_WAITS[told.state])
        yield say("why_false" if answer is False else "why_unknown")
    if answer is not True and told.state not in ACTIVE:
        for one in blamed(told.condition):
            yield sentence(one)
    if told.mutes:
        yield say("why_muted", mutes=joined([mute_words(mute.kind, mute.reason) for mute in told.mutes], COMMA))


def sentence(operand: Operand, time: str | None = None) -> Text:
    """One line: what is asked, of what, and the answer. `time` is since when, as a clock shows it."""
    parts = [*(_input_text(one, operand) for one in operand.inputs), *(_asked_text(*one) for one in operand.asked)]
    if operand.limit is not None:
        parts.append(say("limit", limit=shown(operand.limit, operand.unit)))
    answer = operand.answer_text
    if time is not None:
        since = say("since", time=time)
        answer = Text(f"{answer.en} {since.en}", f"{answer.zh}，{since.zh}")
    if not parts:
        return Text(f"{operand.text.en} → {answer.en}", f"{operand.text.zh} → {answer.zh}")
    english, chinese = ", ".join(part.en for part in parts), "，".join(part.zh for part in parts)
    return Text(f"{operand.text.en}: {english} → {answer.en}", f"{operand.text.zh}：{chinese} → {answer.zh}")


def _input_text(one: Input, operand: Operand) -> Text:
    name = f"{one.device} {one.point}"
    if one.quality is None or one.age_ns is None:
        never = texts()["never"]
        return Text(f"{name}: {never.en}", f"{name}：{never.zh}")
    unit = operand.unit if one.value == operand.value else None
    grade = texts()[one.quality.grade]
    age = say("age", age=seconds(one.age_ns))
    if one.quality.reason is not None:
        grade = say("because", word=grade, reason=both(f"reason_{one.quality.reason}"))
    value = shown(one.value, unit)
    return Text(f"{name} = {value} {grade.en}, {age.en}", f"{name} = {value} {grade.zh}，{age.zh}")


def _asked_text(key: Key, active: Truth) -> Text:
    word = texts()[_ACTIVITIES[active]]
    return Text(f"{key[0]} {key[1]}: {word.en}", f"{key[0]} {key[1]}：{word.zh}")


def shown(value: Value, unit: str | None) -> str:
    """A value as people read it."""
    if isinstance(value, bool):
        text = str(value).lower()
    else:
        text = f"{value:.6g}" if isinstance(value, float) else str(value if value is not None else "–")
    return f"{text} {unit}" if unit and value is not None else text


def seconds(ns: int) -> str:
    """A span as `3 s`, `4 min`, `5.2 h`."""
    whole = ns / SECOND
    for longest, unit, of in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if whole < longest:
            return f"{whole / of:.3g} {unit}"
    return f"{whole / 86_400:.3g} d"


def _input(columns: Columns, slot: int, now_ns: int) -> Input:
    device, point = columns.keys[slot]
    quality = columns.quality[slot]
    if quality < 0:
        return Input(device, point, None, None, None)
    return Input(device, point, columns.values[slot], Quality(quality), max(0, now_ns - columns.at_ns[slot]))
