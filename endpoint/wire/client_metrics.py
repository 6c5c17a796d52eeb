"""Call diagnostics: the events that a client reports of its calls, their envelope, their error codes, and a body of several.

Source: protocol/cloud-services.md section 11 (names, envelope, codes documented; which service code becomes which client code is that of
the published web client); protocol/activation-and-media.md section 12. What a device says of itself as origin is inferred.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from endpoint.wire.codec import decode
from endpoint.wire.errors import RemoteProtocolError

METRICS_PATH: Final = "/clientmetrics"  # below the metrics base
DIAGNOSTIC: Final = "diagnostic-event"
IPV4_PREFIX: Final = 28
IPV6_PREFIX: Final = 96

EventName: TypeAlias = Literal[
    "client.call.initiated", "client.call.leave", "client.call.remote-started", "client.call.remote-ended", "client.call.aborted",
    "client.alert.displayed", "client.locus.join.request", "client.locus.join.response", "client.locus.media.request",
    "client.locus.media.response", "client.media.capabilities", "client.media-engine.local-sdp-generated",
    "client.media-engine.remote-sdp-received", "client.media-engine.ready", "client.ice.start", "client.ice.end", "client.media.tx.start",
    "client.media.tx.stop", "client.media.rx.start", "client.media.rx.stop", "client.media.render.start", "client.media.render.stop",
    "client.media.reconnecting", "client.media.recovered", "client.mediaquality.event", "client.lobby.entered", "client.lobby.exited",
    "client.pin.prompt", "client.pin.collected", "client.muted", "client.unmuted", "client.share.initiated", "client.share.stopped",
    "client.mercury.connection.lost", "client.mercury.connection.restored", "client.call.move-media",
]  # fmt: skip
"""The events that a device tells of."""
MediaType: TypeAlias = Literal["", "audio", "video", "share"]
Trigger: TypeAlias = Literal["", "user-interaction", "loci-update", "mercury-event", "other"]
Category: TypeAlias = Literal["signaling", "media", "network", "expected", "other"]

# -- errors -----------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClientError:
    """Why something failed, in the words of the event dictionary (11.2).

    Attributes:
        name: where it showed: locus.response, ice.failed, media-engine, other.
        fatal: the call does not go on.
        service_code: of the service, 0 for none; `http_status` likewise.
    """

    code: int
    description: str
    category: Category
    name: str = "other"
    fatal: bool = True
    service_code: int = 0
    http_status: int = 0

    def as_wire(self) -> dict[str, Any]:
        """Return the member of `errors`."""
        wire: dict[str, Any] = {
            "errorCode": self.code,
            "errorDescription": self.description,
            "category": self.category,
            "fatal": self.fatal,
            "shownToUser": False,
            "name": self.name,
        }
        if self.service_code:
            wire["serviceErrorCode"] = self.service_code
        if self.http_status:
            wire["httpStatusCode"] = self.http_status
        return wire


ICE_FAILURE: Final = 2004
MISSING_ANSWER: Final = 2007
DTLS_FAILED: Final = 2008
ICE_FAILED_WITHOUT_TURN: Final = 2009
ICE_FAILED_WITH_TURN: Final = 2010
ICE_AND_REACHABILITY_FAILED: Final = 2011
NEW_LOCUS_ERROR: Final = 4008
MEETING_INFO_ERROR: Final = 4100
NETWORK_ERROR: Final = 1026
AUTHENTICATION_FAILED: Final = 1010
UNKNOWN_ERROR: Final = 9999

_WORDS: Final[Mapping[int, tuple[str, Category, bool]]] = {
    1001: ("LocusRateLimitedIncoming", "signaling", True),
    1002: ("LocusRateLimitedOutgoing", "signaling", True),
    1003: ("LocusUnavailable", "signaling", True),
    1004: ("LocusConflict", "signaling", True),
    1005: ("Timeout", "signaling", True),
    1006: ("LocusInvalidSequenceHash", "signaling", True),
    1010: ("AuthenticationFailed", "network", True),
    1026: ("NetworkError", "network", True),
    2001: ("FailedToConnectMedia", "signaling", True),
    2002: ("MediaEngineLost", "signaling", True),
    2003: ("MediaConnectionLost", "signaling", True),
    2004: ("IceFailure", "media", True),
    2007: ("MissingRoapAnswer", "media", True),
    2008: ("DTLSHandshakeFailed", "media", True),
    2009: ("ICEFailedWithoutTURN_TLS", "media", True),
    2010: ("ICEFailedWithTURN_TLS", "media", True),
    2011: ("ICEAndReachabilityFailed", "expected", True),
    2050: ("SdpOfferCreationError", "media", True),
    3001: ("CallFull", "expected", True),
    3002: ("RoomTooLarge", "expected", True),
    3007: ("StreamErrorNoMedia", "expected", True),
    4001: ("MeetingInactive", "expected", True),
    4002: ("MeetingLocked", "expected", True),
    4003: ("MeetingTerminating", "expected", True),
    4005: ("Moderator_Pin_Or_Guest_PIN_Required", "expected", False),
    4006: ("Moderator_Required", "expected", False),
    4007: ("UserNotMemberOfRoom", "expected", True),
    4008: ("NewLocusError", "signaling", True),
    4009: ("NetworkUnavailable", "expected", True),
    4011: ("MeetingIDInvalid", "expected", True),
    4012: ("MeetingSiteInvalid", "expected", True),
    4013: ("LocusInvalidJoinTime", "expected", True),
    4014: ("LobbyExpired", "expected", True),
    4016: ("PhoneNumberNotANumber", "expected", True),
    4017: ("PhoneNumberTooLong", "expected", True),
    4018: ("InvalidDialableKey", "expected", True),
    4019: ("OneOnOneToSelfNotAllowed", "expected", True),
    4020: ("RemovedParticipant", "expected", True),
    4021: ("MeetingLinkNotFound", "expected", True),
    4022: ("PhoneNumberTooShortAfterIdd", "expected", True),
    4023: ("InvalidInviteeAddress", "expected", True),
    4024: ("PMRUserAccountLockedOut", "expected", True),
    4025: ("GuestForbidden", "expected", True),
    4026: ("PMRAccountSuspended", "expected", True),
    4027: ("EmptyPhoneNumberOrCountryCode", "expected", True),
    4028: ("ConversationNotFound", "expected", True),
    4029: ("StartRecordingFailed", "expected", True),
    4100: ("MeetingInfoLookupError", "signaling", True),
    5000: ("SIPCalleeBusy", "expected", True),
    5001: ("SIPCalleeNotFound", "expected", True),
    9999: ("UnknownError", "other", True),
}
"""Client code -> description, category, fatal. 11.5; where it names no category, that of the published web client."""

SERVICE_CODES: Final[Mapping[int, int]] = {
    404006: 4100,
    2400006: 4027, 2400008: 4016, 2400009: 4022, 2400011: 4017, 2400012: 4018, 2400014: 1006, 2400025: 4023,
    2401002: 4020,
    2403001: 3007, 2403002: 3002, 2403003: 3002, 2403004: 4001, 2403007: 4019, 2403010: 4007, 2403014: 4011, 2403015: 4012,
    2403018: 3001, 2403019: 3001, 2403022: 4025, 2403025: 4029,
    2404001: 4028, 2404002: 4021, 2405001: 4029, 2409005: 4029,
    2423003: 4002, 2423004: 4003, 2423005: 4005, 2423006: 4005, 2423007: 4006, 2423008: 4026, 2423009: 4024, 2423010: 4013,
    2423016: 4005, 2423017: 4005, 2423018: 4005,
}  # fmt: skip
"""Code of a service -> client code, as the published web client has it."""


def client_error(code: int, name: str = "other", *, service_code: int = 0, http_status: int = 0) -> ClientError:
    """Describe a client code; one that is not listed here is 9999."""
    code = code if code in _WORDS else UNKNOWN_ERROR
    description, category, fatal = _WORDS[code]
    return ClientError(code, description, category, name, fatal, service_code, http_status)


def is_new_locus_error(code: int) -> bool:
    """Say whether a code is one of Locus that no table knows: seven digits, the first a 2."""
    return 2_000_000 <= code <= 2_999_999 and code not in SERVICE_CODES


def error_of_answer(status: int, service_code: int = 0) -> ClientError:
    """Choose the error of a request to Locus that failed.

    Args:
        status: of the answer; 0 when nobody answered.
        service_code: `errorCode` or `code` of the body; 0 for none.

    Source: 11.5, "choice otherwise".
    """
    if service_code in SERVICE_CODES:
        code = SERVICE_CODES[service_code]
    elif is_new_locus_error(service_code):
        code = NEW_LOCUS_ERROR
    elif status == 0:
        code = NETWORK_ERROR
    elif status == 401:
        code = AUTHENTICATION_FAILED
    else:
        code = UNKNOWN_ERROR
    return client_error(code, "locus.response", service_code=service_code, http_status=status)


def error_of_ice(
    *, has_answer: bool = True, ice_connected: bool = False, with_turn: bool | None = None, reachable: bool = True
) -> ClientError:
    """Choose the error of media that did not come about (11.5).

    Args:
        has_answer: the far side's description came; without it signalling is still `have-local-offer`.
        with_turn: a TURN server was used; None for a device, which uses none and knows no such code.
        reachable: discovery had reached some server; False means every one of them was asked in vain.
    """
    if not has_answer:
        return client_error(MISSING_ANSWER, "ice.failed")
    if ice_connected:
        return client_error(DTLS_FAILED, "ice.failed")
    if not reachable and with_turn is not False:
        return client_error(ICE_AND_REACHABILITY_FAILED, "ice.failed")
    if with_turn is None:
        return client_error(ICE_FAILURE, "ice.failed")
    return client_error(ICE_FAILED_WITH_TURN if with_turn else ICE_FAILED_WITHOUT_TURN, "ice.failed")


MEDIA_ENGINE: Final = client_error(2003, "media-engine")
"""Media that came has stopped; with `client.media.rx.stop` the log has a line of its own for it."""

# -- media quality ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StreamStats:
    """One direction of one stream, since the media began. Packets and losses are counts, `rate` is kbit/s."""

    media_type: MediaType
    direction: Literal["transmit", "receive"]
    packets: int
    lost: int
    jitter_ms: int
    rate: int


@dataclass(frozen=True, slots=True)
class MediaStats:
    """What is known of the media of a call. The figures are modelled, not measured, as long as no packets flow."""

    path: str
    rtt_ms: int
    streams: tuple[StreamStats, ...] = ()
    is_modelled: bool = True

    def as_wire(self) -> dict[str, Any]:
        """Return the interval of a `mediaquality.event`; the shape is ours."""
        interval: dict[str, Any] = {
            "transportType": self.path,
            "roundTripTime": self.rtt_ms,
            "modelled": self.is_modelled,
        }
        for stream in self.streams:
            figures = {
                "rtpPackets": stream.packets, "rtpLost": stream.lost, "rtpJitter": stream.jitter_ms, "bitrate": stream.rate * 1000
            }  # fmt: skip
            interval.setdefault(f"{stream.media_type}{stream.direction.capitalize()}", []).append(figures)
        return interval


# -- envelope ---------------------------------------------------------------------------------------------------------------------------


def network_prefix(address: str) -> str:
    """Return an address without its last part: IPv4 to /28, IPv6 to /96; "" for what is no address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    length = IPV4_PREFIX if found.version == 4 else IPV6_PREFIX
    return str(ipaddress.ip_network((found, length), strict=False).network_address)


