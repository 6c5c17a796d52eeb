"""What the https door shows: a good certificate, or a bad one where a fault asks for it.

The client names the host it wants before the handshake (SNI), so a fault can be aimed at one host and shows a real certificate that is
expired, not yet valid, for another name, of an authority that nobody knows, or of one that inspects TLS. A session
that was begun before the fault is not resumed: it would hide the certificate.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import timedelta

from cloud_stub.platform.hosts import Hosts
from endpoint.runtime.clock import Clock
from endpoint.runtime.faults import Faults
from endpoint.runtime.tls import Authority, server_context

DOES = frozenset({"expired", "not_yet_valid", "wrong_name", "unknown_ca", "intercept", "abort", "old_version"})
"""What a fault on `tls` can do here."""
DAY = timedelta(days=1)
BAD_MAX = 64
"""Bad certificates kept; one is made per host and kind."""


class Certificates:
    """The certificates of one door."""

    def __init__(
        self, authority: Authority, hosts: Hosts, clock: Clock, faults: Faults, inspector: Callable[[str], Authority]
    ) -> None:
        self._authority = authority
        self._hosts = hosts
        self._clock = clock
        self._faults = faults
        self._inspector = inspector
        self._stranger: Authority | None = None
        self._bad: dict[tuple[str, str], ssl.SSLContext] = {}
        self.context = authority.server_context(hosts.certificate_names())
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, host: str | None, context: ssl.SSLContext) -> int | None:
        """Let a fault take the certificate of a handshake that is under way; an alert number ends it."""
        if not self._faults.armed:
            return None
        services = sorted(self._hosts.services_at(host or ""))
        for service in services or [""]:
            fault = self._faults.hit("tls", at="door", host=host or "", service=service)
            if fault is not None and fault.do == "abort":
                return ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
            if fault is not None and fault.do == "old_version":  # what a server answers that speaks TLS 1.1 at best
                return ssl.ALERT_DESCRIPTION_PROTOCOL_VERSION
            if fault is not None and fault.do in DOES:
                kind = f"{fault.do} {fault.params.get('ca', 'untrusted')}" if fault.do == "intercept" else fault.do
                connection.context = self._bad_one(kind, host or "localhost")
                return None
        return None

    def _bad_one(self, kind: str, host: str) -> ssl.SSLContext:
        found = self._bad.get((kind, host))
        if found is None:
            if len(self._bad) >= BAD_MAX:
                self._bad.pop(next(iter(self._bad)))
            found = self._bad[kind, host] = server_context(*self._issue(kind, host))
        return found

    def _issue(self, kind: str, host: str) -> tuple[str, str]:
        now = self._clock.now()
        if kind == "expired":
            return self._authority.issue([host], not_before=now - 30 * DAY, not_after=now - DAY)
        if kind == "not_yet_valid":
            return self._authority.issue([host], not_before=now + DAY, not_after=now + 30 * DAY)
        if kind.startswith("intercept "):
            return self._inspector(kind.partition(" ")[2]).issue([host])
        if kind == "wrong_name":
            return self._authority.issue(["somebody-else.example"])
        if self._stranger is None:
            self._stranger = Authority("a stranger")
        return self._stranger.issue([host])
