"""The names that a wrong one was probably meant to be. Where several are equally near, none is taken by chance."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

MOST = 3
# an editor's guess must be close, or it misleads
CUTOFF = 0.6


def nearest_all(name: object, valid: Iterable[object], cutoff: float = CUTOFF) -> list[str]:
    """Those of `valid` nearest to `name`, in their order: other case and `-` for `_` first, then likeness."""
    wanted = _plain(str(name))
    matcher = SequenceMatcher()
    matcher.set_seq2(wanted)
    best, found = cutoff, list[str]()
    for candidate in dict.fromkeys(map(str, valid)):
        plain = _plain(candidate)
        matcher.set_seq1(plain)
        if plain == wanted:
            ratio = 2.0
        elif matcher.real_quick_ratio() >= best and matcher.quick_ratio() >= best:
            ratio = matcher.ratio()
        else:
            continue
        if ratio > best:
            best, found = ratio, [candidate]
        elif ratio == best:
            found.append(candidate)
    return found


def either(names: Iterable[str]) -> str:
    """`'a'`, `'a' or 'b'`, `'a', 'b' or 'c'`; of more than three the first three, `'a', 'b', 'c' …`."""
    words = [repr(name) for name in names]
    if len(words) > MOST:
        return f"{', '.join(words[:MOST])} …"
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def hint(name: object, valid: Iterable[object]) -> str:
    """`; did you mean 'a' or 'b'?`, or nothing."""
    found = nearest_all(name, valid)
    return f"; did you mean {either(found)}?" if found else ""


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")
