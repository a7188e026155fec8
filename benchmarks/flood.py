"""Publishes QoS 1 to a broker as fast as it takes them, or so many a second, in a process of its own.

By hand, without a client library: the broker and the gateway are to be measured, and there are only two cores.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time

from gateway.clock import host_mono_ns

_PACKETS = 60_000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("!H", len(raw)) + raw


def packet(kind: int, body: bytes) -> bytes:
    size, length = len(body), b""
    while True:
        size, low = divmod(size, 128)
        length += bytes([low | (128 if size else 0)])
        if not size:
            return bytes([kind]) + length + body


def publish(topic: str, payload: bytes, number: int, qos: int = 1) -> bytes:
    """A PUBLISH of MQTT 5 without properties."""
    mid = struct.pack("!H", number % _PACKETS + 1) if qos else b""
    return packet(0x30 | qos << 1, text(topic) + mid + b"\x00" + payload)


def connected(port: int, client_id: str) -> socket.socket:
    """A clean MQTT 5 session whose answers nobody reads."""
    wire = socket.create_connection(("127.0.0.1", port))
    wire.sendall(packet(0x10, text("MQTT") + b"\x05\x02\x00\x00\x00" + text(client_id)))
    answer = wire.recv(64)
    if answer[0] != 0x20 or answer[3] != 0:
        raise ConnectionError(f"the broker refuses: {answer!r}")

    def drain() -> None:
        try:
            while wire.recv(65536):
                pass
        except OSError:
            return

    threading.Thread(target=drain, daemon=True).start()
    return wire


def main() -> None:
    port, messages, rate, devices, alarms = (int(word) for word in sys.argv[1:6])
    every = messages // alarms if alarms else messages + 1
    said: list[str] = []
    with connected(port, "flood") as wire:
        began, out = time.monotonic(), b""
        for number in range(messages):
            device, level = number % devices, 2.5
            if alarms and number % every == every - 1:
                device, level = len(said), 2000.5
                said.append(f"d{device} {host_mono_ns()}")
            elif device < alarms:
                device += alarms  # those that are to be alarmed say nothing else
            payload = b'{"ts": %d, "level": %.2f, "battery": 3.61, "signal": -97}' % (
                time.time() * 1000,
                level + number % 50,
            )
            out += publish(f"bench/d{device}", payload, number)
            if rate:
                wire.sendall(out)
                out = b""
                ahead = began + (number + 1) / rate - time.monotonic()
                if ahead > 0:
                    time.sleep(ahead)
            elif len(out) > 8000:
                wire.sendall(out)
                out = b""
        wire.sendall(out)
        print("\n".join(said), flush=True)
        sys.stdout.close()
        time.sleep(60)  # until it is ended: hanging up would cut off what the broker has not read


if __name__ == "__main__":
    main()
