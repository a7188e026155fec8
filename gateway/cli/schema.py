"""`anlou schema site|profile|rules`: the JSON Schema of a file, for editors."""

from __future__ import annotations

import argparse
import json

from gateway.config.editor_schema import SCHEMAS, editor_schema


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("kind", choices=SCHEMAS, help="the file that it is for")


def run(args: argparse.Namespace) -> int:
    """0, with the schema on stdout."""
    print(json.dumps(editor_schema(args.kind), indent=2, ensure_ascii=False))
    return 0
