"""Requests to Locus: redirects, passing refusals, and answers that get lost.

A request that changes nothing when it comes twice is repeated by this module; one that would make a second call is not: `Lost` tells the
caller to look what became of it. Source: protocol/cloud-services.md 2.3, 2.4, 9.6, 9.9; lines T01, R02, R03.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin

import msgspec
from aiohttp import hdrs

from endpoint.cloud.catalog import ServiceCatalog
from endpoint.cloud.http import Answer, Backoff, Call, NoAnswer, is_passing, log_giving_up, log_retry
from endpoint.cloud.identity import Identity
from endpoint.runtime.errors import EndpointError, Unreachable
from endpoint.runtime.world import World
from endpoint.wire import conventions
from endpoint.wire.errors import RemoteProtocolError

SERVICE: Final = "locus"
TIMEOUT_S: Final = 10.0
RETRIES_S: Final = (1.0, 2.0, 4.0)
"""Waits between the attempts of one request; a Retry-After of the cloud takes their place."""
REDIRECTS_MAX: Final = 5
"""Redirects of one request, of all three kinds together; protocol 2.4."""
MOVED: Final = 2_000_002
MOVED_STATUSES: Final = frozenset({307, 308})
MESSAGE_CHARS_MAX: Final = 120
_MESSAGE: Final = re.compile(rf"[A-Za-z][A-Za-z ,.'()-]{{0,{MESSAGE_CHARS_MAX}}}", re.ASCII)
"""What of a message is written to the log: words; what has digits could be a PIN or a token that the cloud repeats."""


class CallRefused(EndpointError):
    """Locus answered, and not with a success.

    Attributes:
        status: of the answer.
        code: its `errorCode` or `code`, 0 without one.
    """

    def __init__(self, status: int, code: int = 0) -> None:
        self.status = status
        self.code = code
        super().__init__(f"{status}/{code}")


class Lost(EndpointError):
    """Nobody knows whether the request was taken: there was no answer, or one of a server in trouble."""


class RedirectedTooOften(EndpointError):
    """The cloud sent a request from place to place."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A success.

    Attributes:
        body: members of the JSON object, empty where there was none.
        tracking_id: of the answer.
    """

    body: Mapping[str, Any]
    tracking_id: str = ""


class LocusClient:
    """Speak to Locus for one device."""

    def __init__(self, world: World, identity: Identity, catalog: ServiceCatalog) -> None:
        self._world = world
        self._identity = identity
        self._catalog = catalog

    @property
    def is_served(self) -> bool:
        """Say whether the catalogue has the service."""
        return self._catalog.catalog.url(SERVICE) is not None

    def url(self, path: str) -> str:
        """Return the URL of a path of the service; CatalogUnavailable if the catalogue has none."""
        return self._catalog.url(SERVICE) + path

    async def get(self, url: str) -> Reply:
        """Read something; errors as in `send`."""
        return await self.send("GET", url)

    async def send(
        self,
        method: str,
        url: str,
        body: object | None = None,
        shown: Mapping[str, Any] | None = None,
        *,
        is_safe: bool = True,
        schedule: Sequence[float] = RETRIES_S,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Reply:
        """Send a request, and again while it is refused for the moment.

        Args:
            shown: what the trace shows of the body.
            is_safe: it does no harm when it comes twice.
            schedule: waits between attempts, in seconds.
            is_wanted: asked before it is sent again.

        Raises:
            CallRefused: the cloud said no.
            Lost: it is not safe, and may have been taken.
            Unreachable: it is safe, and nobody answered.
            ForeignHost, AccountGone, CatalogUnavailable, RedirectedTooOften, RemoteProtocolError: as they say.
        """
        backoff, attempts = Backoff(self._world, SERVICE, schedule), 0
        while True:
            attempts += 1
            retry_after_s = None
            failure: NoAnswer | CallRefused
            try:
                answer = await self._follow(method, url, body, shown)
            except NoAnswer as error:
                if not is_safe:
                    raise Lost(error.reason) from None
                number, failure = error.number, error
            else:
                if answer.ok:
                    return Reply(_members(answer), answer.tracking_id)
                self._tell(answer)
                if not is_passing(answer.status):
                    raise CallRefused(answer.status, code_of(answer))
                if not is_safe and answer.status not in (429, 503):
                    raise Lost(f"answered {answer.status}")
                retry_after_s = answer.refusal(self._world.clock.now()).retry_after_s
                number, failure = answer.number, CallRefused(answer.status, code_of(answer))
            if backoff.is_over:
                log_giving_up(self._world, number, attempts)
                raise failure
            wait_s = backoff.next_s(retry_after_s)
            log_retry(self._world, number, backoff, wait_s)
            await self._world.clock.sleep(wait_s)
            if not is_wanted():
                raise failure

    async def _follow(self, method: str, url: str, body: object | None, shown: Mapping[str, Any] | None) -> Answer:
        """Send a request to where it belongs."""
        for _ in range(REDIRECTS_MAX + 1):
            call = Call(
                method, url, SERVICE, body, shown=shown, timeout_s=TIMEOUT_S,
                headers={"cisco-no-http-redirect": "true"}, sees_redirects=True,
            )  # fmt: skip
            answer = await self._identity.send(call)
            target = _target(answer, url)
            if target is None:
                return answer
            url = target
        raise RedirectedTooOften(f"more than {REDIRECTS_MAX} redirects")

    def _tell(self, answer: Answer) -> None:
        """Write T01: what the cloud says of its refusal, as far as it is code and words."""
        error = conventions.read_error(answer.body)
        message = error.text if _MESSAGE.fullmatch(error.text) else ""
        body = {"code": code_of(answer), **({"message": message} if message else {})}
        self._world.log.line("Wx2", "1", f"Response: {msgspec.json.encode(body).decode()}")


def code_of(answer: Answer) -> int:
    """Return the service code of a refusal: `errorCode`, else `code` where it is a number; 0 without one."""
    error = conventions.read_error(answer.body)
    codes = (error.error_code, error.members.get("code"))
    return next((code for code in codes if isinstance(code, int) and not isinstance(code, bool)), 0)


def _members(answer: Answer) -> Mapping[str, Any]:
    if not answer.body.strip():
        return {}
    try:
        members = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RemoteProtocolError("body", "a JSON object, or nothing") from None
    if not isinstance(members, dict):
        raise RemoteProtocolError("body", "a JSON object, or nothing")
    return members


def _target(answer: Answer, url: str) -> str | None:
    """Return where a request is to be sent instead; None if this is its answer."""
    if answer.status in MOVED_STATUSES:
        location = answer.headers.get(hdrs.LOCATION, "")
    elif answer.ok:
        location = answer.headers.get("cisco-location", "") or _moved_in_body(answer)
        if not location:
            return None
    elif 300 <= answer.status < 400:
        location = ""
    else:
        return None
    try:
        target = urljoin(url, location) if location else ""
    except ValueError:  # no URL at all
        target = ""
    if not conventions.is_url(target):
        host = conventions.authority(url).rpartition(":")[0]
        raise NoAnswer(Unreachable("http", host, f"unexpected redirect to {host}"), answer.number)
    return target


def _moved_in_body(answer: Answer) -> str:
    if b"2000002" not in answer.body:
        return ""
    error = conventions.read_error(answer.body)
    location = error.members.get("location")
    return location if error.error_code == MOVED and isinstance(location, str) else ""
