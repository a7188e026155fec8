"""Topic filters (MQTT 5 §4.7) and what is subscribed to."""

from __future__ import annotations

import pytest

from drivers.mqtt.filters import covering, covers, subscriptions


@pytest.mark.parametrize(
    ("wanted", "topic", "does"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/bc", False),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/+", "a", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a/b", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("+/+", "/finance", True),
        ("a/+", "a/", True),
        ("a/#", "a/+/b", True),
        ("a/+", "a/#", False),
        ("a/+/b", "a/+/b", True),
        ("a/b", "a/+", False),
    ],
)
def test_covers(wanted: str, topic: str, does: bool) -> None:
    assert covers(wanted, topic) is does


@pytest.mark.parametrize("topic", ["a", "a/b", "/a", "a/b/c", "+", "x/1/2/3/4/5", "x/1/2/3/4/5/6", "/".join("y" * 900)])
def test_what_may_have_asked_for_a_topic(topic: str) -> None:
    found = covering(topic)
    assert len(found) == len(set(found)) <= 191
    assert {topic, "#"} <= set(found) and all(covers(one, topic) for one in found)


def test_all_that_may_have_asked_for_a_topic() -> None:
    assert set(covering("a/b")) == {"#", "a/#", "+/#", "a/b/#", "a/+/#", "+/b/#", "+/+/#", "a/b", "a/+", "+/b", "+/+"}


def test_nothing_is_asked_for_twice() -> None:
    """A broker may send a message once for each filter that matches."""
    assert subscriptions(["x/1", "a/1", "a/2"], ["a/+", "a/#", "a/#", "b/+"]) == ["a/#", "b/+", "x/1"]
    assert subscriptions(["b", "a", "b"], []) == ["a", "b"]
