"""JSON in and out of the wire's message types.

Message types are `msgspec.Struct`s. Unknown members are ignored (they are how both sides grow); wrong types and
missing members are the peer's fault.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, TypeVar

import msgspec

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.secret import AccessToken, KeyMaterial, Pin, RefreshToken, Sdp, Secret

T = TypeVar("T")

_SECRETS: dict[type, Any] = {kind: kind for kind in (AccessToken, RefreshToken, KeyMaterial, Pin, Sdp)}


def _reveal(value: object) -> object:
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")


def _hide(kind: type, value: object) -> object:
    if isinstance(value, kind):
        return value
    make = _SECRETS.get(kind)
    if make is None or not isinstance(value, str):
        raise ValueError("Expected `str`")
    return make(value)


_ENCODER = msgspec.json.Encoder(enc_hook=_reveal)
_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}


def encode(message: object) -> bytes:
    """Encode a message as compact JSON, UTF-8. Secrets are written in clear: this is the wire."""
    return _ENCODER.encode(message)


def builtins(message: object) -> Any:
    """Return what `encode` writes, decoded: dicts, lists and text. Secrets are in clear: this is the wire."""
    return msgspec.json.decode(_ENCODER.encode(message))


def decode(data: bytes | str, kind: type[T], where: str = "body") -> T:
    """Decode JSON into a message type.

    Raises:
        RemoteProtocolError: not JSON, or a member is missing or of the wrong type; `.where` names the member. The value
            that came is not repeated: it may be a secret.
    """
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind, dec_hook=_hide)
    try:
        return decoder.decode(data)  # type: ignore[no-any-return]  # the decoder was made for this type
    except msgspec.ValidationError as error:
        rule, _, path = str(error).partition(" - at ")
        raise RemoteProtocolError(where + path.strip("`").removeprefix("$"), rule) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(where, f"JSON in UTF-8 ({type(error).__name__})") from None


def convert(value: object, kind: type[T], where: str = "body") -> T:
    """Read already decoded JSON (dicts, lists, text) as a message type; errors as in `decode`."""
    try:
        return msgspec.convert(value, kind, dec_hook=_hide)
    except msgspec.ValidationError as error:
        rule, _, path = str(error).partition(" - at ")
        raise RemoteProtocolError(where + path.strip("`").removeprefix("$"), rule) from None
    except RecursionError as error:
        raise RemoteProtocolError(where, f"JSON ({type(error).__name__})") from None


def b64decode_strict(text: str, where: str) -> bytes:
    """Decode standard base64: padded, no white space, nothing after the padding.

    Raises:
        RemoteProtocolError: anything else.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RemoteProtocolError(where, "standard base64, padded, without white space") from None
    if base64.b64encode(data).decode() != text:
        raise RemoteProtocolError(where, "canonical base64")
    return data


def b64encode(data: bytes) -> str:
    """Encode bytes as standard, padded base64."""
    return base64.b64encode(data).decode()
