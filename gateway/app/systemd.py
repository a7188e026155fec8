"""sd_notify: one datagram to the service manager, if there is one."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> bool:
    """Send `READY=1` and the like; False when nobody listens (NOTIFY_SOCKET is not set)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]  # abstract namespace
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as service_manager:
        service_manager.sendto(state.encode(), address)
    return True
