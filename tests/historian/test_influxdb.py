"""The contract with InfluxDB 2, against a real one where ANLOU_TEST_INFLUX_URL, _TOKEN, _ORG and _BUCKET name it.

Otherwise the same tests run against a stub that follows its documentation.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from gateway.clock import host_wall_ns
from gateway.historian import answers
from gateway.historian.answers import BadLines, Trouble
from gateway.historian.options import HistorianOptions
from gateway.historian.stamps import MILLI
from gateway.historian.target import Target
from tests.historian.stub import BUCKET, ORG, TOKEN, running


@pytest.fixture
async def options() -> AsyncIterator[HistorianOptions]:
    names = {key: os.environ.get(f"ANLOU_TEST_INFLUX_{key.upper()}") for key in ("url", "token", "org", "bucket")}
    if all(names.values()):
        yield HistorianOptions.model_validate({"kind": "influxdb2", "insecure": True, **names})
        return
    async with running() as stub:
        yield HistorianOptions.model_validate(
            {"kind": "influxdb2", "url": stub.url, "token": TOKEN, "org": ORG, "bucket": BUCKET}
        )


@pytest.fixture
async def target(options: HistorianOptions) -> AsyncIterator[Target]:
    target = Target(options)
    yield target
    await target.close()


MS = host_wall_ns() // MILLI


async def test_what_is_written_can_be_read_back(target: Target) -> None:
    await target.write([f"canary,site=s value=1 {MS}"])
    for _ in range(100):
        if await target.read_back("canary", "s", MS):
            break
        await asyncio.sleep(0.1)
    else:
        pytest.fail("not read back")
    assert not await target.read_back("canary", "s", MS + 1)
    assert not await target.read_back("canary", "another", MS)


async def test_a_resend_is_taken(target: Target) -> None:
    lines = [f"point,site=s,device=d\\ 1,point=p value=-1e-07,quality=64 {MS}", f"point,site=s value=5 {MS}"]
    for _ in range(2):
        await target.write(lines)


async def test_a_line_that_is_none_is_bad(target: Target) -> None:
    with pytest.raises(BadLines):
        await target.write([f"point,site=s value=1 {MS}", "point,site=s value= 5"])


@pytest.mark.parametrize(("key", "wrong"), [("token", "nobodys"), ("bucket", "no-such-bucket")])
async def test_a_wrong_name_is_somebodys_to_mend(options: HistorianOptions, key: str, wrong: str) -> None:
    told = options.model_dump() | {"token": options.token.get_secret_value() if options.token else "", key: wrong}
    target = Target(HistorianOptions.model_validate(told))
    with pytest.raises(Trouble) as found:
        await target.write([f"point,site=s value=1 {MS}"])
    assert found.value.denied
    await target.close()


async def test_its_start_can_be_told(target: Target) -> None:
    metrics = await target.metrics()
    assert metrics is not None and answers.started_at(metrics) is not None
