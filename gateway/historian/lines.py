"""Line protocol: frames as lines, one for each sample. Pure.

`point,site=…,system=…,zone=…,device=…,part=…,point=… value=… MS`. Every sample in the log is one line, except texts,
which no series can hold: a GOOD one has `value`, an UNCERTAIN one `value` and `quality`, a BAD one only `quality`
(model.Quality's number). Numbers only, and all of them floats: InfluxDB refuses a field whose type changes, and
VictoriaMetrics stores a string as 0. A bool is 0 or 1, an enumeration the place of its name in the point's `codes`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from math import isfinite

from gateway.model import Device, Frame, Layout, Point, PointType, Quality, Value

MEASUREMENT = "point"
_UNDECODED = int(Quality.BAD_DECODE)
_UNDECLARED = int(Quality.BAD_UNDECLARED)
_BAD = 0x80
_LAYOUTS = 10_000

_SPECIAL = re.compile(r"([,= ])")
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def escaped(text: str) -> str:
    """A tag's value. A backslash means different things to the two databases, and becomes `/`; controls become `_`."""
    if text.isalnum():
        return text
    return _SPECIAL.sub(r"\\\1", _UNSENDABLE.sub("_", text).replace("\\", "/"))


def head(measurement: str, tags: Iterable[tuple[str, str | None]]) -> str:
    """Measurement and tags, up to the space before the fields; a tag without a value is left out."""
    return "".join([measurement, *(f",{key}={escaped(value)}" for key, value in tags if value), " "])


Convert = Callable[[Value], "float | int | None"]


def _plain(value: Value) -> float | int | None:
    if isinstance(value, float):
        return value if isfinite(value) else None
    return int(value) if isinstance(value, int) else None


def _coded(codes: tuple[str, ...]) -> Convert:
    numbers: dict[Value, int] = {code: number for number, code in enumerate(codes)}
    return numbers.get


class SampleLines:
    """The lines of frames. What does not change between frames of a layout is made once."""

    def __init__(self, site: str, devices: Mapping[str, Device]) -> None:
        self._site = site
        self._devices = devices
        self._columns: dict[Layout, list[tuple[str, Convert, int]]] = {}

    def of(self, frame: Frame, ms: int) -> list[str]:
        columns = self._columns.get(frame.layout)
        if columns is None:
            if len(self._columns) >= _LAYOUTS:
                self._columns.clear()
            columns = self._columns[frame.layout] = [self._column(frame.layout, p) for p in frame.layout.points]
        if frame.quality is not None:
            return self._marked(frame, columns, ms)
        lines = []
        for (start, convert, undecodable), value in zip(columns, frame.values, strict=True):
            if type(value) is float and isfinite(value) and undecodable == _UNDECODED:
                lines.append(f"{start}value={value!r} {ms}")
            elif undecodable:
                number = convert(value)
                lines.append(
                    f"{start}quality={undecodable} {ms}" if number is None else f"{start}value={number!r} {ms}"
                )
        return lines

    def _marked(self, frame: Frame, columns: list[tuple[str, Convert, int]], ms: int) -> list[str]:
        lines = []
        for (start, convert, undecodable), value, mark in zip(columns, frame.values, frame.quality or (), strict=True):
            if mark >= _BAD:
                lines.append(f"{start}quality={int(mark)} {ms}")
            elif undecodable:
                number = convert(value)
                if number is None:
                    lines.append(f"{start}quality={undecodable} {ms}")
                elif mark:
                    lines.append(f"{start}value={number!r},quality={int(mark)} {ms}")
                else:
                    lines.append(f"{start}value={number!r} {ms}")
        return lines

    def _column(self, layout: Layout, point: Point) -> tuple[str, Convert, int]:
        """Where a point's lines begin, how values become numbers, the quality of one that cannot (0: no line)."""
        device = self._devices.get(layout.device)
        start = head(
            MEASUREMENT,
            (
                ("site", self._site),
                ("system", device.system if device else None),
                ("zone", device.place(point.part).zone if device else None),
                ("device", layout.device),
                ("part", point.part),
                ("point", point.name),
            ),
        )
        if point.type is PointType.TEXT:
            return start, _plain, 0
        if point.type is PointType.ENUM:
            return start, _coded(point.codes), _UNDECLARED
        return start, _plain, _UNDECODED
