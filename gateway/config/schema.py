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
    """All alternatives of the schema at one path of a model."""

    def __init__(self, model: type[BaseModel], path: Sequence[object]) -> None:
        self._definitions: Schema = schema_of(model).get("$defs", {})
        self._here = list(self._alternatives(schema_of(model)))
        for step in path:
            self._here = [inner for outer in self._here for inner in self._inside(outer, step)]

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

    def _alternatives(self, schema: Schema) -> Iterator[Schema]:
        if "$ref" in schema:
            yield from self._alternatives(self._definitions.get(schema["$ref"].rpartition("/")[2], {}))
        elif branches := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            for branch in branches:
                yield from self._alternatives(branch)
        else:
            yield schema

    def _inside(self, schema: Schema, step: object) -> Iterator[Schema]:
        if isinstance(step, str) and step in schema.get("properties", {}):
            yield from self._alternatives(schema["properties"][step])
            return
        inner = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties"), schema.get("items")]
        for found in inner:
            if isinstance(found, Mapping):
                yield from self._alternatives(found)
