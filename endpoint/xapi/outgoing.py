"""What a device sends of its own accord to servers that are none of its cloud: HTTP feedback, and the HttpClient commands.

Everything goes through the device's own network: a name that nobody published does not resolve, loopback works. A request is one
connection; there is no retry, no redirect, no proxy and no cookie.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

import aiohttp

from endpoint.runtime import httpnet
from endpoint.runtime.errors import Unreachable
from endpoint.runtime.httpnet import NetConnectionError, NetConnector, no_timeout
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.world import World
from endpoint.wire import conventions

SCHEMES: Final = frozenset({"http", "https"})
URL_CHARS_MAX: Final = 2_048
CHUNK_BYTES: Final = 64 * 1024

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Sent:
    """One request.

    Attributes:
        service: what faults and trace call it by: `httpfeedback`, `httpclient`.
        verify: whether the server's certificate has to be good.
        answer_bytes: how much of an answer is read; a longer one is cut, and `Answered.is_whole` is false.
        is_direct: it takes no proxy.
    """

    method: str
    url: str
    service: str
    timeout_s: float
    body: bytes | None = None
    headers: Sequence[Header] = ()
    verify: bool = True
    answer_bytes: int = 0
    is_direct: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, as far as it was wanted."""

    status: int
    headers: tuple[Header, ...]
    body: bytes
    is_whole: bool

    @property
    def ok(self) -> bool:
        """Say whether the status is a 2xx."""
        return 200 <= self.status < 300


class Sender(Protocol):
    """Makes a request and returns the answer, whatever its status; Unreachable when there is none."""

    async def __call__(self, sent: Sent) -> Answered:
        """Make one request."""


def is_target(url: str) -> bool:
    """Say whether a text is an http or https URL with a host."""
    return len(url) <= URL_CHARS_MAX and conventions.is_url(url) and urlsplit(url).scheme in SCHEMES


class Outgoing:
    """Sends the requests of one device.

    Args:
        anchors: what certificates are verified against, asked for at each connection.
    """

    __slots__ = ("_anchors", "_world")

    def __init__(self, world: World, anchors: Callable[[], TlsClient]) -> None:
        self._world = world
        self._anchors = anchors

    async def send(self, sent: Sent) -> Answered:
        """Make one request and read the answer, whatever its status.

        Raises:
            Unreachable: nobody answered in time, or with something that is no answer; `.reason` is of the closed set of the device log.
        """
        about = {"service": sent.service, "method": sent.method, "url": conventions.redact_url(sent.url)}
        self._trace("outgoing.request", about)
        try:
            with httpnet.request(sent.service, is_direct=sent.is_direct, on_answer=None):
                answered = await self._exchange(sent)
        except Unreachable as error:
            self._trace("outgoing.failed", {**about, "failed": error.reason, "layer": error.layer})
            raise
        self._trace("outgoing.response", {**about, "status": answered.status})
        return answered

    def _trace(self, kind: str, data: Mapping[str, object]) -> None:
        self._world.trace.event(self._world.who, kind, data=data)

    async def _exchange(self, sent: Sent) -> Answered:
        if not is_target(sent.url):
            raise Unreachable("dns", "", "could not resolve ")
        host, _, port = conventions.authority(sent.url).rpartition(":")
        try:
            async with self._world.clock.timeout(sent.timeout_s), self._session() as session:
                return await self._converse(session, sent)
        except TimeoutError:
            raise Unreachable("http", host, f"timeout after {sent.timeout_s:g} s") from None
        except NetConnectionError as error:
            raise error.reason from None
        except aiohttp.InvalidURL:
            raise Unreachable("dns", host, f"could not resolve {host}") from None
        except aiohttp.ClientResponseError:
            raise Unreachable("http", host, "unexpected content") from None
        except (aiohttp.ClientError, OSError):
            raise Unreachable("tcp", host, f"connection reset {host}:{port}") from None
        except ValueError:  # from the depths of the library, about bytes of the other side
            raise Unreachable("http", host, "unexpected content") from None

    def _session(self) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=NetConnector(self._world.net, self._anchors),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=no_timeout(),
            skip_auto_headers=("Accept-Encoding", "Content-Type", "User-Agent"),
        )
        session._retry_connection = False  # as aiohttp's own test client: a request that we do not see is none of ours
        return session

    async def _converse(self, session: aiohttp.ClientSession, sent: Sent) -> Answered:
        async with session.request(
            sent.method,
            sent.url,
            data=sent.body,
            headers=sent.headers,
            ssl=bool(sent.verify),
            allow_redirects=False,
        ) as response:
            body = b""
            while len(body) <= sent.answer_bytes and not response.content.at_eof():
                body += await response.content.read(min(CHUNK_BYTES, sent.answer_bytes + 1 - len(body)))
            headers = tuple((str(name), value) for name, value in response.headers.items())  # istr is no str to msgspec
            is_whole = len(body) <= sent.answer_bytes
            return Answered(response.status, headers, body[: sent.answer_bytes], is_whole)
