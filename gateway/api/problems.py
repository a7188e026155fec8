"""Errors in one shape, RFC 9457: whatever goes wrong, wherever, the body has the same members."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway.store.errors import StoreError

log = logging.getLogger("anlou.api")

MEDIA_TYPE = "application/problem+json"
LONGEST_MESSAGE = 300

CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    421: "wrong_host",
    422: "invalid",
    429: "too_many",
    431: "headers_too_large",
    500: "failed",
    503: "unavailable",
}


class Problem(Exception):  # noqa: N818 - an answer, not a failure of the gateway
    """Raise it in a route to answer with it. `current` is what the caller should know instead (a stale ack's alarm)."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
        current: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code or CODES.get(status, "failed")
        self.errors = errors
        self.current = current
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """ASCII only, so that a lone surrogate in what the caller sent cannot break the answer."""
        content = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "errors": list(self.errors),
            "current": self.current,
        }
        return json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode()

    def response(self) -> Response:
        return Response(self.body(), self.status, self.headers, MEDIA_TYPE)


def validation_problem(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """Where and what, never the input itself: it may be a secret put into the wrong field."""
    shown = [
        {"loc": [str(part)[:64] for part in error["loc"]], "message": str(error["msg"])[:LONGEST_MESSAGE]}
        for error in errors[:20]
    ]
    return Problem(422, "the request is not valid", errors=shown)


def failure(error: Exception) -> Problem:
    """A 500 that tells the caller nothing but a number to look for in the log."""
    number = secrets.token_hex(6)
    log.error("request failed, id %s", number, exc_info=error)
    return Problem(500, f"the gateway could not answer; the log has it under {number}")


def install_problems(app: FastAPI) -> None:
    """Every error that routing, validation and routes raise is answered in the one shape."""

    async def from_problem(_: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)  # noqa: S101 - registered for nothing else
        return problem.response()

    async def from_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
        return Problem(error.status_code, str(error.detail), headers=error.headers).response()

    async def from_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for nothing else
        return validation_problem(error.errors()).response()

    async def from_store(_: Request, error: Exception) -> Response:
        log.error("the store does not answer: %s", error)
        return Problem(503, "the store does not answer").response()

    app.add_exception_handler(StoreError, from_store)
    app.add_exception_handler(Problem, from_problem)
    app.add_exception_handler(HTTPException, from_http)
    app.add_exception_handler(RequestValidationError, from_validation)
