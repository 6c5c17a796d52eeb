"""Who listens at the taps of devices, and makes a recording of what was said once the run is over.

Until then everything is kept in clear, in memory and within bounds: which values are secret is known only when all was seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from endpoint.runtime.clock import Clock, iso_ms
from endpoint.runtime.tap import Tap
from endpoint.runtime.trace import Trace
from endpoint.wire import codec
from scenarios.runner.recording.model import Command, Exchange, Headers, Message, Press, Recording, Socket
from scenarios.runner.recording.redact import Redactor

EXCHANGES_MAX: Final = 20_000
MESSAGES_MAX: Final = 100_000
BODY_BYTES_MAX: Final = 1024 * 1024
"""A longer body is not kept; the recording says so in its place."""
TEXTS_MAX: Final = 20_000
COMMANDS_MAX: Final = 10_000
SECRET_ARGUMENT: Final = re.compile(r"pass|pin|code|secret|token|key|dtmf|authorization|credential|header", re.I)
"""Names of arguments whose values are never kept."""


@dataclass
class _Said:
    """What one device said and heard, in clear."""

    exchanges: list[Exchange] = field(default_factory=list)
    sockets: list[Socket] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Texts that were opened: what they say, and the URL of their key."""


class Recorder:
    """Record all devices of a run.

    Args:
        clock: the clock of the run.
        trace: its trace; a secret has the same number in both.
    """

    def __init__(self, clock: Clock, trace: Trace) -> None:
        self._clock = clock
        self._trace = trace
        self._said = _Said()
        self._messages = 0
        self.dropped = 0
        self.known: frozenset[str] = frozenset()
        """The secrets that were met, once the recording is made."""

    def tap(self, who: str, clock: Clock) -> Tap:
        """Return the tap of a device."""
        return _DeviceTap(self, who, clock)

    def now_us(self) -> int:
        """Return the microseconds since the start of the run."""
        return round(self._clock.time() * 1e6)

    def add(self, exchange: Exchange) -> int:
        """Keep a request; returns its number, 0 where there is no room."""
        if len(self._said.exchanges) >= EXCHANGES_MAX:
            self.dropped += 1
            return 0
        self._said.exchanges.append(exchange)
        exchange.n = len(self._said.exchanges)
        return exchange.n

    @property
    def asked(self) -> int:
        """The number of the last request, 0 before the first."""
        return len(self._said.exchanges)

    def exchange(self, number: int) -> Exchange | None:
        """Return a request that was kept."""
        return self._said.exchanges[number - 1] if number else None

    def add_socket(self, socket: Socket) -> int:
        """Keep a socket; returns its number."""
        self._said.sockets.append(socket)
        socket.n = len(self._said.sockets)
        return socket.n

    def socket(self, number: int) -> Socket | None:
        """Return a socket that was kept."""
        return self._said.sockets[number - 1] if number else None

    def has_room(self) -> bool:
        """Say whether another message is kept; one that is not is counted."""
        self._messages += 1
        self.dropped += self._messages > MESSAGES_MAX
        return self._messages <= MESSAGES_MAX

    def command(self, device: str, path: str, arguments: Mapping[str, Any]) -> None:
        """Keep a command, without the values of arguments that may be secret."""
        if len(self._said.commands) >= COMMANDS_MAX:
            self.dropped += 1
            return
        hidden = [name for name in arguments if SECRET_ARGUMENT.search(name)]
        args = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in arguments.items()
            if name not in hidden
        }
        self._said.commands.append(Command(t_us=self.now_us(), device=device, path=path, args=args, hidden=hidden))

    def text(self, sealed: str, plain: str, key_url: str) -> None:
        """Keep what a sealed text says."""
        if len(self._said.texts) < TEXTS_MAX:
            self._said.texts[sealed] = plain, key_url

    def recording(self, about: Mapping[str, Any]) -> Recording:
        """Make the recording: everything that was kept, without its secrets."""
        redactor = Redactor(lambda secret: str(self._trace.shown(secret)))
        said = self._said
        exchanges = [_without_secrets(one, redactor) for one in said.exchanges]
        sockets = [_socket_without_secrets(one, redactor) for one in said.sockets]
        sealed = {
            redactor.learn("sealed", text): {"key": key_url, "plain": redactor.plain(text, plain)}
            for text, (plain, key_url) in said.texts.items()
        }
        found = Recording(
            exchanges=exchanges,
            sockets=sockets,
            commands=said.commands,
            presses=self._presses(),
            about=dict(about),
            secrets=dict(redactor.about),
            sealed=sealed,
            dropped=self.dropped,
        )
        self.known = redactor.known
        return _swept(found, redactor)

    def _presses(self) -> list[Press]:
        """Find the presses of Join in the history."""
        dialled = (event for event in self._trace.events if event.kind == "call.dial" and event.data["by"] == "button")
        return [Press(t_us=one.t, device=one.who, meeting=str(one.data["meeting"])) for one in dialled]


