"""Options, answers, cursors, windows, canaries, events: what can be judged without a server."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from gateway.historian.answers import BadLines, Trouble, flags, judge, retention_ns, started_at
from gateway.historian.batch import BYTES, LINES, YEAR_2020_MS, Window, cut
from gateway.historian.canary import Canary
from gateway.historian.events import EventLines
from gateway.historian.options import HistorianOptions
from gateway.historian.passes import Progress
from gateway.model import SECOND, AlarmState, Device, Event, Instant, Location, Occurrence, Part, Text
from tests.store.material import WALL, occurrence

INFLUX = {"kind": "influxdb2", "url": "https://db.example:8086", "org": "o", "bucket": "b", "token": "s3cret"}
VICTORIA = {"kind": "victoriametrics", "url": "http://127.0.0.1:8428"}


def test_options_name_a_database() -> None:
    assert HistorianOptions.model_validate(INFLUX).endpoint == "https://db.example:8086"
    assert HistorianOptions.model_validate(VICTORIA).gzip
    assert HistorianOptions.model_validate(VICTORIA | {"url": "http://[::1]:8428/vm/"}).url == "http://[::1]:8428/vm"
    assert HistorianOptions.model_validate(VICTORIA | {"url": "http://db:8428", "insecure": True}).insecure
    assert "s3cret" not in repr(HistorianOptions.model_validate(INFLUX))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": "http://db.example:8086"}, "loopback only"),
        ({"url": "http://127.0.0.1.example:8086"}, "loopback only"),
        ({"url": "ftp://db"}, "must look like"),
        ({"url": "https://"}, "must look like"),
        ({"url": "https://db:port"}, "[Pp]ort"),
        ({"url": "https://me:pw@db"}, "must not hold a user"),
        ({"url": "https://db/?org=x"}, "must end with the path"),
        ({"url": "https://db\n/"}, "printable"),
        ({"token": "a\nb"}, "printable"),
        ({"token": ""}, "printable"),
        ({"token": None}, "needs `org`, `bucket` and `token`"),
        ({"bucket": None}, "needs `org`"),
        ({"kind": "victoriametrics"}, "has no `org`"),
        ({"kind": "influxdb3"}, "influxdb2"),
        ({"database": "x"}, "Extra inputs"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as refused:
        HistorianOptions.model_validate(INFLUX | change)
    assert "s3cret" not in str(refused.value)


def answer(status: int, message: str = "", retry_after: str | None = None, lines: int = 5) -> Trouble | BadLines | None:
    try:
        judge(status, message, retry_after, WALL, lines)
    except (Trouble, BadLines) as found:
        return found
    return None


def test_answers_say_whose_fault_it_is() -> None:
    assert answer(204) is None and answer(200) is None
    for status in (400, 413, 422):
        assert isinstance(answer(status), BadLines)
    for status in (408, 425, 429, 500, 502, 503, 504):
        found = answer(status)
        assert isinstance(found, Trouble) and not found.denied
    for status in (0, 301, 401, 402, 403, 404, 405):
        found = answer(status, "no such bucket")
        assert isinstance(found, Trouble) and found.denied
        assert str(found) == f"HTTP {status}: no such bucket"


def test_a_whole_batch_may_be_refused_at_once() -> None:
    said = "failure writing points to database: partial write: points beyond retention policy dropped="
    some, every = answer(422, said + "4"), answer(422, said + "5")
    assert isinstance(some, BadLines) and not some.all_of_them
    assert isinstance(every, BadLines) and every.all_of_them
    assert not answer(400, said + "5").all_of_them  # type: ignore[union-attr]
    assert answer(413).too_large and not answer(400).too_large  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), ("0", 0), ("86400", 600), ("9" * 400, 600), ("-1", None), ("soon", None), (None, None), ("1e3", None)],
)
def test_retry_after_is_honoured_up_to_ten_minutes(text: str | None, seconds: int | None) -> None:
    for status in (429, 503):
        found = answer(status, "", text)
        assert isinstance(found, Trouble)
        assert found.after_ns == (None if seconds is None else seconds * SECOND)


def test_retry_after_may_be_a_date() -> None:
    found = answer(429, "", "Tue, 14 Nov 2023 22:14:05 GMT")  # WALL is 22:13:20
    assert isinstance(found, Trouble) and found.after_ns == 45 * SECOND


METRICS = """# HELP
process_start_time_seconds 1795452387
vm_app_start_timestamp 1795452388
flag{name="dedup.minScrapeInterval", value="1ms", is_set="true"} 1
flag{name="retentionPeriod", value="10y", is_set="true"} 1
vm_process_start_time_seconds_other 5
"""


def test_what_metrics_tell() -> None:
    assert started_at(METRICS) == "1795452387,1795452388"
    assert started_at(METRICS.replace("2388", "2399")) != started_at(METRICS)
    assert started_at("") is None
    assert flags(METRICS) == {"dedup.minScrapeInterval": "1ms", "retentionPeriod": "10y"}


@pytest.mark.parametrize(
    ("text", "days"), [("1", 31), ("10y", 3650), ("2w", 14), ("3d", 3), ("36h", 1.5), ("", None), ("x", None)]
)
def test_retention_is_read_as_victoria_metrics_reads_it(text: str, days: float | None) -> None:
    assert retention_ns(text) == (None if days is None else days * 86400 * SECOND)


def test_a_window_is_what_the_target_keeps() -> None:
    now = WALL // 1_000_000
    window = Window.of_victoria(WALL, retention_ns("1"))
    assert window.refuses(now) is None
    assert window.refuses(YEAR_2020_MS - 1) == "before_2020"
    assert window.refuses(now - 31 * 86_400_000) == "retention"
    assert window.refuses(now - 30 * 86_400_000) is None
    assert window.refuses(now + 2 * 86_400_000) == "future"
    assert Window().refuses(now + 10**12) is None
    assert Window().refuses(5) == "before_2020"


def test_requests_are_cut_by_lines_and_by_bytes() -> None:
    assert cut(["x"] * (LINES + 5), 0) == LINES
    assert cut(["x"] * (LINES + 5), LINES) == LINES + 5
    assert cut(["x" * 1000] * 5000, 0) == BYTES // 1001
    assert cut(["x" * (BYTES + 1)] * 2, 0) == 1
    assert cut(["x"] * 9, 2, most=3) == 5


def test_progress_trails_and_comes_back() -> None:
    progress = Progress.parse(None)
    assert progress.split(1000)
    hole, live = progress.holes[0], progress.live
    assert (hole.confirmed, hole.until, live.confirmed, live.until) == (0, 1000, 1000, None)
    live.delivered(1010, now_ns=5)
    hole.delivered(400, now_ns=5)
    hole.delivered(1000, now_ns=9)
    assert not hole.left(2000) and live.left(1011) and not live.left(1010)
    assert progress.confirm(before_ns=4) is False
    assert progress.confirm(before_ns=5)
    assert (hole.confirmed, live.confirmed) == (400, 1010)
    again = Progress.parse(progress.text())
    assert (again.live.next, again.holes[0].next, again.holes[0].until) == (1010, 400, 1000)
    assert (again.holes[0].judged, again.live.judged) == (1000, 1010)
    progress.resume()
    assert (hole.next, live.next) == (400, 1010)
    hole.delivered(1000, now_ns=20)
    assert progress.confirm(before_ns=20)
    assert progress.holes == []


def test_holes_are_bounded() -> None:
    progress = Progress.parse(None)
    assert not progress.split(0)
    for horizon in range(1, 200):
        progress.live.delivered(progress.live.next + 1, 0)
        progress.split(10 * horizon)
    assert len(progress.holes) == 64
    covered = [(hole.confirmed, hole.until) for hole in progress.holes]
    assert [until for _, until in covered[:-1]] == [begin for begin, _ in covered[1:]]
    assert progress.live.confirmed == covered[-1][1]


def test_a_week_of_refused_writes_is_one_hole() -> None:
    """The newest are to go first when it works again, so what waits must not use the holes up."""
    progress = Progress.parse(None)
    for horizon in range(10, 10_000, 10):
        progress.resume()
        assert progress.split(horizon)
    assert [(hole.confirmed, hole.until) for hole in progress.holes] == [(0, 9990)]
    assert progress.live.next == 9990
    progress.live.delivered(9995, 0)
    assert progress.split(10_000)
    assert [(hole.confirmed, hole.until) for hole in progress.holes] == [(0, 9990), (9990, 10_000)], "some was taken"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"live":[1],"holes":[],"journal":[0,0,null]}', '{"live":"x"}'])
def test_an_unreadable_cursor_means_from_the_beginning(text: str) -> None:
    progress = Progress.parse(text)
    assert (progress.live.next, progress.holes, progress.journal.next) == (0, [], 0)


def test_a_canary_that_does_not_come_back_is_lost() -> None:
    canary = Canary("site 1", every_ns=300, patience_ns=600)
    assert canary.due(0)
    assert canary.line(7) == "canary,site=site\\ 1 value=1 7"
    canary.written(7, 0)
    assert not canary.due(299) and canary.due(300)
    canary.looked(False, 599)
    assert (canary.lost, canary.awaited) == (False, 7)
    canary.written(8, 300)  # the first is the one that is waited for
    canary.looked(False, 600)
    assert (canary.lost, canary.awaited) == (True, None)
    canary.written(9, 700)
    assert canary.lost
    canary.looked(True, 701)
    assert not canary.lost
    canary.written(10, 1100)
    canary.forget()  # the target was started anew
    assert canary.awaited is None and canary.due(1100)
    canary.looked(False, 99_999)
    assert not canary.lost


PANEL = Device(
    id="panel-1",
    system="fire",
    name=Text("x", "x"),
    profile=None,
    location=Location(zone="lobby"),
    poll_ns=0,
    points=(),
    parts={"L1D1": Part("L1D1", None, Location(zone="kitchen-3a"))},
)


def event(seq: int, state: str | None, *, ms: int = 0, source: str = "panel-1/L1D1") -> Event:
    at = Instant(seq, WALL + ms * 1_000_000 + 999)
    body = {"state": state, "severity": "critical"} if state else {}
    named = (f"life of {source}", "FI-01", source) if state else (None, None, None)
    return Event(seq=seq, at=at, kind="x", occurrence=named[0], rule=named[1], source=named[2], body=body)


def lines_of(*events: Event, known: Occurrence | None = None) -> list[str]:
    lines = EventLines("s", {"panel-1": PANEL}, lambda _: known)
    return [made[1] for one in events if (made := lines.of(one)) is not None]


MS = WALL // 1_000_000


def test_events_are_numbers_under_the_names_of_their_alarm() -> None:
    known = replace(occurrence(), system="fire")
    start = "alarm_event,site=s,zone=kitchen-3a,system=fire,device=panel-1,part=L1D1,rule=FI-01,class=property"
    assert lines_of(
        event(1, None), event(2, "unacked"), event(3, "acked", ms=5), event(4, "normal", ms=9), known=known
    ) == [
        f"{start} severity=1,state_code=2,active=1,acked=0,seq=2 {MS}",
        f"{start} severity=1,state_code=4,active=1,acked=1,seq=3 {MS + 5}",
        f"{start} severity=1,state_code=0,active=0,acked=0,seq=4 {MS + 9}",
    ]


def test_events_of_one_moment_are_kept_apart() -> None:
    lines = lines_of(*(event(seq, "acked") for seq in range(1, 4)), event(4, "acked", source="panel-1"))
    assert [line.rsplit(" ", 1)[1] for line in lines] == [str(MS), str(MS + 1), str(MS + 2), str(MS)]


def test_an_occurrence_that_is_gone_leaves_its_class_out() -> None:
    [line] = lines_of(event(1, "unacked", source="gone"))
    assert line.startswith("alarm_event,site=s,device=gone,rule=FI-01 severity=1,")


def test_every_state_has_a_number() -> None:
    assert len(lines_of(*(event(n, str(state)) for n, state in enumerate(AlarmState)))) == len(AlarmState)
