"""What processes that serve have in common: their ground, their signals, their ready file. They stand on real sockets and real time."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from endpoint.cloud.bases import DEFAULT_DOMAINS
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime, ScaledTime, SteppedTime, TimeSource
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable, raise_open_file_limit
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.trace import Trace
from scenarios.runner.exits import Exit, refused
from scenarios.runner.wholefile import PRIVATE, write_whole

Address = tuple[str, int]
TRACE_EVENTS: Final = 100_000
"""Events that a serving process keeps; older ones are dropped and counted."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a process stands on."""

    source: TimeSource
    chance: Chance
    trace: Trace
    faults: Faults
    names: NameTable

    @classmethod
    def real(cls, source: TimeSource) -> Ground:
        """Return the ground of a process on real sockets: nothing is seeded."""
        raise_open_file_limit()
        clock = Clock(source)
        trace = Trace(clock, events_max=TRACE_EVENTS)
        return cls(source, Chance(None), trace, Faults(clock, trace), NameTable())


def address(text: str, option: str) -> Address | None:
    """Read `HOST:PORT`; None for `off`, a door that stays shut."""
    if text == "off":
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise refused(f"{option}: {text!r} is no address; write HOST:PORT, such as 127.0.0.1:8443, or off")
    return host.strip("[]"), int(port)


def time_source(text: str) -> TimeSource:
    """Read `--clock`: real, stepped, frozen, or a factor such as x60."""
    loop = asyncio.get_running_loop()
    if text == "real":
        return LoopTime(loop)
    if text in ("stepped", "frozen"):
        return SteppedTime(loop, frozen=text == "frozen")
    with suppress(ValueError):
        if text.startswith("x"):
            return ScaledTime(loop, float(text[1:]))
    raise refused(f"--clock: {text!r} is no clock; write real, stepped, frozen, or a factor such as x60")


def lead_names(names: NameTable, cloud: str, targets: list[str]) -> None:
    """Let every default name lead to the cloud at a base URL, and allow further hosts by name."""
    url = urlsplit(cloud)
    host = url.hostname or ""
    logical = 443 if url.scheme == "https" else 80
    for domain in DEFAULT_DOMAINS:
        names.publish_domain(domain, logical, host, url.port or logical)
    for allowed in (host, *targets):
        names.allow(allowed)


def write_ready(file: Path, content: dict[str, Any]) -> None:
    """Write a ready file, whole or not at all; only its owner may read it: it holds credentials.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    write_whole({file: json.dumps(content, indent=1) + "\n"}, PRIVATE)


def first_ready(file: Path | None, content: dict[str, Any]) -> None:
    """Write a ready file for the first time, or refuse to go on in one line."""
    try:
        if file is not None:
            write_ready(file, content)
    except OSError as error:
        raise refused(f"--ready-file: {file} cannot be written: {error.strerror}") from None


def serve(main: Callable[[], Awaitable[int]]) -> int:
    """Run a serving process until its work ends or a signal comes.

    A signal cancels the work, which tidies up on its way out: SIGTERM is a clean stop and exits with 0, SIGINT with 130. A second signal
    does what it does by default.
    """

    async def body() -> int:
        loop = asyncio.get_running_loop()
        work = asyncio.ensure_future(main())
        told: list[int] = []

        def on_signal(number: int) -> None:
            told.append(number)
            loop.remove_signal_handler(number)
            work.cancel()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, on_signal, number)
        try:
            return await work
        except asyncio.CancelledError:
            if not told:
                raise
            return Exit.INTERRUPTED if told[0] == signal.SIGINT else Exit.OK

    return asyncio.run(body())


async def for_ever() -> None:
    """Serve until somebody ends the process."""
    print("serving; stop with Ctrl-C or SIGTERM", flush=True)
    await asyncio.get_running_loop().create_future()


def read_anchors(ca: Path | None, option: str) -> tuple[str, ...]:
    """Read the certificates of an option, or refuse."""
    if ca is None:
        return ()
    try:
        anchors = (ca.read_text(encoding="ascii"),)
        TlsClient(anchors).context()
    except (ssl.SSLError, ValueError):
        raise refused(f"{option}: {ca} holds no certificates in PEM form") from None
    except OSError as error:
        raise refused(f"{option}: {ca} cannot be read: {error.strerror}") from None
    return anchors
