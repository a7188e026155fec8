"""Outcomes as JUnit XML, as CI servers read it: a suite for each file, a case for each test."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as Xml

from gateway.model import SECOND
from gateway.rehearsal.runner import Outcome

# XML 1.0 §2.2: what may stand in a document
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(outcomes: Mapping[str, Sequence[Outcome]]) -> bytes:
    """The document; `outcomes` are by file. A case's time is building time, so that two runs give the same bytes."""
    root = Xml.Element("testsuites", name="anlou test-rules")
    for file, played in outcomes.items():
        failures = sum(1 for one in played if not one.passed)
        seconds = sum(one.played_ns for one in played) / SECOND
        suite = Xml.SubElement(
            root,
            "testsuite",
            name=_clean(file),
            tests=str(len(played)),
            failures=str(failures),
            errors="0",
            skipped="0",
            time=f"{seconds:g}",
        )
        for one in played:
            _case(suite, file, one)
    Xml.indent(root)
    return bytes(Xml.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(suite: Xml.Element, file: str, outcome: Outcome) -> None:
    script = outcome.script
    case = Xml.SubElement(
        suite,
        "testcase",
        name=_clean(script.name),
        classname=_clean(re.sub(r"\.ya?ml$", "", file).replace("/", ".").strip(".")),
        file=_clean(file),
        line=str(script.place(script.path, "").line),
        time=f"{outcome.played_ns / SECOND:g}",
    )
    if outcome.failures:
        message = outcome.failures[0].problem.message
        failure = Xml.SubElement(case, "failure", message=_clean(message), type="expectation")
        failure.text = _clean("\n".join(line for one in outcome.failures for line in one.lines()))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
