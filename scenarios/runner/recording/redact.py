"""Taking secrets out of what was said: by what a member is, not by how it looks.

A member of a known name, a header of a known name, and a compact JWE are replaced by `<kind#n>`; whatever was learned so is replaced
wherever else it stands. What is secret by another name is caught by `secretcheck`, which refuses the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import msgspec

from endpoint.wire.identity import org_of
from endpoint.wire.meeting import is_cipher_text
from endpoint.wire.secret import AccessToken, Secret

MEMBERS: Final[Mapping[str, str]] = {
    "access_token": "access_token", "accesstoken": "access_token", "bearer": "access_token", "token": "access_token",
    "id_token": "id_token", "authorization": "access_token", "refresh_token": "refresh_token", "refreshtoken": "refresh_token",
    "client_secret": "client_secret", "clientsecret": "client_secret", "assertion": "assertion", "jwt": "access_token",
    "password": "password", "passphrase": "password", "passcode": "pin", "pin": "pin", "hostpin": "pin", "tones": "pin",
    "hostkey": "pin", "meetingpassword": "pin", "phoneandvideosystempassword": "pin",
    "secret": "secret", "apikey": "api_key", "api_key": "api_key",
    "signature": "signature", "cookie": "cookie", "set-cookie": "cookie", "proxy-authorization": "proxy_credential",
    "privatekey": "key", "private_key": "key", "sdp": "sdp", "sdps": "sdp", "localsdp": "sdp", "remotesdp": "sdp",
    "sealed": "sealed", "kmsmessages": "sealed", "kmsmessage": "sealed",
    "srpa": "srp_a", "srpb": "srp_b", "srps": "srp_salt", "oauthdata": "envelope", "oauthdatahmac": "mac", "servicedata": "envelope",
    "servicedatahmac": "mac", "registerdata": "envelope", "registerdatahmac": "mac", "configdata": "envelope", "configdatahmac": "mac",
    "x-auth-token": "access_token", "x-api-key": "api_key", "www-authenticate-secret": "secret",
}  # fmt: skip
"""Names of members, headers and form fields, in lower case, that hold secrets; and what kind of secret it is."""
OPEN_KINDS: Final = frozenset({"sealed", "envelope", "mac", "srp_a", "srp_b", "srp_salt"})
"""What anybody on the line may see, and tells nothing; it is replaced because it is another in each run."""
NUMBERS: Final = frozenset({"pin", "password"})
"""Kinds that some write as a number."""
KEY_MEMBERS: Final = frozenset({"k", "d", "p", "q", "dp", "dq", "qi"})
"""Private members of a JWK: RFC 7518, 6."""
SCHEMES: Final = ("Bearer ", "Basic ", "Digest ")
SWEPT_CHARS_MIN: Final = 8
"""Secrets from this length on are also replaced inside other texts; a short PIN would hit what is none."""
DEPTH_MAX: Final = 64


def is_placeholder(text: str) -> bool:
    """Tell whether a text is what stands for a secret, with or without a scheme before it."""
    for scheme in SCHEMES:
        text = text.removeprefix(scheme)
    return re.fullmatch(r"<[a-z_]+#\d+>", text) is not None


class Redactor:
    """Replace the secrets of one recording.

    Args:
        number: gives the placeholder of a secret, the same for the same value.
    """

    def __init__(self, number: Callable[[Secret], str]) -> None:
        self._number = number
        self._known: dict[str, str] = {}
        self._secret: set[str] = set()
        self._inner: dict[str, str] = {}
        self._sweep: re.Pattern[str] | None = None
        self.about: dict[str, dict[str, str]] = {}
        """What may be known of secrets, by placeholder."""

    @property
    def known(self) -> frozenset[str]:
        """The secrets that were met, in clear; for the check of what was written."""
        return frozenset(self._secret)

    def learn(self, kind: str, value: str) -> str:
        """Take note of a secret and return its placeholder; a scheme before it stays."""
        if not value or is_placeholder(value):
            return value
        for scheme in SCHEMES:
            if value.startswith(scheme):
                kind, rest = "access_token" if scheme == "Bearer " else "credential", value.removeprefix(scheme)
                return scheme + self._numbered(kind, rest) if rest else value
        return self._numbered(kind, value)

    def _numbered(self, kind: str, value: str) -> str:
        found = self._known.get(value)
        if found is None:
            found = self._known[value] = self._number(Secret(kind, value))
            self._sweep = None
            if kind not in OPEN_KINDS:
                self._secret.add(value)
            organization = org_of(AccessToken(value)) if kind == "access_token" else None
            if organization:
                self.about[found] = {"org": organization}
        return found

    def plain(self, sealed: str, plain: str) -> str:
        """Return what a sealed text says, without its secrets: whatever stood in a member for a PIN is one."""
        kind = self._inner.get(sealed)
        return self.learn(kind, plain) if kind is not None else plain

    def value(self, value: Any, name: str = "", depth: int = 0) -> Any:
        """Return JSON without its secrets; `name` is the member that it is the value of."""
        kind = MEMBERS.get(name.lower())
        if isinstance(value, str):
            if is_cipher_text(value):
                if kind is not None and kind not in OPEN_KINDS:
                    self._inner[value] = kind
                return self.learn("sealed", value)
            return self.learn(kind, value) if kind is not None else value
        if depth > DEPTH_MAX:
            return "<too deep>"
        if isinstance(value, list):
            return [self.value(item, name, depth + 1) for item in value]
        if isinstance(value, dict):
            is_key = "kty" in value
            return {
                key: self.learn("key", item)
                if is_key and key in KEY_MEMBERS and isinstance(item, str)
                else self.value(item, key, depth + 1)
                for key, item in value.items()
            }
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return self.learn(kind, str(value)) if kind in NUMBERS and is_number else value

    def headers(self, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return headers without their secrets."""
        return [(name, str(self.value(value, name))) for name, value in headers]

    def body(self, text: str, mime: str) -> str:
        """Return a body without its secrets: JSON and forms by their members, every other as it is."""
        if "x-www-form-urlencoded" in mime:
            return self._members(text)
        try:
            found = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return text
        return msgspec.json.encode(self.value(found)).decode()

    def url(self, url: str) -> str:
        """Return a URL without the secrets of its query."""
        path, question, query = url.partition("?")
        if not question:
            return url
        found = parse_qsl(query, keep_blank_values=True)
        if all(MEMBERS.get(name.lower()) is None for name, _ in found):
            return url
        return f"{path}?{self._members(query)}"

    def _members(self, text: str) -> str:
        found = [(name, self.value(value, name)) for name, value in parse_qsl(text, keep_blank_values=True)]
        return urlencode(found, safe="<>#")

    def swept(self, text: str) -> str:
        """Return a text in which every secret that was learned is replaced, wherever it stands."""
        if self._sweep is None:
            long = sorted((value for value in self._known if len(value) >= SWEPT_CHARS_MIN), key=len, reverse=True)
            self._sweep = re.compile("|".join(map(re.escape, long)) or r"(?!)")
        return self._sweep.sub(lambda found: self._known[found[0]], text)
