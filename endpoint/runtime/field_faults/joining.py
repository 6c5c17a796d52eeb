"""Activation, catalogue, registration: rows 24 to 32 of the fault table. Source: protocol/activation-and-media.md section 16."""

from __future__ import annotations

from typing import Final

from endpoint.runtime.field_faults.row import Row, Variant

ROWS: Final = (
    Row(
        24,
        "code.wrong",
        what="typo in P: srp.proof_failed",
        log="R20, R21 (not with unknown, locked), R24",
        shown="WebexActivationRequired W; WS Registering -> Stopped",
        people='"not valid"; attempts left for P; at five: code.locked',
        source="ours",
        plan=({"on": "activation", "do": "bad_proof"},),
        scenario="faults/code_wrong.yaml",
        before="an activation begins",
        variants=(
            Variant("unknown", "typo in I: code.unknown", ({"on": "activation", "do": "unknown"},)),
            Variant("locked", "the fifth wrong P: code.locked", ({"on": "activation", "do": "locked"},)),
        ),
    ),
    Row(
        25,
        "code.expired",
        what="clock past 7 days",
        log="R20, R24 code.expired",
        shown="as 24",
        people='"expired, ask for a new one"; code list shows Expired',
        source="documented",
        plan=({"on": "activation", "do": "expired"},),
        scenario="faults/code_expired.yaml",
        before="an activation begins",
    ),
    Row(
        26,
        "code.reused",
        what="state CONSUMED",
        log="R20, R24 code.used / workspace.occupied",
        shown="as 24",
        people='"already used"; workspace must be emptied first',
        source="documented",
        plan=({"on": "activation", "do": "used"},),
        scenario="faults/code_reused.yaml",
        before="an activation begins",
        variants=(
            Variant(
                "occupied", "the workspace has a device: workspace.occupied", ({"on": "activation", "do": "occupied"},)
            ),
        ),
    ),
    Row(
        27,
        "activation.busy",
        what="503 with Retry-After",
        log="R20, L09 503, R02; R24 maintenance after 5 min; slow: nothing but times",
        shown="WS Registering; after 5 min Stopped, WebexActivationRequired W",
        people='"please wait", then works; after 5 min gives up',
        source="ours",
        plan=({"on": "http", "do": "error", "target": {"service": "activation"}, "status": 503, "retry_after": "20s"},),
        scenario="faults/activation_busy.yaml",
        before="an activation begins",
        variants=(
            Variant(
                "slow",
                "every answer is 10 s late",
                ({"on": "http", "do": "delay", "target": {"service": "activation"}, "by": "10s"},),
            ),
        ),
    ),
    Row(
        28,
        "activation.tampered",
        what="B = 0",
        log="R25 or R26",
        shown="as 24; nothing persisted",
        people='"activation failed"',
        source="ours",
        plan=({"on": "activation", "do": "tampered_b"},),
        scenario="faults/activation_tampered.yaml",
        before="an activation begins",
        variants=(
            Variant("n", "B = N", ({"on": "activation", "do": "tampered_b", "what": "n"},)),
            Variant("2n", "B = 2N", ({"on": "activation", "do": "tampered_b", "what": "2n"},)),
            Variant("short", "B of the wrong length", ({"on": "activation", "do": "tampered_b", "what": "short"},)),
            Variant(
                "url", "the next step at a foreign url", ({"on": "activation", "do": "tampered_b", "what": "url"},)
            ),
            Variant("service_data", "bad serviceDataHMAC", ({"on": "activation", "do": "bad_mac"},)),
            Variant(
                "config_data",
                "bad configDataHMAC, once: the device asks again",
                ({"on": "activation", "do": "bad_mac", "what": "config"},),
            ),
        ),
    ),
    Row(
        29,
        "register.lost",
        what="the answers to invoke and to register are lost",
        log="R21, R01, R02, R21, R22, R01, R02, R23",
        shown="WS Registering throughout",
        people="succeeds on retry; one device, not two",
        source="ours",
        plan=(
            {"on": "activation", "do": "lost_reply", "what": "invoke"},
            {"on": "activation", "do": "lost_reply", "what": "register"},
        ),
        scenario="faults/register_lost.yaml",
        before="an activation begins",
    ),
    Row(
        30,
        "u2c.service_missing",
        what="catalogue without one service (`service`, the calendar)",
        log="R40, R41",
        shown="the type of that service; ProvisioningStatus W for required ones",
        people="feature missing; Online with Issues",
        source="ours",
        plan=({"on": "catalog", "do": "missing", "service": "calendar"},),
        scenario="faults/u2c_service_missing.yaml",
    ),
    Row(
        31,
        "wdm.trouble",
        what="503 on register or refresh; `status` names another 5xx",
        log="L09, R43, R02; not_found: R44, R42",
        shown="WS Registering while unregistered",
        people="short outage",
        source="documented",
        plan=({"on": "wdm", "do": "error", "status": 503},),
        scenario="faults/wdm_trouble.yaml",
        variants=(
            Variant("too_many", "429 on register or refresh", ({"on": "wdm", "do": "error", "status": 429},)),
            Variant("not_found", "404 on refresh", ({"on": "wdm", "do": "not_found"},)),
        ),
    ),
    Row(
        32,
        "wdm.moved",
        what="refresh returns another websocket URL",
        log="R55, R50",
        shown="none",
        people="none",
        source="ours",
        plan=({"on": "wdm", "do": "moved"},),
        scenario="faults/wdm_moved.yaml",
    ),
)
