"""The shapes of log lines. Source of the samples: protocol/activation-and-media.md 9.1 and 9.2."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.devicelog import STYLES, DeviceLog, HttpCounter
from endpoint.runtime.trace import Trace
from endpoint.runtime.virtual import run

SLIDE = datetime(2022, 4, 24, 18, 58, 15, 538_000, UTC)


def _with_log(
    write: Callable[[DeviceLog], object],
    *,
    zone: tzinfo = UTC,
    style: str = "2022",
    pid: int = 3899,
    lines_max: int = 2_000,
) -> tuple[DeviceLog, Trace]:
    async def main() -> tuple[DeviceLog, Trace]:
        clock = Clock(LoopTime(asyncio.get_running_loop(), SLIDE))
        trace = Trace(clock)
        log = DeviceLog("device:room", clock, trace, pid=pid, zone=zone, style=STYLES[style], lines_max=lines_max)
        write(log)
        return log, trace

    return run(main)


@pytest.mark.parametrize(
    ("zone", "style", "module", "level", "text", "line"),
    [
        (timezone(timedelta(hours=-5)), "2022", "Wx2", "2", "Starting calliope discovery",
         "2022-04-24T13:58:15.538-05:00 appl[3899]: Wx2[2]: Starting calliope discovery"),
        (UTC, "2022", "Wx2", "I", "process_additional_CAs: Updated CA certificates from srpconfig",
         "2022-04-24T18:58:15.538+00:00 appl[3899]: Wx2 I: process_additional_CAs: Updated CA certificates from srpconfig"),
        (UTC, "2026", "Multistream", "W", "main_video resend",
         "2022-04-24T18:58:15.538+00:00 main[3899]: Multistream W: main_video resend"),
        (UTC, "2026", "Wx2", "E", "state not written", "2022-04-24T18:58:15.538+00:00 main[3899]: Wx2 ERROR: state not written"),
        (UTC, "2026", "Wx2Http", "1", "HTTP(1) <= 200", "2022-04-24T18:58:15.538+00:00 main[3899]: Wx2Http[1]: HTTP(1) <= 200"),
        (ZoneInfo("Asia/Kolkata"), "2022", "Wx2Http", "E", "HTTP(1) failed",
         "2022-04-25T00:28:15.538+05:30 appl[3899]: Wx2Http E: HTTP(1) failed"),
        (ZoneInfo("America/New_York"), "2022", "Wx2", "6", "Diagnostic event: x",
         "2022-04-24T14:58:15.538-04:00 appl[3899]: Wx2[6]: Diagnostic event: x"),
    ],
)  # fmt: skip
def test_a_line_has_exactly_the_shape_of_the_slides(
    zone: tzinfo, style: str, module: str, level: str, text: str, line: str
) -> None:
    log, _ = _with_log(lambda log: log.line(module, level, text), zone=zone, style=style)
    assert list(log.lines) == [line]


@pytest.mark.parametrize(
    ("instant", "stamp"),
    [
        (datetime(2022, 4, 24, 13, tzinfo=UTC), "2022-04-24T13:00:00.000+00:00"),
        (datetime(2022, 4, 24, 13, 0, 0, 999_999, UTC), "2022-04-24T13:00:00.999+00:00"),
    ],
)
def test_a_stamp_has_milliseconds_and_never_a_z(instant: datetime, stamp: str) -> None:
    log, _ = _with_log(lambda log: None)
    assert log.stamp(instant) == stamp


def test_the_pid_stands_in_brackets() -> None:
    log, _ = _with_log(lambda log: log.line("Wx2", "1", "x"), pid=2467)
    assert " appl[2467]: " in log.lines[0]


def test_a_line_goes_to_the_trace_and_to_every_sink() -> None:
    terminal: list[str] = []

    def write(log: DeviceLog) -> None:
        log.line("Wx2", "3", "before")
        log.add_sink(terminal.append)
        log.line("Wx2", "3", "after")

    log, trace = _with_log(write)
    assert terminal == [log.lines[1]]
    assert [(event.who, event.kind, event.data) for event in trace.events] == [
        ("device:room", "log", {"module": "Wx2", "level": "3", "text": "before"}),
        ("device:room", "log", {"module": "Wx2", "level": "3", "text": "after"}),
    ]


def test_old_lines_leave_and_are_counted() -> None:
    def write(log: DeviceLog) -> None:
        for number in range(25):
            log.line("Wx2", "1", f"line {number}")

    log, _ = _with_log(write, lines_max=10)
    assert [line.rpartition(" ")[2] for line in log.lines] == [str(number) for number in range(15, 25)]
    assert log.dropped == 15


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("closed code=1000 reason='a\n2022-04-24T18:58:15.538+00:00 appl[1]: Wx2 I: forged'",
         "closed code=1000 reason='a\\n2022-04-24T18:58:15.538+00:00 appl[1]: Wx2 I: forged'"),
        ("bell \x07 and \x1b[31mred", "bell \\x07 and \\x1b[31mred"),
        ("half a pair \ud800", "half a pair \\ud800"),
        ("Besprechung über Größe 会議", "Besprechung über Größe 会議"),
    ],
)  # fmt: skip
def test_one_line_is_one_line_whatever_a_peer_wrote(text: str, shown: str) -> None:
    log, trace = _with_log(lambda log: log.line("Wx2WebSocket", "W", text))
    assert log.lines[0].endswith(f": {shown}")
    assert trace.events[0].data["text"] == shown


@given(st.text())
def test_every_line_can_be_taken_apart_again(text: str) -> None:
    log, _ = _with_log(lambda log: log.line("Wx2", "1", text))
    found = re.fullmatch(r"(\S+) (\w+)\[(\d+)\]: (\w+)(?:\[(\d)\]| ([IWE])): (.*)", log.lines[0])
    assert found is not None
    assert datetime.fromisoformat(found[1]) == SLIDE
    log.lines[0].encode()


def test_the_http_counter_counts_from_one() -> None:
    counter = HttpCounter()
    assert [counter.next() for _ in range(3)] == [1, 2, 3]


def test_a_sink_that_cannot_write_is_dropped_and_the_line_is_kept() -> None:
    tried: list[str] = []

    def full(line: str) -> None:
        tried.append(line)
        raise OSError(28, "No space left on device")

    def write(log: DeviceLog) -> None:
        log.add_sink(full)
        log.line("Wx2", "3", "one")
        log.line("Wx2", "3", "two")

    log, _ = _with_log(write)
    assert tried == [log.lines[0]]
    assert len(log.lines) == 2
