"""Mercury: the frames of the event websocket, its URL and its numbering. What a close means is in `mercury_close`.

The client authorizes in its first frame, not in the upgrade. The server's first event has to be one of `OPENING_EVENTS`; only then is the
socket open. Every frame of the server that has an id is acknowledged, pongs too.

Source: protocol/cloud-services.md 5.1 to 5.5, worked example 18.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from endpoint.wire.codec import decode, encode
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.identity import bearer, parse_bearer
from endpoint.wire.secret import AccessToken, Pin, Sdp, Secret

PING_INTERVAL_S: Final = 15.0  # after the last pong; protocol/cloud-services.md 5.5, D
PONG_TIMEOUT_S: Final = 14.0  # 5.5, D
FORCED_CLOSE_S: Final = 2.0  # local close if the peer's close frame is missing; 5.5, D
BACKOFF_FIRST_S: Final = 1.0  # 5.5, O
BACKOFF_MAX_S: Final = 32.0  # 5.5, D
AUTHORIZATION_LIMIT_S: Final = 30.0  # the server's wait for the authorization frame; 5.2, D

BUFFER_STATE: Final = "mercury.buffer_state"
REGISTRATION_STATUS: Final = "mercury.registration_status"
OPENING_EVENTS: Final = frozenset({BUFFER_STATE, REGISTRATION_STATUS})
SEALED: Final = "sealed"
"""Member of an event's data whose text may hold secrets: read as a `Secret`, so that no trace shows it. R"""

KMS_MESSAGES: Final = "kmsMessages"
"""Member of `data.encryption` with wrapped messages of the key service; its texts are read as `Secret`s."""
JOIN_INFO: Final = "meetingJoinInfo"
MEETING_SECRETS: Final = frozenset({"meetingPassword", "hostKey", "phoneAndVideoSystemPassword"})
"""Members of `meetingJoinInfo` that let somebody in."""
CALL_MESSAGES: Final = "locus.message."
"""Prefix of events with a message to a call's device: its `sdps` and `tones` are read as `Secret`s."""


def backoff_s(attempt: int) -> float:
    """Return the wait after the n-th failed attempt of one connect, n from 0: 1, 2, 4 ... 32 s, without jitter or end."""
    return float(min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(attempt, 16)))


def socket_url(
    web_socket_url: str,
    client_timestamp_ms: int,
    *,
    shared: bool = False,
    registration_status: bool = False,
    multiple: bool = False,
) -> str:
    """Build the URL of an attempt from the device's `webSocketUrl`, or from the URL of the attempt before: its query is overwritten.

    Args:
        web_socket_url: with or without a query; foreign members of it are kept.
        client_timestamp_ms: the client's wall clock, new at each attempt.
        shared: developer toggle `web-shared-mercury`: the registration's status instead of buffer states, and refresh over the socket.
        registration_status: ask for the status beside the buffer states, as the mobile client does.
        multiple: an ephemeral registration.
    """
    parts = urlsplit(web_socket_url)
    wanted = {
        "outboundWireFormat": "text",
        "bufferStates": None if shared else "true",
        "aliasHttpStatus": "true",
        "clientTimestamp": str(client_timestamp_ms),
        "mercuryRegistrationStatus": "true" if shared or registration_status else None,
        "isRegistrationRefreshEnabled": "true" if shared else None,
        "multipleConnections": "true" if multiple else None,
    }
    foreign = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in wanted]
    query = foreign + [(name, value) for name, value in wanted.items() if value is not None]
    return parts._replace(query=urlencode(query)).geturl()


# ---- frames --------------------------------------------------------------------------------------------------------

_Id: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]


class Authorization(msgspec.Struct, kw_only=True, frozen=True):
    """Client to server, first frame. `tracking_id` is `<sessionId>_<epoch ms>`."""

    id: str
    token: AccessToken
    tracking_id: str = ""


class Ack(msgspec.Struct, kw_only=True, frozen=True, rename="camel", tag_field="type", tag="ack"):
    """Client to server, for every frame that has an id; `message_id` is that id."""

    message_id: _Id


class Ping(msgspec.Struct, kw_only=True, frozen=True, tag_field="type", tag="ping"):
    """Client to server."""

    id: _Id


class _ServerFrame(msgspec.Struct, kw_only=True, frozen=True, rename="camel", omit_defaults=True):
    id: _Id
    sequence_number: int | None = None  # counts all frames of a socket
    ws_write_timestamp: int | float | None = None  # epoch ms: the client learns the cloud's clock from it


class Pong(_ServerFrame, frozen=True, tag_field="type", tag="pong"):
    """Server to client, with the id of the ping."""


class Shutdown(_ServerFrame, frozen=True, tag_field="type", tag="shutdown"):
    """Server to client: open a second socket, this one will be closed with 4001."""


class Event(_ServerFrame, kw_only=True, frozen=True):
    """Server to client: the envelope of everything that happens.

    `data` has `eventType` and the payload; `timestamp` is epoch ms. `type` is None, as it has to be for the opening event; it is kept
    where a server sends one.
    """

    data: dict[str, Any]
    timestamp: int | float | None = None
    tracking_id: str | None = None
    alert_type: str | None = None
    headers: dict[str, Any] | None = None
    filter_message: bool | None = None
    type: str | None = None

    @property
    def event_type(self) -> str:
        """Return `data.eventType`."""
        return str(self.data["eventType"])

    @property
    def is_opening(self) -> bool:
        """Tell whether this event, as the first message, opens the socket. Pongs before it do not count as messages."""
        return self.type is None and self.event_type in OPENING_EVENTS


