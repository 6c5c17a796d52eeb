"""The websocket's JSON-RPC as a client sees it: frames in and out, trees back into leaves, errors back into ours.

Pure. Source: protocol/xapi.md 3.3 to 3.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec

from endpoint.wire import codec
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.errors import (
    AccessDenied,
    BadArguments,
    BadValue,
    CommandFailed,
    NoMatch,
    NotReady,
    UnknownCommand,
    XapiError,
)
from endpoint.wire.xapi.leaves import Leaf, Mark
from endpoint.wire.xapi.paths import INDEX_MAX, PARTS_MAX, Path
from endpoint.wire.xapi.query import Begins, Query, Span

NO_METHOD: Final = -32601
BAD_PARAMS: Final = -32602
DENIED: Final = -31999
NOT_READY: Final = -31997
FAILED: Final = 1
DENIED_OR_SO: Final[Mapping[int, type[XapiError]]] = {DENIED: AccessDenied, NOT_READY: NotReady}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request brought."""

    id: int
    result: Any


@dataclass(frozen=True, slots=True)
class Failure:
    """What the device said no with; `id` is None when it could not read the request."""

    id: int | None
    code: int
    message: str
    data: Any = None


@dataclass(frozen=True, slots=True)
class Told:
    """A change, or an event."""

    leaves: tuple[Leaf, ...]


Frame: TypeAlias = Answer | Failure | Told


def request(number: int, method: str, params: Mapping[str, Any]) -> str:
    """Write a request."""
    asked = {"jsonrpc": "2.0", "id": number, "method": method, "params": dict(params)}
    return msgspec.json.encode(asked).decode()


def read_frame(text: str) -> Frame:
    """Read a frame of the device.

    Raises:
        RemoteProtocolError: it is neither an answer nor a notification.
    """
    frame = codec.decode(text, dict[str, Any], "frame")
    if frame.get("method") == "xFeedback/Event" and isinstance(frame.get("params"), dict):
        tree = {name: value for name, value in frame["params"].items() if name != "Id"}
        return Told(tuple(leaves_of(tree)))
    number, error = frame.get("id"), frame.get("error")
    if isinstance(error, dict):
        code, message = error.get("code"), error.get("message")
        if not isinstance(code, int) or not isinstance(message, str) or not isinstance(number, (int, type(None))):
            raise RemoteProtocolError("frame.error", "an error has a code and a message")
        return Failure(number, code, message, error.get("data"))
    if isinstance(number, bool) or not isinstance(number, int) or "result" not in frame:
        raise RemoteProtocolError("frame", "an answer has the id of its request, and a result or an error")
    return Answer(number, frame["result"])


def leaves_of(tree: Any, root: Path = ()) -> list[Leaf]:
    """Turn a tree with native types back into leaves; the inverse of `jsonform.typed`.

    Raises:
        RemoteProtocolError: it is too deep, or holds what no tree of a device does.
    """
    found: list[Leaf] = []
    _add(found, root, tree)
    return found


def _add(found: list[Leaf], path: Path, node: Any) -> None:
    if len(path) > PARTS_MAX:
        raise RemoteProtocolError("tree", f"a path has at most {PARTS_MAX} parts")
    match node:
        case bool():
            found.append((path, str(node)))
        case str() | int():
            found.append((path, node))
        case float():
            found.append((path, str(node)))
        case None:
            return
        case list():
            for place, element in enumerate(node, start=1):
                _add(found, (*path, _number(element, place)), element)
        case dict():
            _add_members(found, path, node)


def _add_members(found: list[Leaf], path: Path, node: Mapping[str, Any]) -> None:
    if str(node.get("ghost", "")).casefold() == "true":
        found.append((path, Mark.GHOST))
        return
    members = {name: value for name, value in node.items() if name != "id"}  # an element's number, or an event's 1
    if not members and path:
        found.append((path, Mark.NODE))
    for name, value in members.items():
        _add(found, (*path, name), value)


def _number(element: Any, place: int) -> int:
    if not isinstance(element, dict) or "id" not in element:
        return place
    text = str(element["id"])
    if not (text.isdecimal() and text.isascii() and len(text) <= 10 and int(text) <= INDEX_MAX):
        raise RemoteProtocolError("tree", "the id of an element is a number")
    return int(text)


def list_of(query: Query) -> list[str | int] | None:
    """Write a query as the websocket takes it; None for what only the shell can say (`//word`, ranges)."""
    parts: list[str | int] = []
    for part in query.parts:
        if isinstance(part, (Begins, Span)):
            return None
        parts.append(part if isinstance(part, (str, int)) else part.value)
    return parts


def refusal(failure: Failure, asked: str) -> XapiError:
    """Turn an error answer into one of ours; `asked` is the method, `xGet`, `xSet`, `xCommand/...`, and what it was about."""
    kind, _, about = asked.partition(" ")
    if failure.code in DENIED_OR_SO:
        return DENIED_OR_SO[failure.code]()
    if failure.code == FAILED:
        data = failure.data if isinstance(failure.data, dict) else {}
        cause = data.get("Cause")
        return CommandFailed(failure.message, cause=cause if isinstance(cause, int) else None, fields=data)
    if kind == "xCommand" and failure.code == NO_METHOD:
        return UnknownCommand(about)
    if kind == "xCommand" and failure.code == BAD_PARAMS:
        return BadArguments({})
    if failure.code == BAD_PARAMS and "no match" in failure.message.casefold():
        return NoMatch(about)
    if kind == "xSet" and failure.code == BAD_PARAMS:
        return BadValue(about, failure.message)
    return XapiError(f"{failure.message} ({failure.code})")
