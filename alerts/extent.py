"""How much the alarms of a site may be: what is known at load is refused there, before it fills the memory."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from alerts.condition.scope import Mistake
from alerts.rule import Rule

if TYPE_CHECKING:
    from alerts.bound import Instance

MOST_OF_A_RULE = 20_000
"""Sources of one rule: ten for each of the 2,000 devices that a site may have, or two panels of ten thousand."""
MOST_IN_ALL = 100_000
"""Alarms of a site, companions too: fifty for each of 2,000 devices. One takes about 2 kB, all of them 200 MB."""
MOST_ASKED_IN_ALL = 1_000_000
"""Points and alarms that all of them ask about, each as often as it is asked: about 200 bytes each."""
_NAMED = 3


class TooMuch(Mistake):
    """The site has no room for it. `rule` is where to begin."""

    def __init__(self, rule: Rule, message: str) -> None:
        super().__init__(message, "on")
        self.rule = rule


class Extent:
    """What has been bound so far."""

    def __init__(self) -> None:
        self._alarms = self._asked = 0
        self._sources: Counter[str] = Counter()
        self._asked_by: Counter[str] = Counter()
        self._rules: dict[str, Rule] = {}
        self._over: set[str] = set()
        self.is_full = False

    def refuses(self, rule: Rule) -> bool:
        """Nothing more of it is bound: it has been told why not."""
        return self.is_full or rule.rule in self._over

    def take(self, instance: Instance, asked: int) -> None:
        """One alarm more, which asks about so many points and alarms. TooMuch beyond the room that there is."""
        rule = instance.rule
        asked += len(instance.suppressed_by)
        self._alarms, self._asked = self._alarms + 1, self._asked + asked
        if instance.companion_of is None:
            self._rules.setdefault(rule.rule, rule)
            self._sources[rule.rule] += 1
            self._asked_by[rule.rule] += asked
        if self._sources[rule.rule] > MOST_OF_A_RULE:
            self._over.add(rule.rule)
            told = f"{rule.rule} would watch more than {MOST_OF_A_RULE:,} sources on this site"
            raise TooMuch(rule, f"{told}: narrow `on` by system, labels, place or device, or by `once: zone`")
        if self._alarms > MOST_IN_ALL:
            told = f"the site would have more than {MOST_IN_ALL:,} alarms, most of them of"
            raise self._full(told, self._sources, "narrow `on` of these, or leave out what the site does not need")
        if self._asked > MOST_ASKED_IN_ALL:
            told = f"the alarms of the site would ask about more than {MOST_ASKED_IN_ALL:,} points and alarms, most in"
            raise self._full(told, self._asked_by, "ask about a zone or a device there, not the site or every part")

    def _full(self, told: str, by: Counter[str], mend: str) -> TooMuch:
        self.is_full = True
        greatest = by.most_common(_NAMED)
        named = ", ".join(f"{rule} ({count:,})" for rule, count in greatest)
        return TooMuch(self._rules[greatest[0][0]], f"{greatest[0][0]}: {told} {named}: {mend}")
