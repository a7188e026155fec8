"""docs/library.md: its table says what the profiles say."""

from __future__ import annotations

import re
from pathlib import Path

from drivers.profile import Profile, library
from tests.drivers.made import any_shipped, files

PAGE = Path(__file__).parents[2] / "docs" / "library.md"
SYSTEMS = ("elevator", "garage-water", "fire", "electrical-fire", "ev-charging", None)
HEAD = ["| device | profile | wire | points | verified | source | left out |", "|---|---|---|---|---|---|---|"]


def table(system: str | None) -> list[str]:
    """The lines of one system's table, by what the devices are called."""
    profiles = [any_shipped(file.name.removesuffix(".yaml")) for file in files()]
    chosen = sorted((p for p in profiles if p.system == system), key=lambda p: p.title.en.lower())
    return HEAD + [_row(profile) for profile in chosen]


def _row(profile: Profile) -> str:
    kinds = {source.verified for key in profile.readings for source in profile.sources(key)}
    kinds |= {source.verified for source in profile.source}
    points = str(len(profile.readings)) if profile.readings else ""
    for parts in getattr(profile, "parts", ()):
        points += f"{' + ' if points else ''}{len(parts.points)} per {parts.title.en if parts.title else 'part'}"
    refs = "; ".join(source.ref for source in profile.source)
    cells = [profile.title.en, f"`{profile.profile}`", profile.wire, points, ", ".join(sorted(kinds)), refs]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in [*cells, _left_out(profile)]) + " |"


def _left_out(profile: Profile) -> str:
    """The sentences of the file's comments that say what is left out, and why."""
    text = (library() / f"{profile.profile}.yaml").read_text("utf-8")
    blocks = re.findall(r"(?:^ *#[^\n]*\n)+", text, re.MULTILINE)
    sentences = [
        sentence.strip().rstrip(".")
        for block in blocks
        for sentence in re.split(r"(?<=[a-z)])\. (?=[A-Z0-9])", re.sub(r"\s*\n? *# ?", " ", block))
        if "left out" in sentence
    ]
    return ". ".join(sentences).replace("`", "")


def written(page: str) -> str:
    """The page with its tables made anew."""
    tables = iter(SYSTEMS)
    return re.sub(r"(?:^\|[^\n]*\n)+", lambda _: "\n".join(table(next(tables))) + "\n", page, flags=re.MULTILINE)


def test_the_page_is_what_the_profiles_say() -> None:
    page = PAGE.read_text("utf-8")
    assert page.splitlines() == written(page).splitlines(), "python -m tests.drivers.test_library_page writes it"
    assert [line for line in page.splitlines() if line.startswith("|---")] == HEAD[1:] * len(SYSTEMS)


if __name__ == "__main__":  # python -m tests.drivers.test_library_page
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
