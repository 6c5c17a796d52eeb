"""The skeleton of a scenario that a recording tells: a person finishes it.

What somebody did becomes steps: commands, the Join button, faults, and what the cloud told of meetings. A pause becomes `advance`. What
followed becomes `expect`: of each xStatus that says how the device is, the last value. Whatever has no verb is listed at the end.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import yaml

from endpoint.runtime.clock import iso_ms
from endpoint.runtime.trace import Event
from scenarios.runner.recording.model import Exchange, Message, Recording
from scenarios.runner.values import SIGNED_S_MAX, read_instant, show_duration

PAUSE_US: Final = 1_000_000
"""A longer pause becomes `advance`; what happens within it belongs to one step."""
EXPECTED_MAX: Final = 4
STEPS_MAX: Final = 500
TOLD: Final = (
    "Webex Status", "Call # Status", "SystemUnit State NumberOfActiveCalls", "Bookings Availability Status", "Bookings Current Id",
    "Audio Volume", "Audio Microphones Mute", "Diagnostics Message # Type", "SystemUnit Software Version",
)  # fmt: skip
"""xStatus that a step is judged by, the most telling first; `#` is any number."""
JOIN: Final = frozenset({"meetingJoinURI", "meetingJoinURL", "webexURI", "spaceURI", "callURI"})
MEETING: Final = "calendar.meeting."
MINIMAL: Final = ".minimal"
CATCH_UP: Final = "/calendarEvents"
OPENED_US: Final = 10_000_000
"""So long after the opening of the channel a catch-up may come of it."""
LAST: Final = 2**63
"""The place of what came after everything else of its instant."""
INNER: Final = frozenset({"step"})
"""Members of a target that say where within a service a fault bites; the language derives them from the action."""
NAME: Final = re.compile(r"[A-Za-z][\w.-]{0,63}", re.ASCII)
"""What the language takes as a name; faults of scenarios have others where none was given."""
_NUMBER: Final = re.compile(r"\b\d+\b")


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The text of a scenario, and how many steps it has."""

    text: str
    steps: int


@dataclass
class _Deed:
    t_us: int
    verb: str
    value: Any
    n: int = 0
    """Where it stands in the history, as far as that is known: it puts the deeds of one instant in order."""


@dataclass
class _Story:
    events: Sequence[Event]
    recording: Recording
    start: datetime
    left_out: Counter[str] = field(default_factory=Counter)
    ids: dict[str, str] = field(default_factory=dict)
    held: dict[str, tuple[object, object]] = field(default_factory=dict)
    """Start and length that was told of each meeting."""
    came: dict[str, int] = field(default_factory=dict)
    """Ordinals of the events with which frames came, by their ids."""
    minimal: dict[str, int] = field(default_factory=dict)
    """When meetings were told of by their ids alone."""

    def at(self, t_us: int) -> datetime:
        return self.start + timedelta(microseconds=t_us)


def skeleton(header: str, events: Sequence[Event], recording: Recording, lasted_us: int = 0) -> Skeleton:
    """Write the skeleton of a run.

    Args:
        header: first line of its trace.
        lasted_us: how long it lasted at least; of a run of steps their ends say it.
    """
    head = json.loads(header)
    over = max((event.n for event in events if event.kind in ("step.end", "step.failed")), default=None)
    if over is not None:
        events = [event for event in events if event.n <= over]  # what follows is taking down
        lasted_us = 0
    story = _Story(events, recording, datetime.fromisoformat(head["start"]))
    story.came = {event.id: event.n for event in events if event.kind == "ws.recv" and event.id is not None}
    deeds = sorted([*_of_trace(story), *_of_cloud(story)], key=lambda deed: (deed.t_us, deed.n))[:STEPS_MAX]
    steps, is_online, start_us = _steps(story, deeds, lasted_us)
    device: dict[str, Any] = {"at": "online"} if is_online else {"at": "factory"}
    lines = [
        f"name: {_flow('Skeleton of ' + (head.get('scenario') or 'a recording'))}",
        "about: written by the recorder; give it a name, take out what does not matter, and tighten what does",
        "tags: [recorded]",
        f"seed: {head.get('seed') or 0}",
        f"clock: {{ start: {_flow(iso_ms(story.at(start_us)))} }}",
        f"device: {_flow(device)}",
        "",
        "steps:",
        *(line for step in steps for line in _lines(step)),
    ]
    if story.left_out:
        lines += ["", "# Left out, because no verb of the language is known for it, or because it is secret:"]
        lines += [f"#   {count} x {_printable(what)}" for what, count in sorted(story.left_out.items())]
    return Skeleton("\n".join(lines) + "\n", len(steps))


