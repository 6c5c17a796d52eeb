"""How the proxy asks who is there, and whether the answer is good. Basic: RFC 7617; Digest: RFC 7616, with MD5 and SHA-256."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from typing import Final

from cloud_stub.platform.proxy_settings import ProxySettings
from endpoint.wire.proxyauth import Challenge, digest_response, parse_challenges

REALM: Final = "premises"
NONCES_MAX: Final = 256
"""Nonces that are still good; an older one is answered as stale."""
NONCE_USES_MAX: Final = 50
"""Uses of one nonce, after which it is stale."""


class Gatekeeper:
    """Knows the one account of a proxy.

    Args:
        draw_nonce: makes a new nonce.
    """

    def __init__(self, settings: ProxySettings, draw_nonce: Callable[[], str]) -> None:
        self._settings = settings
        self._draw_nonce = draw_nonce
        self._nonces: dict[str, int] = {}

    def challenges(self, schemes: tuple[str, ...], *, is_stale: bool = False) -> list[str]:
        """Return the values of the `Proxy-Authenticate` headers."""
        return [self._challenge(scheme, ", stale=true" if is_stale else "") for scheme in schemes]

    def _challenge(self, scheme: str, stale: str) -> str:
        if scheme == "basic":
            return f'Basic realm="{REALM}", charset="UTF-8"'
        if not scheme.startswith("digest"):
            return {"ntlm": "NTLM"}.get(scheme, scheme.capitalize())
        algorithm = "SHA-256" if scheme == "digest-sha-256" else "MD5"
        return f'Digest realm="{REALM}", qop="auth", algorithm={algorithm}, nonce="{self._nonce()}"{stale}'

    def _nonce(self) -> str:
        nonce = self._draw_nonce()
        if len(self._nonces) >= NONCES_MAX:
            del self._nonces[next(iter(self._nonces))]
        self._nonces[nonce] = 0
        return nonce

    def judge(self, header: str, schemes: tuple[str, ...], method: str, *, knows: bool = True) -> str:
        """Judge a `Proxy-Authorization` header: `good`, `wrong` or `stale`.

        Args:
            knows: False for a proxy whose account has another password now.
        """
        scheme, _, rest = header.partition(" ")
        if scheme.lower() == "basic" and "basic" in schemes:
            return "good" if knows and self._is_basic_good(rest.strip()) else "wrong"
        answers = parse_challenges([header])
        if scheme.lower() != "digest" or not answers:
            return "wrong"
        answer = answers[0]
        offered = "digest" if answer.algorithm == "MD5" else f"digest-{answer.algorithm.lower()}"
        return self._judge_digest(answer, method) if knows and offered in schemes else "wrong"

    def _is_basic_good(self, encoded: str) -> bool:
        try:
            given = base64.b64decode(encoded, validate=True)
        except ValueError:
            return False
        wanted = f"{self._settings.login}:{self._settings.password.reveal()}".encode()
        return hmac.compare_digest(given, wanted)

    def _judge_digest(self, answer: Challenge, method: str) -> str:
        fields, settings = answer.params, self._settings
        try:
            wanted = digest_response(answer.algorithm, settings.password, method, fields)
            is_good = hmac.compare_digest(fields["response"].encode(), wanted.encode())
            is_good = is_good and fields["username"] == settings.login
            nonce, count = fields["nonce"], int(fields.get("nc", "0"), 16)
        except (KeyError, ValueError):
            return "wrong"
        if not is_good:
            return "wrong"
        used = self._nonces.get(nonce)
        if used is None or count <= used or count > NONCE_USES_MAX:
            return "stale"
        self._nonces[nonce] = count
        return "good"
