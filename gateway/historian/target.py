"""The outside database through influxdb-client: raw line protocol in, one request at a time, in a thread of its own.

Neither its batching (it drops after a while, E13) nor its points (8–17 µs each) are used.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from gateway.clock import host_wall_ns
from gateway.historian import answers
from gateway.historian.answers import Trouble
from gateway.historian.options import HistorianOptions
from gateway.historian.wire import Wires

Given = TypeVar("Given")

CONNECT_S = 3.0
TOTAL_S = 10.0
_LONGEST_ANSWER = 4 << 20


class Target:
    """One database. Every call takes at most ten seconds of host time and raises Trouble when it fails."""

    def __init__(self, options: HistorianOptions, total_s: float = TOTAL_S) -> None:
        self._options = options
        self._total_s = total_s
        self._thread = ThreadPoolExecutor(1, "historian")
        self._wires = Wires()
        self._client: Any = None
        self.is_victoria = options.kind == "victoriametrics"

    async def run(self, work: Callable[[], Given]) -> Given:
        """Do something else in this thread, between requests."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def write(self, lines: list[str]) -> None:
        """Send lines; returns when the database has said that it took them. BadLines when it never will."""
        await self._call(lambda: self._write(lines))

    async def metrics(self) -> str | None:
        """What /metrics says; None where it is not shown to us."""
        return await self._call(self._metrics)

    async def read_back(self, measurement: str, site: str, ms: int) -> bool:
        """Whether the canary's point of that millisecond can be read."""
        ask = self._ask_victoria if self.is_victoria else self._ask_influx
        return await self._call(lambda: ask(measurement, site, ms))

    async def close(self) -> None:
        """Cut what is on its way and let the thread end."""
        self._wires.cut()
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    async def _call(self, work: Callable[[], Given]) -> Given:
        asked = asyncio.get_running_loop().run_in_executor(self._thread, self._guarded, work)
        asked.add_done_callback(_seen)
        try:
            async with asyncio.timeout(self._total_s):
                return await asyncio.shield(asked)
        except TimeoutError:
            self._wires.cut()
            with contextlib.suppress(Exception):
                async with asyncio.timeout(self._total_s):
                    await asyncio.shield(asked)  # the thread is free again before anything else is asked of it
            raise Trouble(f"no answer within {self._total_s:g} s") from None
        except BaseException:
            self._wires.cut()
            raise

    def _guarded(self, work: Callable[[], Given]) -> Given:
        try:
            return work()
        except (Trouble, answers.BadLines):
            raise
        except Exception as error:
            cause = str(error).partition("(Caused by ")[2].rstrip(")") or str(error)
            raise Trouble(f"{type(error).__name__}: {' '.join(cause.split())[:300]}") from error

    def _opened(self) -> Any:
        if self._client is None:
            # 30 MB and a quarter of a second: only where there is a historian, and in this thread
            from influxdb_client.client.influxdb_client import InfluxDBClient  # noqa: PLC0415

            token = self._options.token
            client = InfluxDBClient(
                self._options.url,
                token.get_secret_value() if token else "",
                timeout=(CONNECT_S * 1000, self._total_s * 1000),
                ssl_ca_cert=self._options.ca,
            )
            self._wires.watch(client.api_client.rest_client.pool_manager)
            self._client = client
        return self._client

    def _write(self, lines: list[str]) -> None:
        from influxdb_client.rest import ApiException  # noqa: PLC0415
        from influxdb_client.service.write_service import WriteService  # noqa: PLC0415

        body = "\n".join(lines).encode()
        more: dict[str, Any] = {}
        if self._options.gzip:
            packer = zlib.compressobj(1, zlib.DEFLATED, 31)  # 31: as gzip; the client's own level is 9
            body, more = packer.compress(body) + packer.flush(), {"content_encoding": "gzip"}
        try:
            service: Any = WriteService(self._opened().api_client)  # type: ignore[no-untyped-call]
            service.post_write(
                org=self._options.org or "",
                bucket=self._options.bucket or "",
                body=body,
                precision="ms",
                urlopen_kw={"redirect": False},
                **more,
            )
        except ApiException as error:
            message = _message(error.body) or str(error.reason)
            retry_after = error.headers.get("Retry-After") if error.headers else None
            answers.judge(error.status or 0, message, retry_after, host_wall_ns(), len(lines))

    def _request(self, method: str, path: str, query: list[tuple[str, str]], body: str | None = None) -> bytes:
        from influxdb_client.rest import ApiException  # noqa: PLC0415

        api = self._opened().api_client
        headers = dict(api.default_headers)
        if body is not None:
            headers["Content-Type"] = "application/vnd.flux"
        try:
            reply = api.request(
                method, self._options.url + path, query_params=query, headers=headers, body=body,
                _preload_content=False, redirect=False,
            )  # fmt: skip
        except ApiException as error:
            answers.judge(error.status or 0, _message(error.body), None, host_wall_ns(), 0)
            raise
        try:
            read: bytes = reply.read(_LONGEST_ANSWER)
        finally:
            reply.close()
            reply.release_conn()
        return read

    def _metrics(self) -> str | None:
        try:
            return self._request("GET", "/metrics", []).decode("utf-8", "replace")
        except Trouble as trouble:
            if trouble.denied:
                return None
            raise

    def _ask_victoria(self, measurement: str, site: str, ms: int) -> bool:
        selector = f"{measurement}_value{{site={json.dumps(site)}}}"
        query = [("match[]", selector), ("start", f"{ms / 1000:.3f}"), ("end", f"{(ms + 1) / 1000:.3f}")]
        return f'"timestamps":[{ms}' in self._request("GET", "/api/v1/export", query).decode("utf-8", "replace")

    def _ask_influx(self, measurement: str, site: str, ms: int) -> bool:
        flux = (
            f"from(bucket: {json.dumps(self._options.bucket)})"
            f" |> range(start: time(v: {ms * 1_000_000}), stop: time(v: {(ms + 1) * 1_000_000}))"
            f" |> filter(fn: (r) => r._measurement == {json.dumps(measurement)} and r.site == {json.dumps(site)})"
        )
        org = [("org", self._options.org or "")]
        answer = self._request("POST", "/api/v2/query", org, flux).decode("utf-8", "replace")
        return any(row.startswith(",_result,") for row in answer.splitlines())

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._wires.cut()


def _message(body: Any) -> str:
    """What the database says in words: `message` of InfluxDB's JSON, or the text as it is."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
    try:
        told = json.loads(text)
    except ValueError:
        return text
    return str(told.get("message", text)) if isinstance(told, dict) else text


def _seen(asked: asyncio.Future[Any]) -> None:
    """Its error is looked at here, should nobody wait any more."""
    if not asked.cancelled():
        asked.exception()