def _of_trace(story: _Story) -> Iterable[_Deed]:
    """Find what somebody did to the device, and faults."""
    for command in story.recording.commands:
        if command.hidden:
            story.left_out[f"xcommand {command.path}, whose {', '.join(command.hidden)} is secret"] += 1
        else:
            value = {"path": command.path, "args": command.args} if command.args else command.path
            yield _Deed(command.t_us, "xcommand", value)
    for event in story.events:
        data = event.data
        if event.kind == "call.dial" and data.get("by") == "button":
            yield _Deed(event.t, "press", "join button", event.n)
        elif event.kind in ("fault.armed", "fault.struck"):
            yield _fault(event)
        elif event.kind == "fault.healed" and NAME.fullmatch(event.data["id"]):
            yield _Deed(event.t, "heal", data["id"], event.n)
        elif event.kind == "clock.set":
            story.left_out["clock that was set"] += 1


def _fault(event: Event) -> _Deed:
    known = {"id", "on", "do", "target", "hit"}
    more = {key: value for key, value in event.data.items() if key not in known}
    target = {key: value for key, value in (event.data.get("target") or {}).items() if key not in INNER}
    value = {"id": event.data["id"]} if NAME.fullmatch(event.data["id"]) else {}
    value |= {"on": event.data["on"], "do": event.data["do"], **({"target": target} if target else {})}
    return _Deed(event.t, "fault", {**value, **more}, event.n)


def _of_cloud(story: _Story) -> Iterable[_Deed]:
    """Find what the cloud told of by itself, and meetings that came only with a catch-up."""
    recording = story.recording
    heard: list[tuple[int, int, Message | Exchange]] = [
        (one.t_us, 0, one) for one in recording.messages if not one.is_sent
    ]
    heard += [
        (one.t_us + one.took_us, 1, one)
        for one in recording.exchanges
        if one.method == "GET" and one.status == 200 and CATCH_UP in one.path
    ]
    for _, _, one in sorted(heard, key=lambda row: row[:2]):
        if isinstance(one, Exchange):
            yield from _caught_up(story, one)
            continue
        frame = one.json
        data = frame.get("data") if isinstance(frame, dict) else None
        told = data.get("eventType") if isinstance(data, dict) else None
        if not isinstance(told, str) or not isinstance(data, dict):
            continue
        deed = _meeting(story, one, told, data) if told.startswith(MEETING) else None
        if deed is not None:
            yield deed
        elif not told.startswith(("mercury.", "encryption.")) and not told.endswith(MINIMAL):
            story.left_out[f"event {told} of the cloud"] += 1


def _meeting(story: _Story, message: Message, told: str, data: dict[str, Any]) -> _Deed | None:
    meeting = next(
        (value for key, value in data.items() if key.startswith("calendarMeeting") and isinstance(value, dict)), None
    )
    if meeting is None or not isinstance(meeting.get("id"), str):
        return None
    if told.endswith("delete"):
        return (
            _Deed(message.t_us, "cloud.meeting.delete", story.ids[meeting["id"]])
            if meeting["id"] in story.ids
            else None
        )
    if told.endswith(MINIMAL) and not isinstance(meeting.get("start"), str):
        story.minimal[meeting["id"]] = message.t_us  # the device asks for the rest
        return None
    deed = _told(story, meeting, message.t_us)
    if deed is not None:
        deed.n = story.came.get(str(message.json.get("id")), 0)
        if told.endswith(MINIMAL):
            deed.value["push"] = "minimal"
    return deed


