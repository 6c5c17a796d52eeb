"""Commands that begin a call: Dial, and the joins of the platforms.

Source: protocol/xapi.md 8.1, calendar-and-obtp.md 9.2. A booking and a meeting id together, and H.323 on a cloud device, are refused: ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final, NoReturn

from endpoint.room.bookings.booking import Booking
from endpoint.room.bookings.dialling import Dial, JoinFieldsUnreadable, NotJoinable
from endpoint.room.calls.addresses import NotDialable, Target, is_zoom, no_webrtc, platform_word, target_of
from endpoint.room.calls.book import Failure
from endpoint.room.calls.call import RoomCall
from endpoint.room.calls.ports import CallsAround
from endpoint.room.calls.room import RoomCalls
from endpoint.room.ports import RoomWorld
from endpoint.wire import zoom
from endpoint.wire.callcontrol import Leads, Outgoing, Role
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.secret import Secret
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import BadArguments, CommandFailed
from endpoint.wire.xapi.leaves import Fields
from endpoint.wire.xapi.paths import Path

ZOOM_DOMAIN: Final[Path] = ("Zoom", "DefaultDomain")
ZOOM_OPTIONS: Final[Path] = ("Zoom", "DialStringOptions")
ZOOM_CONTROLS: Final[Path] = ("Zoom", "EnhancedCallControls")
INSTANT: Final[Path] = ("Webex", "Meetings", "InstantMeeting", "Availability")


class Joining:
    """What turns an address, a booking or a meeting number into a call."""

    __slots__ = ("_around", "_calls", "_room")

    def __init__(self, room: RoomWorld, around: CallsAround, calls: RoomCalls) -> None:
        self._room = room
        self._around = around
        self._calls = calls

    def join(self, dial: Dial, by: str) -> RoomCall:
        """Join a booking, as a button or auto-join does.

        Raises:
            CommandFailed: there is no call.
        """
        rate = self._calls.book.rate(is_sip=dial.protocol == "SIP")
        if dial.protocol == "SIP":  # the Zoom fault mode: the address goes out as it is
            wish = Outgoing(
                address=dial.number, requested=dial.number, leads=Leads.SIP, protocol="SIP", platform="Zoom", call_rate=rate,
            )  # fmt: skip
            return self._calls.wishes.dial(_booked(wish, dial), callback=dial.number, by=by)
        if dial.protocol == "WebRTC":
            self._refuse(no_webrtc(dial.platform))
        target = self._target(dial.number, booked_platform=dial.platform)
        wish = Outgoing(
            address=target.address, requested=dial.number, leads=target.leads, platform=target.platform, call_rate=rate
        )
        return self._calls.wishes.dial(_booked(wish, dial), callback=_callback(target.address), by=by)

    # commands

    def _dial(self, call: Invocation) -> Fields:
        if call.text("Protocol") == "H323":
            self._refuse(
                NotDialable("There is no H.323 on a cloud-registered device; leave Protocol out, or give Spark")
            )
        booking = self._booking(call.text("BookingId"))
        target = self._target(call.text("Number"), booked_platform=booking.platform if booking is not None else None)
        wish = Outgoing(
            address=target.address,
            requested=call.text("Number"),
            leads=target.leads,
            display_name=call.text("DisplayName") or (booking.title or "" if booking is not None else ""),
            booking_id=call.text("BookingId"),
            meeting_id=booking.meeting_id if booking is not None else "",
            platform=target.platform,
            call_type="Audio" if call.text("CallType") == "Audio" else "Video",
            call_rate=self._calls.book.rate(call.number("CallRate")),
        )
        return _answer(self._calls.wishes.dial(wish, callback=_callback(target.address)))

    def _webex_join(self, call: Invocation) -> Fields:
        target = self._target(call.text("Number"))
        pin, role = call.text("Pin"), _role(call.text("ParticipantRole"))
        wish = Outgoing(
            address=target.address,
            requested=call.text("Number"),
            leads=Leads.MEETING if target.leads in (Leads.PERSON, Leads.SIP) else target.leads,
            display_name=call.text("DisplayName"),
            platform="Webex",
            call_rate=self._calls.book.rate(),
            role=role,
            pin=Secret("pin", pin) if pin else None,
        )
        return _answer(self._calls.wishes.dial(wish, callback=_callback(target.address)))

    def _instant(self, call: Invocation) -> Fields:
        if self._room.status.get(INSTANT) == "Unavailable":
            raise CommandFailed("Instant meetings are not available: the device is not registered")
        wish = Outgoing(
            address="", requested="", leads=Leads.INSTANT, platform="Webex", call_rate=self._calls.book.rate(),
            display_name="Instant meeting",
        )  # fmt: skip
        return _answer(self._calls.wishes.dial(wish, callback=""))

    def _zoom_join(self, call: Invocation) -> Fields:
        booking_id, meeting_id = call.text("BookingID"), call.text("MeetingID")
        if bool(booking_id) == bool(meeting_id):
            raise BadArguments({"MeetingID": "give either BookingID or MeetingID"})
        booking = self._booking(booking_id)
        if booking_id and booking is None:
            raise CommandFailed(f"There is no booking {booking_id}")
        try:
            address = self._booked_address(call, booking) if booking is not None else self._meeting_address(call)
        except LocalProtocolError as error:
            raise CommandFailed(str(error)) from None
        told = replace(address, host_key="")  # the key of the host is nobody's business but Zoom's
        wish = Outgoing(
            address=str(address),
            without_key=str(told),
            requested=str(told),
            leads=Leads.SIP,
            display_name=(booking.title or "") if booking is not None else "",
            booking_id=booking_id,
            meeting_id=booking.meeting_id if booking is not None else "",
            platform="Zoom",
            call_rate=self._calls.book.rate(),
        )
        return _answer(self._calls.wishes.dial(wish, callback=_callback(str(told))))

    def _meeting_address(self, call: Invocation) -> zoom.ZoomAddress:
        return zoom.made(
            call.text("MeetingID"),
            passcode=call.text("MeetingPasscode"),
            options=str(self._room.settings.get(ZOOM_OPTIONS) or ""),
            host_key=call.text("HostKey"),
            dial_code=call.text("DialCode"),
            domain=call.text("Domain") or self._zoom_domain(),
        )

    def _booked_address(self, call: Invocation, booking: Booking) -> zoom.ZoomAddress:
        """Return the address of a booking, with what the call adds; configured options only where it has nothing but id and domain."""
        try:
            number = self._around.dial_of(booking).number
        except (NotJoinable, JoinFieldsUnreadable) as error:
            raise CommandFailed(str(error)) from None
        if "://" in number or not is_zoom(number, self._zoom_domain()):
            raise CommandFailed(f"Booking {booking.id} is no Zoom meeting that can be dialled")
        found = zoom.read_zoom(number)
        own = booking.webex_password or ""
        options = str(self._room.settings.get(ZOOM_OPTIONS) or "") if found.is_plain else found.options
        return zoom.made(
            found.meeting_id,
            passcode=call.text("MeetingPasscode") or found.passcode or (own if own.isdecimal() else ""),
            options=options,
            host_key=call.text("HostKey") or found.host_key,
            dial_code=call.text("DialCode") or found.dial_code,
            domain=found.domain,
        )

    def _teams_join(self, call: Invocation) -> Fields:
        self._refuse(no_webrtc("MicrosoftTeams"))

    def _webrtc_join(self, call: Invocation) -> Fields:
        self._refuse(no_webrtc("GoogleMeet" if call.text("Type") == "GoogleMeet" else "MicrosoftTeams"))

    # inside

    def _target(self, number: str, *, booked_platform: str | None = None) -> Target:
        """Tell where an address leads; a booking says by its platform whether it is a Zoom meeting."""
        hides_menu = self._room.settings.get(ZOOM_CONTROLS) == "Enabled" and booked_platform in (None, "Zoom")
        try:
            target = target_of(number, zoom_domain=self._zoom_domain(), hides_zoom_menu=hides_menu)
        except NotDialable as error:
            self._refuse(error)
        booked = platform_word(booked_platform or "")
        return target if booked == "Unknown" else replace(target, platform=booked)

    def _zoom_domain(self) -> str:
        return str(self._room.settings.get(ZOOM_DOMAIN) or zoom.DOMAIN)

    def _booking(self, booking_id: str) -> Booking | None:
        return self._around.find_booking(booking_id) if booking_id else None

    def _refuse(self, why: NotDialable) -> NoReturn:
        self._calls.book.refuse(Failure.NOT_DIALABLE, str(why))

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Dial": _dial,
        "MicrosoftTeams Join": _teams_join,
        "WebRTC Join": _webrtc_join,
        "Webex Join": _webex_join,
        "Webex Meetings InstantMeeting Start": _instant,
        "Zoom Join": _zoom_join,
    }


def _booked(wish: Outgoing, dial: Dial) -> Outgoing:
    return replace(wish, display_name=dial.title, booking_id=dial.booking_id, meeting_id=dial.meeting_id)


def _callback(address: str) -> str:
    """Return the address to call back: a meeting number gets the domain under which it can be dialled everywhere."""
    if address.isdecimal() and len(address) >= 9:
        return f"spark:{address}@webex.com"
    return f"spark:{address}"


def _role(word: str) -> Role:
    roles: Mapping[str, Role] = {"Host": "Host", "Panelist": "Panelist", "Guest": "Guest"}
    return roles.get(word, "")


def _answer(call: RoomCall) -> dict[str, Any]:
    return {"CallId": call.id, "ConferenceId": call.conference_id}
