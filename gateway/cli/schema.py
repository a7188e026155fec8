"""`anlou schema site|profile|rules|rule-tests`: the JSON Schema of a file, for editors."""

from __future__ import annotations

import argparse
import json

from gateway.config import editor_schema as configuration
from gateway.rehearsal.editor_schema import rule_tests_schema

SCHEMAS = {**configuration.SCHEMAS, "rule-tests": rule_tests_schema}


def editor_schema(kind: str) -> configuration.Schema:
    """The schema of one kind of file; KeyError for another one."""
    return configuration.finished(kind, SCHEMAS[kind]())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("kind", choices=SCHEMAS, help="the file that it is for")


def run(args: argparse.Namespace) -> int:
    """0, with the schema on stdout."""
    print(json.dumps(editor_schema(args.kind), indent=2, ensure_ascii=False))
    return 0