class Unknown(_ServerFrame, kw_only=True, frozen=True):
    """Server to client, none of the frames above and no event in it: acknowledge, count, drop with a log line."""

    type: str | None = None


ClientFrame: TypeAlias = Authorization | Ack | Ping
ServerFrame: TypeAlias = Event | Pong | Shutdown | Unknown
Frame: TypeAlias = ClientFrame | ServerFrame


class _Credentials(msgspec.Struct):
    token: str


class _Authorization(msgspec.Struct, kw_only=True, rename="camel", tag_field="type", tag="authorization"):
    id: _Id
    data: _Credentials
    tracking_id: str = ""


class _Head(msgspec.Struct):
    type: str | None = None
    data: Any = None


_TYPED: Final[dict[str | None, type[Ack | Ping | Pong | Shutdown]]] = {
    "ack": Ack,
    "ping": Ping,
    "pong": Pong,
    "shutdown": Shutdown,
}


def parse_frame(text: str | bytes) -> Frame:
    """Read a frame of either side; who may send what is for the caller to check, with `isinstance`.

    Raises:
        RemoteProtocolError: not a JSON object, a member of a wrong type, no id, or an authorization without a bearer token. Nothing that
            came is repeated in the error.
    """
    head = decode(text, _Head, "frame")
    if head.type == "authorization":
        wire = decode(text, _Authorization, "frame")
        token = parse_bearer(wire.data.token, "frame.data.token")
        return Authorization(id=wire.id, token=token, tracking_id=wire.tracking_id)
    if head.type in _TYPED:
        return decode(text, _TYPED[head.type], "frame")
    event_type = head.data.get("eventType") if isinstance(head.data, dict) else None
    if isinstance(event_type, str) and event_type:
        event = decode(text, Event, "frame")
        _hide(event.data)
        return event
    return decode(text, Unknown, "frame")


def _hide(data: dict[str, Any]) -> None:
    """Let no trace show what may hold secrets, or is drawn anew in each run.

    These are sealed members, messages of the key service, and in messages of calls the session descriptions and the tones.
    """
    sealed, encryption = data.get(SEALED), data.get("encryption")
    if isinstance(sealed, str):
        data[SEALED] = Secret(SEALED, sealed)
    if isinstance(encryption, dict) and isinstance(messages := encryption.get(KMS_MESSAGES), list):
        hidden = [Secret(SEALED, text) if isinstance(text, str) else text for text in messages]
        data["encryption"] = {**encryption, KMS_MESSAGES: hidden}
    if str(data.get("eventType")).startswith(CALL_MESSAGES) and isinstance(message := data.get("message"), dict):
        data["message"] = {name: _hidden(name, value) for name, value in message.items()}


def shown_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `data` of an event as a trace may show it: passwords and host keys of a meeting are `Pin`s."""
    shown = dict(data)
    for name, meeting in data.items():
        info = meeting.get(JOIN_INFO) if isinstance(meeting, dict) else None
        if isinstance(info, dict) and not MEETING_SECRETS.isdisjoint(info):
            told = {key: Pin(str(value)) if key in MEETING_SECRETS and value else value for key, value in info.items()}
            shown[name] = {**meeting, JOIN_INFO: told}
    return shown


def _hidden(name: str, value: object) -> object:
    if name == "tones" and isinstance(value, str):
        return Pin(value)
    if name == "sdps" and isinstance(value, list):
        return [Sdp(text) if isinstance(text, str) else text for text in value]
    return value


def encode_frame(frame: Frame) -> str:
    """Write a frame as JSON text. An authorization has its token in clear: this is the wire.

    Raises:
        LocalProtocolError: an event without `eventType`.
    """
    if isinstance(frame, Authorization):
        credentials = _Credentials(bearer(frame.token))
        return encode(_Authorization(id=frame.id, data=credentials, tracking_id=frame.tracking_id)).decode()
    if isinstance(frame, Event) and not frame.data.get("eventType"):
        raise LocalProtocolError("an event has data.eventType")
    return encode(frame).decode()


def buffer_state_data() -> dict[str, Any]:
    """Build the `data` of the opening event; clients do not interpret the state."""
    return {"eventType": BUFFER_STATE, "bufferState": {}}


def registration_status_data(api_url: str, connection_url: str) -> dict[str, Any]:
    """Build the `data` of the opening event that a client with `mercuryRegistrationStatus` asks for: the URLs of its own cluster."""
    return {
        "eventType": REGISTRATION_STATUS,
        "bufferState": {},
        "registrationStatus": {},
        "localClusterServiceUrls": {
            "mercuryApiServiceClusterUrl": api_url,
            "mercuryConnectionServiceClusterUrl": connection_url,
        },
    }


# ---- numbering -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gap:
    """A frame whose number is not the next one: some were lost, or came twice. A client refetches nothing by itself."""

    expected: int
    got: int


class Sequence:
    """Watch the numbers of one socket's frames, pongs included; a new socket starts anew.

    The first number may be any. Frames without a number are accepted and counted neither way: a server may leave them out.
    """

    __slots__ = ("_expected",)

    def __init__(self) -> None:
        self._expected: int | None = None

    def receive(self, frame: ServerFrame) -> Gap | None:
        """Take note of a frame; return the gap if there is one before it."""
        got, expected = frame.sequence_number, self._expected
        if got is None:
            return None
        self._expected = got + 1
        return Gap(expected, got) if expected is not None and got != expected else None
