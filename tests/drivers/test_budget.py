"""The arithmetic of a bus by hand: characters at its speed, silences, answers; and when it cannot fit."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.assign import UnitSpec, assign
from drivers.modbus.budget import (
    GATEWAY_ANSWER,
    NETWORK_ANSWER,
    SERIAL_ANSWER,
    LinkBudget,
    budget,
    overrun,
    tight,
)
from drivers.modbus.options import ModbusLinkOptions
from drivers.profile import ModbusProfile
from gateway.model import SECOND

MS = SECOND // 1000
RTU = "rtu:///dev/ttyUSB0?baud=9600&parity=E&stop=1"  # 11 bits a character: 1.1458 ms


def profile(points: dict[str, Any] | None = None, **limits: Any) -> ModbusProfile:
    return ModbusProfile.model_validate(
        {
            "profile": "meter",
            "title": {"en": "Meter", "zh": "电表"},
            "source": [{"ref": "test", "verified": "memory"}],
            "modbus": {"type": "uint16", "limits": limits},
            "points": points or {f"p{number}": {"address": number} for number in range(10)},
        }
    )


def found(
    address: str = RTU,
    *,
    units: int = 1,
    poll_ns: int = SECOND,
    of: ModbusProfile | None = None,
    every: dict[str, int] | None = None,
    **options: Any,
) -> LinkBudget:
    made = of or profile()
    specs = [
        UnitSpec(f"meter-{number}", "bus", number, made, poll_ns, True, every=every or {})
        for number in range(1, units + 1)
    ]
    return budget(assign(specs, [])["bus"], ModbusLinkOptions.model_validate({"modbus": address, **options}))


def test_a_request_on_a_serial_line_by_hand() -> None:
    bus = found()
    (pace,) = bus.units[0].paces
    assert [str(block) for block in pace.blocks] == ["holding 0…9"]
    assert (pace.points, pace.bytes_out, pace.bytes_in) == (10, 8, 5 + 20)
    characters = (8 + 25) * 11 / 9600
    silence = 3.5 * 11 / 9600
    assert pace.seconds == pytest.approx(characters + 0.020 + silence, abs=1e-6)
    assert bus.load == pytest.approx(pace.seconds) and bus.cycle_s == pace.seconds
    assert bus.answer_ns == SERIAL_ANSWER and not bus.told


def test_above_19200_baud_the_silence_is_the_standards() -> None:
    (pace,) = found("rtu:///dev/ttyUSB0?baud=115200").units[0].paces
    assert pace.seconds == pytest.approx((8 + 25) * 10 / 115200 + 0.020 + 0.00175, abs=1e-6)


@pytest.mark.parametrize(
    ("address", "answer_ns", "sizes"),
    [
        ("tcp://10.0.0.7", NETWORK_ANSWER, (12, 29)),
        ("tls://10.0.0.7", NETWORK_ANSWER, (12, 29)),
        ("rtu+tcp://10.0.0.7:4196", SERIAL_ANSWER + NETWORK_ANSWER, (8, 25)),
    ],
)
def test_a_request_over_the_network(address: str, answer_ns: int, sizes: tuple[int, int]) -> None:
    bus = found(address)
    (pace,) = bus.units[0].paces
    assert (pace.bytes_out, pace.bytes_in) == sizes
    assert pace.seconds == pytest.approx(answer_ns / SECOND)


def test_a_serial_server_whose_line_is_known_takes_both() -> None:
    (pace,) = found("rtu+tcp://10.0.0.7:4196?baud=9600").units[0].paces
    assert pace.seconds == pytest.approx(0.040 + (8 + 25 + 3.5) * 10 / 9600, abs=1e-6)


def test_the_longest_pause_counts_and_the_site_knows_its_devices() -> None:
    assert found(assumed_rtt="100ms").load == pytest.approx(0.100 + (33 + 3.5) * 11 / 9600, abs=1e-6)
    assert found("tcp://10.0.0.7", pause="50ms").load == pytest.approx(0.070)
    assert found("tcp://10.0.0.7", pause="50ms", of=profile(pause="100ms")).load == pytest.approx(0.120)
    assert found("tcp://10.0.0.7", assumed_rtt="3ms").told


def test_bits_and_single_values() -> None:
    bits = {f"di{number}": {"address": number, "table": "discrete"} for number in range(9)}
    (pace,) = found(of=profile(bits)).units[0].paces
    assert (len(pace.blocks), pace.bytes_in) == (1, 5 + 2)
    (pace,) = found(of=profile(one_value=True), poll_ns=10 * SECOND).units[0].paces
    assert (len(pace.blocks), pace.bytes_out, pace.bytes_in) == (10, 80, 70)


def test_slower_points_weigh_by_their_period() -> None:
    bus = found("tcp://10.0.0.7", every={f"p{number}": 60 * SECOND for number in range(5)})
    quick, slow = bus.units[0].paces
    assert (quick.period_ns, slow.period_ns) == (SECOND, 60 * SECOND)
    assert (quick.points, slow.points) == (5, 5)
    assert bus.load == pytest.approx(0.020 + 0.020 / 60)
    assert bus.cycle_s == pytest.approx(0.040) and bus.requests_due == pytest.approx(1 + 1 / 60)
    assert bus.period_ns == SECOND and bus.due_s == pytest.approx(bus.load)


def test_a_dead_unit_costs_its_timeouts_and_then_its_probes() -> None:
    bus = found("tcp://10.0.0.7", units=2, timeout="1s", retries=1)
    assert bus.dead_s == pytest.approx(2.0)
    # instead of its polls one question in vain after each pause of 5 s
    assert bus.load_with_dead == pytest.approx(0.020 + 1 / (1 + 5))
    slow = found("tcp://10.0.0.7", units=2, of=profile(timeout="8s"))
    assert slow.load_with_dead == pytest.approx(0.020 + 8 / (8 + 32))


def test_time_enough_is_not_worth_a_word() -> None:
    bus = found(units=8)
    assert overrun(bus) is None and tight(bus) is None and bus.load < 0.7


def test_an_overfull_bus_is_told_with_its_arithmetic() -> None:
    bus = found(units=8, poll_ns=SECOND // 2)
    assert bus.load == pytest.approx(16 * (0.020 + (33 + 3.5) * 11 / 9600), abs=1e-5)
    assert overrun(found(units=20)) == (
        "this 9,600-baud bus needs 1.2 s for what is due each 1s: 20 requests of 20 units, 20ms for each answer"
        " (assumed: `assumed_rtt` may say otherwise); poll its units 1.8 times less often, each 2s"
    )
    assert tight(found(units=20)) is None


def test_one_unit_that_asks_too_much_is_named() -> None:
    hungry = profile({f"p{number}": {"address": 200 * number} for number in range(40)})
    specs = [
        UnitSpec("meter-1", "bus", 1, profile(), SECOND, True),
        UnitSpec("meter-3", "bus", 3, hungry, SECOND, True),
    ]
    options = ModbusLinkOptions.model_validate({"modbus": RTU, "assumed_rtt": "20ms"})
    told = overrun(budget(assign(specs, [])["bus"], options))
    assert told == (
        "this 9,600-baud bus needs 1.7 s for what is due each 1s: 41 requests of 2 units, 20ms for each answer;"
        " poll meter-3 each 3s"
    )


def test_a_nearly_full_bus_is_a_warning() -> None:
    bus = found(units=13)
    assert 0.7 < bus.load <= 1 and overrun(bus) is None
    assert (tight(bus) or "").endswith("little is left for repeats and for units that do not answer")


def test_a_gateway_may_be_slower_than_its_port_looks() -> None:
    bus = found("tcp://10.0.0.7", units=13)
    assert overrun(bus) is None and bus.load < 0.7
    assert bus.slower(GATEWAY_ANSWER) == pytest.approx(13 * 0.085)
    assert (tight(bus) or "").startswith(
        "13 units behind one port may be a gateway with a serial line; if it takes 85ms"
    )
    assert tight(found("tcp://10.0.0.7", units=13, assumed_rtt="20ms")) is None, "the site knows"
    hungry = profile({f"p{number}": {"address": 200 * number} for number in range(13)})
    assert tight(found("tcp://10.0.0.7", of=hungry)) is None, "one device with a port of its own"
