"""The media of recorded calls: session descriptions are others in each run, and are made anew.

The node of this replay that is nearest to the device answers its offer, as a stub of ours would; the rest of a call is as recorded.
Source: protocol/cloud-services.md 9.7.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from cloud_stub.media_node.fleet import Fleet
from cloud_stub.platform.errors import BadRequest
from cloud_stub.services.locus.media import MediaNodes, answered
from endpoint.runtime.chance import Actor
from endpoint.wire import codec
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus.requests import MediaRequest
from scenarios.runner.recording.model import Exchange
from scenarios.runner.recording.remade import Remade
from scenarios.runner.recording.rules import SECRET

LOCAL: Final = "localSdp"
REMOTE: Final = "remoteSdp"


class CallSide:
    """Answers the offers of a device.

    Args:
        fleet: the media nodes of this replay.
    """

    def __init__(self, chance: Actor, fleet: Fleet, remade: Remade) -> None:
        self._nodes = MediaNodes(chance, fleet)
        self._remade = remade

    def answer(self, recorded: Exchange, body: bytes) -> str:
        """Let the descriptions of a recorded answer be those that a request asks for; returns why they could not be, empty if they are."""
        local, remote = (list(_members(recorded.answer_json, name)) for name in (LOCAL, REMOTE))
        if not local and not remote:
            return ""
        try:
            asked = codec.decode(body, MediaRequest) if body else None
            offers = asked.local_sdps() if asked is not None else ()
            if asked is None or not offers:
                return "" if all(map(self._remade.is_known, [*local, *remote])) else "it was not asked with an offer"
            report = asked.client_media_preferences and asked.client_media_preferences.reachability
            self._nodes.note(asked.own_url, report)
            made = answered(self._nodes, offers, asked.own_url, asked.correlation_id, real=False)
        except (RemoteProtocolError, BadRequest) as error:
            return str(error)
        for placeholder in local:
            self._remade.put(placeholder, asked.local_medias[0].local_sdp.reveal())
        if made is not None:
            for placeholder in remote:
                self._remade.put(placeholder, made.text().reveal())
        return ""


def _members(value: Any, name: str) -> Iterator[str]:
    """Find the placeholders that stand in members of a name."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == name and isinstance(item, str) and SECRET.fullmatch(item):
                yield item
            else:
                yield from _members(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _members(item, name)
