"""What is planned on a loop of virtual time, in words: the line "waiting" of a report names the next of it."""

from __future__ import annotations

import asyncio
import functools
import re
from typing import Any, Final

from endpoint.runtime.virtual import VirtualLoop

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TELLS_NOTHING: Final = frozenset({"fired", "due", "expired"})

_WORDS: Final = {"_release": "a pause ends", "timeout": "a wait ends"}
"""What functions of the clock do: all that sleeps and all that has a limit waits for them."""


def next_timer(loop: asyncio.AbstractEventLoop) -> str:
    """Return what happens next if nothing else does, and in how long: `Mercury ping due in 14.000s`; empty where nobody can tell."""
    if not isinstance(loop, VirtualLoop):
        return ""
    now = loop.time()
    handle = next((one for one in loop.timers() if one.when() > now), None)
    return "" if handle is None else f"{_name(handle)} in {handle.when() - now:.3f}s"


def _name(handle: asyncio.TimerHandle) -> str:
    callback: Any = handle._callback  # type: ignore[attr-defined]  # asyncio tells it nowhere else
    given = [*(handle._args or ())]
    while isinstance(callback, functools.partial):
        given, callback = [*callback.args, *given], callback.func
    name = str(getattr(callback, "__qualname__", type(callback).__name__)).partition(".<locals>")[0]
    owner, _, method = name.rpartition(".")
    events = [type(one).__name__ for one in given if type(one).__module__.startswith("endpoint.")]
    what = _words(events[0]) if events and owner else _WORDS.get(method) or _words(method)
    return f"{_words(owner).capitalize() if owner else ''} {'timer' if what in _TELLS_NOTHING else what}".strip()


def _words(name: str) -> str:
    """Write the name of a class or function in words: `PingDue` is `ping due`."""
    return " ".join(_HUMP.sub(" ", name.replace(".", " ")).replace("_", " ").split()).lower()
