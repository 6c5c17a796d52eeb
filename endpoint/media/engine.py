"""The media of one device: makes the sessions of its calls. Without calls it holds nothing but its seams."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from endpoint.media.local import LocalSide
from endpoint.media.quality import Conditions
from endpoint.media.session import Session
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.world import World
from endpoint.wire.calliope import Best

RATE: Final = 6000
"""kbit/s that a call offers where nobody says otherwise."""
NO_ADDRESS: Final = "0.0.0.0"  # noqa: S104  RFC 8866: the address of who has none; nothing is bound to it


class Engine:
    """Make media sessions.

    Args:
        address: gives the address of the device's interface, for its candidates.
        tls: gives what media nodes are verified against over TLS; None: none is reached so.
        discovered: gives the best answer of each transport, None before discovery was complete.
        on_quality: told when the path of a call has become poor, and how; None when those of all calls are good.
    """

    __slots__ = ("_address", "_discovered", "_on_quality", "_poor", "_tasks", "_tls", "_world")

    def __init__(
        self,
        world: World,
        tasks: Tasks,
        *,
        address: Callable[[], str],
        tls: Callable[[], TlsClient | None] = lambda: None,
        discovered: Callable[[], Best | None] = lambda: None,
        on_quality: Callable[[Conditions | None], object] = lambda conditions: None,
    ) -> None:
        self._world = world
        self._tasks = tasks
        self._address = address
        self._tls = tls
        self._discovered = discovered
        self._on_quality = on_quality
        self._poor: dict[str, Conditions] | None = None

    def session(self, call: str, *, has_video: bool, rate: int = RATE) -> Session:
        """Make the session of a call.

        Args:
            call: what the log calls it by (`p=2`).
            has_video: whether video is offered.
            rate: what is offered at most, in kbit/s.
        """
        draws = self._world.chance.stream("media", call)
        local = LocalSide.drawn(draws, address=self._address() or NO_ADDRESS, has_video=has_video, rate=rate)
        session = Session(self._world, self._tasks, call, local, tls=self._tls, discovered=self._discovered)
        session.on_quality = partial(self._judged, call)
        return session

    def _judged(self, call: str, now: Conditions | None) -> None:
        """Take how good the path of a call is: the worst of all calls is told."""
        poor = {name: one for name, one in (self._poor or {}).items() if name != call}
        if now is not None:
            poor[call] = now
        self._poor = poor or None
        self._on_quality(max(poor.values(), key=lambda one: (one.loss, one.jitter_ms)) if poor else None)
