"""`anlou explain` has a word for every code, in both languages; the API keeps the codes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts import mute
from alerts.annunciate import case
from alerts.explain import mute_words, texts, word
from alerts.lifecycle import Do
from gateway.cli.explain_lines import Lines
from gateway.model import AlarmClass, AlarmState, CommandKind, Quality, Severity
from gateway.texts import texts as house_texts

ROOT = Path(__file__).parents[2]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
NOTICES = (
    "raise",
    "reraise",
    "severity_up",
    "returned",
    "recover",
    "repeat",
    "escalate",
    "raised_and_recovered",
    "digest",
)


def rows() -> set[str]:
    """Every kind of row that an occurrence can have: what the engine's own modules name."""
    found = {kind for each in mute.COVERS.values() for kind in each} | {"hold", "unhold"}
    for path in sorted((ROOT / "alerts").rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and called(call) in ("log", "_Row", "_mark", "event"):
                found |= {
                    arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
                }
    return found - OF_NO_OCCURRENCE


OF_NO_OCCURRENCE = {"digest", "flood_begin", "flood_end", "reload", "rule_error"}


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def codes() -> Iterator[tuple[str, str]]:
    yield from (("state", str(one)) for one in AlarmState)
    yield from (("severity", one.word) for one in Severity)
    yield from (("class", str(one)) for one in AlarmClass)
    yield from (("mute", one) for one in (*mute.KINDS, Severity.JOURNAL.word))
    yield from (("row", one) for one in sorted(rows()))
    yield from (("notice", one) for one in NOTICES)
    yield from (("delivery", one) for one in ("pending", "delivered", "refused"))
    yield from (("ladder", one) for one in ("unacknowledged", "unresolved"))
    yield ("cause", mute.OWN_STATE)


def test_every_code_has_its_word_in_both_languages() -> None:
    assert {"raise", "unshelve", "chatter_begin", "escalate", "maintenance_over"} <= rows()
    assert set(CommandKind) <= rows() and {str(Do.RAISE), str(Do.CLOSE)} <= rows() and set(NOTICES) >= case.ON
    missing = [f"{kind}_{code}" for kind, code in codes() if f"{kind}_{code}" not in texts()]
    assert missing == []
    assert [code for kind, code in codes() if not CHINESE.search(word(kind, code).zh)] == []
    reasons = {quality.reason for quality in Quality if quality.reason}
    assert {f"reason_{reason}" for reason in reasons} <= set(house_texts())


def test_a_code_without_a_word_is_shown_as_it_is() -> None:
    assert word("state", "of_tomorrow").zh == "of_tomorrow"


def test_a_suppression_by_the_rule_itself_and_by_another_rule() -> None:
    assert mute_words("suppressed", "suppress_when").zh == "已抑制（本设备状态）"
    assert mute_words("suppressed", "GW-01").en == "suppressed (GW-01)"


TOLD: dict[str, Any] = {
    "rule": "WA-02",
    "source": "sump",
    "written": {
        "title": {"en": "Sump high", "zh": "集水坑高水位"},
        "severity": "critical",
        "class": "property",
        "when": {"point": "level"},
    },
    "at": "2026-11-23T05:30:00Z",
    "state": "rtn_unacked",
    "reasons": [],
    "asked": None,
    "condition": None,
    "judged_from": None,
    "delays": None,
    "mutes": [{"kind": "shelved", "reason": "pump repair", "by": "wang", "until": "2026-11-23T06:30:00Z"}],
    "alarm": {},
    "transitions": [
        {
            "seq": 7,
            "at": "2026-11-23T05:20:00Z",
            "kind": "raise",
            "by": None,
            "body": {
                "state": "unacked",
                "severity": "critical",
                "value": 0.25,
                "limit": 0.2,
                "unit": "m",
                "muted": ["shelved", "journal"],
                "first_out": True,
            },
        },
        {
            "seq": 8,
            "at": "2026-11-23T05:25:00Z",
            "kind": "unshelve",
            "by": "wang",
            "body": {"state": "unacked", "why": "expired", "until_wall_ns": 1_795_411_800 * 10**9},
        },
    ],
    "notices": [
        {
            "at": "2026-11-23T05:20:00Z",
            "reason": "raise",
            "channel": "log",
            "state": "delivered",
            "attempts": 1,
            "next_at": None,
            "done_at": "2026-11-23T05:20:01Z",
            "error": None,
        }
    ],
}

CHINESE_LINES = """\
WA-02 sump  集水坑高水位 (紧急, 财产)
规则原文: {point: level}
2026-11-23T05:30:00Z  状态: 已恢复，未确认（rtn_unacked）
静默:
  已搁置（pump repair） wang 2026-11-23T06:30:00Z
经过:
  #7 2026-11-23T05:20:00Z  报警（raise）  状态: 报警中，未确认（unacked）; 数值: 0.25 m; 限值: 0.2 m; \
不通知: 已搁置, 仅记录; 首警: 是
  #8 2026-11-23T05:25:00Z  取消搁置（unshelve）  wang  状态: 报警中，未确认（unacked）; 原因: 到期; \
至: 2026-11-23T05:30:00.000000Z
通知情况:
  2026-11-23T05:20:00Z 报警（raise） log 已送达（delivered） × 1 2026-11-23T05:20:01Z"""


def test_the_terminal_says_words_and_keeps_the_codes_that_people_search_for() -> None:
    assert "\n".join(Lines("zh").of(TOLD)) == CHINESE_LINES
    english = "\n".join(Lines("en").of(TOLD))
    assert "state: returned, not acknowledged (rtn_unacked)" in english
    assert "unshelved (unshelve)  wang  state: active, not acknowledged (unacked); why: its time is over" in english
    assert not CHINESE.search(english)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_a_row_says_besides_has_its_word(language: str) -> None:
    """Members of rows that no list of codes names: the ones that the engine writes."""
    for key in ("comment", "permit", "second", "one_shot", "count", "within_s", "lasted_s", "step", "of", "to"):
        assert f"body_{key}" in texts()
        (said,) = Lines(language)._body({key: "x"})
        assert said == f"{word('body', key).in_language(language)}: x"
