"""What the conversation of a websocket client is made of: paths as queries, results and notices as JSON.

Source: protocol/xapi.md 3.4 to 3.6.
"""

from __future__ import annotations

from typing import Any, Final

from endpoint.wire.errors import WireError
from endpoint.wire.xapi import jsonrpc
from endpoint.wire.xapi.jsonform import typed
from endpoint.wire.xapi.jsonrpc import INVALID_PARAMS, RpcError
from endpoint.wire.xapi.leaves import Fields, Leaf, flatten
from endpoint.wire.xapi.paths import Path
from endpoint.wire.xapi.query import QUERY_CHARS_MAX, Query, query_of_list
from endpoint.xapi.feedback import Notice

QUERIES_KNOWN_MAX: Final = 8_192
"""Queries kept in their parsed form, over all devices of a process."""

_queries: dict[tuple[str | int, ...], Query] = {}


class Printer:
    """Prints notices. Subscribers are told one after the other, so the last one that was printed is kept."""

    __slots__ = ("_event", "_leaves", "_printed")

    def __init__(self) -> None:
        self._leaves: tuple[Leaf, ...] = ()
        self._event: Path | None = None
        self._printed = b""

    def print(self, notice: Notice) -> bytes:
        """Return what a notice tells, below its branch."""
        if notice.leaves != self._leaves or notice.event != self._event or not self._printed:
            self._printed = jsonrpc.tree_bytes(typed(notice.leaves, event=notice.event)[notice.branch])
            self._leaves, self._event = notice.leaves, notice.event
        return self._printed


printer: Final = Printer()


def result_of(fields: Fields | None) -> dict[str, Any]:
    """Return what a command answers, `status` in its place."""
    shown = typed(flatten(fields)) if fields else {}
    shown["status"] = "OK"
    return shown


def query_of(given: Any, wrong: str = jsonrpc.NO_MATCH) -> Query:
    """Read a path that a client gives.

    Raises:
        RpcError: it is no list, or, in the words of `wrong`, one that cannot be a path.
    """
    if type(given) is not list:
        raise RpcError(INVALID_PARAMS)
    key = tuple(given)
    for part in key:
        if type(part) is not str and type(part) is not int:  # True would find what was kept for 1
            raise RpcError(INVALID_PARAMS, wrong)
    query = _queries.get(key)
    if query is None:
        try:
            query = query_of_list(key)
        except WireError:
            raise RpcError(INVALID_PARAMS, wrong) from None
        if len(query.text) > QUERY_CHARS_MAX:
            raise RpcError(INVALID_PARAMS, wrong)
        if len(_queries) >= QUERIES_KNOWN_MAX:
            _queries.clear()
        _queries[key] = query
    return query


def spelt_as(path: Path, leaf: Path) -> Path:
    """Return a folded path in the spelling of a leaf below it."""
    spelt: list[str | int] = []
    place = 0
    for part in path:
        while isinstance(part, str) and isinstance(leaf[place], int):
            place += 1
        spelt.append(leaf[place])
        place += 1
    return tuple(spelt)
