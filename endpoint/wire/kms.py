"""The key service: what requests and answers say, and the channel that they go through.

A request is JSON inside a JWE inside an HTTP body; its answer comes over Mercury. The first request is sealed for the RSA key of the
cluster and agrees on the key of the channel (ECDHE on P-256, HKDF); everything after it goes under that key.

Source: protocol/cloud-services.md 7.2 to 7.5, worked example 18.7, vectors 18.8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from endpoint.wire import codec
from endpoint.wire.conventions import parse_instant
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.jose import KEY_BYTES, SharedKey, b64url, header_of, unb64url
from endpoint.wire.kms_cluster import host_of
from endpoint.wire.mercury import KMS_MESSAGES, SEALED
from endpoint.wire.secret import AccessToken, KeyMaterial, Secret

SERVICE: Final = "encryption"
MESSAGES_PATH: Final = "/kms/messages"
KMS_MESSAGE: Final = "encryption.kms_message"
BATCH_MAX: Final = 50
"""Messages of one HTTP request, and of one event."""
EVENT_MESSAGES_MAX: Final = 500
TIMEOUTS_S: Final = (6.0, 12.0, 24.0, 48.0)
"""How long each try waits for its answer; then it is given up. Source: 7.7, D."""
RENEWAL_S: Final = 30.0
"""A channel is made anew this long before it expires. Source: 7.4, D."""
CURVE: Final = ec.SECP256R1()
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SCALAR_BYTES: Final = 40
_Uri: TypeAlias = Annotated[str, msgspec.Meta(max_length=1024)]

CREATE: Final = "create"
RETRIEVE: Final = "retrieve"
UPDATE: Final = "update"
DELETE: Final = "delete"


def user_path(user_id: str) -> str:
    """Return the path that tells which cluster a user's keys are with."""
    return f"/kms/{user_id}"


# ---- messages ------------------------------------------------------------------------------------------------------


class EcJwk(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="kty", tag="EC"):
    """A public key on P-256; coordinates are base64url."""

    crv: str
    x: str
    y: str
    kid: str | None = None


class OctJwk(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="kty", tag="oct"):
    """The key of texts; `k` is base64url of 32 bytes."""

    k: KeyMaterial
    kid: str | None = None
    alg: str | None = None


class Credential(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, rename="camel"):
    """Who asks: the bearer is an access token without its scheme."""

    bearer: AccessToken
    user_id: str | None = None
    on_behalf_of: str | None = None


