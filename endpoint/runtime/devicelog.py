"""The device log, in the line format of the seed slides.

    2022-04-24T13:58:15.538-05:00 appl[3899]: Wx2[2]: Starting calliope discovery

Source: protocol/activation-and-media.md section 9.1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Final, NamedTuple

from endpoint.runtime.clock import Clock
from endpoint.runtime.trace import Trace


class Style(NamedTuple):
    """How the software of an age writes its lines: the name of the process, and the word for an error."""

    process: str
    error: str


STYLES: Final[Mapping[str, Style]] = {"2022": Style("appl", "E"), "2026": Style("main", "ERROR")}
"""Styles by the year of their observation; protocol/activation-and-media.md 9.1."""
LINES_MAX = 2_000
"""Lines kept in memory per device; older ones leave by the sinks only, and are counted in `DeviceLog.dropped`."""


class HttpCounter:
    """The one counter of HTTP requests of a process, from 1 (`HTTP(14) =>` on the slides)."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def next(self) -> int:
        """Return the number of the next request."""
        self.count += 1
        return self.count


class DeviceLog:
    """The log of one process start of one device."""

    def __init__(
        self,
        who: str,
        clock: Clock,
        trace: Trace,
        *,
        pid: int,
        zone: tzinfo = UTC,
        style: Style = STYLES["2022"],
        lines_max: int = LINES_MAX,
    ) -> None:
        self._who = who
        self._clock = clock
        self._trace = trace
        self._sinks: list[Callable[[str], object]] = []
        self.pid = pid
        self.zone = zone
        self.style = style
        self.http = HttpCounter()
        self.lines: deque[str] = deque(maxlen=lines_max)
        self._written = 0

    @property
    def dropped(self) -> int:
        """Lines that the bound has pushed out."""
        return self._written - len(self.lines)

    def add_sink(self, sink: Callable[[str], object]) -> None:
        """Give every later line to `sink` as well (a file, a terminal); one that cannot write is dropped."""
        self._sinks.append(sink)

    def line(self, module: str, level: str, text: str, *, of: str = "") -> None:
        """Write one line.

        Args:
            module: `Wx2`, `Wx2Http`, `CalliopeDiscovery`, ...
            level: a digit `1`..`6` (printed `[1]`), or `I`, `W`, `E` (the style's word for it), and `ERROR` where a real line has it
                (printed after a blank).
            of: another process of the device than the one whose log this is; its lines have neither module nor level.
            text: what follows the colon; holds no secret. Control characters in it are written as escapes: one line is one line.
        """
        if not text.isprintable():
            text = _on_one_line(text)
        level = self.style.error if level == "E" else level
        mark = f"[{level}]" if level.isdigit() else f" {level}"
        said = (
            f"{of}[{self.pid + len(of)}]: {text}" if of else f"{self.style.process}[{self.pid}]: {module}{mark}: {text}"
        )
        line = f"{self.stamp(self._clock.now())} {said}"
        self.lines.append(line)
        self._written += 1
        self._trace.event(self._who, "log", data={"module": module, "level": level, "text": text})
        for sink in tuple(self._sinks):
            try:
                sink(line)
            except OSError:  # a full disk, a closed pipe: whoever wrote the line has no part in that
                self._sinks.remove(sink)

    def stamp(self, instant: datetime) -> str:
        """Print an instant as the log does: milliseconds and the numeric zone, never `Z`."""
        return instant.astimezone(self.zone).isoformat(timespec="milliseconds")


def _on_one_line(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
