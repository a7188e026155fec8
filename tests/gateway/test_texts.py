"""Both languages say everything, with the same places to fill."""

from __future__ import annotations

import string

from gateway.model import Health
from gateway.texts import say, texts


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_every_text_with_the_same_places() -> None:
    for key, text in texts().items():
        assert text.en.strip() and text.zh.strip(), key
        assert places(text.en) == places(text.zh), key


def test_every_health_has_its_word() -> None:
    assert {str(health) for health in Health} <= set(texts())
    assert say("offline", "zh") == "离线"
