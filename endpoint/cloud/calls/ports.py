"""What call control needs of media."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from endpoint.wire.callcontrol import Media
from endpoint.wire.client_metrics import MediaStats, MediaType


class MediaSession(Protocol):
    """The media of one call."""

    on_change: Callable[[Media], object]
    """Told when media goes another way, is back, or is given up (`ice` Failed)."""
    on_lost: Callable[[], object]
    """Told when nothing has come for ten seconds; the session itself tries to get it back."""

    @property
    def streams(self) -> Sequence[MediaType]:
        """The streams that flow both ways."""
        ...

    def offer(self) -> str:
        """Return the local SDP."""
        ...

    async def connect(self, remote_sdp: str) -> Media:
        """Connect to what the answer names; `Media.ice` is Failed where no path leads there."""
        ...

    def mute(self, muted: bool) -> str:
        """Stop sending sound, or begin again; returns the SDP from now on."""
        ...

    def hold(self, held: bool) -> str:
        """Stop sending and receiving, or begin again; returns the SDP from now on."""
        ...

    def stats(self) -> MediaStats:
        """Return the figures since the media began."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class MediaEngine(Protocol):
    """Who makes media sessions."""

    def session(self, call: str, *, has_video: bool, rate: int = 6000) -> MediaSession:
        """Make the session of a call; `call` is what the log calls it by (`p=2`), `rate` what is offered at most, in kbit/s."""
        ...
