"""GB/T 26875.3 frames: the standard's own samples, frames that are glued, cut, damaged or odd, and any bytes at all."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.mqtt.gbt26875 import Frame, Gbt26875, frames
from drivers.mqtt.gbt26875_objects import text
from drivers.mqtt.plugin import fault, find

decode = Gbt26875().decode
SENT = (32, 58, 9, 26, 9, 12)  # the head's time of the samples: second, minute, hour, day, month, year
THEN = (2, 58, 9, 26, 9, 12)
DEVICE, CENTRE = 0x379, 0x15B38


def frame(
    body: bytes = b"", command: int = 2, number: int = 1, at: tuple[int, ...] = SENT, *, up: bool = True
) -> bytes:
    """Written from the standard's table, not from the decoder."""
    source, target = (DEVICE, CENTRE) if up else (CENTRE, DEVICE)
    middle = struct.pack("<H", number) + b"\x01\x01" + bytes(at)
    middle += source.to_bytes(6, "little") + target.to_bytes(6, "little")
    middle += struct.pack("<H", len(body)) + bytes((command,)) + body
    return b"@@" + middle + bytes((sum(middle) % 256,)) + b"##"


def unit(kind: int, *objects: bytes) -> bytes:
    return bytes((kind, len(objects))) + b"".join(objects)


def system(kind: int, number: int, state: int) -> bytes:
    return bytes((kind, number)) + struct.pack("<H", state) + bytes(THEN)


def component(zone: int, position: int, state: int, name: bytes = b"", kind: int = 40) -> bytes:
    return bytes((1, 1, kind)) + struct.pack("<HHH", zone, position, state) + name.ljust(31, b"\0") + bytes(THEN)


def analog(zone: int, position: int, kind: int, value: int) -> bytes:
    return bytes((1, 1, 40)) + struct.pack("<HHBh", zone, position, kind, value) + bytes(THEN)


def operation(flags: int) -> bytes:
    return bytes((1, 1, flags, 7)) + bytes(THEN)


def device(state: int) -> bytes:
    return bytes((state,)) + bytes(THEN)


