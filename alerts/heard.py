"""The newest frames of every device as they were judged: the rules of a reload may ask for what no rule read."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.model import Frame, Layout


class Heard:
    """One frame for each layout. A device that is gone has said nothing that still holds."""

    def __init__(self) -> None:
        self._of_device: dict[str, dict[Layout, Frame]] = {}

    def note(self, frame: Frame) -> None:
        """A current frame has been judged."""
        frames = self._of_device.get(frame.layout.device)
        if frames is None:
            frames = self._of_device[frame.layout.device] = {}
        frames.pop(frame.layout, None)  # two layouts may share a point: the order is that of judging
        frames[frame.layout] = frame

    def forget(self, device: str) -> None:
        """What this device said before does not hold any more."""
        self._of_device.pop(device, None)

    def forget_all(self) -> None:
        """After a restart nothing is known until it is said again."""
        self._of_device.clear()

    def frames(self) -> Iterator[Frame]:
        """Of each device its frames, in the order in which they were judged."""
        for frames in self._of_device.values():
            yield from frames.values()
