"""JSON Schemas of the files that people write, for editors: keys while typing, mistakes before `anlou check`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from alerts.rule import Rule
from drivers.language import many
from drivers.profile import ModbusProfile, MqttProfile
from gateway.config.site import SiteFile

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {
    "type": "string",
    "pattern": r"\$\{(env|cred|file|port):[^}]+\}",
    "description": "filled in when the file is read",
}


_SAID = ("title", "description", "default")
_FORMS = {"pattern", "maxLength", "enum", "const", "format"}
_BOUNDS = {"minLength": "minItems", "maxLength": "maxItems"}
_OR_ONE = "x-or-one"
"""Marks a list that may be written without its brackets until its bounds have been added."""


def finished(kind: str, found: Schema) -> Schema:
    """What a Generator has made, for an editor: named, in the validators' own words."""
    schema: Schema = _everywhere(_everywhere(found, _or_one), _closed)
    return {"$schema": _DIALECT, "$id": f"urn:anlou:schema:{kind}", **schema}


class Generator(GenerateJsonSchema):
    """A list of one may be written without its brackets where our reader takes it so: behind one of `listed`."""

    listed: Collection[Any] = (many,)

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        found = super().function_before_schema(schema)
        one = any(schema["function"]["function"] is each for each in self.listed)
        return {**found, _OR_ONE: True} if one and "items" in found else found


def _site() -> Schema:
    found = SiteFile.model_json_schema(schema_generator=Generator)
    for link in found["properties"]["links"]["patternProperties"].values():
        registers, messages = link.pop("oneOf")
        link.update({"type": "object", **_by_wire(messages, registers)})
    return {**_everywhere(found, _or_reference), "title": "AnLou site"}


def _profile() -> Schema:
    both, definitions = models_json_schema(
        [(ModbusProfile, "validation"), (MqttProfile, "validation")], schema_generator=Generator
    )
    wires = _by_wire(both[MqttProfile, "validation"], both[ModbusProfile, "validation"])
    return {"title": "AnLou profile", "type": "object", **wires, **definitions}


def _by_wire(messages: Schema, registers: Schema) -> Schema:
    """As the loader decides: with the key `mqtt` it is one of messages, and only its mistakes are told."""
    return {"if": {"required": ["mqtt"]}, "then": messages, "else": registers}


def _rules() -> Schema:
    return {**TypeAdapter(list[Rule]).json_schema(schema_generator=Generator), "title": "AnLou rules"}


def _everywhere(schema: Any, change: Callable[[Schema], Schema]) -> Any:
    """`schema` with every mapping in it changed, the inner ones first; what names keys stays as it is."""
    if isinstance(schema, list):
        return [_everywhere(inner, change) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    fixed = ("propertyNames", "default", "examples")
    return change({key: inner if key in fixed else _everywhere(inner, change) for key, inner in schema.items()})


def _or_one(schema: Schema) -> Schema:
    if schema.pop(_OR_ONE, False) is False:
        return schema
    said = {key: schema.pop(key) for key in _SAID if key in schema}
    # behind a validator of ours pydantic takes the bounds of a list for those of a text
    listed = {_BOUNDS.get(key, key): value for key, value in schema.items()}
    return {**said, "anyOf": [schema["items"], listed]}


def _closed(schema: Schema) -> Schema:
    """Names of another form than the one that is said are no names."""
    return {**schema, "additionalProperties": False} if "patternProperties" in schema else schema


def _or_reference(schema: Schema) -> Schema:
    """A text of a certain form may also be a reference such as `${env:NAME}`."""
    if schema.get("type") != "string" or not _FORMS.intersection(schema):
        return schema
    said = {key: schema.pop(key) for key in _SAID if key in schema}
    return {**said, "anyOf": [schema, _REFERENCE]}


SCHEMAS: dict[str, Callable[[], Schema]] = {"site": _site, "profile": _profile, "rules": _rules}
"""Not yet `finished`."""
