"""`anlou replay`: what the rules would have raised, beside what was raised; and alarms a week by candidate limit."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from importlib.resources import as_file
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from gateway.app.captured import NoSuchLink, frames_of
from gateway.app.moments import Meant, meant
from gateway.cli.check import AssumedPorts
from gateway.cli.explain import moment
from gateway.cli.run import default_folder
from gateway.config.load import ConfigErrors, SiteConfig, load_site
from gateway.config.starter import starter
from gateway.model import SECOND, Frame, Instant, Layout
from gateway.rehearsal.judging import Activation, Compared, Judged, activations, compare, judge_again, within
from gateway.rehearsal.rebinding import Rebinding
from gateway.rehearsal.stored import StoredFrames
from gateway.rehearsal.varying import (
    Variation,
    bound_or_refused,
    known_rule,
    parse_variation,
    varied,
    with_files,
)
from gateway.store.errors import StoreError
from gateway.store.reader import Reader
from simulators.capture import CaptureError, read_capture

EXIT_BAD_FILE, EXIT_NO_DATA = 2, 73
SHOWN_TIMES = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--data", type=Path, metavar="DIR", help="where a gateway keeps everything; only read")
    source.add_argument("--capture", type=Path, metavar="FILE", help="instead: what `anlou probe record` has written")
    parser.add_argument("--site", type=Path, metavar="FILE", help="the site file (default: the demo building's)")
    parser.add_argument("--rules", type=Path, nargs="+", default=[], metavar="FILE", help="rules instead of the site's")
    parser.add_argument(
        "--from", dest="begin", type=moment, metavar="TIME", help="2026-11-23T08:00, in the site's zone or with its own"
    )
    parser.add_argument("--to", dest="end", type=moment, metavar="TIME", help="until then")
    parser.add_argument("--vary", type=variation, metavar="RULE.PATH=VALUE,…", help="alarms a week by candidate")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")


def variation(text: str) -> Variation:
    try:
        return parse_variation(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class Span(NamedTuple):
    """From when to when (None: all that there is)."""

    begin: Meant | None
    end: Meant | None

    @classmethod
    def of(cls, args: argparse.Namespace, zone: ZoneInfo) -> Span:
        return cls(*(None if at is None else meant(at, zone) for at in (args.begin, args.end)))

    @property
    def low_ns(self) -> int | None:
        return None if self.begin is None else self.begin.wall_ns

    @property
    def high_ns(self) -> int | None:
        return None if self.end is None else self.end.wall_ns

    def said(self) -> dict[str, str]:
        """How times without a zone were understood, by option."""
        named = {"from": self.begin, "to": self.end}
        return {name: at.said.en for name, at in named.items() if at is not None and at.said is not None}


class Material(NamedTuple):
    """What is judged again: frames, when the gateway was started meanwhile, and what it raised then (None: unknown)."""

    frames: Sequence[Frame]
    starts: Sequence[Instant]
    was: Sequence[Activation] | None
    damaged: int = 0


def run(args: argparse.Namespace) -> int:
    """0 with the answer; 2 when a file or a word is wrong, 73 when nothing can be read there."""
    try:
        with as_file(starter() / "demo" / "site.yaml") as default:
            return _replay(args, args.site or default)
    except ConfigErrors as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_BAD_FILE
    except (NoSuchLink, CaptureError) as error:
        sys.stderr.write(f"anlou: {error}\n")
        return EXIT_BAD_FILE
    except (StoreError, OSError) as error:
        sys.stderr.write(f"anlou: {error}\n")
        return EXIT_NO_DATA


def _replay(args: argparse.Namespace, file: Path) -> int:
    ports = AssumedPorts({}, os.environ)
    site = load_site(file, ports)
    zone = ZoneInfo(site.site.timezone)
    rules = with_files(site.rules, args.rules)
    if args.vary is not None and (said := known_rule(rules, args.vary.rule)) is not None:
        sys.stderr.write(f"anlou: --vary: {said}\n")
        return EXIT_BAD_FILE
    span = Span.of(args, zone)
    material = _material(args, site, span)
    if args.vary is not None:
        judged = {}
        for candidate in args.vary.candidates:
            changed = varied(file, ports, args.vary, candidate)
            only = [rule for rule in changed if rule.rule == args.vary.rule]
            merged = [next((one for one in only if one.rule == rule.rule), rule) for rule in rules]
            bound = bound_or_refused(Rebinding.of(site, merged), f"--vary {args.vary.name}={candidate}")
            judged[candidate] = judge_again(bound, material.frames, material.starts)
        _show(args, span, _vary_body(args.vary, judged), _vary_lines(args.vary, judged))
        return 0
    bound = bound_or_refused(Rebinding.of(site, rules), "rules")
    found = judge_again(bound, material.frames, material.starts)
    compared = compare(material.was or (), found.activations)
    _show(args, span, _body(material, found, compared), _lines(material, found, compared, zone))
    return 0


def _material(args: argparse.Namespace, site: SiteConfig, wanted: Span) -> Material:
    begin, end = wanted.low_ns, wanted.high_ns
    if args.capture is not None:
        frames = asyncio.run(frames_of(read_capture(args.capture), site))
        return Material(list(_spanned(frames, begin, end)), (), None)
    folder: Path = args.data or default_folder(site.site.id)
    if not (folder / "tele.db").is_file():
        raise StoreError(f"{folder}: no samples are stored there")
    stored = StoredFrames(folder / "tele.db", _layouts(site))
    try:
        span = stored.span()
        if span is None:
            raise StoreError(f"{folder}: no samples are stored there")
        low = span[0].wall_ns if begin is None else begin
        high = span[1].wall_ns if end is None else end
        frames = [frame for _, frame in stored.frames(low, high, history=True)]
        damaged = stored.damaged
    finally:
        stored.close()
    reader = Reader(folder / "alarm.db")
    try:
        was = activations(within(reader.span(low, high), low, high))
        starts = reader.starts(low, high)
    finally:
        reader.close()
    return Material(frames, starts, was, damaged)


def _layouts(site: SiteConfig) -> Iterator[Layout]:
    for assignment in site.assignments.values():
        yield from assignment.layouts


def _spanned(frames: Iterable[Frame], begin: int | None, end: int | None) -> Iterator[Frame]:
    for frame in frames:
        if (begin is None or frame.at.wall_ns >= begin) and (end is None or frame.at.wall_ns <= end):
            yield frame


# what it says


def _show(args: argparse.Namespace, span: Span, body: dict[str, Any], lines: Iterable[str]) -> None:
    if args.json:
        print(json.dumps({"asked": span.said(), **body}, indent=2, ensure_ascii=False))
    else:
        for option, said in span.said().items():
            print(f"--{option} {said}")
        for line in lines:
            print(line)


def _time(wall_ns: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(wall_ns / SECOND, zone).strftime("%Y-%m-%d %H:%M:%S")


def _lines(material: Material, found: Judged, compared: Sequence[Compared], zone: tzinfo) -> Iterator[str]:
    if found.began is None or found.ended is None:
        yield "nothing is stored of then"
        return
    damaged = f", {material.damaged} could not be read" if material.damaged else ""
    yield f"{_time(found.began.wall_ns, zone)} … {_time(found.ended.wall_ns, zone)}: {found.frames:,} frames{damaged}"
    for one in compared:
        was, would = len(one.both) + len(one.only_was), len(one.both) + len(one.only_would)
        counted = f"would come {would}×" if material.was is None else f"came {was}×, would come {would}×"
        yield f"{'/'.join(one.key)}: {counted}"
        shown = {"  only then:": one.only_was, "  only with these rules:": one.only_would}
        if material.was is None:
            shown = {"  at": one.only_would}
        for word, ones in shown.items():
            if ones:
                more = f" and {len(ones) - SHOWN_TIMES} more" if len(ones) > SHOWN_TIMES else ""
                yield f"{word} {', '.join(_time(each.wall_ns, zone) for each in ones[:SHOWN_TIMES])}{more}"
    if not compared:
        yield "no alarm came, and none would have come"
    for error in found.errors:
        yield f"could not be judged: {error}"


def _body(material: Material, found: Judged, compared: Sequence[Compared]) -> dict[str, Any]:
    return {
        "frames": found.frames,
        "damaged": material.damaged,
        "from": None if found.began is None else found.began.wall_ns,
        "to": None if found.ended is None else found.ended.wall_ns,
        "compared": material.was is not None,
        "alarms": [
            {
                "rule": one.key[0],
                "source": one.key[1],
                "both": [each.wall_ns for each in one.both],
                "only_was": [each.wall_ns for each in one.only_was],
                "only_would": [each.wall_ns for each in one.only_would],
            }
            for one in compared
        ],
        "errors": list(found.errors),
    }


def _vary_lines(varied_by: Variation, judged: dict[str, Judged]) -> Iterator[str]:
    yield f"{varied_by.name}: alarms a week"
    for candidate, found in judged.items():
        own = [one for one in found.activations if one.rule == varied_by.rule]
        week = found.per_week(len(own))
        rate = "–" if week is None else f"{week:.1f}"
        sources = ", ".join(f"{source} {number}" for source, number in _by_source(own).items())
        yield f"  {candidate:>12}  {rate:>8}  ({len(own)} in this span{': ' if sources else ''}{sources})"


def _vary_body(varied_by: Variation, judged: dict[str, Judged]) -> dict[str, Any]:
    candidates = []
    for candidate, found in judged.items():
        own = [one for one in found.activations if one.rule == varied_by.rule]
        counted = {"alarms": len(own), "per_week": found.per_week(len(own)), "sources": _by_source(own)}
        candidates.append({"value": candidate, **counted})
    return {"varied": varied_by.name, "candidates": candidates}


def _by_source(found: Sequence[Activation]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for one in found:
        counted[one.source] = counted.get(one.source, 0) + 1
    return counted
