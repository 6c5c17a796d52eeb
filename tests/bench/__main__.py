"""`make bench`: what it costs, as ratios and times of one run on this machine.

Nothing here is a test with a deadline: the numbers are printed beside their anchors (design.md section 9), and people compare.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.bench import bring_up, calendar, calls, discovery, idle, invitations, locus, scenarios, virtual, xapi

BENCHES: dict[str, Callable[[], list[str]]] = {
    "bring-up": bring_up.measure,
    "discovery": discovery.measure,
    "virtual": virtual.measure,
    "scenarios": scenarios.measure,
    "calendar": calendar.measure,
    "calls": calls.measure,
    "memory": idle.measure,
    "xapi": xapi.measure,
    "invitations": invitations.measure,
    "locus": locus.measure,
}


def main(wanted: list[str]) -> int:
    """Run the benchmarks that were named, or all."""
    unknown = [name for name in wanted if name not in BENCHES]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    for name, measure in BENCHES.items():
        if not wanted or name in wanted:
            print(f"== {name}", flush=True)
            for line in measure():
                print(f"   {line}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
