"""The media of one device: makes the sessions of its calls."""

from __future__ import annotations

from collections.abc import Callable

from endpoint.media.session import Session
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.world import World


class Engine:
    """Make media sessions.

    Args:
        address: gives the address of the device's interface, for its candidates.
        tls: gives what media nodes are verified against over TLS; None: none is reached so.
    """

    __slots__ = ("_address", "_tls", "_world")

    def __init__(
        self, world: World, *, address: Callable[[], str], tls: Callable[[], TlsClient | None] = lambda: None
    ) -> None:
        self._world = world
        self._address = address
        self._tls = tls

    def session(self, call: str, *, has_video: bool, rate: int = 6000) -> Session:
        """Make the session of a call.

        Args:
            call: what the log calls it by (`p=2`).
            has_video: whether video is offered.
            rate: what is offered at most, in kbit/s.
        """
        raise NotImplementedError
