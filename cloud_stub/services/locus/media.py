"""What the service says of media: the answer of a media node to a client's offer, in the form of the offer.

Source: protocol/cloud-services.md 9.7; the body of the answer is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cloud_stub.media_node.fleet import HOME, Fleet
from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import BadRequest
from endpoint.wire import sdp
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus.requests import ANSWER, OFFER, RoapMessage, SdpText, plain_sdp
from endpoint.wire.secret import Sdp

MEDIA_AGENT: Final = "stub"
EMPTY: Final = "v=0"
"""What is answered to a description without media: clients that only talk of a call send one."""
NO_NODE: Final = "192.0.2.1"
"""Address in answers of a cloud that runs no media nodes; nobody can reach it (RFC 5737)."""


class MediaNodes:
    """Answers offers with the addresses of the nearest media node."""

    def __init__(self, platform: Platform, fleet: Fleet | None) -> None:
        self._platform = platform
        self._fleet = fleet

    def answer(self, offer: str, call: str, *, real: bool) -> str:
        """Return the answer to a session description.

        Args:
            call: id of the locus; all that is drawn hangs on it.
            real: name loopback ports, for clients that know no logical addresses.

        Raises:
            RemoteProtocolError: it is none.
        """
        if "m=" not in offer:
            return EMPTY
        read = sdp.parse(offer)
        draws = self._platform.chance.stream("media session", call)
        session_id, ice = 1 + draws.below(2**31), sdp.ice_of(draws.bytes(sdp.ICE_BYTES), lite=True)
        fingerprint = sdp.fingerprint_of(draws.bytes(sdp.FINGERPRINT_BYTES))
        found = self._candidates(real=real)
        address = found[0].host if found else NO_NODE
        answer = sdp.answer(
            read,
            session_id=session_id,
            address=address,
            candidates=found,
            ice=ice if found else None,
            fingerprint=fingerprint,
        )
        return answer.text()

    def _candidates(self, *, real: bool) -> list[sdp.Candidate]:
        doors = list(self._fleet.doors.values()) if self._fleet is not None else []
        home = next(
            (door.server.host for door in doors if door.server.cluster == HOME), doors[0].server.host if doors else ""
        )
        mine = [door for door in doors if door.server.host == home]
        mine.sort(key=lambda door: -sdp.PREFERENCE[door.server.transport])
        places = [door.actual if real else (door.server.host, door.server.port) for door in mine]
        return [sdp.candidate(door.server.transport, *place) for door, place in zip(mine, places, strict=True)]


def answered(nodes: MediaNodes, local: Sequence[SdpText], call: str, *, real: bool) -> SdpText | None:
    """Return what is answered to the local media of a request; None if there is nothing to answer.

    Raises:
        BadRequest: an offer that is no session description.
    """
    offer = next((one for one in local if one.description is not None), None)
    if offer is None or offer.description is None:
        return None
    message = offer.roap_message
    if message is not None and message.message_type != OFFER:
        return None
    try:
        text = nodes.answer(offer.description.reveal(), call, real=real)
    except RemoteProtocolError as error:
        raise BadRequest(f"localMedias: {error.where}: {error.rule}", "2400001") from None
    if message is None:
        return plain_sdp(text)
    return SdpText(roap_message=RoapMessage(seq=message.seq, message_type=ANSWER, sdps=(Sdp(text),)))


def mutes(local: Sequence[SdpText]) -> tuple[bool | None, bool | None]:
    """Return whether a client says that its audio and its video are muted; None where it says nothing."""
    audio = next((one.audio_muted for one in local if one.audio_muted is not None), None)
    video = next((one.video_muted for one in local if one.video_muted is not None), None)
    return audio, video
