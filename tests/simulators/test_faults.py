"""Each fault produces exactly the bytes that it promises."""

from __future__ import annotations

import asyncio
import random

import pytest

from simulators.faults import BANNER, FLOOD_FRAMES, Fault, FaultKind
from simulators.modbus_server import ModbusServer
from simulators.pdu import Table, mapped
from tests.simulators.raw import PATIENCE, dial, serving

WORDS = mapped(
    {
        Table.HOLDING: {0: 0x1122, 1: 0x3344, 2: 0x5566},
        Table.INPUT: {0: 0x7788},
        Table.COILS: dict.fromkeys(range(16), 1),
        Table.DISCRETE_INPUTS: {0: 1},
    }
)
ASKED = "00 0a 00 00 00 06 01 03 00 00 00 02"
GOOD = "00 0a 00 00 00 07 01 03 04 11 22 33 44"


def spoiled(kind: FaultKind, **options: float | int) -> Fault:
    return Fault(kind, **options)  # type: ignore[arg-type]


async def answer_to(fault: Fault, asked: str = ASKED) -> str:
    server = ModbusServer({1: WORDS}, seed=3)
    server.set_faults(1, fault)
    async with serving(server) as raw:
        raw.send(asked)
        received = await raw.all_until_quiet()
    assert server.report()["units"][1]["faults"] == {fault.kind.value: 1}
    return received.hex(" ")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(FaultKind.SILENT), ""),
        (Fault(FaultKind.EXCEPTION), "00 0a 00 00 00 03 01 83 04"),
        (Fault(FaultKind.EXCEPTION, code=0x63), "00 0a 00 00 00 03 01 83 63"),
        (Fault(FaultKind.EXCEPTION, code=0), "00 0a 00 00 00 03 01 83 00"),
        (Fault(FaultKind.SHORT), "00 0a 00 00 00 05 01 03 02 11 22"),
        (Fault(FaultKind.LONG), "00 0a 00 00 00 09 01 03 06 11 22 33 44 00 00"),
        (Fault(FaultKind.ODD_BYTES), "00 0a 00 00 00 06 01 03 03 11 22 33"),
        (Fault(FaultKind.WRONG_COUNT), "00 0a 00 00 00 07 01 03 06 11 22 33 44"),
        (Fault(FaultKind.WRONG_UNIT), "00 0a 00 00 00 07 02 03 04 11 22 33 44"),
        (Fault(FaultKind.WRONG_FUNCTION), "00 0a 00 00 00 07 01 04 04 11 22 33 44"),
        (Fault(FaultKind.WRONG_FUNCTION, code=1), "00 0a 00 00 00 07 01 01 04 11 22 33 44"),
        (Fault(FaultKind.WRONG_FUNCTION, code=0x77), "00 0a 00 00 00 07 01 77 04 11 22 33 44"),
        (Fault(FaultKind.WRONG_TRANSACTION), "00 0f 00 00 00 07 01 03 04 11 22 33 44"),
        (Fault(FaultKind.ZERO_TRANSACTION), "00 00 00 00 00 07 01 03 04 11 22 33 44"),
        (Fault(FaultKind.STALE_TRANSACTION), "00 09 00 00 00 07 01 03 04 11 22 33 44"),
        (Fault(FaultKind.STALE), ""),
        (Fault(FaultKind.WRONG_PROTOCOL), "00 0a 00 07 00 07 01 03 04 11 22 33 44"),
        (Fault(FaultKind.WRONG_LENGTH), "00 0a 00 00 00 00 01 03 04 11 22 33 44"),
        (Fault(FaultKind.WRONG_LENGTH, code=0xFFFF), "00 0a 00 00 ff ff 01 03 04 11 22 33 44"),
        (Fault(FaultKind.GARBAGE), random.Random(3).randbytes(64).hex(" ")),
        (Fault(FaultKind.BANNER), BANNER.hex(" ")),
        (Fault(FaultKind.TWICE), GOOD + " 00 0a 00 00 00 07 01 03 04 ee dd cc bb"),
        (Fault(FaultKind.CUT), "00 0a 00 00 00 07"),
        (Fault(FaultKind.CLOSE), ""),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Fault) else None,
)
async def test_bytes(fault: Fault, expected: str) -> None:
    assert await answer_to(fault) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FaultKind.SHORT, "00 0a 00 00 00 04 01 01 01 ff"),
        (FaultKind.LONG, "00 0a 00 00 00 06 01 01 03 ff ff 00"),
        (FaultKind.WRONG_FUNCTION, "00 0a 00 00 00 05 01 02 02 ff ff"),
    ],
)
async def test_bytes_of_bit_tables(kind: FaultKind, expected: str) -> None:
    assert await answer_to(Fault(kind), "00 0a 00 00 00 06 01 01 00 00 00 10") == expected


