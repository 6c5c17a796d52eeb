"""The subjects of expectations that are events: requests, frames, log lines, raw trace events.

Source: scenario-style.md sections 6 and 9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from endpoint.runtime.trace import Event
from scenarios.runner import matchers as m
from scenarios.runner.conditions import Anchor, Condition, EventCondition, Fields, actor, state_word
from scenarios.runner.event_types import check_event_type
from scenarios.runner.lifecycles import check_machine, check_state
from scenarios.runner.matchers import Matcher, Mismatch, Mismatches, Subject, show
from scenarios.runner.references import SERVICES
from scenarios.runner.spaces import NUMBER, check_literal
from scenarios.runner.subjects import Compile, Context, literals_of
from scenarios.runner.values import Template
from scenarios.runner.yamltree import Entry, Node, Scalar, kind_of, plain
from scenarios.runner.yamltree import Mapping as MapNode

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
EVENT_KEYS: Final = ("times", "after", "before")
_REQUEST_KEYS: Final = ("service", "query", "headers", "body", "status")
_LOG_KEYS: Final = ("module", "level", "text")
_TRACE_KEYS: Final = ("n", "t", "at", "who", "kind", "peer", "id", "cause", "step", "data", "label")


class Limits(NamedTuple):
    """What every event subject takes beside its own keys."""

    own: tuple[Entry, ...]
    times: Matcher | None = None
    after: Anchor | None = None
    before: Anchor | None = None


def read_limits(context: Context, node: MapNode) -> Limits:
    """Read `times`, `after` and `before` out of a map; what is wrong is among the problems."""
    times = node.get("times")
    after, before = node.get("after"), node.get("before")
    return Limits(
        tuple(entry for entry in node.entries if entry.key not in EVENT_KEYS),
        None if times is None else _times(context, times.node),
        None if after is None else read_anchor(context, after.node),
        None if before is None else read_anchor(context, before.node),
    )


def _times(context: Context, node: Node) -> Matcher | None:
    value = plain(node)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return m.Literal(value)
    if isinstance(node, MapNode) and node.entries and all(entry.key in m.ORDERINGS for entry in node.entries):
        return context.events.compile(node)
    context.problems.add(node.at, "`times` takes a whole number, or gt, ge, lt, le, such as { ge: 2 }")
    return None


def read_anchor(context: Context, node: Node) -> Anchor | None:
    """Read `mercury open`, `registration registered`, `fault <id>`, `step start` or a label; None when it is wrong."""
    text = plain(node)
    if not isinstance(text, str):
        context.problems.add(node.at, f"an anchor is text, such as mercury open, not {kind_of(node)}")
        return None
    words = text.split()
    if words == ["step", "start"]:
        return Anchor(text, "start")
    if len(words) == 2 and words[0] == "fault":
        if words[1] not in context.faults:
            context.problems.unknown(node.at, f"no fault is named `{words[1]}`", words[1], context.faults)
        return Anchor(text, "fault", words[1])
    if len(words) == 1:
        if text not in context.labels:
            known = sorted(context.labels | {"mercury open", "mercury closed", "step start"})
            context.problems.unknown(node.at, f"no step has the label `{text}`", text, known)
        return Anchor(text, "label", text)
    if not words:
        context.problems.add(node.at, "the anchor is empty")
        return None
    machine = " ".join(words[:-1])
    state = state_word(machine, words[-1])
    states = check_machine(context.problems, machine, node.at, context.calls)
    check_state(context.problems, machine, words[-1], node.at, states)
    return Anchor(text, "machine", machine, state)


@dataclass(frozen=True, slots=True)
class PathPattern:
    """Match a path of a URL: exact, `*` stands for one segment, `**` for any number."""

    pattern: str | Template

    def check(self, subject: Subject) -> Mismatches:
        """Object to another path."""
        pattern = subject.resolve(self.pattern) if isinstance(self.pattern, Template) else self.pattern
        got = subject.value
        if isinstance(got, str) and _fits(str(pattern).split("/"), got.split("/")):
            return ()
        note = m.first_difference(pattern, got) if "*" not in str(pattern) else ""
        return (Mismatch(subject.path, got, "is", str(pattern), note),)

    def __str__(self) -> str:
        return str(self.pattern)


def _fits(pattern: list[str], path: list[str]) -> bool:
    """Match segments; after a `**` all positions that can follow are kept, so that no path takes long."""
    reached = {0}
    for part in pattern:
        if part == "**":
            reached = set(range(min(reached), len(path) + 1)) if reached else set()
        else:
            reached = {at + 1 for at in reached if at < len(path) and part in ("*", path[at])}
    return len(path) in reached


def _select_request(event: Event, device: str) -> Fields | None:
    """Return the fields of a request as the device sent it, or of the answer as it came back."""
    if event.who != actor(device) or event.kind not in ("http.request", "http.response"):
        return None
    query = event.data.get("query")
    return (
        {**event.data, "query": dict(parse_qsl(query, keep_blank_values=True))}
        if isinstance(query, str)
        else event.data
    )


def _select_only_request(event: Event, device: str) -> Fields | None:
    return _select_request(event, device) if event.kind == "http.request" else None


def _show_request(fields: Fields) -> str:
    status = f" -> {fields['status']}" if fields.get("status") is not None else ""
    return f"{fields.get('method')} {fields.get('path')}{status}"


def _request(context: Context, entry: Entry) -> list[Condition]:
    node = context.map_of(entry, "a METHOD with its path, and more")
    if node is None:
        return []
    limits = read_limits(context, node)
    methods = [one.key for one in limits.own if one.key in METHODS]
    if len(methods) > 1:
        context.problems.add(entry.at, f"a request has one method, found {' and '.join(methods)}")
    keys = [key for one in limits.own for key in _request_keys(context, one)]
    by_name = dict(keys)
    service = _service_of(limits.own)
    asks_status = "status" in by_name
    shown = [f"{name} {matcher}" for name, matcher in keys if name in _REQUEST_KEYS]
    title = f"{by_name.get('method', 'any')} {by_name.get('path', '')}".rstrip()
    return [
        EventCondition(
            entry.at,
            "request",
            " ".join([title, *shown]),
            _select_request if asks_status else _select_only_request,
            m.MapOf(tuple(keys)),
            _show_request,
            f"no request to {service} at all" if service else "no request at all",
            is_kin=_to_service(service),
            times=limits.times,
            after=limits.after,
            before=limits.before,
            joined=asks_status,
        )
    ]


def _request_keys(context: Context, entry: Entry) -> list[tuple[str, Matcher]]:
    """Compile one key of a request: METHOD with its path, or a field."""
    value = plain(entry.node)
    if entry.key in METHODS:
        if isinstance(value, (str, Template)) and str(value).startswith(("/", "*", "$")):
            return [("method", m.Literal(entry.key)), ("path", PathPattern(value))]
        context.problems.add(entry.node.at, "a path begins with / (or is ** for any)")
    elif entry.key in _REQUEST_KEYS:
        if entry.key == "service" and isinstance(value, str) and value not in SERVICES:
            context.problems.unknown(entry.node.at, f"no service is named `{value}`", value, SERVICES)
        for scalar in literals_of(entry.node) if entry.key == "status" else ():
            check_literal(context.problems, scalar, NUMBER, "`status` of a request")
        return [(entry.key, context.events.compile(_in_small_letters(entry)))]
    else:
        known = (*METHODS, *_REQUEST_KEYS, *EVENT_KEYS)
        context.problems.unknown(entry.at, f"a request has no `{entry.key}`", entry.key, known)
    return []


def _in_small_letters(entry: Entry) -> Node:
    """Write the names of headers as the history has them; in HTTP their letters mean nothing."""
    if entry.key != "headers" or not isinstance(entry.node, MapNode):
        return entry.node
    return MapNode(tuple(Entry(one.key.lower(), one.at, one.node) for one in entry.node.entries), entry.node.at)


def _service_of(entries: tuple[Entry, ...]) -> str:
    """Return the service that a request goes to: as named, else the first segment of its path, empty when that is a pattern."""
    named = {entry.key: str(plain(entry.node)) for entry in entries}
    path = next((named[method] for method in METHODS if method in named), "")
    service = named.get("service") or path.lstrip("/").partition("/")[0]
    return service if service.isidentifier() else ""


def _to_service(service: str) -> Callable[[Fields], bool]:
    def is_kin(fields: Fields) -> bool:
        first = str(fields.get("path")).lstrip("/").partition("/")[0]
        return not service or service in (fields.get("service"), first)

    return is_kin


def log_line(fields: Fields) -> str:
    """Print the fields of a log event as the device log does, without time and process."""
    level = str(fields.get("level", ""))
    mark = f"[{level}]" if level.isdigit() else f" {level}"
    return f"{fields.get('module')}{mark}: {fields.get('text')}"


def _select_log(event: Event, device: str) -> Fields | None:
    if event.who != actor(device) or event.kind != "log":
        return None
    return {**event.data, "level": str(event.data.get("level", "")), "line": log_line(event.data)}


def _log(context: Context, entry: Entry) -> list[Condition]:
    node = entry.node
    limits = Limits(())
    wanted = ""
    if isinstance(node, MapNode):
        limits = read_limits(context, node)
        keys = [(one.key, context.events.compile(_as_text(one))) for one in limits.own]
        for one in limits.own:
            if one.key not in _LOG_KEYS:
                known = (*_LOG_KEYS, *EVENT_KEYS)
                context.problems.unknown(one.at, f"a log line has no `{one.key}`", one.key, known)
            elif one.key == "text" and isinstance(one.node, Scalar):
                wanted = str(one.node.value)
        title = ", ".join(f"{key} {matcher}" for key, matcher in keys)
    else:
        part = plain(node)
        if not isinstance(part, (str, Template)):
            context.problems.add(node.at, f"`log` takes text, or a map of {', '.join(_LOG_KEYS)}, not {kind_of(node)}")
            return []
        keys, title, wanted = [("line", m.HasText("contains", part))], show(part), str(part)
    return [
        EventCondition(
            entry.at,
            "log",
            title,
            _select_log,
            m.MapOf(tuple(keys)),
            lambda fields: str(fields["line"]),
            "no log line at all",
            closeness=lambda fields: shared_start(wanted, str(fields["line"])),
            times=limits.times,
            after=limits.after,
            before=limits.before,
        )
    ]


def _as_text(entry: Entry) -> Node:
    """Take a level that was written as a number for the text that the log has."""
    value = plain(entry.node)
    is_digit = entry.key == "level" and isinstance(value, int) and not isinstance(value, bool)
    return Scalar(str(value), entry.node.at) if is_digit else entry.node


def shared_start(wanted: str, text: str) -> int:
    """Return how many characters from the start of `wanted` occur together in `text`."""
    low, high = 0, len(wanted)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if wanted[:middle] in text else (low, middle - 1)
    return low


def _select_frame(kind: str) -> Callable[[Event, str], Fields | None]:
    def select(event: Event, device: str) -> Fields | None:
        if event.who != actor(device) or event.kind != kind:
            return None
        frame = event.data.get("frame")
        return frame if isinstance(frame, Mapping) else event.data

    return select


def _show_frame(fields: Fields) -> str:
    name = m.lookup(fields, "data.eventType")
    return str(fields.get("type", "frame") if name is m.MISSING else name)


def _frame(context: Context, entry: Entry) -> list[Condition]:
    node = context.map_of(entry, "paths in the frame and matchers")
    if node is None:
        return []
    limits = read_limits(context, node)
    side = node.get("from")
    source = "cloud" if side is None else plain(side.node)
    if source not in ("cloud", "device"):
        assert side is not None, "the default is right"
        context.problems.unknown(
            side.node.at, f"a frame comes from cloud or device, not {show(source)}", str(source), ("cloud", "device")
        )
    for one in limits.own:
        for scalar in _event_types(one):
            check_event_type(context.problems, scalar, context.sent)
    keys = tuple((one.key, context.events.compile(one.node)) for one in limits.own if one.key != "from")
    return [
        EventCondition(
            entry.at,
            "frame",
            f"from {source} {m.MapOf(keys)}",
            _select_frame("ws.send" if source == "device" else "ws.recv"),
            m.MapOf(keys),
            _show_frame,
            f"no frame from the {source} at all",
            times=limits.times,
            after=limits.after,
            before=limits.before,
        )
    ]


def _event_types(entry: Entry) -> list[Scalar]:
    """Return what `data.eventType` is compared with, written with a dot or as a map."""
    if entry.key == "data.eventType":
        return [*literals_of(entry.node)]
    if entry.key != "data" or not isinstance(entry.node, MapNode):
        return []
    inner = entry.node.get("eventType")
    return [] if inner is None else [*literals_of(inner.node)]


def _select_any(event: Event, device: str) -> Fields | None:
    return {name: getattr(event, name) for name in _TRACE_KEYS}


def _trace(context: Context, entry: Entry) -> list[Condition]:
    node = context.map_of(entry, "fields of trace events and matchers")
    if node is None:
        return []
    limits = read_limits(context, node)
    for one in limits.own:
        if one.key.partition(".")[0] not in _TRACE_KEYS:
            known = (*_TRACE_KEYS, *EVENT_KEYS)
            context.problems.unknown(one.at, f"a trace event has no `{one.key}`", one.key, known)
    matcher = m.MapOf(tuple((one.key, context.events.compile(one.node)) for one in limits.own))
    kind = next((plain(one.node) for one in limits.own if one.key == "kind"), None)
    return [
        EventCondition(
            entry.at,
            "trace",
            str(matcher),
            _select_any,
            matcher,
            lambda fields: f"{fields['kind']} of {fields['who']}",
            "no such trace event",
            is_kin=lambda fields: not isinstance(kind, str) or fields["kind"] == kind,
            times=limits.times,
            after=limits.after,
            before=limits.before,
        )
    ]


EVENT_SUBJECTS: Final[dict[str, Compile]] = {"request": _request, "log": _log, "frame": _frame, "trace": _trace}
"""Subjects that are events."""
