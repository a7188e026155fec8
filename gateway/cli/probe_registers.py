"""`anlou probe registers`: raw registers, and what they may mean: types, orders and scales, ranked by evidence."""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Iterator
from typing import Any

from drivers.base import SessionError
from drivers.bench.candidates import Candidate, Wanted, candidates_at, described
from drivers.bench.runs import WEAK, Run, best, runs, shift_sentence, shifted
from drivers.modbus.cell import AddressError, Cell, Table, locate
from drivers.modbus.exceptions import ExceptionAnswer
from drivers.modbus.limits import Limits
from drivers.modbus.plan import Block, Rules, plan
from drivers.modbus.references import is_reference
from gateway.cli.probe_link import ProbeError
from gateway.cli.probe_reading import UnitReader, refusals
from gateway.cli.probe_run import columns, complete, show_json, tell
from gateway.cli.probe_target import Target, add_link, target_of, unit_number
from gateway.clock import BuildingClock

MOST_REGISTERS = 500
SHOWN_CANDIDATES = 3


def add_registers(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """The words that say which registers."""
    parser.add_argument(
        "--table", choices=[str(table) for table in Table], default="holding", help="(default: holding)"
    )
    parser.add_argument("--from", dest="first", metavar="A", required=required, help="first register: 0x0010 or 16")
    parser.add_argument("--count", type=_count, default=10, metavar="N", help=f"1 … {MOST_REGISTERS} (default: 10)")
    parser.add_argument(
        "--base",
        choices=["0", "1", "ref"],
        default="0",
        help="how A counts: 0 as on the wire (default), 1 as in most manuals, ref as in 40001",
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_link(parser)
    parser.add_argument("--unit", type=unit_number, required=True, metavar="N", help="the unit's number, 1 … 255")
    add_registers(parser, required=True)
    parser.add_argument("--plausible", metavar="LOW..HIGH", help="where the values lie: 200..250, or =-40..85")
    parser.add_argument("--expect", type=float, metavar="X", help="a value that the device shows, such as 230")


def run(options: argparse.Namespace) -> int:
    target = target_of(options)
    wanted = wanted_of(options.plausible, options.expect)
    table, first = first_of(options)
    clock = BuildingClock()
    asker = target.asker(options.data, clock)
    reader = UnitReader(asker, clock, options.unit)

    async def work(_: asyncio.Event) -> bool:
        try:
            await read_raw(reader, table, first, options.count)
            if first and not table.is_bits and not reader.gone:
                # an address that is one off shows itself by what stands before it; whoever refuses this is not asked on
                await reader.ask(Block(table, first - 1, 1, ()))
            return True
        finally:
            asker.close()

    complete(work)
    if target.warning:
        tell(f"anlou: {target.warning}")
    lost = reader.asked[-1].error
    if lost is not None and all(isinstance(one.error, SessionError) for one in reader.asked):
        raise lost  # nobody was asked; a table of silent registers would be about the device
    shown = _Shown(target, reader, wanted, table=table, first=first, count=options.count)
    if options.json:
        show_json(shown.body())
    else:
        for line in shown.lines():
            print(line)
    return 0 if any(place in reader.registers for place in shown.places) else 1


def wanted_of(plausible: str | None, expect: float | None) -> Wanted:
    """What the numbers are thought to be; ProbeError when that cannot be read."""
    low = high = None
    if plausible is not None:
        match = re.fullmatch(r"\s*([-+.\deE]+?)\s*\.\.\s*([-+.\deE]+)\s*", plausible)
        try:
            low, high = (float(match[1]), float(match[2])) if match else (1.0, 0.0)
        except ValueError:
            low, high = 1.0, 0.0
        if not low <= high:
            raise ProbeError(f"--plausible {plausible}: LOW..HIGH is expected, such as 200..250 or -40..85", 2)
    return Wanted(low, high, expect)


def first_of(options: argparse.Namespace) -> tuple[Table, int]:
    """(table, first register as sent on the wire) of the words; ProbeError when there is no such register."""
    try:
        number = int(options.first, 0) if re.match(r"0[xX]", options.first) else int(options.first)
        base = options.base if options.base == "ref" else int(options.base)
        table, first = locate(number, base, None, Table(options.table))
    except AddressError as wrong:
        raise ProbeError(f"--from {options.first}: {wrong}", 2) from None
    except ValueError:
        raise ProbeError(f"--from {options.first}: a number such as 16 or 0x0010 is expected", 2) from None
    if first + options.count > 0x10000:
        raise ProbeError(f"--count {options.count}: the last register of all is 65535", 2)
    return table, first


def blocks_for(table: Table, first: int, count: int) -> tuple[Block, ...]:
    """Questions for all of them, each short enough for the devices that take the fewest."""
    letter = "?" if table.is_bits else "H"
    return plan([Cell(table, address, 1, letter) for address in range(first, first + count)], Limits(max_registers=50))


async def read_raw(reader: UnitReader, table: Table, first: int, count: int) -> None:
    """Read them all. Some devices refuse an odd first register or an odd count: then even ones around it are asked."""
    blocks = blocks_for(table, first, count)
    odd = next((block for block in blocks if not table.is_bits and (block.address % 2 or block.count % 2)), None)
    if odd is not None:
        asked = await reader.ask(odd)
        if isinstance(asked.error, ExceptionAnswer) and asked.error.can_be_cut:
            even = Rules(Limits(align=2)).block([Cell(table, odd.address, odd.count, f"{odd.count}H")])
            if (await reader.ask(even)).payload is not None:
                reader.limits = Limits(align=2)
                blocks = plan([cell for block in blocks for cell in block.cells], Limits(max_registers=50, align=2))
        blocks = tuple(one for one in blocks if not _is_read(reader, one))
    await reader.read(blocks)


def _is_read(reader: UnitReader, block: Block) -> bool:
    return all((block.table, address) in reader.registers for address in range(block.address, block.end))


def _count(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_REGISTERS:
        return int(text)
    raise argparse.ArgumentTypeError(f"a number from 1 to {MOST_REGISTERS} is expected, got {text!r}")


class _Shown:
    """What was read and what it may mean, for people and for programs."""

    def __init__(
        self, target: Target, reader: UnitReader, wanted: Wanted, *, table: Table, first: int, count: int
    ) -> None:
        self.target, self.reader, self.table, self.wanted = target, reader, table, wanted
        self.addresses = range(first, first + count)
        self.places = [(table, address) for address in self.addresses]
        self.begin = first - 1 if first and (table, first - 1) in reader.registers else first
        self.words = [reader.registers.get((table, address)) for address in range(self.begin, first + count)]
        self.runs: list[Run] = []
        if not table.is_bits:
            self.runs = best(runs(self.words, self.begin, wanted, first))

    def candidates(self, address: int) -> list[Candidate]:
        if self.table.is_bits:
            return []
        found = candidates_at(self.words, self.begin, address, self.wanted)
        return [one for one in found if one.evidence >= WEAK][:SHOWN_CANDIDATES]

    def body(self) -> dict[str, Any]:
        return {
            "link": self.target.link,
            "endpoint": self.target.options.endpoint,
            "through": str(self.reader.asker.through) if self.reader.asker.through else None,
            "unit": self.reader.unit,
            "table": self.table,
            "registers": [self._register(address) for address in self.addresses],
            "runs": [
                {
                    **_encoding(run.first),
                    "addresses": [member.address for member in run.members],
                    "values": [member.value for member in run.members],
                    "evidence": round(run.evidence, 1),
                }
                for run in self.runs
            ],
            "warnings": [shift_sentence(one, other) for one, other in shifted(self.runs)],
            "errors": refusals(self.reader.asked),
        }

    def _register(self, address: int) -> dict[str, Any]:
        word = self.reader.registers.get((self.table, address))
        return {
            "address": address,
            "raw": None if word is None else word if self.table.is_bits else f"{word:04X}",
            "candidates": [
                {**_encoding(one), "value": one.value, "evidence": round(one.evidence, 1)}
                for one in self.candidates(address)
            ],
        }

    def lines(self) -> Iterator[str]:
        through = ", through the gateway that reads it" if self.reader.asker.through else ""
        last = f"…{self.addresses[-1]}" if len(self.addresses) > 1 else ""
        where = f"{self.table} {self.addresses[0]}{last} of unit {self.reader.unit}"
        yield f"{where} at {self.target.options.endpoint}{through}, counted from 0 as on the wire"
        there = any(place in self.reader.registers for place in self.places)
        if there:
            yield from columns(self._rows())
        else:
            yield "none of them is answered:"
        for why, times in refusals(self.reader.asked).items():
            yield f"  {why}{f' ({times} times)' if times > 1 else ''}"
        if not there and is_reference(self.addresses[0], self.table):
            yield f"if {self.addresses[0]} stands so in a manual, where 40001 is the first register: add --base ref"
        if self.table.is_bits or not there:
            return
        if not self.runs:
            yield "nothing here reads as what is looked for: other registers, or another table?"
            return
        yield "what fits, the strongest evidence first:"
        yield from columns([(f"{run.evidence:4.0f} bits", str(run)) for run in self.runs], indent="  ")
        for one, other in shifted(self.runs):
            yield shift_sentence(one, other)

    def _rows(self) -> Iterator[tuple[str, ...]]:
        yield ("register", "value") if self.table.is_bits else ("register", "hex", "uint16", "int16", "text", "may be")
        for address in self.addresses:
            word = self.reader.registers.get((self.table, address))
            if word is None:
                yield str(address), "refused, or no answer"
            elif self.table.is_bits:
                yield str(address), str(word)
            else:
                signed = word - 0x10000 if word & 0x8000 else word
                may_be = "; ".join(f"{described(one.value)} ({one.keys})" for one in self.candidates(address))
                yield str(address), f"{word:04X}", str(word), str(signed), _text(word), may_be


def _encoding(one: Candidate) -> dict[str, Any]:
    return {
        "type": one.type,
        "order": one.order,
        "byte_order": one.byte_order,
        "word_order": one.word_order,
        "scale": one.scale,
        "profile": one.keys,
    }


def _text(word: int) -> str:
    return "".join(chr(byte) if 0x20 < byte < 0x7F else "." for byte in word.to_bytes(2, "big"))