def origin(*, software: str, model: str, address: str = "") -> dict[str, Any]:
    """Return what a device says of itself: `origin` of the envelope, without what is empty."""
    return pruned(
        {
            "name": "endpoint",
            "networkType": "ethernet",
            "userAgent": f"roomsim/{software} (client={model}; (os={software}))",
            "buildType": "prod",
            "upgradeChannel": "gold",
            "clientInfo": {
                "clientType": "TEAMS_DEVICE",
                "clientVersion": software,
                "localNetworkPrefix": network_prefix(address),
                "os": "other",
                "osVersion": software,
            },
        }
    )


def pruned(value: dict[str, Any]) -> dict[str, Any]:
    """Leave out empty texts, objects and lists, however deep (11.2)."""
    return {name: kept for name, part in value.items() if (kept := _pruned(part)) not in ("", {}, [], None)}


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return pruned(value)
    if isinstance(value, list):
        return [kept for part in value if (kept := _pruned(part)) not in ("", {}, [], None)]
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event, and when it came about; `triggered` is printed as the cloud prints instants."""

    event_id: str
    name: EventName
    triggered: str
    identifiers: Mapping[str, str]
    media_type: MediaType = ""
    trigger: Trigger = ""
    error: ClientError | None = None
    join_times: Mapping[str, int] = field(default_factory=dict)
    quality: MediaStats | None = None

    def as_wire(self, origin: Mapping[str, Any], sent: str) -> dict[str, Any]:
        """Return the item of a body; `sent` is the instant of the attempt."""
        event: dict[str, Any] = {
            "name": self.name,
            "canProceed": self.error is None or not self.error.fatal,
            "identifiers": dict(self.identifiers),
            "trigger": self.trigger,
            "mediaType": self.media_type,
            "joinTimes": dict(self.join_times),
            "errors": [self.error.as_wire()] if self.error is not None else [],
        }
        event = pruned(event)
        if self.quality is not None:
            event["intervals"] = [self.quality.as_wire()]
        payload = {
            "eventId": self.event_id,
            "version": 1,
            "origin": dict(origin),
            "originTime": {"triggered": self.triggered, "sent": sent},
            "event": event,
        }
        return {"eventPayload": payload, "type": [DIAGNOSTIC]}


def body(told: Iterable[Told], origin: Mapping[str, Any], sent: str) -> dict[str, Any]:
    """Return the body of `POST <metrics>/clientmetrics`."""
    return {"metrics": [one.as_wire(origin, sent) for one in told]}


# -- what a service reads of it ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A diagnostic event as a service understands it; texts are "" where they are missing."""

    name: str
    correlation_id: str
    triggered: str
    device_url: str
    event: Mapping[str, Any]

    @property
    def error_codes(self) -> tuple[int, ...]:
        """The client codes of its errors."""
        errors = self.event.get("errors")
        found = [one.get("errorCode") for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
        return tuple(code for code in found if isinstance(code, int) and not isinstance(code, bool))


def parse_metrics(data: bytes) -> list[dict[str, Any]]:
    """Read a body: the metrics in it, whatever they are; what is no object is left out.

    Raises:
        RemoteProtocolError: no JSON object.
    """
    listed = decode(data, dict[str, Any]).get("metrics")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def diagnostic_of(metric: Mapping[str, Any]) -> Diagnostic | None:
    """Read a metric as a diagnostic event; None for one of another type.

    Raises:
        RemoteProtocolError: it says that it is one and lacks a name or a correlation id.
    """
    kinds = metric.get("type")
    if not isinstance(kinds, list) or DIAGNOSTIC not in kinds:
        return None
    payload = metric.get("eventPayload")
    event = payload.get("event") if isinstance(payload, dict) else None
    if not isinstance(event, dict):
        raise RemoteProtocolError("eventPayload.event", "an object")
    identifiers = event.get("identifiers")
    identifiers = identifiers if isinstance(identifiers, dict) else {}
    name, correlation_id = _text(event, "name"), _text(identifiers, "correlationId")
    if not name:
        raise RemoteProtocolError("eventPayload.event.name", "the name of the event")
    if not correlation_id:
        raise RemoteProtocolError("eventPayload.event.identifiers.correlationId", "the correlation id of the call")
    times = payload.get("originTime") if isinstance(payload, dict) else None
    triggered = _text(times, "triggered") if isinstance(times, dict) else ""
    return Diagnostic(name, correlation_id, triggered, _text(identifiers, "deviceId"), event)


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    return value if isinstance(value, str) else ""


def names(told: Sequence[Diagnostic]) -> list[str]:
    """Return the names of events, in their order."""
    return [one.name for one in told]
