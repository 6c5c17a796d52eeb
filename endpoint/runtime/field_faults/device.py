"""Software, Edge, local access, hardware: rows 50 to 58 of the fault table. Source: protocol/activation-and-media.md section 16."""

from __future__ import annotations

from typing import Final

from endpoint.runtime.field_faults.row import Row, Variant

ROWS: Final = (
    Row(
        50,
        "software.too_old",
        what="every version is too old, images cannot be had",
        log="R90, R91",
        shown="WebexMustUpgradeCeSoftware C (Should: W), SoftwareUpgrade W, SoftwareUpgradeKeepsFailing W; UpgradeStatus Failed",
        people="banner; CE below 9.15.3 lost the cloud in 2021",
        source="documented",
        plan=(
            {"on": "software", "do": "too_old"},
            {
                "on": "http",
                "do": "error",
                "target": {"service": "swupgrade", "path": "*/images/*"},
                "status": 503,
                "optional": True,
            },
        ),
        scenario="faults/software_too_old.yaml",
        variants=(
            Variant(
                "recommended",
                "a newer version is recommended",
                ({"on": "software", "do": "too_old", "what": "should"},),
            ),
        ),
        before="a version is offered",
        recovers_s=600.0,
    ),
    Row(
        51,
        "locked_out",
        what="SecurityAction Harden, then network loss",
        log="R27, R05, R95",
        shown="LockDown W, NetLinkStatus E, after 30 s WebexOffline E",
        people="local login refused; only reset or support; Offline",
        source="documented",
        plan=({"on": "link", "do": "down"},),
        scenario="faults/locked_out.yaml",
        before="the device was activated with `security: harden`",
    ),
    Row(
        52,
        "mtu.blackhole",
        what="drop packets above 1200 bytes, no ICMP",
        log="R01, R53 TLS handshake timeout",
        shown="WS Registering while it is activated; later WS Error after 60 s, WebexConnectivity E",
        people="hangs in activation",
        source="documented",
        plan=({"on": "link", "do": "mtu", "bytes": "1200B"},),
        scenario="faults/mtu_blackhole.yaml",
    ),
    Row(
        53,
        "proxy.alters_headers",
        what="drop TrackingID or Authorization",
        log="L09 401 twice for each request: one replay with a new token (R31), and no more; tracking_id: where the cloud requires it",
        shown="WebexConnectivity E",
        people="nothing loads; Offline after 10 min without Mercury",
        source="documented",
        before="a proxy that opens up TLS with a CA of the trustList (cloud.proxy.intercept: trusted), and a device that is told of it",
        plan=({"on": "proxy", "do": "strip_headers", "headers": ["Authorization", "TrackingID"]},),
        scenario="faults/proxy_alters_headers.yaml",
        variants=(
            Variant(
                "authorization",
                "drop Authorization",
                ({"on": "proxy", "do": "strip_headers", "headers": ["Authorization"]},),
            ),
            Variant(
                "tracking_id",
                "drop TrackingID (`cloud: { tracking_id: required }`; else nothing follows)",
                ({"on": "proxy", "do": "strip_headers", "headers": ["TrackingID"]},),
            ),
        ),
    ),
    Row(
        54,
        "thermal",
        what="command",
        log="T13; 20000 ms later shutdown",
        shown="TemperatureCheck C, Temperature Status Critical; next boot LastShutdownReason Shutdown",
        people="device goes off; Offline, last seen",
        source="documented",
        plan=({"on": "power", "do": "thermal"},),
        scenario="faults/thermal.yaml",
        before="the device boots again after it",
        recovers_s=60.0,
    ),
    Row(
        55,
        "power.loss",
        what="kill without warning",
        log="nothing; next boot starts a new pid",
        shown='LastShutdownReason Unknown, LastShutdownTime ""',
        people="Offline; state after boot equals the last persisted one",
        source="observed",
        plan=({"on": "power", "do": "cut"},),
        scenario="faults/power_loss.yaml",
        before="the device boots again after it",
        recovers_s=60.0,
    ),
    Row(
        56,
        "edge.config_refused",
        what="Edge link without configuration from the admin site",
        log="R92",
        shown="CloudConfigurationWriteback W, CloudAwareConfigInvalid W; Meetings JoinProtocol stays SIP",
        people="meetings dialled over SIP",
        source="documented",
        pending="it comes with Edge links",
    ),
    Row(
        57,
        "cert.renewed",
        what="the service certificate comes renewed with a refresh of the trust store (an addition of ours to configData); restart pending",
        log="R93",
        shown="CertificateRenewedRebootRequired I",
        people="note; works",
        source="documented",
        plan=({"on": "activation", "do": "certificate_renewed"},),
        scenario="faults/cert_renewed.yaml",
        before="a refresh of the trust store follows",
    ),
    Row(
        58,
        "side_service.blocked",
        what="ThousandEyes, Lyra or proximity host blocked",
        log="R94",
        shown="ThousandEyesStatus W, WebexLyraConnectivity W, WebexQRCodeProximityConnectivity W, ...",
        people="pairing or monitoring missing; Online with Issues",
        source="documented",
        plan=(
            {"on": "tcp", "do": "refuse", "target": {"service": "lyra"}},
            {"on": "tcp", "do": "refuse", "target": {"service": "proximity"}},
            {"on": "tcp", "do": "refuse", "target": {"service": "thousandEyes"}},
        ),
        scenario="faults/side_service_blocked.yaml",
        variants=tuple(
            Variant(word, f"{service} blocked", ({"on": "tcp", "do": "refuse", "target": {"service": service}},))
            for word, service in (("lyra", "lyra"), ("proximity", "proximity"), ("thousandeyes", "thousandEyes"))
        ),
    ),
)
