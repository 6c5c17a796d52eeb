"""Websocket, TLS, clock: rows 12 to 23 of the fault table. Source: protocol/activation-and-media.md section 16."""

from __future__ import annotations

from typing import Final

from endpoint.runtime.field_faults.row import Row, Variant

_NO_SOURCE: Final = (
    {"on": "tcp", "do": "refuse", "target": {"service": "region"}},
    {"on": "tcp", "do": "refuse", "target": {"service": "gds"}},
    {"on": "tcp", "do": "refuse", "target": {"service": "activation"}, "optional": True},
)
"""Nobody is left who tells the time without a certificate."""

ROWS: Final = (
    Row(
        12,
        "websocket.blocked",
        what="the upgrade is answered with 400, REST works",
        log="R50, R53 upgrade refused, back-off 1..32 s",
        shown="WebexNotificationConnectivity E; WS stays Registered",
        people="no incoming calls; meetings only by catch-up (every 15 min while down); Offline after 10 min",
        source="inferred",
        plan=({"on": "mercury", "do": "refuse", "status": 400},),
        scenario="faults/websocket_blocked.yaml",
        variants=(
            Variant(
                "answered_200", "the upgrade is answered with 200", ({"on": "mercury", "do": "refuse", "status": 200},)
            ),
            Variant(
                "stripped",
                "a proxy that opens up TLS (cloud.proxy.intercept: trusted) takes Upgrade out of the request",
                ({"on": "proxy", "do": "strip_upgrade"},),
            ),
            Variant(
                "reset",
                "such a proxy resets connections that ask for an upgrade",
                ({"on": "proxy", "do": "strip_upgrade", "what": "reset"},),
            ),
        ),
    ),
    Row(
        13,
        "websocket.idle_kill",
        what="a middlebox forgets connections without data for 10 s (60 s never comes: the device asks every 15 s)",
        log="R54 (14 s after an unanswered ping; reset: R52 1006 instead), R50",
        shown="WebexNotificationConnectivity E, flapping: a new connection opens at once, and is forgotten in its turn",
        people="gaps of seconds; none or Issues",
        source="documented",
        plan=({"on": "tcp", "do": "idle_cut", "idle": "10s", "target": {"service": "mercury"}},),
        scenario="faults/websocket_idle_kill.yaml",
        variants=(
            Variant(
                "reset",
                "the middlebox resets whoever sends after such a pause",
                ({"on": "tcp", "do": "idle_cut", "idle": "10s", "what": "reset", "target": {"service": "mercury"}},),
            ),
        ),
    ),
    Row(
        14,
        "websocket.4401",
        what="the socket closes with 4401, and the next one with the same token too",
        log="R52 4401, R30, R50",
        shown="none if the refresh works",
        people="none",
        source="documented",
        plan=({"on": "mercury", "do": "auth_refused"}, {"on": "mercury", "do": "close", "code": 4401}),
        scenario="faults/websocket_4401.yaml",
        variants=(
            Variant(
                "token_revoked",
                "the token is revoked at the service, which closes the socket",
                (
                    {"on": "token", "do": "revoke", "target": {"kind": "access"}},
                    {"on": "mercury", "do": "close", "code": 4401},
                ),
            ),
        ),
    ),
    Row(
        15,
        "token.revoked",
        what="the identity service answers the next refresh with 400 invalid_grant (device removed)",
        log="R32 invalid_grant, R33",
        shown="WebexActivationRequired W; WS Stopped",
        people="back to the activation screen; device gone",
        source="inferred",
        plan=({"on": "token", "do": "invalid_grant"}, {"on": "token", "do": "expire"}),
        scenario="faults/token_revoked.yaml",
        recovers_s=None,
    ),
    Row(
        16,
        "tls.inspect_trusted",
        what="man in the middle with a CA that trustList contains",
        log="L01 (n >= 1), L02, L03, L04",
        shown="none",
        people="works",
        source="observed",
        before="a trustList that holds its CA (cloud.tls.trust_list: 1)",
        plan=({"on": "tls", "do": "intercept", "ca": "trusted"},),
        scenario="faults/tls_inspect_trusted.yaml",
    ),
    Row(
        17,
        "tls.inspect_untrusted",
        what="man in the middle, CA unknown",
        log="activation lines as normal, then R01 certificate verify failed: unknown issuer for every host",
        shown="WebexConnectivity E; WS Error",
        people="activation succeeds, everything after it fails: the classic trap; Offline, never seen Online",
        source="inferred",
        plan=({"on": "tls", "do": "intercept", "ca": "untrusted"},),
        scenario="faults/tls_inspect_untrusted.yaml",
    ),
    Row(
        18,
        "trustlist.missing",
        what="configData without trustList",
        log="L05, L06, L01 (0), L02, L03",
        shown="none",
        people="works unless TLS is inspected (then 17)",
        source="observed",
        plan=({"on": "activation", "do": "no_trust_list"},),
        scenario="faults/trustlist_missing.yaml",
        before="an activation or a refresh of the trust store follows",
    ),
    Row(
        19,
        "trustlist.malformed",
        what="one bad PEM among n",
        log="R28 (no_array: R29), L01 (n-1; no_array: 0)",
        shown="CertificateExpiry W only while no usable CA is left of the list",
        people="as 16 if the good one is there, else 17",
        source="ours",
        plan=({"on": "activation", "do": "malformed_pem"},),
        scenario="faults/trustlist_malformed.yaml",
        variants=(
            Variant(
                "no_array",
                "the trustList is not an array",
                ({"on": "activation", "do": "malformed_pem", "what": "no_array"},),
            ),
        ),
        before="an activation or a refresh of the trust store follows",
    ),
    Row(
        20,
        "tls.server_cert_bad",
        what="expired certificate",
        log="R01 certificate verify failed: expired / host name mismatch",
        shown="WS Error after 60 s; WebexConnectivity E, CertificateExpiry W (expired)",
        people="that service or all; Offline if WDM or Mercury",
        source="ours",
        plan=({"on": "tls", "do": "expired"},),
        scenario="faults/tls_server_cert_bad.yaml",
        variants=(
            Variant("wrong_name", "a certificate for another name", ({"on": "tls", "do": "wrong_name"},)),
            Variant("not_yet_valid", "a certificate of tomorrow", ({"on": "tls", "do": "not_yet_valid"},)),
        ),
    ),
    Row(
        21,
        "tls.revocation_blocked",
        what="nobody tells the status of certificates (the fault is the answer: Python asks no status host, and sees no stapled answer)",
        log="R01 revocation unknown (`device.revocation: hard`) or nothing (soft, the default); revoked is always hard",
        shown="none (soft) / WS Error, WebexConnectivity E",
        people="Edge devices need *.identrust.com",
        source="documented",
        plan=({"on": "tls", "do": "revocation_unknown"},),
        scenario="faults/tls_revocation_blocked.yaml",
        variants=(Variant("revoked", "the certificate is revoked", ({"on": "tls", "do": "revoked"},)),),
    ),
    Row(
        22,
        "clock.wrong",
        what="wall clock off by years at boot",
        log="R12",
        shown="none on a cloud device (NTPStatus is on-premises)",
        people="works after the first answer of GDS or activation",
        source="documented",
        plan=({"on": "clock", "do": "jump", "by": "-20000d"},),
        scenario="faults/clock_wrong.yaml",
        before="the device boots after it",
        variants=(Variant("ahead", "years ahead", ({"on": "clock", "do": "jump", "by": "+30000d"},)),),
    ),
    Row(
        23,
        "clock.wrong_no_source",
        what="as 22 and region, GDS, activation blocked",
        log="R01 certificate verify failed: not yet valid (or expired)",
        shown="WebexConnectivity E; WS Error",
        people="network looks fine, cloud unreachable; Offline",
        source="inferred",
        plan=({"on": "clock", "do": "jump", "by": "-20000d"}, *_NO_SOURCE),
        scenario="faults/clock_wrong_no_source.yaml",
        before="the device boots after it",
        variants=(
            Variant("ahead", "the same, years ahead", ({"on": "clock", "do": "jump", "by": "+30000d"}, *_NO_SOURCE)),
        ),
    ),
)
