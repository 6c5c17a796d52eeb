"""What the control door shows of a device. Nothing here is secret: each value is picked by name, none is passed through whole."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import msgspec

from endpoint.cloud.account import Account
from endpoint.device.control_calls import calls_view
from endpoint.device.device import Device
from endpoint.device.hidden import is_hidden
from endpoint.runtime.clock import Clock, ScaledTime, SteppedTime, TimeSource, iso_ms
from endpoint.runtime.faults import Fault
from endpoint.runtime.trace import Event, Trace
from endpoint.runtime.virtual import VirtualLoop
from endpoint.wire.calliope import best_nodes
from endpoint.wire.meeting import JOIN_FIELDS, Meeting
from endpoint.wire.xapi.nodes import Branch, Nodes, Value
from endpoint.wire.xapi.paths import Path, words

EVIDENCE_VERSION: Final = 1
EVIDENCE_EVENTS_MAX: Final = 5_000
CHOICES_MAX: Final = 40
"""How many right words a refusal lists."""


def summary(device: Device) -> dict[str, Any]:
    """Say in one page how a device is."""
    profile, account, registration = device.profile, device.state.account, device.registration.device
    meetings = device.calendar.meetings.values()
    view = device.reachability.view
    return {
        "device": {
            "name": device.settings.name,
            "model": profile.product.model,
            "software": profile.software,
            "serial": profile.serial,
            "deviceIdentifier": profile.device_identifier,
        },
        "isUp": device.is_up,
        "boots": device.state.boots,
        "pid": device.world.log.pid,
        "isActivated": account is not None,
        "isOnline": device.is_online,
        "isHardened": device.is_hardened,
        "webexStatus": device.webex.status.value,
        "account": account_view(account) if account is not None else None,
        "catalog": {"services": len(device.catalog.catalog.services)},
        "registration": {
            "state": device.registration.state.value,
            "deviceId": registration.url.rpartition("/")[2] if registration is not None else None,
        },
        "mercury": {"state": device.mercury.state.value},
        "discovery": {
            "status": view.status,
            "seconds": view.discovery_time_s,
            "best": [dict(node) for node in best_nodes(view.best).values()],
        },
        "calendar": {
            "isCaughtUp": device.calendar.caught_up,
            "meetings": len(meetings),
            "joinable": sum(meeting.is_joinable for meeting in meetings),
        },
        "diagnostics": device.diagnostics.types,
        "gdsIsHealthy": device.bootstrap.gds_is_healthy,
    }


def account_view(account: Account) -> dict[str, Any]:
    """Show the ids of an account and when its tokens end."""
    return {
        "orgId": account.org_id,
        "userId": account.user_id,
        "workspaceId": account.workspace_id,
        "displayName": account.display_name,
        "deviceId": account.device_id,
        "accessTokenExpires": _instant(account.token.expires),
        "refreshTokenExpires": _instant(account.token.refresh_token_expires),
    }


def _instant(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else iso_ms(datetime.fromtimestamp(milliseconds / 1000, UTC))


def state_view(device: Device) -> dict[str, Any]:
    """Show what is kept across restarts: no tokens, and of certificates only their number."""
    state = device.state
    return {
        "profile": msgspec.to_builtins(state.profile),
        "account": account_view(state.account) if state.account is not None else None,
        "services": dict(state.account.services) if state.account is not None else {},
        "trust": {
            "service": len(state.trust.service),
            "proxy": len(state.trust.proxy),
            "proxyDirectory": state.trust.proxy_directory,
        },
        "configuration": {path: "" if is_hidden(path) else value for path, value in state.configuration.items()},
        "isHardened": state.is_hardened,
        "boots": state.boots,
        "lastShutdownReason": state.last_shutdown_reason,
        "lastShutdownTime": state.last_shutdown_time,
    }


def leaves_view(leaves: Iterable[tuple[Path, Value]]) -> dict[str, Value]:
    """Show leaves of a tree as `{path: value}`, hidden ones empty."""
    return {words(path): value for path, value in shown(leaves)}


def shown(leaves: Iterable[tuple[Path, Value]]) -> Iterator[tuple[Path, Value]]:
    """Yield leaves as they may be shown."""
    for path, value in leaves:
        yield path, "" if is_hidden(words(path)) else value


def choices(table: Nodes, branch: Branch, path: Path) -> tuple[bool, list[str]]:
    """Say whether a node table knows something at or below a path, and which words follow what it knows of it."""
    wanted = [part.casefold() for part in path if isinstance(part, str)]
    rows = [[word.partition("[")[0] for word in row.split(" ")] for row in table.paths(branch)]
    depth = 0
    while depth < len(wanted):
        deeper = [row for row in rows if len(row) > depth and row[depth].casefold() == wanted[depth]]
        if not deeper:
            break
        rows, depth = deeper, depth + 1
    following = sorted({row[depth] for row in rows if len(row) > depth})
    return depth == len(wanted), following[:CHOICES_MAX]


def meeting_view(meeting: Meeting) -> dict[str, Any]:
    """Show a stored meeting: of what leads into it only whether it is there, of its texts nothing."""
    present = meeting.join_fields()
    return {
        "id": meeting.id,
        "seriesId": meeting.series_id,
        "start": iso_ms(meeting.starts),
        "end": iso_ms(meeting.ends),
        "organizer": meeting.organizer,
        "meetingJoinType": meeting.join_type,
        "isRecurring": meeting.is_recurring,
        "isJoinable": meeting.is_joinable,
        "joinFields": {name: name in present for name in JOIN_FIELDS},
    }


def meetings_view(device: Device) -> list[dict[str, Any]]:
    """Show the stored meetings, by start."""
    return [
        meeting_view(meeting) for meeting in sorted(device.calendar.meetings.values(), key=lambda m: (m.starts, m.id))
    ]


def bookings_view(device: Device) -> list[dict[str, Any]]:
    """Show the bookings by start: where each stands and whether it can be joined; of its texts nothing."""
    bookings, now = device.local.bookings, device.world.clock.now()
    rules = bookings.rules()
    return [
        {
            "id": booking.id,
            "meetingId": booking.meeting_id,
            "source": booking.source.value,
            "start": iso_ms(booking.starts),
            "end": iso_ms(booking.ends),
            "state": state.value if (state := bookings.timeline.state(booking.number)) is not None else None,
            "platform": booking.platform,
            "response": booking.response,
            "isJoinable": booking.is_joinable,
            "isReadable": booking.address is not None,
            "isShown": rules.shows(booking),
            "hasJoinButton": rules.can_join(booking, now),
            "joinFields": list(booking.addresses),
        }
        for booking in bookings.store
    ]


def screen_view(device: Device) -> dict[str, Any]:
    """Show what people in the room see of bookings, titles included."""
    bookings = device.local.bookings
    shown = bookings.screen()
    until = bookings.timeline.waits_until
    return {
        "joinButton": shown["join button"],
        "reminder": shown["reminder"],
        "bookings": bookings.rows(),
        "leadSeconds": bookings.rules().lead_s,
        "nextChange": iso_ms(until) if until is not None else None,
    }


def notices_view(device: Device) -> dict[str, Any]:
    """Show what people see of the device itself: banner, activation page, and whether the bookings are up to date."""
    shown = device.notices.screen()
    return {
        "banner": shown["banner"],
        "bookingList": shown["booking list"],
        "activationPage": shown["activation page"],
    }


def clock_view(clock: Clock, source: TimeSource) -> dict[str, Any]:
    """Show a device's clock: seconds of the run, its wall time, and how far that is from the run's."""
    return {
        "mode": mode_of(source),
        "seconds": round(source.time(), 6),
        "now": iso_ms(clock.now()),
        "skewSeconds": skew_s(clock),
    }


def skew_s(clock: Clock) -> float:
    """Return how far a wall clock is from that of the run, in seconds: exactly, also while time passes between two looks."""
    elapsed_us = round(clock.time() * 1e6)
    return (clock.wall_us(elapsed_us) - Clock(clock.source).wall_us(elapsed_us)) / 1e6


def mode_of(source: TimeSource) -> str:
    """Name how time passes: `stepped`, `accelerated`, `virtual` or `real`."""
    if isinstance(source, SteppedTime):
        return "stepped"
    if isinstance(source, ScaledTime):
        return "accelerated"
    return "virtual" if isinstance(asyncio.get_running_loop(), VirtualLoop) else "real"


def fault_view(fault: Fault) -> dict[str, Any]:
    """Show an armed fault; limits that it does not have are absent."""
    limits = {"count": fault.count, "fromSeconds": fault.from_s or None, "untilSeconds": fault.until_s}
    return {
        "id": fault.id,
        "on": fault.on,
        "do": fault.do,
        "target": dict(fault.target),
        **fault.told_params,
        "skip": fault.skip,
        "percent": fault.percent,
        **{name: value for name, value in limits.items() if value is not None},
        "used": fault.used,
    }


class LogBook:
    """The numbered lines of a device's log, across boots: each process start of the device begins a log of its own."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._lines: deque[str] = deque(device.world.log.lines, maxlen=device.settings.log_lines)
        self.last = len(self._lines)
        """Number of the last line, from 1; also how many there were."""
        device.world.trace.subscribe(self._take)

    def _take(self, event: Event) -> None:
        if event.kind == "log" and event.who == self._device.who and self._device.world.log.lines:
            self._lines.append(self._device.world.log.lines[-1])  # the log keeps a line, then tells the trace
            self.last += 1

    @property
    def dropped(self) -> int:
        """Lines that the bound has pushed out."""
        return self.last - len(self._lines)

    def read(self, since: int | None, count: int) -> tuple[int, list[str]]:
        """Return the number before the first line, and the lines: the first ones after `since`, or the last ones."""
        begin = self.last - count if since is None else since
        begin = min(max(begin, self.dropped), self.last)
        return begin, list(islice(self._lines, begin - self.dropped, begin - self.dropped + count))


