"""What the service says of media: the answer of a media node to a client's offer, in the form of the offer.

Source: protocol/cloud-services.md 9.7; which node takes the call, and that there is no TURN server, is ours.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from cloud_stub.media_node.answering import answer_offer, nearest
from cloud_stub.media_node.fleet import Fleet
from cloud_stub.platform.errors import BadRequest
from endpoint.runtime.chance import Actor
from endpoint.wire import sdp
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus.requests import (
    ANSWER,
    NO_OK,
    OFFER,
    TURN_DISCOVERY_REQUEST,
    TURN_DISCOVERY_RESPONSE,
    RoapMessage,
    SdpText,
    plain_sdp,
)
from endpoint.wire.secret import Sdp

MEDIA_AGENT: Final = "stub"
EMPTY: Final = "v=0"
"""What is answered to a description without media: clients that only talk of a call send one."""
REPORTS_MAX: Final = 5_000
"""Devices whose nearest cluster is remembered for later offers; the one that joined longest ago is forgotten first."""


class MediaNodes:
    """Answers offers in the name of the media node that is nearest to the client."""

    def __init__(self, chance: Actor, fleet: Fleet | None) -> None:
        self._chance = chance
        self._fleet = fleet
        self._reports: OrderedDict[str, str] = OrderedDict()

    def note(self, device: str, report: object) -> None:
        """Remember which cluster a device reaches best, not the report itself; a request without a report leaves what is known."""
        if report is None or self._fleet is None or not self._fleet.nodes:
            return
        self._reports.pop(device, None)
        self._reports[device] = nearest(self._fleet, report).spec.cluster
        while len(self._reports) > REPORTS_MAX:
            self._reports.popitem(last=False)

    def answer(self, offer: str, device: str, call: str, *, real: bool) -> str:
        """Return the answer to a session description.

        Args:
            call: the client's name for the call: one call keeps its session and credentials, however often its media change.
            real: name loopback ports, for clients that know no logical addresses.

        Raises:
            RemoteProtocolError: it is none.
        """
        if "m=" not in offer:
            return EMPTY
        draws = self._chance.stream("media session", device, call)
        cluster = self._reports.get(device)
        report = {cluster: {"udp": {"reachable": "true"}}} if cluster is not None else None
        return answer_offer(self._fleet, sdp.parse(offer), draws, reachability=report, real=real).text()


def answered(nodes: MediaNodes, local: Sequence[SdpText], device: str, call: str, *, real: bool) -> SdpText | None:
    """Return what is answered to the local media of a request; None if there is nothing to answer.

    Raises:
        BadRequest: an offer that is no session description.
    """
    messages = [one.roap_message for one in local if one.roap_message is not None]
    asked = next((one for one in messages if one.message_type == TURN_DISCOVERY_REQUEST), None)
    if asked is not None:
        # there is no TURN server, and who hears so goes on without one at once, not after 10 s
        return SdpText(roap_message=RoapMessage(seq=asked.seq, message_type=TURN_DISCOVERY_RESPONSE, headers=(NO_OK,)))
    offer = next((one for one in local if one.description is not None), None)
    if offer is None or offer.description is None:
        return None
    message = offer.roap_message
    if message is not None and message.message_type != OFFER:
        return None
    try:
        text = nodes.answer(offer.description.reveal(), device, call, real=real)
    except RemoteProtocolError as error:
        raise BadRequest(f"localMedias: {error.where}: {error.rule}") from None
    if message is None:
        return plain_sdp(text)
    return SdpText(roap_message=RoapMessage(seq=message.seq, message_type=ANSWER, sdps=(Sdp(text),)))


def mutes(local: Sequence[SdpText]) -> tuple[bool | None, bool | None]:
    """Return whether a client says that its audio and its video are muted; None where it says nothing."""
    audio = next((one.audio_muted for one in local if one.audio_muted is not None), None)
    video = next((one.video_muted for one in local if one.video_muted is not None), None)
    return audio, video
