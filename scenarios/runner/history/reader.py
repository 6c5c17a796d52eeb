"""Reading a trace file: a header line, then one event per line.

A reader takes every minor version of the format: members and kinds that it does not know are left alone.
Source: scenario-style.md section 9, docs/reference/trace.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from endpoint.runtime.clock import parse_iso
from endpoint.runtime.trace import EVENTS_MAX, TRACE_VERSION, Event

LINE_MAX: Final = 8 * 1024 * 1024
"""Bytes of a line; a longer one is refused before it is held."""
NUMBER_MAX: Final = 2**63 - 1
"""Largest ordinal and instant: some 292,000 years of microseconds."""
SHOWN_MAX: Final = 60
"""Characters of a wrong value that a message shows."""

RIGHT: Final = "`roomsim run SCENARIO --trace FILE` writes one"
OTHERS: Final = {
    b'{"log"': "a HAR file, which `roomsim replay` reads",
    b"<": "a page",
    b"\x1f\x8b": "compressed",
    b"name:": "a scenario",
    b"# yaml-language-server": "a scenario",
}
"""How files begin that people take for traces, and what they are."""

_SPACE: Final = b"\xef\xbb\xbf \t\r\n"
_VERSION = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})")
_MAJOR: Final = int(TRACE_VERSION.partition(".")[0])
_OPTIONAL_TEXTS: Final = ("peer", "id", "label")
_HEADER: Final = ("roomsim_trace", "scenario", "sha256", "seed", "mode", "network", "start", "versions")


class TraceError(Exception):
    """A file is no trace that this version reads: which file, which line (from 1; 0 for the whole file), and what would have been right."""

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}")
        self.file = file
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a trace.

    Attributes:
        version: of the format, such as `1.0`.
        scenario: name of the scenario, its case in brackets.
        sha256: digest of the scenario file, in hexadecimal.
        mode: virtual or wire.
        network: memory or loopback.
        start: wall time at microsecond 0, aware UTC.
        versions: of roomsim and of the libraries that spoke.
        unknown: members that this version does not know, as they stand.
    """

    version: str
    scenario: str
    sha256: str
    seed: int
    mode: str
    network: str
    start: datetime
    versions: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class History:
    """A trace that was read; ordinals count up, though some may be missing."""

    file: str
    header: Header
    events: tuple[Event, ...]

    @cached_property
    def by_n(self) -> Mapping[int, Event]:
        """The events by their ordinals."""
        return {event.n: event for event in self.events}

    @cached_property
    def _by_id(self) -> Mapping[str, tuple[Event, ...]]:
        found: dict[str, list[Event]] = {}
        for event in self.events:
            if event.id is not None:
                found.setdefault(event.id, []).append(event)
        return {name: tuple(events) for name, events in found.items()}

    def message(self, event: Event) -> tuple[Event, ...]:
        """Return the events that share the id of an event, itself among them: one message on its way, and its answer."""
        return (event,) if event.id is None else self._by_id.get(event.id, (event,))

    def led_to(self, event: Event) -> Event | None:
        """Return what led to an event: of what was received the sending, else its cause, else what began its exchange."""
        earlier = [one for one in self.message(event) if one.n < event.n]
        if event.kind == "ws.recv" or event.data.get("side") == "received":
            sent = [one for one in earlier if one.who != event.who]
            if sent:
                return sent[-1]
        if event.cause is not None:
            return self.by_n.get(event.cause)
        return earlier[-1] if earlier else None

    def causes(self, n: int) -> Iterator[Event]:
        """Yield what led to event `n`, nearest first; the chain ends where nothing in the file did."""
        event = self.by_n.get(n)
        while event is not None:
            event = self.led_to(event)
            if event is not None:
                yield event


def read_trace(path: Path) -> History:
    """Read a trace file.

    Raises:
        TraceError: it cannot be read, is no trace, or of a version that is not ours.
    """
    try:
        with path.open("rb") as stream:
            return read_stream(stream, str(path))
    except IsADirectoryError:
        inside = path / "trace.jsonl"
        more = f"there is one in it, {inside}" if inside.is_file() else RIGHT
        raise TraceError(str(path), 0, f"no trace: it is a directory; {more}") from None
    except OSError as error:
        raise TraceError(str(path), 0, f"cannot be read: {error.strerror}") from None


def read_stream(stream: BinaryIO, name: str) -> History:
    """Read a trace from bytes; `name` stands in messages.

    Raises:
        TraceError: it is no trace, or of a version that is not ours.
    """
    lines = _lines(stream, name)
    number, line = next(lines, (0, b""))
    if not number:
        raise TraceError(name, 0, f"no trace: it is empty; {RIGHT}")
    seems = next((what for start, what in OTHERS.items() if line.lstrip(_SPACE).startswith(start)), None)
    if seems is not None:
        raise TraceError(name, 0, f"no trace: it seems to be {seems}; {RIGHT}")
    try:
        found = _object(line, name, number)
    except TraceError as error:
        raise TraceError(name, number, f"no trace, by its first line: {error.message}; {RIGHT}") from None
    if "roomsim_trace" not in found:
        raise TraceError(name, number, f'no trace: the first line has no "roomsim_trace"; {RIGHT}')
    header = _header(found, name, number)
    objects = ((number, _object(line, name, number)) for number, line in lines)
    return History(name, header, tuple(_events(objects, name)))


