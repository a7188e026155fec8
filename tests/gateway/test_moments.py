"""Times that `anlou explain` and `anlou replay` are asked for: one behaviour, and what was meant is said."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.app.moments import meant, parse
from gateway.cli import explain, replay

BERLIN = ZoneInfo("Europe/Berlin")
SHANGHAI = ZoneInfo("Asia/Shanghai")


def utc(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("text", ["2026-11-23T13:30:00+08:00", "2026-11-23T05:30:00Z", "2026-11-23T06:30+01:00"])
def test_with_a_zone_it_is_what_it_says(text: str) -> None:
    found = meant(parse(text), BERLIN)
    assert (utc(found.wall_ns), found.said) == ("2026-11-23T05:30:00Z", None)


def test_without_one_it_is_the_sites_and_that_is_said() -> None:
    found = meant(parse("2026-11-23T13:30"), SHANGHAI)
    assert utc(found.wall_ns) == "2026-11-23T05:30:00Z" and found.said is not None
    assert found.said.en == "2026-11-23T13:30:00 is the site's time (Asia/Shanghai): 2026-11-23T13:30:00+08:00"
    assert "按站点时区（Asia/Shanghai）计" in found.said.zh


def test_parts_of_a_second_are_kept_to_the_microsecond() -> None:
    assert meant(parse("2026-11-23T05:30:00.000001Z"), BERLIN).wall_ns % 10**9 == 1_000


def test_a_time_that_the_clocks_skip_is_as_long_behind_the_change() -> None:
    found = meant(parse("2026-03-29T02:30"), BERLIN)
    assert utc(found.wall_ns) == "2026-03-29T01:30:00Z" and found.said is not None
    assert "2026-03-29T03:30:00+02:00" in found.said.en and "skip" in found.said.en and "拨快" in found.said.zh


def test_of_a_time_that_comes_twice_the_first_is_meant_and_both_can_be_asked_for() -> None:
    found = meant(parse("2026-10-25T02:30"), BERLIN)
    assert utc(found.wall_ns) == "2026-10-25T00:30:00Z" and found.said is not None
    assert "comes twice" in found.said.en and "+02:00 or +01:00" in found.said.en and "两次" in found.said.zh
    assert utc(meant(parse("2026-10-25T02:30+01:00"), BERLIN).wall_ns) == "2026-10-25T01:30:00Z"


@pytest.mark.parametrize("text", ["2026-03-29T01:59:59", "2026-03-29T03:00", "2026-10-25T01:59", "2026-10-25T03:00"])
def test_beside_a_change_of_the_clocks_nothing_is_ambiguous(text: str) -> None:
    said = meant(parse(text), BERLIN).said
    assert said is not None and "twice" not in said.en and "skip" not in said.en


@pytest.mark.parametrize("text", ["noon", "", "2026-13-01T00:00", "0001-01-01T00:00", "9999-12-31T23:59:59-12:00"])
def test_what_is_no_time_is_refused_with_what_one_looks_like(text: str) -> None:
    with pytest.raises(ValueError, match="2026-11-23T13:30"):
        parse(text)
    with pytest.raises(argparse.ArgumentTypeError, match="from 1970 to 2199"):
        explain.moment(text)


def test_both_commands_take_the_same_times() -> None:
    asked = argparse.ArgumentParser()
    explain.add_arguments(asked)
    replayed = argparse.ArgumentParser()
    replay.add_arguments(replayed)
    for text in ("2026-11-23T13:30", "2026-11-23T13:30:00+08:00"):
        found = replayed.parse_args(["--from", text, "--to", text])
        one = asked.parse_args(["R", "s", "--data", "d", "--at", text])
        assert one.at == found.begin == found.end == parse(text)
    span = replay.Span.of(replayed.parse_args(["--from", "2026-10-25T02:30", "--to", "2026-10-25T02:30Z"]), BERLIN)
    assert list(span.said()) == ["from"] and "comes twice" in span.said()["from"]
