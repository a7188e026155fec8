"""One batch after the other to the target; what it will not take is found, kept aside and passed."""

from __future__ import annotations

import logging

from gateway.clock import host_wall_ns
from gateway.historian.answers import BadLines, Trouble
from gateway.historian.batch import LINES, Batch, cut
from gateway.historian.canary import Canary
from gateway.historian.stamps import MILLI
from gateway.historian.target import Target
from gateway.store.aside import Unsent
from gateway.store.samples import Samples

log = logging.getLogger("anlou.historian")

REFUSED = "refused"
_TEXT = 64 << 10
_REMEMBERED = 1000


class Delivery:
    """`sent` counts lines that the target took, `kept_aside` those it never will; both since start."""

    def __init__(self, target: Target, samples: Samples, site: str = "") -> None:
        self.target = target
        self._samples = samples
        self._canary = Canary(site, 0, 0)
        self._most = LINES
        self._bad: dict[str, None] = {}
        self.sent = 0
        self.kept_aside = 0

    def remember(self) -> None:
        """Know the refused lines again, so that they are not searched for once more; reads, for the thread."""
        for _, kept in self._samples.unsent(_REMEMBERED):
            if kept.reason == REFUSED and kept.lines == 1:
                self._bad[kept.text.decode("utf-8", "replace")] = None

    async def deliver(self, batch: Batch, judged: int) -> None:
        """Every line taken or kept aside; Trouble when the target cannot answer for some. Rows up to `judged` were
        delivered once before, and are not kept aside a second time."""
        lines, numbers = batch.lines, batch.numbers
        if self._bad:
            left = [i for i, line in enumerate(lines) if line not in self._bad]
            lines, numbers = [lines[i] for i in left], [numbers[i] for i in left]
        start = 0
        while start < len(lines):
            start = await self._request(lines, numbers, start, judged)
        for reason, outside in batch.outside.items():
            self._keep(reason, "outside of what the target keeps", outside)

    async def _request(self, lines: list[str], numbers: list[int], start: int, judged: int) -> int:
        """Send what fits; the first line that nothing is known of yet."""
        end = cut(lines, start, self._most)
        try:
            await self._write(lines[start:end])
        except BadLines as bad:
            if bad.too_large and end - start > 1:
                self._most = (end - start) // 2
                return start
            first, last, message = start, end, str(bad)
            sent = self.sent
            if not bad.all_of_them:
                first, last, message = await self._search(lines, start, end, message)
            if first < last and self.sent == sent:
                await self._ask_for_proof()
            fresh = [
                line for line, number in zip(lines[first:last], numbers[first:last], strict=True) if number > judged
            ]
            self._bad |= dict.fromkeys(lines[first:last])
            while len(self._bad) > _REMEMBERED:
                del self._bad[next(iter(self._bad))]
            if fresh:
                self._keep(REFUSED, message, fresh)
            return last
        return end

    async def _search(self, lines: list[str], low: int, high: int, message: str) -> tuple[int, int, str]:
        """The first bad lines of a refused stretch, halving it; all before them is sent then. Empty when none is."""
        while low < high:
            middle = (low + high + 1) // 2 if high - low > 1 else high
            try:
                await self._write(lines[low:middle])
            except BadLines as bad:
                message = str(bad)
                if bad.all_of_them or middle - low == 1:
                    return low, middle, message
                high = middle
            else:
                low = middle
        return low, low, message

    async def _ask_for_proof(self) -> None:
        """Nothing was taken beside these lines: is it their fault, or is everything refused?

        A proxy that wants TLS says 400 to all that there is. Line by line the whole log would go aside.
        """
        try:
            await self.target.write([self._canary.line(host_wall_ns() // MILLI)])
        except BadLines as bad:
            raise Trouble(f"refuses even the plainest line: {bad}", denied=True) from bad

    async def _write(self, lines: list[str]) -> None:
        await self.target.write(lines)
        self.sent += len(lines)

    def _keep(self, reason: str, message: str, lines: list[str]) -> None:
        log.warning(
            "the historian does not take %d lines (%s: %s), the first: %s", len(lines), reason, message, lines[0]
        )
        self.kept_aside += len(lines)
        text = "\n".join(lines).encode("utf-8", "replace")[:_TEXT]
        self._samples.keep_unsent(Unsent(host_wall_ns(), reason, message, len(lines), text))
