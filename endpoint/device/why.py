"""What the device knows of a meeting, as evidence for "why is there no Join button?".

Every member is picked by name: no token, no join address leaves here, of join fields their names alone. Source:
protocol/calendar-and-obtp.md 15, 6.5, 10.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

from endpoint.device.control_views import skew_s
from endpoint.room.bookings.booking import Booking, Source, of_meeting
from endpoint.room.bookings.marks import Rules, before
from endpoint.runtime.clock import parse_iso
from endpoint.wire import why_evidence as ev

if TYPE_CHECKING:
    from endpoint.device.device import Device

AHEAD: Final = timedelta(hours=24)
"""How far ahead meetings are looked at where none is named."""
EVENTS_SEARCHED_MAX: Final = 20_000
"""Last events of the trace that are searched for when a meeting came."""
VISIBILITY: Final = "UserInterface Bookings Visibility"


def evidence(device: Device, wanted: str, *, thoroughly: bool = True) -> ev.DeviceEvidence:
    """Say what the device knows of a meeting, by its id, or of a booking by the booking's; without one, how the device itself is.

    Args:
        thoroughly: search the trace for when the meeting came.
    """
    booking = _booking(device, wanted)
    account = device.state.account
    return ev.DeviceEvidence(
        at=device.world.clock.now(),
        meeting_id=wanted,
        name=device.settings.name,
        model=device.profile.product.model,
        software=device.profile.software,
        is_up=device.is_up,
        mode="webex",
        user_id=account.user_id if account is not None else None,
        is_activated=account is not None,
        is_registered=device.registration.device is not None,
        registration=device.registration.state.value,
        mercury=ev.Connection(
            state=device.mercury.state.value, is_open=device.mercury.is_open, since=device.mercury.since
        ),
        catch_up=_catch_up(device),
        clock=ev.WallClock(skew_s=skew_s(device.world.clock), zone=str(device.zone)),
        is_fetching=device.calendar.is_fetching(wanted),
        is_stored=wanted in device.calendar.meetings or booking is not None,
        meeting=_stored(device, wanted, booking, thoroughly),
        booking=_told(device, booking) if booking is not None else None,
        is_listed=True if booking is not None else None if wanted in device.calendar.meetings else False,
        button=_button(device, booking) if booking is not None else None,
        replaced=_replaced(device, wanted),
        keys=_keys(booking),
    )


def find(device: Device, wanted: str) -> list[str]:
    """Return the ids of meetings, or of bookings without one, that have this id or title; the text itself where there are none."""
    if wanted in device.calendar.meetings or _booking(device, wanted) is not None:
        return [wanted]
    folded, bookings = wanted.casefold(), device.local.bookings
    named = [booking for booking in bookings.store if (booking.title or "").casefold() == folded]
    gone = [
        booking for booking in _gone(device) if wanted in _ids(booking) or (booking.title or "").casefold() == folded
    ]
    return [_ids(booking)[0] for booking in (named or gone)] or [wanted]


def ahead(device: Device, at: datetime) -> list[str]:
    """Return the ids of what is not over and starts within a day, by start; also of what was on the list until it was replaced."""
    bookings = [*device.local.bookings.store, *_gone(device)]
    found = [booking for booking in bookings if booking.ends > at and booking.starts < at + AHEAD]
    return list(dict.fromkeys(_ids(booking)[0] for booking in sorted(found, key=lambda one: one.order)))


def true_now(device: Device) -> datetime:
    """Return the instant without the error of the device's clock."""
    clock = device.world.clock
    return clock.now() - timedelta(seconds=skew_s(clock))


def _booking(device: Device, wanted: str) -> Booking | None:
    store = device.local.bookings.store
    return store.find(meeting_id=wanted) or store.find(booking_id=wanted)


def _ids(booking: Booking) -> tuple[str, ...]:
    """Return what a booking is known by: its meeting's id where it has one, its own."""
    return (booking.meeting_id, booking.id) if booking.meeting_id else (booking.id,)


def _gone(device: Device) -> tuple[Booking, ...]:
    """Return what was on the list of pushed bookings before it was replaced, and is not since."""
    replaced = device.local.bookings.replaced
    now = device.local.bookings.store
    return tuple(one for one in replaced.gone if now.find(booking_id=one.id) is None) if replaced is not None else ()


