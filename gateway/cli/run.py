"""`anlou run`: the gateway for a site."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

from gateway.app.memory import laying_up
from gateway.app.session import live_once, run_loop
from gateway.config.load import load_site
from gateway.config.problems import ConfigErrors

EXIT_CONFIG = 2

log = logging.getLogger("anlou.run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--site", type=Path, required=True, metavar="FILE", help="the site file")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where everything is kept (default: see README)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=port_number, default=8640, help="port to listen on, 0 = any (default: 8640)")
    parser.add_argument("--speed", type=speed, default=1.0, help="building time runs so much faster; for simulators")


def run(options: argparse.Namespace) -> int:
    start_logging()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a reload that comes before the gateway lives has nothing to add
    try:
        with laying_up():
            config = load_site(options.site)
    except ConfigErrors as errors:
        sys.stderr.write(f"{errors}\n")
        return EXIT_CONFIG
    for warning in config.warnings:
        log.warning("%s", warning)
    folder = options.data or default_folder(config.site.id)
    log.info("everything is kept in %s", folder)
    return run_loop(
        lambda stop: live_once(
            config,
            folder,
            host=options.host,
            port=options.port,
            stop=stop,
            rate=options.speed,
            ready=lambda address: print(f"ready {address}", flush=True),
        )
    )


def default_folder(site: str) -> Path:
    """systemd's STATE_DIRECTORY, else the user's own state folder."""
    if state := os.environ.get("STATE_DIRECTORY"):
        return Path(state.split(":")[0])
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "anlou" / site


def port_number(text: str) -> int:
    """0 … 65535 (0: a free one)."""
    if text.isascii() and text.isdigit() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"a port from 0 to 65535 is expected, got {text!r}")


def speed(text: str) -> float:
    """Above 0, at most 1000."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if 0 < value <= 1000:
        return value
    raise argparse.ArgumentTypeError(f"a number above 0, at most 1000, is expected, got {text!r}")


def start_logging(level: int = logging.INFO) -> None:
    """One line an event on stderr; the notice channel `log` writes there too."""
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "httpcore", "pymodbus"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
