"""What a reload gives, be it asked for by the API, a signal or the control socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.api.problems import Problem


class Place(NamedTuple):
    """A sentence about a place of a file. Lines and columns count from 1; both 0: the file as a whole."""

    file: str
    line: int
    col: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """The rules in force differ from those before by these; `digest` is of all files read. `warnings` stop nothing."""

    was: str
    digest: str
    added: Sequence[str] = ()
    removed: Sequence[str] = ()
    changed: Sequence[str] = ()
    warnings: Sequence[str] = ()

    def body(self) -> dict[str, Any]:
        """For answers."""
        names = {"added": list(self.added), "removed": list(self.removed), "changed": list(self.changed)}
        return {"was": self.was, "digest": self.digest, **names, "warnings": list(self.warnings)}


class ReloadRefused(Exception):  # noqa: N818 - an answer: everything that is wrong
    """The files are not to be had; what judged before goes on."""

    def __init__(self, places: Sequence[Place]) -> None:
        super().__init__(f"{len(places)} problems")
        self.places = tuple(places)


Reload = Callable[[str], Awaitable[Reloaded]]
"""(by) → what is different now; ReloadRefused when nothing is."""


async def no_reload(by: str) -> Reloaded:
    """Of a house whose rules never change."""
    raise Problem(503, "this gateway cannot reload")