def _lines(stream: BinaryIO, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, with their numbers."""
    number = 0
    while line := stream.readline(LINE_MAX + 1):
        number += 1
        if len(line) > LINE_MAX:
            raise TraceError(name, number, f"longer than {LINE_MAX} bytes")
        if line.strip():
            yield number, line


def _object(line: bytes, name: str, number: int) -> dict[str, Any]:
    try:
        found = _decoded(line)
    except RecursionError:
        raise TraceError(name, number, "JSON that is nested too deep") from None
    except ValueError as error:
        what = "not UTF-8" if isinstance(error, UnicodeDecodeError) else f"no JSON ({error})"
        cut = "" if line.endswith(b"\n") else "; the file ends here, was it cut short?"
        raise TraceError(name, number, f"{what}{cut}") from None
    if not isinstance(found, dict):
        raise TraceError(name, number, f"a line of a trace is a JSON object, not {_shown(found)}")
    return found


def _decoded(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError:  # half a surrogate pair is JSON, though no text: a trace may hold it as an escape
        return json.loads(line.decode(), parse_constant=_no_constant)


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _shown(value: object) -> str:
    try:
        text = json.dumps(value)
    except RecursionError:
        return "something nested"
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."


def _header(found: Mapping[str, Any], name: str, number: int) -> Header:
    version = found["roomsim_trace"]
    parts = _VERSION.fullmatch(version) if isinstance(version, str) else None
    if parts is None:
        raise TraceError(name, number, f'"roomsim_trace" is a version such as "{TRACE_VERSION}", not {_shown(version)}')
    if int(parts[1]) != _MAJOR:
        raise TraceError(name, number, f"format {version} is not read here, only {_MAJOR}.x")
    member = _Members(found, name, number)
    start = member.text("start")
    try:
        instant = parse_iso(start)
    except ValueError:
        raise TraceError(
            name, number, f'"start" is an instant such as 2026-03-02T08:50:00.000Z, not {_shown(start)}'
        ) from None
    versions = member.map("versions")
    return Header(
        version=parts[0],
        scenario=member.text("scenario"),
        sha256=member.text("sha256"),
        seed=member.number("seed"),
        mode=member.text("mode"),
        network=member.text("network"),
        start=instant,
        versions={key: str(value) for key, value in versions.items()},
        unknown={key: value for key, value in found.items() if key not in _HEADER},
    )


def _events(lines: Iterable[tuple[int, dict[str, Any]]], name: str) -> Iterator[Event]:
    last = 0
    for count, (number, found) in enumerate(lines):
        if count >= EVENTS_MAX:
            raise TraceError(name, number, f"more than {EVENTS_MAX} events")
        event = _event(_Members(found, name, number))
        if event.n <= last:
            raise TraceError(name, number, f'"n" counts up: {event.n} cannot follow {last}')
        if event.cause is not None and event.cause >= event.n:
            raise TraceError(name, number, f'"cause" is an earlier "n": {event.cause} cannot lead to {event.n}')
        last = event.n
        yield event


def _event(member: _Members) -> Event:
    optional = {key: None if member.found.get(key) is None else member.text(key) for key in _OPTIONAL_TEXTS}
    return Event(
        n=member.number("n", least=1),
        t=member.number("t"),
        at=member.text("at"),
        who=member.text("who"),
        kind=member.text("kind"),
        cause=None if member.found.get("cause") is None else member.number("cause", least=1),
        step=None if member.found.get("step") is None else member.number("step"),
        data=member.map("data"),
        **optional,
    )


@dataclass(frozen=True, slots=True)
class _Members:
    """The members of a line, each checked as it is taken."""

    found: Mapping[str, Any]
    name: str
    line: int

    def text(self, key: str) -> str:
        value = self.found.get(key)
        if not isinstance(value, str):
            raise self._wrong(key, "text")
        return value

    def number(self, key: str, *, least: int = 0) -> int:
        value = self.found.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= NUMBER_MAX:
            raise self._wrong(key, f"a whole number from {least} on")
        return value

    def map(self, key: str) -> Mapping[str, Any]:
        value = self.found.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self._wrong(key, "an object")
        return value

    def _wrong(self, key: str, right: str) -> TraceError:
        if key not in self.found:
            return TraceError(self.name, self.line, f'"{key}" is missing; it is {right}')
        return TraceError(self.name, self.line, f'"{key}" is {right}, not {_shown(self.found[key])}')
