"""What may be drawn: the faults that a device has to survive, and how strong each may be.

A fault belongs here when everything that it breaks is to be well again once it has healed. Those after which a person has to do something
(an account that is gone, a code that is used up) are in `LEFT_OUT`, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from endpoint.runtime.chance import Stream

Draw = Callable[[Stream], Any]
"""Draws a value, as a scenario would write it."""

PROXY: Final = "proxy"
LONGEST_S: Final = 600
"""Virtual seconds that a drawn fault holds at most."""
COUNT_MAX: Final = 20
"""How often one bites at most, where it is limited so."""
SERVICES: Final = ("activation", "calendar", "calliope", "encryption", "idbroker", "locus", "u2c", "wdm")
"""Services that a fault on `http` may be aimed at; half of them are aimed at none."""


class Dish(NamedTuple):
    """One fault that may be drawn.

    Attributes:
        weight: how often it is drawn, against the others of its layer.
        params: its parameters; each is drawn anew.
        target: what it is aimed at, likewise.
    """

    weight: int = 1
    params: Mapping[str, Draw] = {}
    target: Mapping[str, Draw] = {}


def _seconds(low_ms: int, high_ms: int) -> Draw:
    return lambda stream: f"{stream.randint(low_ms, high_ms)}ms"


def _skew(stream: Stream) -> str:
    return f"{stream.choice('+-')}{stream.randint(1, 240)}s"


def _one_of(*values: Any) -> Draw:
    return lambda stream: stream.choice(values)


def _percent(stream: Stream) -> str:
    return f"{stream.randint(1, 60)}%"


_A_LITTLE: Final = _seconds(50, 20_000)
_STATUS: Final = _one_of(404, 429, 500, 502, 503, 504)
_ANY_SERVICE: Final = _one_of(*SERVICES, *(None for _ in SERVICES))
_WHOSE_CA: Final = _one_of("trusted", "untrusted")
_PLAIN: Final = Dish()
_AIMED: Final = Dish(target={"service": _ANY_SERVICE})
_SLOW: Final = Dish(params={"by": _A_LITTLE})
_SOCKET: Final[Mapping[str, Dish]] = {
    "reset": Dish(3),
    "close": Dish(2, {"code": _one_of(1000, 1001, 1011, 4001, 4400, 4401, 4404)}),
    "refuse": Dish(1, {"status": _one_of(401, 404, 429, 500, 503)}),
    "silent": _PLAIN,
    "delay": _SLOW,
    "drop": _PLAIN,
    "duplicate": _PLAIN,
    "reorder": _SLOW,
    "gap": _PLAIN,
    "malformed": Dish(1, {"what": _one_of("json", "utf8", "oversize", "no_id", "no_event_type")}),
}

MENU: Final[Mapping[str, Mapping[str, Dish]]] = {
    "link": {
        "down": _PLAIN,
        "flap": Dish(params={"by": _seconds(500, 5_000)}),
        "no_address": _PLAIN,
        "lossy": Dish(2, {"percent": _percent}),
        "throttle": Dish(1, {"rate": _one_of("16kbit", "64kbit", "512kbit")}),
        "mtu": Dish(1, {"bytes": _one_of("600B", "1200B", "1300B")}),
    },
    "dns": {
        "nxdomain": _PLAIN, "servfail": _PLAIN, "silent": _PLAIN, "delay": _SLOW, "wrong_address": _PLAIN, "tcp_only": _PLAIN,
    },
    "tcp": {
        "refuse": _AIMED,
        "silent": _AIMED,
        "block": _AIMED,
        "reset": Dish(3),
        "half_close": _PLAIN,
        "delay": Dish(1, {"by": _A_LITTLE}, {"service": _ANY_SERVICE}),
        "throttle": Dish(1, {"rate": _one_of("16kbit", "64kbit", "512kbit")}, {"service": _ANY_SERVICE}),
        "idle_cut": Dish(1, {"idle": _one_of("20s", "1m", "5m"), "what": _one_of("forget", "reset")}),
    },
    "tls": {
        "expired": _AIMED,
        "not_yet_valid": _AIMED,
        "wrong_name": _AIMED,
        "unknown_ca": _AIMED,
        "revoked": _AIMED,
        "revocation_unknown": _AIMED,
        "intercept": Dish(1, {"ca": _WHOSE_CA}, {"service": _ANY_SERVICE}),
        "old_version": _AIMED,
        "abort": Dish(2, target={"service": _ANY_SERVICE}),
    },
    PROXY: {
        "auth": Dish(params={"schemes": _one_of(["basic"], ["digest", "basic"], ["ntlm", "negotiate"])}),
        "wrong_password": _PLAIN,
        "block": Dish(2, {"status": _one_of(403, 502, 503)}, {"host": _one_of("mercury-*", "wdm-*", None)}),
        "strip_upgrade": Dish(params={"what": _one_of("pass", "reset")}),
        "strip_headers": Dish(params={"headers": _one_of(["Authorization"], ["TrackingID"])}),
        "intercept": Dish(params={"ca": _WHOSE_CA}),
        "pac_missing": _PLAIN,
        "pac_broken": _PLAIN,
    },
    "http": {
        "error": Dish(3, {"status": _STATUS}, {"service": _ANY_SERVICE}),
        "delay": Dish(1, {"by": _A_LITTLE}, {"service": _ANY_SERVICE}),
        "dribble": Dish(1, {"by": _seconds(50, 5_000)}, {"service": _ANY_SERVICE}),
        "drop_request": _AIMED,
        "drop_reply": _AIMED,
        "truncate": _AIMED,
        "malformed": Dish(1, {"what": _one_of("json", "utf8")}, {"service": _ANY_SERVICE}),
        "duplicate": _AIMED,
    },
    "websocket": _SOCKET,
    "mercury": {**_SOCKET, "no_first_frame": _PLAIN, "wrong_first_frame": _PLAIN, "auth_refused": _PLAIN},
    "udp": {
        "drop": _PLAIN, "delay": _SLOW, "duplicate": _PLAIN, "reorder": _SLOW, "corrupt": _PLAIN,
        "rewrite": Dish(params={"to": _one_of("192.0.2.7")}),
    },
    "stun": {
        "silent": _PLAIN,
        "error": Dish(params={"code": _one_of(400, 401, 438, 500)}),
        "wrong_transaction": _PLAIN,
        "malformed": _PLAIN,
        "no_mapped_address": _PLAIN,
        "slow": _SLOW,
    },
    "media": {"loss": Dish(2, {"percent": _percent}), "jitter": Dish(params={"by": _seconds(5, 500)})},
    "software": {"too_old": Dish(params={"what": _one_of("must", "should")})},
    "storage": {"full": _PLAIN, "read_only": _PLAIN},
    "clock": {"skew": Dish(params={"by": _skew}), "drift": Dish(params={"by": _skew}), "freeze": _PLAIN},
    "token": {
        "expire": Dish(target={"kind": _one_of("access")}),
        "revoke": Dish(target={"kind": _one_of("access")}),
        "wrong_scope": _PLAIN,
    },
    "catalog": {"missing": Dish(params={"service": _one_of("calendar", "mercury", "wdm", "locus")}), "stale": _PLAIN, "error": _PLAIN},
    "activation": {"lost_reply": Dish(params={"what": _one_of("challenge", "invoke", "register")})},
    "wdm": {"not_found": _PLAIN, "moved": _PLAIN, "error": Dish(params={"status": _STATUS})},
    "kms": {
        "silent": _PLAIN, "lost_answer": _PLAIN, "error": _PLAIN, "wrong_key": _PLAIN, "expired_channel": _PLAIN, "bad_certificate": _PLAIN,
    },
    "hybrid": {"notification_lost": _PLAIN, "notification_late": _SLOW, "notification_twice": _PLAIN},
    "locus": {
        "busy": _PLAIN, "rejected": _PLAIN, "no_answer": _PLAIN, "elsewhere": _PLAIN, "cancelled": _PLAIN, "not_found": _PLAIN,
        "locked": _PLAIN, "lobby": _PLAIN, "full": _PLAIN, "pin": _PLAIN, "moved": _PLAIN, "ended": _PLAIN, "delta_gap": Dish(3),
        "out_of_order": Dish(3), "duplicate": Dish(2), "too_big": _PLAIN, "url_changed": _PLAIN, "lost_passcode": _PLAIN,
        "error": Dish(params={"status": _STATUS}), "delay": _SLOW, "drop_request": _PLAIN, "drop_reply": _PLAIN,
    },
    "calendar": {
        "push_lost": Dish(2), "push_late": _SLOW, "push_twice": _PLAIN, "out_of_order": _PLAIN, "minimal_not_found": _PLAIN,
        "short_page": _PLAIN, "sip_button": _PLAIN,
    },
}  # fmt: skip
"""Layer, action, and how it is drawn."""


def served(
    menu: Mapping[str, Mapping[str, Dish]], *, has_proxy: bool, has_inspector: bool
) -> dict[str, dict[str, Dish]]:
    """Return what of a menu can be had on a stage.

    Args:
        has_proxy: without one, nothing is drawn on the layer `proxy`.
        has_inspector: devices trust somebody who inspects TLS; otherwise nobody trusted can.
    """
    found = {layer: dict(dishes) for layer, dishes in menu.items() if has_proxy or layer != PROXY}
    if not has_inspector:
        for dishes in found.values():
            for do, dish in dishes.items():
                if dish.params.get("ca") is _WHOSE_CA:
                    dishes[do] = dish._replace(params={**dish.params, "ca": _one_of("untrusted")})
    return found


_NOWHERE: Final = _one_of("https://portal.hotel.test/login", "http://nobody.test/")
SWARMED: Final[Mapping[str, Mapping[str, Dish]]] = {
    "power": {"cut": Dish(2), "thermal": _PLAIN},
    "storage": {"corrupt": _PLAIN},
    "activation": {
        "unknown": _PLAIN, "expired": _PLAIN, "used": _PLAIN, "locked": _PLAIN, "occupied": _PLAIN, "bad_proof": _PLAIN,
        "no_trust_list": _PLAIN, "tampered_b": Dish(params={"what": _one_of("zero", "n", "2n", "short", "url")}),
        "bad_mac": Dish(params={"what": _one_of("service", "config")}), "certificate_renewed": _PLAIN,
        "malformed_pem": Dish(params={"what": _one_of("pem", "no_array")}),
    },
    "hybrid": {
        "declined": _PLAIN, "delete_comments": _PLAIN, "keyword_unknown": _PLAIN, "subscription_expired": _PLAIN,
        "beyond_window": _PLAIN, "no_interop": _PLAIN,
    },
    "calendar": {"no_join_fields": _PLAIN},
    "client": {
        "drop": _PLAIN, "flood": Dish(params={"what": _one_of("requests", "connections")}), "half_open": _PLAIN, "slow_reader": _PLAIN,
    },
    "http": {"redirect": Dish(1, {"to": _NOWHERE, "status": _one_of(302, 307)}, {"service": _ANY_SERVICE})},
    "locus": {"redirect": Dish(params={"to": _NOWHERE})},
    "token": {"invalid_grant": _PLAIN},
    "wdm": {"excessive": _PLAIN},
}  # fmt: skip
"""What only a swarm draws: afterwards a person has to do something, and the swarm does it (it switches on what is off), or demands no more
than the rules and a device that holds what the cloud has for it: one that has lost its account need not be well."""


def _joined() -> dict[str, dict[str, Dish]]:
    layers = dict.fromkeys((*MENU, *SWARMED))
    return {layer: {**MENU.get(layer, {}), **SWARMED.get(layer, {})} for layer in layers}


SWARM_MENU: Final[Mapping[str, Mapping[str, Dish]]] = _joined()
"""All that a swarm draws from."""

_FOR_GOOD: Final = "what it does stays: a person has to mend it"
LEFT_OUT: Final[Mapping[str, str]] = {
    "catalog.moved": "it takes a place where the service is, and the stub has each in one place",
    "clock.jump": _FOR_GOOD,
    "mercury.replaced": "another connection has taken over: the device stays away until somebody says otherwise",
}
"""Faults of the vocabulary that are not drawn by anybody, and why; the verb `chaos` leaves out `SWARMED`, too."""
