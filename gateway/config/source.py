"""Reading a configuration file without being harmed by it: regular, small, UTF-8, nobody else's to write."""

from __future__ import annotations

import os
import re
import stat
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

from gateway.config.problems import ConfigErrors, Problem

MAX_BYTES = 1_000_000
_BOM = b"\xef\xbb\xbf"
# C0 and C1 controls, foreign line breaks, U+FEFF inside, non-characters: a YAML line must be an editor's line
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class Source(NamedTuple):
    """A file's text and what the checks need to know about it. `mode` is None for files of the wheel."""

    name: str
    raw: bytes
    text: str
    mode: int | None = None


def read_source(path: Path) -> Source:
    """The text of a file on disk; ConfigErrors when it is no regular UTF-8 file of at most 1 MB."""
    raw, mode = read_regular(path, MAX_BYTES)
    if mode & stat.S_IWOTH:
        raise _refusal(str(path), "everybody may write this file, so anybody could silence an alarm; chmod o-w it")
    return Source(str(path), raw, decode(str(path), raw), mode)


def read_packaged(file: Traversable) -> Source:
    """The text of a file of the wheel."""
    raw = file.read_bytes()
    return Source(str(file), raw, decode(str(file), raw))


def read_regular(path: Path, limit: int) -> tuple[bytes, int]:
    """Bytes and mode of a regular file; it is looked at before it is opened, so that a device is never opened."""
    name = str(path)
    try:
        before = path.lstat()
        if not stat.S_ISREG(before.st_mode):
            raise _refusal(name, f"a regular file is expected, this is {_kind(before.st_mode)}")
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            after = os.fstat(opened.fileno())
            if not stat.S_ISREG(after.st_mode):  # exchanged between the two looks
                raise _refusal(name, f"a regular file is expected, this is {_kind(after.st_mode)}")
            raw = opened.read(limit + 1)
    except OSError as error:
        raise _refusal(name, f"cannot be read: {(error.strerror or 'error').lower()}") from None
    except ValueError:
        raise _refusal(name, "this is no file name") from None
    if len(raw) > limit:
        raise _refusal(name, f"the file is larger than {limit:,} bytes")
    return raw, after.st_mode


def decode(name: str, raw: bytes) -> str:
    """The text of `raw`: UTF-8, with or without a byte order mark, free of control characters."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigErrors([Problem(name, 1, 1, "the file is UTF-16; save it as UTF-8")])
    body = raw.removeprefix(_BOM)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        good = body[: error.start].decode("utf-8")
        message = f"the byte 0x{body[error.start]:02X} is not UTF-8; save the file as UTF-8"
        raise ConfigErrors([_at_end_of(name, good, message)]) from None
    if found := _FORBIDDEN.search(text):
        message = f"the character U+{ord(found[0]):04X} is not allowed; a text may hold it as an escape, in quotes"
        raise ConfigErrors([_at_end_of(name, text[: found.start()], message)])
    return text


def _at_end_of(name: str, text: str, message: str) -> Problem:
    lines = re.split("\r\n|\r|\n", text)
    return Problem(name, len(lines), len(lines[-1]) + 1, message)


def _refusal(name: str, message: str) -> ConfigErrors:
    return ConfigErrors([Problem(name, 0, 0, message)])


_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device file",
    stat.S_IFBLK: "a device file",
}


def _kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "something else")
