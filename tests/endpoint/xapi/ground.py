"""A device's xAPI without the device: trees, feedback, commands and users on one clock, and somebody who calls."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from endpoint.device.defaults import configuration_defaults
from endpoint.runtime.chance import Chance
from endpoint.runtime.devicelog import DeviceLog
from endpoint.runtime.errors import StorageError
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.virtual import run
from endpoint.runtime.world import World
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.leaves import Leaf, flatten
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.paths import parse_path
from endpoint.xapi.commands import Commands
from endpoint.xapi.feedback import Feedback
from endpoint.xapi.passphrases import Drawn
from endpoint.xapi.saved import SavedUser
from endpoint.xapi.sessions import Session, Sessions
from endpoint.xapi.tree import Tree
from endpoint.xapi.user_commands import UserCommands
from endpoint.xapi.users import LoginRefused, Users
from tests.endpoint.runtime.ground import Ground

ADMIN = Caller("admin", frozenset("A"), "192.0.2.7", "ssh")
CLOUD = Caller("", frozenset("A"), "cloud", "cloud")


class XapiGround(Ground):
    """What a device has of the xAPI. Made inside the running loop."""

    def __init__(self, *, seed: int | None = 1, saved: tuple[SavedUser, ...] = (), locked_down: bool = False) -> None:
        super().__init__()
        chance = Chance(seed).actor("device:room")
        log = DeviceLog("device:room", self.clock, self.trace, pid=1)
        self.world = World("device:room", self.clock, chance, self.net, self.trace, self.faults, log)
        self.status, self.configuration = Tree(), Tree(configuration_defaults())
        self.feedback = Feedback(self.status, self.configuration, nodes())
        self.commands = Commands(nodes())
        self.tasks = Tasks()
        self.disk_is_full = False
        self.kept: list[tuple[Any, ...]] = []
        self.sessions = Sessions(self.clock, self.configuration)
        self.users = Users(
            self.world, self.configuration, self.sessions,
            saved=saved, keep=self.keep, drawn=Drawn(chance), locked_down=locked_down,
        )  # fmt: skip
        self.commands.provide([UserCommands(self.world, self.users, self.sessions)])
        self.hung_up: list[tuple[int, str]] = []

    def keep(self, saved: tuple[Any, ...]) -> None:
        """Stand in for the disk."""
        if self.disk_is_full:
            raise StorageError("disk full")
        self.kept.append(saved)

    @property
    def initial(self) -> str:
        """The drawn passphrase, in clear."""
        drawn = self.users.initial_passphrase
        assert drawn is not None
        return drawn.reveal()

    @property
    def log(self) -> list[str]:
        """The lines of the device log, without time and process."""
        return [line.partition("]: ")[2] for line in self.world.log.lines]

    def configure(self, path: str, value: str | int) -> None:
        """Set a configuration."""
        self.configuration.put(parse_path(path), value)

    async def call(self, path: str, caller: Caller = ADMIN, body: str = "", **arguments: Any) -> list[Leaf]:
        """Call a command; returns the leaves of its result. A new user has no passphrase and the role User where nothing else is said."""
        if path == "UserManagement User Add":
            arguments = {"Passphrase": "", "Role": "User", **arguments}
        invocation = self.commands.prepare(parse_path(path), arguments, body, caller)
        outcome = self.commands.call(invocation)
        fields = await outcome if inspect.isawaitable(outcome) else outcome
        return flatten(fields or {})

    async def login(self, name: str, passphrase: str, door: str = "websocket") -> Caller | None:
        """Log in; None when that is refused."""
        try:
            return await self.users.authenticate(name, passphrase, origin="192.0.2.7", door=door)
        except LoginRefused:
            return None

    def open(self, caller: Caller) -> Session:
        """Open a session that takes note of being hung up on."""
        session = self.sessions.open(caller, lambda why: self.hung_up.append((session.id, why)))
        return session


def play(story: Callable[[XapiGround], Awaitable[None]], **how: Any) -> None:
    """Play a story on a virtual loop."""

    async def main() -> None:
        ground = XapiGround(**how)
        await story(ground)
        await ground.tasks.cancel()
        assert not ground.failures

    run(main)
