"""Session descriptions as text: what is kept of one, printing and reading.

What nobody here needs is left out when it is read: an attribute, a bandwidth or a candidate of an unknown kind is no error.
Source: RFC 8866 (grammar), RFC 8839 and 6544 (candidates), RFC 8122 (fingerprint), RFC 4145 (setup), RFC 4796 (content).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from endpoint.wire.calliope import Transport
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.secret import Secret

TEXT_CHARS_MAX: Final = 64 * 1024
LINES_MAX: Final = 2_000
MEDIA_MAX: Final = 16
"""Media of one description; a device offers three."""
CANDIDATES_MAX: Final = 64
CODECS_MAX: Final = 64
NUMBER_MAX: Final = 2**63 - 1
RATE_MAX: Final = 10_000_000
"""The greatest rate that is believed, in kbit/s."""


class Direction(StrEnum):
    """Which way media flows, from who describes it."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """Whether who describes it sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """Whether who describes it receives."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @property
    def seen_from_there(self) -> Direction:
        """The same, said by the other side."""
        return {Direction.SENDONLY: Direction.RECVONLY, Direction.RECVONLY: Direction.SENDONLY}.get(self, self)


TOKENS: Final[Mapping[Transport, str]] = {Transport.UDP: "UDP", Transport.TCP: "TCP", Transport.XTLS: "xTLS"}
"""Transports as candidates spell them; xTLS, TLS to a media node, is no standard one."""
_TRANSPORTS: Final = {token.lower(): transport for transport, token in TOKENS.items()}


@dataclass(frozen=True, slots=True)
class Candidate:
    """Where media may be sent to.

    Attributes:
        tcp_type: active, passive or so for TCP and xTLS; "" for UDP.
    """

    transport: Transport
    host: str
    port: int
    priority: int
    foundation: str = "1"
    kind: str = "host"
    tcp_type: str = ""

    def text(self) -> str:
        """Return the attribute."""
        end = f" tcptype {self.tcp_type}" if self.tcp_type else ""
        where = f"{self.host} {self.port} typ {self.kind}"
        return f"candidate:{self.foundation} 1 {TOKENS[self.transport]} {self.priority} {where}{end}"


@dataclass(frozen=True, slots=True)
class Ice:
    """The credentials of one side; `lite`: it only answers checks."""

    ufrag: str
    pwd: Secret
    lite: bool = False


@dataclass(frozen=True, slots=True)
class Codec:
    """One format; `name` is that of the rtpmap, "" for a payload type that needs none."""

    payload_type: int
    name: str = ""
    clock_rate: int = 0
    channels: int = 1
    parameters: str = ""


@dataclass(frozen=True, slots=True)
class MediaLine:
    """One medium. Port 0 refuses it; `rate` is kbit/s, 0 for none given; `formats` are those of the `m=` line."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    codecs: tuple[Codec, ...] = ()
    direction: Direction = Direction.SENDRECV
    mid: str = ""
    content: str = ""
    rate: int = 0
    candidates: tuple[Candidate, ...] = ()

    @property
    def is_slides(self) -> bool:
        """Whether it carries what is shared."""
        return self.content == "slides"