def _caught_up(story: _Story, one: Exchange) -> Iterable[_Deed]:
    """Find the meetings of an answer that are not as they were told of: they came, or changed, while nobody listened."""
    brought = list(_brought(story, one))
    opened = (socket.t_us for socket in story.recording.sockets)
    yield from brought
    if brought and "push" in brought[0].value and not any(0 <= one.t_us - at <= OPENED_US for at in opened):
        asks_for_all = isinstance(one.answer_json, dict) and "items" in one.answer_json
        if asks_for_all:  # nothing of the channel led to it: somebody asked
            yield _Deed(one.t_us, "sync", "calendar", LAST)


def _brought(story: _Story, one: Exchange) -> Iterable[_Deed]:
    answer = one.answer_json
    items = answer.get("items", [answer]) if isinstance(answer, dict) else []
    for meeting in items if isinstance(items, list) else ():
        if not isinstance(meeting, dict) or not isinstance(meeting.get("id"), str):
            continue
        minimal_us = story.minimal.pop(meeting["id"], None)
        if story.held.get(meeting["id"]) == _when(meeting) and minimal_us is None:
            continue
        closed = [socket.closed_us for socket in story.recording.sockets if socket.closed_us is not None]
        last_us = max((at for at in closed if at <= one.t_us), default=0)
        deed = _told(story, meeting, last_us if minimal_us is None else minimal_us)
        if deed is not None:
            deed.value["push"] = "none" if minimal_us is None else "minimal"
            deed.n = LAST
            yield deed


def _when(meeting: dict[str, Any]) -> tuple[object, object]:
    return meeting.get("start"), meeting.get("durationMinutes")


def _told(story: _Story, meeting: dict[str, Any], t_us: int) -> _Deed | None:
    """Return the deed that makes a meeting, or changes it, None if it does not say when it is."""
    if not isinstance(meeting.get("start"), str) or not isinstance(meeting.get("durationMinutes"), int):
        return None
    is_new = meeting["id"] not in story.ids
    name = story.ids.setdefault(meeting["id"], f"meeting_{len(story.ids) + 1}")
    story.held[meeting["id"]] = _when(meeting)
    value: dict[str, Any] = {"id": name}
    title = story.recording.sealed.get(str(meeting.get("encryptedSubject")), {}).get("plain")
    if title:
        value["title"] = title
    value |= {"starts": meeting["start"], "lasts": f"{meeting['durationMinutes']}m"}
    join = {key: uri for key, uri in (meeting.get("meetingJoinInfo") or {}).items() if key in JOIN}
    if join:
        value["join"] = join
    return _Deed(t_us, "cloud.meeting.create" if is_new else "cloud.meeting.update", value)


def _from_the_start(deeds: list[_Deed], registered_us: int | None) -> list[_Deed]:
    """Leave out what was done before the device was registered; meetings that it found then are made when it is."""
    kept = []
    for deed in deeds:
        if registered_us is None or deed.t_us >= registered_us:
            kept.append(deed)
        elif deed.verb == "cloud.meeting.create":
            kept.append(_Deed(registered_us, deed.verb, {key: deed.value[key] for key in deed.value if key != "push"}))
    return kept


def _steps(story: _Story, deeds: list[_Deed], lasted_us: int) -> tuple[list[dict[str, Any]], bool, int]:
    """Return the steps, whether they begin with a device that is online, and at what instant they begin."""
    registered = next((event.t for event in story.events if _is_status(event, "Webex Status", "Registered")), None)
    begun = next((event.t for event in story.events if event.kind == "step.start"), None)
    deeds = _from_the_start(deeds, registered)
    was_activated = any(one.step == "challenge" for one in story.recording.exchanges)
    end_us = max((lasted_us, *(event.t for event in story.events)))
    is_ready = registered is not None and begun is not None and registered <= begun
    if deeds and registered is not None:
        start_us = begun if is_ready and begun is not None and begun <= deeds[0].t_us else deeds[0].t_us
        is_online = True
    elif is_ready and begun is not None and end_us - begun > PAUSE_US:  # time passed, and nobody did anything
        return _pause(story, begun, end_us, more_us=1), True, begun
    else:
        start_us, is_online = 0, False
        first = [_Deed(0, "activate", "${cloud.code}")] if was_activated else []
        deeds = [*first, *deeds]
    if not deeds:
        return [{"note": "nothing was done"}], is_online, start_us
    steps: list[dict[str, Any]] = []
    now_us = told_us = start_us
    for at, deed in enumerate(deeds):
        paused = _pause(story, now_us, deed.t_us)
        told_us += deed.t_us - now_us if paused else 0
        steps += paused
        if deed.verb == "press" and not paused:  # the button comes a moment after its meeting
            steps.append({"wait": {"screen": {deed.value: {"visible": True}}}})
        until_us = deeds[at + 1].t_us if at + 1 < len(deeds) else end_us + 1
        moment_us = min(until_us, deed.t_us + PAUSE_US)
        steps.append(
            {deed.verb: _relative(deed.value, story.at(told_us)), **_expect(story, deed.t_us, moment_us, PAUSE_US)}
        )
        now_us = deed.t_us
    return [*steps, *_pause(story, now_us, end_us, more_us=1)], is_online, start_us


