"""What the parameters of faults can be: one table for scenarios and for every control door.

What passes here is carried out as it is written. Source: scenario-style.md section 7.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, get_args

from endpoint.runtime.faults import Between
from endpoint.runtime.vocabulary import FAULTS

Scheme = Literal["basic", "digest", "digest-sha-256", "ntlm", "negotiate"]
SCHEMES: Final = get_args(Scheme)
"""What a proxy can be asked to offer; of these it can check the first three."""
TRUSTED: Final = "trusted"
UNTRUSTED: Final = "untrusted"
"""Who opens up TLS: an authority that devices are told to trust, or one that nobody knows."""
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {"schemes": SCHEMES, "ca": (TRUSTED, UNTRUSTED)}
_LISTS: Final = frozenset({"schemes", "headers", "service"})
"""Parameters of which there can be several."""
_SECONDS: Final = (0, 366 * 86_400)
_HUNDRED_YEARS_S: Final = 36_525 * 86_400
STATUS: Final = (100, 599)
PACKET_BYTES: Final = (68, 9000)
"""What every network carries whole (RFC 791), and what a large frame of Ethernet does."""
CLOSE_CODES: Final = (1000, 4999)
"""Codes with which a websocket can be closed (RFC 6455 7.4)."""
REASON_BYTES_MAX: Final = 123
"""What a close frame has room for beside its code (RFC 6455 5.5)."""
_BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "status": STATUS, "by": _SECONDS, "retry_after": _SECONDS, "idle": _SECONDS, "bytes": PACKET_BYTES, "rate": (1, 10**12),
    "clock.by": (-_HUNDRED_YEARS_S, _HUNDRED_YEARS_S),
    "mercury.code": CLOSE_CODES, "websocket.code": CLOSE_CODES,
    "stun.code": (300, 699),
    "http.redirect.status": (300, 399), "locus.redirect.status": (300, 399),
    "proxy.block.status": (300, 599),
}  # fmt: skip
"""The least and the most of parameters that are numbers, by name, by layer and name, or by layer, action and name."""
_WHOLE: Final = frozenset({"status", "code", "bytes", "rate"})
_ONE_DURATION: Final = frozenset({("clock", "jump"), ("clock", "skew"), ("clock", "drift"), ("link", "flap")})
"""What cannot be drawn anew each time: it happens once, or has a rhythm."""
_TEXTS: Final = frozenset({"reason", "text", "event_type", "pin", "to", "service", "headers"})
_FILLED: Final = frozenset({"event_type", "to", "service", "headers"})
"""Texts that cannot be empty."""


class Problem(NamedTuple):
    """What is wrong with one parameter; `known` are the words that it could have been."""

    name: str
    text: str
    known: tuple[str, ...] = ()


def problem(on: str, do: str, params: Mapping[str, Any], layer: str = "") -> Problem | None:
    """Return the first parameter of a fault that would do something else than it says when it bites.

    Args:
        layer: whose words hold where `on` is the name of a service.
    """
    layer = layer or on
    action = FAULTS.get(layer, {}).get(do)
    words = {**_WORDS, "what": action.whats} if action is not None else _WORDS
    for name, value in params.items():
        many = name in _LISTS and isinstance(value, (list, tuple))
        given = list(value) if many else [value]
        known = words.get(name, ())
        if known:
            if not given or not all(isinstance(one, str) and one in known for one in given):
                return Problem(name, f"`{do}` on {on} takes as `{name}`: {', '.join(known)}", known)
            continue
        bounds = next(
            (_BOUNDS[key] for key in (f"{layer}.{do}.{name}", f"{layer}.{name}", name) if key in _BOUNDS), None
        )
        text = _number(name, value, bounds, may_vary=(layer, do) not in _ONE_DURATION) if bounds else ""
        if not bounds:
            text = next(filter(None, (_text(layer, do, name, one) for one in given)), "")
        if text:
            return Problem(name, text if text.startswith("`") else f"`{do}` on {on} {text}")
    return None


def _number(name: str, value: Any, bounds: tuple[int, int], *, may_vary: bool) -> str:
    least, most = bounds
    if isinstance(value, Between) and name not in _WHOLE:
        if not may_vary:
            return f"takes one duration as `{name}`"
        return "" if least <= value.low <= value.high <= most else f"`{name}` is a number of seconds, {least} to {most}"
    kinds = int if name in _WHOLE else (int, float)
    if isinstance(value, kinds) and not isinstance(value, bool) and least <= value <= most:
        return ""
    return f"`{name}` is a {'whole number' if name in _WHOLE else 'number of seconds'}, {least} to {most}"


def _text(layer: str, do: str, name: str, value: Any) -> str:
    if name == "titles_only" and not isinstance(value, bool):
        return "`titles_only` is true or false"
    if name == "code" and (isinstance(value, bool) or not isinstance(value, (str, int))):
        return "`code` is a text or a number"
    if name not in _TEXTS:
        return ""
    if name == "headers" and not isinstance(value, str):
        return "`headers` are names"
    if not isinstance(value, str) or not (value.isprintable() or name == "text") or (name in _FILLED and not value):
        return f"`{name}` is a text" + (", of one line" if isinstance(value, str) else "")
    if name == "reason" and len(value.encode()) > REASON_BYTES_MAX:
        return f"`reason` has at most {REASON_BYTES_MAX} bytes"
    if (layer, do, name) == ("udp", "rewrite", "to") and not _is_address(value):  # a name cannot stand in a datagram
        return "leads to an address, such as 192.0.2.7"
    return ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def read_spread(value: object) -> tuple[Any, Any] | None:
    """Return the two bounds of `{"from": ..., "to": ...}` as they are written; None: it is something else."""
    return (value["from"], value["to"]) if isinstance(value, dict) and set(value) == {"from", "to"} else None
