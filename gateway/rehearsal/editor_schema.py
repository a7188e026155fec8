"""The JSON Schema of a file of rule tests, for editors."""

from __future__ import annotations

from pydantic.json_schema import JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from gateway.config.editor_schema import Generator, Schema
from gateway.rehearsal.model import Bare, RuleTests, about, listed


class _Generator(Generator):
    """An alarm alone may stand for a command to it."""

    listed = (listed,)

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        found = super().function_before_schema(schema)
        return {"anyOf": [{"type": "string"}, found]} if schema["function"]["function"] is about else found


def rule_tests_schema() -> Schema:
    """As the reader decides: a list is of tests alone, anything else has a head, and only its mistakes are told."""
    both, definitions = models_json_schema(
        [(Bare, "validation"), (RuleTests, "validation")], schema_generator=_Generator
    )
    forms = {"if": {"type": "array"}, "then": both[Bare, "validation"], "else": both[RuleTests, "validation"]}
    return {"title": "AnLou rule tests", **forms, **definitions}
