"""The connections of the client's HTTP library, so that one that hangs or drips can be cut from outside.

urllib3 has a timeout for each operation on a socket, not for a request: an answer of one byte every nine seconds would
keep its thread for ever.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Wires:
    """Second handles on the sockets in use. TLS takes the first handle over, but cutting works through either."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handles: list[socket.socket] = []

    def watch(self, pools: urllib3.PoolManager) -> None:
        """Let `pools` open their connections under these eyes."""
        wires = self

        class Connection(HTTPConnection):
            def _new_conn(self) -> Any:
                return wires._watched(super()._new_conn())

        class SecureConnection(HTTPSConnection):
            def _new_conn(self) -> Any:
                return wires._watched(super()._new_conn())

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Connection

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = SecureConnection

        pools.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}

    def cut(self) -> None:
        """End every connection now: whoever waits on one gets an error."""
        with self._lock:
            handles, self._handles = self._handles, []
        for handle in handles:
            with contextlib.suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)
            handle.close()

    def _watched(self, opened: socket.socket) -> socket.socket:
        handle = socket.socket(fileno=os.dup(opened.fileno()))
        with self._lock:
            old, self._handles = self._handles, [handle]  # one request at a time: earlier ones are over
        for one in old:
            one.close()
        return opened
