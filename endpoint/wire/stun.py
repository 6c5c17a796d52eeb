"""STUN Binding: requests, answers, and the framing of a stream.

The attribute codec is aioice's (`aioice.stun`, which brings asyncio along; nothing of it is used here). On top of it this module checks
what aioice lets pass: the cookie, the two top bits, lengths that run past the end, a body that is no multiple of four, a second copy of
an attribute, attributes that must be understood. Two attributes that aioice does not know, UNKNOWN-ATTRIBUTES and ALTERNATE-SERVER,
are added. Transaction ids are always the caller's.

Source: RFC 8489 sections 5, 6, 7, 14; protocol/activation-and-media.md section 10.5. Label: documented.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aioice import stun as codec

from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError

HEADER_BYTES: Final = 20  # RFC 8489 section 5
TRANSACTION_ID_BYTES: Final = 12
MESSAGE_BYTES_MAX: Final = 1500  # ours: one Ethernet payload; the largest Binding answer seen is a tenth of it
SOFTWARE_CHARACTERS_MAX: Final = 127  # RFC 8489 section 14.14

MAPPED_ADDRESS: Final = 0x0001
CHANGE_REQUEST: Final = 0x0003
MESSAGE_INTEGRITY: Final = 0x0008
ERROR_CODE: Final = 0x0009
UNKNOWN_ATTRIBUTES: Final = 0x000A
XOR_MAPPED_ADDRESS: Final = 0x0020
SOFTWARE: Final = 0x8022
ALTERNATE_SERVER: Final = 0x8023
FINGERPRINT: Final = 0x8028
COMPREHENSION_OPTIONAL: Final = 0x8000  # types from here up may be ignored, RFC 8489 section 14

UNDERSTOOD: Final = (frozenset(codec.ATTRIBUTES_BY_TYPE) | {UNKNOWN_ATTRIBUTES}) - {CHANGE_REQUEST}
"""Types that are not answered by 420. A server with one address must refuse CHANGE-REQUEST (RFC 5780 section 6.1)."""

TRY_ALTERNATE: Final = 300
REASONS: Final[Mapping[int, str]] = {
    TRY_ALTERNATE: "Try Alternate",
    400: "Bad Request",
    401: "Unauthenticated",
    420: "Unknown Attribute",
    438: "Stale Nonce",
    500: "Server Error",
}
"""Reason phrases of RFC 8489 section 14.8."""

Address = tuple[str, int]
"""IP address as text, and port."""


class UnrelatedAnswer(RemoteProtocolError):
    """A well-formed answer to another transaction."""

    def __init__(self) -> None:
        super().__init__("transaction id", "the id of the request, RFC 8489 section 6.3", "another one")


@dataclass(frozen=True, slots=True)
class Binding:
    """A success answer: our own address as the server sees it."""

    address: str
    port: int
    software: str = ""


@dataclass(frozen=True, slots=True)
class BindingError:
    """An error answer. `alternate` is the server to ask instead, with code 300 only."""

    code: int
    reason: str
    alternate: Address | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A Binding request as a server sees it.

    `unknown` lists the attribute types that the client wants understood and we do not know: they are answered by 420.
    """

    transaction_id: bytes
    unknown: tuple[int, ...] = ()
    has_fingerprint: bool = False


# -- building ---------------------------------------------------------------------------------------------------------------------------


def binding_request(transaction_id: bytes, *, software: str = "", fingerprint: bool = True) -> bytes:
    """Build a Binding request.

    Args:
        transaction_id: 12 bytes, drawn by the caller.
        software: our name and version, up to 127 characters; empty leaves the attribute out.
        fingerprint: whether FINGERPRINT is added, as the last attribute.

    Raises:
        LocalProtocolError: an argument of another length.
    """
    return _encode(codec.Class.REQUEST, transaction_id, _software(software), (), fingerprint)


def binding_success(
    request: Request, source: Address, *, origin: Address | None = None, software: str = "", mapped: bool = True
) -> bytes:
    """Build the success answer to a Binding request.

    Args:
        request: what is answered; FINGERPRINT is sent if it was received.
        source: where the request came from; goes into XOR-MAPPED-ADDRESS and, for old clients, MAPPED-ADDRESS.
        origin: where the answer comes from (RESPONSE-ORIGIN of RFC 5780), None leaves it out.
        mapped: False leaves both mapped addresses out, which no client can use.
    """
    attributes: dict[str, Any] = {"XOR-MAPPED-ADDRESS": source, "MAPPED-ADDRESS": source} if mapped else {}
    if origin is not None:
        attributes["RESPONSE-ORIGIN"] = origin
    attributes |= _software(software)
    return _encode(codec.Class.RESPONSE, request.transaction_id, attributes, (), request.has_fingerprint)


