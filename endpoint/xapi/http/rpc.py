"""One websocket client's conversation: JSON-RPC messages in, answers and notifications out, in causal order. No sockets.

An answer leaves before the first notification that its request caused: what a request that is done at once sets off is held until
its answer is out. Commands that take time run beside the others; notifications flow meanwhile. Source: protocol/xapi.md 3.4 to 3.7.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeAlias

from msgspec import UNSET

from endpoint.runtime.errors import LimitExceeded
from endpoint.wire.xapi import jsonrpc
from endpoint.wire.xapi.calls import ADMIN, Caller, Outcome
from endpoint.wire.xapi.errors import NoMatch, SubscriptionLimit, XapiError
from endpoint.wire.xapi.jsonform import at, typed
from endpoint.wire.xapi.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, NOT_READY, Request, RpcError
from endpoint.wire.xapi.leaves import Fields
from endpoint.wire.xapi.paths import PARTS_MAX
from endpoint.xapi.access import READABLE, Xapi
from endpoint.xapi.feedback import Notice, Subscription
from endpoint.xapi.http.forms import printer, query_of, result_of, spelt_as
from endpoint.xapi.http.ports import Schema

SUBSCRIPTIONS_MAX: Final = 50
"""Feedback expressions of one session (protocol 4.8)."""
PENDING_MAX: Final = 64
"""Commands of one client that take time at once; more are answered `Not ready`."""
BAD_USAGE: Final = jsonrpc.MESSAGES[INVALID_PARAMS]
BRANCHES: Final = ("status", "configuration", "event")

Start: TypeAlias = Callable[[Coroutine[Any, Any, None], str], object]
Defect: TypeAlias = Callable[[str, BaseException], object]


class RpcSession:
    """The conversation with one client.

    Args:
        send: takes a message for the client; never waits.
        start: runs a command that takes time, by its name.
        defect: is told of a method and what went wrong in it by our own fault.
    """

    __slots__ = (
        "_caller", "_closed", "_defect", "_held", "_next", "_pending", "_schema", "_send", "_start", "_subscriptions", "_xapi",
    )  # fmt: skip

    def __init__(
        self,
        xapi: Xapi,
        schema: Schema,
        caller: Caller,
        *,
        send: Callable[[bytes], object],
        start: Start,
        defect: Defect,
    ) -> None:
        self._xapi = xapi
        self._schema = schema
        self._caller = caller
        self._send = send
        self._start = start
        self._defect = defect
        self._subscriptions: dict[int, Subscription] = {}
        self._next = 0
        self._pending = 0
        self._held: list[bytes] | None = None
        self._closed = False

    def receive(self, data: bytes | str) -> None:
        """Take one message; its answer is sent before this returns, unless a command takes time."""
        try:
            request = jsonrpc.read(data)
        except RpcError as error:
            self._send(jsonrpc.failure(error, error.id))
            return
        held = self._held = []
        message = self._carried_out(request)
        self._held = None
        if message is not None and request.id is not UNSET:
            self._send(message)
        for notification in held:
            self._send(notification)

    def close(self) -> None:
        """End every subscription; answers that are still to come are dropped."""
        self._closed = True
        for subscription in self._subscriptions.values():
            subscription.close()
        self._subscriptions.clear()

    # one request

    def _carried_out(self, request: Request) -> bytes | None:
        """Return the answer; None when it comes later."""
        id_ = None if request.id is UNSET else request.id
        try:
            params = request.params or {}
            if isinstance(params, list):
                raise RpcError(INVALID_PARAMS)
            method = _METHODS.get(request.method)
            if method is not None:
                return jsonrpc.answer(id_, method(self, params))
            if not request.method.startswith("xCommand/"):
                raise RpcError(METHOD_NOT_FOUND)
            outcome = self._called(request.method, dict(params))
            if isinstance(outcome, Awaitable):
                self._await(request, outcome)
                return None
            return jsonrpc.answer(id_, result_of(outcome))
        except Exception as error:
            return jsonrpc.failure(self._refusal(request, error), id_)

    def _refusal(self, request: Request, error: Exception) -> RpcError:
        if isinstance(error, RpcError):
            return error
        if isinstance(error, XapiError):
            return jsonrpc.refusal(error)
        self._defect(request.method, error)
        return RpcError(INTERNAL_ERROR)

    def _called(self, method: str, arguments: jsonrpc.Params) -> Outcome:
        body = arguments.pop("body", None)
        if body is not None and not isinstance(body, str):
            raise RpcError(INVALID_PARAMS)
        path = tuple(method.split("/")[1 : PARTS_MAX + 2])
        commands = self._xapi.commands
        return commands.call(commands.prepare(path, arguments, body, self._caller))

    def _await(self, request: Request, outcome: Awaitable[Fields | None]) -> None:
        try:
            if self._pending >= PENDING_MAX:
                raise LimitExceeded("commands of one client that take time", PENDING_MAX)
            self._start(self._finish(request, outcome), request.method)
        except LimitExceeded:
            if isinstance(outcome, Coroutine):
                outcome.close()
            raise RpcError(NOT_READY) from None
        self._pending += 1

    async def _finish(self, request: Request, outcome: Awaitable[Fields | None]) -> None:
        id_ = None if request.id is UNSET else request.id
        try:
            message = jsonrpc.answer(id_, result_of(await outcome))
        except Exception as error:
            message = jsonrpc.failure(self._refusal(request, error), id_)
        finally:
            self._pending -= 1
        if not self._closed and request.id is not UNSET:
            self._send(message)

    # the methods

    def _get(self, params: jsonrpc.Params) -> Any:
        query = query_of(params.get("Path"))
        path = query.plain
        if path is None or path[0] not in READABLE:
            raise NoMatch(query.text)
        leaves = self._xapi.get(query, self._caller)
        if not leaves:
            raise NoMatch(query.text)
        first, value = leaves[0]
        if len(leaves) == 1 and len(first) == len(path):
            return value
        return at(typed(leaves), spelt_as(path, first))

    def _query(self, params: jsonrpc.Params) -> Any:
        return typed(self._xapi.find(query_of(params.get("Query"), BAD_USAGE), self._caller))

    def _set(self, params: jsonrpc.Params) -> bool:
        if "Value" not in params:
            raise RpcError(INVALID_PARAMS)
        self._xapi.set(query_of(params.get("Path")), params["Value"], self._caller)
        return True

    def _doc(self, params: jsonrpc.Params) -> Any:
        query = query_of(params.get("Path"))
        if query.plain is None:
            raise NoMatch(query.text)
        if str(params.get("Type", "Schema")).casefold() != "schema":
            raise RpcError(INVALID_PARAMS)
        roles = None if ADMIN in self._caller.roles else "".join(sorted(self._caller.roles))
        return self._schema.document(self._xapi.nodes, query.plain, roles)

    def _subscribe(self, params: jsonrpc.Params) -> Any:
        query = query_of(params.get("Query"), BAD_USAGE)
        if not any(query.reaches((branch,)) for branch in BRANCHES):
            raise RpcError(INVALID_PARAMS)
        if len(self._subscriptions) >= SUBSCRIPTIONS_MAX:
            raise SubscriptionLimit(SUBSCRIPTIONS_MAX)
        number = self._next

        def notify(notice: Notice) -> None:
            self._notify(number, notice)

        try:
            self._subscriptions[number] = self._xapi.subscribe(query, self._caller, notify)
        except LimitExceeded as error:
            raise SubscriptionLimit(int(error.limit)) from None
        self._next += 1
        if params.get("NotifyCurrentValue") is True:
            leaves = self._xapi.find(query, self._caller)
            for branch in READABLE.values():
                present = tuple(leaf for leaf in leaves if leaf[0][0] == branch)
                if present:
                    self._notify(number, Notice(branch, present))
        return {"Id": number}

    def _unsubscribe(self, params: jsonrpc.Params) -> bool:
        number = params.get("Id")
        if not isinstance(number, int) or isinstance(number, bool):
            raise RpcError(INVALID_PARAMS)
        subscription = self._subscriptions.pop(number, None)
        if subscription is None:
            raise RpcError(INVALID_PARAMS, jsonrpc.UNKNOWN_SUBSCRIPTION, {"Id": number})
        subscription.close()
        return True

    def _notify(self, number: int, notice: Notice) -> None:
        message = jsonrpc.event(number, notice.branch, printer.print(notice))
        if self._held is not None:
            self._held.append(message)
        else:
            self._send(message)


_METHODS: Final[dict[str, Callable[[RpcSession, jsonrpc.Params], Any]]] = {
    "xGet": RpcSession._get,
    "xQuery": RpcSession._query,
    "xSet": RpcSession._set,
    "xDoc": RpcSession._doc,
    "xFeedback/Subscribe": RpcSession._subscribe,
    "xFeedback/Unsubscribe": RpcSession._unsubscribe,
}
