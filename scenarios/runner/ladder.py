"""The two-sided picture of a history: the device on the left, the cloud on the right, one line per exchange.

The same lines run live and stand in failure reports. A message is in the trace twice, as sent and as received: the device's event makes
the line. Dull events (pings, acks, single STUN answers) are counted and folded. Source: scenario-style.md section 10.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from endpoint.runtime.trace import Event
from scenarios.runner.conditions import MICROSECONDS
from scenarios.runner.event_subjects import log_line
from scenarios.runner.matchers import MISSING, lookup, show

LINES_MAX: Final = 40
HEAD_LINES: Final = 12
"""Lines kept at the start of a picture that is too long; the rest are its last ones."""
CALL_LEAVES: Final = ("AuthenticationRequest", "HardMuted", "Locked", "Recording", "Status")
"""Leaves of `Call[n]` and `Conference Call[n]` that are drawn."""
OPEN_MAX: Final = 1_000
"""Requests without an answer that are remembered; the oldest is drawn without one."""

_LEFT, _ARROW, _RIGHT = 28, 16, 48
_TO_CLOUD, _TO_DEVICE, _BOTH, _LOST = "----------->", "<-----------", "<---------->", "-----x"
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[A-Za-z0-9_=-]{25,}")
_DULL_FRAMES: Final = {"ping": "pings", "pong": "pings", "ack": "acks"}
_DULL_KINDS: Final = {
    "stun": "STUN messages",
    "tcp": "TCP events",
    "tls": "TLS events",
    "dns": "look-ups",
    "media": "media events",
}

Style = Literal["message", "state", "fault", "warning", "step", "dull"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the picture: instant in microseconds, what stands left, between and right, and the ordinal of its event."""

    t: int
    left: str
    arrow: str
    right: str
    n: int
    style: Style

    def text(self, start: int) -> str:
        """Print the line; times count from `start`."""
        if self.style == "step":
            return f"-- {self.left}"
        if self.style == "dull":
            return f"{'':12}... {self.left} ..."
        when = f"{(self.t - start) / MICROSECONDS:+.3f}s"
        if not self.arrow and not self.right:  # the whole row is its own
            return f"{when:>10}  {_cut(self.left, _LEFT + _ARROW + _RIGHT):<{_LEFT + _ARROW + _RIGHT}}  #{self.n}"
        row = f"{when:>10}  {_cut(self.left, _LEFT):<{_LEFT}}{self.arrow:<{_ARROW}}{_cut(self.right, _RIGHT):<{_RIGHT}}"
        return f"{row}  #{self.n}"


def _cut(text: str, width: int) -> str:
    return text if len(text) < width else text[: width - 2] + "\u2026"


class Ladder:
    """Draws a history event by event."""

    def __init__(self) -> None:
        self._open: dict[str | int, Event] = {}
        self._dull: Counter[str] = Counter()
        self._dull_at: tuple[int, int] = (0, 0)

    def feed(self, event: Event) -> list[Line]:
        """Take one more event; return the lines that it completes."""
        family = event.kind.partition(".")[0]
        if family in _DULL_KINDS:
            return self._fold(_DULL_KINDS[family], event)
        if family == "ws" and _is_device(event):
            noun = _DULL_FRAMES.get(str(_frame(event).get("type")))
            if noun is not None and event.kind in ("ws.send", "ws.recv"):
                return self._fold(noun, event)
        line = self._draw(family, event)
        return [] if line is None else [*self.folded(), line]

    def _fold(self, noun: str, event: Event) -> list[Line]:
        self._dull[noun] += 1
        self._dull_at = (event.t, event.n)
        return []

    def folded(self) -> list[Line]:
        """Return the line for the dull events since the last line, and forget them."""
        if not self._dull:
            return []
        text = ", ".join(f"{count} {noun}" for noun, count in sorted(self._dull.items()))
        self._dull.clear()
        t, n = self._dull_at
        return [Line(t, text, "", "", n, "dull")]

    def unanswered(self) -> list[Line]:
        """Return lines for the requests that have no answer yet, and forget them."""
        lines = [_unanswered(event) for event in self._open.values()]
        self._open.clear()
        return lines

    def _draw(self, family: str, event: Event) -> Line | None:
        if family == "http":
            return self._http(event)
        draw = DRAWN.get(family)
        return None if draw is None else draw(event)

    def _http(self, event: Event) -> Line | None:
        if not _is_device(event):
            why = event.data.get("unexpected")
            if not why or event.id in self._open:
                return None
            return Line(event.t, _request_text(event), _TO_CLOUD, str(why), event.n, "warning")
        if event.kind == "http.request":
            self._open[event.id or event.n] = event
            if len(self._open) > OPEN_MAX:
                return _unanswered(self._open.pop(next(iter(self._open))))
            return None
        asked = next((self._open.pop(key) for key in (event.id, event.cause) if key in self._open), None)
        left = _request_text(asked or event)
        n, t = (event.n, event.t) if asked is None else (asked.n, asked.t)
        if event.kind == "http.response":
            return Line(t, left, _TO_CLOUD, _status_text(event.data), n, "message")
        return Line(t, left, _LOST, str(event.data.get("failed", event.kind)), n, "warning")


