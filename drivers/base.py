"""Errors of every driver, on two levels: this request failed, or the session is over."""

from __future__ import annotations

from gateway.model import ErrorKind


class DriverError(Exception):
    """Something between us and a device failed; `kind` says who, the text says how."""

    def __init__(self, kind: ErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class RequestError(DriverError):
    """This request has no answer; the link goes on with the next one."""


class SessionError(DriverError):
    """The link is finished: nothing on it can be trusted any more. Close it and connect again."""
