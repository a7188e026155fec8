"""`anlou token`: make, list and revoke access tokens, through the running gateway or, when none runs, the files."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from alerts.bound import Bound
from alerts.engine import AlarmEngine
from gateway.api.tokens import Role
from gateway.app.access import Access
from gateway.app.control import ControlError, ask
from gateway.pipeline import Pipeline, last_known, resumed_clock
from gateway.store.errors import StoreError
from gateway.store.journal import Journal
from gateway.store.lock import DataLock
from gateway.store.reader import Reader
from gateway.store.samples import Samples

EXIT_REFUSED = 1
EXIT_STORE = 73


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="do", required=True, metavar="create|list|revoke")
    create = kinds.add_parser("create", help="make a token and print it, once")
    create.add_argument("--role", required=True, choices=[role.word for role in Role])
    create.add_argument("--name", required=True, help="whose it is; stands in the journal at what they do")
    revoke = kinds.add_parser("revoke", help="end a token now")
    revoke.add_argument("--name", required=True)
    for kind in (create, revoke, kinds.add_parser("list", help="all tokens, without their secrets")):
        kind.add_argument("--data", type=Path, required=True, metavar="DIR", help="the gateway's data directory")


def run(options: argparse.Namespace) -> int:
    begun = not (options.data / "alarm.db").exists()
    if begun and options.do != "create":  # a mistyped folder must not look like a gateway without tokens
        sys.stderr.write(f"anlou: no gateway keeps anything in {options.data}\n")
        return EXIT_STORE
    request = {key: getattr(options, key) for key in ("do", "role", "name") if hasattr(options, key)}
    try:
        reply: Mapping[str, Any] | None = ask(options.data, "token", **request)
        if reply is None:
            reply = asyncio.run(_in_the_files(options.data, request))
    except ControlError as refused:
        sys.stderr.write(f"anlou: {refused}\n")
        return EXIT_REFUSED
    except (StoreError, OSError) as problem:
        sys.stderr.write(f"anlou: {problem}\n")
        return EXIT_STORE
    if "token" in reply:
        print(reply["token"])
        if begun:
            sys.stderr.write(
                f"anlou: {options.data} is new; the token is for a gateway run with --data {options.data}\n"
            )
    for token in reply.get("tokens", ()):
        print(f"{token['name']}\t{token['role']}\t{'revoked' if token['revoked'] else 'valid'}")
    return 0


async def _in_the_files(folder: Path, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """No gateway runs: do it in its place, with the lock held and the same journal row."""
    with DataLock(folder):
        journal = Journal.open(folder / "alarm.db")
        samples = Samples.open(folder / "tele.db")
        reader = Reader(journal.path)
        try:
            restored = journal.load()
            engine = AlarmEngine(Bound(instances=()), next_seq=restored.next_seq)
            clock = resumed_clock(last_known(restored, samples))
            access = Access(journal, reader, Pipeline(engine, journal, samples, clock))
            return await partial(access.answer, request)()
        finally:
            reader.close()
            await samples.close()
            await journal.close()
