"""Reading a request body strictly: what JSON allows and what it does not say is not guessed."""

from __future__ import annotations

import json
from typing import Any, NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from gateway.api.problems import Problem, validation_problem

Model = TypeVar("Model", bound=BaseModel)


async def read_body(request: Request, model: type[Model]) -> Model:
    """The JSON body as `model`; no body at all counts as `{}`. Raises Problem 400, 415 or 422."""
    try:
        raw = await request.body()
    except ClientDisconnect:
        # told to nobody: whoever asked has gone in the middle of asking
        raise Problem(400, "the request did not arrive whole") from None
    if not raw:
        return _validate({}, model)
    _check_media_type(request)
    return _validate(decode(raw), model)


def decode(raw: bytes) -> Any:
    """JSON without duplicate keys, NaN, infinities, numbers beyond float, and nesting without end."""
    try:
        return json.loads(
            raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite
        )
    except UnicodeDecodeError:
        raise Problem(400, "the body is not UTF-8") from None
    except RecursionError:
        raise Problem(400, "the body is nested too deeply") from None
    except ValueError as problem:
        raise Problem(400, f"the body is not JSON: {problem}"[:200]) from None


def _check_media_type(request: Request) -> None:
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if media_type.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise Problem(415, "the body must be application/json in UTF-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "the body must not be compressed")


def _validate(content: Any, model: type[Model]) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problem = validation_problem(error.errors(include_input=False, include_url=False, include_context=False))
        raise problem from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")
    return found


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return number
