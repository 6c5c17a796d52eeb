"""POST requests to web hooks of clients. They stay on this machine: loopback addresses and names under `.test` only."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp

from cloud_stub.hybrid_calendar.mailboxes.errors import CalendarError
from endpoint.runtime.clock import Clock
from endpoint.runtime.errors import LimitExceeded
from endpoint.runtime.httpnet import NetConnectionError, NetConnector, no_timeout
from endpoint.runtime.net import Net, is_loopback
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.tls import TlsClient
from endpoint.wire import codec

TIMEOUT_S: Final = 10.0
"""How long a hook may take to answer."""
ANSWER_BYTES_MAX: Final = 4_096
URL_CHARS_MAX: Final = 2_048


class HookFailed(Exception):
    """A hook did not answer as it has to; `reason` is a few words."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Hooks:
    """Web hooks, reached through the cloud's network and its trust in its own root certificate."""

    def __init__(self, net: Net, clock: Clock, root_pem: str) -> None:
        self._net = net
        self._clock = clock
        self._root_pem = root_pem
        self._tasks = Tasks()
        self._http: aiohttp.ClientSession | None = None

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run something that posts; LimitExceeded when too much runs already."""
        self._tasks.start(work, name)

    async def stop(self) -> None:
        """End everything that runs and close connections."""
        await self._tasks.cancel()
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def post(self, url: str, body: Mapping[str, Any]) -> int:
        """Post JSON; the status of an answer of success.

        Raises:
            HookFailed: it cannot be reached, takes too long, or answers no success.
        """
        status, _, _ = await self._ask(url, codec.encode(body), "application/json")
        if not 200 <= status < 300:
            raise HookFailed(f"answered {status}")
        return status

    async def validate(self, url: str, token: str) -> None:
        """Ask a hook to repeat a token.

        Raises:
            CalendarError: the URL leads elsewhere than to this machine, or the hook does not; 400 as Graph has it.
        """
        check_url(url)
        mark = "&" if urlsplit(url).query else "?"
        try:
            status, kind, answer = await self._ask(
                f"{url}{mark}validationToken={quote(token, safe='')}", b"", "text/plain"
            )
        except HookFailed as error:
            raise _invalid(error.reason) from None
        if status != 200:
            raise _invalid(f"it answered {status}")
        if kind != "text/plain":
            raise _invalid(f"its answer is {kind[:60]!r} and has to be text/plain")
        if answer != token:
            raise _invalid("it did not answer with the validation token")

    async def _ask(self, url: str, body: bytes, kind: str) -> tuple[int, str, str]:
        http = self._session()
        headers = {"Content-Type": f"{kind}; charset=utf-8", "User-Agent": "roomsim"}
        try:
            async with (
                self._clock.timeout(TIMEOUT_S),
                http.post(url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                read = await answer.content.read(ANSWER_BYTES_MAX)
                return answer.status, answer.content_type, read.decode("utf-8", "replace")
        except TimeoutError:
            raise HookFailed(f"no answer within {TIMEOUT_S:g} s") from None
        except NetConnectionError as error:
            raise HookFailed(str(error.reason)) from None
        except (aiohttp.ClientError, LimitExceeded, OSError, ValueError) as error:
            raise HookFailed(type(error).__name__) from None

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            connector = NetConnector(self._net, lambda: TlsClient((self._root_pem,)))
            self._http = aiohttp.ClientSession(connector=connector, timeout=no_timeout())
        return self._http


def _invalid(why: str) -> CalendarError:
    return CalendarError(400, f"Subscription validation request failed: {why}.", "ValidationError")


def check_url(url: str) -> None:
    """Refuse a URL that is none, or that leads away from this machine.

    Raises:
        CalendarError: 400; the text says what would be right.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    is_fit = url.isascii() and url.isprintable() and " " not in url and len(url) <= URL_CHARS_MAX
    if parts.scheme not in ("http", "https") or not host or not is_fit or port == 0:
        raise _invalid("notificationUrl is a URL, http://127.0.0.1:8080/hook")
    if host in ("localhost", "test") or host.endswith(".test") or is_loopback(host):
        return
    raise _invalid(
        f"{host} is not on this machine; a hook of the stub is at 127.0.0.1, localhost or a name under .test"
    )
