"""docs/alarms.md: its table of the packs says what the packs say."""

from __future__ import annotations

import re
from pathlib import Path

from alerts.rule import Rule
from tests.alerts.building import ROOT, pack
from tests.alerts.whole import levels

PAGE = ROOT / "docs" / "alarms.md"
PACKS = ("elevator", "garage-water", "fire", "electrical-fire", "ev-charging", "cross-system", "gateway")
HEAD = ["| rule | title | 标题 | severity | basis |", "|---|---|---|---|---|"]
MARKS = {"J": "[J]", "memory": "from memory", "confirm": "confirm before use"}


def table() -> list[str]:
    rows = []
    for name in PACKS:
        rows.append(f"| **`{name}`** | | | | |")
        rows += [_row(Rule.model_validate(each)) for each in pack(name)]
    return HEAD + rows


def _row(rule: Rule) -> str:
    severities = " → ".join(severity.word for severity in sorted(set(levels(rule)), reverse=True))
    life = ", life safety" if rule.class_ == "life_safety" else ""
    basis = rule.guidance.basis.en if rule.guidance else ""
    marks = ", ".join(mark for mark, words in MARKS.items() if words in basis)
    return f"| {rule.rule} | {rule.title.en} | {rule.title.zh} | {severities}{life} | {marks} |"


def written(page: str) -> str:
    """The page with its table made anew."""
    begin = "\n".join(map(re.escape, HEAD))
    return re.sub(rf"^{begin}\n(?:\|[^\n]*\n)*", lambda _: "\n".join(table()) + "\n", page, flags=re.MULTILINE)


def test_the_page_is_what_the_packs_say() -> None:
    page = PAGE.read_text("utf-8")
    assert HEAD[0] in page
    assert page.splitlines() == written(page).splitlines(), "python -m tests.alerts.test_catalogue_page writes it"


def test_every_pack_is_in_it() -> None:
    assert set(PACKS) == {path.stem for path in Path(ROOT / "config" / "rules").glob("*.yaml")}


if __name__ == "__main__":  # python -m tests.alerts.test_catalogue_page
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