HEAD = "4040 0100 0101"
UP = "790300000000 385B01000000"
DOWN = "385B01000000 790300000000"
FIRE = f"{HEAD} 203A091A090C {UP} 3000 02 0201 0101 28 0A000200 0200 {'20' * 30} 00 023A091A090C 46 2323"
SAMPLES = {
    # name → (frame, command, type of its unit or None)
    "fire": (FIRE, 2, 2),
    "confirmed": (f"{HEAD} 233A091A090C {DOWN} 0000 03 AB 2323", 3, None),
    "denied": (f"{HEAD} 233A091A090C {DOWN} 0000 06 AE 2323", 6, None),
    "mains": (f"{HEAD} 203A091A090C {UP} 0900 02 1501 08 023A091A090C 42 2323", 2, 21),
    "mains, asked": (f"{HEAD} 203A091A090C {UP} 0900 05 1501 08 023A091A090C 45 2323", 5, 21),
    "duty answered": (f"{HEAD} 203A091A090C {UP} 0A00 02 1801 2001 023A091A090C 5F 2323", 2, 24),
    "version": (f"{HEAD} 203A091A090C {UP} 0400 02 1901 0101 C7 2323", 2, 25),
    "clock": (f"{HEAD} 203A091A090C {UP} 0800 02 1C01 023A091A090C 40 2323", 2, 28),
    "read state": (f"{HEAD} 203A091A090C {DOWN} 0300 04 5101 00 FE 2323", 4, 81),
    "time sync": (f"{HEAD} 203A091A090C {DOWN} 0800 01 5A01 023A091A090C 7D 2323", 1, 90),
    "initialise": (f"{HEAD} 203A091A090C {DOWN} 0300 01 5901 00 03 2323", 1, 89),
    "duty check": (f"{HEAD} 203A091A090C {DOWN} 0300 01 5B01 0A 0F 2323", 1, 91),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_of_the_standard(name: str) -> None:
    """Lengths and checksums are those that somebody else has written down."""
    raw, command, kind = SAMPLES[name]
    (found,) = frames(bytes.fromhex(raw))
    assert isinstance(found, Frame), found
    assert (found.number, found.command) == (1, command)
    assert (found.body[0] if found.body else None) == kind
    value = decode(bytes.fromhex(raw))
    own = command in (2, 5)
    assert ("number" in value) is own, "what only the centre says is no sign of life"
    assert value["commands"] == {
        {1: "control", 2: "send", 3: "confirmed", 4: "request", 5: "answer", 6: "denied"}[command]: 1
    }
    assert fault(value) is None


def test_the_sample_of_a_fire_is_a_fire() -> None:
    """Its bit 0 says "test": whoever ignores tests loses it."""
    value = decode(bytes.fromhex(FIRE))
    detector = value["components"]["S1-1Z10P2"]
    assert detector["fire"] is True and detector["test"] is True and detector["kind"] == 40
    assert detector["fault"] is detector["disabled"] is detector["supervisory"] is False
    assert detector["description"] == "" and detector["since"] == "2012-09-26T09:58:02"
    assert value["any"] == {"fire": True} and value["time"] == "2012-09-26T09:58:32" and value["source"] == 0x379
    assert value["damaged"] == 0


@pytest.mark.parametrize("bit", range(9))
def test_every_bit_of_a_component_by_itself_and_with_fire(bit: int) -> None:
    names = ["test", "fire", "fault", "disabled", "supervisory", "started", "feedback", "delayed", "supply_fault"]
    for state in (1 << bit, 1 << bit | 2):
        said = decode(frame(unit(2, component(1, 1, state))))["components"]["S1-1Z1P1"]
        for place, name in enumerate(names):
            assert said[name] is (bool(state >> place & 1) != (name == "test")), name
        assert said["trouble"] is bool(state & 0x104)


def test_every_bit_of_a_system_and_of_the_device() -> None:
    of_system = ["mains_fault", "battery_fault", "bus_fault", "manual", "configuration_changed", "reset"]
    for place, name in enumerate(of_system, 8):
        said = decode(frame(unit(1, system(1, 0, 1 | 1 << place))))["systems"]["S1-0"]
        assert [key for key in (*of_system, "fire", "fault", "test") if said[key]] == [name]
        assert said["trouble"] is (name in ("mains_fault", "battery_fault", "bus_fault"))
    of_device = ["fire", "fault", "mains_fault", "battery_fault", "centre_link_fault", "line_fault"]
    for place, name in enumerate(of_device, 1):
        said = decode(frame(unit(21, device(1 | 1 << place))))["device"]
        assert [key for key in (*of_device, "test") if said[key]] == [name]
        assert said["trouble"] is (name in ("fault", "line_fault"))


def test_fire_wins_over_what_else_is_said_of_a_component_in_one_payload() -> None:
    fire, normal = component(1, 1, 2), component(1, 1, 1, b"later")
    for payload in (
        frame(unit(2, fire, normal)),
        frame(unit(2, normal, fire)),
        frame(unit(2, fire)) + frame(unit(2, normal), number=2),
        frame(unit(2, normal)) + frame(unit(4, operation(1))) + frame(unit(2, fire)),
        frame(unit(2, fire)) + frame(unit(4, operation(1))),
        frame(unit(2, fire)) + frame(unit(3, analog(1, 1, 3, 215))),
    ):
        value = decode(payload)
        assert value["components"]["S1-1Z1P1"]["fire"] is True and value["any"] == {"fire": True}
    last = decode(frame(unit(2, fire, normal)))["components"]["S1-1Z1P1"]
    assert last["test"] is False and last["description"] == "later", "all else is as it was said last"
    both = frame(unit(1, system(1, 1, 3), system(1, 1, 1)))
    assert decode(both)["systems"]["S1-1"]["fire"] is True
    assert decode(frame(unit(21, device(3), device(1))))["device"]["fire"] is True


def test_only_a_reset_clears_a_fire_of_whomever() -> None:
    for state in (0, 1, 4, 0x0F00):
        assert "any" not in decode(frame(unit(1, system(1, 1, state)))), "another system may still be in fire"
    assert "any" not in decode(frame(unit(21, device(8)))), "the sample of a mains fault has no bit but that"
    assert "any" not in decode(frame(unit(4, operation(0xFE))))
    for reset in (unit(4, operation(1)), unit(1, system(1, 1, 0x2001))):
        value = decode(frame(reset))
        assert value["any"] == {"fire": False} and value["cleared"] == {"S1-1": False}


def test_measured_values() -> None:
    said = {1: ("count", 7), 2: ("height", 0.07), 3: ("temperature", 0.7), 4: ("pressure", 700), 5: ("pressure", 0.7)}
    said |= {6: ("gas_lel", 0.7), 7: ("duration", 7), 8: ("voltage", 0.7), 9: ("current", 0.7), 10: ("flow", 0.7)}
    said |= {11: ("air_volume", 0.7), 12: ("air_speed", 7)}
    for kind, (name, expected) in said.items():
        for sign in (1, -1):
            found = decode(frame(unit(3, analog(65535, 0, kind, 7 * sign))))["components"]["S1-1Z65535P0"]
            assert found[name] == pytest.approx(expected * sign) and "fire" not in found
    assert decode(frame(unit(3, analog(1, 1, 200, 7))))["passed"] == {"analog_200": 1}


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b" " * 30 + b"\0", ""),
        (b"\0" * 31, ""),
        ("2号楼感烟".encode("gb18030").ljust(31, b" "), "2号楼感烟"),
        ("2号楼感烟".encode("gb18030").ljust(31, b"\0"), "2号楼感烟"),
        (b"lobby \0\xff\xff\xff", "lobby"),
        ("12号楼13层走道感烟探测器备用名称".encode("gb18030")[:31], "12号楼13层走道感烟探测器备用名"),
        (("a" * 29 + "𠀀").encode("gb18030")[:31], "a" * 29),  # a character of four bytes, cut behind the second
        (("a" * 28 + "𠀀").encode("gb18030")[:31], "a" * 28),
        (("a" * 27 + "𠀀").encode("gb18030"), "a" * 27 + "𠀀"),
        (b"a\x07b\x1b[31m", "ab[31m"),
        (b"\xff\xff\xff\xff\xff" + b"x", "\ufffd" * 5 + "x"),
    ],
)
def test_names_in_gb_18030(field: bytes, expected: str) -> None:
    assert text(field) == expected
    said = decode(frame(unit(2, component(1, 1, 1, field[:31]))))
    assert said["components"]["S1-1Z1P1"]["description"] == expected


