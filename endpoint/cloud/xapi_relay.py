"""The device's side of the xAPI by way of the cloud: takes what Mercury brings, does it, and posts what came of it.

The cloud calls as an administrator. One request is carried out once, however often its event comes. Source: protocol/xapi.md 12.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Protocol

from endpoint.cloud.catalog import ServiceCatalog
from endpoint.cloud.http import Call
from endpoint.cloud.identity import Identity
from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.world import World
from endpoint.wire import codec
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError
from endpoint.wire.xapi import errors, jsonform, relay
from endpoint.wire.xapi.calls import ADMIN, Caller, Invocation, Outcome
from endpoint.wire.xapi.leaves import Leaf, Mark, flatten
from endpoint.wire.xapi.nodes import Node, Nodes, Value
from endpoint.wire.xapi.paths import Path, folded
from endpoint.wire.xapi.query import Query
from endpoint.wire.xapi.relay import Done, Refused, Setting

CALLER: Final = Caller("", frozenset(ADMIN), "cloud", "cloud")
RUNNING_MAX: Final = 20
"""Requests that are carried out at once; one more is dropped, and the cloud hears nothing of it."""
SEEN_MAX: Final = 64
"""Requests that are remembered, so that an event that comes again is not carried out again."""
REPORT_DELAY_S: Final = 1.0
"""Diagnostics that change together are one report."""
KEY_CHARS_SHOWN: Final = 80


class CommandPort(Protocol):
    """Who knows the commands; `endpoint.xapi.commands.Commands` is one."""

    def prepare(self, path: Path, arguments: Mapping[str, Any], body: str | None, caller: Caller) -> Invocation:
        """Check a call; raises UnknownCommand, AccessDenied, BadArguments."""
        ...

    def call(self, invocation: Invocation) -> Outcome:
        """Carry it out; raises CommandFailed, BadArguments."""
        ...


class XapiPort(Protocol):
    """What the relay needs of a device's xAPI."""

    @property
    def nodes(self) -> Nodes:
        """The node table."""
        ...

    @property
    def commands(self) -> CommandPort:
        """The commands."""
        ...

    def find(self, query: Query, caller: Caller) -> list[Leaf]:
        """Return the leaves that a query covers, none if nothing is there."""
        ...

    def configured(self) -> Mapping[Path, Value]:
        """Return the configurations that were set, by path without the branch: not those that have their default by themselves."""
        ...

    def configure(self, values: Mapping[Path, Value | None], caller: Caller) -> None:
        """Set checked configurations, and take back those that are None, all or none; BadValue for what no value space can say."""
        ...


