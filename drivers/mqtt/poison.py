"""A message that is no sample, and why."""

from __future__ import annotations

REASONS: tuple[str, ...] = (
    "oversize",  # longer than anything a device sends
    "encoding",  # not UTF-8
    "json",  # not JSON as RFC 8259 has it: NaN, 1e999, comments, a second document behind the first
    "duplicate_key",  # which of the two is meant?
    "text",  # NUL in a text
    "depth",  # nested deeper, or with more in it, than any device's message
    "shape",  # an array or a scalar where an object is expected, or the other way round
    "identity",  # it says of itself that it is somebody else's
    "no_codec",  # the network server decodes nothing: only raw bytes came
    "codec",  # the codec plug-in finds none of its format in it, or returns what no JSON has
    "no_point",  # nothing in it that the profile knows
    "type",  # what the profile knows is there, but none of it is a number (text, bool …) as declared
    "availability",  # neither of the words for on line nor of those for off line
    "topic",  # not one of this device's topics
    "unknown_device",  # from nobody that the site knows
    "internal",  # decoding it failed in a way that is our own fault
)


class Poison(Exception):  # noqa: N818 - the message is poison; nothing of ours failed
    """`reason` is one of REASONS, `message` a sentence for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return self.message