@dataclass(frozen=True, slots=True)
class Description:
    """A session description. The key of the connectivity checks is a Secret: only `text()` shows it.

    Attributes:
        address: of the `c=` line, or of the origin.
        fingerprint: hash function and value, as they are written.
    """

    session_id: int
    version: int
    address: str
    media: tuple[MediaLine, ...]
    ice: Ice | None = None
    fingerprint: str = ""
    setup: str = ""
    rate: int = 0

    def text(self) -> str:
        """Return the description as it goes on the wire, lines ended by CR and LF."""
        return "".join(f"{line}\r\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        net = f"IN {'IP6' if ':' in self.address else 'IP4'} {self.address}"
        yield "v=0"
        yield f"o=- {self.session_id} {self.version} {net}"
        yield "s=-"
        yield f"c={net}"
        if self.rate:
            yield f"b=AS:{self.rate}"
        yield "t=0 0"
        bundled = [line.mid for line in self.media if line.mid and line.port]
        if bundled:
            yield f"a=group:BUNDLE {' '.join(bundled)}"
        if self.ice is not None:
            if self.ice.lite:
                yield "a=ice-lite"
            yield f"a=ice-ufrag:{self.ice.ufrag}"
            yield f"a=ice-pwd:{self.ice.pwd.reveal()}"
        if self.fingerprint:
            yield f"a=fingerprint:{self.fingerprint}"
        if self.setup:
            yield f"a=setup:{self.setup}"
        for line in self.media:
            yield from _media_lines(line)


def _media_lines(line: MediaLine) -> Iterator[str]:
    yield f"m={line.kind} {line.port} {line.protocol} {' '.join(line.formats)}"
    if line.rate:
        yield f"b=AS:{line.rate}"
    if line.mid:
        yield f"a=mid:{line.mid}"
    if line.content:
        yield f"a=content:{line.content}"
    for codec in line.codecs:
        if codec.name:
            channels = f"/{codec.channels}" if codec.channels > 1 else ""
            yield f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.clock_rate}{channels}"
        if codec.parameters:
            yield f"a=fmtp:{codec.payload_type} {codec.parameters}"
    yield "a=rtcp-mux"
    yield f"a={line.direction}"
    for candidate in line.candidates:
        yield f"a={candidate.text()}"


_KEYS: Final = re.compile(r"(?m)^(a=(?:ice-pwd:|crypto:\d+ \S+ inline:))[^\r\n]*")


def redacted(text: str) -> str:
    """Return a description as log and trace may show it: without keys."""
    return _KEYS.sub(r"\1***", text)


# -- reading ----------------------------------------------------------------------------------------------------------------------------

_LINE: Final = re.compile(r"([a-z])=(.*)", re.DOTALL)
_MEDIA: Final = re.compile(r"([!-~]+) (\d{1,5})(?:/\d{1,5})? ([!-~]+)((?: [!-~]+)+)", re.ASCII)
_ORIGIN: Final = re.compile(r"\S+ (\d{1,20}) (\d{1,20}) IN IP[46] (\S+)", re.ASCII)
_RTPMAP: Final = re.compile(r"(\d{1,3}) ([!-.0-~]+)/(\d{1,9})(?:/(\d{1,2}))?", re.ASCII)
_CANDIDATE: Final = re.compile(
    r"([A-Za-z0-9+/]{1,32}) (\d{1,3}) ([!-~]+) (\d{1,10}) ([!-~]+) (\d{1,5}) typ ([!-~]+)((?: [!-~]+ [!-~]+)*)",
    re.ASCII,
)
_UFRAG: Final = re.compile(r"[A-Za-z0-9+/]{4,256}", re.ASCII)
_PWD: Final = re.compile(r"[A-Za-z0-9+/]{22,256}", re.ASCII)
_FINGERPRINT: Final = re.compile(r"[a-z0-9-]+ [0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})+", re.ASCII)
_BANDWIDTH: Final = re.compile(r"(AS|TIAS):(\d{1,12})", re.ASCII)


@dataclass(slots=True)
class _Level:
    """What is read of the session, or of one medium of it."""

    made: MediaLine | None = None
    where: str = ""
    direction: Direction | None = None
    address: str = ""
    rate: int = 0
    ufrag: str = ""
    pwd: Secret | None = None
    lite: bool = False
    fingerprint: str = ""
    setup: str = ""
    mid: str = ""
    content: str = ""
    codecs: dict[int, Codec] = field(default_factory=dict)
    candidates: list[Candidate] = field(default_factory=list)