class XapiRelay:
    """Answer the cloud for one device."""

    __slots__ = (
        "_catalog", "_changed", "_found", "_identity", "_running", "_seen", "_since", "_tasks", "_timer", "_told", "_world", "_xapi",
    )  # fmt: skip

    def __init__(self, world: World, identity: Identity, catalog: ServiceCatalog, tasks: Tasks, xapi: XapiPort) -> None:
        self._world = world
        self._identity = identity
        self._catalog = catalog
        self._tasks = tasks
        self._xapi = xapi
        self._running = 0
        self._seen: deque[str] = deque(maxlen=SEEN_MAX)
        self._since = world.clock.now()
        self._changed: dict[Path, datetime] = {}
        self._found: tuple[str, ...] = ()
        self._told: tuple[str, ...] = ()
        self._timer: Timer | None = None

    # what is told

    def on_event(self, data: Mapping[str, Any]) -> None:
        """Take a request; it is carried out in the background.

        Raises:
            RemoteProtocolError: it breaks a rule; nothing was done.
        """
        request = relay.parse_request(data)
        if request.id in self._seen:
            return
        if self._running >= RUNNING_MAX:
            self._world.log.line("Xapi", "W", f"request of the cloud dropped: {RUNNING_MAX} are running")
            about = {"what": "xAPI request", "bound": RUNNING_MAX}
            self._world.trace.event(self._world.who, "drop", peer=f"cloud:{relay.SERVICE}", data=about)
            return
        self._seen.append(request.id)
        self._running += 1
        self._tasks.start(self._serve(request), "xAPI request of the cloud")

    def on_configured(self, changes: Iterable[Path]) -> None:
        """Take note that configurations have other values from now on."""
        now = self._world.clock.now()
        self._changed.update(dict.fromkeys(changes, now))

    def report(self, types: Iterable[str], *, anew: bool = False) -> None:
        """Let the cloud know, a moment later, which diagnostics above Info hold, if these are others than it knows of.

        Args:
            anew: Mercury has just opened: from then on the cloud knows of none.
        """
        self._found = tuple(sorted({name.lower() for name in types}))
        if anew:
            self._told = ()
        if self._timer is None and self._found != self._told:
            self._timer = self._world.clock.call_later(REPORT_DELAY_S, self._report)

    def stop(self) -> None:
        """Leave what was to be reported: the device goes off."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _report(self) -> None:
        self._timer, found = None, self._found
        is_wanted = self._identity.account is not None and self._catalog.catalog.url(relay.SERVICE) is not None
        if found != self._told and is_wanted:
            self._told = found
            body = relay.Report(error_codes=found)
            self._tasks.start(self._post(relay.REPORT_PATH, body, {"errorCodes": list(found)}), "report of diagnostics")

    # requests

    async def _serve(self, request: relay.Request) -> None:
        try:
            answer = await self._answer(request)
            body = codec.encode(answer)
            if len(body) > relay.ANSWER_BYTES_MAX:
                answer = Refused(why="failed", text=f"The answer has more than {relay.ANSWER_BYTES_MAX} bytes")
            await self._post(f"{relay.ANSWERS_PATH}/{request.id}", answer, {"outcome": type(answer).__name__.lower()})
        finally:
            self._running -= 1

    async def _post(self, path: str, body: object, shown: Mapping[str, Any]) -> None:
        """Post something; what goes wrong with it is in the log already, and the cloud does without."""
        with suppress(EndpointError):
            url = self._catalog.url(relay.SERVICE) + path
            await self._identity.send(Call("POST", url, relay.SERVICE, body, shown=shown))

    async def _answer(self, request: relay.Request) -> relay.Answer:
        try:
            match request:
                case relay.StatusQuery():
                    return Done(result=self._status(request.names))
                case relay.CommandCall():
                    return Done(result=await self._command(request))
                case relay.ConfigurationQuery():
                    return Done(result=self._settings(request.keys))
                case relay.ConfigurationPatch():
                    self._change(request.changes)
                    return Done(result=self._settings(("*",)))
        except RemoteProtocolError as error:
            return Refused(why="badRequest", text=str(error))
        except errors.UnknownCommand as error:
            return Refused(why="unknownCommand", text=error.path)
        except errors.AccessDenied as error:
            return Refused(why="denied", text=str(error))
        except errors.NotReady as error:
            return Refused(why="notReady", text=str(error))
        except errors.CommandFailed as error:
            return Refused(why="failed", text=str(error))
        except errors.XapiError as error:
            return Refused(why="badRequest", text=str(error))

    def _status(self, names: tuple[str, ...]) -> dict[str, Any]:
        leaves: list[Leaf] = []
        for name in names:
            leaves += self._xapi.find(relay.status_query(name), CALLER)
        result: dict[str, Any] = jsonform.typed(leaves).get("Status", {})
        return result

    async def _command(self, request: relay.CommandCall) -> dict[str, Any]:
        commands = self._xapi.commands
        invocation = commands.prepare(tuple(request.name.split(".")), request.arguments, request.body, CALLER)
        outcome = commands.call(invocation)
        fields = await outcome if isinstance(outcome, Awaitable) else outcome
        return jsonform.typed(flatten(fields or {}))

    # configurations

    def _settings(self, keys: tuple[str, ...]) -> dict[str, Any]:
        queries = [relay.configuration_query(key) for key in keys]
        configured = {folded(path): value for path, value in self._xapi.configured().items()}
        found: list[Setting] = []
        for path, value in self._xapi.find(relay.configuration_query("*"), CALLER):
            node = self._xapi.nodes.find("Configuration", path[1:])
            if node is None or not relay.is_in_cloud_view(node) or isinstance(value, Mark):
                continue
            name = folded(path)
            if any(relay.names_leaf(query, name) for query in queries):
                found.append(self._setting(node, path[1:], value, configured.get(name[1:])))
        return {"settings": found}

    def _setting(self, node: Node, path: Path, value: Value, configured: Value | None) -> Setting:
        is_number = node.space.kind == "integer" and node.default
        updated = self._changed.get(path, self._since)
        return Setting(
            key=relay.dotted(path),
            value=value,
            default=int(node.default) if is_number else node.default,
            configured=configured,
            value_space=relay.json_schema(node.space),
            updated_at=updated.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    def _change(self, changes: tuple[relay.Change, ...]) -> None:
        """Check all changes, then make them.

        Raises:
            BadArguments: some are wrong; nothing was changed.
        """
        accepted: dict[Path, Value | None] = {}
        wrong: dict[str, str] = {}
        for change in changes:
            try:
                path, node = self._named(change.key)
                accepted[path] = None if change.op == "remove" else _accepted(node, change.value)
            except (LocalProtocolError, RemoteProtocolError) as error:
                wrong[change.key[:KEY_CHARS_SHOWN]] = str(error)
        if wrong:
            raise errors.BadArguments(wrong)
        self._xapi.configure(accepted, CALLER)

    def _named(self, key: str) -> tuple[Path, Node]:
        """Return the one configuration of a key."""
        plain = relay.configuration_query(key).plain
        leaves = self._xapi.find(relay.configuration_query(key), CALLER) if plain is not None else []
        if len(leaves) == 1 and plain == folded(leaves[0][0]):
            path = leaves[0][0][1:]
            node = self._xapi.nodes.find("Configuration", path)
            if node is not None and relay.is_in_cloud_view(node):
                return path, node
        raise LocalProtocolError("no such configuration; give the whole key of one, such as Audio.DefaultVolume")


def _accepted(node: Node, value: object) -> Value:
    if not isinstance(value, (str, int)):
        raise LocalProtocolError(f"a text, or a whole number: {node.space.describe()}")
    return node.space.accept(value)