def binding_error(
    request: Request,
    code: int,
    reason: str = "",
    *,
    alternate: Address | None = None,
    unknown: Iterable[int] = (),
    software: str = "",
) -> bytes:
    """Build an error answer to a Binding request.

    Args:
        code: 300..699; 300 names `alternate` (ALTERNATE-SERVER), 420 names the `unknown` types.
        reason: phrase, by default that of RFC 8489.

    Raises:
        LocalProtocolError: a code out of range, or 300 without an alternate.
    """
    if not 300 <= code <= 699:
        raise LocalProtocolError(f"STUN error codes are 300 to 699, not {code}")
    if (code == TRY_ALTERNATE) is (alternate is None):
        raise LocalProtocolError("ALTERNATE-SERVER belongs to error 300 and to no other")
    extra: list[tuple[int, bytes]] = []
    if alternate is not None:
        extra.append((ALTERNATE_SERVER, codec.pack_address(alternate)))
    types = tuple(unknown)
    if types:
        extra.append((UNKNOWN_ATTRIBUTES, struct.pack(f"!{len(types)}H", *types)))
    attributes = {"ERROR-CODE": (code, reason or REASONS.get(code, "")), **_software(software)}
    return _encode(codec.Class.ERROR, request.transaction_id, attributes, extra, request.has_fingerprint)


def _software(name: str) -> dict[str, Any]:
    if len(name) > SOFTWARE_CHARACTERS_MAX:
        raise LocalProtocolError(f"SOFTWARE has at most {SOFTWARE_CHARACTERS_MAX} characters, RFC 8489 section 14.14")
    return {"SOFTWARE": name} if name else {}


def _encode(
    kind: codec.Class,
    transaction_id: bytes,
    attributes: dict[str, Any],
    extra: Iterable[tuple[int, bytes]],
    fingerprint: bool,
) -> bytes:
    if len(transaction_id) != TRANSACTION_ID_BYTES:
        raise LocalProtocolError(f"a transaction id has {TRANSACTION_ID_BYTES} bytes, not {len(transaction_id)}")
    data = bytes(codec.Message(codec.Method.BINDING, kind, transaction_id, attributes))
    for code, value in extra:
        data += struct.pack("!HH", code, len(value)) + value + bytes(-len(value) % 4)
    if fingerprint:
        data += struct.pack("!HHI", FINGERPRINT, 4, codec.message_fingerprint(data))
    return codec.set_body_length(data, len(data) - HEADER_BYTES)


# -- parsing ----------------------------------------------------------------------------------------------------------------------------


def transaction_id_of(data: bytes) -> bytes | None:
    """Return the transaction id of what may be a STUN message, without a look at the rest; None when it is too short."""
    return data[8:HEADER_BYTES] if len(data) >= HEADER_BYTES else None


def parse_binding_response(data: bytes, transaction_id: bytes) -> Binding | BindingError:
    """Decode the answer to a Binding request.

    Args:
        data: one whole UDP payload, or one message cut from a stream; 20..1500 bytes.
        transaction_id: the 12 bytes that were sent.

    Returns:
        The reflexive address, XOR-MAPPED-ADDRESS before MAPPED-ADDRESS; or the error that the server reports.

    Raises:
        RemoteProtocolError: bad length, cookie, class or attribute, or no address; `.where` is the first wrong place.
        UnrelatedAnswer: well formed, but for another transaction.

    Source: RFC 8489 sections 5, 6.3 and 14. Label: documented.
    """
    message, raw = _decode(data)
    if message.message_class not in (codec.Class.RESPONSE, codec.Class.ERROR):
        raise RemoteProtocolError("offset 0", "a success or error answer", message.message_class.name.lower())
    if message.transaction_id != transaction_id:
        raise UnrelatedAnswer
    if message.message_class is codec.Class.ERROR:
        return _binding_error(raw)
    unknown = _unknown(raw)
    if unknown:
        raise RemoteProtocolError(
            "attributes", "known types below 0x8000, RFC 8489 section 6.3.3", f"0x{unknown[0]:04x}"
        )
    if XOR_MAPPED_ADDRESS in raw:
        address, port = codec.unpack_xor_address(raw[XOR_MAPPED_ADDRESS], transaction_id)
    elif MAPPED_ADDRESS in raw:
        address, port = codec.unpack_address(raw[MAPPED_ADDRESS])
    else:
        raise RemoteProtocolError("attributes", "XOR-MAPPED-ADDRESS or MAPPED-ADDRESS", "neither")
    # An old server counts the terminating NUL of its C string.
    return Binding(address, port, raw.get(SOFTWARE, b"").decode().rstrip("\0"))