def test_glued_frames_and_signs_of_life() -> None:
    value = decode(
        frame(number=5, at=(0, 0, 1, 1, 1, 26)) + frame(unit(2, component(1, 1, 2)), number=6) + frame(number=7)
    )
    assert value["heartbeats"] == 2 and value["number"] == 7 and value["damaged"] == 0
    assert value["time"] == "2012-09-26T09:58:32" and value["any"] == {"fire": True}
    together = decode(frame() + frame(command=3, number=900, at=(0, 0, 0, 1, 1, 30), up=False))
    assert together["number"] == 1 and together["time"].startswith("2012"), "the centre's time is not the device's"
    assert together["commands"] == {"send": 1, "confirmed": 1}


def test_many_objects_and_many_components() -> None:
    body = unit(2, *(component(1, number, 2 * (number == 9)) for number in range(22)))
    assert len(body) == 1014
    value = decode(b"".join(frame(body, number=number) for number in range(60)))
    assert len(value["components"]) == 22
    assert [name for name, said in value["components"].items() if said["fire"]] == ["S1-1Z1P9"]
    crowd = [unit(2, *(component(zone, number, 1) for number in range(22))) for zone in range(60)]
    value = find("gbt26875-3").decode(b"".join(frame(body) for body in crowd))
    assert len(value["components"]) == 1320, "64 KiB of detectors are not too much"


