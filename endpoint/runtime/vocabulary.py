"""The vocabulary of faults as data: layer, action, when it happens, what it takes and what it can be aimed at.

Every row is carried out, by `endpoint.runtime.net`, by the cloud's injection points, by the media nodes or by the runner itself; layers and
actions that nobody carries out yet are in `notyet`. Source: scenario-style.md section 7.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Action(NamedTuple):
    """One row.

    Attributes:
        momentary: it happens once: now, or (`waits`) at the next occasion. Others hold until they are healed, reach their limit, or the
            run ends.
        params: parameters of its own.
        targets: what it may be aimed at, attributes of its injection point; all that are named must fit. `servers`, `of` and `pick`
            choose media servers.
        whats: values of its parameter `what`, the first one by default.
    """

    momentary: bool
    params: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    whats: tuple[str, ...] = ()
    waits: bool = False

    @property
    def happens_now(self) -> bool:
        """Say whether it happens the moment it is asked for."""
        return self.momentary and not self.waits


_CONNECTION: Final = ("device", "host", "port", "service")
_DATAGRAM: Final = ("device", "host", "port", "kind", "direction")
_MEDIA: Final = ("device", "host", "port", "direction")
_REQUEST: Final = ("device", "host", "service", "method", "path", "scheme")
_SERVER: Final = ("server", "servers", "of", "pick", "transport", "cluster", "host", "port")
_DEVICE: Final = ("device",)
_PROXY: Final = ("host",)
_LINK: Final = ("device", "direction")
_STREAM: Final = (*_CONNECTION, "direction")
_FRAME: Final = ("device", "type", "eventType")
_MEETING: Final = ("meeting",)
_CALL: Final = ("device", "call", "meeting")
_DIALLED: Final = (*_CALL, "address")
_ERROR: Final = ("status", "code", "text", "retry_after")
_MAILBOX: Final = ("mailbox",)
_CLIENT: Final = (*_DEVICE, "client", "over", "user")


def _lasting(*params: str, to: tuple[str, ...] = ()) -> Action:
    return Action(False, params, to)


def _now(*params: str, to: tuple[str, ...] = ()) -> Action:
    return Action(True, params, to)


def _next(*params: str, to: tuple[str, ...] = (), what: tuple[str, ...] = ()) -> Action:
    return Action(True, (*params, "what") if what else params, to, what, waits=True)


_WEBSOCKET: Final = {
    "reset": _now(to=_DEVICE),
    "close": _now("code", "reason", to=_DEVICE),
    "refuse": _lasting("status", to=_DEVICE),
    "silent": _lasting(to=_FRAME),
    "delay": _lasting("by", to=_FRAME),
    "drop": _lasting(to=_FRAME),
    "duplicate": _lasting(to=_FRAME),
    "reorder": _lasting("by", to=_FRAME),
    "gap": _lasting(to=_FRAME),
    "malformed": _next(to=_FRAME, what=("json", "utf8", "oversize", "no_id", "no_event_type")),
}

FAULTS: Final[dict[str, dict[str, Action]]] = {
    "link": {
        "down": _lasting(to=_DEVICE),
        "flap": _lasting("by", to=_DEVICE),
        "no_address": _lasting(to=_DEVICE),
        "lossy": _lasting(to=_LINK),
        "throttle": _lasting("rate", to=_LINK),
        "mtu": _lasting("bytes", to=_LINK),
    },
    "dns": {
        "nxdomain": _lasting(to=_CONNECTION),
        "servfail": _lasting(to=_CONNECTION),
        "silent": _lasting(to=_CONNECTION),
        "delay": _lasting("by", to=_CONNECTION),
        "wrong_address": _lasting("to", to=_CONNECTION),
        "tcp_only": _lasting(to=_CONNECTION),
    },
    "tcp": {
        "refuse": _lasting(to=_CONNECTION),
        "silent": _lasting(to=_CONNECTION),
        "block": _lasting(to=_CONNECTION),
        "reset": _now(to=_CONNECTION),
        "half_close": _now(to=_CONNECTION),
        "delay": _lasting("by", to=_CONNECTION),
        "throttle": _lasting("rate", to=_STREAM),
        "idle_cut": Action(False, ("idle", "what"), _CONNECTION, ("forget", "reset")),
    },
    "tls": {
        "expired": _lasting(to=_CONNECTION),
        "not_yet_valid": _lasting(to=_CONNECTION),
        "wrong_name": _lasting(to=_CONNECTION),
        "unknown_ca": _lasting(to=_CONNECTION),
        "revoked": _lasting(to=_CONNECTION),
        "revocation_unknown": _lasting(to=_CONNECTION),
        "intercept": _lasting("ca", to=_CONNECTION),
        "old_version": _lasting(to=_CONNECTION),
        "abort": _next(to=_CONNECTION),
    },
    "proxy": {
        "auth": _lasting("schemes", to=_PROXY),
        "wrong_password": _lasting(to=_PROXY),
        "block": _lasting("status", to=_PROXY),
        "strip_upgrade": Action(False, ("status", "what"), _PROXY, ("pass", "reset")),
        "strip_headers": _lasting("headers", to=_PROXY),
        "intercept": _lasting("ca", to=_PROXY),
        "pac_missing": _lasting(),
        "pac_broken": _lasting(),
    },
    "http": {
        "error": _lasting(*_ERROR, to=_REQUEST),
        "delay": _lasting("by", to=_REQUEST),
        "dribble": _lasting("by", to=_REQUEST),
        "drop_request": _lasting(to=_REQUEST),
        "drop_reply": _lasting(to=_REQUEST),
        "truncate": _next(to=_REQUEST),
        "malformed": _next(to=_REQUEST, what=("json", "utf8")),
        "redirect": _lasting("to", "status", to=_REQUEST),
        "duplicate": _lasting(to=_REQUEST),
    },
    "websocket": _WEBSOCKET,
    "mercury": {
        **_WEBSOCKET,
        "no_first_frame": _lasting(to=_DEVICE),
        "wrong_first_frame": _lasting("event_type", to=_DEVICE),
        "auth_refused": _next("code", "reason", to=_DEVICE),
        "replaced": _now(to=_DEVICE),
    },
    "udp": {
        "drop": _lasting(to=_DATAGRAM),
        "delay": _lasting("by", to=_DATAGRAM),
        "duplicate": _lasting(to=_DATAGRAM),
        "reorder": _lasting("by", to=_DATAGRAM),
        "corrupt": _lasting(to=_DATAGRAM),
        "rewrite": _lasting("to", to=_DATAGRAM),
    },
    "stun": {
        "silent": _lasting(to=_SERVER),
        "error": _lasting("code", to=_SERVER),
        "wrong_transaction": _lasting(to=_SERVER),
        "malformed": _lasting(to=_SERVER),
        "no_mapped_address": _lasting(to=_SERVER),
        "slow": _lasting("by", to=_SERVER),
    },
    "media": {"loss": _lasting(to=_MEDIA), "jitter": _lasting("by", to=_MEDIA)},
    "storage": {
        "full": _lasting(to=(*_DEVICE, "file")),
        "read_only": _lasting(to=(*_DEVICE, "file")),
        "corrupt": _now(to=_DEVICE),
    },
    "power": {"cut": _now(to=_DEVICE), "thermal": _now(to=_DEVICE)},
    "client": {
        "drop": _now(to=_CLIENT),
        "flood": Action(False, ("what",), _CLIENT, ("requests", "connections")),
        "half_open": _lasting(to=_CLIENT),
        "slow_reader": _lasting(to=_CLIENT),
    },
    "clock": {
        "jump": _now("by", to=(*_DEVICE, "of")),
        "skew": _lasting("by", to=(*_DEVICE, "of")),
        "drift": _lasting("by", to=(*_DEVICE, "of")),
        "freeze": _lasting(to=(*_DEVICE, "of")),
    },
    "token": {
        "expire": _now(to=(*_DEVICE, "kind")),
        "revoke": _now(to=(*_DEVICE, "kind")),
        "invalid_grant": _lasting(to=_DEVICE),
        "wrong_scope": _lasting(to=_DEVICE),
    },
    "catalog": {
        "missing": _lasting("service", to=_DEVICE),
        "moved": _lasting("service", "to", to=_DEVICE),
        "stale": _lasting(to=_DEVICE),
        "error": _lasting(*_ERROR, to=_REQUEST),
    },
    "activation": {
        "unknown": _lasting(to=("code",)),
        "expired": _lasting(to=("code",)),
        "used": _lasting(to=("code",)),
        "locked": _lasting(to=("code",)),
        "occupied": _lasting(),
        "tampered_b": _next(to=("code",), what=("zero", "n", "2n", "short", "url")),
        "bad_proof": _next(),
        "bad_mac": _next(what=("service", "config")),
        "lost_reply": _next(what=("challenge", "invoke", "register")),
        "no_trust_list": _lasting(),
        "certificate_renewed": _lasting(),
        "malformed_pem": Action(False, ("what",), (), ("pem", "no_array")),
    },
    "wdm": {
        "not_found": _next(to=_DEVICE),
        "excessive": _lasting(to=_DEVICE),
        "moved": _lasting(to=_DEVICE),
        "error": _lasting(*_ERROR, to=_REQUEST),
    },
    "software": {"too_old": Action(False, ("what",), _DEVICE, ("must", "should"))},
    "kms": {
        "silent": _lasting("titles_only", to=_DEVICE),
        "lost_answer": _next("titles_only", to=_DEVICE),
        "error": _lasting("status", "titles_only", to=_DEVICE),
        "wrong_key": _lasting("titles_only", to=_DEVICE),
        "expired_channel": _next("titles_only", to=_DEVICE),
        "bad_certificate": _lasting("titles_only", to=_DEVICE),
    },
    "hybrid": {
        "declined": _lasting(to=_MAILBOX),
        "delete_comments": _lasting(to=_MAILBOX),
        "keyword_unknown": _lasting(to=_MAILBOX),
        "subscription_expired": _lasting(to=_MAILBOX),
        "beyond_window": _lasting(to=_MAILBOX),
        "no_interop": _lasting(to=_MAILBOX),
        "notification_lost": _lasting(to=_MAILBOX),
        "notification_late": _lasting("by", to=_MAILBOX),
        "notification_twice": _lasting(to=_MAILBOX),
    },
    "locus": {
        "busy": _lasting(to=_DIALLED),
        "rejected": _lasting(to=_DIALLED),
        "no_answer": _lasting(to=_DIALLED),
        "elsewhere": _lasting(to=_CALL),
        "cancelled": _lasting(to=_CALL),
        "not_found": _lasting(to=_DIALLED),
        "locked": _lasting(to=_CALL),
        "lobby": _lasting(to=_CALL),
        "full": _lasting(to=_CALL),
        "pin": _lasting("pin", to=_CALL),
        "moved": _lasting("to", to=_CALL),
        "ended": _now(to=("call", "meeting", "address")),
        "delta_gap": _lasting(to=_CALL),
        "out_of_order": _lasting(to=_CALL),
        "duplicate": _lasting(to=_CALL),
        "too_big": _lasting(to=_CALL),
        "url_changed": _lasting(to=_CALL),
        "lost_passcode": _lasting(to=_DIALLED),
        "error": _lasting(*_ERROR, to=_REQUEST),
        "delay": _lasting("by", to=_REQUEST),
        "drop_request": _lasting(to=_REQUEST),
        "drop_reply": _lasting(to=_REQUEST),
        "redirect": _lasting("to", "status", to=_REQUEST),
    },
    "calendar": {
        "push_lost": _lasting(to=(*_MEETING, "eventType")),
        "push_late": _lasting("by", to=(*_MEETING, "eventType")),
        "push_twice": _lasting(to=(*_MEETING, "eventType")),
        "out_of_order": _lasting(to=(*_MEETING, "eventType")),
        "minimal_not_found": _lasting(to=_REQUEST),
        "no_join_fields": _lasting(to=_MEETING),
        "short_page": _lasting(to=_DEVICE),
        "sip_button": _lasting(to=_MEETING),
    },
}

PARAMETERS: Final = tuple(
    sorted({name for actions in FAULTS.values() for action in actions.values() for name in action.params})
)
"""Every parameter that some action takes."""
