"""The media of one call. Signatures; behaviour follows."""

from __future__ import annotations

from collections.abc import Callable

from endpoint.wire.callcontrol import Media
from endpoint.wire.client_metrics import MediaStats


class Session:
    """The media of one call."""

    on_change: Callable[[Media], object]
    """Told when media takes another path, is back, or is given up (`ice` Failed)."""
    on_lost: Callable[[], object]
    """Told when nothing has come for 10 s; three reconnections are tried then, and another one whenever the path seems free."""

    def offer(self) -> str:
        """Return the local description."""
        raise NotImplementedError

    async def connect(self, remote_sdp: str) -> Media:
        """Take the far side's description and find a path; never raises: without one `ice` is Failed."""
        raise NotImplementedError

    def mute(self, muted: bool) -> str:
        """Mute or unmute the microphones; returns the new offer."""
        raise NotImplementedError

    def hold(self, held: bool) -> str:
        """Hold, or take back; returns the new offer."""
        raise NotImplementedError

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams that flow both ways: audio, and video unless there is none; for `CallEvents.media_started`."""
        raise NotImplementedError

    def stats(self) -> MediaStats:
        """Return the figures since the media began."""
        raise NotImplementedError

    def close(self) -> None:
        """End it: no timer and no task is left."""
        raise NotImplementedError
