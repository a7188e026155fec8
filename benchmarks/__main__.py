"""`make bench`: every benchmark in turn; figures, ratios to floors measured in the same run, and the promises."""

from __future__ import annotations

import importlib
import sys

ALL = ("samples", "poll", "judgement", "latency", "thousand", "mqtt", "historian")


def main() -> int:
    wanted = sys.argv[1:] or ALL
    for name in wanted:
        if name not in ALL:
            print(f"no benchmark {name!r}; there are {', '.join(ALL)}", file=sys.stderr)
            return 2
        for figure in importlib.import_module(f"benchmarks.{name}").run():
            print(figure, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
