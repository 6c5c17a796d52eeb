"""Checks on a finished history: what no single step can tell.

They read events and nothing else, so that an old trace can be judged again. Source: scenario-style.md section 8.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from endpoint.runtime.faults import Fault
from endpoint.runtime.trace import Event
from endpoint.wire.kms import MESSAGES_PATH
from endpoint.wire.wdm import DEVICES_PATH
from scenarios.runner.callbook import BEGINNINGS, ENDING
from scenarios.runner.checks import Finding, Kind
from scenarios.runner.conditions import MICROSECONDS
from scenarios.runner.problems import Place
from scenarios.runner.watches import Unmet

SAME_REQUESTS_MAX: Final = 10
"""As often a device may make one request within STORM_S; the schedule of retries begins with a second between two."""
STORM_S: Final = 5
SECRET: Final = re.compile(
    r"(?<![0-9A-Za-z-])(?<!since=)(?:[0-9]{4}[ -]?){3}[0-9]{4}(?![0-9A-Za-z-])"  # an activation code, not the number of a locus
    r"|(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])"  # tokens of the stub, keys
    r"|(?i:bearer )\S|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|(?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]*+\.(?!\.))[A-Za-z0-9_-]*?\beyJ[A-Za-z0-9_-]{10}"  # looks for the dot once, not from each `eyJ`
)
"""What looks like a secret. A sealed text is none: a JWE under a shared key, whose second part is empty."""
HARMLESS: Final = frozenset({"sha256", "since"})
"""Members that hold what looks like a secret and is none: a digest of what is public, the number of a state of a locus."""

CHANNEL: Final = frozenset({"mercury", "websocket"})
UNDER_TLS: Final = frozenset({"tls", "clock", "tcp", "link", "proxy"})
"""Layers whose faults explain a failed handshake."""

Check = Callable[[Sequence[Event], Place], Iterator[Finding]]


def finding_of(kind: Kind, event: Event, place: Place, expected: str, found: str) -> Finding:
    """Make a finding about an event."""
    return Finding(kind, place, event.t, (Unmet(expected, place, found, "", event.n),))


def strict(events: Sequence[Event], place: Place) -> Iterator[Finding]:
    """Object to what no fault explains: requests without a route, frames that mean nothing to the cloud, failed TLS handshakes."""
    disturbed: set[object] = set()
    for event in events:
        if event.kind in ("fault.bit", "fault.struck", "clock.set"):
            disturbed.add(event.data.get("on", "clock"))
        if event.kind == "http.failed" and event.data.get("layer") == "tls" and not disturbed & UNDER_TLS:
            yield finding_of("unexpected", event, place, "no TLS error", f"{event.who}: {event.data.get('failed')}")
        why = event.data.get("unexpected")
        if not why or not event.who.startswith("cloud") or (event.kind.startswith("ws.") and disturbed & CHANNEL):
            continue
        what = f"{event.data['method']} {event.data['path']}" if "method" in event.data else f"frame {event.id}"
        expected = f"nothing unexpected, {event.who.partition(':')[2]}: {what}"
        yield finding_of("unexpected", event, place, expected, str(why))


def secrets(events: Sequence[Event], place: Place) -> Iterator[Finding]:
    """Object to text that looks like a secret."""
    for event in events:
        if SECRET.search(
            "\n".join(_texts([event.id, event.data]))
        ):  # nothing that looks like a secret goes over a line
            found = f"event #{event.n}, {event.kind} of {event.who}"  # and not a word of what it is
            yield finding_of("unexpected", event, place, "no secret in the history", found)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            if key not in HARMLESS:
                yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def bounds(events: Sequence[Event], place: Place) -> Iterator[Finding]:
    """Object to anything that was dropped because a bound was hit, the history's own start included."""
    if events and events[0].n > 1:
        yield finding_of(
            "bound", events[0], place, "the whole history", f"its first {events[0].n - 1} events were dropped"
        )
    yield from dropped(events, place)


def dropped(events: Iterable[Event], place: Place) -> Iterator[Finding]:
    """Object to what was dropped because a bound was hit, in a part of a history."""
    for event in events:
        is_bound = event.data.get("why") == "queue full" or any(word.startswith("bound") for word in event.data)
        if event.kind == "drop" and is_bound:
            yield finding_of("bound", event, place, "no bound hit", f"{event.who}: {dict(event.data)}")


def acks(events: Sequence[Event], place: Place) -> Iterator[Finding]:
    """Object to frames that a device did not acknowledge exactly once for each time they came."""
    came: Counter[tuple[str, str]] = Counter()
    acked: Counter[tuple[str, str]] = Counter()
    last: dict[tuple[str, str], Event] = {}
    for event in events:
        if not event.who.startswith("device:") or event.id is None:
            continue
        key = (event.who, event.id)
        if event.kind == "ws.recv":
            came[key] += 1
            last[key] = event
        elif event.kind == "ws.send" and event.data.get("type") == "ack":
            acked[key] += 1
            last.setdefault(key, event)
    for key, event in last.items():
        if came[key] != acked[key]:
            found = f"frame {key[1]} came {came[key]} times and was acknowledged {acked[key]} times"
            yield finding_of("unexpected", event, place, "each frame acknowledged once", found)