@pytest.mark.parametrize(("asked", "answered"), [("02 00 00 00 01", "01 01 01"), ("04 00 00 00 01", "03 02 77 88")])
async def test_sister_functions(asked: str, answered: str) -> None:
    received = await answer_to(Fault(FaultKind.WRONG_FUNCTION), f"00 0a 00 00 00 06 01 {asked}")
    assert received.endswith(f"01 {answered}")


async def test_an_exception_answer_has_no_content_to_shorten() -> None:
    assert (
        await answer_to(Fault(FaultKind.SHORT), "00 0a 00 00 00 06 01 03 00 63 00 01") == "00 0a 00 00 00 03 01 83 02"
    )


async def test_transactions_wrap() -> None:
    asked = "{} 00 00 00 06 01 03 00 00 00 01"
    ahead = await answer_to(Fault(FaultKind.WRONG_TRANSACTION), asked.format("ff fe"))
    behind = await answer_to(Fault(FaultKind.STALE_TRANSACTION), asked.format("00 00"))
    assert (ahead[:5], behind[:5]) == ("00 03", "ff ff")


async def test_stale_repeats_the_answer_before() -> None:
    server = ModbusServer({1: WORDS})
    async with serving(server) as raw:
        assert await raw.ask(ASKED, 13) == GOOD
        server.set_faults(1, Fault(FaultKind.STALE))
        assert await raw.ask("00 0b 00 00 00 06 01 04 00 00 00 01", 13) == GOOD


async def test_flood_ends_with_the_good_answer() -> None:
    server = ModbusServer({1: WORDS})
    server.set_faults(1, Fault(FaultKind.FLOOD))
    async with serving(server) as raw:
        raw.send(ASKED)
        frames = [await raw.receive(13) for _ in range(FLOOD_FRAMES + 1)]
    assert frames[0] == "00 0b 00 00 00 07 01 03 04 ee dd cc bb"
    assert frames[-1] == GOOD
    assert GOOD not in frames[:-1]


async def test_a_late_answer_is_overtaken() -> None:
    server = ModbusServer({1: WORDS})
    server.set_faults(1, Fault(FaultKind.LATE, seconds=0.1, times=1))
    async with serving(server) as raw:
        raw.send(ASKED)
        assert await raw.ask("00 0b 00 00 00 06 01 04 00 00 00 01", 11) == "00 0b 00 00 00 05 01 04 02 77 88"
        assert await raw.receive(13) == GOOD


async def test_a_dripping_answer_is_not_cut_in_two() -> None:
    server = ModbusServer({1: WORDS})
    server.set_faults(1, Fault(FaultKind.DRIP, seconds=0.01, times=1))
    async with serving(server) as raw:
        raw.send(ASKED)
        assert await raw.receive(1) == "00"
        raw.send("00 0b 00 00 00 06 01 04 00 00 00 01")
        assert await raw.receive(12) == GOOD[3:]
        assert await raw.receive(11) == "00 0b 00 00 00 05 01 04 02 77 88"


