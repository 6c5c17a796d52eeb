"""docs/reference/device-log.md: the lines of the device log, from their tables."""

from __future__ import annotations

from typing import Final

from tests.tools.log_lines import OBSERVED, OURS, Row
from tests.tools.markdown import code, page, table

INTRODUCTION: Final = """
A line of the device log has the shape

```
2022-04-24T13:58:15.538-05:00 appl[3899]: Wx2[2]: Starting calliope discovery
```

time with milliseconds and the device's zone, process and pid (a new one at each boot), module, level, text. A level is a digit in brackets
(1 details, 2 start of discovery, 3 steps) or a letter after a blank (`I` information, `W` warning, `E` error). With `log_style: 2026` in a
scenario, and with `endpoint run --log-style 2026`, the process is `main` and `ERROR` stands for `E`. Tokens, codes, keys and titles are in
no line; URLs are printed without user names, and with `***` for query values that look like tokens.

Scenarios look at lines with `log`, see [scenario language](scenario-language.md); to watch them see
[Watch the device log](../how-to/watch-the-device-log.md).
"""


def device_log() -> str:
    """Return the page."""
    return page(
        "Device log",
        INTRODUCTION,
        "## Observed lines",
        "These were seen on real devices. The marks are those of comments and scenarios.",
        _rows(OBSERVED),
        "## Our own lines",
        "No source shows what a real device writes here. These are ours: do not build on them for real devices.",
        _rows(OURS),
    )


def _rows(rows: tuple[Row, ...]) -> str:
    return table(("mark", "line", "when"), [(row.mark, code(row.shown), row.when) for row in rows])