def test_what_is_not_read_is_passed_over_by_name() -> None:
    for kind, name in ((5, "version"), (6, "system_configuration"), (24, "device_operation"), (130, "type_130")):
        value = decode(frame(unit(kind, b"whatever")))
        assert value["passed"] == {name: 1} and value["damaged"] == 0 and value["number"] == 1
    assert decode(frame(command=200))["commands"] == {"command_200": 1}
    assert decode(frame(unit(4, operation(2))))["passed"] == {"operation": 1}


def test_objects_without_their_times() -> None:
    bare = unit(1, bytes((1, 1, 2, 0)), bytes((11, 0, 1, 0)))
    value = decode(frame(bare))
    assert value["systems"]["S1-1"]["fire"] is True and "since" not in value["systems"]["S1-1"]
    assert value["systems"]["S11-0"]["fire"] is False


SOUND = frame(unit(2, component(1, 1, 2)))


@pytest.mark.parametrize(
    "beside",
    [
        b"\0",
        b"@",
        b"@@",
        b"##",
        SOUND[:-1],
        SOUND[1:],
        SOUND[:20],
        b"@@" * 50,
        bytes(300),
        frame(b"\x02"),
        frame(unit(2, b"short")),
    ],
    ids=lambda piece: f"{len(piece)} bytes",
)
def test_a_sound_frame_beside_damage_is_read_and_the_damage_counted(beside: bytes) -> None:
    for payload in (beside + SOUND, SOUND + beside, SOUND + beside + SOUND):
        value = decode(payload)
        assert value["any"] == {"fire": True} and value["damaged"] == 1
    with pytest.raises(ValueError, match="no sound frame"):
        decode(beside)


def body(kind: int, count: int, raw: bytes) -> bytes:
    return bytes((kind, count)) + raw


BURNING, QUIET = component(1, 1, 2), component(1, 2, 1)


@pytest.mark.parametrize(
    ("raw", "count"),
    [
        (BURNING + QUIET[:-1], 2),
        (BURNING + QUIET[:20], 2),
        (BURNING + b"\0", 1),
        (BURNING, 2),
        (BURNING, 0),
        (BURNING, 255),
        (QUIET + BURNING, 1),
        (QUIET + BURNING[:40], 2),  # its time is cut off
        (QUIET + BURNING[:30], 2),  # its name is, too
        (QUIET + BURNING[:9], 2),
        (BURNING[:9], 1),
    ],
)
def test_a_fire_is_read_though_the_data_unit_lies_about_its_objects(raw: bytes, count: int) -> None:
    """Its checksum is right: what is whole in it was sent."""
    value = decode(frame(body(2, count, raw)))
    assert value["components"]["S1-1Z1P1"]["fire"] is True and value["any"] == {"fire": True}
    assert value["damaged"] == 1 and value["number"] == 1
    assert set(value["components"]) <= {"S1-1Z1P1", "S1-1Z1P2"}
    beside = decode(frame(body(2, count, raw), number=8) + frame(number=9))
    assert beside["any"] == {"fire": True} and beside["damaged"] == 1 and beside["heartbeats"] == 1


def test_a_fire_of_a_system_and_of_the_device_in_a_broken_data_unit() -> None:
    assert decode(frame(body(1, 2, system(1, 1, 3) + b"\1\2")))["systems"]["S1-1"]["fire"] is True
    assert decode(frame(body(21, 3, device(3))))["device"]["fire"] is True


