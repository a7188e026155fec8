"""Power cuts: ext4 on a loop device that stops writing from one moment to the next (docs/faults.md E1).

Needs root and loop devices. Where they are missing this fails: a skipped power cut would read like a survived one.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.aftermath import Acknowledged, inspect, victim

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2  # what the journal of the file system holds is lost too

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


class Card:
    """A disk whose power can be cut."""

    def __init__(self, image: Path, mount: Path) -> None:
        self.image = image
        self.mount = mount

    def run(self, *command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"

    def make(self) -> None:
        with self.image.open("wb") as file:
            file.truncate(128 << 20)
        self.run("mkfs.ext4", "-q", str(self.image))
        self.mount.mkdir()
        self.plug_in()

    def plug_in(self) -> None:
        self.run("mount", "-o", "loop,noatime,data=ordered", str(self.image), str(self.mount))

    def pull_out(self) -> None:
        self.run("umount", str(self.mount))

    def cut(self) -> None:
        door = os.open(self.mount, os.O_RDONLY)
        try:
            fcntl.ioctl(door, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(door)


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Card]:
    card = Card(tmp_path / "card.img", tmp_path / "card")
    card.make()
    yield card
    subprocess.run(["umount", str(card.mount)], capture_output=True, check=False)


def cut_while_writing(card: Card, house: Path, seconds: float, acknowledged: Acknowledged) -> None:
    process = victim(house)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    select.select([], [], [], seconds)
    card.cut()
    process.kill()
    acknowledged.hear(process.stdout)
    process.communicate()
    card.pull_out()
    card.plug_in()


def test_five_power_cuts_lose_nothing_acknowledged(card: Card) -> None:
    acknowledged = Acknowledged()
    (card.mount / "house").mkdir()
    for seconds in (0.02, 0.3, 0.7, 1.1, 1.5):
        cut_while_writing(card, card.mount / "house", seconds, acknowledged)
        inspect(card.mount / "house", acknowledged)
    print(f"acknowledged and kept: {len(acknowledged.events)} judgements, {len(acknowledged.frames)} frames")
    assert len(acknowledged.events) > 50
    assert len(acknowledged.frames) > 50


def test_the_cut_itself_works(card: Card) -> None:
    """Unsynced bytes must be gone afterwards, or the test above proves nothing."""
    (card.mount / "file").write_text("never synced")
    card.cut()
    card.pull_out()
    card.plug_in()
    assert not (card.mount / "file").exists()
