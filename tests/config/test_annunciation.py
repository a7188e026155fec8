"""`notify:` beside its webhooks: names that there are, ladders that climb, and what holds when nothing is said."""

from __future__ import annotations

import pytest

from alerts.annunciate.options import AnnunciationOptions
from gateway.model import SECOND, Severity
from tests.config.conftest import Folder

HOOK = 'webhooks: [{name: duty-room, url: "https://hooks.example.cn/a", secret: "${env:SECRET_OF_TEST}"}]'


@pytest.fixture
def site(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("SECRET_OF_TEST", "sixteen characters")
    return folder


def write(site: Folder, notify: str) -> None:
    site.change(("rules: {", f"notify: {{{HOOK}{notify}}}\nrules: {{"))


def test_with_nothing_said_everybody_is_told_everything_by_the_defaults(site: Folder) -> None:
    write(site, "")
    plan = site.load().bound.annunciation
    assert plan is not None and plan.channels == ("log", "duty-room") and plan.to(None) == plan.channels
    assert plan.options.model_dump() == AnnunciationOptions().model_dump()
    assert [plan.repeat(severity) for severity in Severity] == [
        (120 * SECOND,),
        (900 * SECOND,),
        (4 * 3600 * SECOND,),
        (),
        (),
    ]
    assert [plan.wait_ns(severity) // SECOND for severity in Severity] == [10, 10, 30, 30, 30]
    assert [plan.longest_ns(severity) // (3600 * SECOND) for severity in Severity] == [0, 48, 6, 1, 0]
    options = plan.options
    assert (options.flood.above, options.flood.below, options.flood.within) == (10, 5, 600 * SECOND)
    assert (options.chatter.activations, options.chatter.within, options.chatter.limit) == (
        3,
        60 * SECOND,
        600 * SECOND,
    )


@pytest.mark.parametrize(
    ("notify", "told"),
    [
        (", routes: [{to: [duty-rom]}]", "unknown channel 'duty-rom'; did you mean 'duty-room'?"),
        (
            ", escalation: [{steps: [{after: 2min, to: [chief]}]}]",
            "unknown channel 'chief'; valid: log, duty-room",
        ),
        (", routes: [{to: []}]", "must not be empty"),
        (
            ", escalation: [{steps: [{after: 5min, to: [log]}, {after: 5min, to: [duty-room]}]}]",
            "must come later than the step before it",
        ),
        (", repeat: {high: 1s}", "each interval must lie within 30s … 7d"),
        (", repeat: {high: [15min, 3]}", "a duration with its unit is expected"),
        (", flood: {above: 3, below: 5}", "a flood must end at fewer alarms than it begins with"),
        (", routes: [{match: {device: sump-b9}, to: [log]}]", "there is no device 'sump-b9'"),
        (", routs: []", "did you mean 'routes'?"),
        (", group: {high: 11min}", "must lie within 0s … 10min"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_place(site: Folder, notify: str, told: str) -> None:
    write(site, notify)
    problems = site.problems()
    assert any(told in problem for problem in problems), problems
    assert all(problem.startswith("site.yaml:") for problem in problems)


def test_repetitions_are_one_interval_several_or_never(site: Folder) -> None:
    write(site, ", repeat: {critical: never, high: [15min, 1h]}")
    plan = site.load().bound.annunciation
    assert plan is not None
    assert plan.repeat(Severity.CRITICAL) == () and plan.repeat(Severity.HIGH) == (900 * SECOND, 3600 * SECOND)
