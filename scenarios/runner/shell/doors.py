"""The simulation's own doors as a client: the device's control door, and the cloud's control API."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import aiohttp

ANSWER_S_MAX: Final = 310.0
"""A little longer than a door lets an action take."""
CONNECT_S_MAX: Final = 5.0


class DoorRefused(Exception):
    """A door says no, or does not answer.

    Attributes:
        expected: what would have been right.
        status: of the answer, 0 where there was none.
    """

    def __init__(self, message: str, expected: Sequence[str] = (), status: int = 0) -> None:
        self.expected = tuple(expected)
        self.status = status
        super().__init__(message)


class Door:
    """One door: its base URL and its token. Its certificate is verified unless it is on this machine.

    Args:
        connector: makes what connections come from, where they are not the machine's own.
    """

    def __init__(
        self,
        url: str,
        token: str,
        answer_s_max: float = ANSWER_S_MAX,
        connector: Callable[[], aiohttp.BaseConnector] | None = None,
    ) -> None:
        self._connector = connector
        self._url = url.rstrip("/")
        self._answer_s_max = answer_s_max
        self._verifies = not is_loopback(url)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=self._answer_s_max, connect=CONNECT_S_MAX)
        connector = self._connector() if self._connector is not None else None
        self._session = aiohttp.ClientSession(timeout=timeout, headers=self._headers, connector=connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None, "it was entered"
        await self._session.close()

    async def text(self, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None) -> str:
        """Ask, and return the body of the answer.

        Raises:
            DoorRefused: the answer is no, or there is none.
        """
        assert self._session is not None, "it was entered"
        sent = None if body is None else json.dumps(body).encode()
        headers = {} if sent is None else {"Content-Type": "application/json"}
        try:
            async with self._session.request(
                method, self._url + path, data=sent, headers=headers, params=dict(query or {}), ssl=self._verifies
            ) as answer:
                text = await answer.text()
        except TimeoutError:
            raise DoorRefused(f"no answer from {self._url} within {self._answer_s_max:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise DoorRefused(
                f"the control door does not answer at {self._url}; is it running? ({_in_short(error)})"
            ) from None
        if answer.status >= 400:
            raise _refusal(answer.status, text)
        return text

    async def ask(self, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None) -> Any:
        """Ask, and return the JSON of the answer; None when it has no body.

        Raises:
            DoorRefused: the answer is no, or there is none.
        """
        text = await self.text(method, path, body, query)
        try:
            return json.loads(text) if text.strip() else None
        except ValueError:
            raise DoorRefused("the control door answers no JSON") from None


def is_loopback(url: str) -> bool:
    """Tell whether a URL leads to this machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _in_short(error: Exception) -> str:
    """Name what went wrong on the way, without what a library says besides."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if not isinstance(cause, OSError) or cause.errno is None:
        return type(error).__name__
    return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)


def _refusal(status: int, text: str) -> DoorRefused:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("message"), str):
        return DoorRefused(f"the control door answers {status}", status=status)
    expected = found.get("expected")
    words = [str(one) for one in expected] if isinstance(expected, list) else ()
    return DoorRefused(found["message"], words, status)
