"""Mercury events about a locus.

Source: protocol/cloud-services.md 9.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from endpoint.wire.conventions import is_url
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus.requests import RoapMessage, parse_roap
from endpoint.wire.secret import Pin

PREFIX: Final = "locus."
PARTICIPANT_JOINED: Final = "locus.participant_joined"
PARTICIPANT_LEFT: Final = "locus.participant_left"
PARTICIPANT_DECLINED: Final = "locus.participant_declined"
PARTICIPANT_UPDATED: Final = "locus.participant_updated"
PARTICIPANT_CONTROLS_UPDATED: Final = "locus.participant_controls_updated"
PARTICIPANT_ROLES_UPDATED: Final = "locus.participant_roles_updated"
PARTICIPANT_AUDIO_MUTED: Final = "locus.participant_audio_muted"
PARTICIPANT_AUDIO_UNMUTED: Final = "locus.participant_audio_unmuted"
PARTICIPANT_VIDEO_MUTED: Final = "locus.participant_video_muted"
PARTICIPANT_VIDEO_UNMUTED: Final = "locus.participant_video_unmuted"
PARTICIPANT_ALERTED: Final = "locus.participant_alerted"
SELF_CHANGED: Final = "locus.self_changed"
CONTROLS_UPDATED: Final = "locus.controls_updated"
FLOOR_GRANTED: Final = "locus.floor_granted"
FLOOR_RELEASED: Final = "locus.floor_released"
RECORDING_STARTED: Final = "locus.recording_started"
RECORDING_START_FAILED: Final = "locus.recording_start_failed"
RECORDING_STOPPED: Final = "locus.recording_stopped"
SUMMARY: Final = "locus.summary"
SPACE_USERS_MODIFIED: Final = "locus.space_users_modified"
DIFFERENCE: Final = "locus.difference"
ROAP: Final = "locus.message.roap"
APPROVAL_REQUEST: Final = "locus.approval_request"
STATE_MESSAGE: Final = "locus.state_message"
DTMF: Final = "locus.message.dtmf"
"""Tones from the far end: `data.message {tones}`; ours."""

FULL_EVENTS: Final = frozenset(
    {
        PARTICIPANT_JOINED, PARTICIPANT_LEFT, PARTICIPANT_DECLINED, PARTICIPANT_UPDATED, PARTICIPANT_CONTROLS_UPDATED,
        PARTICIPANT_ROLES_UPDATED, PARTICIPANT_AUDIO_MUTED, PARTICIPANT_AUDIO_UNMUTED, PARTICIPANT_VIDEO_MUTED, PARTICIPANT_VIDEO_UNMUTED,
        PARTICIPANT_ALERTED, SELF_CHANGED, CONTROLS_UPDATED, FLOOR_GRANTED, FLOOR_RELEASED, RECORDING_STARTED, RECORDING_START_FAILED,
        RECORDING_STOPPED, SUMMARY, SPACE_USERS_MODIFIED,
    }
)  # fmt: skip
"""Events with the whole locus in `data.locus`; a delta there says so by its `baseSequence`."""
MESSAGE_EVENTS: Final = frozenset({ROAP, DTMF, APPROVAL_REQUEST, STATE_MESSAGE})
"""Events that carry no locus."""


@dataclass(frozen=True, slots=True)
class LocusEvent:
    """An event about a locus.

    Attributes:
        kind: `eventType`.
        raw_locus: None in an event that carries none.
        is_delta: the locus has a `baseSequence`; every other one is whole, whatever the event is called.
        roap: of `locus.message.roap`, None in others.
        tones: of `locus.message.dtmf`, "" in others.
        correlation_id: "" if it is not told.
    """

    kind: str
    locus_url: str
    raw_locus: Mapping[str, Any] | None = field(default=None, repr=False)
    is_delta: bool = False
    roap: RoapMessage | None = None
    tones: str = field(default="", repr=False)
    correlation_id: str = ""

    @property
    def is_known(self) -> bool:
        """Tell whether the protocol names this event; one that it does not name counts by what it carries."""
        return self.kind == DIFFERENCE or self.kind in FULL_EVENTS or self.kind in MESSAGE_EVENTS


def parse_locus_event(data: Mapping[str, Any]) -> LocusEvent:
    """Read the `data` of a Mercury event whose type begins with `locus.`.

    Raises:
        RemoteProtocolError: no such type, no URL of a locus, neither here nor in the locus, a locus that is no object, or a message
            that cannot be read.
    """
    kind = data.get("eventType")
    if not isinstance(kind, str) or not kind.startswith(PREFIX):
        raise RemoteProtocolError("data.eventType", "a type that begins with locus.")
    correlation_id = data.get("correlationId")
    correlation_id = correlation_id if isinstance(correlation_id, str) else ""
    raw = data.get("locus")
    if raw is not None and not isinstance(raw, Mapping):
        raise RemoteProtocolError("data.locus", "an object")
    url = data.get("locusUrl") or (raw.get("url") if raw is not None else None)
    if not isinstance(url, str) or not is_url(url):
        raise RemoteProtocolError("data.locusUrl", "the URL of a locus")
    if kind in MESSAGE_EVENTS:
        roap = parse_roap(data.get("message"), "data.message") if kind == ROAP else None
        tones = _tones(data.get("message")) if kind == DTMF else ""
        return LocusEvent(kind, url, roap=roap, tones=tones, correlation_id=correlation_id)
    if raw is None:
        return LocusEvent(kind, url, correlation_id=correlation_id)
    return LocusEvent(kind, url, raw, raw.get("baseSequence") is not None, correlation_id=correlation_id)


def _tones(message: object) -> str:
    tones = message.get("tones") if isinstance(message, Mapping) else None
    tones = tones.reveal() if isinstance(tones, Pin) else tones
    if not isinstance(tones, str) or not tones:
        raise RemoteProtocolError("data.message.tones", "a text of tones")
    return tones


def locus_event_data(kind: str, locus_url: str, locus: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Build the `data` of an event about a locus."""
    data: dict[str, Any] = {"eventType": kind, "locusUrl": locus_url}
    if locus is not None:
        data["locus"] = locus
    return data


def roap_event_data(locus_url: str, correlation_id: str, message: RoapMessage) -> dict[str, Any]:
    """Build the `data` of an event that brings a ROAP message."""
    return {"eventType": ROAP, "locusUrl": locus_url, "correlationId": correlation_id, "message": message.to_wire()}
