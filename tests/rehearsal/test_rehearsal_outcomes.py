"""Coverage and JUnit XML of rule tests."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

from gateway.model import AlarmState
from gateway.rehearsal.coverage import Coverage
from gateway.rehearsal.junit import junit
from tests.rehearsal.playing import played

WET = """
    - test: raises & <says> so
      steps:
        - {at: 0s, set: {sump.floor_level: 0.12 m}}
        - {at: 30s, expect: {W-1/sump: unacked}}
    - test: 'fails with \\u0007'
      steps:
        - {at: 0s, set: {sump.floor_level: 0 m}}
        - {at: 30s, expect: {W-1/sump: unacked}, expect_count: {raise: 1}}
    """


def test_coverage_says_what_nobody_touched(tmp_path: Path) -> None:
    seen = Coverage()
    played(tmp_path, WET, seen)
    body = seen.body()
    assert body["never_raised"] == ["W-2", "W-3", "W-4", "GW-01"]
    assert body["never_calm"] == ["W-3", "W-4"]
    left = {(one["state"], one["trigger"]) for one in body["untouched_transitions"]}
    assert ("pending", "expired") not in left
    assert ("unacked", "ack") in left
    assert body["rules"] == 5
    text = "\n".join(seen.lines())
    assert "coverage: 1 of 5 rules raised, 3 calm" in text
    assert "never raised: W-2, W-3, W-4, GW-01" in text


def test_no_way_can_be_forgotten(tmp_path: Path) -> None:
    """A second file touches more: what is left only shrinks."""
    seen = Coverage()
    played(tmp_path, WET, seen)
    before = len(seen.untouched())
    more = """
        - test: answered
          steps:
            - {at: 0s, set: {sump.floor_level: 0.12 m}}
            - {at: 30s, ack: W-1/sump, expect: {W-1/sump: acked}}
        """
    played(tmp_path, more, seen)
    after = seen.untouched()
    assert len(after) < before
    assert not [one for one in after if one[0] is AlarmState.UNACKED and one[1] == "ack"]


def test_junit_is_xml_with_a_case_for_each_test(tmp_path: Path) -> None:
    outcomes = {"garage/tests.yaml": played(tmp_path, WET)}
    document = junit(outcomes)
    root = Xml.fromstring(document)
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    good, bad = suite
    assert (good.get("name"), good.get("classname"), good.get("line")) == ("raises & <says> so", "garage.tests", "2")
    assert good.find("failure") is None
    failure = bad.find("failure")
    assert failure is not None and failure.text is not None
    assert "W-1/sump: expected unacked, got normal" in str(failure.get("message"))
    assert "raise: expected 1, got 0" in failure.text
    assert junit({"garage/tests.yaml": played(tmp_path, WET)}) == document, "two runs give the same bytes"
