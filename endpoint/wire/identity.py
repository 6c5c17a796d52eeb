"""Tokens: their shape, the exchanges with the identity service, and when to refresh.

Source: protocol/cloud-services.md 8.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final
from urllib.parse import parse_qsl, urlencode

import msgspec

from endpoint.wire.codec import convert, decode
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError
from endpoint.wire.secret import AccessToken, RefreshToken

GRANT_PATH: Final = "/idb/oauth2/v1/access_token"  # below the idbroker base; protocol/cloud-services.md 8.2
REVOKE_PATH: Final = "/idb/oauth2/v1/revoke"

GRANT_REFRESH: Final = "refresh_token"
GRANT_SCOPE_REDUCTION: Final = "urn:cisco:oauth:grant-type:scope-reduction"
GRANT_CLIENT_CREDENTIALS: Final = "client_credentials"
GRANT_AUTHORIZATION_CODE: Final = "authorization_code"

INVALID_REQUEST: Final = "invalid_request"
INVALID_CLIENT: Final = "invalid_client"
INVALID_GRANT: Final = "invalid_grant"  # answer to a refresh: the account is gone, fall back to the setup state
UNAUTHORIZED_CLIENT: Final = "unauthorized_client"
UNSUPPORTED_GRANT_TYPE: Final = "unsupported_grant_type"
INVALID_SCOPE: Final = "invalid_scope"

REFRESH_FRACTION_MIN: Final = 0.60  # protocol/cloud-services.md 8.2, D
REFRESH_FRACTION_MAX: Final = 0.90

FORM_MEMBERS_MAX: Final = 32
FORM_BYTES_MAX: Final = 65_536


def make_token(opaque: str, cluster: str, org_id: str) -> AccessToken:
    """Build a token from which clients can read their organization: `<opaque>_<cluster>_<org>`.

    Raises:
        LocalProtocolError: a part is empty or has an underscore, which would move the organization.
    """
    parts = (opaque, cluster, org_id)
    if not all(parts) or any("_" in part for part in parts):
        raise LocalProtocolError("a token has exactly three parts, none empty and none with an underscore")
    return AccessToken("_".join(parts))


def org_of(token: AccessToken) -> str | None:
    """Read the organization out of a token: claim `realm` of a JWT, else the last of exactly three parts at `_`.

    None if there is neither; a client then never asks for catalogues. A JWT is not verified: it is the client's own.
    """
    text = token.reveal()
    realm = _realm(text)
    if realm is not None:
        return realm
    parts = text.split("_")
    return parts[2] if len(parts) == 3 and parts[2] else None


class _Claims(msgspec.Struct):
    realm: str = ""


def _realm(text: str) -> str | None:
    parts = text.split(".")
    if len(parts) != 3 or not text.startswith("eyJ"):
        return None
    try:
        payload = base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_", validate=True)
        return decode(payload, _Claims, "token").realm or None
    except (binascii.Error, ValueError, RemoteProtocolError):
        return None


class Token(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A token object, as the identity service answers it and as it is kept.

    Lives are given in seconds (`..._in`) or as instants in epoch milliseconds; `dated` turns the first into the second.
    """

    access_token: AccessToken
    token_type: str = ""
    expires_in: int | float | None = None
    expires: int | None = None
    refresh_token: RefreshToken | None = None
    refresh_token_expires_in: int | float | None = None
    refresh_token_expires: int | None = None
    scope: str | None = None

    def dated(self, now_ms: int) -> Token:
        """Return the token with both expiries as instants, counted from `now_ms`."""
        return msgspec.structs.replace(
            self,
            expires=_instant(self.expires, self.expires_in, now_ms),
            expires_in=None,
            refresh_token_expires=_instant(self.refresh_token_expires, self.refresh_token_expires_in, now_ms),
            refresh_token_expires_in=None,
        )

    def remaining_s(self, now_ms: int) -> float:
        """Return the seconds that a dated access token still lives; negative when it is over."""
        if self.expires is None:
            raise LocalProtocolError("the life of a token is read after it was dated")
        return (self.expires - now_ms) / 1000


def _instant(instant_ms: int | None, life_s: float | None, now_ms: int) -> int | None:
    if life_s is not None:
        return now_ms + int(life_s * 1000)
    return instant_ms


LIFE_S_MAX: Final = 10 * 366 * 86_400  # an invented bound: longer lives are mistaken units


