"""The XML API: documents, getxml, putxml. Source: protocol/xapi.md section 5."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Final

from endpoint.wire import bookings_put
from endpoint.wire.errors import RemoteProtocolError, WireError
from endpoint.wire.xapi import xmlform, xmlinput
from endpoint.wire.xapi.calls import ADMIN, Caller
from endpoint.wire.xapi.errors import CommandFailed, NoMatch, XapiError
from endpoint.wire.xapi.leaves import Leaf
from endpoint.wire.xapi.nodes import Nodes
from endpoint.wire.xapi.paths import words
from endpoint.wire.xapi.query import Query, query_of_list, query_of_text
from endpoint.wire.xapi.xmlform import Look
from endpoint.xapi.access import READABLE, Xapi
from endpoint.xapi.http.answers import Answer, plain, xml
from endpoint.xapi.http.ports import Facts, Schema

DOCUMENTS_KEPT_MAX: Final = 16
XML_TYPES: Final = frozenset(
    {"", "text/xml", "application/xml", "text/plain", "application/x-www-form-urlencoded", "application/octet-stream"}
)
"""What a body may call itself: XML, nothing, or what `curl -d` and libraries say when they are told nothing."""
INTERNAL: Final = "Internal error"
BOOKINGS_PUT: Final = ("Bookings", "Put")
DONE: Final = xmlform.result("BookingsPutResult", None)
PUSHED: Final = ("<success />",)
"""What a device answers to bookings that it has taken."""


class XmlApi:
    """The XML API of one device.

    Args:
        defect: is told of a command and what went wrong in it by our own fault.
    """

    def __init__(
        self, xapi: Xapi, facts: Facts, schema: Schema, defect: Callable[[str, BaseException], object]
    ) -> None:
        self._xapi = xapi
        self._schema = schema
        self._defect = defect
        self._look = Look(facts.product_type, facts.software, xapi.nodes, schema.valuespace_name)

    # reading

    def document(self, name: str, caller: Caller) -> Answer:
        """Return a whole document: `status`, `configuration`, `command` or `valuespace`."""
        if name in READABLE:
            leaves = self._xapi.find(query_of_list([name]), caller)
            return xml(xmlform.tree(leaves, self._look) or self._nothing(READABLE[name]))
        table = self._xapi.nodes
        if name == "command":
            return xml(_commands(table, None if ADMIN in caller.roles else caller.roles, self._look))
        return xml(xmlform.valuespaces(self._schema.value_spaces(table), self._look))

    def _nothing(self, branch: str) -> list[str]:
        return xmlform.tree([((branch,), "")], self._look)

    def location(self, text: str | None, caller: Caller) -> Answer:
        """Answer getxml: the subtree inside its full parents. What is not there is an `<EmptyResult/>`."""
        if text is None:
            return plain(400, "location is missing, such as /getxml?location=/Status/Audio/Volume")
        try:
            leaves = self._xapi.find(query_of_text(text), caller)
        except WireError:
            leaves = []
        return xml(self._roots(leaves))

    def _roots(self, leaves: list[Leaf]) -> list[str]:
        """Render leaves below one root: what `//Volume` finds in two branches is wrapped as the shell does."""
        lines = xmlform.tree(leaves, self._look)
        if not lines:
            return list(xmlform.EMPTY)
        return xmlform.xmldoc(lines) if len({path[0] for path, _ in leaves}) > 1 else lines

    # writing

    async def put(self, data: bytes, media: str, charset: str | None, caller: Caller) -> Answer:
        """Carry out a putxml document: configurations all or none, commands one after the other."""
        root = _read(data, media, charset)
        if isinstance(root, Answer):
            return root
        try:
            wanted = xmlinput.put(root, self._xapi.nodes)
        except RemoteProtocolError as error:
            return plain(400, str(error))
        if wanted.is_empty:
            return xml(xmlform.NO_ACTION)
        if wanted.changes:
            return xml(self._set(wanted.changes, caller))
        lines: list[str] = []
        for call in wanted.calls:
            lines += await self._called(call, caller)
            await asyncio.sleep(0)  # thousands of them may be in one document
        return xml(_below("Command", lines))

    def _set(self, changes: tuple[xmlinput.Change, ...], caller: Caller) -> list[str]:
        try:
            self._xapi.set_all([(_query(change), change.value) for change in changes], caller)
        except XapiError as error:
            return xmlform.refused_set(error)
        return list(xmlform.SUCCESS)

    async def _called(self, call: xmlinput.Call, caller: Caller) -> list[str]:
        commands = self._xapi.commands
        command = self._xapi.nodes.command(call.path)
        try:
            outcome = commands.call(commands.prepare(call.path, call.arguments, call.body, caller))
            fields: Any = await outcome if isinstance(outcome, Awaitable) else outcome
            return xmlform.result("Result" if command is None else command.result_name, fields)
        except XapiError as error:
            return xmlform.failure(error, command)
        except Exception as error:
            self._defect(words(call.path), error)
            return xmlform.failure(CommandFailed(INTERNAL), command)

    async def put_bookings(self, data: bytes, media: str, charset: str | None, caller: Caller) -> Answer:
        """Carry out a bookingsputxml document: it is Bookings Put with its content as JSON."""
        root = _read(data, media, charset)
        if isinstance(root, Answer):
            return root
        try:
            body = json.dumps(bookings_put.body_of(root), ensure_ascii=False)
        except RemoteProtocolError as error:
            return plain(400, str(error))
        lines = await self._called(xmlinput.Call(BOOKINGS_PUT, {}, body), caller)
        return xml(PUSHED if lines == DONE else _below("Command", lines))


def _read(data: bytes, media: str, charset: str | None) -> xmlinput.Element | Answer:
    if media not in XML_TYPES:
        return plain(415, "The body has to be XML: Content-Type: text/xml")
    try:
        return xmlinput.read(data, charset)
    except RemoteProtocolError as error:
        return plain(400, str(error))


def _below(name: str, lines: list[str]) -> list[str]:
    return [f"<{name}>", *xmlform.indented(lines), f"</{name}>"]


def _query(change: xmlinput.Change) -> Query:
    try:
        return query_of_list(["Configuration", *change.path])
    except WireError:
        raise NoMatch("/" + "/".join(map(str, change.path))) from None


@lru_cache(maxsize=DOCUMENTS_KEPT_MAX)
def _commands(table: Nodes, roles: frozenset[str] | None, look: Look) -> tuple[str, ...]:
    """Return `/command.xml`, with what one of the roles may call; None = everything."""
    rows = [row for row in table.commands if roles is None or not roles.isdisjoint(row.roles)]
    return tuple(xmlform.commands(rows, look))
