"""Bookings List and Get, of the meetings that the calendar has brought. Source: protocol/xapi.md 7.1, 7.2."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from endpoint.runtime.clock import iso_seconds
from endpoint.wire.clear_meeting import ClearMeeting
from endpoint.wire.meeting import Meeting
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import BadArguments, CommandFailed
from endpoint.wire.xapi.leaves import Fields

if TYPE_CHECKING:
    from endpoint.device.device import Device

PLATFORMS: Final[Mapping[str, str]] = {
    "WEBEX": "Webex",
    "TEAMS": "MicrosoftTeams",
    "ZOOM": "Zoom",
    "GOOGLE": "GoogleMeet",
}
BUFFER_S: Final = 300
"""StartTimeBuffer of cloud bookings: button and event agree (protocol 7.5)."""


class Bookings:
    """The booking list of one device. A meeting keeps its number as long as it is stored."""

    __slots__ = ("_device", "_next", "_numbers")

    def __init__(self, device: Device) -> None:
        self._device = device
        self._numbers: dict[str, int] = {}
        self._next = itertools.count(1)

    def _sorted(self) -> list[Meeting]:
        meetings = sorted(self._device.calendar.meetings.values(), key=lambda meeting: (meeting.starts, meeting.id))
        known = {meeting.id for meeting in meetings}
        self._numbers = {key: number for key, number in self._numbers.items() if key in known}
        for meeting in meetings:
            if meeting.id not in self._numbers:
                self._numbers[meeting.id] = next(self._next)
        return meetings

    def listed(self, call: Invocation | None = None) -> list[dict[str, Any]]:
        """Return the bookings that `Bookings List` answers, by start; without arguments past, present and future ones."""
        meetings = self._sorted()
        now = self._device.world.clock.now()
        if call is not None:
            meetings = [meeting for meeting in meetings if self._is_asked_for(meeting, call, now)]
        return [self._fields(meeting) for meeting in meetings]

    def _is_asked_for(self, meeting: Meeting, call: Invocation, now: datetime) -> bool:
        kind = call.text("ScheduleType")
        if kind == "Current" and not meeting.starts <= now < meeting.ends:
            return False
        if kind == "Upcoming" and meeting.starts <= now:
            return False
        days, offset = call.number("Days"), call.number("DayOffset") or 0
        if days is None and "DayOffset" not in call.given:
            return True
        midnight = now.astimezone(self._device.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        first = midnight + timedelta(days=offset)
        return meeting.ends > first and (days is None or meeting.starts < first + timedelta(days=days))

    def _list(self, call: Invocation) -> Fields:
        found = self.listed(call)
        offset, limit = call.number("Offset") or 0, call.number("Limit")
        page = found[offset : None if limit is None else offset + limit]
        stamp = iso_seconds(self._device.world.clock.now())
        return {"ResultInfo": {"TotalRows": len(found), "LastUpdated": stamp}, "Booking": page}

    def _get(self, call: Invocation) -> Fields:
        wanted, meeting_id = call.text("Id"), call.text("MeetingId")
        if bool(wanted) == bool(meeting_id):
            raise BadArguments({"Id": "give either Id or MeetingId"})
        for fields in self.listed():
            if wanted == fields["Id"] or meeting_id == fields["MeetingId"]:
                return {"Booking": fields}
        raise CommandFailed("Booking not found")

    def _fields(self, meeting: Meeting) -> dict[str, Any]:
        clear = self._device.calendar.read(meeting)
        join = clear.join_fields
        readable = next((join[name] for name in ("callURI", "webexURI", "meetingJoinURI") if name in join), "")
        platform = PLATFORMS.get(meeting.join_type.upper(), "Other" if meeting.is_joinable else "None")
        calls = [{"Number": readable, "CallType": "Video"}] if readable else []
        is_webex = platform == "Webex"
        return {
            "Id": f"webex-{self._numbers[meeting.id]}",
            "MeetingId": meeting.id,
            "Title": clear.title or "",
            "Agenda": "",
            "Privacy": "Private" if (meeting.meeting_sensitivity or "").casefold() == "private" else "Public",
            "Organizer": _organizer(clear),
            "Time": {
                "StartTime": iso_seconds(meeting.starts),
                "StartTimeBuffer": BUFFER_S,
                "EndTime": iso_seconds(meeting.ends),
                "EndTimeBuffer": 0,
            },
            "MaximumMeetingExtension": 0,
            "MeetingExtensionAvailability": "",
            "BookingStatus": "OK",
            "BookingStatusMessage": "",
            "MeetingPlatform": platform,
            "Cancellable": "False",
            "Webex": {
                "Enabled": str(is_webex),
                "Url": (clear.webex_url or "") if is_webex else "",
                "MeetingNumber": "",
                "Password": "",
                "HostKey": "",
            },
            "DialInfo": {"Calls": {"Call": calls}, "ConnectMode": "OBTP" if meeting.is_joinable else "Manual"},
        }

    COMMANDS: ClassVar[Mapping[str, Method]] = {"Bookings List": _list, "Bookings Get": _get}


def _organizer(clear: ClearMeeting) -> dict[str, str]:
    first, _, last = (clear.organizer_name or "").partition(" ")
    return {"FirstName": first, "LastName": last, "Email": clear.organizer_email or "", "Id": clear.organizer_id}