def _is_device(event: Event) -> bool:
    return event.who.startswith("device:")


def _request_text(event: Event) -> str:
    parts = [part for part in str(event.data.get("path", "")).split("/") if part]
    name = parts[-1] if parts else "/"
    if len(parts) > 1 and _ID.fullmatch(name):
        name = f"{parts[-2]}/\u2026"
    return f"{event.data.get('method', 'HTTP')} {name}"


def _unanswered(request: Event) -> Line:
    return Line(request.t, _request_text(request), _LOST, "no answer", request.n, "warning")


def _status_text(data: Mapping[str, object]) -> str:
    summary = data.get("summary") or data.get("error") or data.get("code")
    return f"{data.get('status', '?')}" + (f", {summary}" if summary else "")


def _frame(event: Event) -> Mapping[str, object]:
    frame = event.data.get("frame")
    return frame if isinstance(frame, Mapping) else event.data


def _message(event: Event, left: str, arrow: str, right: str) -> Line:
    return Line(event.t, left, arrow, right, event.n, "message")


def _websocket(event: Event) -> Line | None:
    if not _is_device(event):
        return None
    if event.kind == "ws.open":
        return _message(event, "ws open", _TO_CLOUD, str(event.data.get("status", 101)))
    if event.kind == "ws.close":
        code, reason = event.data.get("code", ""), event.data.get("reason", "")
        arrow = _LOST if code == 1006 else _BOTH
        return _message(event, f"ws closed {code}".rstrip(), arrow, str(reason))
    frame = _frame(event)
    name = lookup(frame, "data.eventType")
    name = frame.get("type", "frame") if name is MISSING else name
    if event.kind == "ws.send":
        return _message(event, str(name), _TO_CLOUD, "")
    return _message(event, "", _TO_DEVICE, str(name)) if event.kind == "ws.recv" else None


def _sided(event: Event, text: str, style: Style) -> Line:
    """Put what one side did by itself on its side."""
    left, right = (text, "") if _is_device(event) else ("", text)
    return Line(event.t, left, "", right, event.n, style)


def _machine(event: Event) -> Line:
    data = event.data
    states = f"{data.get('from')} -> {data.get('to')}".casefold().replace("_", " ")
    return _sided(event, f"{data.get('machine')}: {states}", "state")


def _fault(event: Event) -> Line:
    data = event.data
    what = f"fault {data.get('on', '')} {data.get('do', '')}".rstrip()
    if event.kind == "fault.struck":
        return Line(event.t, "", f"<-- {data.get('do')} ---", what, event.n, "fault")
    done = {"fault.armed": what, "fault.bit": f"{what} bites", "fault.healed": f"fault {data.get('id')} healed"}
    return Line(event.t, "", "", done.get(event.kind, f"{event.kind} {data.get('id', '')}"), event.n, "fault")


def _xapi(event: Event) -> Line | None:
    data = event.data
    match event.kind:
        case "xapi.event":
            return _sided(event, f"event {data.get('event')} {show(data.get('fields') or {})}", "message")
        case "xapi.result":
            result = data.get("result")
            status = result.get("status") if isinstance(result, Mapping) else ""
            style: Style = "message" if status == "OK" else "warning"
            return Line(event.t, f"{data.get('command')}: {status}", "", "", event.n, style)
        case "xapi.feedback":
            return Line(event.t, f"told of {data.get('subscription')}", "", "", event.n, "message")
    path, value = event.data.get("path"), event.data.get("value")
    if path is None or _is_dull(str(path)):
        return None
    return _sided(event, f"{path}" + ("" if value is None else f" = {value}"), "state")


def _is_dull(path: str) -> bool:
    """Say whether a leaf comes and goes with a call, some seventy of them: those that are drawn tell it too."""
    words = path.split(" ")
    return ("Call" in words[:2] and words[-1] not in CALL_LEAVES) or words[:3] == ["Video", "Layout", "CurrentLayouts"]


def _log(event: Event) -> Line | None:
    return _sided(event, log_line(event.data), "warning") if event.data.get("level") in ("W", "E", "ERROR") else None


def _step(event: Event) -> Line | None:
    if event.kind != "step.start":
        return None
    number, title = event.data.get("step", event.step), event.data.get("title", "")
    return Line(event.t, f"step {number}  {title}", "", "", event.n, "step")


def other(event: Event) -> Line:
    """Draw an event as it is written, on the side of who it is about."""
    return _sided(event, f"{event.kind} {show(event.data) if event.data else ''}".rstrip(), "message")


def _screen(event: Event) -> Line:
    elements = [(name, told) for name, told in event.data.items() if isinstance(told, Mapping) and told.get("visible")]
    seen = [f"{name}: {told.get('title') or told.get('text')}" for name, told in elements]
    return _sided(event, f"screen {', '.join(seen) or 'without a Join button'}", "message")


