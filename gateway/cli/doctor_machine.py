"""The doctor's look at the machine: its clock, the disk under the data folder, the port to listen on."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from gateway.cli.doctor_finding import Finding, fails, fine, unknown, warns
from gateway.clock import host_clock_synced, host_wall_ns
from gateway.model import SECOND
from gateway.store.reader import Reader

FULL = 95.0
NEARLY_FULL = 85.0
LEAST_FREE = 256 << 20
HOUR_NS = 3600 * SECOND
DAY_NS = 24 * HOUR_NS
_OF_MEMORY = frozenset({"tmpfs", "ramfs"})


def clock(newest_row_ns: int | None) -> Iterator[Finding]:
    """Whether somebody keeps it right, and whether it went back since the journal's newest row."""
    now_ns = host_wall_ns()
    if newest_row_ns is not None and newest_row_ns > now_ns + 60 * SECOND:
        yield fails("clock", "clock_back", minutes=(newest_row_ns - now_ns) // (60 * SECOND))
    synced = host_clock_synced()
    if synced is None:
        yield unknown("clock", "clock_unknown")
    elif synced:
        yield fine("clock", "clock_kept")
    else:
        yield warns("clock", "clock_free")


def folder(data: Path) -> Iterator[Finding]:
    """Whether the gateway can keep things there, now and after a restart of the machine."""
    place = data
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
        yield fails("data", "data_refused", path=data)
        return
    if (kind := _file_system(place)) in _OF_MEMORY:
        yield warns("data", "data_in_memory", path=data, kind=kind)
    else:
        yield fine("data", "data_kept" if place == data else "data_begins", path=data)


def disk(data: Path) -> Iterator[Finding]:
    """What is left on it, and for how long that lasts at the pace of the data so far."""
    place = data
    while not place.exists():
        place = place.parent
    try:
        facts = os.statvfs(place)
    except OSError as problem:
        yield fails("disk", "disk_silent", path=place, why=problem.strerror)
        return
    if facts.f_flag & os.ST_RDONLY:
        yield fails("disk", "disk_read_only", path=place)
        return
    free = facts.f_bavail * facts.f_frsize
    used = 100 * (1 - facts.f_bavail / facts.f_blocks) if facts.f_blocks else 0.0
    shown = {"used": f"{used:.0f}", "free": f"{free / (1 << 20):,.0f}"}
    hours = _lasts_hours(data, free)
    if used >= FULL or free < LEAST_FREE:
        yield fails("disk", "disk_full", **shown)
    elif hours is not None and hours < 24:
        yield fails("disk", "disk_tonight", hours=f"{hours:.0f}", **shown)
    elif used >= NEARLY_FULL:
        yield warns("disk", "disk_nearly_full", **shown)
    elif hours is not None and hours < 14 * 24:
        yield warns("disk", "disk_days", days=f"{hours / 24:.0f}", **shown)
    else:
        yield fine("disk", "disk_free", **shown)
    if facts.f_files and facts.f_favail < facts.f_files * 0.02:
        yield fails("disk", "disk_no_files", count=facts.f_favail)


def _lasts_hours(data: Path, free: int) -> float | None:
    """None while there is too little to tell by."""
    began = first_row_ns(data)
    if began is None or (age := host_wall_ns() - began) < HOUR_NS:
        return None
    try:
        size = sum(file.stat().st_size for file in data.iterdir() if file.name.startswith(("tele.db", "alarm.db")))
    except OSError:
        return None
    return free / size * age / HOUR_NS if size else None


def first_row_ns(data: Path) -> int | None:
    """When the journal began; None where there is none that can be read."""
    return _row_ns(data, newest=False)


def newest_row_ns(data: Path) -> int | None:
    """When the journal's newest row was written."""
    return _row_ns(data, newest=True)


def _row_ns(data: Path, *, newest: bool) -> int | None:
    file = data / "alarm.db"
    if not os.access(file, os.R_OK | os.W_OK, effective_ids=True):  # reading beside a writer writes to its index
        return None
    reader = Reader(file)
    try:
        last = reader.last_seq()
        rows = reader.events(max(0, last - 1) if newest else 0, 1)
    except Exception:  # noqa: BLE001 - a damaged journal is the gateway's to tell; here it only says nothing
        return None
    finally:
        reader.close()
    return rows[0].at.wall_ns if rows else None


def _file_system(place: Path) -> str:
    """The kind of file system that holds it, `?` where that cannot be seen."""
    found, longest = "?", -1
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return found
    resolved = place.resolve()
    for line in lines:
        _, mounted, kind, *_ = line.split(" ")
        if resolved.is_relative_to(mounted) and len(mounted) > longest:
            found, longest = kind, len(mounted)
    return found


def port(host: str, number: int) -> Iterator[Finding]:
    """Whether the API could listen there. Only asked where no gateway of ours does."""
    if number == 0:
        return
    shown = {"host": host, "port": number}
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            with socket.socket(family, kind, protocol) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                tried.bind(address)
                tried.listen()
    except OSError as problem:
        keys = {errno.EADDRINUSE: "port_in_use", errno.EACCES: "port_denied", errno.EADDRNOTAVAIL: "port_elsewhere"}
        key = keys.get(problem.errno or 0, "port_failed")
        yield fails("port", key, why=problem.strerror or str(problem), **shown)
        return
    yield fine("port", "port_free", **shown)
