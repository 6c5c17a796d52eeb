"""Commands that begin a call. Source: protocol/xapi.md 8.1, calendar-and-obtp.md 9.2, 9.5."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from calling import REMOTE, Calling
from touching import BEGIN

from endpoint.room.bookings.booking import Booking, Source
from endpoint.room.bookings.dialling import Dial, dial_of, faulty_dial_of
from endpoint.wire.callcontrol import Leads, Outgoing
from endpoint.wire.xapi.errors import BadArguments, CommandFailed

ZOOM = "81234567890.112233@zoomcrc.com"


def booking(number: str, platform: str = "Zoom", **more: Any) -> Booking:
    """A booking of the calendar that has one address."""
    fields: dict[str, Any] = {
        "number": 1, "id": "webex-1", "meeting_id": "m-1", "source": Source.CLOUD, "title": "Review", "starts": BEGIN,
        "ends": BEGIN + timedelta(minutes=30), "addresses": {"callURI": number}, "platform": platform,
    }  # fmt: skip
    return Booking(**{**fields, **more})


def placed(room: Calling) -> Outgoing:
    """Return what call control was asked for last."""
    what, _, wish = room.line.said[-1]
    assert what == "place"
    assert isinstance(wish, Outgoing)
    return wish


def test_dial_takes_every_argument() -> None:
    room = Calling()
    room.bookings["webex-1"] = booking("ada@example.com", "Other")
    room.call(
        "Dial", Number="sip:ada@example.com", Protocol="sIp", CallRate=768, CallType="audio", BookingId="webex-1", Appearance=1,
        DisplayName="Ada", TrackingData="macro",
    )  # fmt: skip
    wish = placed(room)
    assert (wish.address, wish.requested, wish.leads) == ("ada@example.com", "sip:ada@example.com", Leads.SIP)
    assert (wish.protocol, wish.call_type, wish.call_rate) == ("Spark", "Audio", 768)
    assert (wish.booking_id, wish.meeting_id, wish.display_name) == ("webex-1", "m-1", "Ada")
    assert room.status.get(("Call", 2, "CallType")) == "Audio"


def test_a_rate_is_held_within_what_is_configured() -> None:
    room = Calling({"Conference DefaultCall Webex Rate": 4000})
    room.call("Dial", Number="ada@example.com", CallRate=6000)
    assert placed(room).call_rate == 4000
    room.call("Dial", Number="ada@example.com")
    assert placed(room).call_rate == 4000


def test_h323_is_not_there() -> None:
    room = Calling()
    with pytest.raises(CommandFailed, match=r"no H\.323"):
        room.call("Dial", Number="1@example.com", Protocol="H323")
    assert room.told() == [("CallFailed", {"Code": 3, "Message": room.calls.screen()["prompt"]["text"]})]


def test_a_number_at_zoom_is_called_without_the_menu() -> None:
    room = Calling()
    room.call("Dial", Number=ZOOM)
    wish = placed(room)
    assert (wish.requested, wish.address, wish.platform) == (ZOOM, "81234567890.112233.504@zoomcrc.com", "Zoom")
    room.told()
    room.calls.ended(2, REMOTE)
    told = dict(room.told())["CallDisconnect"]
    assert (told["RequestedURI"], told["RemoteURI"]) == (ZOOM, "spark:81234567890.112233.504@zoomcrc.com")
    room.set("Zoom EnhancedCallControls", "Disabled")
    room.call("Dial", Number=ZOOM)
    assert placed(room).address == ZOOM


def test_a_booking_of_another_platform_keeps_its_address_at_zoom() -> None:
    room = Calling()
    room.bookings["webex-1"] = booking(ZOOM, "Other")
    room.call("Dial", Number=ZOOM, BookingId="webex-1")
    assert placed(room).address == ZOOM


@pytest.mark.parametrize(
    ("arguments", "settings", "address"),
    [
        ({"MeetingID": "812 3456 7890"}, {}, "81234567890@zoomcrc.com"),
        ({"MeetingID": "81234567890"}, {"Zoom DefaultDomain": "crc.example.com"}, "81234567890@crc.example.com"),
        (
            {"MeetingID": "81234567890", "Domain": "zmau.us"},
            {"Zoom DefaultDomain": "crc.example.com"},
            "81234567890@zmau.us",
        ),
        (
            {"MeetingID": "81234567890", "MeetingPasscode": "112233", "HostKey": "654321", "DialCode": "77"},
            {"Zoom DialStringOptions": "504"},
            "81234567890.112233.504.654321..77@zoomcrc.com",
        ),
    ],
)
def test_zoom_join_makes_the_address_of_a_meeting(
    arguments: dict[str, str], settings: dict[str, str], address: str
) -> None:
    room = Calling(settings)
    assert room.call("Zoom Join", **arguments) == {"CallId": 2, "ConferenceId": 1}
    assert placed(room).address == address
    assert "654321" not in placed(room).requested + str(room.below("Call 2")) + "".join(room.lines())


@pytest.mark.parametrize(
    ("number", "more", "arguments", "address"),
    [
        ("1@zmau.us", {}, {}, "1.306@zmau.us".replace("1.306", "1..306")),
        ("1.22@zmau.us", {}, {}, "1.22@zmau.us"),
        ("1.22@zmau.us", {}, {"MeetingPasscode": "33"}, "1.33@zmau.us"),
        ("1@zmau.us", {"webex_password": "44"}, {}, "1.44.306@zmau.us"),
        ("1@zmau.us", {"webex_password": "44"}, {"MeetingPasscode": "33"}, "1.33.306@zmau.us"),
        ("1@zmau.us", {"webex_password": "secret"}, {}, "1..306@zmau.us"),
        ("1.22@zmau.us", {}, {"HostKey": "55", "Domain": "other.test"}, "1.22..55@zmau.us"),
    ],
)
def test_zoom_join_of_a_booking_keeps_its_domain(
    number: str, more: dict[str, str], arguments: dict[str, str], address: str
) -> None:
    room = Calling({"Zoom DefaultDomain": "crc.example.com", "Zoom DialStringOptions": "306"})
    room.bookings["webex-1"] = booking(number, **more)
    room.call("Zoom Join", BookingID="webex-1", **arguments)
    wish = placed(room)
    assert (wish.address, wish.booking_id, wish.display_name) == (address, "webex-1", "Review")
    assert room.calls.shown()[0]["platform"] == "Zoom"


def test_zoom_join_needs_one_of_booking_and_meeting() -> None:
    room = Calling()
    for arguments in ({}, {"BookingID": "webex-1", "MeetingID": "1"}):
        with pytest.raises(BadArguments, match="either BookingID or MeetingID"):
            room.call("Zoom Join", **arguments)
    with pytest.raises(CommandFailed, match="no booking webex-1"):
        room.call("Zoom Join", BookingID="webex-1")
    room.bookings["webex-1"] = booking("1234@site.webex.test", "Webex")
    with pytest.raises(CommandFailed, match="no Zoom meeting"):
        room.call("Zoom Join", BookingID="webex-1")
    room.bookings["webex-1"] = booking("", addresses={})
    with pytest.raises(CommandFailed, match="nothing to join"):
        room.call("Zoom Join", BookingID="webex-1")
    with pytest.raises(CommandFailed, match="no Zoom meeting id"):
        room.call("Zoom Join", MeetingID="a@b")


def test_webex_join_says_who_comes() -> None:
    room = Calling()
    room.call("Webex Join", Number="123456789", ParticipantRole="Host", Pin="4711", DisplayName="Stand-up")
    wish = placed(room)
    assert (wish.leads, wish.role, wish.display_name) == (Leads.MEETING, "Host", "Stand-up")
    assert wish.pin is not None
    assert wish.pin.reveal() == "4711"
    assert "4711" not in repr(wish) + "".join(room.lines())
    assert room.status.get(("Call", 2, "CallbackNumber")) == "spark:123456789@webex.com"


def test_an_instant_meeting_has_no_address() -> None:
    room = Calling()
    room.call("Webex Meetings InstantMeeting Start")
    assert (placed(room).leads, placed(room).address) == (Leads.INSTANT, "")
    room.connect(2, is_instant=True, title="Huddle's meeting")
    assert room.status.get(("Conference", "Call", 2, "SessionType")) == "InstantMeeting"


@pytest.mark.parametrize(
    ("command", "arguments", "name"),
    [
        ("MicrosoftTeams Join", {"Url": "https://teams.microsoft.com/meet/1"}, "Microsoft Teams"),
        ("WebRTC Join", {"Type": "GoogleMeet"}, "Google Meet"),
        ("Dial", {"Number": "https://teams.microsoft.com/meet/1"}, "Microsoft Teams"),
    ],
)
def test_webrtc_meetings_are_named_as_not_dialable(command: str, arguments: dict[str, str], name: str) -> None:
    room = Calling()
    with pytest.raises(CommandFailed, match=f"{name} meetings over WebRTC cannot be dialled here"):
        room.call(command, **arguments)
    assert [(event, fields["Code"]) for event, fields in room.told()] == [("CallFailed", 3)]
    assert room.calls.calls == ()


def test_the_zoom_fault_dials_as_sip_and_a_dial_by_hand_does_not() -> None:
    room = Calling()
    room.joining.join(faulty_dial_of(booking(ZOOM)), "button")
    wish = placed(room)
    assert (wish.protocol, wish.address) == ("SIP", f"sip:{ZOOM};transport=tls")
    shown = room.below("Call 2")
    assert (shown["Protocol"], shown["Ice"], shown["CallbackNumber"]) == (
        "SIP",
        "Disabled",
        f"sip:{ZOOM};transport=tls",
    )
    room.calls.ended(2, REMOTE)
    redialled = room.history.entries[0].callback_number
    room.call("Dial", Number=redialled)
    assert (placed(room).protocol, placed(room).address) == ("Spark", "81234567890.112233.504@zoomcrc.com")


def test_a_call_of_the_history_can_be_dialled_again() -> None:
    room = Calling()
    for number in ("1234@site.webex.test", "ada@example.com", "123456789", "huddle@1234abcd.room.test"):
        call_id = room.call("Dial", Number=number)["CallId"]
        leads = placed(room).leads
        room.calls.ended(call_id, REMOTE)
        callback = room.call("CallHistory Get", Limit=1)["Entry"][0]["CallbackNumber"]
        assert callback.startswith("spark:")
        room.call("Dial", Number=callback)
        assert placed(room).leads is leads
        room.calls.ended(call_id + 1, REMOTE)


def test_joining_a_booking_dials_and_writes_who_asked() -> None:
    room = Calling()
    room.joining.join(dial_of(booking("1234@site.webex.test", "Webex")), "auto")
    events = [event for event in room.room.world.trace.events if event.kind == "call.dial"]
    assert dict(events[0].data) == {
        "number": "1234@site.webex.test", "protocol": "Spark", "booking": "webex-1", "meeting": "m-1", "by": "auto",
    }  # fmt: skip
    assert room.status.get(("Call", 2, "DisplayName")) == "Review"


def test_a_teams_booking_without_a_video_address_is_not_joined() -> None:
    room = Calling()
    link = Dial("https://teams.microsoft.com/meet/1", "WebRTC", "webex-1", platform="MicrosoftTeams")
    with pytest.raises(CommandFailed, match="Microsoft Teams"):
        room.joining.join(link, "button")
    assert room.told()[0][0] == "CallFailed"


def test_nobody_is_called_by_a_device_that_is_not_registered() -> None:
    room = Calling(registered=False)
    with pytest.raises(CommandFailed, match="not registered"):
        room.call("Dial", Number="ada@example.com")
    assert room.told()[0] == (
        "CallFailed",
        {"Code": 1, "Message": "The device is not registered: it can make no calls"},
    )
    assert room.line.said == []
    room.is_registered = True
    assert room.call("Dial", Number="ada@example.com")["CallId"] == 2
