"""The child process that is the broker: rumqttd cannot be stopped within a process, but a process can.

It ends when its standard input closes, so it never outlives whoever started it; Ctrl-C is theirs to judge.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

from iotcore import IotCoreBroker


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)  # it tells every packet as an error
    threading.Thread(target=_leave_with_the_parent, daemon=True).start()
    IotCoreBroker(config_path=sys.argv[1]).run_forever()


def _leave_with_the_parent() -> None:
    try:
        sys.stdin.buffer.read()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
