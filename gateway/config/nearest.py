"""The valid name nearest to a wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from gateway.config.problems import quoted

LONGEST_LIST = 24
# an editor's guess must be close, or it misleads
CUTOFF = 0.6


def nearest(name: object, valid: Iterable[str], cutoff: float = CUTOFF) -> str | None:
    """The name in `valid` that `name` was probably meant to be: other case and `-` for `_` first, then likeness."""
    plain = {_plain(candidate): candidate for candidate in valid}
    wanted = _plain(str(name))
    if wanted in plain:
        return plain[wanted]
    close = difflib.get_close_matches(wanted, plain, n=1, cutoff=cutoff)
    return plain[close[0]] if close else None


def unknown(what: str, name: object, valid: Iterable[str]) -> str:
    """`unknown key 'treshold'; did you mean 'threshold'?`, or the list of what would be valid."""
    known = list(dict.fromkeys(valid))
    found = known[0] if len(known) == 1 else nearest(name, known)
    if found is not None:
        return f"unknown {what} {quoted(name)}; did you mean {quoted(found)}?"
    if not known:
        return f"unknown {what} {quoted(name)}; there is none here"
    listed = ", ".join(known[:LONGEST_LIST]) + (", …" if len(known) > LONGEST_LIST else "")
    return f"unknown {what} {quoted(name)}; valid: {listed}"


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")