def parse_request(data: bytes) -> Request:
    """Decode a Binding request for the server's side.

    Raises:
        RemoteProtocolError: not a well-formed Binding request; such a message is dropped without an answer (RFC 8489 section 6.3).
    """
    message, raw = _decode(data)
    if message.message_class is not codec.Class.REQUEST:
        raise RemoteProtocolError("offset 0", "a Binding request", message.message_class.name.lower())
    return Request(message.transaction_id, _unknown(raw), FINGERPRINT in raw)


def _unknown(raw: Mapping[int, bytes]) -> tuple[int, ...]:
    return tuple(code for code in raw if code < COMPREHENSION_OPTIONAL and code not in UNDERSTOOD)


def _binding_error(raw: Mapping[int, bytes]) -> BindingError:
    value = raw.get(ERROR_CODE)
    if value is None:
        raise RemoteProtocolError("attributes", "ERROR-CODE in an error answer, RFC 8489 section 14.8", "none")
    hundreds, rest = value[2] & 7, value[3]
    if not (3 <= hundreds <= 6 and rest <= 99):
        raise RemoteProtocolError("ERROR-CODE", "class 3 to 6 and number 0 to 99", f"{hundreds} and {rest}")
    code = hundreds * 100 + rest
    alternate = raw.get(ALTERNATE_SERVER) if code == TRY_ALTERNATE else None
    return BindingError(
        code, value[4:].decode(), None if alternate is None else _foreign(codec.unpack_address, alternate)
    )


def _decode(data: bytes) -> tuple[codec.Message, dict[int, bytes]]:
    """Return aioice's view of a Binding message, and the first copy of each attribute that counts."""
    broken = _broken_header(data)
    if broken is not None:
        raise broken
    if len(data) != HEADER_BYTES + int.from_bytes(data[2:4], "big"):
        raise RemoteProtocolError("offset 2", "the length of what follows the header", f"{len(data)} bytes in all")
    raw = _attributes(data)
    message = _foreign(codec.parse_message, data)
    if message.message_method is not codec.Method.BINDING:
        raise RemoteProtocolError("offset 0", "method Binding", message.message_method.name.lower())
    return message, raw


def _foreign(parse: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return parse(data)
    except (ValueError, struct.error) as error:
        raise RemoteProtocolError("STUN message", str(error)) from None


def _broken_header(data: bytes) -> RemoteProtocolError | None:
    """Name the first rule that the first 20 bytes break; bytes 2..19 that have not come yet break none."""
    if data and data[0] & 0xC0:
        return RemoteProtocolError("offset 0", "two zero bits, RFC 8489 section 5", f"0x{data[0]:02x}")
    length = int.from_bytes(data[2:4], "big") if len(data) >= 4 else 0
    if length % 4 or HEADER_BYTES + length > MESSAGE_BYTES_MAX:
        return RemoteProtocolError("offset 2", f"a multiple of 4 up to {MESSAGE_BYTES_MAX - HEADER_BYTES}", str(length))
    if len(data) >= 8 and int.from_bytes(data[4:8], "big") != codec.COOKIE:
        return RemoteProtocolError("offset 4", f"cookie 0x{codec.COOKIE:08x}", f"0x{data[4:8].hex()}")
    return None


def _attributes(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at, end = HEADER_BYTES, len(data)
    while at < end:
        code, length = struct.unpack_from("!HH", data, at)
        if at + 4 + length > end:
            raise RemoteProtocolError(f"offset {at + 2}", f"at most {end - at - 4} bytes of attribute", str(length))
        # What follows MESSAGE-INTEGRITY is not protected by it and does not count (RFC 8489 section 14.5), nor do second copies.
        if MESSAGE_INTEGRITY not in found or code == FINGERPRINT:
            found.setdefault(code, data[at + 4 : at + 4 + length])
        at += 4 + length + -length % 4
    return found


class Framer:
    """Cut a TCP or TLS stream into STUN messages: a 20-byte header with the body's length at offset 2 (RFC 8489 section 6.2.2).

    Feeding never raises. A stream that breaks a rule sets `error`; whole messages before that place are still returned, and everything
    after it is ignored, because a stream has no place to start again.
    """

    __slots__ = ("_rest", "error")

    def __init__(self) -> None:
        self._rest = b""
        self.error: RemoteProtocolError | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was received and return the messages that are whole now. At most 1500 bytes are kept."""
        messages: list[bytes] = []
        if self.error is not None:
            return messages
        rest = self._rest + data
        at = 0
        while True:
            self.error = _broken_header(rest[at : at + HEADER_BYTES])
            if self.error is not None:
                rest = b""
                break
            end = at + HEADER_BYTES + int.from_bytes(rest[at + 2 : at + 4], "big")
            if len(rest) - at < HEADER_BYTES or len(rest) < end:
                break
            messages.append(rest[at:end])
            at = end
        self._rest = rest[at:] if self.error is None else b""
        return messages
