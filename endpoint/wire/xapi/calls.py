"""Who calls, what is called, and who answers: the meeting place of doors and the parts that own the commands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol, TypeAlias

from endpoint.wire.xapi.leaves import Fields
from endpoint.wire.xapi.nodes import Command, Value

ADMIN: Final = "A"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        user: name of the local user; `""` for callers that are none (the cloud, a part of the device).
        roles: letters of the node table: A Admin, I Integrator, U User, R RoomControl, ...
        origin: address of the client, or what stands for one: `cloud`, `panel`.
        door: `ssh`, `websocket`, `http`, `cloud`, `panel`, `control`.
    """

    user: str
    roles: frozenset[str]
    origin: str = ""
    door: str = ""

    def may(self, roles: str) -> bool:
        """Say whether one of the caller's roles is among these letters."""
        return ADMIN in self.roles or not self.roles.isdisjoint(roles)


INTERNAL: Final = Caller("", frozenset(ADMIN), "internal", "internal")
"""A part of the device itself."""

Argument: TypeAlias = Value | tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command whose arguments have been checked.

    Attributes:
        arguments: by canonical name, values as they are stored; defaults are filled in, arguments that may repeat are tuples.
        body: the multi-line content, `""` when there is none.
        given: names of the arguments that the caller wrote; the others have their default.
    """

    command: Command
    caller: Caller
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    body: str = ""
    given: frozenset[str] = frozenset()

    def text(self, name: str) -> str:
        """Return an argument as text; `""` when it was not given."""
        value = self.arguments.get(name, "")
        return str(value) if not isinstance(value, tuple) else " ".join(map(str, value))

    def number(self, name: str) -> int | None:
        """Return an integer argument; None when it was not given."""
        value: Any = self.arguments.get(name)
        return value if isinstance(value, int) else None

    def has(self, name: str) -> bool:
        """Say whether an argument was given, or has a default."""
        return name in self.arguments

    def many(self, name: str) -> tuple[Value, ...]:
        """Return an argument that may repeat."""
        value = self.arguments.get(name, ())
        return value if isinstance(value, tuple) else (value,)


Outcome: TypeAlias = Fields | Awaitable[Fields | None] | None
Method: TypeAlias = Callable[[Any, Invocation], Outcome]
"""Carries a command out: the owner and the call in; what the result holds besides its status out. Raises CommandFailed or BadArguments.

A plain function is over before the next message of any client is read; what takes time is a coroutine function.
"""


class Owner(Protocol):
    """A part that carries commands out: `COMMANDS = {"Audio Volume Set": set_volume}`, methods of its class. Devices share the table."""

    COMMANDS: ClassVar[Mapping[str, Method]]