def parse(text: str) -> Description:
    """Read a session description.

    Raises:
        RemoteProtocolError: none; `where` is the number of the first wrong line. What came is not repeated: it may hold a key.
    """
    if len(text) > TEXT_CHARS_MAX:
        raise RemoteProtocolError("sdp", f"at most {TEXT_CHARS_MAX} characters", str(len(text)))
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if len(lines) > LINES_MAX:
        raise RemoteProtocolError("sdp", f"at most {LINES_MAX} lines", str(len(lines)))
    if lines[0] != "v=0":
        raise RemoteProtocolError("line 1", "v=0 (RFC 8866, 5.1)")
    session, levels, seen = _Level(where="session"), [], {"v"}
    session_id = version = 0
    level = session
    for number, line in enumerate(lines[1:], 2):
        where = f"line {number}"
        found = _LINE.fullmatch(line)
        if found is None:
            raise RemoteProtocolError(where, "<letter>=<value> (RFC 8866, 5)")
        letter, value = found[1], found[2]
        if letter == "m":
            level = _media(value, where)
            levels.append(level)
            if len(levels) > MEDIA_MAX:
                raise RemoteProtocolError(where, f"at most {MEDIA_MAX} media")
        elif letter == "o":
            session_id, version, session.address = _origin(value, where)
        else:
            _READERS.get(letter, _nothing)(level, value, where)
        seen.add(letter)
    for letter in "ost":
        if letter not in seen:
            raise RemoteProtocolError("sdp", f"a line {letter}= (RFC 8866, 5)")
    return _description(session, levels, session_id, version)


def _description(session: _Level, levels: list[_Level], session_id: int, version: int) -> Description:
    each = [session, *levels]
    with_ice = next((level for level in each if level.ufrag and level.pwd is not None), None)
    ice = None
    if with_ice is not None and with_ice.pwd is not None:
        ice = Ice(with_ice.ufrag, with_ice.pwd, lite=session.lite)
    return Description(
        session_id, version, session.address, tuple(_line(level, session) for level in levels), ice,
        next((level.fingerprint for level in each if level.fingerprint), ""),
        next((level.setup for level in each if level.setup), ""), session.rate,
    )  # fmt: skip


def _line(level: _Level, session: _Level) -> MediaLine:
    assert level.made is not None
    listed = (int(text) for text in level.made.formats if text.isascii() and text.isdigit() and len(text) <= 3)
    codecs = tuple(level.codecs.get(number, Codec(number)) for number in dict.fromkeys(listed))
    return replace(
        level.made,
        codecs=codecs if len(codecs) <= CODECS_MAX else codecs[:CODECS_MAX],
        direction=level.direction or session.direction or Direction.SENDRECV,
        mid=level.mid,
        content=level.content,
        rate=level.rate,
        candidates=tuple(level.candidates or session.candidates),
    )


def _origin(value: str, where: str) -> tuple[int, int, str]:
    found = _ORIGIN.fullmatch(value)
    if found is None or int(found[1]) > NUMBER_MAX or int(found[2]) > NUMBER_MAX:
        raise RemoteProtocolError(where, "o=<name> <id> <version> IN IP4 <address> (RFC 8866, 5.2)")
    return int(found[1]), int(found[2]), found[3]


def _media(value: str, where: str) -> _Level:
    found = _MEDIA.fullmatch(value)
    if found is None or int(found[2]) > 65535:
        raise RemoteProtocolError(where, "m=<media> <port> <protocol> <format> ... (RFC 8866, 5.14)")
    return _Level(MediaLine(found[1], int(found[2]), found[3], tuple(found[4].split())), where)


def _connection(level: _Level, value: str, where: str) -> None:
    found = re.fullmatch(r"IN IP[46] (\S+)", value)
    if found is None:
        raise RemoteProtocolError(where, "c=IN IP4 <address> (RFC 8866, 5.7)")
    level.address = found[1]


