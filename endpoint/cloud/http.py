"""The device's HTTP client: every request is numbered, logged, traced, bounded, and sent through the device's own network.

Log lines L08, L09, R01 to R03; reasons of protocol/activation-and-media.md 9.4.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from aiohttp import hdrs

from endpoint.runtime import httpnet
from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError, Refused, Unreachable
from endpoint.runtime.httpnet import NetConnectionError, NetConnector, no_timeout
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.world import World
from endpoint.wire import codec, conventions
from endpoint.wire.activation.rules import (
    BACKOFF_JITTER,
    BACKOFF_S,
    REQUEST_TIMEOUT_S,
    RETRY_AFTER_MAX_S,
    RETRYING_MAX_S,
)
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.secret import AccessToken

T = TypeVar("T")

FAILING: Final = frozenset({500, 502, 503})  # protocol/cloud-services.md 3.6
BODY_MAX: Final = 4 * 1024 * 1024
IDLE_CLOSE_S: Final = 15.0
"""Connections are closed this long after the last request: an idle device keeps none but Mercury's."""
TRACKING_PREFIX: Final = "roomsim"
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,47}", re.ASCII)


class SwitchedOff(EndpointError):
    """The device went down while somebody waited for its request."""


class NoAnswer(Unreachable):
    """A request that met no answer; `number` is the one that the log calls it by."""

    def __init__(self, error: Unreachable, number: int) -> None:
        self.number = number
        super().__init__(error.layer, error.host, error.reason)
        self.is_silence = error.is_silence


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read to its end; `number` is the one that the log calls the request by, `tapped` the one of who records."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    tracking_id: str
    number: int = 0
    tapped: int = 0

    @property
    def ok(self) -> bool:
        """Say whether the status is a 2xx."""
        return 200 <= self.status < 300

    def read(self, kind: type[T]) -> T:
        """Decode the JSON body; RemoteProtocolError as in `wire.codec.decode`."""
        return codec.decode(self.body, kind)

    def refusal(self, now: datetime) -> Refused:
        """Describe an answer that is not a success, without a word of the cloud's that is no code: it could repeat a token."""
        error = conventions.read_error(self.body)
        words = (error.code, str(error.error_code or ""), str(error.members.get("error", "")))
        code = next((word for word in words if word.isdigit() or _CODE.fullmatch(word)), "")
        retry_after_s = conventions.parse_retry_after(self.headers.get(hdrs.RETRY_AFTER, ""), now)
        return Refused(self.status, code, retry_after_s=retry_after_s)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to be made.

    Attributes:
        service: name in the catalogue, for log, trace and faults.
        body: JSON to send; `Secret`s in it are written in clear on the wire and as `<kind#n>` in the trace.
        shown: what the trace shows of the body; None shows nothing of it.
        verify: False only during activation.
        tracking_id: of a replay; empty draws a new one.
        sees_redirects: a 3xx is an answer like others; without this it is as if nobody had answered.
        is_direct: it takes no proxy, and is none of the cloud: its end says nothing of the relation to it.
        is_aside: that nobody answers says nothing about the cloud.
        opened: what sealed members of the body hold, for who records the device.
    """

    method: str
    url: str
    service: str
    body: object | None = None
    shown: Any = None
    form: bytes | None = None
    token: AccessToken | None = None
    headers: dict[str, str] = field(default_factory=dict)
    verify: bool = True
    timeout_s: float = REQUEST_TIMEOUT_S
    tracking_id: str = ""
    sees_redirects: bool = False
    is_direct: bool = False
    is_aside: bool = False
    opened: Any = None


Sender = Callable[[Call], Awaitable[Answer]]


def is_passing(status: int) -> bool:
    """Tell whether a refusal is of the moment, so that the same request may be repeated: 429 and every 5xx."""
    return status == 429 or status >= 500


class Backoff:
    """The waits between attempts: 1, 2, 4 ... 32 s, each with a jitter of 75..100 %, or exactly those of a schedule that ends.

    Args:
        purpose: names the draws.
        schedule: the waits, in seconds; after the last one it is time to give up.
    """

    def __init__(self, world: World, purpose: str, schedule: Sequence[float] | None = None) -> None:
        self._stream = world.chance.stream("backoff", purpose)
        self._schedule = schedule
        self.attempts = 0

    @property
    def is_over(self) -> bool:
        """Say whether the schedule has no wait left."""
        return self._schedule is not None and self.attempts >= len(self._schedule)

    def next_s(self, retry_after_s: float | None = None) -> float:
        """Return the next wait; a Retry-After of the cloud wins, up to 60 s."""
        waits = self._schedule or BACKOFF_S
        base_s = waits[min(self.attempts, len(waits) - 1)]
        self.attempts += 1
        if retry_after_s is not None:
            return min(retry_after_s, RETRY_AFTER_MAX_S)
        return base_s if self._schedule else round(base_s * self._stream.uniform(*BACKOFF_JITTER), 3)

    def reset(self) -> None:
        """Start anew after a success."""
        self.attempts = 0


class Http:
    """Make requests for one device."""

    def __init__(self, world: World, anchors: Callable[[], TlsClient]) -> None:
        self._world = world
        self._anchors = anchors
        self._session: aiohttp.ClientSession | None = None
        self._idle: Timer | None = None
        self._closing: asyncio.Future[None] | None = None
        self._running = 0
        self._is_closed = False
        self._tracking = world.chance.stream("tracking").uuid()
        self._sent = 0
        self.on_date: Callable[[str, str, datetime], object] = lambda service, host, date: None
        """Told service, host and Date header of each answer to a request that was not verified."""
        self.on_failed: Callable[[str], object] = lambda url: None
        """Told the URL of a request that met nobody, or a server in trouble: its service may have another address."""
        self.on_outcome: Callable[[str, Unreachable | None], object] = lambda host, failure: None
        """Told after each request the host, and what was met instead of an answer."""
        self.is_wanted: Callable[[], bool] = lambda: False
        """Says whether idle connections are kept: in a call something is told every minute."""
        self.on_reached: Callable[[bool, float], object] = lambda answered, asked_s: None
        """Told after each request whether the cloud answered at all, and the second at which it was asked."""

    async def send(self, call: Call) -> Answer:
        """Make one request and read the answer, whatever its status.

        Raises:
            NoAnswer: nobody answered, or with something that is no answer; `.reason` is of the closed set of the device log.
            SwitchedOff: the client was closed before or meanwhile.
        """
        if self._is_closed:
            raise SwitchedOff("the device is off")
        world = self._world
        number = world.log.http.next()
        tracking_id = call.tracking_id or self._next_tracking_id()
        world.log.line("Wx2Http", "1", f"HTTP({number}) => {call.method} {conventions.redact_url(call.url)}")
        about, peer, asked_s = self._about(call), f"cloud:{call.service}", world.clock.time()
        headers = _headers(call, tracking_id)
        data = {**about, "headers": _shown(call, headers), "body": call.shown}
        world.trace.event(world.who, "http.request", peer=peer, id=tracking_id, data=data)
        try:
            answer = await self._exchange(call, headers, tracking_id, number)
        except Unreachable as error:
            if self._is_closed:
                raise SwitchedOff("the device went off during a request") from None
            world.log.line("Wx2Http", "W", f"HTTP({number}) failed: {error.reason}")
            data = {**about, "failed": error.reason, "layer": error.layer}
            world.trace.event(world.who, "http.failed", peer=peer, id=tracking_id, data=data)
            if not (call.is_direct or call.is_aside):
                self.on_outcome(about["host"] or error.host, error)
                if error.is_silence:
                    self.on_reached(False, asked_s)
            if not call.is_direct:
                self.on_failed(call.url)
            raise NoAnswer(error, number) from None
        data = {**about, "side": "received", "status": answer.status}
        world.trace.led_to_by(world.trace.event(world.who, "http.response", peer=peer, id=tracking_id, data=data))
        self._note_answer(number, answer.status)
        if not call.is_direct:
            self.on_outcome(about["host"], None)
            self.on_reached(True, asked_s)
            if answer.status in FAILING:
                self.on_failed(call.url)
        return answer

    def _note_answer(self, number: int, status: int) -> None:
        self._world.log.line("Wx2Http", "1", f"HTTP({number}) <= {status}")

    def _next_tracking_id(self) -> str:
        self._sent += 1
        return str(conventions.TrackingId(TRACKING_PREFIX, self._tracking, self._sent))

    def _about(self, call: Call) -> dict[str, Any]:
        url = conventions.redact_url(call.url)
        parts = urlsplit(url if conventions.is_url(url) else "")
        return {
            "side": "sent",
            "method": call.method,
            "path": parts.path,
            "query": dict(parse_qsl(parts.query, keep_blank_values=True)),
            "host": parts.hostname or "",
            "service": call.service,
        }

    async def _exchange(self, call: Call, headers: dict[str, str], tracking_id: str, number: int) -> Answer:
        if not conventions.is_url(call.url):
            raise Unreachable("dns", "", "could not resolve ")
        data = call.form if call.body is None else codec.encode(call.body)
        tap = self._world.tap
        tapped = tap.asked(call.method, call.url, call.service, headers, data, call.opened)
        try:
            answer = await self._patiently(call, headers, data, tracking_id, number)
        except Unreachable as error:
            tap.failed(tapped, error.reason)
            raise
        tap.answered(tapped, answer.status, answer.headers, answer.body)
        return replace(answer, tapped=tapped)

    async def _patiently(
        self, call: Call, headers: dict[str, str], data: bytes | None, tracking_id: str, number: int
    ) -> Answer:
        host, _, port = conventions.authority(call.url).rpartition(":")
        self._running += 1
        try:
            with httpnet.request(call.service, is_direct=call.is_direct, on_answer=partial(self._note_answer, number)):
                async with self._world.clock.timeout(call.timeout_s):
                    return await self._converse(call, headers, data, tracking_id, number)
        except TimeoutError:
            raise Unreachable("http", host, f"timeout after {call.timeout_s:g} s") from None
        except NetConnectionError as error:
            raise error.reason from None
        except aiohttp.ClientResponseError:
            raise Unreachable("http", host, "unexpected content") from None
        except aiohttp.InvalidURL:
            raise Unreachable("dns", host, f"could not resolve {host}") from None
        except (aiohttp.ClientError, OSError):
            raise Unreachable("tcp", host, f"connection reset {host}:{port}") from None
        except ValueError:  # from the depths of the library, about bytes of the other side
            raise Unreachable("http", host, "unexpected content") from None
        finally:
            self._running -= 1
            self._close_when_idle()

    async def _converse(
        self, call: Call, headers: dict[str, str], data: bytes | None, tracking_id: str, number: int
    ) -> Answer:
        session = self._open_session()
        async with session.request(
            call.method, call.url, data=data, headers=headers, ssl=bool(call.verify), allow_redirects=False
        ) as response:
            host = response.url.host or ""
            body = await response.content.read(BODY_MAX + 1)
            while len(body) <= BODY_MAX and not response.content.at_eof():
                body += await response.content.read(BODY_MAX + 1 - len(body))
            if len(body) > BODY_MAX:
                about = {"what": "HTTP answer", "bound_bytes": BODY_MAX}
                self._world.trace.event(self._world.who, "drop", peer=f"cloud:{call.service}", data=about)
                raise Unreachable("http", host, "unexpected content")
            if not call.verify:
                self._notice_date(call.service, host, response.headers.get(hdrs.DATE, ""))
            if response.status < 200:
                raise Unreachable("http", host, "unexpected content")
            if 300 <= response.status < 400 and not call.sees_redirects:
                raise Unreachable("http", host, f"unexpected redirect to {_target(response, host)}")
            return Answer(response.status, body, response.headers, tracking_id, number)

    def _notice_date(self, service: str, host: str, date: str) -> None:
        with suppress(RemoteProtocolError):
            self.on_date(service, host, conventions.parse_http_date(date))

    def _open_session(self) -> aiohttp.ClientSession:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=NetConnector(self._world.net, self._anchors),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=no_timeout(),
                headers={"User-Agent": "roomsim"},
                skip_auto_headers=("Accept-Encoding",),
            )
            self._session._retry_connection = (
                False  # as aiohttp's own test client: a request that we do not see is none of ours
            )
        return self._session

    def _close_when_idle(self) -> None:
        if self._running == 0 and self._session is not None and self._idle is None:
            self._idle = self._world.clock.call_later(IDLE_CLOSE_S, self._drop_connections)

    def _drop_connections(self) -> None:
        self._idle = None
        if self._running == 0 and self.is_wanted():
            self._close_when_idle()
        elif self._running == 0 and self._session is not None:
            session, self._session = self._session, None
            self._closing = asyncio.ensure_future(session.close())

    async def close(self) -> None:
        """Close every connection, for good."""
        self._is_closed = True
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._closing is not None:
            await self._closing

    async def send_until_answered(
        self,
        make: Callable[[], Call],
        backoff: Backoff,
        *,
        retry: Callable[[int], bool] = is_passing,
        total_s: float = RETRYING_MAX_S,
        sender: Sender | None = None,
    ) -> Answer:
        """Repeat a request while nobody answers, or while `retry(status)` says that the answer is not final.

        Args:
            make: makes the request anew for each attempt.
            total_s: after this long, or at the end of the back-off, the last answer or failure is what the caller gets.
            sender: what sends it, when not `send`.

        Raises:
            Unreachable: nobody answered.
        """
        world = self._world
        send = sender or self.send
        give_up_s = world.clock.time() + total_s
        tries = 0
        while True:
            outcome: Answer | NoAnswer
            retry_after_s = None
            try:
                outcome = await send(make())
                if not retry(outcome.status):
                    return outcome
                retry_after_s = outcome.refusal(world.clock.now()).retry_after_s
            except NoAnswer as error:
                outcome = error
            tries += 1
            wait_s = None if backoff.is_over else backoff.next_s(retry_after_s)
            if wait_s is None or world.clock.time() + wait_s > give_up_s:
                log_giving_up(world, outcome.number, tries)
                if isinstance(outcome, NoAnswer):
                    raise outcome
                return outcome
            log_retry(world, outcome.number, backoff, wait_s)
            await world.clock.sleep(wait_s)


def _headers(call: Call, tracking_id: str) -> dict[str, str]:
    headers = {"TrackingID": tracking_id, "Accept": "application/json", **call.headers}
    if call.body is not None:
        headers["Content-Type"] = "application/json; charset=utf-8"
    elif call.form is not None:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    if call.token is not None:
        headers["Authorization"] = f"Bearer {call.token.reveal()}"
    return headers


def _shown(call: Call, headers: Mapping[str, str]) -> dict[str, object]:
    """Return headers as the trace has them: in small letters, the token by its number."""
    shown: dict[str, object] = {name.lower(): value for name, value in headers.items()}
    if call.token is not None:
        shown["authorization"] = call.token
    return shown


def log_retry(world: World, number: int, backoff: Backoff, wait_s: float) -> None:
    """Write R02: the wait before the next attempt."""
    world.log.line("Wx2Http", "1", f"HTTP({number}) retry {backoff.attempts} in {round(wait_s * 1000)} ms")


def log_giving_up(world: World, number: int, attempts: int) -> None:
    """Write R03: there is no next attempt."""
    world.log.line("Wx2Http", "W", f"HTTP({number}) giving up after {attempts} attempts")


def _target(response: aiohttp.ClientResponse, host: str) -> str:
    """Return the host that a redirect leads to; a relative one stays where it is."""
    location = response.headers.get(hdrs.LOCATION, "")
    return conventions.authority(location).rpartition(":")[0] if conventions.is_url(location) else host
