"""A mistake found by a validator, at the very key that holds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError


def misplaced(message: str, *loc: str | int) -> ValidationError:
    """The error `message` at `loc`, below the place where it is raised; pydantic merges it with the others."""
    # a literal text: pydantic fills braces from the context, and the message may quote some
    error = PydanticCustomError("value_error", "{text}", {"text": message})
    return ValidationError.from_exception_data("rule", [InitErrorDetails(type=error, loc=loc, input=None)])


@contextmanager
def located(*loc: str | int) -> Iterator[None]:
    """A ValueError raised inside is reported at `loc`."""
    try:
        yield
    except ValidationError:
        raise
    except ValueError as error:
        raise misplaced(str(error), *loc) from None
