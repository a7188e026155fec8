"""Links of every Modbus wire: one place has one link, and the files of TLS are checked before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from tests.config.conftest import Folder


def linked(folder: Folder, first: str, second: str | None = None) -> list[str]:
    folder.change(('"tcp://10.0.0.7:502"', first))
    if second is not None:
        folder.change(("modules:", f"  two: {{modbus: {second}}}\nmodules:"))
    return folder.problems()


@pytest.mark.parametrize(
    "address",
    [
        '"tls://10.0.0.7"',
        '"rtu:///dev/ttyUSB0?baud=9600&parity=E"',
        '"rtu:///dev/serial/by-id/usb-FTDI-if00-port0?baud=19200"',
        '"rtu+tcp://10.0.0.7:4196?baud=9600", pause: 100ms, echo: true, late_within: 2s',
        '"rtu+tcp://10.0.0.7:4196", backup: "rtu+tcp://10.0.0.8:4196"',
        '"tcp://10.0.0.7", backup: "tcp://10.0.0.8", connect_delay: 2s',
    ],
)
def test_every_wire_can_be_named(folder: Folder, address: str) -> None:
    assert linked(folder, address) == []


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (
            '"rtu:///dev/ttyUSB0?baud=9600"',
            '"rtu:///dev/ttyUSB0?baud=9600"',
            "rtu:///dev/ttyUSB0 already is the link 'bus'",
        ),
        (
            '"rtu:///dev/ttyUSB0?baud=9600"',
            '"rtu:///dev/ttyUSB0?baud=19200"',
            "already is the link 'bus', with other options",
        ),
        (
            '"tcp://10.0.0.7:4196"',
            '"rtu+tcp://10.0.0.7:4196"',
            "rtu+tcp://10.0.0.7:4196 is the same place as tcp://10.0.0.7:4196 of the link 'bus'",
        ),
        (
            '"tcp://10.0.0.7", backup: "tcp://10.0.0.8"',
            '"tcp://10.0.0.8"',
            "tcp://10.0.0.8:502 already is the link 'bus'",
        ),
        (
            '"tcp://10.0.0.7", backup: "tcp://10.0.0.8"',
            '"tcp://10.0.0.9", backup: "tcp://10.0.0.8"',
            "5:43: tcp://10.0.0.8:502 already is the link 'bus'",
        ),
        ('"tcp://10.0.0.7", backup: "tcp://10.0.0.7"', None, "`backup` is the first address once more"),
        ('"tcp://10.0.0.7", backup: "tcp://bad host"', None, "is expected"),
        ('"tcp://10.0.0.7", backup: "tcp://0x7f.1"', None, "no IP address"),
    ],
)
def test_a_place_has_one_link(folder: Folder, first: str, second: str | None, told: str) -> None:
    (problem,) = [line for line in linked(folder, first, second) if "nothing is read" not in line]
    assert told in problem
    assert problem.startswith("site.yaml:")


def test_an_adapter_by_two_of_its_names(folder: Folder, tmp_path: Path) -> None:
    device, by_id = tmp_path / "ttyUSB0", tmp_path / "usb-FTDI-if00-port0"
    device.write_text("")
    by_id.symlink_to(device)
    told = linked(folder, f'"rtu://{device}?baud=9600"', f'"rtu://{by_id}?baud=9600"')
    assert any("is the same place as" in problem for problem in told)


def test_the_files_of_tls_are_read_first(folder: Folder) -> None:
    leaf = trustme.CA().issue_cert("10.0.0.7")
    leaf.private_key_pem.write_to_path(str(folder.path / "key.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(folder.path / "cert.pem"))
    told = linked(folder, '"tls://10.0.0.7", ca: no-such.pem, certificate: cert.pem, key: key.pem')
    assert len(told) == 1 and "no-such.pem cannot be read" in told[0]
    folder.change(("no-such.pem", "key.pem"))
    (problem,) = folder.problems()
    assert "certificates of authorities are expected" in problem
    folder.change(("ca: key.pem", "ca: cert.pem"))
    assert folder.problems() == []
    bus = folder.load().links["bus"]
    assert getattr(bus, "key") == str(folder.path / "key.pem")  # noqa: B009