def events(trace: Trace, since: int | None, count: int, kind: str = "") -> list[Event]:
    """Return events whose kind begins like this: the first ones after ordinal `since`, or the last ones."""
    if since is None:
        last = list(islice((event for event in reversed(trace.events) if event.kind.startswith(kind)), count))
        return last[::-1]
    later = islice(trace.events, max(0, since - trace.dropped), None)
    return list(islice((event for event in later if event.kind.startswith(kind)), count))


def evidence(device: Device, source: TimeSource, log: LogBook) -> dict[str, Any]:
    """Bundle everything that a report needs."""
    trace = device.world.trace
    tail = events(trace, None, EVIDENCE_EVENTS_MAX)
    return {
        "evidence": EVIDENCE_VERSION,
        "takenAt": iso_ms(device.world.clock.now()),
        "status": summary(device),
        "clock": clock_view(device.world.clock, source),
        "state": state_view(device),
        "xstatus": leaves_view(device.status),
        "xconfiguration": leaves_view(device.configuration),
        "meetings": meetings_view(device),
        "calls": calls_view(device),
        "faults": [fault_view(fault) for fault in device.world.faults.armed],
        "log": {"dropped": log.dropped, "lines": log.read(0, log.last)[1]},
        "trace": {
            "dropped": trace.dropped + len(trace.events) - len(tail),
            "events": [msgspec.Raw(event.as_json().encode()) for event in tail],
        },
    }