class Client(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """The device that asks, by its URL: answers go to its socket alone."""

    client_id: _Uri
    credential: Credential


class Request(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, rename="camel"):
    """What is asked; which of the members below `client` are there depends on what it is about."""

    method: str
    uri: _Uri
    request_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    client: Client
    jwk: EcJwk | None = None
    count: int | None = None
    resource_uri: _Uri | None = None
    user_ids: list[str] | None = None
    key_uris: list[_Uri] | None = None
    assigned_org_id: str | None = None


class KeyObject(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, rename="camel"):
    """A key of texts, or the other half of a channel; instants are ISO 8601."""

    uri: _Uri
    jwk: EcJwk | OctJwk
    user_id: str | None = None
    client_id: str | None = None
    create_date: str | None = None
    expiration_date: str | None = None
    bind_date: str | None = None
    resource_uri: str | None = None


class Resource(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, rename="camel"):
    """What keys are bound to, and who may have them."""

    uri: str
    key_uris: list[str] = []
    authorization_uris: list[str] = []


class Authorization(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, rename="camel"):
    """That a user may have the keys of a resource."""

    auth_id: str
    resource_uri: str
    uri: str | None = None


class Answer(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, rename="camel"):
    """What came of a request; a status of 400 and above is a refusal."""

    status: int
    request_id: str
    reason: str | None = None
    error_code: int | None = None
    redirect_uri: str | None = None
    key: KeyObject | None = None
    keys: list[KeyObject] | None = None
    resource: Resource | None = None
    authorizations: list[Authorization] | None = None
    public_key: str | None = None

    @property
    def is_refusal(self) -> bool:
        """Tell whether the key service said no."""
        return self.status >= 400

    @property
    def moved_to(self) -> str | None:
        """Return where the key is instead, as the answer says that it has moved."""
        return self.redirect_uri if self.error_code == MOVED else None


MOVED: Final = 301002
UNKNOWN_KEY: Final = 404002  # R
EXPIRED_CHANNEL: Final = 401003  # R


def parse_request(plain: bytes) -> Request:
    """Read a request; RemoteProtocolError where it breaks its shape."""
    return codec.decode(plain, Request, "kms request")


def parse_answer(plain: bytes) -> Answer:
    """Read an answer; RemoteProtocolError where it breaks its shape."""
    return codec.decode(plain, Answer, "kms answer")


def parse_event(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the wrapped answers of an `encryption.kms_message`.

    Raises:
        RemoteProtocolError: there are none, too many, or something else than texts.
    """
    encryption = data.get("encryption")
    messages = encryption.get(KMS_MESSAGES) if isinstance(encryption, dict) else None
    if isinstance(messages, list) and 1 <= len(messages) <= EVENT_MESSAGES_MAX:
        texts = [message.reveal() if isinstance(message, Secret) else message for message in messages]
        if all(isinstance(text, str) for text in texts):
            return tuple(texts)
    raise RemoteProtocolError(f"data.encryption.{KMS_MESSAGES}", f"1 to {EVENT_MESSAGES_MAX} texts")


def event_data(messages: Sequence[str]) -> dict[str, Any]:
    """Build the `data` of the event that brings answers; no trace shows them."""
    hidden = [Secret(SEALED, message) for message in messages]
    return {"eventType": KMS_MESSAGE, "encryption": {KMS_MESSAGES: hidden}}


class Post(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """Body of the HTTP request that carries wrapped requests to a cluster."""

    destination: str
    kms_messages: Annotated[list[str], msgspec.Meta(min_length=1, max_length=EVENT_MESSAGES_MAX)]


def is_signed(message: str) -> bool:
    """Tell whether a wrapped answer is signed, not sealed: three parts instead of five."""
    return message.count(".") == 2


def channel_of(message: str) -> str:
    """Return the URI of the channel that a message was sealed for; RemoteProtocolError if it names none."""
    kid = header_of(message, "kms message").get("kid")
    if not isinstance(kid, str) or not host_of(kid):
        raise RemoteProtocolError("kms message header", "kid is the URI of a channel")
    return kid


def read_key(key: KeyObject | None, url: str) -> SharedKey:
    """Make the key of texts out of what was answered to the request for `url`.

    Raises:
        RemoteProtocolError: no key, another one, or none of 32 bytes.
    """
    if key is None or not isinstance(key.jwk, OctJwk):
        raise RemoteProtocolError("kms answer.key", "a key of kty oct")
    if key.uri != url:
        raise RemoteProtocolError("kms answer.key.uri", "the key that was asked for")
    secret = unb64url(key.jwk.k.reveal(), "kms answer.key.jwk.k")
    if len(secret) != KEY_BYTES:
        raise RemoteProtocolError("kms answer.key.jwk.k", f"{KEY_BYTES} bytes")
    return SharedKey(secret)


def key_jwk(uri: str, secret: bytes) -> OctJwk:
    """Build the JWK of a key of texts."""
    return OctJwk(k=KeyMaterial(b64url(secret)), kid=uri)


# ---- the channel ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Channel:
    """An agreed key with its URI, and when it ends."""

    uri: str
    key: SharedKey
    expires: datetime


class Ephemeral:
    """One side's half of an agreement.

    Args:
        drawn: 40 bytes of entropy or more, or the scalar itself as a number.
    """

    __slots__ = ("_private", "jwk")

    def __init__(self, drawn: bytes | int) -> None:
        scalar = drawn if isinstance(drawn, int) else int.from_bytes(drawn, "big") % (_ORDER - 1) + 1
        self._private = ec.derive_private_key(scalar, CURVE)
        numbers = self._private.public_key().public_numbers()
        self.jwk = EcJwk(crv="P-256", x=b64url(numbers.x.to_bytes(32, "big")), y=b64url(numbers.y.to_bytes(32, "big")))

    def agree(self, other: EcJwk) -> bytes:
        """Return the key that both halves give.

        Raises:
            RemoteProtocolError: the other half is no point of the curve.
        """
        return derive(self._private.exchange(ec.ECDH(), _public(other)))


def derive(shared: bytes) -> bytes:
    """Make the key of a channel out of the x coordinate that was agreed on."""
    return HKDF(hashes.SHA256(), length=KEY_BYTES, salt=bytes(32), info=b"").derive(shared)


def _public(jwk: EcJwk) -> ec.EllipticCurvePublicKey:
    where = "kms.key.jwk"
    x, y = unb64url(jwk.x, where), unb64url(jwk.y, where)
    if jwk.crv == "P-256" and len(x) <= 32 and len(y) <= 32:
        try:
            numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), CURVE)
            return numbers.public_key()
        except ValueError:
            pass
    raise RemoteProtocolError(where, "a point of P-256")


def open_channel(answer: Answer, mine: Ephemeral) -> Channel:
    """Make the channel out of the answer to the request for one.

    Raises:
        RemoteProtocolError: no half of a key, no URI, or no end.
    """
    key = answer.key
    if key is None or not isinstance(key.jwk, EcJwk) or not host_of(key.uri):
        raise RemoteProtocolError("kms answer.key", "a key of kty EC with a kms: URI")
    expires = parse_instant(key.expiration_date or "", "kms answer.key.expirationDate")
    return Channel(key.uri, SharedKey(mine.agree(key.jwk), key.uri), expires)
