"""`${port:NAME}`, `${env:NAME}`, `${file:PATH}`, `${cred:NAME}` in the texts of a site file.

What comes from env, file and cred may be a secret: it is never told, neither when it is missing nor when it is wrong.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from gateway.config.document import Document, Path
from gateway.config.problems import ConfigErrors, Problem, quoted
from gateway.config.source import read_regular

MAX_SECRET_BYTES = 65_536
_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_SHARED = 4  # so many characters in a row of a secret are no coincidence


class Substitution:
    """The values of one site file with its references filled in, and what must not be told of them."""

    def __init__(self, document: Document, ports: Mapping[str, int], environment: Mapping[str, str]) -> None:
        self._document, self._ports, self._environment = document, ports, environment
        self.file = document.file
        self._folder = FilePath(document.file).parent
        self.problems: list[Problem] = []
        self.hidden: dict[Path, tuple[str, str]] = {}  # path → (as written, as filled in)
        self.value = self._filled(document.value, ())

    def discreet(self, problem: Problem, path: Path) -> Problem:
        """`problem` with the value at `path`, without a trace of what env, file or cred gave."""
        message = problem.message
        for place, (written, filled) in self.hidden.items():
            for form in sorted({filled, repr(filled)[1:-1]}, key=len, reverse=True):
                if len(form) >= _SHARED or place == path[: len(place)]:
                    message = message.replace(form, written)
            if place == path[: len(place)] and _shares(message.replace(written, ""), filled):
                message = f"what {written} gives does not fit here"
        return problem._replace(message=message)

    def _filled(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._filled(inner, (*path, number)) for number, inner in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            return self._text(value, path)
        return value

    def _text(self, written: str, path: Path) -> str:
        secret = False

        def given(match: re.Match[str]) -> str:
            nonlocal secret
            if match[0] == "$${":
                return "${"
            try:
                kind, value = self._look_up(match[0], path)
            except (LookupError, ValueError) as error:
                self.problems.append(self._document.at_value(path, str(error.args[0])))
                self._document.faulty.append(path)  # a value that could not be filled in is not judged as well
                return ""
            secret = secret or kind != "port"
            return value

        filled = _REFERENCE.sub(given, written)
        if secret and filled:
            self.hidden[path] = (written, filled)
        return filled

    def _look_up(self, reference: str, path: Path) -> tuple[str, str]:
        kind, colon, name = reference.removeprefix("${").removesuffix("}").partition(":")
        if not reference.endswith("}") or not colon or kind not in {"port", "env", "file", "cred"}:
            raise ValueError(
                f"{quoted(reference)} is no reference: ${{port:…}}, ${{env:…}}, ${{file:…}} or ${{cred:…}} is expected"
                " (write $${ for a plain ${)"
            )
        if kind != "file" and not _NAME.fullmatch(name):
            raise ValueError(f"{quoted(reference)}: a name of letters, digits, - and _ is expected after {kind}:")
        look_up = {"port": self._port, "env": self._env, "cred": self._cred, "file": self._file}[kind]
        return kind, look_up(name, path)

    def _port(self, name: str, path: Path) -> str:
        variable = port_variable(name)
        found = str(self._ports[name]) if name in self._ports else self._environment.get(variable)
        if found is None:
            raise LookupError(f"the port {name!r} is not known; the environment variable {variable} would give it")
        if not re.fullmatch(r"[1-9][0-9]{0,4}", found) or int(found) > 65_535:
            raise ValueError(f"the port {name!r} must lie within 1 … 65535")
        return found

    def _env(self, name: str, path: Path) -> str:
        if not (found := self._environment.get(name, "")):
            raise LookupError(f"the environment variable {name} is not set, or empty")
        return found

    def _cred(self, name: str, path: Path) -> str:
        folder = self._environment.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise LookupError(
                f"the credential {name!r} cannot be read: CREDENTIALS_DIRECTORY is not set (systemd does)"
            )
        return self._content(FilePath(folder) / name, f"the credential {name!r}", path)

    def _file(self, name: str, path: Path) -> str:
        return self._content(self._folder / name, f"the file {name!r}", path)

    def _content(self, file: FilePath, what: str, path: Path) -> str:
        try:
            raw, mode = read_regular(file, MAX_SECRET_BYTES)
        except ConfigErrors as error:
            raise LookupError(f"{what} is missing or unfit: {error.problems[0].message}") from None
        if mode & stat.S_IRWXO:
            raise LookupError(f"{what} is open to everybody; chmod o-rwx it")
        try:
            text = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise LookupError(f"{what} is not UTF-8") from None
        if not text or not text.isprintable():
            raise LookupError(f"{what} must hold one line of text")
        return text


def port_variable(name: str) -> str:
    """The environment variable that gives `${port:name}`: `pump-room` → ANLOU_PORT_PUMP_ROOM."""
    return "ANLOU_PORT_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


def environment() -> Mapping[str, str]:
    """The process' environment."""
    return os.environ


def _shares(message: str, secret: str) -> bool:
    pieces = (secret[start : start + _SHARED] for start in range(max(1, len(secret) - _SHARED + 1)))
    return any(piece in message for piece in pieces)
