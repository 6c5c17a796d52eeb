"""Which tokens a recorded cloud takes: those that it has given out in this replay.

Where the recorded cloud took a token that nobody had given out before its eyes (the recording begins later), any token is as good. Where
it refused one, the recorded refusal stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from endpoint.wire import identity
from scenarios.runner.recording.model import Exchange, Recording, Socket
from scenarios.runner.recording.remade import Remade

TOKEN: Final = re.compile(r"<(?:access|refresh)_token#\d+>")
BEARER: Final = "Bearer "
REFUSED: Final = frozenset({400, 401, 403})


class Tokens:
    """Knows what was given out, in the recording and in this replay."""

    def __init__(self, recording: Recording, remade: Remade) -> None:
        self._given_out = frozenset(_given_out(recording))
        self._remade = remade

    def is_strange(self, recorded: Exchange, headers: Mapping[str, str], body: str) -> bool:
        """Say whether a request comes with a token that was not given out, where the recorded one came with one that was."""
        if recorded.status in REFUSED:
            return False
        then = next((value for name, value in recorded.headers if name.lower() == "authorization"), "")
        return self._is_other(then, headers.get("Authorization", "")) or self._is_other(
            _refresh(recorded.body), _refresh(body)
        )

    def is_strange_line(self, recorded: Socket, frame: Any) -> bool:
        """Say the same of the frame that authorizes a websocket."""
        first = next((message.json for message in recorded.messages if message.is_sent), None)
        return self._is_other(_token(first), _token(frame))

    def _is_other(self, then: str, now: str) -> bool:
        placeholder = then.removeprefix(BEARER)
        return placeholder in self._given_out and not self._remade.has_made(now.removeprefix(BEARER))


def is_refresh(recorded: Exchange) -> bool:
    """Say whether a request renews a token: it is refused in the words of RFC 6749, 5.2."""
    return bool(_refresh(recorded.body))


def _given_out(recording: Recording) -> Iterator[str]:
    """Find the tokens that the recorded cloud said to the device."""
    for one in recording.exchanges:
        yield from TOKEN.findall(f"{one.answer} {one.answer_headers} {one.opened}")
    for message in recording.messages:
        if not message.is_sent:
            yield from TOKEN.findall(f"{message.text} {message.opened}")


def _refresh(body: str) -> str:
    form = dict(parse_qsl(body)) if body.startswith(("grant_type=", "refresh_token=", "client_")) else {}
    return form.get("refresh_token", "") if form.get("grant_type") == identity.GRANT_REFRESH else ""


def _token(frame: Any) -> str:
    data = frame.get("data") if isinstance(frame, dict) else None
    return str(data.get("token") or "") if isinstance(data, dict) else ""
