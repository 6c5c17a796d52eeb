"""The device's requests as the cloud reads them: what is wrong with them has a code of the error table.

Source: protocol/activation-and-media.md 2.6 and 2.9. Label: ours.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, TypeVar

from endpoint.wire import codec, srp
from endpoint.wire.activation.code import is_activation_id
from endpoint.wire.activation.messages import member_bytes, open_message
from endpoint.wire.activation.rules import BODY_BYTES_MAX, ERRORS, PUBLIC_BYTES
from endpoint.wire.envelope import OAUTH_DATA, REGISTER_DATA, BadEnvelope, BadMac, Kind, Sealed, SessionKeys
from endpoint.wire.errors import RemoteProtocolError

T = TypeVar("T")


class RequestRefused(RemoteProtocolError):
    """A request of the device that the cloud must refuse.

    The answer is the row of `ERRORS` and nothing of this exception's text, so that no two causes of one code can be told apart.

    Attributes:
        code: key of `ERRORS`.
    """

    def __init__(self, code: str, where: str) -> None:
        self.code = code
        super().__init__(where, ERRORS[code].when)


@dataclass(frozen=True, slots=True)
class SealedRequest:
    """The body of an invoke or register as the cloud reads it.

    Its members are checked one by one, on demand, because the cloud's own state is consulted in between: the order of checks is the
    order of the error table (`ERRORS`).

    Attributes:
        session: key of the challenge that srpB names (`challenge_key`), None if srpB cannot name any.
    """

    session: bytes | None
    _members: dict[str, Any]
    _kind: Kind

    def client_public(self) -> bytes:
        """Return A of an invoke.

        Raises:
            RequestRefused: `srp.bad_parameter`: srpA or srpB is not base64 of 384 bytes, or not 0 < A < N.
        """
        value = member_bytes(self._members, "srpA")
        if value is None or self.session is None:
            raise RequestRefused("srp.bad_parameter", "srpA" if value is None else "srpB")
        try:
            srp.GROUP.check_public(value, "srpA")
        except RemoteProtocolError:
            raise RequestRefused("srp.bad_parameter", "srpA") from None
        return value

    def open(self, keys: SessionKeys, message: type[T]) -> T:
        """Open the sealed field.

        Raises:
            RequestRefused: `srp.proof_failed` (invoke) or `register.proof_failed` if the MAC does not fit, `srp.bad_envelope` for
                everything else that is wrong with the field.
        """
        blob, mac = member_bytes(self._members, self._kind.name), member_bytes(self._members, f"{self._kind.name}HMAC")
        if blob is None or mac is None:
            raise RequestRefused("srp.bad_envelope", self._kind.name)
        try:
            return open_message(keys, self._kind, Sealed(blob, mac), message)
        except BadMac as error:
            code = "srp.proof_failed" if self._kind is OAUTH_DATA else "register.proof_failed"
            raise RequestRefused(code, error.where) from None
        except BadEnvelope as error:
            raise RequestRefused("srp.bad_envelope", error.where) from None


def challenge_key(server_public: bytes) -> bytes:
    """Compute the key under which the cloud keeps a challenge: SHA-256(PAD(B))."""
    return hashlib.sha256(server_public).digest()


def read_challenge_request(data: bytes) -> str:
    """Read the body of step 1: the activationId.

    Raises:
        RequestRefused: `http.too_large`, `http.media_type` (no JSON object) or `code.malformed` (not 8 ASCII digits).
    """
    activation_id = _members(data).get("activationId")
    if not is_activation_id(activation_id):
        raise RequestRefused("code.malformed", "activationId")
    return activation_id


def read_invoke_request(data: bytes) -> SealedRequest:
    """Read the body of step 2.

    Raises:
        RequestRefused: `http.too_large` or `http.media_type`; the members are checked later.
    """
    return _sealed_request(data, OAUTH_DATA)


def read_register_request(data: bytes) -> SealedRequest:
    """Read the body of step 3; errors as `read_invoke_request`."""
    return _sealed_request(data, REGISTER_DATA)


def _sealed_request(data: bytes, kind: Kind) -> SealedRequest:
    members = _members(data)
    server_public = member_bytes(members, "srpB")
    if server_public is None or len(server_public) != PUBLIC_BYTES:
        return SealedRequest(None, members, kind)
    return SealedRequest(challenge_key(server_public), members, kind)


def _members(data: bytes) -> dict[str, Any]:
    if len(data) > BODY_BYTES_MAX:
        raise RequestRefused("http.too_large", "body")
    try:
        return codec.decode(data, dict[str, Any])
    except RemoteProtocolError:
        raise RequestRefused("http.media_type", "body") from None