@pytest.mark.parametrize("raw", [b"", BURNING[:8], b"\2" * 8])
def test_where_no_object_is_whole_nothing_is_read(raw: bytes) -> None:
    with pytest.raises(ValueError, match="1 objects of type 2 have 46 bytes"):
        decode(frame(body(2, 1, raw)))
    value = decode(frame(body(2, 1, raw), number=8) + frame(number=9))
    assert "components" not in value and value["damaged"] == 1 and value["number"] == 9


def test_bytes_behind_the_objects_that_were_counted_make_no_component() -> None:
    value = decode(frame(body(2, 1, QUIET + b"\2" * 30)))
    assert set(value["components"]) == {"S1-1Z1P2"} and "any" not in value and value["damaged"] == 1


def test_a_frame_longer_than_the_standard_allows_is_read_when_it_is_sound() -> None:
    many = unit(2, *(component(1, number, 2 * (number == 29)) for number in range(30)))
    assert len(many) > 1024
    value = decode(frame(many))
    assert value["components"]["S1-1Z1P29"]["fire"] is True and value["damaged"] == 0


def test_what_is_wrong_is_said() -> None:
    flipped = bytearray(SOUND)
    flipped[-3] ^= 0xFF
    version = bytearray(SOUND)
    version[4] = 2
    version[-3] = (version[-3] + 1) % 256
    long = b"@@" + bytes(22) + b"\xff\xff" + bytes(2000)
    for payload, words in [
        (b"", "the payload is empty"),
        (b"hello, world", "begins with 40 40, got 68 65"),
        (SOUND[:20], "20 bytes are no whole frame"),
        (bytes(flipped), "the checksum is"),
        (SOUND[:-2] + b"##"[:1] + b"!", "ends with 23 23"),
        (SOUND[:-5], "the payload ends before"),
        (bytes(version), "version 2 of the protocol"),
        (long, "65535 bytes of data are announced"),
        (frame(unit(1, b"abc")), "1 objects of type 1 have 10 bytes, got 3"),
    ]:
        with pytest.raises(ValueError, match=words):
            decode(payload)


bodies = st.one_of(
    st.binary(max_size=60),
    st.builds(lambda kind, rest: bytes((kind,)) + rest, st.sampled_from([1, 2, 3, 4, 21]), st.binary(max_size=120)),
    st.lists(st.builds(component, *[st.integers(0, 65535)] * 3, st.binary(max_size=31)), max_size=5).map(
        lambda objects: unit(2, *objects)
    ),
)
times = st.tuples(*[st.integers(0, 255)] * 6)
pieces = st.one_of(
    st.binary(max_size=40),
    st.builds(frame, bodies, st.integers(0, 255), st.integers(0, 65535), times),
    st.builds(lambda raw, cut: raw[:cut], st.builds(frame, bodies), st.integers(0, 80)),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(pieces, max_size=6))
def test_any_bytes_are_a_value_or_refused(parts: list[bytes]) -> None:
    payload = b"".join(parts)
    try:
        value: dict[str, Any] = decode(payload)
    except ValueError as error:
        assert str(error).startswith("no sound frame") and str(error).isprintable()
        return
    assert fault(value) is None
    fires = [one for key in ("systems", "components") for one in value.get(key, {}).values() if one.get("fire")]
    assert bool(fires or value.get("device", {}).get("fire")) is (value.get("any") == {"fire": True})


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces, max_size=3), st.lists(pieces, max_size=3))
def test_a_fire_is_found_whatever_stands_around_it(before: list[bytes], behind: list[bytes]) -> None:
    """Unless a frame is announced before it that is so long that the fire would be part of it."""
    around = [piece for piece in before if b"@" not in piece or isinstance(next(iter(frames(piece)), ""), Frame)]
    value = decode(b"".join(around) + SOUND + b"".join(behind))
    assert value["components"]["S1-1Z1P1"]["fire"] is True and value["any"] == {"fire": True}
