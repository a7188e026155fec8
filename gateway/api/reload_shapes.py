"""What a reload answers, for the documentation."""

from __future__ import annotations

from typing import Literal

from gateway.api.shapes import Shape


class Reloaded(Shape):
    """The rules in force differ from those before by these; the digests are of all files read."""

    was: str
    digest: str
    added: list[str]
    removed: list[str]
    changed: list[str]
    warnings: list[str]


class Reloading(Shape):
    """It goes on; the journal's row `reload` or `reload_refused` tells the end."""

    state: Literal["reading"]
