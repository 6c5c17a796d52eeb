"""The subjects of expectations that measure the history: `quiet` and `load`. Source: scenario-style.md sections 6 and 15."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from endpoint.runtime.trace import Event
from scenarios.runner import matchers as m
from scenarios.runner.conditions import MICROSECONDS, Condition, EventCondition, MeterCondition, actor, is_machine
from scenarios.runner.event_subjects import EVENT_KEYS, EVENT_SUBJECTS
from scenarios.runner.matcher_compiler import MatcherCompiler
from scenarios.runner.matchers import Resolve, Subject
from scenarios.runner.meters import OpenAtOnce, Quiet, Rate
from scenarios.runner.references import SERVICES
from scenarios.runner.subjects import Compile, Context
from scenarios.runner.values import read_duration, show_duration
from scenarios.runner.xapi_subjects import XAPI_SUBJECTS
from scenarios.runner.yamltree import Entry, Mapping, plain

IsNoise = Callable[[Event, str, Resolve], bool]
"""Says of an event, for a device, with what fills in values that only the run knows."""

_OF_DEVICE: Final = {"request": "http.request", "frame": "ws.recv", "log": "log", "xevent": "xapi.event"}
_TO_CLIENT: Final = {"result": "xapi.result", "client": "xapi.feedback"}
_NARROWED: Final[dict[str, Compile]] = {
    **{word: EVENT_SUBJECTS[word] for word in ("request", "frame", "log")},
    "xevent": XAPI_SUBJECTS["xevent"],
}
QUIET: Final = (*_OF_DEVICE, *_TO_CLIENT, "mercury", "machine")
"""What can be quiet."""
LOAD: Final[dict[str, type[Rate] | type[OpenAtOnce]]] = {"rate_max": Rate, "open_max": OpenAtOnce}


def _noise(word: str) -> IsNoise:
    """Return what says whether an event is one of a kind, of a device."""
    if word in _OF_DEVICE:
        return lambda event, device, resolve: event.kind == _OF_DEVICE[word] and event.who == actor(device)
    if word in _TO_CLIENT:
        return lambda event, device, resolve: event.kind == _TO_CLIENT[word] and event.peer == actor(device)
    if word == "mercury":
        return lambda event, device, resolve: is_machine(event, device, "mercury")
    return lambda event, device, resolve: event.kind == "machine" and event.who == actor(device)


def _quiet(context: Context, entry: Entry) -> list[Condition]:
    wanted = context.map_of(entry, "what shall not happen, and for how long")
    found: list[Condition] = []
    for one in wanted.entries if wanted is not None else ():
        if one.key not in QUIET:
            context.problems.unknown(one.at, f"nothing measures the quiet of `{one.key}`", one.key, QUIET)
        elif isinstance(one.node, Mapping):
            found += _narrowed(context, one, one.node)
        else:
            found += _quiet_for(context, one, one, _noise(one.key), one.key)
    return found


def _narrowed(context: Context, entry: Entry, node: Mapping) -> list[Condition]:
    """Compile the quiet of some events of a kind only: as the subject takes them, with `for` beside."""
    limit = node.get("for")
    if entry.key not in _NARROWED or limit is None:
        words = ", ".join(_NARROWED)
        context.problems.add(node.at, f"write a duration; or, of {words}, what the subject takes with `for` beside it")
        return []
    own = tuple(one for one in node.entries if one.key != "for")
    for one in own:
        if one.key in (*EVENT_KEYS, "status"):
            context.problems.add(one.at, f"`quiet` takes no `{one.key}`")
    conditions = _NARROWED[entry.key](context, Entry(entry.key, entry.at, Mapping(own, node.at)))
    events = [one for one in conditions if isinstance(one, EventCondition)]

    def is_noise(event: Event, device: str, resolve: Resolve) -> bool:
        for condition in events:
            fields = condition.select(event, device)
            if fields is not None and not condition.matcher.check(Subject(fields, "", resolve)):
                return True
        return False

    title = " or ".join(f"{one.subject} {one.title}" for one in events)
    return _quiet_for(context, entry, limit, is_noise, title)


def _quiet_for(context: Context, entry: Entry, limit: Entry, is_noise: IsNoise, title: str) -> list[Condition]:
    try:
        wanted_s = read_duration(plain(limit.node))
    except ValueError as error:
        context.problems.add(limit.node.at, str(error))
        return []
    if wanted_s <= 0:
        context.problems.add(limit.node.at, "it is always quiet for 0s; write a duration above that")
    matcher = m.Ordered("ge", wanted_s, show_duration(wanted_s), False)

    def make(device: str, resolve: Resolve) -> Quiet:
        return Quiet(lambda event: is_noise(event, device, resolve), round(wanted_s * MICROSECONDS))

    return [MeterCondition(entry.at, f"quiet of {title}", make, matcher)]


def _load(context: Context, entry: Entry) -> list[Condition]:
    services = context.map_of(entry, "services and what they had to do")
    found: list[Condition] = []
    for one in services.entries if services is not None else ():
        if one.key not in SERVICES:
            context.problems.unknown(one.at, f"no service is named `{one.key}`", one.key, SERVICES)
        keys = context.map_of(one, f"{' and '.join(LOAD)} and matchers")
        for key in keys.entries if keys is not None else ():
            meter = LOAD.get(key.key)
            if meter is None:
                context.problems.unknown(key.at, f"a load has no `{key.key}`", key.key, LOAD)
                continue
            compiler = MatcherCompiler(context.problems, measure="rate" if meter is Rate else "number")
            found.append(_of_service(key, one.key, meter, compiler.compile(key.node)))
    return found


def _of_service(key: Entry, service: str, meter: type[Rate] | type[OpenAtOnce], matcher: m.Matcher) -> Condition:
    return MeterCondition(key.at, f"load {service} {key.key}", lambda device, resolve: meter(service), matcher)


METER_SUBJECTS: Final[dict[str, Compile]] = {"quiet": _quiet, "load": _load}
"""Subjects that are measured; all are states."""
