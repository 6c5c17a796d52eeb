"""The HttpClient commands: a macro or an integration lets the device make a request.

Arguments, switches and most texts are documented or observed; no redirect is followed, and the texts for a request that met nobody are the
device log's (ours). Source: protocol/xapi.md 3.7, xapi-nodes.md 5.5, 6.9.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from endpoint.runtime.errors import Unreachable
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import BadArguments, CommandFailed
from endpoint.wire.xapi.leaves import Fields
from endpoint.xapi.outgoing import Answered, Header, Sender, Sent, is_target
from endpoint.xapi.tree import Tree

RUNNING_MAX: Final = 3
SERVICE: Final = "httpclient"
TIMEOUT_S: Final = 30
ANSWER_BYTES_MAX: Final = 1024 * 1024
HEADERS_SHOWN_MAX: Final = 100

DISABLED: Final = "Use of HttpClient disabled"
NO_URL: Final = "Invalid URL specified"
NO_HTTP: Final = "HTTP protocol is not allowed"
NO_INSECURE: Final = "Insecure HTTPS not allowed"
BUSY: Final = "No available http connections"
UNSUCCESSFUL: Final = "Command returned an error."

_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\U0010ffff]*)")
_OURS: Final = frozenset({"connection", "content-length", "host", "te", "trailer", "transfer-encoding", "upgrade"})
"""Headers that belong to the connection; a request that sets them could say two things at once."""


class HttpClient:
    """Owner of the `HttpClient` commands."""

    __slots__ = ("_configuration", "_running", "_send")

    def __init__(self, configuration: Tree, send: Sender) -> None:
        self._configuration = configuration
        self._send = send
        self._running = 0

    async def get(self, call: Invocation) -> Fields:
        """Make a GET request."""
        return await self._request("GET", call)

    async def post(self, call: Invocation) -> Fields:
        """Make a POST request."""
        return await self._request("POST", call)

    async def put(self, call: Invocation) -> Fields:
        """Make a PUT request."""
        return await self._request("PUT", call)

    async def patch(self, call: Invocation) -> Fields:
        """Make a PATCH request."""
        return await self._request("PATCH", call)

    async def delete(self, call: Invocation) -> Fields:
        """Make a DELETE request."""
        return await self._request("DELETE", call)

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "HttpClient Get": get,
        "HttpClient Post": post,
        "HttpClient Put": put,
        "HttpClient Patch": patch,
        "HttpClient Delete": delete,
    }

    async def _request(self, method: str, call: Invocation) -> Fields:
        """Check a request against the switches, make it, and show the answer.

        Raises:
            CommandFailed: a switch forbids it, nobody answered, the answer is too long, or its status is no 2xx.
        """
        self._check(call)
        sent = Sent(
            method,
            call.text("Url"),
            SERVICE,
            call.number("Timeout") or TIMEOUT_S,
            body=call.body.encode(errors="replace") if call.command.multiline else None,
            headers=_headers(call),
            verify=call.text("AllowInsecureHTTPS") != "True",
            answer_bytes=call.number("ResponseSizeLimit") or ANSWER_BYTES_MAX,
        )
        self._running += 1
        try:
            answered = await self._send(sent)
        except Unreachable as error:
            raise CommandFailed(error.reason) from None
        finally:
            self._running -= 1
        if not answered.is_whole:
            raise CommandFailed(f"The answer has more than {sent.answer_bytes} bytes; see ResponseSizeLimit")
        fields = _fields(answered, call.text("ResultBody"))
        if not answered.ok:
            raise CommandFailed(UNSUCCESSFUL, fields=fields)
        return fields

    def _check(self, call: Invocation) -> None:
        url = call.text("Url")
        if self._setting("Mode") != "On":
            raise CommandFailed(DISABLED)
        if not is_target(url):
            raise CommandFailed(NO_URL)
        if urlsplit(url).scheme == "http" and self._setting("AllowHTTP") == "False":
            raise CommandFailed(NO_HTTP)
        if call.text("AllowInsecureHTTPS") == "True" and self._setting("AllowInsecureHTTPS") != "True":
            raise CommandFailed(NO_INSECURE)
        if self._running >= RUNNING_MAX:
            raise CommandFailed(BUSY)

    def _setting(self, name: str) -> str:
        return str(self._configuration.get(("HttpClient", name)) or "")


def _headers(call: Invocation) -> tuple[Header, ...]:
    """Read `Header` arguments; empty ones are none.

    Raises:
        BadArguments: one is no header line, or one that belongs to the connection.
    """
    headers: list[Header] = []
    for line in call.many("Header"):
        if not line:
            continue
        found = _HEADER.fullmatch(str(line))
        if found is None:
            raise BadArguments({"Header": "one line such as `Content-Type: application/json`"})
        if found[1].lower() in _OURS:
            raise BadArguments({"Header": f"the device sets {found[1]} itself"})
        headers.append((found[1], found[2].strip()))
    return tuple(headers)


def _fields(answered: Answered, form: str) -> dict[str, Any]:
    shown = [{"Key": name, "Value": value} for name, value in answered.headers[:HEADERS_SHOWN_MAX]]
    fields: dict[str, Any] = {"StatusCode": answered.status, "Headers": shown}
    if form == "PlainText":
        fields["Body"] = answered.body.decode(errors="replace")
    elif form == "Base64":
        fields["Body"] = base64.b64encode(answered.body).decode()
    return fields
