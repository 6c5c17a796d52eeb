"""What the control door answers: one method an endpoint."""

from __future__ import annotations

from asyncio import Lock
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from aiohttp import web

from endpoint.device import control_views as views
from endpoint.device.control_actions import KINDS
from endpoint.device.control_calls import call_screen, calls_view, history_view
from endpoint.device.control_faults import DoorFaults
from endpoint.device.control_messages import (
    SHOWN_CHARS_MAX,
    ControlError,
    answer,
    answer_text,
    read_duration,
    read_members,
    read_object,
    read_query,
)
from endpoint.device.control_runs import Runs
from endpoint.device.control_why import ControlWhy, WhyQuery
from endpoint.device.device import Device
from endpoint.device.keeping import check_override
from endpoint.runtime.clock import SteppedTime, TimeSource
from endpoint.runtime.faults import Faults
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path, parse_path, words
from endpoint.wire.xapi.terminal import status_lines
from endpoint.xapi.access import spelt

PREFIX: Final = "/roomsim/device/v1"
VERSION: Final = 1
JSON_LINES: Final = "application/jsonl"


class StatusQuery(msgspec.Struct):
    """Which leaves, and how they are printed."""

    path: str = ""
    format: Literal["json", "terminal"] = "json"


class LogQuery(msgspec.Struct):
    """Which lines: the first ones after number `since`, or the last ones."""

    since: Annotated[int, msgspec.Meta(ge=0)] | None = None
    lines: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 200