def _bandwidth(level: _Level, value: str, where: str) -> None:
    found = _BANDWIDTH.fullmatch(value)
    if found is not None:
        rate = int(found[2]) if found[1] == "AS" else int(found[2]) // 1000
        level.rate = min(rate, RATE_MAX)


def _attribute(level: _Level, value: str, where: str) -> None:
    name, _, rest = value.partition(":")
    _ATTRIBUTES.get(name, _nothing)(level, rest, where)
    if name in _DIRECTIONS:
        level.direction = _DIRECTIONS[name]
    elif name == "ice-lite":
        level.lite = True


def _nothing(level: _Level, value: str, where: str) -> None:
    pass


def _rtpmap(level: _Level, value: str, where: str) -> None:
    found = _RTPMAP.fullmatch(value)
    if found is None:
        raise RemoteProtocolError(where, "a=rtpmap:<type> <name>/<rate> (RFC 8866, 6.6)")
    number = int(found[1])
    kept = level.codecs.get(number, Codec(number))
    level.codecs[number] = replace(kept, name=found[2], clock_rate=int(found[3]), channels=int(found[4] or 1) or 1)


def _fmtp(level: _Level, value: str, where: str) -> None:
    text, _, parameters = value.partition(" ")
    if text.isascii() and text.isdigit() and len(text) <= 3:
        level.codecs[int(text)] = replace(level.codecs.get(int(text), Codec(int(text))), parameters=parameters)


def _candidate(level: _Level, value: str, where: str) -> None:
    found = _CANDIDATE.fullmatch(value)
    if found is None or int(found[6]) > 65535:
        raise RemoteProtocolError(where, "a=candidate as in RFC 8839, 5.1")
    transport = _TRANSPORTS.get(found[3].lower())
    if transport is None or found[2] != "1" or len(level.candidates) >= CANDIDATES_MAX:
        return
    words = found[8].split()
    extensions = dict(zip(words[::2], words[1::2], strict=True))
    level.candidates.append(
        Candidate(transport, found[5], int(found[6]), int(found[4]), found[1], found[7], extensions.get("tcptype", ""))
    )


def _ufrag(level: _Level, value: str, where: str) -> None:
    if not _UFRAG.fullmatch(value):
        raise RemoteProtocolError(where, "a=ice-ufrag of 4 to 256 ice-chars (RFC 8839, 5.4)")
    level.ufrag = value


def _pwd(level: _Level, value: str, where: str) -> None:
    if not _PWD.fullmatch(value):
        raise RemoteProtocolError(where, "a=ice-pwd of 22 to 256 ice-chars (RFC 8839, 5.4)")
    level.pwd = Secret("ice_pwd", value)


def _fingerprint(level: _Level, value: str, where: str) -> None:
    if not _FINGERPRINT.fullmatch(value):
        raise RemoteProtocolError(where, "a=fingerprint:<hash> <pairs of hex digits> (RFC 8122, 5)")
    level.fingerprint = value


def _setup(level: _Level, value: str, where: str) -> None:
    if value not in ("active", "passive", "actpass", "holdconn"):
        raise RemoteProtocolError(where, "a=setup:active, passive, actpass or holdconn (RFC 4145, 4)")
    level.setup = value


def _mid(level: _Level, value: str, where: str) -> None:
    level.mid = value


def _content(level: _Level, value: str, where: str) -> None:
    level.content = value


_DIRECTIONS: Final = {direction.value: direction for direction in Direction}
_Reader = Callable[[_Level, str, str], Any]
_READERS: Final[Mapping[str, _Reader]] = {"a": _attribute, "b": _bandwidth, "c": _connection}
_ATTRIBUTES: Final[Mapping[str, _Reader]] = {
    "rtpmap": _rtpmap, "fmtp": _fmtp, "candidate": _candidate, "ice-ufrag": _ufrag, "ice-pwd": _pwd,
    "fingerprint": _fingerprint, "setup": _setup, "mid": _mid, "content": _content,
}  # fmt: skip
