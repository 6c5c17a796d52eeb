"""Reading a HAR file: of ours, of a browser, of a proxy; with an account of what could be used and what could not.

Source: the HAR 1.2 specification; `_webSocketMessages` as Chrome, Firefox, Playwright and mitmproxy write them.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from endpoint.runtime.clock import EPOCH, iso_ms
from endpoint.wire.conventions import is_url
from scenarios.runner.recording.har import FORMAT, OURS, SENT
from scenarios.runner.recording.model import Command, Exchange, Message, Press, Recording, Socket

FILE_BYTES_MAX: Final = 256 * 1024 * 1024
ENTRIES_MAX: Final = 50_000
MS_MIN: Final = 10**11
"""A message's time from here on is in milliseconds, as Playwright writes it; browsers and proxies write seconds."""
PAGE_TYPES: Final = frozenset(
    {"image", "stylesheet", "font", "script", "media", "document", "ping", "manifest", "preflight"}
)
"""Kinds of resources, in Chrome's words, that are a page's and no service's."""


class HarError(Exception):
    """A file that cannot be read as a recording: which, where in it, and what would be right."""

    def __init__(self, file: str, place: str, rule: str) -> None:
        super().__init__(f"{file}: {place}: {rule}" if place else f"{file}: {rule}")


class _Pair(msgspec.Struct):
    name: str
    value: str = ""


class _PostData(msgspec.Struct, rename="camel"):
    mime_type: str = ""
    text: str = ""
    params: list[_Pair] = []


class _Request(msgspec.Struct, rename="camel"):
    method: str
    url: str
    headers: list[_Pair] = []
    post_data: _PostData | None = None


class _Content(msgspec.Struct, rename="camel"):
    mime_type: str | None = None
    text: str | None = None
    encoding: str | None = None


class _Response(msgspec.Struct, rename="camel"):
    status: int
    headers: list[_Pair] = []
    content: _Content = msgspec.field(default_factory=_Content)
    error: str | None = msgspec.field(default=None, name="_error")


class _Frame(msgspec.Struct):
    type: str
    time: int | float
    data: str
    opcode: int = 1
    ours: dict[str, Any] = msgspec.field(default_factory=dict, name=OURS)


class _Entry(msgspec.Struct, rename="camel"):
    started_date_time: str
    request: _Request
    response: _Response
    time: int | float | None = 0
    kind: str = msgspec.field(default="", name="_resourceType")
    frames: list[_Frame] | None = msgspec.field(default=None, name="_webSocketMessages")
    ours: dict[str, Any] = msgspec.field(default_factory=dict, name=OURS)


class _Creator(msgspec.Struct):
    name: str = ""
    version: str = ""


class _Log(msgspec.Struct):
    entries: list[msgspec.Raw]
    version: str = ""
    creator: _Creator = msgspec.field(default_factory=_Creator)
    ours: dict[str, Any] = msgspec.field(default_factory=dict, name=OURS)


class _Har(msgspec.Struct):
    log: _Log


@dataclass
class Account:
    """What became of the entries of a file: how many were used, and of each that was not, why."""

    creator: str = ""
    exchanges: int = 0
    sockets: int = 0
    messages: int = 0
    unused: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    """The place of the first entry of each reason."""

    def leave_out(self, why: str, place: str) -> None:
        """Take note of something that is not used."""
        self.unused[why] += 1
        self.first.setdefault(why, place)

    def lines(self) -> list[str]:
        """Print it."""
        rows = [f"written by {self.creator or 'nobody that says so'}"]
        rows.append(f"used: {self.exchanges} requests, {self.sockets} websocket(s) with {self.messages} messages")
        rows += [f"not used: {count} x {why} (first: {self.first[why]})" for why, count in sorted(self.unused.items())]
        return rows


