"""How a proxy asks who is there, and what a device answers: Basic (RFC 7617) and Digest (RFC 7616).

Challenges are read as RFC 9110 11.6.1 has them: several in one header, several headers, parameters or one token. A device takes Digest
with MD5 and Basic, in this order; NTLM, Kerberos, Negotiate and other digests it cannot do (protocol/activation-and-media.md section 16).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from endpoint.wire.secret import Secret

HEADER_CHARS_MAX: Final = 8_192
CHALLENGES_MAX: Final = 16
"""Challenges read of one answer; what follows is not looked at."""
PARAMETERS_MAX: Final = 32

_HASHES: Final[Mapping[str, Callable[[bytes], str]]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  a token of the grammar
_PARAMETER: Final = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:"((?:[\t !#-\[\]-~]|\\[\t -~])*)"|({_TOKEN}))')
_SCHEME: Final = re.compile(rf"({_TOKEN})(?=[ \t,]|$)")
_TOKEN68: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))")
_BLANK: Final = re.compile(r"[ \t,]*")
_SPACE: Final = re.compile(r"[ \t]*")


class ProxyPassword(Secret):
    """The password of an account at a proxy."""

    __slots__ = ()

    def __init__(self, value: str) -> None:
        super().__init__("proxy_password", value)


class ProxyAuthorization(Secret):
    """The value of a `Proxy-Authorization` header."""

    __slots__ = ()

    def __init__(self, value: str) -> None:
        super().__init__("proxy_authorization", value)


class Challenge(NamedTuple):
    """One way to authenticate that is offered: scheme in lower case, parameters by their names in lower case."""

    scheme: str
    params: Mapping[str, str]

    @property
    def algorithm(self) -> str:
        """The hash of a digest, MD5 where none is named."""
        return self.params.get("algorithm", "MD5").upper()

    @property
    def is_stale(self) -> bool:
        """Say whether only the nonce was too old: the same password is good with the new one."""
        return self.params.get("stale", "").lower() == "true"

    @property
    def shown(self) -> str:
        """The name for the log, with the hash of a digest that is not MD5."""
        name = {"ntlm": "NTLM"}.get(self.scheme, self.scheme.capitalize())
        return name if self.scheme != "digest" or self.algorithm == "MD5" else f"{name} {self.algorithm}"


def parse_challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """Read all `Proxy-Authenticate` headers of an answer; from what breaks the grammar on, a header is not read."""
    found: list[Challenge] = []
    for header in headers:
        found += _parse(header[:HEADER_CHARS_MAX])
    return tuple(found[:CHALLENGES_MAX])


def _parse(text: str) -> list[Challenge]:
    found: list[Challenge] = []
    at = _end(_BLANK, text, 0)
    while at < len(text) and len(found) < CHALLENGES_MAX:
        scheme = _SCHEME.match(text, at)
        if scheme is None:
            break
        at, params = _parameters(text, _end(_SPACE, text, scheme.end()))
        found.append(Challenge(scheme[1].lower(), params))
        at = _end(_BLANK, text, at)
    return found


def _parameters(text: str, at: int) -> tuple[int, dict[str, str]]:
    params: dict[str, str] = {}
    first = _PARAMETER.match(text, at)
    token = _TOKEN68.match(text, at) if first is None else None
    if token is not None and text[at - 1 : at] in (" ", "\t"):
        return token.end(), {"token68": token[0]}
    while (found := _PARAMETER.match(text, at)) is not None and len(params) < PARAMETERS_MAX:
        value = found[3] if found[2] is None else re.sub(r"\\(.)", r"\1", found[2])
        params.setdefault(found[1].lower(), value)
        at = _end(_BLANK, text, found.end())
    return at, params


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()


def choose(challenges: Iterable[Challenge]) -> Challenge | None:
    """Return the offer that a device takes up: Digest with MD5 before Basic; None when it can do none of them."""
    offered = tuple(challenges)
    digest = next((one for one in offered if one.scheme == "digest" and _is_usable(one)), None)
    return digest or next((one for one in offered if one.scheme == "basic"), None)


def _is_usable(challenge: Challenge) -> bool:
    qops = challenge.params.get("qop")
    has_auth = qops is None or "auth" in (word.strip().lower() for word in qops.split(","))
    return challenge.algorithm == "MD5" and "nonce" in challenge.params and has_auth


def authorize(
    challenge: Challenge, login: str, password: ProxyPassword, *, method: str, uri: str, cnonce: str, count: int
) -> ProxyAuthorization:
    """Answer a challenge.

    Args:
        uri: request target: of CONNECT `host:port`.
        cnonce, count: fresh for each nonce and growing with each use of one, for digests.
    """
    if challenge.scheme == "basic":
        pair = f"{login}:{password.reveal()}".encode()
        return ProxyAuthorization(f"Basic {base64.b64encode(pair).decode()}")
    params = challenge.params
    fields = {"username": login, "realm": params.get("realm", ""), "nonce": params["nonce"], "uri": uri}
    if "qop" in params:
        fields |= {"qop": "auth", "nc": f"{count:08x}", "cnonce": cnonce}
    fields["response"] = digest_response(challenge.algorithm, password, method, fields)
    if "opaque" in params:
        fields["opaque"] = params["opaque"]
    if "algorithm" in params:
        fields["algorithm"] = challenge.algorithm
    bare = ("qop", "nc", "algorithm")
    shown = (f"{name}={value}" if name in bare else f"{name}={_quoted(value)}" for name, value in fields.items())
    return ProxyAuthorization("Digest " + ", ".join(shown))


def digest_response(algorithm: str, password: Secret, method: str, fields: Mapping[str, str]) -> str:
    """Compute `response` of a digest (RFC 7616 3.4.1) from the fields of its header.

    Raises:
        KeyError: an unknown algorithm, or a field is missing.
    """
    digest = _HASHES[algorithm]
    secret = digest(f"{fields['username']}:{fields['realm']}:{password.reveal()}".encode())
    request = digest(f"{method}:{fields['uri']}".encode())
    middle = f"{fields['nonce']}"
    if "qop" in fields:
        middle += f":{fields['nc']}:{fields['cnonce']}:{fields['qop']}"
    return digest(f"{secret}:{middle}:{request}".encode())


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
