"""A recording: what one device said to a cloud and heard from it, without secrets.

It is what a HAR file is read into and written from; replay, import and skeleton know nothing of the file's form. Secrets stand as
`<kind#n>`, the same number for the same value. Instants `t_us` are microseconds since the start of the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import msgspec

from endpoint.wire import conventions

ACTIVATION: Final = {"challenge": {"activationId"}, "invoke": {"srpA", "oauthData"}, "register": {"registerData"}}
"""Members by which the request of a step of the activation is known, whatever its address."""
Headers: TypeAlias = list[tuple[str, str]]


class Exchange(msgspec.Struct, kw_only=True):
    """One request and its answer.

    Attributes:
        at: wall time of the device when it asked, ISO 8601.
        status: 0 where nobody answered; then `failed` says why.
        opened: what sealed members of either body held, by their names.
        n: ordinal within the recording, from 1; errors and differences name it.
    """

    n: int
    t_us: int
    at: str
    method: str
    url: str
    took_us: int = 0
    device: str = ""
    service: str = ""
    headers: Headers = []
    body: str = ""
    mime: str = ""
    status: int = 0
    answer_headers: Headers = []
    answer: str = ""
    answer_mime: str = ""
    failed: str = ""
    opened: dict[str, Any] = {}

    @property
    def path(self) -> str:
        """The path of the URL, without the query."""
        return urlsplit(self.url).path

    @property
    def host(self) -> str:
        """The host of the URL, empty where it has none."""
        return urlsplit(self.url).hostname or "" if conventions.is_url(self.url) else ""

    @property
    def title(self) -> str:
        """Method and address in one line, as reports call the exchange."""
        return f"{self.method} {self.host}{self.path}"

    @property
    def json(self) -> Any:
        """The request's body as JSON, None where it is none."""
        return read_json(self.body)

    @property
    def answer_json(self) -> Any:
        """The answer's body as JSON, None where it is none."""
        return read_json(self.answer)

    @property
    def step(self) -> str:
        """Which step of an activation this is: challenge, invoke, register; else empty."""
        return activation_step(self.method, self.json)


class Message(msgspec.Struct, kw_only=True):
    """One text message of a websocket; `opened` holds what sealed parts of it said, `after` is the last request that was made before it."""

    t_us: int
    at: str
    is_sent: bool
    text: str
    opened: list[Any] = []
    after: int = 0

    @property
    def json(self) -> Any:
        """The message as JSON, None where it is none."""
        return read_json(self.text)


class Socket(msgspec.Struct, kw_only=True):
    """One websocket, from its opening to its end; `closed_us` is None where the recording ended first."""

    n: int
    t_us: int
    at: str
    url: str
    device: str = ""
    messages: list[Message] = []
    closed_us: int | None = None
    code: int = 0
    reason: str = ""


class Command(msgspec.Struct, kw_only=True):
    """A command that somebody gave the device; values of arguments that may be secret are left out, their names are in `hidden`."""

    t_us: int
    device: str
    path: str
    args: dict[str, Any] = {}
    hidden: list[str] = []


class Press(msgspec.Struct, kw_only=True):
    """A press of Join, and the id of the meeting whose button it was."""

    t_us: int
    device: str
    meeting: str = ""


class Recording(msgspec.Struct, kw_only=True):
    """A whole recording.

    Attributes:
        about: where it comes from: name, start (ISO 8601), seed and mode of the run, creator of the file.
        secrets: what may be known of a secret by its placeholder: the organization that a token names.
        sealed: texts that were opened, by placeholder: `{key, plain}`.
        dropped: exchanges and messages that a bound has kept out.
    """

    exchanges: list[Exchange] = []
    sockets: list[Socket] = []
    commands: list[Command] = []
    presses: list[Press] = []
    about: dict[str, Any] = {}
    secrets: dict[str, dict[str, str]] = {}
    sealed: dict[str, dict[str, str]] = {}
    dropped: int = 0

    @property
    def messages(self) -> Iterator[Message]:
        """All messages of all sockets."""
        for socket in self.sockets:
            yield from socket.messages

    @property
    def activation_id(self) -> str:
        """The public half of the code that the device was activated with, empty where it was not."""
        steps = (one.json["activationId"] for one in self.exchanges if one.step == "challenge")
        return next((str(found) for found in steps), "")


def read_json(text: str) -> Any:
    """Read JSON, or return None: bodies are whatever the other side made of them."""
    try:
        return msgspec.json.decode(text) if text else None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def activation_step(method: str, body: Any) -> str:
    """Name the step of an activation that a request is by its members, empty for every other."""
    if method == "POST" and isinstance(body, dict):
        for step, members in ACTIVATION.items():
            if members <= body.keys():
                return step
    return ""
