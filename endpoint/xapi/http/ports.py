"""What the HTTP doors need of the device behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.nodes import Nodes, ValueSpace
from endpoint.wire.xapi.paths import Path
from endpoint.xapi.sessions import Session


class Facts(Protocol):
    """What the device says of itself."""

    @property
    def product_type(self) -> str:
        """The product as documents name it: `Cisco Codec`."""

    @property
    def software(self) -> str:
        """The software version: `ce26.7.1.12.67c6e508983`."""

    @property
    def is_ready(self) -> bool:
        """Say whether the device has started."""

    def serves(self, *, secure: bool, websocket: bool) -> bool:
        """Say whether `NetworkServices` lets this scheme be used, by websockets or by plain requests."""


class Users(Protocol):
    """Who can say whether a login is right."""

    async def authenticate(self, name: str, passphrase: str, *, origin: str, door: str) -> Caller:
        """Check a passphrase.

        Raises:
            LoginRefused: it is wrong, or the user may not log in now.
        """


class Sessions(Protocol):
    """Who counts the sessions of all doors, and bounds them."""

    def open(self, caller: Caller, close: Callable[[str], object]) -> Session:
        """Begin a session; `close` is called with a reason when the device ends it.

        Raises:
            TooManySessions: a limit is reached.
        """


class Schema(Protocol):
    """The documents of the node table; the module `endpoint.wire.xapi.documents` is one."""

    def document(self, table: Nodes, path: Path, roles: str | None = None) -> Any:
        """Return the schema of what is at a path; empty where there is nothing."""

    def valuespace_name(self, space: ValueSpace) -> str:
        """Name a value space: `INT_0_100`."""

    def value_spaces(self, table: Nodes) -> Mapping[str, ValueSpace]:
        """Return every value space of a table by its name."""
