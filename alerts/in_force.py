"""By which terms an open occurrence goes on when its rule asks for less by now than when it began."""

from __future__ import annotations

from alerts.alarm import Terms
from alerts.changed import changed
from gateway.model import AlarmClass, Occurrence


def in_force(own: Terms, life: Occurrence | None) -> Terms:
    """The rule's own terms, but life safety and a latch stay with an occurrence until it closes.

    A danger to life that stands must not become shelvable, or end by itself, because somebody saved a file.
    """
    if life is None:
        return own
    if life.class_ is AlarmClass.LIFE_SAFETY and not own.life_safety:
        latching = life.latched or own.latching
        return changed(own, class_=AlarmClass.LIFE_SAFETY, latching=latching, auto_ack=False)
    return changed(own, latching=True) if life.latched and not own.latching else own
