"""The same decoding over neighbouring registers, and the traps of being one register off. Pure.

One number that fits may be chance; three in a row that fit in the same way are a table of voltages. Numbers of two
registers have a trap of their own: with the other word order, one register further on, each is made of the high half
of one value and the low half of its neighbour, and looks right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from drivers.bench.candidates import KINDS, Candidate, Wanted, candidates_at, described

MOST_RUNS = 8
NAMED = 8.0
# bits: what fits one time in eight by chance is not worth a line beside what fits better
WEAK = 3.0
# of two readings one register apart, one with less of the other's evidence is told as the less likely one
LIKELY = 0.85
_KINDS = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Run:
    """Numbers of one encoding that stand behind each other, each within what is plausible.

    `named`: it begins at the register that was asked for, which is the one in the manual.
    """

    members: tuple[Candidate, ...]
    named: bool = False

    @property
    def first(self) -> Candidate:
        return self.members[0]

    @property
    def address(self) -> int:
        return self.first.address

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.members[-1].address + self.first.words

    @property
    def evidence(self) -> float:
        # one setting of the device explains all of them
        once = self.first.unusual * (len(self.members) - 1)
        return sum(member.evidence for member in self.members) + once + NAMED * self.named

    def shares(self, other: Run) -> bool:
        """Whether the two read a register in common."""
        return self.address < other.end and other.address < self.end

    def __str__(self) -> str:
        places = ", ".join(str(member.address) for member in self.members[:4])
        values = ", ".join(described(member.value) for member in self.members[:4])
        more = f" and {len(self.members) - 4} more" if len(self.members) > 4 else ""
        order = f" ({self.first.order})" if self.first.words > 1 or self.first.byte_order == "little" else ""
        return f"{self.first.keys}{order} at {places}{more}: {values}"


def runs(words: Sequence[int | None], first: int, wanted: Wanted, named: int | None = None) -> list[Run]:
    """Every run in the registers from `first` on, the strongest evidence first; `named` is where the manual begins."""
    found: dict[tuple[object, ...], dict[int, Candidate]] = defaultdict(dict)
    for address in range(first, first + len(words)):
        for candidate in candidates_at(words, first, address, wanted):
            found[candidate.encoding][address] = candidate
    made = [Run(members, members[0].address == named) for fitting in found.values() for members in _chained(fitting)]
    return sorted(made, key=lambda run: (-run.evidence, run.address))


def _chained(fitting: dict[int, Candidate]) -> list[tuple[Candidate, ...]]:
    """Candidates of one encoding that follow each other without a gap."""
    chains: list[tuple[Candidate, ...]] = []
    left = dict(sorted(fitting.items()))
    while left:
        address = next(iter(left))
        chain = []
        while (member := left.pop(address, None)) is not None:
            chain.append(member)
            address += member.words
        chains.append(tuple(chain))
    return chains


def best(found: Sequence[Run], most: int = MOST_RUNS) -> list[Run]:
    """The strongest runs, without those that a stronger one makes needless, or that are as good as chance."""
    kept: list[Run] = []
    for run in found:
        if kept and run.evidence < WEAK:
            break
        if len(kept) == most:
            break
        if not any(_is_covered(run, other) for other in kept):
            kept.append(run)
    return kept


def _is_covered(run: Run, other: Run) -> bool:
    """A stronger run leaves nothing to say about this one: far less evidence, or only another decimal point."""
    if run.first.encoding[:3] == other.first.encoding[:3] and run.address == other.address:
        return True
    return other.shares(run) and run.evidence < other.evidence / 4


def shifted(found: Sequence[Run]) -> list[tuple[Run, Run]]:
    """Pairs of runs that cannot both be right: numbers of the same type, one register (or half a number) apart."""
    pairs = []
    for place, run in enumerate(found):
        for other in found[place + 1 :]:
            same_type = _KINDS[run.first.type].words == _KINDS[other.first.type].words
            kin = run.first.type == other.first.type and run.first.scale == other.first.scale
            apart = (other.address - run.address) % run.first.words if run.first.words > 1 else 0
            if same_type and kin and apart and run.shares(other) and other.evidence >= run.evidence / 4:
                pairs.append((run, other))
    return pairs


def shift_sentence(run: Run, other: Run) -> str:
    """What to do about two readings that are one register apart."""
    by = other.address - run.address
    where = f"{abs(by)} register{'s' if abs(by) > 1 else ''} {'further on' if by > 0 else 'before'}"
    one, two = run.first, other.first
    as_long = len(other.members) >= len(run.members)
    likely = as_long or other.evidence >= LIKELY * (run.evidence - NAMED * run.named)
    doubt = "off by one?" if likely else "less likely, one register off:"
    return (
        f"{doubt} {one.type} fits as {one.order} at {one.address}, and {where} as {two.order} at {two.address}"
        f" ({described(two.value)}): one of the two takes half of each number from its neighbour. The register that the"
        " manual names first tells which, or a value that the device shows"
    )
