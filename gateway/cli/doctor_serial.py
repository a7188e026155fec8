"""The doctor's look at serial ports: there, ours to open, under a name that lasts, and nobody else's."""

from __future__ import annotations

import getpass
import grp
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from gateway.cli.doctor_finding import Finding, fails, fine, warns

_CHANGING = re.compile(r"/dev/tty(USB|ACM)\d+")
BY_ID = Path("/dev/serial/by-id")
PROCESSES = Path("/proc")
MEDDLERS = frozenset({"ModemManager", "brltty"})


def serial_port(path: str, ours: frozenset[int] = frozenset()) -> Iterator[Finding]:
    """One port. `ours` are processes that may have it open: the gateway's own."""
    port = Path(path)
    try:
        facts = port.stat()
    except OSError:
        yield fails("serial", "serial_missing", path=path, others=_others())
        return
    if not stat.S_ISCHR(facts.st_mode):
        yield fails("serial", "serial_no_port", path=path)
        return
    if not os.access(port, os.R_OK | os.W_OK, effective_ids=True):
        yield fails("serial", "serial_denied", path=path, user=_user(), group=_group(facts.st_gid))
        return
    users = [(number, name) for number, name in _users_of(port) if number not in ours]
    for number, name in users:
        yield fails("serial", "serial_taken", path=path, name=name, number=number)
    if _CHANGING.fullmatch(path):
        yield warns("serial", "serial_name", path=path, better=_lasting_name(port))
    elif not users:
        yield fine("serial", "serial_good", path=path)


def meddlers() -> Iterator[Finding]:
    """Programs that open every new serial port and write to it."""
    for number, name in _processes():
        if name in MEDDLERS:
            yield warns("serial", "serial_meddler", name=name, number=number)


def _processes() -> Iterator[tuple[int, str]]:
    for entry in PROCESSES.iterdir():
        if entry.name.isdigit():
            try:
                yield int(entry.name), (entry / "comm").read_text().strip()
            except OSError:
                continue  # it has ended meanwhile


def _users_of(port: Path) -> Iterator[tuple[int, str]]:
    """Who has it open, of those whose files we may look at."""
    wanted = os.path.realpath(port)
    for number, name in _processes():
        if number == os.getpid():
            continue
        try:
            links: Iterable[Path] = list((PROCESSES / str(number) / "fd").iterdir())
        except OSError:
            continue  # another user's
        for link in links:
            try:
                if str(link.readlink()) == wanted:
                    yield number, name
                    break
            except OSError:
                continue


def _others() -> str:
    try:
        return ", ".join(sorted(str(one) for one in BY_ID.iterdir())) or "-"
    except OSError:
        return "-"


def _lasting_name(port: Path) -> str:
    try:
        names = sorted(str(one) for one in BY_ID.iterdir() if one.resolve() == port.resolve())
    except OSError:
        names = []
    return names[0] if names else f"{BY_ID}/…"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return str(os.geteuid())


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
