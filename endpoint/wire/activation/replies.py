"""The cloud's replies as the device reads them: nothing is acted on before it was checked.

Source: protocol/activation-and-media.md 2.7. Label: ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from endpoint.wire import codec, srp
from endpoint.wire.activation.messages import (
    SRP_GROUP,
    VERSION,
    ConfigData,
    RefusalBody,
    ServiceData,
    member_bytes,
    open_message,
)
from endpoint.wire.activation.rules import (
    BODY_BYTES_MAX,
    FOREIGN_SALT_BYTES_MAX,
    FOREIGN_SALT_BYTES_MIN,
    PROOF_FAILURES_MAX,
    PUBLIC_BYTES,
    SALT_BYTES,
)
from endpoint.wire.conventions import is_url, read_error
from endpoint.wire.envelope import CONFIG_DATA, SERVICE_DATA, BadEnvelope, Kind, Sealed, SessionKeys
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.identity import check_token

RejectReason = Literal["version", "group", "length", "zero", "url"]

_OBJECT: Final = "a JSON object of at most 64 KiB"


class ChallengeRejected(RemoteProtocolError):
    """A reply of the cloud that the device must not act on.

    Attributes:
        reason: the word of the log line: version, group, length, zero or url.
    """

    def __init__(self, reason: RejectReason, where: str, rule: str) -> None:
        self.reason = reason
        super().__init__(where, rule)


@dataclass(frozen=True, slots=True)
class UrlRule:
    """Where a reply may send the device, which has verified nobody's certificate yet.

    Attributes:
        is_secure: the challenge was asked over https, so the next request must be https too.
        domains: hosts or parent domains of the configured cloud: the defaults, an override's host or the air gap domain.
    """

    is_secure: bool
    domains: tuple[str, ...]

    def allows(self, url: str) -> bool:
        """Tell whether a url has the scheme asked for, no credentials, and a host that is or lies under one of the domains."""
        if not is_url(url) or "\\" in url:  # parsers of urls disagree about the host before or after a backslash
            return False
        parts = urlsplit(url)
        if "@" in parts.netloc or parts.scheme not in (("https",) if self.is_secure else ("https", "http")):
            return False
        host = f".{parts.hostname}"
        return any(host.endswith(f".{domain.lower()}") for domain in self.domains)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge that passed all checks: B of 384 bytes, the salt as it came, the url to invoke."""

    server_public: bytes
    salt: bytes
    url: str


def read_challenge_reply(data: bytes, urls: UrlRule, *, strict_salt: bool = True) -> Challenge:
    """Check the reply of step 1: version, group, lengths, 0 < B < N, url, in this order.

    Args:
        data: the body as it came.
        urls: where the next request may go.
        strict_salt: ask for a salt of 256 bytes; False also accepts a foreign one of 16 to 512.

    Raises:
        ChallengeRejected: a check failed; a body that is no JSON object has no version.
    """
    members = _read_object(data)
    if members is None:
        raise ChallengeRejected("version", "body", _OBJECT)
    if members.get("version") != VERSION:
        raise ChallengeRejected("version", "version", VERSION)
    if members.get("srpGroup") != SRP_GROUP:
        raise ChallengeRejected("group", "srpGroup", SRP_GROUP)
    server_public, salt, url = member_bytes(members, "srpB"), member_bytes(members, "srpS"), members.get("url")
    if server_public is None or len(server_public) != PUBLIC_BYTES:
        raise ChallengeRejected("length", "srpB", f"base64 of {PUBLIC_BYTES} bytes")
    low, high = (SALT_BYTES, SALT_BYTES) if strict_salt else (FOREIGN_SALT_BYTES_MIN, FOREIGN_SALT_BYTES_MAX)
    if salt is None or not low <= len(salt) <= high:
        raise ChallengeRejected("length", "srpS", f"base64 of {low} to {high} bytes")
    try:
        srp.GROUP.check_public(server_public, "srpB")
    except RemoteProtocolError as error:
        raise ChallengeRejected("zero", error.where, error.rule) from None
    return Challenge(server_public, salt, _allowed(url, urls))


def read_service_reply(data: bytes, urls: UrlRule) -> tuple[Sealed, str]:
    """Read the reply of step 2: the sealed serviceData and the url to register at.

    Raises:
        BadEnvelope: no JSON object, or a member is missing or not base64.
        ChallengeRejected: the url leads out of the configured cloud (reason url).
    """
    sealed, members = _read_sealed_reply(data, SERVICE_DATA)
    return sealed, _allowed(members.get("url"), urls)


def read_config_reply(data: bytes) -> Sealed:
    """Read the reply of step 3: the sealed configData.

    Raises:
        BadEnvelope: no JSON object, or a member is missing or not base64.
    """
    return _read_sealed_reply(data, CONFIG_DATA)[0]


def open_service_data(keys: SessionKeys, sealed: Sealed) -> ServiceData:
    """Open the serviceData: the cloud has proven that it knows the code if this returns.

    Raises:
        BadMac: the MAC does not fit; nothing was decrypted.
        BadEnvelope: lengths, or after a good MAC padding, JSON or members are wrong.
    """
    data = open_message(keys, SERVICE_DATA, sealed, ServiceData)
    try:
        check_token(data.token)
    except RemoteProtocolError as error:
        raise BadEnvelope(f"{SERVICE_DATA.name}.{error.where}", error.rule) from None
    return data


def open_config_data(keys: SessionKeys, sealed: Sealed) -> ConfigData:
    """Open the configData; errors as in `open_service_data`. A wrong `trustList` is none: it is the trust store's to judge."""
    return open_message(keys, CONFIG_DATA, sealed, ConfigData)


def read_refusal(data: bytes) -> RefusalBody:
    """Read the body of an answer that is not 200; any bytes are accepted, because the status alone is already an answer."""
    body = read_error(data)
    left, tracking_id = body.members.get("attemptsLeft"), body.members.get("trackingId")
    return RefusalBody(
        error=body.text,
        tracking_id=tracking_id if isinstance(tracking_id, str) else "",
        attempts_left=left if type(left) is int and 0 <= left <= PROOF_FAILURES_MAX else None,
    )


def _read_sealed_reply(data: bytes, kind: Kind) -> tuple[Sealed, dict[str, Any]]:
    members = _read_object(data)
    if members is None:
        raise BadEnvelope("body", _OBJECT)
    blob, mac = member_bytes(members, kind.name), member_bytes(members, f"{kind.name}HMAC")
    if blob is None or mac is None:
        raise BadEnvelope(kind.name if blob is None else f"{kind.name}HMAC", "base64")
    return Sealed(blob, mac), members


def _read_object(data: bytes) -> dict[str, Any] | None:
    if len(data) > BODY_BYTES_MAX:
        return None
    try:
        return codec.decode(data, dict[str, Any])
    except RemoteProtocolError:
        return None


def _allowed(url: object, urls: UrlRule) -> str:
    if not isinstance(url, str) or not urls.allows(url):
        raise ChallengeRejected(
            "url", "url", f"{'https' if urls.is_secure else 'http(s)'} under {', '.join(urls.domains)}"
        )
    return url