async def test_close_is_orderly_and_reset_is_not() -> None:
    server = ModbusServer({1: WORDS})
    server.set_faults(1, Fault(FaultKind.CLOSE, times=1), Fault(FaultKind.RESET))
    async with serving(server) as raw:
        raw.send(ASKED)
        assert await raw.closed()
        async with dial(server.port) as second:
            second.send(ASKED)
            with pytest.raises(ConnectionResetError):
                await second.closed()


async def test_refused_connections_leave_the_others_alone() -> None:
    server = ModbusServer({1: WORDS})
    async with serving(server) as raw:
        port = server.port
        server.refuse()
        for _ in range(50):  # long enough for a client that might be joined to itself
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
        assert await raw.ask(ASKED, 13) == GOOD
        await server.admit()
        assert server.port == port
        async with dial(port) as second:
            assert await second.ask(ASKED, 13) == GOOD


async def test_dropping_ends_those_that_stand() -> None:
    server = ModbusServer({1: WORDS})
    async with serving(server) as raw:
        await raw.ask(ASKED, 13)
        server.drop()
        assert await raw.closed()
        async with dial(server.port) as second:
            await second.ask(ASKED, 13)
            server.drop(reset=True)
            with pytest.raises(ConnectionResetError):
                await second.closed()


async def test_no_more_connections_than_the_link_has() -> None:
    server = ModbusServer({1: WORDS}, max_connections=1)
    async with serving(server) as raw:
        assert await raw.ask(ASKED, 13) == GOOD
        async with dial(server.port) as second:
            assert await second.closed()
        assert await raw.ask(ASKED, 13) == GOOD
        raw.writer.close()
        await raw.writer.wait_closed()
        async with asyncio.timeout(PATIENCE):
            while True:
                async with dial(server.port) as third:
                    third.send(ASKED)
                    if (await third.all_until_quiet()).hex(" ") == GOOD:
                        break
    assert server.report()["turned_away"] >= 1


async def test_windows_follow_the_given_time() -> None:
    moment = 0.0
    server = ModbusServer({1: WORDS, 2: WORDS}, now=lambda: moment)
    server.set_faults(1, Fault(FaultKind.EXCEPTION, code=6, start=10, end=20))
    async with serving(server) as raw:
        seen = []
        for moment in (9.9, 10.0, 19.9, 20.0):  # noqa: B007  # read by the server
            raw.send(ASKED)
            seen.append(len(await raw.all_until_quiet()))
    assert seen == [13, 9, 9, 13]


async def test_probability_plays_are_repeatable_and_about_right() -> None:
    async def plays(seed: int) -> list[int]:
        server = ModbusServer({1: WORDS}, seed=seed)
        server.set_faults(1, Fault(FaultKind.EXCEPTION, probability=0.3))
        lengths = []
        async with serving(server) as raw:
            for _ in range(300):
                raw.send(ASKED)
                head = await raw.receive(9)
                lengths.append(9 if head.endswith("83 04") else len(await raw.receive(4)))
        return lengths

    first = await plays(1)
    assert first == await plays(1) != await plays(2)
    assert 60 < first.count(9) < 120


async def test_a_link_fault_is_every_units_and_healing_ends_it() -> None:
    server = ModbusServer({1: WORDS, 2: WORDS})
    server.set_faults(None, Fault(FaultKind.EXCEPTION, code=0x0B))
    async with serving(server) as raw:
        for unit in ("01", "02"):
            assert (await raw.ask(f"00 0a 00 00 00 06 {unit} 03 00 00 00 02", 9)).endswith("83 0b")
        server.set_faults(None)
        assert await raw.ask(ASKED, 13) == GOOD
    with pytest.raises(ValueError, match="no unit 3"):
        server.set_faults(3, Fault(FaultKind.SILENT))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"probability": 1.5}, "probability"),
        ({"seconds": -1}, "negative"),
        ({"start": 2, "end": 1}, "start"),
        ({"code": 256}, "code of exception"),
    ],
)
def test_faults_that_cannot_be(options: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        spoiled(FaultKind.EXCEPTION, **options)
