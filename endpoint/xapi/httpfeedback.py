"""HTTP feedback: four registrations that outlive a restart, each told over HTTP of what its expressions cover.

Slots, their status, both forms and what a failure leads to are documented. Ours: one request at a time in a slot, in order, 10 seconds for
each, no retry, and what waits in a slot that fails is dropped. Source: protocol/xapi.md 6, xapi-nodes.md 4.10.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias

from msgspec.structs import replace

from endpoint.runtime.errors import LimitExceeded, StorageError, Unreachable
from endpoint.runtime.world import World
from endpoint.wire import codec, conventions
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi import jsonform
from endpoint.wire.xapi.calls import INTERNAL, Invocation, Method
from endpoint.wire.xapi.errors import BadArguments, CommandFailed
from endpoint.wire.xapi.leaves import Leaf
from endpoint.wire.xapi.paths import Path
from endpoint.wire.xapi.query import Query, query_of_text
from endpoint.xapi.feedback import Feedback, Notice, Subscription
from endpoint.xapi.outgoing import Sender, Sent, is_target
from endpoint.xapi.saved import SavedFeedback
from endpoint.xapi.tree import Tree

SLOTS: Final = 4
EXPRESSIONS_MAX: Final = 15
WAITING_MAX: Final = 1_000
"""Notices that wait in a slot; a receiver that is slower than that counts as one that failed."""
DELIVERY_S: Final = 10.0
SERVICE: Final = "httpfeedback"
OK: Final = "OK"
FAILED: Final = "Failed"
XML_PROLOG: Final = '<?xml version="1.0"?>'
CONTENT_TYPES: Final = {"XML": "text/xml; charset=UTF-8", "JSON": "application/json"}

RenderXml: TypeAlias = Callable[[Iterable[Leaf]], list[str]]
"""Prints leaves of one branch as lines, the first and the last of them the tags of the root: `xmlform.tree`."""
Start: TypeAlias = Callable[[Coroutine[Any, Any, Any], str], "asyncio.Task[Any]"]


@dataclass(frozen=True)
class AnyOf(Query):
    """Several expressions that are one: what two of them cover is told once."""

    queries: tuple[Query, ...] = ()

    def covers(self, path: Path) -> bool:
        return any(query.covers(path) for query in self.queries)

    def reaches(self, path: Path) -> bool:
        return any(query.reaches(path) for query in self.queries)


class _Slot:
    """A registration at work."""

    __slots__ = ("delivery", "saved", "subscription", "waiting")

    def __init__(self, saved: SavedFeedback) -> None:
        self.saved = saved
        self.subscription: Subscription | None = None
        self.waiting: deque[Notice] = deque()
        self.delivery: asyncio.Task[Any] | None = None

    def close(self) -> None:
        """Hear nothing more, and stop telling."""
        if self.subscription is not None:
            self.subscription.close()
        if self.delivery is not None:
            self.delivery.cancel()


class HttpFeedback:
    """Owner of the `HttpFeedback` commands, and the delivery.

    Args:
        send: makes the requests.
        start: runs a delivery; it ends with the device.
        render_xml: makes the XML form.
        saved: the registrations as they were kept; `resume` brings them back to life.
        keep: keeps the registrations, or raises StorageError.
    """

    __slots__ = (
        "_configuration", "_feedback", "_keep", "_render_xml", "_saved", "_send", "_slots", "_start", "_status", "_world",
        "on_failed",
    )  # fmt: skip

    def __init__(
        self,
        world: World,
        status: Tree,
        configuration: Tree,
        feedback: Feedback,
        *,
        send: Sender,
        start: Start,
        render_xml: RenderXml,
        saved: tuple[SavedFeedback, ...] = (),
        keep: Callable[[tuple[SavedFeedback, ...]], object] = lambda saved: None,
    ) -> None:
        self._world = world
        self._status = status
        self._configuration = configuration
        self._feedback = feedback
        self._send = send
        self._start = start
        self._render_xml = render_xml
        self._saved = saved
        self._keep = keep
        self._slots: dict[int, _Slot] = {}
        self.on_failed: Callable[[list[int]], object] = lambda slots: None
        """Told the slots that are Failed, whenever that changes: the diagnostics message HTTPFeedbackFailed."""

    # life

    def resume(self) -> None:
        """Take up the kept registrations: called once the device is up."""
        for saved in self._saved:
            try:
                self._open(self._listening(saved))
            except (RemoteProtocolError, LimitExceeded) as error:
                self._world.log.line("HttpFeedback", "W", f"slot {saved.slot} not taken up: {error}")
        self._saved = ()
        if self._slots:
            self._tell_failed()

    @property
    def failed(self) -> list[int]:
        """The slots that are Failed."""
        return [number for number in sorted(self._slots) if self._slots[number].saved.has_failed]

    def saved(self) -> tuple[SavedFeedback, ...]:
        """Return what is to be kept."""
        return tuple(self._slots[number].saved for number in sorted(self._slots)) or self._saved

    # commands

    def register(self, call: Invocation) -> None:
        """Take a slot, whatever was in it before."""
        url, expressions = call.text("ServerUrl"), tuple(map(str, call.many("Expression")))
        if not is_target(url):
            raise BadArguments({"ServerUrl": "an http or https URL such as http://192.0.2.20/feedback"})
        if len(expressions) > EXPRESSIONS_MAX:
            raise BadArguments({"Expression": f"at most {EXPRESSIONS_MAX} expressions in a slot"})
        number, form = call.number("FeedbackSlot") or 1, "JSON" if call.text("Format") == "JSON" else "XML"
        saved = SavedFeedback(slot=number, url=url, format=form, expressions=expressions)  # type: ignore[arg-type]  # one of the two
        try:
            slot = self._listening(saved)
        except RemoteProtocolError as error:
            raise BadArguments({"Expression": str(error)}) from None
        except LimitExceeded as error:
            raise CommandFailed(str(error)) from None
        try:
            self._commit(number, saved)
        except CommandFailed:
            slot.close()
            raise
        self._open(slot)
        self._tell_failed()

    def deregister(self, call: Invocation) -> None:
        """Give a slot free; one that is free stays so."""
        number = call.number("FeedbackSlot") or 1
        if number not in self._slots:
            return
        self._commit(number, None)
        self._slots.pop(number).close()
        self._status.remove(("HttpFeedback", number))
        self._tell_failed()

    def enable(self, call: Invocation) -> None:
        """Let a slot that has failed deliver again."""
        number = call.number("FeedbackSlot") or 1
        slot = self._slots.get(number)
        if slot is None:
            raise CommandFailed(f"Nothing is registered in slot {number}; use HttpFeedback Register")
        if slot.saved.has_failed:
            saved = replace(slot.saved, has_failed=False)
            self._commit(number, saved)
            slot.saved = saved
            self._show(slot)
            self._tell_failed()

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "HttpFeedback Register": register,
        "HttpFeedback Deregister": deregister,
        "HttpFeedback Enable": enable,
    }

    # slots

    def _commit(self, number: int, saved: SavedFeedback | None) -> None:
        """Keep a change before it holds."""
        after = {known.slot: known for known in self.saved()}
        after.pop(number, None)
        if saved is not None:
            after[number] = saved
        try:
            self._keep(tuple(after[slot] for slot in sorted(after)))
        except StorageError as error:
            raise CommandFailed(f"The registration could not be kept: {error}") from None

    def _listening(self, saved: SavedFeedback) -> _Slot:
        """Make a slot that hears; it takes note of nothing before it is opened. RemoteProtocolError for what is no expression."""
        slot, query = _Slot(saved), _query(saved.expressions)
        if query is not None:
            slot.subscription = self._feedback.subscribe(query, INTERNAL, lambda notice: self._take(slot, notice))
        return slot

    def _open(self, slot: _Slot) -> None:
        before = self._slots.pop(slot.saved.slot, None)
        if before is not None:
            before.close()
        self._show(slot)
        self._slots[slot.saved.slot] = slot  # last, so that nobody is told of the own registration

    def _show(self, slot: _Slot) -> None:
        saved, node = slot.saved, ("HttpFeedback", slot.saved.slot)
        with self._status.group():
            self._status.remove(node)
            self._status.put((*node, "URL"), saved.url)
            self._status.put((*node, "Format"), saved.format)
            self._status.put((*node, "Status"), FAILED if saved.has_failed else OK)
            for number, expression in enumerate(saved.expressions, start=1):
                self._status.put((*node, "Expression", number), expression)

    def _tell_failed(self) -> None:
        self.on_failed(self.failed)

    # delivery

    def _take(self, slot: _Slot, notice: Notice) -> None:
        if slot.saved.has_failed or self._slots.get(slot.saved.slot) is not slot:
            return
        if len(slot.waiting) >= WAITING_MAX:
            self._fail(slot, f"{WAITING_MAX} messages wait")
            return
        slot.waiting.append(notice)
        if slot.delivery is None:
            try:
                slot.delivery = self._start(self._deliver(slot), f"feedback slot {slot.saved.slot}")
            except LimitExceeded as error:
                self._fail(slot, str(error))

    async def _deliver(self, slot: _Slot) -> None:
        """Send what waits, one by one, until there is nothing or it fails."""
        try:
            while slot.waiting:
                notice = slot.waiting.popleft()
                problem = await self._post(slot.saved, notice)
                if problem:
                    self._fail(slot, problem)
        finally:
            slot.delivery = None

    async def _post(self, saved: SavedFeedback, notice: Notice) -> str:
        """Send one notice; returns what went wrong, `""` for nothing."""
        sent = Sent(
            "POST",
            saved.url,
            SERVICE,
            DELIVERY_S,
            body=self.body(saved.format, notice),
            headers=(("Content-Type", CONTENT_TYPES[saved.format]),),
            verify=self._configuration.get(("HttpFeedback", "TlsVerify")) != "Off",
            is_direct=self._configuration.get(("HttpFeedback", "UseHttpProxy")) == "Off",
        )
        try:
            answered = await self._send(sent)
        except Unreachable as error:
            return error.reason
        return "" if answered.ok else f"answered {answered.status}"

    def _fail(self, slot: _Slot, why: str) -> None:
        slot.waiting.clear()
        if slot.saved.has_failed or self._slots.get(slot.saved.slot) is not slot:
            return
        slot.saved = replace(slot.saved, has_failed=True)
        url = conventions.redact_url(slot.saved.url)
        self._world.log.line(
            "HttpFeedback", "W", f"slot {slot.saved.slot} failed: {why}; silent towards {url} until enabled"
        )
        try:
            self._keep(self.saved())
        except StorageError as error:
            self._world.log.line("HttpFeedback", "E", f"registrations not written: {error}")
        self._show(slot)
        self._tell_failed()

    def body(self, form: str, notice: Notice) -> bytes:
        """Print a notice with the device's identification before it."""
        device = identification(self._status, self._configuration)
        who: list[Leaf] = [(("Identification", name), value) for name, value in device.items()]
        if form == "JSON":
            return codec.encode(
                {notice.branch: {**jsonform.strings(who), **jsonform.strings(notice.leaves)[notice.branch]}}
            )
        opening, *what = self._render_xml(notice.leaves)
        lines = (XML_PROLOG, opening, *(f"  {line}" for line in self._render_xml(who)), *what, "")
        return "\n".join(lines).encode()


def identification(status: Tree, configuration: Tree) -> dict[str, str]:
    """Return what a device says of itself in every message; IPAddressV6 only where it has one."""
    name = configuration.get(("SystemUnit", "Name")) or status.get(("SystemUnit", "BroadcastName"))
    found = {
        "SystemName": name,
        "MACAddress": status.get(("Network", 1, "Ethernet", "MacAddress")),
        "IPAddress": status.get(("Network", 1, "IPv4", "Address")),
        "IPAddressV6": status.get(("Network", 1, "IPv6", "Address")),
        "ProductType": status.get(("SystemUnit", "ProductType")),
        "ProductID": status.get(("SystemUnit", "ProductId")),
        "SWVersion": status.get(("SystemUnit", "Software", "Version")),
        "SerialNumber": status.get(("SystemUnit", "Hardware", "Module", "SerialNumber")),
    }
    return {name: str(value or "") for name, value in found.items() if value or name != "IPAddressV6"}


def _query(expressions: Sequence[str]) -> Query | None:
    """Read the expressions of a slot; RemoteProtocolError for one that is none."""
    queries = tuple(map(query_of_text, expressions))
    return AnyOf(queries[0].parts, ", ".join(expressions), queries) if queries else None