class _DeviceTap(Tap):
    """Listens to one device."""

    def __init__(self, recorder: Recorder, who: str, clock: Clock) -> None:
        self._recorder = recorder
        self._device = who
        self._clock = clock
        self._last: Message | None = None

    def asked(
        self, method: str, url: str, service: str, headers: Mapping[str, str], body: bytes | None, opened: Any
    ) -> int:
        recorder = self._recorder
        return recorder.add(
            Exchange(
                n=0,
                t_us=recorder.now_us(),
                at=iso_ms(self._clock.now()),
                device=self._device,
                service=service,
                method=method,
                url=url,
                headers=list(headers.items()),
                body=_text(body or b""),
                mime=headers.get("Content-Type", ""),
                opened=codec.builtins(opened) if opened is not None else {},
            )
        )

    def answered(self, number: int, status: int, headers: Mapping[str, str], body: bytes) -> None:
        found = self._recorder.exchange(number)
        if found is not None:
            found.took_us = self._recorder.now_us() - found.t_us
            found.status = status
            found.answer_headers = [(name, value) for name, value in headers.items()]
            found.answer = _text(body)
            found.answer_mime = headers.get("Content-Type", "")

    def failed(self, number: int, reason: str) -> None:
        found = self._recorder.exchange(number)
        if found is not None:
            found.took_us = self._recorder.now_us() - found.t_us
            found.failed = reason

    def opened(self, number: int, plain: Mapping[str, Any]) -> None:
        found = self._recorder.exchange(number)
        if found is not None and plain:
            found.opened = {**found.opened, **codec.builtins(dict(plain))}

    def command(self, path: str, arguments: Mapping[str, Any]) -> None:
        self._recorder.command(self._device, path, arguments)

    def socket_opened(self, url: str) -> int:
        recorder = self._recorder
        at = iso_ms(self._clock.now())
        return recorder.add_socket(Socket(n=0, t_us=recorder.now_us(), at=at, url=url, device=self._device))

    def message(self, number: int, text: str, *, is_sent: bool) -> None:
        recorder = self._recorder
        socket = recorder.socket(number)
        if socket is not None and recorder.has_room():
            at = iso_ms(self._clock.now())
            message = Message(t_us=recorder.now_us(), at=at, is_sent=is_sent, text=text, after=recorder.asked)
            socket.messages.append(message)
            if not is_sent:
                self._last = message

    def opened_message(self, plain: object) -> None:
        if self._last is not None and isinstance(plain, bytes):
            with_json = msgspec.json.decode(plain) if _is_json(plain) else {}
            self._last.opened = [*self._last.opened, with_json]

    def opened_text(self, sealed: str, plain: str, key_url: str) -> None:
        self._recorder.text(sealed, plain, key_url)

    def socket_closed(self, number: int, code: int, reason: str) -> None:
        socket = self._recorder.socket(number)
        if socket is not None and socket.closed_us is None:
            socket.closed_us, socket.code, socket.reason = self._recorder.now_us(), code, reason


def _text(body: bytes) -> str:
    """Return a body as text; what is none, or too long, is described."""
    if len(body) > BODY_BYTES_MAX:
        return f"<{len(body)} bytes, over the bound of {BODY_BYTES_MAX}>"
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"<{len(body)} bytes that are no text>"


def _is_json(data: bytes) -> bool:
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _without_secrets(one: Exchange, redactor: Redactor) -> Exchange:
    return msgspec.structs.replace(
        one,
        url=redactor.url(one.url),
        headers=redactor.headers(one.headers),
        body=redactor.body(one.body, one.mime),
        answer_headers=redactor.headers(one.answer_headers),
        answer=redactor.body(one.answer, one.answer_mime),
        opened={name: redactor.value(value) for name, value in one.opened.items()},
    )


def _socket_without_secrets(one: Socket, redactor: Redactor) -> Socket:
    messages = [
        msgspec.structs.replace(
            message, text=redactor.body(message.text, ""), opened=[redactor.value(value) for value in message.opened]
        )
        for message in one.messages
    ]
    return msgspec.structs.replace(one, url=redactor.url(one.url), messages=messages)


def _swept(found: Recording, redactor: Redactor) -> Recording:
    """Replace what was learned late, and what stands where nobody looks for it."""

    def headers(pairs: Headers) -> Headers:
        return [(name, redactor.swept(value)) for name, value in pairs]

    def plain(value: Any) -> Any:
        return msgspec.json.decode(redactor.swept(msgspec.json.encode(value).decode()))

    for one in found.exchanges:
        one.url, one.body, one.answer = map(redactor.swept, (one.url, one.body, one.answer))
        one.headers, one.answer_headers = headers(one.headers), headers(one.answer_headers)
        one.opened = plain(one.opened)
    for socket in found.sockets:
        socket.url, socket.reason = redactor.swept(socket.url), redactor.swept(socket.reason)
        for message in socket.messages:
            message.text, message.opened = redactor.swept(message.text), plain(message.opened)
    return found
