"""What a model would have accepted at a path: read from its JSON Schema, so that no model lists its keys twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.errors import PydanticUserError

Schema = Mapping[str, Any]


@cache
def schema_of(model: type[BaseModel]) -> Schema:
    """The JSON Schema of what `model` reads; empty when a field has none, and then there are no suggestions."""
    try:
        return model.model_json_schema(by_alias=True, mode="validation")
    except PydanticUserError:
        return {}


class Expected:
    """All alternatives of the schema at one path of a model.

    `branches` are the unions on the way whose branch is known: (length of the path there, name of the model).
    """

    def __init__(
        self, model: type[BaseModel], path: Sequence[object], branches: Sequence[tuple[int, str]] = ()
    ) -> None:
        self._definitions: Schema = schema_of(model).get("$defs", {})
        known = dict(branches)
        self._here = self._narrowed([("", schema_of(model))], known.get(0))
        for length, step in enumerate(path, 1):
            inner = [("", found) for outer in self._here for found in self._inside(outer, step)]
            self._here = self._narrowed(inner, known.get(length))

    def keys(self) -> list[str]:
        """The keys of a mapping that may stand here, over all alternatives."""
        return list(dict.fromkeys(key for schema in self._here for key in schema.get("properties", ())))

    def choices(self) -> list[str]:
        """The texts that may stand here, when they are a closed list."""
        found = [schema.get("enum") or ([schema["const"]] if "const" in schema else []) for schema in self._here]
        return [str(choice) for choices in found for choice in choices]

    def bounds(self) -> tuple[object, object]:
        """The least and the greatest number that may stand here, both included; None where there is no such bound."""
        low = [schema["minimum"] for schema in self._here if "minimum" in schema]
        high = [schema["maximum"] for schema in self._here if "maximum" in schema]
        return (low[0] if low else None, high[0] if high else None)

    def _narrowed(self, schemas: Sequence[tuple[str, Schema]], branch: str | None) -> list[Schema]:
        """The alternatives in `schemas`; of those that are models only the one named, if it is among them."""
        found = [named for name, schema in schemas for named in self._alternatives(schema, name)]
        meant = [schema for name, schema in found if name == branch]
        return meant or [schema for _, schema in found]

    def _alternatives(self, schema: Schema, name: str = "") -> Iterator[tuple[str, Schema]]:
        if "$ref" in schema:
            target = schema["$ref"].rpartition("/")[2]
            yield from self._alternatives(self._definitions.get(target, {}), target)
        elif branches := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            for branch in branches:
                yield from self._alternatives(branch, name)
        else:
            yield name, schema

    def _inside(self, schema: Schema, step: object) -> Iterator[Schema]:
        if isinstance(step, str) and step in schema.get("properties", {}):
            yield schema["properties"][step]
            return
        inner = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties"), schema.get("items")]
        yield from (found for found in inner if isinstance(found, Mapping))
