"""A client that has registered for HTTP feedback and listens for what the device posts. Source: protocol/xapi.md 6."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar, Final

import aiohttp
from aiohttp import web

from endpoint.runtime.net import Listener
from endpoint.wire import codec
from endpoint.wire.errors import RemoteProtocolError
from endpoint.xapi.httpfeedback import SLOTS
from scenarios.runner import xapi_door
from scenarios.runner.clients.flood import Tally, call
from scenarios.runner.clients.kept import CUT, KeptClient
from scenarios.runner.clients.shelltext import expression
from scenarios.runner.xapi_verbs import Over
from scenarios.runner.xapi_xml import answer_of, command_document

DOMAIN: Final = "client.example"
PORT: Final = 80
REGISTER: Final = ("HttpFeedback", "Register")
WHO_SAYS_SO: Final = "Identification"
"""What a device says of itself in every message."""
BODY_BYTES_MAX: Final = 16 * 1024 * 1024
QUESTION: Final = "/getxml?location=/Status/Audio/Volume"
"""What a flood asks."""


class HttpClient(KeptClient):
    """A client that the device calls."""

    over: ClassVar[Over] = "http"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._server: web.Server | None = None
        self._listener: Listener | None = None
        self._may_answer = asyncio.Event()
        self._may_answer.set()
        self._slot = 0

    @property
    def host(self) -> str:
        """The name under which the device reaches it."""
        return f"{self.name.casefold()}.{DOMAIN}"

    async def connect(self) -> None:
        self._slot = self._slot or self._free_slot()
        self._server = web.Server(self._serve, access_log=None)
        self._listener = await self.net.listen(self._server)
        self.net.publish(self.host, PORT, self._listener.host, self._listener.port)

    def _free_slot(self) -> int:
        taken = {one._slot for one in self.stage.clients.values() if isinstance(one, HttpClient) and self._shares(one)}
        free = next((slot for slot in range(1, SLOTS + 1) if slot not in taken), None)
        if free is None:
            raise ValueError(f"HttpFeedback has {SLOTS} slots, and other clients have them all")
        return free

    def _shares(self, other: HttpClient) -> bool:
        return other.device_name == self.device_name

    async def register(self, wanted: Sequence[str]) -> None:
        arguments = {
            "FeedbackSlot": self._slot,
            "ServerUrl": f"http://{self.host}/",
            "Format": "JSON",
            "Expression": [expression(path) for path in self.subscribed],
        }
        document = command_document(REGISTER, arguments, "")
        answer_of(await xapi_door.put(self.stage, self.device, self.role, document))

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read(BODY_BYTES_MAX)
        await self._may_answer.wait()
        try:
            self._take(body)
        except RemoteProtocolError:
            return web.Response(status=400)
        return web.Response()

    def _take(self, body: bytes) -> None:
        tree = codec.decode(body, dict[str, Any], "feedback")
        self.tell_text({
            branch: {name: value for name, value in below.items() if name != WHO_SAYS_SO}
            for branch, below in tree.items()
            if isinstance(below, dict)
        })  # fmt: skip

    def cut(self) -> None:
        self.ended(CUT)
        self._shut()

    def _shut(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        for connection in list(self._server.connections) if self._server is not None else ():
            if connection.transport is not None:
                connection.transport.abort()

    def reads(self, does: bool) -> None:
        if does:
            self._may_answer.set()
        else:
            self._may_answer.clear()

    async def ask_much(self, count: int, tally: Tally) -> None:
        url = await xapi_door.address_of(self.device, "https")
        async with xapi_door.web_session(self.net, self.role, await self.passphrase()) as session:
            for _ in range(count):
                tally.sent += 1
                try:
                    async with session.get(f"{url}{QUESTION}") as answer:
                        tally.answered += answer.ok
                        tally.refused += not answer.ok
                except (aiohttp.ClientError, OSError):
                    tally.refused += 1

    async def connect_once_more(self, tally: Tally) -> None:
        await call(self.net, await xapi_door.address_of(self.device, "https"), b"", "", tally)

    async def close(self) -> None:
        await super().close()
        self._may_answer.set()
        self._shut()
        if self._server is not None:
            await self._server.shutdown(timeout=0)
