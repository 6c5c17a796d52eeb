"""The request that begins a call: POST call, or POST participant; and what became of it when its answer got lost.

A second call must not come of a lost answer, and none may be left behind: before the request is sent again the cloud is asked for the loci
in which the device is, and the one with this call's correlation id is taken. Source: protocol/cloud-services.md 9.6, 9.7, 10.5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from endpoint.cloud.calls import verdict
from endpoint.cloud.calls.client import CallRefused, LocusClient, Lost, Reply
from endpoint.runtime.errors import Unreachable
from endpoint.wire import codec
from endpoint.wire.callcontrol import Role
from endpoint.wire.calliope import VersionedReport
from endpoint.wire.locus import requests
from endpoint.wire.locus.dto import Locus, parse_locus
from endpoint.wire.locus.requests import (
    CallRequest,
    Invitee,
    JoinAnswer,
    JoinRequest,
    LocalMedia,
    MediaPreferences,
    RequestDevice,
    RoapMessage,
    SdpText,
    parse_join_answer,
    parse_loci_answer,
    parse_sdp,
)
from endpoint.wire.locus.sequence import NONE, Sequence
from endpoint.wire.secret import Pin, Sdp, Secret
from endpoint.wire.wdm import ROOM_DEVICE

TRIES_MAX: Final = 3
"""How often the request of one call is sent, conflicts and lost answers taken together."""
CONFLICT: Final = 409


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for.

    Attributes:
        address: who is called, "" for an instant meeting; `shown` is what the trace has of it.
        locus_url: the locus to join; "" calls `address`.
        media_id: of the media connection that there is already.
    """

    device_url: str
    correlation_id: str
    offer: str
    address: str = field(default="", repr=False)
    shown: str = ""
    locus_url: str = ""
    role: Role = ""
    pin: Secret | None = None
    report: VersionedReport | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    """What the cloud has granted; `remote_sdp` is "" where the answer does not have it."""

    raw: dict[str, Any]
    locus: Locus
    remote_sdp: str = ""
    media_id: str = ""
    tracking_id: str = ""


def local_media(offer: str, media_id: str = "", *, number: int = 1) -> LocalMedia:
    """Wrap an SDP offer; its answer is wanted in the HTTP answer."""
    message = RoapMessage(
        seq=number, message_type=requests.OFFER, sdps=(Sdp(offer),), tie_breaker=requests.TIE_BREAKER,
        headers=(requests.IN_HTTP, requests.NO_OK),
    )  # fmt: skip
    return LocalMedia(local_sdp=SdpText(roap_message=message).text(), media_id=media_id)


async def begin(client: LocusClient, wanted: Wanted, refetch: Callable[[], Sequence] = lambda: NONE) -> Granted:
    """Make the request until it is answered, at most `TRIES_MAX` times.

    Raises:
        CallRefused: the cloud said no.
        Lost: nobody knows what became of it.
        EndpointError, RemoteProtocolError: as `LocusClient.send`.
    """
    sequence = refetch()
    for tries in range(1, TRIES_MAX + 1):
        try:
            return read(await _send(client, wanted, sequence), wanted.device_url)
        except Lost:
            found = await _find(client, wanted)
            if found is not None:
                return found
            if tries == TRIES_MAX:
                raise
        except CallRefused as error:
            if error.status != CONFLICT or tries == TRIES_MAX or not wanted.locus_url:
                raise
            sequence = parse_locus((await client.get(wanted.locus_url)).body).sequence
    raise AssertionError("unreachable")


