"""A changed copy is what dataclasses.replace makes, for every value that is copied on the hot path."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace

import pytest

from alerts.alarm import Alarm, Effect
from alerts.changed import changed
from gateway.model import AlarmState, Mute, Severity
from tests.store.material import occurrence

ALARM = Alarm(severity=Severity.HIGH, state=AlarmState.ACKED, told=True, mutes=(Mute("shelved", "x"),))


@pytest.mark.parametrize("value", [ALARM, occurrence(), Effect("raise", occurrence(), {"a": 1}, "raise", "ann")])
def test_every_field_alone(value: object) -> None:
    for each in fields(value):  # type: ignore[arg-type]
        mark = object()
        made = changed(value, **{each.name: mark})
        assert getattr(made, each.name) is mark
        assert all(getattr(made, one.name) is getattr(value, one.name) for one in fields(value) if one is not each)  # type: ignore[arg-type]


def test_as_replace_does() -> None:
    assert changed(ALARM, told=False) == replace(ALARM, told=False)
    assert changed(ALARM) == ALARM and changed(ALARM) is not ALARM and ALARM.told


def test_the_copy_is_frozen_too_and_a_slip_is_told() -> None:
    with pytest.raises(FrozenInstanceError):
        changed(ALARM, told=False).told = True  # type: ignore[misc]
    with pytest.raises(AttributeError):
        changed(ALARM, tolled=True)