class TraceQuery(msgspec.Struct):
    """Which events: the first ones after ordinal `since`, or the last ones; `kind` is how their kind begins."""

    since: Annotated[int, msgspec.Meta(ge=0)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1_000
    kind: str = ""


class NoQuery(msgspec.Struct):
    """Nothing may be asked."""


class ClockRequest(msgspec.Struct):
    """A jump of all clocks, or how far this device's wall clock is off."""

    advance: str | float | None = None
    skew: str | float | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing the door answers."""

    method: str
    path: str
    text: str
    handler: Callable[[web.Request], Awaitable[web.Response]]
    query: type[msgspec.Struct] = NoQuery

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a request whose query has no other names than it may have."""
        read_query(request, self.query)
        return await self.handler(request)


class Answers:
    """Everything that can be asked of one device through its control door."""

    def __init__(self, device: Device, faults: Faults, source: TimeSource) -> None:
        self._device = device
        self._source = source
        self._faults = DoorFaults(faults, device.world)
        self._log = views.LogBook(device)
        self._stepping = Lock()
        self._runs = Runs(device)
        self.endpoints = self._endpoints()

    def _endpoints(self) -> tuple[Endpoint, ...]:
        why = ControlWhy(self._device)
        return (
            Endpoint("GET", "/", "this list", self._index),
            Endpoint("GET", "/status", "how the device is, in one page", self._status),
            Endpoint("GET", "/xstatus", "status leaves at or below a path", self._xstatus, StatusQuery),
            Endpoint("GET", "/xconfiguration", "all configurations", self._xconfiguration),
            Endpoint("PUT", "/xconfiguration", "set configurations, all or none", self._configure),
            Endpoint("GET", "/log", "lines of the device log", self._log_lines, LogQuery),
            Endpoint("GET", "/trace", "events of the history, as JSON Lines", self._trace, TraceQuery),
            Endpoint("GET", "/clock", "time of the run and of the device", self._clock),
            Endpoint("POST", "/clock", "advance stepped time, or put the device's wall clock wrong", self._set_clock),
            Endpoint("GET", "/faults", "faults that are armed", self._armed),
            Endpoint("POST", "/faults", "arm a fault, or let one strike", self._break),
            Endpoint("DELETE", "/faults/{id}", "end a fault", self._heal),
            Endpoint("GET", "/actions", "actions and what became of them", self._acted),
            Endpoint("POST", "/actions", "do something", self._act),
            Endpoint("GET", "/actions/{id}", "what became of an action", self._action),
            Endpoint("GET", "/meetings", "stored meetings", self._meetings),
            Endpoint("GET", "/bookings", "bookings, and where each stands", self._bookings),
            Endpoint("GET", "/calls", "calls, and who is in them", self._calls),
            Endpoint("GET", "/history", "the call history, newest first", self._history),
            Endpoint(
                "GET",
                "/screen",
                "what people see: Join button, reminder, bookings, calls, banner, activation page",
                self._screen,
            ),
            Endpoint("GET", "/why", "why a Join button is missing, from this side", why.ask, WhyQuery),
            Endpoint("POST", "/why", "the same with the cloud's evidence", why.judge),
            Endpoint("GET", "/evidence", "all of it in one bundle, for a report", self._evidence),
        )

    async def close(self) -> None:
        """End what runs."""
        await self._runs.stop()

    async def _index(self, request: web.Request) -> web.Response:
        return answer(
            {
                "api": "roomsim device control",
                "version": VERSION,
                "device": self._device.settings.name,
                "software": self._device.profile.software,
                "endpoints": [
                    {"method": endpoint.method, "path": PREFIX + endpoint.path, "text": endpoint.text}
                    for endpoint in self.endpoints
                ],
                "actions": {name: kind.text for name, kind in KINDS.items()},
            }
        )

    async def _status(self, request: web.Request) -> web.Response:
        return answer(views.summary(self._device))

    async def _xstatus(self, request: web.Request) -> web.Response:
        asked = read_query(request, StatusQuery)
        path = _path(asked.path) if asked.path else ()
        is_known, expected = views.choices(self._device.table, "Status", path)
        if not is_known:
            shown = words(path)[:SHOWN_CHARS_MAX]
            raise ControlError(404, "unknown_node", f"the device has no status {shown!r}", expected)
        leaves = self._device.status.below(path)
        if asked.format == "terminal":
            return answer_text([*status_lines(views.shown(leaves)), "** end"])
        return answer(views.leaves_view(leaves))

    async def _xconfiguration(self, request: web.Request) -> web.Response:
        return answer(views.leaves_view(self._device.configuration))

    async def _configure(self, request: web.Request) -> web.Response:
        body = await read_object(request)
        if not body:
            raise ControlError(
                422, "nothing_to_set", "the body names no configuration", ['{"SystemUnit Name": "Huddle 1"}']
            )
        accepted = dict(self._checked(text, value) for text, value in body.items())
        self._device.set_configurations({words(path): value for path, value in accepted.items()})
        return answer(views.leaves_view(accepted.items()))

    def _checked(self, text: str, value: object) -> tuple[Path, Value]:
        """Return a configuration in canonical spelling and its value as it is stored."""
        path, table = _path(text), self._device.table
        node = table.find("Configuration", path)
        if node is None:
            _, expected = views.choices(table, "Configuration", path)
            shown = words(path)[:SHOWN_CHARS_MAX]
            raise ControlError(422, "unknown_node", f"the device has no configuration {shown!r}", expected)
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise ControlError(422, "bad_value", f"{node.path}: write text or a whole number")
        try:
            canonical, accepted = spelt(node, path), node.space.accept(value)
            check_override(canonical, accepted)
            return canonical, accepted
        except LocalProtocolError as error:
            raise ControlError(422, "bad_value", f"{node.path}: {error}", node.space.literals) from None

    async def _log_lines(self, request: web.Request) -> web.Response:
        asked = read_query(request, LogQuery)
        before, lines = self._log.read(asked.since, asked.lines)
        return answer({"since": before, "last": before + len(lines), "dropped": self._log.dropped, "lines": lines})

    async def _trace(self, request: web.Request) -> web.Response:
        asked = read_query(request, TraceQuery)
        trace = self._device.world.trace
        found = views.events(trace, asked.since, asked.limit, asked.kind)
        return answer_text((event.as_json() for event in found), JSON_LINES, Roomsim_Dropped=str(trace.dropped))

    async def _clock(self, request: web.Request) -> web.Response:
        return answer(views.clock_view(self._device.world.clock, self._source))

    async def _set_clock(self, request: web.Request) -> web.Response:
        asked = read_members(await read_object(request), ClockRequest)
        if (asked.advance is None) == (asked.skew is None):
            raise ControlError(422, "bad_clock", "write either `advance` or `skew`", ["advance", "skew"])
        if asked.advance is not None:
            await self._advance(read_duration(asked.advance, "advance"))
        elif asked.skew is not None:
            self._skew(read_duration(asked.skew, "skew", signed=True))
        return answer(views.clock_view(self._device.world.clock, self._source))

    async def _advance(self, seconds: float) -> None:
        if not isinstance(self._source, SteppedTime):
            mode = views.mode_of(self._source)
            message = f"time is {mode} here and passes by itself; only stepped time can be advanced"
            raise ControlError(409, "not_stepped", message, ["skew"])
        async with self._stepping:
            self._note("clock.advanced", {"by_ms": round(seconds * 1000)})
            await self._source.advance(seconds)

    def _skew(self, seconds: float) -> None:
        clock = self._device.world.clock
        clock.jump_wall(timedelta(seconds=seconds - views.skew_s(clock)))
        self._note("clock.skewed", {"skew_ms": round(seconds * 1000)})

    def _note(self, kind: str, data: dict[str, Any]) -> None:
        self._device.world.trace.event(self._device.who, kind, peer="client:control", data=data)

    async def _armed(self, request: web.Request) -> web.Response:
        return answer({"items": self._faults.shown()})

    async def _break(self, request: web.Request) -> web.Response:
        status, body = self._faults.start(await read_object(request))
        return answer(body, status)

    async def _heal(self, request: web.Request) -> web.Response:
        return answer(self._faults.heal(request.match_info["id"]))

    async def _acted(self, request: web.Request) -> web.Response:
        return answer({"items": self._runs.shown()})

    async def _act(self, request: web.Request) -> web.Response:
        run = await self._runs.start(await read_object(request))
        if run.error is not None:
            return answer({**run.error.body(), "id": run.id, "action": run.action}, run.error.status)
        return answer(run.view(), 202 if run.state == "running" else 200)

    async def _action(self, request: web.Request) -> web.Response:
        return answer(self._runs.find(request.match_info["id"]).view())

    async def _meetings(self, request: web.Request) -> web.Response:
        return answer({"items": views.meetings_view(self._device)})

    async def _bookings(self, request: web.Request) -> web.Response:
        return answer({"items": views.bookings_view(self._device)})

    async def _calls(self, request: web.Request) -> web.Response:
        return answer({"items": calls_view(self._device)})

    async def _history(self, request: web.Request) -> web.Response:
        return answer({"items": history_view(self._device)})

    async def _screen(self, request: web.Request) -> web.Response:
        return answer(
            {**views.screen_view(self._device), **call_screen(self._device), **views.notices_view(self._device)}
        )

    async def _evidence(self, request: web.Request) -> web.Response:
        bundle = views.evidence(self._device, self._source, self._log)
        return answer({**bundle, "actions": self._runs.shown()})


def _path(text: str) -> Path:
    try:
        return parse_path(text)
    except LocalProtocolError as error:
        raise ControlError(400, "bad_path", str(error), ["Webex Status", "Diagnostics/Message[1]"]) from None