def one_registration(events: Sequence[Event], place: Place) -> Iterator[Finding]:
    """Object to a device that asks for a registration while it has one."""
    states: dict[str, str] = {}
    for event in events:
        if event.kind == "machine" and event.data.get("machine") == "registration":
            states[event.who] = str(event.data.get("to"))
        elif event.kind == "device.booted":
            states.pop(event.who, None)
        elif _is_registering(event) and states.get(event.who) == "Registered":
            yield finding_of(
                "unexpected", event, place, "one registration at a time", f"{event.who} asks for a second one"
            )


def _is_registering(event: Event) -> bool:
    is_asked = event.kind == "http.request" and event.who.startswith("device:") and event.data.get("method") == "POST"
    return is_asked and str(event.data.get("path", "")).endswith(DEVICES_PATH)


def monotone(events: Sequence[Event], place: Place) -> Iterator[Finding]:
    """Object to a history whose ordinals or instants fall."""
    for before, event in zip(events, list(events)[1:], strict=False):
        if event.n <= before.n or event.t < before.t:
            found = f"#{event.n} at {event.t} after #{before.n} at {before.t}"
            yield finding_of("unexpected", event, place, "ordinals and instants that rise", found)


def no_storm(events: Sequence[Event], place: Place) -> Iterator[Finding]:
    """Object to a device that repeats a request without waiting. Sealed messages go to one path, each another one."""
    recent: defaultdict[tuple[str, str], deque[int]] = defaultdict(deque)
    for event in events:
        if event.kind != "http.request" or not event.who.startswith("device:"):
            continue
        path = str(event.data.get("path"))
        if path.endswith(MESSAGES_PATH):
            continue
        about = f"{event.data.get('method')} {path}"
        instants = recent[event.who, f"{about} {event.data.get('query')}"]
        instants.append(event.t)
        while instants[0] < event.t - STORM_S * MICROSECONDS:
            instants.popleft()
        if len(instants) > SAME_REQUESTS_MAX:
            instants.clear()
            found = f"{event.who}: {about} more than {SAME_REQUESTS_MAX} times in {STORM_S}s"
            yield finding_of("unexpected", event, place, "retries that wait", found)


def bookings_equal(events: Sequence[Event], place: Place) -> Iterator[Finding]:
    """Object to a device whose meetings at the end are not those that the cloud has for it; the run writes both down."""
    told: dict[str, dict[str, Event]] = defaultdict(dict)
    for event in events:
        if event.kind == "calendar.holds":
            told[str(event.data.get("device"))]["device" if event.who.startswith("device:") else "cloud"] = event
    for device, sides in told.items():
        if len(sides) < 2:
            continue
        ours, theirs = (_held(sides[side]) for side in ("device", "cloud"))
        if ours != theirs:
            found = f"{device}: {_difference(ours, theirs)}"
            yield finding_of("unexpected", sides["device"], place, "the bookings of the cloud on the device", found)


def _held(event: Event) -> dict[str, str]:
    return {str(one["meeting"]): f"{one['start']} for {one['minutes']}m" for one in event.data.get("meetings", ())}


def _difference(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    parts = [f"{name} is not on the device" for name in theirs if name not in ours]
    parts += [f"{name} is not in the cloud" for name in ours if name not in theirs]
    both = (name for name in ours if name in theirs and ours[name] != theirs[name])
    parts += [f"{name} is {ours[name]} on the device, {theirs[name]} in the cloud" for name in both]
    return "; ".join(parts)


def calls_balanced(events: Sequence[Event], place: Place) -> Iterator[Finding]:
    """Object to a call that never ended, to one that ended twice, and to one that either side still has at the end."""
    begun: dict[tuple[str, int], Event] = {}
    for event in events:
        if event.kind in ("device.booted", "device.crashed"):  # it numbers its calls anew, and has none
            begun = {key: one for key, one in begun.items() if key[0] != event.who}
        name = event.data.get("event") if event.kind == "xapi.event" else None
        if name in (*BEGINNINGS, ENDING):
            key = (event.who, int(event.data["fields"]["CallId"]))
            if name != ENDING:
                begun[key] = event
            elif begun.pop(key, None) is None:
                found = f"{event.who}: call {key[1]} ended, and had not begun"
                yield finding_of("unexpected", event, place, "an end for each call that began", found)
        if event.kind == "calls.holds" and event.data.get("calls"):
            found = f"{event.who}: {', '.join(map(str, event.data['calls']))}"
            yield finding_of("unexpected", event, place, "no call left at the end", found)
    for (who, number), event in begun.items():
        yield finding_of(
            "unexpected", event, place, "an end for each call that began", f"{who}: call {number} never ended"
        )


CHECKS: Final[dict[str, Check]] = {
    "strict": strict,
    "secrets": secrets,
    "bounds": bounds,
    "acks": acks,
    "one_registration": one_registration,
    "monotone": monotone,
    "no_storm": no_storm,
    "bookings_equal": bookings_equal,
    "calls_balanced": calls_balanced,
}
"""The named checks of the language; other packages add theirs."""


def unused_faults(faults: Iterable[Fault], place: Place, now_us: int) -> Iterator[Finding]:
    """Object to faults that never bit, unless they are optional."""
    for fault in faults:
        if fault.used == 0 and not fault.optional:
            unmet = Unmet(f"fault {fault.id} to bite", place, "armed, never used; nothing it aims at happened")
            yield Finding("fault_unused", place, now_us, (unmet,))
