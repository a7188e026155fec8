"""A server that answers as InfluxDB 2 documents it, and, when told, as no server should."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

TOKEN, ORG, BUCKET = "t0ken", "house", "anlou"

_TAG = r"(?:\\[,= ]|[^,= \\])+"
_LINE = re.compile(
    rf"(?P<series>[a-z_]+(?:,{_TAG}={_TAG})*) (?P<fields>[a-z_]+=[^ ,]+(?:,[a-z_]+=[^ ,]+)*) (?P<ms>\d+)"
)


@dataclass(frozen=True)
class Answer:
    """A status with a body as InfluxDB writes it; or a `way`: `hang`, `drip`, `cut` (takes it, no answer), `reset`."""

    status: int = 204
    code: str = ""
    message: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    way: str = ""

    @property
    def body(self) -> bytes:
        return json.dumps({"code": self.code, "message": self.message}).encode() if self.code else b""


UNAUTHORIZED = Answer(401, "unauthorized", "unauthorized access")
NOT_FOUND = Answer(404, "not found", f'bucket "{BUCKET}" not found')
BUSY = Answer(503, "unavailable", "", (("Retry-After", "0"),))
INTERNAL = Answer(500, "internal error", "an internal error has occurred")


@dataclass
class Stub:
    """`points` are what is stored: (series, ms) → fields. `next` are answers to the writes to come; `always` to all."""

    points: dict[tuple[str, int], dict[str, float]] = field(default_factory=dict)
    requests: list[tuple[str, int]] = field(default_factory=list)
    next: deque[Answer] = field(default_factory=deque)
    always: Answer | None = None
    poison: Callable[[str], bool] = lambda line: False
    beyond: Callable[[str], bool] = lambda line: False
    most_bytes: int = 50_000_000
    keeps: bool = True
    started: int = 1_700_000_000
    redirect: str = ""
    open: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def count(self, measurement: str = "point", field_name: str = "value") -> dict[str, int]:
        """How many points each series has."""
        counts: dict[str, int] = {}
        for (series, _), fields in self.points.items():
            if series.split(",")[0] == measurement and field_name in fields:
                counts[series] = counts.get(series, 0) + 1
        return counts

    def writes(self) -> list[int]:
        """How many lines each write had."""
        return [lines for path, lines in self.requests if path == "/api/v2/write"]

    def _write(self, body: bytes, raw: int) -> Answer:
        if raw > self.most_bytes:
            return Answer(413, "request too large", "request body too large")
        lines = body.decode().split("\n")
        for line in lines:
            if _LINE.fullmatch(line) is None or self.poison(line):
                return Answer(400, "invalid", f"unable to parse '{line}': invalid number")
        kept = [line for line in lines if not self.beyond(line)]
        self.store(kept)
        if dropped := len(lines) - len(kept):
            said = f"partial write: points beyond retention policy dropped={dropped}"
            return Answer(422, "unprocessable entity", f"failure writing points to database: {said}")
        return Answer()

    def store(self, lines: list[str]) -> None:
        for line in lines:
            match = _LINE.fullmatch(line)
            assert match is not None, line
            fields = {
                name: float(value) for name, _, value in (one.partition("=") for one in match["fields"].split(","))
            }
            if self.keeps:
                self.points.setdefault((match["series"], int(match["ms"])), {}).update(fields)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest if line)}
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        body = gzip.decompress(raw) if headers.get("content-encoding") == "gzip" else raw
        url = urlsplit(target)
        self.requests.append((url.path, body.count(b"\n") + 1 if body else 0))
        answer = self._answer(method, url.path, dict(parse_qsl(url.query)), headers, body, len(raw))
        if answer.way == "hang":
            await reader.read()  # until the other side goes
            return False
        if answer.way in {"cut", "reset"}:
            return False
        text = answer.body if isinstance(answer, Answer) else b""
        reply = f"HTTP/1.1 {answer.status} X\r\nContent-Length: {len(text)}\r\n"
        reply += "".join(f"{name}: {value}\r\n" for name, value in answer.headers) + "\r\n"
        if answer.way == "drip":
            for byte in reply.encode() * 10:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.write(reply.encode() + text)
        await writer.drain()
        return True

    def _answer(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes, raw: int
    ) -> Answer:
        if path == "/metrics":
            return Text(f"# TYPE x gauge\nprocess_start_time_seconds {self.started}\n")
        if headers.get("authorization") != f"Token {TOKEN}":
            return UNAUTHORIZED
        if path == "/api/v2/query":
            return self._query(body.decode(), query)
        assert (method, path) == ("POST", "/api/v2/write")
        if query.get("org") != ORG or query.get("bucket") != BUCKET or query.get("precision") != "ms":
            return NOT_FOUND
        told = self.next.popleft() if self.next else self.always
        if told is None:
            return self._write(body, raw)
        if told.way == "cut" or told.status == 204:
            self._write(body, raw)
        return told

    def _query(self, flux: str, query: dict[str, str]) -> Answer:
        assert query["org"] == ORG
        start, stop = (int(found) // 1_000_000 for found in re.findall(r"time\(v: (\d+)\)", flux))
        measurement, site = re.findall(r'== "([^"]+)"', flux)
        found = [ms for (series, ms) in self.points if series == f"{measurement},site={site}" and start <= ms < stop]
        if not found:
            return Text("\r\n")
        rows = "".join(f",_result,0,,,{ms},1,value,{measurement},{site}\r\n" for ms in found)
        return Text(",result,table,_start,_stop,_time,_value,_field,_measurement,site\r\n" + rows + "\r\n")


class Text(Answer):
    """200 with a text."""

    def __init__(self, text: str) -> None:
        super().__init__(200, "text", text)

    @property
    def body(self) -> bytes:
        return self.message.encode()


@asynccontextmanager
async def running(stub: Stub | None = None) -> AsyncIterator[Stub]:
    stub = stub or Stub()
    server = await asyncio.start_server(stub.serve, "127.0.0.1", stub.port, limit=1 << 24)
    stub.port = server.sockets[0].getsockname()[1]
    try:
        yield stub
    finally:
        server.close()
        for _ in range(200):
            if not stub.open:
                break
            await asyncio.sleep(0.01)
