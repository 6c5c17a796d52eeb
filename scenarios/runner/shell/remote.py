"""A running device, through its websocket. Source: protocol/xapi.md 3."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.completion import elements
from endpoint.wire.xapi.completion_index import index_of
from endpoint.wire.xapi.errors import NoMatch, XapiError
from endpoint.wire.xapi.leaves import Leaf
from endpoint.wire.xapi.nodes import Argument, Nodes
from endpoint.wire.xapi.paths import Path, folded
from endpoint.wire.xapi.query import Query
from scenarios.runner.shell.backend import Gate, Lost, Unusable
from scenarios.runner.shell.doors import is_loopback
from scenarios.runner.shell.frames import Answer, Failure, Told, leaves_of, list_of, read_frame, refusal, request
from scenarios.runner.shell.ready import Ready
from scenarios.runner.shell.spelling import branch_of, spelt, unknown_word

OPENING_S_MAX: Final = 10.0
ANSWER_S_MAX: Final = 120.0
MESSAGE_BYTES_MAX: Final = 16 * 1024 * 1024
REFUSED: Final[Mapping[int, str]] = {
    401: "its websocket is not open on this scheme",
    403: "it does not know that user with that password",
    502: "it is starting",
    503: "it has as many connections as it takes",
}
"""What a status at the upgrade means. Source: protocol/xapi.md 3.2."""
_FENCE: Final = {"Path": ["Status", "SystemUnit", "Uptime"]}


@dataclass(slots=True)
class _Pending:
    """A request that has no answer yet; `holds` keeps notices back from its answer on."""

    answer: asyncio.Future[Answer | Failure]
    holds: bool


class Remote:
    """A device at a websocket. A connection that was lost is opened again by the next request, and what was registered is, too.

    Args:
        ready: reads the ready file, again at each opening: doors and passwords change.
    """

    def __init__(self, ready: Callable[[], Ready], table: Nodes) -> None:
        self._read_ready = ready
        self._table = table
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._pending: dict[int, _Pending] = {}
        self._numbers = itertools.count(1)
        self._subscribed: dict[int, tuple[Query, int]] = {}
        self.gate = Gate()
        self.tell: Callable[[str], object] = lambda text: None
        self.name = "device"

    async def open(self) -> None:
        """Connect.

        Raises:
            Unusable: nothing is there, or it lets nobody in.
        """
        ready = self._read_ready()
        self.name = ready.name
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        headers = {"Authorization": aiohttp.encode_basic_auth(ready.username, ready.password)}
        try:
            async with asyncio.timeout(OPENING_S_MAX):
                self._socket = await self._session.ws_connect(
                    ready.ws, headers=headers, ssl=not is_loopback(ready.ws), max_msg_size=MESSAGE_BYTES_MAX
                )
        except aiohttp.WSServerHandshakeError as error:
            why = REFUSED.get(error.status, f"it answers {error.status}")
            raise Unusable(f"{ready.ws}: the device lets nobody in: {why}") from None
        except TimeoutError:
            raise Unusable(f"{ready.ws}: no answer within {OPENING_S_MAX:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise Unusable(f"{ready.ws}: cannot be reached: {why}; is the device running?") from None
        self._reader = asyncio.create_task(self._read(self._socket))

    async def close(self) -> None:
        """Hang up."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
        if self._session is not None:
            await self._session.close()

    # what is asked

    async def get(self, query: Query) -> list[Leaf]:
        """See `Backend.get`; what the websocket cannot express is picked out of the whole branch."""
        asked = list_of(query)
        plain = query.plain
        if asked is None:
            branch = spelt(self._table, query.parts[:1])
            found = await self._get([*branch], str(branch[0]))
            return [leaf for leaf in found if query.covers(folded(leaf[0]))]
        path = spelt(self._table, asked)
        if plain is not None and not self._leaves_out_numbers(plain):
            return await self._get_what_there_is([*path], query.text)
        tree = await self._ask("xQuery", {"Query": path}, query.text)
        return leaves_of(tree)

    async def _get_what_there_is(self, path: list[str | int], text: str) -> list[Leaf]:
        """Get a path; what the table knows and the device has none of at present is no error, as on the other doors."""
        try:
            return await self._get(path, text)
        except NoMatch:
            branch = branch_of(path[0])
            if branch is not None and unknown_word(self._table, branch, tuple(path[1:])) is None:
                return []
            raise

    async def _get(self, path: list[str | int], text: str) -> list[Leaf]:
        return leaves_of(await self._ask("xGet", {"Path": path}, text), tuple(path))

    def _leaves_out_numbers(self, path: Path) -> bool:
        """Say whether a list stands in the middle of a path without a number, so that the answer is in several places."""
        branch = spelt(self._table, path[:1])[0]
        index = index_of(self._table)
        return any(
            isinstance(path[at + 1], str) and index.is_list(branch, path[1 : at + 1])  # type: ignore[arg-type]  # a branch
            for at in range(1, len(path) - 1)
        )

    async def set(self, query: Query, value: str) -> None:
        """See `Backend.set`."""
        path = spelt(self._table, list_of(query) or [])
        if not path:
            raise XapiError("One configuration can be set at a time; name it in full")
        node = index_of(self._table).row("Configuration", tuple(path[1:]))
        await self._ask("xSet", {"Path": path, "Value": _native(value, node.space.kind if node else "")}, query.text)

    async def call(self, words: Path, arguments: Mapping[str, Any], body: str | None) -> list[Leaf]:
        """See `Backend.call`."""
        command = self._table.command(words)
        params = {
            argument.name if argument is not None else name: _argument(value, argument)
            for name, value in arguments.items()
            for argument in [command.argument(name) if command is not None else None]
        }
        if body is not None:
            params["body"] = body
        path = spelt(self._table, ["Command", *words])[1:]
        result = await self._ask(f"xCommand/{'/'.join(map(str, path))}", params, " ".join(map(str, words)))
        fields = result if isinstance(result, dict) else {}
        return leaves_of({name: value for name, value in fields.items() if name != "status"})

    async def subscribe(self, query: Query) -> int:
        """See `Backend.subscribe`."""
        number = next(self._numbers)
        self._subscribed[number] = (query, await self._subscribe(query))
        return number

    async def _subscribe(self, query: Query) -> int:
        asked = list_of(query)
        if asked is None:
            raise XapiError("The websocket can register no // and no ranges; name what you want to be told of")
        result = await self._ask("xFeedback/Subscribe", {"Query": spelt(self._table, asked)}, query.text)
        number = result.get("Id") if isinstance(result, dict) else None
        if not isinstance(number, int):
            raise XapiError("The device registered it without an Id")
        return number

    async def unsubscribe(self, number: int) -> None:
        """See `Backend.unsubscribe`."""
        _, remote = self._subscribed.pop(number)
        await self._ask("xFeedback/Unsubscribe", {"Id": remote}, "")

    async def elements(self, path: Path) -> Sequence[int]:
        """See `Backend.elements`."""
        try:
            found = await self._ask("xGet", {"Path": spelt(self._table, path)}, "", holds=False)
        except (XapiError, Lost):
            return ()
        return elements(leaves_of(found, path), path)

    async def settle(self) -> None:
        """See `Backend.settle`: answers and notices come in one order, so one more answer is the fence."""
        if self._subscribed:
            with suppress(XapiError):
                await self._ask("xGet", _FENCE, "", holds=False)

    # the connection

    async def _ask(self, method: str, params: Mapping[str, Any], about: str, *, holds: bool = True) -> Any:
        """Send a request and return its result.

        Raises:
            XapiError: the device says no.
            Lost: it does not answer.
        """
        if self._socket is None or self._socket.closed:
            await self._open_again()
        socket = self._socket
        assert socket is not None, "it was just opened"
        number = next(self._numbers)
        pending = self._pending[number] = _Pending(asyncio.get_running_loop().create_future(), holds)
        try:
            await socket.send_str(request(number, method, params))
            async with asyncio.timeout(ANSWER_S_MAX):
                answer = await pending.answer
        except TimeoutError:
            raise Lost(f"no answer within {ANSWER_S_MAX:g} s") from None
        except (aiohttp.ClientError, ConnectionError):
            raise Lost("the device has hung up") from None
        finally:
            del self._pending[number]
        if isinstance(answer, Failure):
            raise refusal(answer, f"{method.partition('/')[0]} {about}")
        return answer.result

    async def _open_again(self) -> None:
        try:
            await self.open()
        except Unusable as error:
            raise Lost(str(error)) from None
        self.tell("connected again")
        for number, (query, _) in tuple(self._subscribed.items()):
            try:
                self._subscribed[number] = (query, await self._subscribe(query))
            except XapiError as error:
                del self._subscribed[number]
                self.tell(f"{query.text} is not registered any more: {error}")

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Take frames until the connection ends."""
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(message.data)
                elif message.type is aiohttp.WSMsgType.BINARY:
                    self.tell("the device sent a binary frame, which means nothing here")
        finally:
            if self._socket is socket:
                self._socket = None
                self.tell("the device has hung up; the next line connects again")
            for pending in self._pending.values():
                if not pending.answer.done():
                    pending.answer.set_exception(Lost("the device has hung up before it answered"))

    def _take(self, text: str) -> None:
        try:
            frame = read_frame(text)
        except RemoteProtocolError as error:
            self.tell(f"the device sent what cannot be read: {error}")
            return
        match frame:
            case Told():
                self.gate.notice(frame.leaves)
            case Failure(id=None):
                self.tell(f"the device says: {frame.message}")
            case Answer() | Failure():
                assert frame.id is not None, "the case above"
                pending = self._pending.get(frame.id)
                if pending is None or pending.answer.done():
                    return  # nobody waits any longer
                if pending.holds:
                    self.gate.close()
                pending.answer.set_result(frame)


def _native(value: str, kind: str) -> str | int:
    """Return a value with the type that it has on the websocket; what does not fit is left to the device to refuse."""
    is_number = kind == "integer" and value.removeprefix("-").isdecimal() and value.isascii() and len(value) < 16
    return int(value) if is_number else value


def _argument(value: str | list[str], argument: Argument | None) -> Any:
    kind = argument.space.kind if argument is not None else ""
    return [_native(one, kind) for one in value] if isinstance(value, list) else _native(value, kind)
