"""The subjects of expectations that are about the xAPI: answers of commands, events, and what clients were told.

Source: scenario-style.md section 6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from endpoint.runtime.trace import Event
from endpoint.wire.xapi.jsonform import typed
from endpoint.wire.xapi.leaves import flatten
from endpoint.wire.xapi.rows import EventNode
from scenarios.runner import matchers as m
from scenarios.runner.answers import check_field as check_answer_field
from scenarios.runner.answers import fields_of
from scenarios.runner.conditions import Condition, EventCondition, Fields, actor
from scenarios.runner.event_subjects import EVENT_KEYS, Limits, read_limits
from scenarios.runner.matcher_compiler import is_operator_map
from scenarios.runner.matchers import MISSING, Matcher, show
from scenarios.runner.problems import nearest
from scenarios.runner.spaces import check_literal, words
from scenarios.runner.subjects import Compile, Context, is_about_lists, literals_of
from scenarios.runner.xapi_checks import (
    SUBSCRIBED,
    branch_of,
    check_event,
    check_field,
    check_subscription,
    subscription_key,
)
from scenarios.runner.xpaths import Path, check_word, has_wildcard, read_path
from scenarios.runner.yamltree import Entry, Node, kind_of, plain
from scenarios.runner.yamltree import Mapping as MapNode

SUBSCRIBER: Final = "subscriber"
"""Beside what was told: the id of the client that has to have been told."""
CONNECTION_STATES: Final = ("open", "closed")
CONNECTION_KEYS: Final = ("state", "why")
"""What becomes of the connection of a client, and what is told of it; `why` of one that has closed."""
_BRANCH_WORDS: Final = tuple(branch.casefold() for branch in SUBSCRIBED)
STATUSES: Final = ("OK", "Error", "ParameterError")
"""What the answer of a command can be; the other fields are its own."""


# answers


def _select_result(event: Event, device: str) -> Fields | None:
    if event.kind != "xapi.result" or event.peer != actor(device):
        return None
    result = event.data.get("result")
    return {**result, "command": event.data.get("command")} if isinstance(result, Mapping) else None


def _show_result(fields: Fields) -> str:
    reason = f": {fields['Reason']}" if "Reason" in fields else ""
    return f"{fields.get('command')} -> {fields.get('status')}{reason}"


def _result(context: Context, entry: Entry) -> list[Condition]:
    node = context.map_of(entry, "fields of the answer and matchers")
    if node is None:
        return []
    limits = read_limits(context, node)
    keys = []
    fields = fields_of(context.asked, context.table) if context.asked and not is_operator_map(node) else None
    for one in limits.own:
        if one.key == "status":
            _check_status(context, one.node)
        check_answer_field(context.problems, one, fields, context.asked or ())
        keys.append((one.key, context.events.compile(one.node)))
    matcher: Matcher = m.MapOf(tuple(keys))
    if is_operator_map(node):
        matcher = context.events.compile(node)
    return [
        EventCondition(
            entry.at,
            "result",
            str(matcher),
            _select_result,
            matcher,
            _show_result,
            "no answer of a command at all",
            times=limits.times,
            after=limits.after,
            before=limits.before,
        )
    ]


def _check_status(context: Context, node: Node) -> None:
    for scalar in literals_of(node):
        if isinstance(scalar.value, str) and scalar.value not in STATUSES:
            message = f"the status of an answer is one of {', '.join(STATUSES)}"
            context.problems.add(scalar.at, message, nearest(scalar.value, STATUSES))


# events


def _xevent(context: Context, entry: Entry) -> list[Condition]:
    events = context.map_of(entry, "events and their fields")
    found: list[Condition] = []
    for one in events.entries if events is not None else ():
        event = check_event(one, context.table, context.problems)
        if not isinstance(one.node, MapNode):
            message = f"`{one.key}` takes a map of its fields, {{}} for any, not {kind_of(one.node)}"
            context.problems.add(one.node.at, message)
        elif event is not None:
            found.append(_event(context, event, one, read_limits(context, one.node)))
    return found


def _event(context: Context, event: EventNode, entry: Entry, limits: Limits) -> Condition:
    keys = []
    for field in limits.own:
        check_field(event, field, literals_of(field.node), context.problems)
        keys.append((field.key, context.events.compile(field.node)))

    def select(happened: Event, device: str) -> Fields | None:
        if happened.kind != "xapi.event" or happened.who != actor(device) or happened.data.get("event") != event.path:
            return None
        return typed(flatten(happened.data.get("fields") or {}))

    return EventCondition(
        entry.at,
        "xevent",
        f"{event.path} {m.MapOf(tuple(keys))}" if keys else event.path,
        select,
        m.MapOf(tuple(keys)),
        lambda fields: f"{event.path} {show(fields)}" if fields else event.path,
        f"no event {event.path} at all",
        times=limits.times,
        after=limits.after,
        before=limits.before,
    )


# clients: what they were told, and how they come and go


def _client(context: Context, entry: Entry) -> list[Condition]:
    told = context.map_of(entry, "subscriptions or clients, and matchers")
    return [found for one in told.entries for found in _of_client(context, one)] if told is not None else []


def _of_client(context: Context, one: Entry) -> list[Condition]:
    if one.key in context.clients:
        return [_connection(context, one)]
    if one.key.casefold() not in _BRANCH_WORDS and nearest(one.key, context.clients) is not None:
        message = f"nothing before this place connects a client `{one.key}`"
        context.problems.unknown(one.at, message, one.key, context.clients)
        return []
    return [_told(context, one)]


def _connection(context: Context, entry: Entry) -> Condition:
    """Compile what became of the connection of a client: `panel: closed`, or a map with `state` and `why`."""
    limits, node = Limits(()), entry.node
    own: tuple[Entry, ...] = (Entry("state", node.at, node),)
    if isinstance(node, MapNode) and not is_operator_map(node):
        limits = read_limits(context, node)
        own = limits.own
    keys = []
    for one in own:
        if one.key not in CONNECTION_KEYS:
            context.problems.unknown(one.at, f"a connection has no `{one.key}`", one.key, CONNECTION_KEYS)
        for scalar in literals_of(one.node) if one.key == "state" else ():
            check_literal(context.problems, scalar, words(*CONNECTION_STATES), "the connection of a client")
        keys.append((one.key, context.events.compile(one.node)))
    matcher = m.MapOf(tuple(keys))

    def select(event: Event, device: str) -> Fields | None:
        is_its = event.kind == "xapi.client" and event.peer == actor(device) and event.data.get("client") == entry.key
        return event.data if is_its else None

    return EventCondition(
        entry.at,
        "client",
        f"{entry.key} {matcher}",
        select,
        matcher,
        lambda fields: f"{entry.key} {fields['state']}" + (f": {fields['why']}" if "why" in fields else ""),
        f"the connection of {entry.key} stayed as it was",
        times=limits.times,
        after=limits.after,
        before=limits.before,
    )


def _subscriber(context: Context, entries: tuple[Entry, ...]) -> tuple[str | None, tuple[Entry, ...]]:
    """Take the id of a client out of the keys of what was told."""
    named = next((one for one in entries if one.key == SUBSCRIBER), None)
    if named is None:
        return None, entries
    name = plain(named.node)
    if name not in context.clients:
        message = f"nothing before this place connects a client `{name}`"
        context.problems.unknown(named.node.at, message, str(name), context.clients)
    return str(name), tuple(one for one in entries if one.key != SUBSCRIBER)


def _told(context: Context, entry: Entry) -> Condition:
    is_path = check_subscription(entry.key, entry.at, context.table, context.problems)
    wanted = subscription_key(entry.key)
    if is_path and wanted not in {subscription_key(text) for text in context.subscribed}:
        message = f"nothing before this place subscribes to `{entry.key}`"
        context.problems.unknown(entry.at, message, entry.key, context.subscribed)
    limits, node, subscriber = Limits(()), entry.node, None
    if isinstance(node, MapNode) and any(one.key in (*EVENT_KEYS, SUBSCRIBER) for one in node.entries):
        limits = read_limits(context, node)
        subscriber, own = _subscriber(context, limits.own)
        node = MapNode(own, node.at)
    path = _path(entry.key)
    branch = branch_of(path)
    if is_path and branch is not None and path[1:]:
        for scalar in literals_of(node):
            wrong = check_word(branch, path[1:], scalar.value, context.table)
            if wrong is not None:
                context.problems.add(scalar.at, *wrong)
    matcher: Matcher = m.Anything() if isinstance(node, MapNode) and not node.entries else context.events.compile(node)
    if has_wildcard(path) and not is_about_lists(node) and not isinstance(matcher, m.Anything):
        matcher = m.Has(matcher)

    def select(event: Event, device: str) -> Fields | None:
        if event.kind != "xapi.feedback" or event.peer != actor(device):
            return None
        if subscription_key(str(event.data.get("subscription"))) != wanted:
            return None
        if subscriber is not None and event.data.get("client") != subscriber:
            return None
        values = list(_values(event.data.get("told"), path))
        value = values if has_wildcard(path) else values[0] if values else MISSING
        return {"told": value}

    return EventCondition(
        entry.at,
        "client",
        f"{entry.key} {matcher}",
        select,
        m.MapOf((("told", matcher),)),
        lambda fields: f"{entry.key} {show(fields['told'])}",
        f"the client was told nothing of {entry.key}",
        times=limits.times,
        after=limits.after,
        before=limits.before,
    )


def _path(text: str) -> Path:
    try:
        return read_path(text)
    except ValueError:  # it is a problem already
        return ()


def _values(told: Any, path: Path) -> Iterator[object]:
    """Find what stands at a path of a notification; elements are found by their id, all of them for `*`."""
    if not path:
        yield told
        return
    part, rest = path[0], path[1:]
    if not isinstance(told, Mapping):
        return
    below = next((value for name, value in told.items() if str(name).casefold() == part.name.casefold()), MISSING)
    if below is MISSING:
        return
    if part.element is None:
        yield from _values(below, rest)
        return
    for element in below if isinstance(below, (list, tuple)) else ():
        if part.element == "*" or str(element.get("id")) == part.element:
            yield from _values(element, rest)


XAPI_SUBJECTS: Final[dict[str, Compile]] = {"xevent": _xevent, "result": _result, "client": _client}
"""Subjects of the xAPI; all are events."""
