"""The channel `log`: one line of JSON per notice on the logger `anlou.notice`."""

from __future__ import annotations

import json
import logging

from alerts.notify.body import notice_body
from alerts.notify.channel import Delivered
from gateway.model import Notice

log = logging.getLogger("anlou.notice")


class LogChannel:
    """Never fails and never waits. JSON escapes control characters, so a hostile text stays on its line."""

    name = "log"

    def __init__(self, site: str) -> None:
        self._site = site

    async def send(self, notice: Notice, key: str) -> Delivered:
        line = json.dumps(notice_body(notice, self._site) | {"key": key}, ensure_ascii=True, separators=(",", ":"))
        log.info("%s", line)
        return Delivered()

    async def close(self) -> None:
        return
