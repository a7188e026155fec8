"""Modbus TCP within TLS: who is not proven is not spoken to."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from drivers.base import SessionError
from drivers.modbus.connect import open_connection
from drivers.modbus.frame import Question
from drivers.modbus.options import ModbusLinkOptions
from gateway.model import ErrorKind
from tests.drivers.scripted import Ask, Scripted

TODAY = datetime.datetime.now(datetime.UTC)
TWO = Question(unit=1, function=3, address=100, count=2, size=4)
RIGHT = b"\x00\x2a\x01\x00"


def right(ask: Ask, writer: asyncio.StreamWriter) -> None:
    writer.write(ask.answer(RIGHT))


@asynccontextmanager
async def device(certificate: trustme.LeafCert, asks: trustme.CA | None = None) -> AsyncIterator[Scripted]:
    """A Modbus server within TLS; `asks`: it wants a certificate of this authority from us."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    if asks is not None:
        asks.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    made = Scripted(right)
    server = await asyncio.start_server(made._serve, "127.0.0.1", 0, ssl=context)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for writer in made.writers:
            writer.transport.abort()
        await server.wait_closed()
        while left := [task for task in made.serving if task is not None]:
            for task in left:
                task.cancel()
            await asyncio.wait(left)


def options(port: int, host: str = "localhost", **more: str) -> ModbusLinkOptions:
    return ModbusLinkOptions.model_validate({"modbus": f"tls://{host}:{port}", "timeout": "30s", **more})


def believed(folder: Path, authority: trustme.CA) -> str:
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return str(folder / "ca.pem")


async def test_a_proven_device_is_read(tmp_path: Path) -> None:
    authority = trustme.CA()
    async with device(authority.issue_cert("localhost")) as made:
        connection = await open_connection(options(made.port, ca=believed(tmp_path, authority)))
        assert connection.endpoint == f"tls://localhost:{made.port}"
        for _ in range(3):
            assert await connection.checked_read(TWO) == RIGHT
        connection.close()


@pytest.mark.parametrize("case", ["other authority", "other host", "expired", "not yet", "self-signed"])
async def test_who_is_not_proven_is_not_spoken_to(tmp_path: Path, case: str) -> None:
    authority, day = trustme.CA(), datetime.timedelta(days=1)
    certificate = {
        "other authority": lambda: trustme.CA().issue_cert("localhost"),
        "other host": lambda: authority.issue_cert("elsewhere.example"),
        "expired": lambda: authority.issue_cert("localhost", not_before=TODAY - 9 * day, not_after=TODAY - day),
        "not yet": lambda: authority.issue_cert("localhost", not_before=TODAY + day, not_after=TODAY + 9 * day),
        "self-signed": lambda: authority.issue_cert("localhost"),
    }[case]()
    more = {} if case == "self-signed" else {"ca": believed(tmp_path, authority)}
    async with device(certificate) as made:
        with pytest.raises(SessionError, match=r"(?i)certificate.verify.failed") as caught:
            await open_connection(options(made.port, **more))
        assert made.asked == []
    assert caught.value.kind is ErrorKind.CONNECT


async def test_a_device_that_asks_who_we_are(tmp_path: Path) -> None:
    authority = trustme.CA()
    ours = authority.issue_cert("anlou")
    ours.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    ours.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    files = {"certificate": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}
    ca = believed(tmp_path, authority)
    async with device(authority.issue_cert("localhost"), asks=authority) as made:
        connection = await open_connection(options(made.port, ca=ca, **files))
        assert await connection.checked_read(TWO) == RIGHT
        connection.close()
        with pytest.raises(SessionError):
            # TLS 1.3 tells a client that it is not wanted only after its handshake
            connection = await open_connection(options(made.port, ca=ca))
            try:
                await connection.checked_read(TWO)
            finally:
                connection.close()


async def test_plain_modbus_behind_a_tls_address_is_told(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(SessionError) as caught:
            await open_connection(options(port))
        assert caught.value.kind is ErrorKind.CONNECT
        server.close()
        await server.wait_closed()


async def test_files_that_are_gone_are_told(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="No such file"):
        await open_connection(options(1, ca=str(tmp_path / "none.pem")))
