"""The activation's messages as their sender builds them, and the plaintexts of their sealed fields.

Source: protocol/activation-and-media.md 2.3. Shapes of steps 1 and 2 are observed, those of step 3 and all plaintexts are ours.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

import msgspec

from endpoint.wire import codec
from endpoint.wire.activation.rules import ERRORS
from endpoint.wire.envelope import BadEnvelope, Kind, Sealed, SessionKeys
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.identity import Token

T = TypeVar("T")

VERSION: Final = "v1.0"
SRP_GROUP: Final = "3072"
CLIENT_ID: Final = "roomsim-device"
DEFAULT_SCOPE: Final = "spark:all spark:kms"


class Message(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, rename="camel"):
    """Base of the activation's messages: camel case on the wire, optional members left out."""


class ChallengeRequest(Message, kw_only=True, frozen=True):
    """Body of step 1."""

    activation_id: str


class ChallengeReply(Message, kw_only=True, frozen=True):
    """Reply of step 1; the binary members are base64."""

    srp_b: str
    url: str
    version: str
    srp_group: str
    srp_s: str

    @classmethod
    def of(cls, server_public: bytes, salt: bytes, url: str) -> ChallengeReply:
        """Build the reply from B, the salt and the url to invoke."""
        encode = codec.b64encode
        return cls(srp_b=encode(server_public), url=url, version=VERSION, srp_group=SRP_GROUP, srp_s=encode(salt))


class InvokeRequest(Message, kw_only=True, frozen=True):
    """Body of step 2."""

    srp_a: str
    oauth_data_hmac: str = msgspec.field(name="oauthDataHMAC")
    srp_b: str
    oauth_data: str

    @classmethod
    def of(cls, client_public: bytes, server_public: bytes, sealed: Sealed) -> InvokeRequest:
        """Build the body from A, the echoed B and the sealed oauthData."""
        a, mac, b, blob = map(codec.b64encode, (client_public, sealed.mac, server_public, sealed.blob))
        return cls(srp_a=a, oauth_data_hmac=mac, srp_b=b, oauth_data=blob)


class ServiceReply(Message, kw_only=True, frozen=True):
    """Reply of step 2."""

    service_data: str
    service_data_hmac: str = msgspec.field(name="serviceDataHMAC")
    url: str

    @classmethod
    def of(cls, sealed: Sealed, url: str) -> ServiceReply:
        """Build the reply from the sealed serviceData and the url to register at."""
        blob, mac = map(codec.b64encode, (sealed.blob, sealed.mac))
        return cls(service_data=blob, service_data_hmac=mac, url=url)


class RegisterRequest(Message, kw_only=True, frozen=True):
    """Body of step 3."""

    srp_b: str
    register_data: str
    register_data_hmac: str = msgspec.field(name="registerDataHMAC")

    @classmethod
    def of(cls, server_public: bytes, sealed: Sealed) -> RegisterRequest:
        """Build the body from the echoed B and the sealed registerData."""
        b, blob, mac = map(codec.b64encode, (server_public, sealed.blob, sealed.mac))
        return cls(srp_b=b, register_data=blob, register_data_hmac=mac)


class ConfigReply(Message, kw_only=True, frozen=True):
    """Reply of step 3."""

    config_data: str
    config_data_hmac: str = msgspec.field(name="configDataHMAC")

    @classmethod
    def of(cls, sealed: Sealed) -> ConfigReply:
        """Build the reply from the sealed configData."""
        blob, mac = map(codec.b64encode, (sealed.blob, sealed.mac))
        return cls(config_data=blob, config_data_hmac=mac)


class RefusalBody(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Body of every refusal; `error` is a key of `ERRORS`, `attemptsLeft` comes with `srp.proof_failed` only."""

    error: str
    error_description: str = ""
    tracking_id: str = msgspec.field(default="", name="trackingId")
    attempts_left: int | None = msgspec.field(default=None, name="attemptsLeft")

    @classmethod
    def of(cls, code: str, tracking_id: str, attempts_left: int | None = None) -> RefusalBody:
        """Build the body for a key of `ERRORS`."""
        when = ERRORS[code].when
        return cls(error=code, error_description=when, tracking_id=tracking_id, attempts_left=attempts_left)


# Plaintexts inside the sealed fields

Uuid = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")]


class OauthData(Message, kw_only=True, frozen=True):
    """Who asks for tokens: the device as in its WDM body and its xStatus."""

    client_id: str = msgspec.field(name="client_id")
    scope: str
    device_identifier: Uuid
    model: str
    serial: str
    software_version: str


class ServiceData(Message, kw_only=True, frozen=True):
    """What the device needs to go on: tokens, base urls by service name (`u2c` at least), trust anchors as PEM, its identity."""

    token: Token
    services: dict[str, str]
    certificates: tuple[str, ...]
    org_id: Uuid
    user_id: Uuid

    def __post_init__(self) -> None:
        if "u2c" not in self.services:
            raise ValueError("a service named u2c")
        if self.token.refresh_token is None:
            raise ValueError("a token that can be refreshed")


class RegisterData(Message, kw_only=True, frozen=True):
    """The device introduces itself with its proven keys."""

    device_identifier: Uuid
    model: str
    serial: str
    name: str | None = None
    software_version: str | None = None

    def is_same_device(self, asked: OauthData) -> bool:
        """Tell whether this is the device that asked for the tokens; if not: `register.mismatch`."""
        mine = (self.device_identifier, self.model, self.serial)
        return mine == (asked.device_identifier, asked.model, asked.serial)


class ConfigData(Message, kw_only=True, frozen=True):
    """First configuration of the device; also the plain body of a later refresh.

    Attributes:
        trust_list: whatever came as `trustList`: PEM strings if the peer is right, `msgspec.UNSET` if the member is absent, which
            has a meaning of its own. `trust_items` tells the cases apart.
        service_certificates: those of serviceData, renewed; an addition of ours, only where they are.
        device_id: the device as the public API and `xStatus Webex DeveloperId` know it; an addition of ours.
    """

    trust_list: Any = msgspec.UNSET
    service_certificates: tuple[str, ...] = ()
    workspace_id: str | None = None
    display_name: str | None = None
    device_id: str | None = None

    @property
    def has_trust_list(self) -> bool:
        """Tell whether the member is there at all (log lines L05 and L06 if not)."""
        return self.trust_list is not msgspec.UNSET

    @property
    def trust_items(self) -> list[object] | None:
        """Return the members of the trust list, unchecked; None if it is absent or not an array (log line R29)."""
        return self.trust_list if isinstance(self.trust_list, list) else None


def open_message(keys: SessionKeys, kind: Kind, sealed: Sealed, message: type[T]) -> T:
    """Open a sealed field and read its JSON.

    Raises:
        BadMac: the MAC does not fit; nothing was decrypted.
        BadEnvelope: lengths, or after a good MAC padding, JSON or members are wrong.
    """
    plaintext = keys.open(kind, sealed)
    try:
        return codec.decode(plaintext, message, kind.name)
    except RemoteProtocolError as error:
        raise BadEnvelope(error.where, error.rule) from None


def member_bytes(members: dict[str, Any], name: str) -> bytes | None:
    """Return a base64 member of a received object as bytes; None if it is missing, no string or not strict base64."""
    text = members.get(name)
    try:
        return codec.b64decode_strict(text, name) if isinstance(text, str) else None
    except RemoteProtocolError:
        return None