def read_har(file: Path) -> tuple[Recording, Account]:
    """Read a HAR file; secrets are looked for elsewhere.

    Raises:
        HarError: no HAR file, or one of a later format of ours.
        OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        data = stream.read(FILE_BYTES_MAX + 1)
    return parse_har(data, str(file))


def parse_har(data: bytes, name: str = "har") -> tuple[Recording, Account]:
    """Read the bytes of a HAR file; HarError as in `read_har`."""
    if len(data) > FILE_BYTES_MAX:
        raise HarError(name, "", f"a HAR file has at most {FILE_BYTES_MAX // 1024 // 1024} MiB")
    try:
        log = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=_Har).log
    except msgspec.ValidationError as error:
        rule, _, path = str(error).partition(" - at ")
        raise HarError(name, path.strip("`").removeprefix("$."), rule) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HarError(name, "", f"no JSON: {error}") from None
    if len(log.entries) > ENTRIES_MAX:
        raise HarError(name, "log.entries", f"at most {ENTRIES_MAX} entries")
    return _Reader(log, name).read()


class _Reader:
    """Reads one file."""

    def __init__(self, log: _Log, name: str) -> None:
        self._log = log
        self._name = name
        self._start: datetime | None = None
        self.account = Account(f"{log.creator.name} {log.creator.version}".strip())
        self.found = Recording(about={"creator": self.account.creator, "file": Path(name).name})

    def read(self) -> tuple[Recording, Account]:
        """Return the recording and the account."""
        self._head()
        for at, raw in enumerate(self._log.entries):
            place = f"log.entries[{at}]"
            try:
                entry = msgspec.json.decode(raw, type=_Entry)
                self._take(entry, place)
            except msgspec.ValidationError as error:
                self.account.leave_out(f"broken: {str(error).partition(' - at ')[0]}", place)
            except (ValueError, OverflowError, RecursionError):
                self.account.leave_out("broken: a member of it cannot be read", place)
        self.found.exchanges.sort(key=lambda one: (one.t_us, one.n))
        for n, one in enumerate(self.found.exchanges, 1):
            one.n = n
        return self.found, self.account

    def _head(self) -> None:
        ours = self._log.ours
        if not ours:
            return
        version = str(ours.get("format", ""))
        if version.partition(".")[0] != FORMAT.partition(".")[0]:
            raise HarError(self._name, f"log.{OURS}.format", f"{FORMAT}, not {version or 'nothing'}")
        try:
            self.found.about = msgspec.convert(ours.get("about", {}), dict[str, Any])
            self.found.secrets = msgspec.convert(ours.get("secrets", {}), dict[str, dict[str, str]])
            self.found.sealed = msgspec.convert(ours.get("sealed", {}), dict[str, dict[str, str]])
            self.found.commands = msgspec.convert(ours.get("commands", []), list[Command])
            self.found.presses = msgspec.convert(ours.get("presses", []), list[Press])
            self.found.dropped = msgspec.convert(ours.get("dropped", 0), int)
        except msgspec.ValidationError as error:
            raise HarError(self._name, f"log.{OURS}", str(error)) from None
        if isinstance(start := self.found.about.get("start"), str):
            try:
                self._start = _instant(start)
            except (ValueError, OverflowError):
                raise HarError(self._name, f"log.{OURS}.about.start", "an instant of ISO 8601") from None

    def _take(self, entry: _Entry, place: str) -> None:
        url = entry.request.url
        if not is_url(url):
            self.account.leave_out("no http(s) or ws(s) address", place)
            return
        began = _instant(entry.started_date_time)
        if self._start is None:
            self._start = began
            self.found.about.setdefault("start", iso_ms(began))
        t_us = self._us(entry.ours.get("t"), began)
        if entry.frames is not None or entry.response.status == 101:
            self._socket(entry, t_us, began, place)
        elif entry.kind in PAGE_TYPES:
            self.account.leave_out(f"a page's own ({entry.kind})", place)
        elif entry.request.method == "CONNECT":
            self.account.leave_out("CONNECT, which a proxy is asked", place)
        elif entry.response.status <= 0 and not entry.ours:
            self.account.leave_out("no answer (blocked, cancelled or from a cache)", place)
        else:
            self._exchange(entry, t_us, began, place)

    def _exchange(self, entry: _Entry, t_us: int, began: datetime, place: str) -> None:
        post, content, ours = entry.request.post_data, entry.response.content, entry.ours
        answer = content.text or ""
        if content.encoding == "base64":
            try:
                answer = base64.b64decode(answer, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                self.account.leave_out("a body that is no text: the answer is kept without it", place)
                answer = ""
        took = ours.get("took")
        self.found.exchanges.append(
            Exchange(
                n=len(self.found.exchanges) + 1,
                t_us=t_us,
                at=iso_ms(began),
                took_us=took if isinstance(took, int) else round((entry.time or 0) * 1000),
                device=str(ours.get("device", "")),
                service=str(ours.get("service", "")),
                method=entry.request.method.upper(),
                url=entry.request.url,
                headers=[(pair.name, pair.value) for pair in entry.request.headers if not pair.name.startswith(":")],
                body=_body(post),
                mime=post.mime_type if post is not None else "",
                status=entry.response.status,
                answer_headers=[(pair.name, pair.value) for pair in entry.response.headers],
                answer=answer,
                answer_mime=content.mime_type or "",
                failed=entry.response.error or "",
                opened=opened if isinstance(opened := ours.get("opened"), dict) else {},
            )
        )
        self.account.exchanges += 1

    def _socket(self, entry: _Entry, t_us: int, began: datetime, place: str) -> None:
        if not entry.frames:
            self.account.leave_out("a websocket without messages", place)
        closed = entry.ours.get("closed")
        socket = Socket(
            n=len(self.found.sockets) + 1,
            t_us=t_us,
            at=iso_ms(began),
            url=entry.request.url,
            device=str(entry.ours.get("device", "")),
        )
        if isinstance(closed, dict) and isinstance(closed.get("t"), int) and isinstance(closed.get("code"), int):
            socket.closed_us, socket.code, socket.reason = closed["t"], closed["code"], str(closed.get("reason", ""))
        for at, frame in enumerate(entry.frames or ()):
            if frame.opcode != 1:
                self.account.leave_out("a binary message", f"{place}._webSocketMessages[{at}]")
                continue
            seconds = frame.time / 1000 if frame.time >= MS_MIN else frame.time
            when = EPOCH + (datetime.fromtimestamp(float(seconds), UTC) - EPOCH)
            opened, after = frame.ours.get("opened"), frame.ours.get("after")
            socket.messages.append(
                Message(
                    t_us=self._us(frame.ours.get("t"), when),
                    at=iso_ms(when),
                    is_sent=frame.type == SENT,
                    text=frame.data,
                    opened=opened if isinstance(opened, list) else [],
                    after=after if isinstance(after, int) else 0,
                )
            )
        self.found.sockets.append(socket)
        self.account.sockets += 1
        self.account.messages += len(socket.messages)

    def _us(self, told: object, instant: datetime) -> int:
        """Return microseconds since the start of the recording: as told, or counted."""
        if isinstance(told, int) and not isinstance(told, bool):
            return told
        assert self._start is not None, "the first entry sets it"
        return round((instant - self._start).total_seconds() * 1e6)


def _body(post: _PostData | None) -> str:
    if post is None:
        return ""
    return post.text or urlencode([(pair.name, pair.value) for pair in post.params], safe="<>#")


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
