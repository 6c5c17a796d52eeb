"""What two sides say to each other of the media of a call: the device's offer, and the media node's answer.

Media goes to a media node, which only answers connectivity checks (ICE lite) and offers one UDP, one TCP and one TLS candidate. All media
of a call share one path. Source: RFC 8829 (offer and answer), 8445 (priorities); protocol/activation-and-media.md section 13; that H.264
has payload type 126 is observed, the other formats are ours.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from endpoint.wire.calliope import Transport
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.sdp_text import (
    Candidate,
    Codec,
    Description,
    Direction,
    Ice,
    MediaLine,
    parse,
    redacted,
)
from endpoint.wire.secret import Secret

__all__ = [
    "Candidate", "Codec", "Description", "Direction", "Ice", "MediaLine", "answer", "candidate", "fingerprint_of", "ice_of", "make_offer",
    "parse", "redacted",
]  # fmt: skip

PROTOCOL: Final = "UDP/TLS/RTP/SAVPF"
AUDIO: Final = (
    Codec(101, "opus", 48000, 2, "usedtx=0;stereo=1"),
    Codec(9, "G722", 8000),
    Codec(0, "PCMU", 8000),
    Codec(8, "PCMA", 8000),
    Codec(100, "telephone-event", 8000, 1, "0-15"),
)
H264: Final = Codec(126, "H264", 90000, 1, "profile-level-id=42e01f;packetization-mode=1;max-fs=8160;max-mbps=244800")
AUDIO_RATE: Final = 64
PREFERENCE: Final = {Transport.UDP: 126, Transport.TCP: 105, Transport.XTLS: 90}
"""Type preferences: the fall-back order UDP, TCP, TLS."""
ICE_BYTES: Final = 21
"""Drawn bytes that `ice_of` needs: 3 for the name, 18 for the key."""
FINGERPRINT_BYTES: Final = 32


def candidate(transport: Transport, host: str, port: int, *, tcp_type: str = "passive") -> Candidate:
    """Return a host candidate with its priority (RFC 8445, 5.1.2.1)."""
    priority = (PREFERENCE[transport] << 24) + (65535 << 8) + 255
    foundation = str(transport.number)
    return Candidate(
        transport, host, port, priority, foundation, tcp_type="" if transport is Transport.UDP else tcp_type
    )


def ice_of(drawn: bytes, *, lite: bool = False) -> Ice:
    """Make credentials of ICE_BYTES drawn bytes."""
    if len(drawn) != ICE_BYTES:
        raise LocalProtocolError(f"ICE credentials are made of {ICE_BYTES} drawn bytes, not {len(drawn)}")
    text = base64.b64encode(drawn).decode()
    return Ice(text[:4], Secret("ice_pwd", text[4:]), lite)


def fingerprint_of(drawn: bytes) -> str:
    """Return drawn bytes as the fingerprint of a certificate; none is made as long as no media flows."""
    return "sha-256 " + ":".join(f"{byte:02X}" for byte in drawn)


def make_offer(
    *,
    session_id: int,
    version: int,
    address: str,
    port: int,
    ice: Ice,
    fingerprint: str,
    has_video: bool = True,
    has_slides: bool = True,
    muted: bool = False,
    held: bool = False,
    rate: int = 6000,
) -> Description:
    """Make a device's offer: audio, and video and slides unless it is an audio call.

    Args:
        version: grows with each offer of a session.
        muted: no audio is sent; `held`: nothing is wanted, and nothing but audio is sent.
        rate: kbit/s for all media.
    """
    candidates = (
        candidate(Transport.UDP, address, port),
        candidate(Transport.TCP, address, 9, tcp_type="active"),
        candidate(Transport.XTLS, address, 9, tcp_type="active"),
    )
    wanted = Direction.SENDONLY if held else Direction.SENDRECV
    audio = Direction.RECVONLY if muted else Direction.SENDRECV
    if held:
        audio = Direction.INACTIVE if muted else Direction.SENDONLY
    lines = [_offered("audio", "0", AUDIO, audio, AUDIO_RATE, port)]
    if has_video:
        lines.append(_offered("video", "1", (H264,), wanted, rate, port, "main"))
        if has_slides:
            lines.append(_offered("video", "2", (H264,), wanted, rate, port, "slides"))
    media = tuple(replace(line, candidates=candidates) for line in lines)
    return Description(session_id, version, address, media, ice, fingerprint, "actpass", rate)


def _offered(
    kind: str, mid: str, codecs: Sequence[Codec], direction: Direction, rate: int, port: int, content: str = ""
) -> MediaLine:
    formats = tuple(str(codec.payload_type) for codec in codecs)
    return MediaLine(kind, port, PROTOCOL, formats, tuple(codecs), direction, mid, content, rate)


def answer(
    offer: Description,
    *,
    session_id: int,
    address: str,
    candidates: Iterable[Candidate] = (),
    ice: Ice | None = None,
    fingerprint: str = "",
    rate: int = 0,
    has_video: bool = True,
) -> Description:
    """Answer an offer as a media node: take what both know, in the offer's order and under its payload types.

    Args:
        candidates: of the node; without `ice` none is written.
        rate: kbit/s that the node takes at most; 0 for what is offered.
        has_video: whether the far end has video at all.
    """
    listed = tuple(candidates) if ice is not None else ()
    port = next((one.port for one in listed if one.transport is Transport.UDP), listed[0].port if listed else 5004)
    media = tuple(
        replace(_answered(line, port, rate, has_video), candidates=listed if line.port else ()) for line in offer.media
    )
    return Description(
        session_id,
        1,
        address,
        media,
        ice,
        fingerprint,
        {"active": "passive", "passive": "active", "actpass": "passive"}.get(offer.setup, ""),
        _least(offer.rate, rate),
    )


def _answered(line: MediaLine, port: int, rate: int, has_video: bool) -> MediaLine:
    codecs = tuple(
        codec for codec in line.codecs if (codec.name.lower(), codec.clock_rate) in _KNOWN or _is_static(codec)
    )
    refused = (
        not line.port or not codecs or line.kind not in ("audio", "video") or (line.kind == "video" and not has_video)
    )
    if refused:
        return MediaLine(
            line.kind, 0, line.protocol, line.formats, line.codecs, Direction.INACTIVE, line.mid, line.content
        )
    formats = tuple(str(codec.payload_type) for codec in codecs)
    direction = line.direction.seen_from_there
    return MediaLine(
        line.kind, port, line.protocol, formats, codecs, direction, line.mid, line.content, _least(line.rate, rate)
    )


_KNOWN: Final = frozenset((codec.name.lower(), codec.clock_rate) for codec in (*AUDIO, H264))


def _is_static(codec: Codec) -> bool:
    """Say whether a payload type without a name is one that both know (RFC 3551, table 4)."""
    return not codec.name and codec.payload_type in (0, 8, 9)


def _least(offered: int, taken: int) -> int:
    return min(offered, taken) if offered and taken else offered or taken