def parse_token(body: bytes) -> Token:
    """Read the answer of the token endpoint.

    Raises:
        RemoteProtocolError: not a token object; not of type Bearer; no life, or one that no clock can count.
    """
    token = decode(body, Token, "token")
    return check_token(token)


def check_token(token: Token) -> Token:
    """Return a decoded token object if it is usable; errors as in `parse_token`. For objects nested in other messages."""
    if not token.access_token.reveal():
        raise RemoteProtocolError("token.access_token", "not empty")
    if token.token_type.lower() not in ("bearer", ""):
        raise RemoteProtocolError("token.token_type", "Bearer")
    if token.expires is None and token.expires_in is None:
        raise RemoteProtocolError("token.expires_in", "present, or expires")
    for name in ("expires_in", "refresh_token_expires_in"):
        life = getattr(token, name)
        if life is not None and not 0 <= life <= LIFE_S_MAX:
            raise RemoteProtocolError(f"token.{name}", f"seconds, 0..{LIFE_S_MAX}")
    for name in ("expires", "refresh_token_expires"):
        instant = getattr(token, name)
        if instant is not None and not 0 <= instant < 2**53:
            raise RemoteProtocolError(f"token.{name}", "milliseconds since 1970")
    return token


def renewed(stored: Token, answer: Token) -> Token:
    """Return the token to keep after a refresh; both are dated. An absent refresh token keeps the stored one.

    Raises:
        RemoteProtocolError: the new access token equals the old one.
    """
    if answer.access_token == stored.access_token:
        raise RemoteProtocolError("token.access_token", "another one than before the refresh")
    if answer.refresh_token is not None:
        return answer
    return msgspec.structs.replace(
        answer, refresh_token=stored.refresh_token, refresh_token_expires=stored.refresh_token_expires
    )


def refresh_delay_s(remaining_s: float, fraction: float) -> float:
    """Return in how many seconds a token is refreshed: at `fraction` of its remaining life, at once when it is over.

    Raises:
        LocalProtocolError: the fraction was not drawn from 0.60..0.90.
    """
    if not REFRESH_FRACTION_MIN <= fraction <= REFRESH_FRACTION_MAX:
        raise LocalProtocolError("a token is refreshed at 60 to 90 % of its remaining life")
    return max(0.0, remaining_s * fraction)


def refresh_form(token: RefreshToken, *, client_id: str = "", redirect_uri: str = "") -> bytes:
    """Build the form that asks for a new access token. The refresh token is written in clear: this is the wire."""
    members = {
        "grant_type": GRANT_REFRESH,
        "redirect_uri": redirect_uri,
        "refresh_token": token.reveal(),
        "client_id": client_id,
    }
    return urlencode({name: value for name, value in members.items() if value}).encode()


class TokenRequest(msgspec.Struct, kw_only=True, frozen=True):
    """A form sent to the token or revoke endpoint; members that a grant does not use are None."""

    grant_type: str = ""
    refresh_token: RefreshToken | None = None
    token: AccessToken | None = None
    scope: str = ""
    client_id: str = ""
    redirect_uri: str = ""
    code: str = ""
    self_contained_token: str = ""
    token_type_hint: str = ""


def parse_token_form(body: bytes) -> TokenRequest:
    """Read a form of the token or revoke endpoint; unknown members are ignored.

    Raises:
        RemoteProtocolError: too long, not text in UTF-8, or a member twice (RFC 6749, 3.2).
    """
    if len(body) > FORM_BYTES_MAX:
        raise RemoteProtocolError("form", f"at most {FORM_BYTES_MAX} bytes")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FORM_MEMBERS_MAX, errors="strict")
    except ValueError:
        raise RemoteProtocolError("form", f"UTF-8, at most {FORM_MEMBERS_MAX} members") from None
    members = dict(pairs)
    if len(members) != len(pairs):
        raise RemoteProtocolError("form", "each member once")
    return convert({name: value for name, value in members.items() if value}, TokenRequest, "form")


class OAuthError(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The body of a refusal (400 as a rule): `error` is one of the names above."""

    error: str
    error_description: str = ""
    error_uri: str = ""


def bearer(token: AccessToken) -> str:
    """Return the value of the `authorization` header, in clear."""
    return "Bearer " + token.reveal()


def parse_bearer(value: str, where: str = "authorization") -> AccessToken:
    """Read the token out of an `authorization` value.

    Raises:
        RemoteProtocolError: another scheme, or no token.
    """
    scheme, _, token = value.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or " " in token:
        raise RemoteProtocolError(where, "Bearer <token>")
    return AccessToken(token)
