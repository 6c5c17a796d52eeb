"""A small world that can be broken in every way of the catalogue, and the evidence that both sides would give in it.

The truth is a set of keys. What lies behind a broken link sees nothing of the meeting, as in the field.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from endpoint.wire import why_evidence as e
from endpoint.wire.why_causes import CAUSES

NOW = datetime(2026, 3, 2, 8, 50, tzinfo=UTC)
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
END = START + timedelta(minutes=30)
MADE = NOW - timedelta(hours=1)
FIELDS = ("meetingJoinURI", "meetingJoinURL", "webexURI")
ROOM, ANN = "huddle@rooms.example", "ann@example.test"

BREAKABLE = tuple(cause.key for cause in CAUSES if not cause.needs)
UPSTREAM = {
    "mailbox_not_auto_accept", "room_declined", "external_sender", "workspace_address_mismatch", "workspace_no_calendar",
    "beyond_window", "subscription_expired", "no_interop",
}  # fmt: skip
"""Causes that keep the meeting from being published for the device."""
KEPT = {"websocket_down", "device_not_registered", "family_not_supported"}
"""Causes that keep a published meeting from the device."""


def both(truth: Iterable[str] = (), at: datetime = NOW) -> tuple[e.CloudEvidence, e.DeviceEvidence]:
    """Return what both sides would say at an instant."""
    broken = set(truth)
    return cloud(broken, at), device(broken, at)


def cloud(broken: set[str], at: datetime = NOW) -> e.CloudEvidence:
    is_published = not broken & UPSTREAM
    fields = () if broken & {"no_join_field", "delete_comments", "no_personal_room"} else FIELDS
    loses_body, lacks_room = "delete_comments" in broken, "no_personal_room" in broken
    off, offline = "device_not_registered" in broken, broken & KEPT
    return e.CloudEvidence(
        at=at,
        meeting_id="m1",
        source="mailbox",
        organizer=e.Organizer(
            name="Ann", address=ANN, is_external="external_sender" in broken, is_enabled=not loses_body,
            has_personal_room=not lacks_room, site="" if lacks_room else "example.webex.test",
        ),
        event=e.PlatformEvent(
            platform="graph", id="AAMk1", subject="Review", start=START, end=END, invited=(ROOM,),
            address_in="body" if loses_body else "location", copy_read="room" if loses_body else "organizer", has_body=not loses_body,
        ),
        room=mailbox(broken),
        subscription=e.Subscription(
            id="s1", state="expired" if "subscription_expired" in broken else "active", expires=MADE - timedelta(hours=1),
            missed="subscription_expired" in broken,
        ),
        horizon=e.Horizon(layer="store", comes=at + timedelta(days=3)) if "beyond_window" in broken else e.Horizon(layer=""),
        reading=e.Reading(
            keyword="@webex" if lacks_room else None, action="personal_room" if lacks_room else "none",
            join_fields=() if "no_interop" in broken else fields, diagnostics=("no_interop",) if "no_interop" in broken else (),
        ),
        workspace=e.Workspace(
            name="Huddle", calendar="none" if "workspace_no_calendar" in broken else "microsoft",
            address="other@rooms.example" if "workspace_address_mismatch" in broken else ROOM,
        ),
        is_published=is_published,
        dto=e.Published(id="m1", title="Review", start=START, end=END, modified=MADE, join_fields=fields) if is_published else None,
        keys=e.Keys(is_up="kms_down" not in broken),
        pushes=(e.Push(event_type="calendar.meeting.create", at=MADE, heard=0 if offline else 1),) if is_published else (),
        hops=(e.Hop(name="cal.notify", at=MADE, n=12),),
        account=e.DeviceAccount(
            user_id="u1", device_id="d1", name="room", exists=True, registrations=0 if off else 1, sockets=0 if offline else 1
        ),
    )  # fmt: skip


def mailbox(broken: set[str]) -> e.RoomMailbox:
    response, reason, automate = "accepted", "", "AutoAccept"
    if "external_sender" in broken:
        response, reason = "none", "external"
    elif "mailbox_not_auto_accept" in broken:
        response, automate = "tentative", "AutoUpdate"
    elif "room_declined" in broken:
        response, reason = "declined", "conflict"
    return e.RoomMailbox(
        address=ROOM, response=response, reason=reason, decided_at=MADE, automate_processing=automate,
        processes_external="external_sender" not in broken, deletes_comments="delete_comments" in broken,
    )  # fmt: skip


def device(broken: set[str], at: datetime = NOW) -> e.DeviceEvidence:
    is_stored = not broken & (UPSTREAM | KEPT)
    fields = () if broken & {"no_join_field", "delete_comments", "no_personal_room"} else FIELDS
    off = "device_not_registered" in broken
    skew = timedelta(minutes=-40) if "clock_wrong" in broken else timedelta()
    comes = START - timedelta(minutes=5)
    is_hidden, is_dropped = "visibility" in broken, "replaced_list" in broken
    shows = is_stored and bool(fields) and not is_hidden and not is_dropped and comes <= at + skew < END
    return e.DeviceEvidence(
        at=at + skew,
        meeting_id="m1",
        name="room",
        model="Codec C40" if "family_not_supported" in broken else "Room Bar",
        is_up=True,
        mode="webex",
        is_activated=True,
        is_registered=not off,
        mercury=e.Connection(state="open", is_open=True, since=MADE) if not broken & KEPT else e.Connection(state="down", is_open=False),
        catch_up=e.CatchUp(is_done=True, at=MADE - timedelta(hours=1) + skew),
        clock=e.WallClock(skew_s=skew.total_seconds(), zone="Europe/Oslo"),
        is_stored=is_stored,
        meeting=e.StoredMeeting(
            id="m1", title="" if "kms_down" in broken else "Review", title_is_readable="kms_down" not in broken, start=START, end=END,
            modified=MADE, stored_at=MADE + skew, join_fields=fields,
        ) if is_stored else None,
        booking=e.Booking(
            id="webex-1", source="cloud", hidden_by="UserInterface Bookings Visibility NonJoinableMeetings" if is_hidden else "",
        ) if is_stored and not is_dropped else None,
        is_listed=is_stored and not is_dropped,
        button=e.Button(is_shown=shows, comes=comes, goes=END, lead_s=300) if is_stored else None,
        replaced=e.ReplacedList(at=at + skew, by="Bookings Put", count=2, dropped_this=True) if is_dropped else None,
        keys=e.Keys(is_up="kms_down" not in broken),
    )  # fmt: skip
