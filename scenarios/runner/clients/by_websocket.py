"""A client that keeps a websocket and has subscribed there, as jsxapi over wss. Source: protocol/xapi.md 3.2 to 3.5."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import aiohttp

from endpoint.wire import codec
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.errors import AccessDenied
from scenarios.runner import xapi_door
from scenarios.runner.clients.flood import Tally, call
from scenarios.runner.clients.kept import CUT, KeptClient
from scenarios.runner.shell.frames import Answer, Failure, read_frame, refusal, request
from scenarios.runner.xapi_verbs import Over
from scenarios.runner.xpaths import read_path

NOTICE: Final = "xFeedback/Event"
LOST: Final = 1006
"""The code of a connection that has ended without a close (RFC 6455 7.1.5)."""
QUESTION: Final = ("xGet", {"Path": ["Status", "Audio", "Volume"]})
"""What a flood asks."""
KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
"""The key of a handshake whose answer nobody looks at (RFC 6455 1.3)."""


class WebsocketClient(KeptClient):
    """A client at the websocket."""

    over: ClassVar[Over] = "websocket"
    _session: aiohttp.ClientSession
    _socket: aiohttp.ClientWebSocketResponse[bool]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Answer | Failure]] = {}
        self._paths: dict[int, str] = {}
        self._reader: asyncio.Task[Any] | None = None

    async def connect(self) -> None:
        url = await xapi_door.address_of(self.device, "ws")
        await self._let_go()
        self._paths.clear()
        self._session = xapi_door.web_session(self.net, self.role, await self.passphrase())
        try:
            self._socket = await self._session.ws_connect(url, autoping=True)
        except aiohttp.WSServerHandshakeError as error:
            await self._session.close()
            if error.status in (401, 403):
                raise AccessDenied from None
            raise ValueError(f"the websocket lets {self.role} not in: HTTP {error.status}") from None
        except (aiohttp.ClientError, OSError) as error:
            await self._session.close()
            raise ValueError(f"the websocket cannot be reached, or hung up: {error}") from None
        self._reader = self.stage.background(self._read(self._socket), f"{self.who} reads")

    async def register(self, wanted: Sequence[str]) -> None:
        for path in wanted:
            answer = await self._ask("xFeedback/Subscribe", {"Query": list_of(path), "NotifyCurrentValue": False})
            if isinstance(answer, Failure):
                raise refusal(answer, "xFeedback/Subscribe")
            number = answer.result.get("Id") if isinstance(answer.result, dict) else None
            if isinstance(number, int):
                self._paths[number] = path

    def _send(self, method: str, params: Mapping[str, Any]) -> tuple[asyncio.Future[Answer | Failure], str]:
        number = next(self._numbers)
        answer: asyncio.Future[Answer | Failure] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        return answer, request(number, method, params)

    async def _ask(self, method: str, params: Mapping[str, Any]) -> Answer | Failure:
        answer, frame = self._send(method, params)
        try:
            await self._socket.send_str(frame)
            return await answer
        except OSError as error:
            raise ValueError(f"the websocket hung up: {error}") from None

    async def _read(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        """Take frames until the connection ends."""
        try:
            while True:
                message = await socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break
                self._take(str(message.data))
        except RemoteProtocolError as error:
            self._over(str(error))
        else:
            code = socket.close_code or LOST
            self._over(f"{code} {message.extra or ''}".strip() if code != LOST else str(LOST))

    def _take(self, text: str) -> None:
        frame = codec.decode(text, dict[str, Any], "frame")
        params = frame.get("params")
        if frame.get("method") == NOTICE and isinstance(params, dict):
            path = self._paths.get(params.get("Id", -1))
            if path is not None:
                self.tell(path, {name: value for name, value in params.items() if name != "Id"})
            return
        answer = read_frame(text)
        waiting = self._answers.pop(answer.id or 0, None) if isinstance(answer, (Answer, Failure)) else None
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)  # type: ignore[arg-type]  # as just asked

    def _over(self, why: str) -> None:
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError(why))
                answer.exception()  # nobody may be waiting
        self.ended(why)

    def cut(self) -> None:
        self.ended(CUT)
        self.net.break_streams()

    async def ask_much(self, count: int, tally: Tally) -> None:
        for _ in range(count):
            tally.sent += 1
            answer, frame = self._send(*QUESTION)
            answer.add_done_callback(tally.count)
            try:
                await self._socket.send_str(frame)  # waits while the device takes no more
            except OSError:
                return

    async def connect_once_more(self, tally: Tally) -> None:
        url = await xapi_door.address_of(self.device, "ws")
        login = aiohttp.encode_basic_auth(self.role, (await self.passphrase()).reveal())
        head = (
            "GET /ws HTTP/1.1", "Host: localhost", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {KEY}", f"Authorization: {login}", "", "",
        )  # fmt: skip
        await call(self.net, url, "\r\n".join(head).encode(), "101", tally)

    async def close(self) -> None:
        await super().close()
        await self._let_go()

    async def _let_go(self) -> None:
        """Close what is left of a connection: its streams are broken, so that nothing is sent and nobody waits."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            if not self._socket.closed:
                self.net.break_streams()
            await self._socket.close()
            await self._session.close()


def list_of(path: str) -> list[str | int]:
    """Write a path of a scenario as the websocket takes it: `["Status", "Call", "*", "Status"]`."""
    parts: list[str | int] = []
    for part in read_path(path):
        parts.append(part.name)
        if part.element is not None:
            parts.append(int(part.element) if part.element.isdecimal() else part.element)
    return parts
