"""What the target's answers mean for what was sent. Pure."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

from gateway.model import SECOND

LONGEST_RETRY_AFTER_NS = 600 * SECOND
_DROPPED = re.compile(r"dropped=(\d+)")
_FLAG = re.compile(r'^flag\{name="([^"]+)", value="([^"]*)"', re.MULTILINE)
_START = re.compile(r"^(?:vm_app_start_timestamp|process_start_time_seconds)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
_PERIOD = re.compile(r"(\d+(?:\.\d+)?)([hdwy]?)")
_HOUR_NS = 3600 * SECOND
_PERIODS = {"h": _HOUR_NS, "d": 24 * _HOUR_NS, "w": 168 * _HOUR_NS, "y": 8760 * _HOUR_NS, "": 31 * 24 * _HOUR_NS}


class Trouble(Exception):  # noqa: N818 - the target's, not ours
    """It may work later. `after_ns` is how long the target asks us to wait; `denied` that somebody must mend it."""

    def __init__(self, message: str, *, after_ns: int | None = None, denied: bool = False) -> None:
        super().__init__(message)
        self.after_ns = after_ns
        self.denied = denied


class BadLines(Exception):  # noqa: N818 - a finding
    """The target will not take all of these lines, now or later. `all_of_them`: it says that it took none."""

    def __init__(self, message: str, *, all_of_them: bool = False, too_large: bool = False) -> None:
        super().__init__(message)
        self.all_of_them = all_of_them
        self.too_large = too_large


def judge(status: int, message: str, retry_after: str | None, now_wall_ns: int, lines: int) -> None:
    """Return when the lines were taken; raise BadLines or Trouble."""
    if 200 <= status < 300:
        return
    said = f"HTTP {status}: {' '.join(message.split())[:300]}" if message else f"HTTP {status}"
    if status in {400, 413, 422}:
        dropped = _DROPPED.search(message)
        whole = status == 422 and dropped is not None and int(dropped[1]) >= lines
        raise BadLines(said, all_of_them=whole, too_large=status == 413)
    if status in {408, 425, 429} or status >= 500:
        raise Trouble(said, after_ns=_after_ns(retry_after, now_wall_ns))
    raise Trouble(said, denied=True)


def _after_ns(text: str | None, now_wall_ns: int) -> int | None:
    """Seconds or an HTTP date, at most ten minutes; nonsense counts as nothing."""
    if text is None:
        return None
    try:
        if text.isascii() and text.isdigit():
            wait = int(text[:9]) * SECOND
        else:
            wait = int(parsedate_to_datetime(text).timestamp()) * SECOND - now_wall_ns
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, 0), LONGEST_RETRY_AFTER_NS)


def started_at(metrics: str) -> str | None:
    """When the target's process started, as it says itself; only compared for equality."""
    found = sorted(set(_START.findall(metrics)))
    return ",".join(found) or None


def flags(metrics: str) -> dict[str, str]:
    """VictoriaMetrics's command line, as its /metrics tells it."""
    return dict(_FLAG.findall(metrics))


def retention_ns(text: str) -> int | None:
    """`-retentionPeriod`: a number of months (31 days), or with h, d, w, y."""
    match = _PERIOD.fullmatch(text)
    return round(float(match[1]) * _PERIODS[match[2]]) if match else None
