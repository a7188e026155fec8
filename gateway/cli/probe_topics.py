"""`anlou probe topics`: what is said on a broker, grouped by shape, and which profiles fit it."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from typing import Any

from drivers.bench.matching import Match, matches
from drivers.bench.topics import Group, Topics
from drivers.mqtt.language import MqttProfile
from drivers.mqtt.packet import Arrived
from drivers.profile import library
from gateway.cli.probe_link import ProbeError
from gateway.cli.probe_listen import listen
from gateway.cli.probe_run import columns, complete, show_json, tell
from gateway.cli.probe_target import Target, add_link, profile_of, target_of

SHOWN_GROUPS = 40
SHOWN_KEYS = 30
SHOWN_VALUES = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_link(parser)
    parser.add_argument("--seconds", type=float, default=30.0, metavar="N", help="listen so long (default: 30)")
    parser.add_argument("--filter", action="append", metavar="FILTER", help="topics to listen to (default: #)")
    parser.add_argument(
        "--profile", dest="own", action="append", default=[], metavar="PATH", help="try this profile beside the library"
    )


def run(options: argparse.Namespace) -> int:
    if not 0 < options.seconds <= 86_400:
        raise ProbeError(f"--seconds {options.seconds:g}: above 0, at most a day", 2)
    target = target_of(options)
    broker = target.mqtt
    profiles = mqtt_profiles(options.own)
    filters = options.filter or ["#"]
    topics = Topics()

    def take(message: Arrived, at_ns: int) -> None:
        topics.take(message.topic, message.payload, at_ns, retained=message.retain)

    async def work(stop: asyncio.Event) -> bool:
        tell(f"listening to {', '.join(filters)} at {target.options.endpoint} for {options.seconds:g} s; Ctrl-C stops")
        await listen(broker, filters, options.seconds, stop, take)
        return True

    complete(work, gentle=True)
    groups, fitting = topics.groups(), matches(profiles, topics.heard)
    if options.json:
        show_json(_body(target, topics, groups, fitting))
    else:
        for line in _lines(target, topics, groups, fitting):
            print(line)
    return 0 if topics.messages else 1


def mqtt_profiles(own: list[str]) -> list[MqttProfile]:
    """The library's profiles of messages, and those from files."""
    found = [profile_of(name) for name in own]
    files = sorted((file for file in library().iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    # reading YAML with its places is slow, and most profiles are of registers
    speak = [file.name.removesuffix(".yaml") for file in files if "\nmqtt:" in file.read_text("utf-8")]
    found += [profile_of(name) for name in speak]
    return [profile for profile in found if isinstance(profile, MqttProfile)]


def _body(target: Target, topics: Topics, groups: list[Group], fitting: list[Match]) -> dict[str, Any]:
    return {
        "endpoint": target.options.endpoint,
        "messages": topics.messages,
        "topics": len(topics.heard),
        "beyond": topics.beyond,
        "groups": [
            {
                "template": group.template,
                "topics": len(group.topics),
                "messages": group.messages,
                "retained": group.retained,
                "kind": group.kind,
                "every_s": group.every_s,
                "variables": {name: list(values) for name, values in group.variables.items()},
                "keys": {
                    path: {"types": key.types, "example": key.example, "seen": key.seen}
                    for path, key in group.keys.items()
                },
            }
            for group in groups
        ],
        "profiles": [
            {
                "profile": match.profile,
                "variables": dict(match.variables),
                "topics": match.topics,
                "points": match.points,
                "heard": match.heard,
                "good": match.good,
                "entry": _entry(match, target),
            }
            for match in fitting
        ],
    }


def _entry(match: Match, target: Target) -> str:
    return match.entry.replace("LINK", target.link) if "://" not in target.link else match.entry


def _lines(target: Target, topics: Topics, groups: list[Group], fitting: list[Match]) -> Iterator[str]:
    kept = sum(group.retained for group in groups)
    yield (
        f"{_count(topics.messages, 'message')} on {_count(len(topics.heard), 'topic')} of {target.options.endpoint}"
        f"{f', {kept} of them kept by the broker' if kept else ''}"
    )
    if topics.beyond:
        yield f"  and {topics.beyond} messages on topics that there was no room for: use --filter"
    for group in groups[:SHOWN_GROUPS]:
        yield from _group(group)
    if len(groups) > SHOWN_GROUPS:
        yield f"and {len(groups) - SHOWN_GROUPS} more shapes: use --filter, or --json"
    if not fitting:
        yield "no profile of the library fits"
        return
    yield "profiles that fit, as a site would say it:"
    for match in fitting:
        yield f"  {_entry(match, target)}"
        heard = _count(match.topics, "topic")
        yield f"      {match.good} of its {match.points} points are good in what was heard ({heard})"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _group(group: Group) -> Iterator[str]:
    every = f", each every {group.every_s:.3g} s" if group.every_s else ""
    number, messages = _count(len(group.topics), "topic"), _count(group.messages, "message")
    yield f"{group.template}  ({number}, {messages}{every}, {group.kind})"
    for name, values in group.variables.items():
        more = f" and {len(values) - SHOWN_VALUES} more" if len(values) > SHOWN_VALUES else ""
        yield f"    {{{name}}}: {', '.join(values[:SHOWN_VALUES])}{more}"
    keys = list(group.keys.items())
    rows = [(path or "(the whole payload)", " or ".join(key.types), key.example) for path, key in keys[:SHOWN_KEYS]]
    yield from columns(rows, indent="    ")
    if len(keys) > SHOWN_KEYS:
        yield f"    and {len(keys) - SHOWN_KEYS} more keys"
