"""xAPI clients that stay connected: what a device tells them on the wire is in the trace, and so is how they come and go.

xapi.client     a client is connected, or its connection has ended
xapi.feedback   what it was told, under the path that it has subscribed to

Values that a door writes as text are numbers in the trace where the device's table of nodes says so: one expectation fits every door.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from endpoint.device.device import Device
from endpoint.runtime.net import Net
from endpoint.wire.secret import Secret
from endpoint.wire.xapi.jsonform import typed
from endpoint.wire.xapi.leaves import LeafValue
from endpoint.wire.xapi.nodes import Nodes
from endpoint.wire.xapi.paths import Path, folded
from endpoint.wire.xapi.query import Query, query_of_text
from endpoint.wire.xapi.terminal import space_of
from scenarios.runner import xapi_door
from scenarios.runner.clients.shelltext import plain_leaves
from scenarios.runner.xapi_verbs import Over, Role

if TYPE_CHECKING:
    from scenarios.runner.clients.flood import Tally
    from scenarios.runner.stage import Stage

CLIENTS_MAX: Final = 50
"""Clients of one stage that stay connected."""
OPEN: Final = "open"
CLOSED: Final = "closed"
CUT: Final = "cut"
"""Why a connection has ended that a fault has cut."""


class KeptClient(ABC):
    """One client of one device.

    Attributes:
        name: its id in the scenario.
        who: how trace and faults call it.
        net: the network as it sees it; nobody else's connections are on it.
        subscribed: the paths that it listens to, as the scenario wrote them, and what each covers.
    """

    over: ClassVar[Over]

    def __init__(self, stage: Stage, device: str, name: str, role: Role) -> None:
        self.stage = stage
        self.device_name = device
        self.name = name
        self.role: Role = role
        self.who = f"client:{name}" if len(stage.devices) == 1 else f"client:{device}/{name}"
        self.net = Net(self.who, stage.clock, stage.names, stage.faults)
        self.subscribed: dict[str, Query] = {}
        self.is_open = False

    @property
    def device(self) -> Device:
        """The device that it is a client of."""
        return self.stage.device(self.device_name)

    @property
    def about(self) -> dict[str, str]:
        """What faults can be aimed at."""
        return {"device": self.device.who, "client": self.name, "over": self.over, "user": self.role}

    async def subscribe(self, paths: Sequence[str]) -> None:
        """Listen to paths; a client that is not connected connects, and forgets what it listened to before.

        Raises:
            XapiError: the device refused it.
            ValueError: the door is shut, or lets nobody in; or it hung up.
        """
        if not self.is_open:
            self.subscribed.clear()
            await self.connect()
            self._note(OPEN)
            self.is_open = True
        wanted = [path for path in dict.fromkeys(paths) if path not in self.subscribed]
        self.subscribed.update({path: query_of_text(path) for path in wanted})
        await self.register(wanted)

    async def passphrase(self) -> Secret:
        """Return the secret that it logs in with."""
        return await xapi_door.passphrase_of(self.stage, self.device, self.role)

    def tell(self, path: str, told: Mapping[str, Any]) -> None:
        """Take note of what the device told under a path."""
        data = {"subscription": path, "told": told, "client": self.name}
        self.stage.trace.event(self.who, "xapi.feedback", peer=self.device.who, data=data)

    def tell_text(self, tree: Mapping[str, Any]) -> None:
        """Take note of what the device told in text, under every path that covers some of it.

        Raises:
            RemoteProtocolError: it is no tree of a device.
        """
        table = self.device.xapi.nodes
        leaves = [(path, _number(path, value, table)) for path, value in plain_leaves(tree)]
        event = event_of(tree)
        for written, query in self.subscribed.items():
            mine = [leaf for leaf in leaves if query.covers(folded(leaf[0]))]
            if mine:
                self.tell(written, typed(mine, event=event))

    def ended(self, why: str) -> None:
        """Take note that the connection has ended; harmless when it has already."""
        if self.is_open:
            self.is_open = False
            self._note(CLOSED, why)

    def _note(self, state: str, why: str = "") -> None:
        data = {"client": self.name, "over": self.over, "state": state, **({"why": why} if why else {})}
        self.stage.trace.event(self.who, "xapi.client", peer=self.device.who, data=data)

    # what each way does

    @abstractmethod
    async def connect(self) -> None:
        """Connect and log in; errors as in `subscribe`."""

    @abstractmethod
    async def register(self, wanted: Sequence[str]) -> None:
        """Ask to be told; errors as in `subscribe`."""

    @abstractmethod
    def cut(self) -> None:
        """Let the connection break, as with a client that has crashed."""

    def reads(self, does: bool) -> None:
        """Take what the device sends, or let it lie."""
        self.net.hold_streams(not does)

    @abstractmethod
    async def ask_much(self, count: int, tally: Tally) -> None:
        """Send so many questions without waiting for answers; those that come are counted."""

    @abstractmethod
    async def connect_once_more(self, tally: Tally) -> None:
        """Open one more connection of the same user, and keep it."""

    @property
    def host(self) -> str | None:
        """The name under which the device reaches it, None where only it calls the device."""
        return None

    async def close(self) -> None:
        """Go away, without a word in the trace."""
        self.is_open = False
        self.net.break_streams()


def event_of(tree: Mapping[str, Any]) -> Path | None:
    """Return the path of the event that a notification tells; None when it tells none, or does not number it."""
    node, path = tree.get("Event"), ["Event"]
    while isinstance(node, dict):
        if "id" in node:
            return tuple(path)
        if len(node) != 1:
            return None
        name, node = next(iter(node.items()))
        path.append(str(name))
    return None


def _number(path: Path, value: LeafValue, table: Nodes) -> LeafValue:
    """Return a value as the table of nodes has it: a number, where that is what the node holds."""
    if not isinstance(value, str):
        return value
    space = space_of(path, table)
    try:
        return int(value) if space is not None and space.kind == "integer" else value
    except ValueError:
        return value
