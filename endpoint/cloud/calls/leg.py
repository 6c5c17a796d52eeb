"""The media of one call: the session, and the descriptions of both sides.

Order of the diagnostics as in protocol/activation-and-media.md section 12.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from endpoint.cloud.call_analyzer import CallEvents
from endpoint.cloud.calls import joining
from endpoint.cloud.calls.around import Around
from endpoint.cloud.calls.ports import MediaSession
from endpoint.wire.callcontrol import Media
from endpoint.wire.client_metrics import ClientError, error_of_ice
from endpoint.wire.locus import requests
from endpoint.wire.locus.dto import Locus
from endpoint.wire.locus.events import LocusEvent
from endpoint.wire.locus.requests import JoinAnswer, LocalMedia

ROAP_S_MAX: Final = 35.0  # protocol/cloud-services.md 9.7


class MediaLeg:
    """Holds the media session of a call, if there is one.

    Args:
        on_change: told of another path, of media that is back, and of media that is given up.
    """

    __slots__ = (
        "_around",
        "_events",
        "_has_video",
        "_is_due",
        "_is_lost",
        "_name",
        "_offer",
        "_offers",
        "_on_change",
        "_rate",
        "_remote",
        "_session",
        "info",
        "media_id",
    )  # fmt: skip

    def __init__(
        self,
        around: Around,
        call_id: int,
        events: CallEvents,
        *,
        has_video: bool,
        rate: int,
        on_change: Callable[[Media], object],
    ) -> None:
        self._around = around
        self._name = f"p={call_id}"
        self._events = events
        self._has_video = has_video
        self._rate = rate
        self._on_change = on_change
        self._session: MediaSession | None = None
        self._remote: asyncio.Future[str] | None = None
        self._offer = ""
        self._offers = 0
        self._is_lost = self._is_due = False
        self.media_id = ""
        self.info: Media | None = None
        """What was agreed on; None before."""

    @property
    def session(self) -> MediaSession | None:
        """The session; None while there is none."""
        return self._session

    @property
    def offer(self) -> str:
        """The local description."""
        return self._offer

    @property
    def has_remote(self) -> bool:
        """Say whether the other side's description has come, or will be pushed."""
        return self._remote is not None or self._is_due

    @property
    def is_failed(self) -> bool:
        """Say whether media was given up, or had no path from the beginning."""
        return self.info is not None and self.info.ice == "Failed"

    def open(self) -> MediaSession:
        """Make the session, if there is none, and its description."""
        if self._session is None:
            session = self._around.engine.session(self._name, has_video=self._has_video, rate=self._rate)
            session.on_change, session.on_lost = self._changed, self._lost
            self._offer = session.offer()
            self._session = session
            self._events.tell("client.media-engine.local-sdp-generated")
            self._events.tell("client.media.capabilities")
        return self._session

    def local(self) -> LocalMedia:
        """Return the description as an offer."""
        self._offers += 1
        return joining.local_media(self._offer, self.media_id, number=self._offers)

    def only_muted(self, muted: bool) -> LocalMedia:
        """Return what is muted, without a description."""
        text = requests.SdpText(audio_muted=muted, video_muted=False).text()
        return LocalMedia(local_sdp=text, media_id=self.media_id)

    # the other side

    def granted(self, remote_sdp: str, media_id: str) -> None:
        """Take what the answer to the join says."""
        self.media_id = media_id or self.media_id
        self._is_due = bool(media_id) and not remote_sdp
        if remote_sdp:
            self.remote_is(remote_sdp)

    def answered(self, answer: JoinAnswer, locus: Locus) -> None:
        """Take what the answer to another request says."""
        self.granted(*joining.remote_of(answer, locus, self._around.device_url()))

    def roap(self, event: LocusEvent) -> None:
        """Take a step of the negotiation that was pushed."""
        message = event.roap
        if message is None:
            return
        if message.message_type == requests.ANSWER and message.sdps:
            self.remote_is(message.sdps[0].reveal())
        elif message.message_type == requests.ERROR:
            self.remote_is("")

    def remote_is(self, sdp: str) -> None:
        """Take the other side's description; "" says that there will be none."""
        if self._remote is None or self._remote.done():
            self._remote = asyncio.get_running_loop().create_future()
        self._remote.set_result(sdp)

    async def _remote_sdp(self) -> str:
        """Wait for the other side's description; "" if none comes."""
        if self._remote is None:
            self._remote = asyncio.get_running_loop().create_future()
        try:
            async with self._around.world.clock.timeout(ROAP_S_MAX):
                return await asyncio.shield(self._remote)
        except TimeoutError:
            return ""

    # its life

    async def connect(self) -> tuple[Media, ClientError | None] | None:
        """Set media up; returns what was agreed on and why it failed, or None if it was closed meanwhile."""
        session = self.open()
        remote = await self._remote_sdp()
        if session is not self._session:
            return None
        if not remote:
            return self._ended(Media(ice="Failed"), error_of_ice(has_answer=False))
        self._events.tell("client.media-engine.remote-sdp-received")
        self._events.tell("client.ice.start")
        media = await session.connect(remote)
        if session is not self._session:
            return None
        if media.ice == "Failed":
            return self._ended(media, error_of_ice(reachable=self._around.is_reachable()))
        self.info = media
        self._events.tell("client.ice.end")
        self._events.media_started(session.streams, session.stats)
        return media, None

    def _ended(self, media: Media, problem: ClientError) -> tuple[Media, ClientError]:
        self.info = media
        self._events.tell("client.ice.end", error=problem)
        return media, problem

    async def renew(self) -> None:
        """Take the other side's newest description into use, which says what flows from now on."""
        session, remote = self._session, self._remote
        if session is not None and remote is not None and remote.done() and remote.result():
            media = await session.connect(remote.result())
            if session is self._session:
                self.info = media

    def hold(self, held: bool) -> None:
        """Stop sending and receiving, or begin again."""
        if self._session is not None:
            self._offer = self._session.hold(held)

    def mute(self, muted: bool) -> None:
        """Stop sending sound, or begin again."""
        if self._session is not None:
            self._offer = self._session.mute(muted)

    def _lost(self) -> None:
        self._is_lost = True
        self._events.tell("client.media.reconnecting")

    def _changed(self, media: Media) -> None:
        self.info = media
        if self._is_lost and media.ice != "Failed":
            self._is_lost = False
            self._events.tell("client.media.recovered")
        self._on_change(media)

    def close(self) -> None:
        """End it; another one can be opened."""
        session, self._session = self._session, None
        self._remote, self.info, self._is_due = None, None, False
        self._events.media_stopped()
        if session is not None:
            session.on_change, session.on_lost = _ignore, _do_nothing
            session.close()


def _ignore(media: Media) -> None:
    """Do nothing: the session is closed."""


def _do_nothing() -> None:
    """Do nothing: the session is closed."""
