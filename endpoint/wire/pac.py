"""Proxy auto-configuration: which proxy a script names for a URL.

The script runs in a JavaScript engine of its own, without any door to the outside: time, chance and addresses come in as values. Names
that it wants resolved are asked for after a run, and the script runs again with the answers. The functions that scripts may call are those
of the Proxy Auto-Configuration format (Netscape 1996; in the form browsers have it today).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import quickjs

from endpoint.wire.pac_functions import FUNCTIONS
from endpoint.wire.tunnel import ProxyAddress, parse_proxy

SCRIPT_BYTES_MAX: Final = 256 * 1024
TIME_MAX_S: Final = 1.0
"""Processor time of one run."""
MEMORY_MAX: Final = 16 * 1024 * 1024
STACK_MAX: Final = 256 * 1024
RESOLVED_MAX: Final = 16
"""Names that a script may have resolved for one URL."""
ENTRIES_MAX: Final = 10
"""Proxies of one answer; what follows is not looked at."""
REASON_CHARS_MAX: Final = 120

Resolve = Callable[[str], str | None]


class PacError(Exception):
    """The script cannot be used; the text says why, in the style of the device log."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a script can learn of the device.

    Attributes:
        now_ms: milliseconds since the epoch.
        zone_minutes: minutes that local time is ahead of UTC.
        address: the device's own.
        chance: 0..1, what `Math.random` begins with.
    """

    now_ms: int
    zone_minutes: int = 0
    address: str = "127.0.0.1"
    chance: float = 0.5


def decode_script(body: bytes) -> str:
    """Read the bytes of a script: UTF-8, else Latin-1.

    Raises:
        PacError: there are too many.
    """
    if len(body) > SCRIPT_BYTES_MAX:
        raise PacError(f"more than {SCRIPT_BYTES_MAX // 1024} KiB")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def check_script(script: str) -> None:
    """Refuse a script that cannot be loaded, or has no `FindProxyForURL` (PacError)."""
    if _run(script, Surroundings(0), {}, "typeof FindProxyForURL") != "function":
        raise PacError("no FindProxyForURL")


def find_proxies(script: str, url: str, around: Surroundings, resolve: Resolve) -> tuple[ProxyAddress | None, ...]:
    """Ask a script for the ways to a URL, in the order of trying; None is the direct one.

    Of the URL of a TLS service the script sees scheme and host only. Kinds of proxies that a device cannot use are left out.

    Raises:
        PacError: the script fails, takes too long, or names no way that a device can go.
    """
    host = urlsplit(url).hostname or ""
    resolved: dict[str, str | None] = {}
    call = f"String(FindProxyForURL({json.dumps(url)}, {json.dumps(host)}))"
    while True:
        answer, wanted = json.loads(_run(script, around, resolved, f"JSON.stringify([{call}, Object.keys(__wanted)])"))
        names = [name for name in wanted if name not in resolved][: RESOLVED_MAX - len(resolved)]
        if not names:
            return _ways(answer)
        resolved |= {name: resolve(name) for name in names}


def _run(script: str, around: Surroundings, resolved: Mapping[str, str | None], question: str) -> Any:
    values = {
        "now": around.now_ms, "zone": around.zone_minutes, "address": around.address, "chance": around.chance, "resolved": resolved
    }  # fmt: skip
    context = quickjs.Context()
    context.set_time_limit(TIME_MAX_S)
    context.set_memory_limit(MEMORY_MAX)
    context.set_max_stack_size(STACK_MAX)
    try:
        context.eval(f"const __given = {json.dumps(values)};\n{FUNCTIONS}")
        context.eval(script)
        return context.eval(question)
    except quickjs.StackOverflow:
        raise PacError("script error: too much recursion") from None
    except quickjs.JSException as error:
        raise PacError(_reason(str(error))) from None


def _reason(text: str) -> str:
    first = "".join(sign if sign.isprintable() else " " for sign in text.strip().split("\n")[0])
    if "interrupted" in first:
        return f"script takes more than {TIME_MAX_S:g} s"
    return f"script error: {first[:REASON_CHARS_MAX]}"


def _ways(answer: str) -> tuple[ProxyAddress | None, ...]:
    entries = [entry.split() for entry in answer.split(";") if entry.strip()][:ENTRIES_MAX]
    if not entries or answer in ("null", "undefined"):
        return (None,)
    ways: list[ProxyAddress | None] = []
    for words in entries:
        kind = words[0].upper()
        if kind == "DIRECT":
            ways.append(None)
        elif kind in ("PROXY", "HTTP") and len(words) == 2 and (found := parse_proxy(words[1])) is not None:
            ways.append(found)
    if not ways:
        raise PacError("no way that the device can go")
    return tuple(ways)