def _device(event: Event) -> Line:
    """Draw what the device tells of itself; of its notices those that can be read."""
    if event.kind != "device.screen":
        return other(event)
    told = {name: one.get("text") for name, one in event.data.items() if isinstance(one, Mapping)}
    seen = [f"{name}: {text}" for name, text in told.items() if text]
    return _sided(event, f"screen {', '.join(seen) or 'without notices'}", "message")


def _hop(event: Event) -> Line | None:
    """Draw what becomes of an invitation on its way to the room; of the hops of the hybrid calendar those that decide something."""
    data = event.data
    match event.kind:
        case "mailbox.request":
            text = f"{data.get('mailbox')}: request ({data.get('request')})"
        case "mailbox.decision":
            text = f"{data.get('mailbox')}: {data.get('action')}" + (
                f", {data['reason']}" if data.get("reason") else ""
            )
        case "cal.validate":
            found = data.get("action") or data.get("dial")
            wrong = data.get("diagnostics")
            text = f"invitation asks for {found}" if found else "nothing to join in the invitation"
            text += f"; {', '.join(map(str, wrong))}" if isinstance(wrong, list) and wrong else ""
        case "cal.join":
            text = f"join details: {data.get('sip') or data.get('url')}"
        case "cal.patch":
            text = "join details are written into the invitation"
        case "cal.wait":
            text = f"invitation waits: {data.get('reach')}"
        case _:
            return None
    return _sided(event, text, "message")


def _call(event: Event) -> Line:
    data = event.data
    if event.kind != "call.dial":
        return other(event)
    return _sided(event, f"dials {data.get('number')} ({data.get('protocol')}, by {data.get('by')})", "message")


def _locus(event: Event) -> Line | None:
    roster = event.data.get("roster")
    if event.kind != "locus.change" or not isinstance(roster, Mapping):
        return None
    who = ", ".join(f"{name} {state}" for name, state in roster.items())
    return _sided(event, f"{str(event.data.get('event')).removeprefix('locus.')}: {who}", "message")


DRAWN: Final[dict[str, Callable[[Event], Line | None]]] = {
    "ws": _websocket,
    "machine": _machine,
    "fault": _fault,
    "xapi": _xapi,
    "log": _log,
    "step": _step,
    "clock": other,
    "calendar": other,
    "device": _device,
    "screen": _screen,
    "call": _call,
    "locus": _locus,
    "cal": _hop,
    "mailbox": _hop,
    "drop": other,
}
"""How each family of trace events is drawn; the others are not."""


def alone(event: Event) -> Line:
    """Draw an event by itself, however dull it is: for those who ask for it."""
    family = event.kind.partition(".")[0]
    draw = None if event.kind == "step.end" else DRAWN.get(family)
    drawn = None if draw is None else draw(event)
    if drawn is not None:
        return drawn
    data = event.data
    arrow = {"sent": _TO_CLOUD, "received": _TO_DEVICE}.get(str(data.get("side")), "")
    match event.kind:
        case "http.request":
            text = _request_text(event)
        case "http.response":
            text = f"{_request_text(event)}: {_status_text(data)}"
        case "log":
            text = log_line(data)
        case "xapi.status":
            value = data.get("value")
            text = f"{data.get('path')}" + (" is gone" if value is None else f" = {value}")
        case "ws.send" | "ws.recv":
            name = lookup(_frame(event), "data.eventType")
            text = f"{event.kind} {data.get('type', 'frame') if name is MISSING else name}"
            arrow = _TO_CLOUD if _is_device(event) is (event.kind == "ws.send") else _TO_DEVICE
        case _:
            text = f"{event.kind} {show(data) if data else ''}".rstrip()
    if arrow and not _is_device(event) and not event.kind.startswith("ws."):
        arrow = {_TO_CLOUD: _TO_DEVICE, _TO_DEVICE: _TO_CLOUD}[arrow]
    line = _sided(event, text, "message")
    if event.who.startswith(("runner", "world", "client:")):  # on neither side
        line = replace(line, left=text, right="")
    return replace(line, arrow=arrow)


def picture(events: Iterable[Event], start: int, *, lines_max: int = LINES_MAX) -> list[str]:
    """Draw a piece of history with a heading, in at most `lines_max` lines; long ones keep their start and their end."""
    ladder = Ladder()
    lines: list[Line] = []
    for event in events:
        if event.kind != "step.start":
            lines += ladder.feed(event)
    lines += ladder.folded() + ladder.unanswered()
    lines.sort(key=lambda line: line.n)
    texts = [line.text(start) for line in lines]
    if len(texts) > lines_max:
        tail = lines_max - HEAD_LINES - 1
        left_out = len(texts) - HEAD_LINES - tail
        texts = [*texts[:HEAD_LINES], f"{'':12}... {left_out} lines ...", *texts[-tail:]]
    return [heading(), *texts]


def heading(device: str = "device") -> str:
    """Return the line above the two sides."""
    return f"{'':12}{device:<{_LEFT + _ARROW}}cloud"