def _replaced(device: Device, wanted: str) -> ev.ReplacedList | None:
    replaced = device.local.bookings.replaced
    if replaced is None:
        return None
    is_gone = any(wanted in _ids(booking) for booking in _gone(device))
    return ev.ReplacedList(at=replaced.at, by="Bookings Put", count=replaced.bookings, dropped_this=is_gone)


def _catch_up(device: Device) -> ev.CatchUp:
    window = device.calendar.last_window
    if window is None:
        return ev.CatchUp(is_done=device.calendar.caught_up)
    middle = window.start + (window.end - window.start) / 2
    return ev.CatchUp(is_done=device.calendar.caught_up, at=middle, window_start=window.start, window_end=window.end)


def _stored(device: Device, wanted: str, booking: Booking | None, thoroughly: bool) -> ev.StoredMeeting | None:
    meeting = device.calendar.meetings.get(wanted)
    modified = _instant(meeting.last_modified) if meeting is not None else None
    if booking is None:
        booking = next((one for one in _gone(device) if wanted in _ids(one)), None)
    if booking is None and meeting is not None:
        booking = replace(of_meeting(device.calendar.read(meeting)), title="")  # its texts are being read
    if booking is None:
        return None
    return ev.StoredMeeting(
        id=wanted,
        title=booking.title,
        title_is_readable=None if meeting is not None and not booking.number else booking.title is not None,
        start=booking.starts,
        end=booking.ends,
        modified=modified,
        stored_at=_stored_at(device, wanted) if thoroughly else None,
        join_fields=tuple(booking.addresses),
        unreadable_join_fields=tuple(name for name, text in booking.addresses.items() if text is None),
        response=booking.response or None,
        is_all_day=booking.is_all_day,
    )


def _instant(text: str | None) -> datetime | None:
    try:
        return parse_iso(text) if text else None
    except ValueError:
        return None


def _stored_at(device: Device, meeting_id: str) -> datetime | None:
    """Return when the meeting was stored in its present version, from the trace; None where that is too long ago."""
    for event in islice(reversed(device.world.trace.events), EVENTS_SEARCHED_MAX):
        if event.kind == "calendar.stored" and event.who == device.who and event.data.get("id") == meeting_id:
            return parse_iso(event.at)
    return None


def _keys(booking: Booking | None) -> ev.Keys | None:
    """Say of the key service what a booking of the cloud shows of it."""
    if booking is None or booking.source is not Source.CLOUD:
        return None
    is_strict = any(text is None for text in booking.addresses.values())
    return ev.Keys(is_up=booking.title is not None, join_fields="strict" if is_strict else None)


def _told(device: Device, booking: Booking) -> ev.Booking:
    return ev.Booking(
        id=booking.id,
        source="ad hoc" if booking.source is Source.ADHOC else booking.source.value,
        start=booking.starts,
        end=booking.ends,
        hidden_by=_hidden_by(device.local.bookings.rules(), booking),
        is_tentative=booking.is_tentative,
        is_all_day=booking.is_all_day,
    )


def _hidden_by(rules: Rules, booking: Booking) -> str:
    """Return the configuration that keeps a booking off the screen, empty if none does."""
    if not rules.shows_tentative and booking.is_tentative:
        return f"{VISIBILITY} TentativeMeetings"
    if not rules.shows_all_day and booking.is_all_day:
        return f"{VISIBILITY} AllDayMeetings"
    if not rules.shows_non_joinable and not booking.is_joinable:
        return f"{VISIBILITY} NonJoinableMeetings"
    return ""


def _button(device: Device, booking: Booking) -> ev.Button:
    bookings = device.local.bookings
    rules, lead = bookings.rules(), bookings.rules().lead_of(booking)
    return ev.Button(
        is_shown=booking in bookings.button.screen.joinable,
        comes=before(booking.starts, lead),
        goes=booking.ends,
        lead_s=round(lead.total_seconds()),
        is_early=rules.early_join,
        auto_join=rules.auto_lead_s is not None,
    )
