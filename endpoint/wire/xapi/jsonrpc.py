"""JSON-RPC 2.0 as the xAPI websocket speaks it: requests in, answers and notifications out. No I/O.

Members stand in alphabetical order, as devices write them. Source: protocol/xapi.md 3.3, 3.4, 3.7; JSON-RPC 2.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from endpoint.wire.errors import WireError
from endpoint.wire.xapi.errors import (
    AccessDenied,
    BadArguments,
    BadValue,
    CommandFailed,
    NoMatch,
    NotReady,
    SubscriptionLimit,
    UnknownCommand,
    XapiError,
)
from endpoint.wire.xapi.jsonform import typed
from endpoint.wire.xapi.leaves import flatten

Id: TypeAlias = str | int | float | None
Params: TypeAlias = dict[str, Any]

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
PERMISSION_DENIED: Final = -31999
SUBSCRIBERS_EXCEEDED: Final = -31998
NOT_READY: Final = -31997
COMMAND_FAILED: Final = 1

MESSAGES: Final[Mapping[int, str]] = {
    PARSE_ERROR: "Parse error.",
    INVALID_REQUEST: "Invalid request.",
    METHOD_NOT_FOUND: "Method not found.",
    INVALID_PARAMS: "Bad usage: Missing or invalid parameter(s).",
    INTERNAL_ERROR: "Internal error.",
    PERMISSION_DENIED: "Permission denied.",
    SUBSCRIBERS_EXCEEDED: "Subscriber count exceeded.",
    NOT_READY: "Not ready.",
    COMMAND_FAILED: "Command returned an error.",
}
"""What is said where nothing closer is. Observed: -32601, -32602, 1; the other texts are ours."""
NO_MATCH: Final = "No match on Path argument"
UNKNOWN_SUBSCRIPTION: Final = "Unknown subscription Id"


class Request(msgspec.Struct):
    """One message of a client. Without an id it is a notification: carried out, never answered."""

    method: str
    jsonrpc: Literal["2.0"]
    id: Id | UnsetType = UNSET
    params: Params | list[Any] | UnsetType | None = UNSET

    @property
    def is_notification(self) -> bool:
        """Say whether the client wants no answer."""
        return self.id is UNSET


class RpcError(WireError):
    """A request that cannot be carried out.

    Attributes:
        data: what the error has besides code and message, None for nothing.
        id: of the request, None when it has none or none could be read.
    """

    def __init__(self, code: int, message: str = "", data: Any = None, id: Id = None) -> None:  # noqa: A002  # the field's own word
        self.code = code
        self.message = message or MESSAGES[code]
        self.data = data
        self.id = id
        super().__init__(f"{code} {self.message}")


class _Answer(msgspec.Struct):
    id: Any
    jsonrpc: str
    result: Any


_REQUESTS: Final = msgspec.json.Decoder(Request)
_ANYTHING: Final = msgspec.json.Decoder()
_ENCODER: Final = msgspec.json.Encoder()


def read(data: bytes | str) -> Request:
    """Read one message.

    Raises:
        RpcError: it is no JSON in UTF-8, or no request (a batch neither: devices know none); `id` is the request's where one can be told.
    """
    try:
        return _REQUESTS.decode(data)
    except msgspec.ValidationError:
        raise _no_request(data) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
        raise RpcError(PARSE_ERROR) from None


def _no_request(data: bytes | str) -> RpcError:
    """Say what is wrong with a message that is no request: it may be no JSON further on."""
    try:
        found = _ANYTHING.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        return RpcError(PARSE_ERROR)
    if not isinstance(found, dict):
        return RpcError(INVALID_REQUEST)
    given = found.get("id")
    known: Id = given if isinstance(given, (str, int, float)) and not isinstance(given, bool) else None
    return RpcError(INVALID_REQUEST, id=known)


def answer(id: Id, result: Any) -> bytes:  # noqa: A002  # the field's own word
    """Print an answer: `{"id":"1","jsonrpc":"2.0","result":50}`. Mappings are printed in the order that they have."""
    return _ENCODER.encode(_Answer(id, "2.0", result))


def failure(error: RpcError, id: Id = None) -> bytes:  # noqa: A002  # the field's own word
    """Print an error: `{"error":{"code":-32601,"message":"Method not found."},"id":"6","jsonrpc":"2.0"}`."""
    shown = {"code": error.code, **({} if error.data is None else {"data": error.data}), "message": error.message}
    return _ENCODER.encode({"error": shown, "id": id, "jsonrpc": "2.0"})


def tree_bytes(tree: Mapping[str, Any]) -> bytes:
    """Print a rendering once, to be sent to several subscribers by `event`."""
    return _ENCODER.encode(tree)


def event(subscription: int, branch: str, tree: bytes) -> bytes:
    """Print a notification: what `tree_bytes` made of `{"Audio": ...}`, below its branch, for one subscription."""
    number, name = b'"Id":%d' % subscription, b'"%s":' % branch.encode()
    params = number + b"," + name + tree if branch > "Id" else name + tree + b"," + number
    return b'{"jsonrpc":"2.0","method":"xFeedback/Event","params":{' + params + b"}}"


def refusal(error: XapiError) -> RpcError:
    """Translate what the device says no to. Source: protocol/xapi.md 3.7."""
    match error:
        case NoMatch():
            return RpcError(INVALID_PARAMS, NO_MATCH)
        case UnknownCommand():
            return RpcError(METHOD_NOT_FOUND)
        case BadArguments() | BadValue():
            return RpcError(INVALID_PARAMS)
        case AccessDenied():
            return RpcError(PERMISSION_DENIED)
        case NotReady():
            return RpcError(NOT_READY)
        case SubscriptionLimit():
            return RpcError(SUBSCRIBERS_EXCEEDED)
        case CommandFailed():
            cause = {} if error.cause is None else {"Cause": error.cause}
            return RpcError(COMMAND_FAILED, str(error), {**cause, **typed(flatten(error.fields))} or None)
        case _:
            return RpcError(INTERNAL_ERROR)