async def _send(client: LocusClient, wanted: Wanted, sequence: Sequence) -> Reply:
    preferences = None
    if wanted.report is not None:
        preferences = MediaPreferences(prefer_transcoding=False, reachability=codec.builtins(wanted.report))
    members: dict[str, Any] = {
        "device": RequestDevice(url=wanted.device_url, device_type=ROOM_DEVICE),
        "device_url": wanted.device_url,
        "correlation_id": wanted.correlation_id,
        "raw_sequence": sequence.as_wire(),
        "resp_only_sdp": True,
        "allow_multi_device": True,
        "supports_native_lobby": 1,
        "client_media_preferences": preferences,
        "moderator": {"Host": True, "Guest": False}.get(wanted.role),
        "pin": Pin(wanted.pin.reveal()) if wanted.pin is not None else None,
        "role": wanted.role,
        "local_medias": (local_media(wanted.offer),),
    }
    shown = {"correlationId": wanted.correlation_id, "role": wanted.role, "pin": wanted.pin is not None}
    if wanted.locus_url:
        url, body = requests.join_url(wanted.locus_url), JoinRequest(**members)
    else:
        invitee = Invitee(address=wanted.address) if wanted.address else None
        url, body = client.url(requests.CALL), CallRequest(invitee=invitee, **members)
        shown["invitee"] = wanted.shown
    return await client.send("POST", f"{url}?{requests.REDIRECTABLE}", body, shown, is_safe=False)


async def _find(client: LocusClient, wanted: Wanted) -> Granted | None:
    """Look for the call of a request whose answer was lost.

    Raises:
        Lost: the cloud cannot be asked either.
    """
    try:
        if wanted.locus_url:
            loci = [dict((await client.get(wanted.locus_url)).body)]
        else:
            loci = list(parse_loci_answer((await client.get(client.url(requests.LOCI))).body).loci)
    except Unreachable as error:
        raise Lost(error.reason) from None
    except CallRefused:
        return None
    for raw in loci:
        locus = parse_locus(raw)
        device = locus.own_device(wanted.device_url)
        if (
            device is not None
            and device.correlation_id == wanted.correlation_id
            and verdict.is_in(locus, wanted.device_url)
        ):
            return _granted(raw, locus, wanted.device_url)
    return None


def read(reply: Reply, device_url: str) -> Granted:
    """Read the answer to the request.

    Raises:
        RemoteProtocolError: there is no locus in it, or it breaks a rule.
    """
    answer = parse_join_answer(reply.body)
    granted = _granted(answer.locus, parse_locus(answer.locus), device_url, reply.tracking_id)
    sdp, media_id = remote_of(answer, granted.locus, device_url)
    return Granted(
        granted.raw, granted.locus, sdp or granted.remote_sdp, media_id or granted.media_id, reply.tracking_id
    )


def remote_of(answer: JoinAnswer, locus: Locus, device_url: str) -> tuple[str, str]:
    """Return the far side's SDP and the media id of an answer: the connection of the own device, else the first with an SDP."""
    connections = answer.media_connections
    urls = [device.url for device in locus.me.devices] if locus.me is not None else []
    own = urls.index(device_url) if device_url in urls else -1
    ordered = [connections[own]] if 0 <= own < len(connections) else []
    for connection in (*ordered, *connections):
        if connection.remote_sdp is not None:
            return sdp_of(connection.remote_sdp), connection.media_id
    return "", ordered[0].media_id if ordered else ""


def sdp_of(text: Sdp) -> str:
    """Return the session description in the JSON text of a `remoteSdp`; "" if there is none."""
    description = parse_sdp(text, "remoteSdp").description
    return description.reveal() if description is not None else ""


def _granted(raw: dict[str, Any], locus: Locus, device_url: str, tracking_id: str = "") -> Granted:
    """Return what a locus alone tells: the own device may have its media connection there."""
    device = locus.own_device(device_url)
    for connection in device.media_connections if device is not None else ():
        if connection.remote_sdp is not None:
            return Granted(raw, locus, sdp_of(connection.remote_sdp), connection.media_id, tracking_id)
    return Granted(raw, locus, tracking_id=tracking_id)


def code_word(error: Exception) -> str:
    """Return the word by which a failure without an answer is told in the cause of a call."""
    return "NoResponse" if isinstance(error, (Lost, Unreachable)) else type(error).__name__
