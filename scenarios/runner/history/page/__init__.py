"""The HTML page of a history: one file that needs nothing else, neither a network nor a server."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any, Final

from endpoint.runtime.clock import iso_ms
from endpoint.runtime.trace import Event, trace_hash
from scenarios.runner.history.drawing import clean, lines
from scenarios.runner.history.reader import History
from scenarios.runner.history.selection import Selection
from scenarios.runner.ladder import Line, alone

PAGE_EVENTS_MAX: Final = 200_000
"""Events of one page; a browser holds them all."""

_ARROWS: Final = {
    "----------->": "right",
    "<-----------": "left",
    "<---------->": "both",
    "-----x": "lost",
}


class TooMuch(ValueError):
    """The piece is too long for a page."""


def html(history: History, selection: Selection) -> str:
    """Return the page of a piece of a history.

    Raises:
        TooMuch: it has more than `PAGE_EVENTS_MAX` events.
    """
    events = list(selection.of(history))
    if len(events) > PAGE_EVENTS_MAX:
        raise TooMuch(
            f"{len(events)} events are too many for a page, at most {PAGE_EVENTS_MAX}: narrow it with --from, --to or --step"
        )
    style, script = (_part(name) for name in ("page.css", "page.js"))
    policy = f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    # a page is text in a page: neither `</script>` nor `<!--` may stand in the data
    data = json.dumps(_data(history, events), separators=(",", ":")).replace("<", "\\u003c")
    filled = {
        "POLICY": policy,
        "TITLE": _escaped(history.header.scenario),
        "STYLE": style,
        "SCRIPT": script,
        "DATA": data,
    }
    parts = _part("page.html").split("%%")
    return "".join(filled[part] if number % 2 else part for number, part in enumerate(parts))


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _escaped(text: str) -> str:
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def _data(history: History, events: list[Event]) -> dict[str, Any]:
    header = history.header
    place = {event.n: index for index, event in enumerate(events)}
    led = [history.led_to(event) for event in events]
    return {
        "header": {
            "file": history.file, "scenario": header.scenario, "seed": header.seed, "mode": f"{header.mode}/{header.network}",
            "start": iso_ms(header.start), "sha256": header.sha256, "format": header.version,
            "versions": dict(header.versions), "hash": trace_hash(history.events), "all": len(history.events),
        },
        "events": [json.loads(event.as_json()) for event in events],
        "rows": [_row(alone(event)) for event in events],
        "ladder": [[place[line.n], *_row(line)] for line in lines(history, events, each=False)],
        "led": [-1 if one is None else place.get(one.n, -1) for one in led],
    }  # fmt: skip


def _row(line: Line) -> list[str]:
    return [clean(line.left), _ARROWS.get(line.arrow, line.arrow.strip("<- ")), clean(line.right), line.style]
