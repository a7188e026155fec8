"""An explanation as a terminal shows it: in one language, codes as words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from alerts.explain import mute_words, say, shown, word
from alerts.notify.body import rfc3339
from alerts.written import one_line
from gateway.model import Text

_KINDS = {
    "muted": "mute",
    "causes": "cause",
    "ladder": "ladder",
    "why": "why_row",
    "reason": "why_row",
    "class": "class",
    "was": "class",
}
"""Which members of a journal row's body are codes, and of what kind."""


class Lines:
    """Says it all in `language`."""

    def __init__(self, language: str) -> None:
        self._language = language

    def of(self, told: Mapping[str, Any]) -> Iterator[str]:
        """The whole answer of `anlou explain`, as JSON has it."""
        yield self._head(told)
        if told["asked"] is not None:
            yield told["asked"][self._language]
        if told["written"] is not None:
            yield f"{self._say('as_written')}: {one_line(told['written']['when'])}"
        state = "–" if told["state"] is None else self._coded("state", told["state"])
        yield f"{told['at']}  {self._say('state')}: {state}"
        for reason in told["reasons"]:
            yield f"  {reason[self._language]}"
        if told["condition"] is not None:
            yield from self._tree(told["condition"], 1)
        if told["judged_from"] is not None:
            yield self._say("began_empty", time=told["judged_from"])
        if told["delays"] is not None:
            delays = told["delays"]
            left = "" if delays["left_s"] is None else f" → {delays['left_s']:g} s"
            on, off = f"{self._say('on_delay')} {delays['on_s']:g} s", f"{self._say('off_delay')} {delays['off_s']:g} s"
            yield f"{self._say('delays')}: {on}, {off}{left}"
        yield from self._list("mutes", map(self._mute, told["mutes"]))
        if told["alarm"] is not None:
            yield from self._list("transitions", map(self._transition, told["transitions"]))
            yield from self._list("notices", map(self._notice, told["notices"]))

    def _head(self, told: Mapping[str, Any]) -> str:
        rule = told["written"]
        if rule is None:
            return f"{told['rule']} {told['source']}"
        rank = f"{self._word('severity', rule['severity'])}, {self._word('class', rule['class'])}"
        return f"{told['rule']} {told['source']}  {rule['title'][self._language]} ({rank})"

    def _tree(self, operand: Mapping[str, Any], depth: int) -> Iterator[str]:
        yield f"{'  ' * depth}{operand['sentence'][self._language]}"
        for each in operand["operands"]:
            yield from self._tree(each, depth + 1)

    def _list(self, title: str, found: Iterator[str]) -> Iterator[str]:
        said = list(found)
        yield f"{self._say(title)}:" if said else f"{self._say(title)}: {self._say('none')}"
        for one in said:
            yield f"  {one}"

    def _mute(self, mute: Mapping[str, Any]) -> str:
        what = self._in(mute_words(mute["kind"], mute["reason"]))
        return " ".join(filter(None, (what, mute["by"], mute["until"])))

    def _transition(self, one: Mapping[str, Any]) -> str:
        said = (self._coded("row", one["kind"]), one["by"], "; ".join(self._body(one["body"])))
        return "  ".join((f"#{one['seq']} {one['at']}", *filter(None, said)))

    def _body(self, body: Mapping[str, Any]) -> Iterator[str]:
        """What a row says besides. Its severity stands above, and a unit with its value."""
        for key, value in body.items():
            if value is not None and key not in ("severity", "unit"):
                yield f"{self._word('body', key)}: {self._value(key, value, body.get('unit'))}"

    def _value(self, key: str, value: Any, unit: str | None) -> str:
        if key in ("value", "peak", "limit"):
            return shown(value, unit)
        if key.endswith("_wall_ns"):
            return str(rfc3339(value))
        if isinstance(value, list):
            return ", ".join(self._value(key, each, unit) for each in value)
        if isinstance(value, bool):
            return self._say("yes" if value else "no")
        if key == "state":
            return self._coded(key, value)
        return self._word(_KINDS[key], value) if key in _KINDS else one_line(value)

    def _notice(self, one: Mapping[str, Any]) -> str:
        tries = "" if not one["attempts"] else f"× {one['attempts']}"
        when = one["done_at"] or (f"→ {one['next_at']}" if one["next_at"] else "")
        state = None if one["state"] is None else self._coded("delivery", one["state"])
        reason = self._coded("notice", one["reason"])
        return " ".join(filter(None, (one["at"], reason, one["channel"], state, tries, when, one["error"])))

    def _coded(self, kind: str, code: str) -> str:
        """The word, with the code that the API, the journal and rule tests have."""
        known = word(kind, code)
        return code if known == Text(code, code) else self._in(say("code", word=known, code=code))

    def _word(self, kind: str, code: str) -> str:
        return self._in(word(kind, code))

    def _say(self, key: str, **places: str) -> str:
        return self._in(say(key, **places))

    def _in(self, text: Text) -> str:
        return text.in_language(self._language)