def _relative(value: Any, now: datetime) -> Any:
    """Write the start of a meeting as so far from the moment of its step: the skeleton runs at any clock."""
    if not isinstance(value, dict) or "starts" not in value:
        return value
    try:
        offset_s = (read_instant(value["starts"]) - now).total_seconds()
    except ValueError:  # no instant that the language knows: it stays as it was told
        return value
    if abs(offset_s) > SIGNED_S_MAX:
        return value
    return {**value, "starts": ("+" if offset_s >= 0 else "") + show_duration(offset_s)}


def _pause(story: _Story, from_us: int, to_us: int, more_us: int = 0) -> list[dict[str, Any]]:
    """Return the step that lets time pass, if so much of it passed."""
    if to_us - from_us <= PAUSE_US:
        return []
    found = _expect(story, from_us + PAUSE_US, to_us + more_us, to_us - from_us)
    return [{"advance": show_duration((to_us - from_us) / 1e6), **found}]


def _expect(story: _Story, from_us: int, to_us: int, within_us: int) -> dict[str, Any]:
    """Return what is expected of an interval: of each telling xStatus its last value, if it is another than before."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for event in story.events:
        if event.kind != "xapi.status" or event.t >= to_us:
            continue
        path = str(event.data.get("path"))
        if _rank(path) < len(TOLD):
            (before if event.t < from_us else after)[path] = event.data.get("value")
    changed = {path: value for path, value in after.items() if value is not None and before.get(path) != value}
    chosen = sorted(changed, key=lambda path: (_rank(path), path))[:EXPECTED_MAX]
    status = {_starred(path): changed[path] for path in chosen}
    if not status:
        return {}
    more = {} if within_us <= PAUSE_US else {"within": show_duration(within_us / 1e6)}
    return {"expect": {"xstatus": status, **more}}


def _rank(path: str) -> int:
    shape = _NUMBER.sub("#", path)
    return TOLD.index(shape) if shape in TOLD else len(TOLD)


def _starred(path: str) -> str:
    """Return a path without the numbers of calls and messages: they are drawn anew in each run."""
    return re.sub(r"\b(Call|Message) \d+\b", r"\1[*]", path)


def _is_status(event: Event, path: str, value: str) -> bool:
    return event.kind == "xapi.status" and event.data.get("path") == path and event.data.get("value") == value


def _lines(step: dict[str, Any]) -> list[str]:
    """Print a step: the verb on its line, and what is expected below it."""
    rows = [f"{key}: {_flow(value)}" for key, value in step.items()]
    return [f"  - {rows[0]}", *(f"    {row}" for row in rows[1:])]


def _flow(value: Any) -> str:
    """Print a value in one line of YAML, as the language reads it."""
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{_flow(str(key))}: {_flow(item)}" for key, item in value.items()) + " }"
            if value
            else "{}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        is_plain = re.fullmatch(r"[\w][\w ./-]*", value) and value.strip() == value
        return (
            value if is_plain and yaml.safe_load(value) == value else _printable(json.dumps(value, ensure_ascii=False))
        )
    return json.dumps(value)


def _printable(text: str) -> str:
    """Escape what YAML takes for the end of a line or does not take at all: the cloud chooses names of events, and titles."""
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1].replace("\x7f", "\\u007f") for char in text)
