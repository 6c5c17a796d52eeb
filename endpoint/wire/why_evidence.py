"""What each side knows about one meeting and one device: the evidence that `why` judges.

A member that is None was not asked, or could not be found out: it proves nothing. Texts of meetings are here as far as their owner shows
them; join fields by their names alone, never by their values. Members cross the doors in camel case, instants as ISO 8601, and those
that nobody knows are left out. Source: protocol/calendar-and-obtp.md 7 (the cloud), 6.5 and 10 (the device).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec

EVIDENCE_VERSION: Final = 1
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Known(msgspec.Struct, kw_only=True, frozen=True, rename="camel", omit_defaults=True):
    """Base of all evidence."""


class Organizer(Known, kw_only=True, frozen=True):
    """Who invites. `is_enabled`: for Hybrid Calendar; `site`: the Webex site that the Personal Room is tied to, empty without one."""

    name: str | None = None
    address: str | None = None
    is_external: bool | None = None
    is_enabled: bool | None = None
    has_personal_room: bool | None = None
    site: str | None = None


class PlatformEvent(Known, kw_only=True, frozen=True):
    """The event on the calendar platform.

    `invited` are addresses of rooms; `address_in` is where the video address or keyword stands: location or body; `copy_read` whose copy
    the service reads: organizer or room; `has_body`: that copy still has its body.
    """

    platform: str | None = None
    id: str | None = None
    subject: str | None = None
    start: Instant | None = None
    end: Instant | None = None
    invited: tuple[str, ...] | None = None
    address_in: str | None = None
    copy_read: str | None = None
    has_body: bool | None = None
    is_cancelled: bool | None = None


class RoomMailbox(Known, kw_only=True, frozen=True):
    """What the room's mailbox has made of the invitation, and its settings that matter.

    `response` is accepted, tentative, declined or none; `reason` why: conflict, policy, window, horizon, duration, external, automation,
    person, forced (by a fault); `detail` the same as a sentence.
    """

    address: str | None = None
    response: str | None = None
    reason: str | None = None
    detail: str | None = None
    decided_at: Instant | None = None
    conflict_with: str | None = None
    automate_processing: str | None = None
    processes_external: bool | None = None
    deletes_comments: bool | None = None
    booking_window_days: int | None = None
    maximum_duration_minutes: int | None = None


class Subscription(Known, kw_only=True, frozen=True):
    """The service's subscription to changes of that calendar. `state` is active, expired, unvalidated, missing, or unwatched: nobody
    watches that mailbox, since no workspace has its address.

    `missed_since`: since when changes are lost; `missed`: whether that is so of a change of this meeting.
    """

    id: str | None = None
    state: str | None = None
    validated_at: Instant | None = None
    expires: Instant | None = None
    missed_since: Instant | None = None
    missed: bool | None = None


class Horizon(Known, kw_only=True, frozen=True):
    """Which layer holds the meeting back, pickup or store (empty when none does), and when that layer lets it go by itself."""

    layer: str | None = None
    limit: Instant | None = None
    comes: Instant | None = None


class Reading(Known, kw_only=True, frozen=True):
    """What the service has read out of the invitation: keyword or service, a sentence why, the keys of what was wrong.

    `join_fields` are the names of the join fields that it makes.
    """

    keyword: str | None = None
    action: str | None = None
    service: str | None = None
    source: str | None = None
    why: str | None = None
    join_fields: tuple[str, ...] | None = None
    diagnostics: tuple[str, ...] | None = None


class Workspace(Known, kw_only=True, frozen=True):
    """The workspace of the device. `missing_step` names the step of the calendar's set-up that was not done, empty if none."""

    id: str | None = None
    name: str | None = None
    calendar: str | None = None
    address: str | None = None
    missing_step: str | None = None


class Published(Known, kw_only=True, frozen=True):
    """The meeting as it leaves to the device: the DTO. `join_fields` are the names of those that are in it."""

    id: str | None = None
    title: str | None = None
    start: Instant | None = None
    end: Instant | None = None
    modified: Instant | None = None
    join_type: str | None = None
    join_fields: tuple[str, ...] | None = None
    response: str | None = None


class Keys(Known, kw_only=True, frozen=True):
    """The key service. `join_fields` is readable or strict: whether join fields need a key too."""

    is_up: bool | None = None
    since: Instant | None = None
    join_fields: str | None = None


class Push(Known, kw_only=True, frozen=True):
    """One event that was pushed: to how many sockets of the device, and whether it acknowledged it."""

    event_type: str | None = None
    at: Instant | None = None
    heard: int | None = None
    acknowledged: bool | None = None


class Hop(Known, kw_only=True, frozen=True):
    """One step of the chain in the trace: its name, number and instant."""

    name: str
    at: Instant | None = None
    n: int | None = None
    text: str | None = None


class DeviceAccount(Known, kw_only=True, frozen=True):
    """The device as the cloud sees it. `sockets` are its open ones, `connected_since` when the oldest was opened."""

    user_id: str | None = None
    device_id: str | None = None
    name: str | None = None
    model: str | None = None
    exists: bool | None = None
    registrations: int | None = None
    sockets: int | None = None
    connected_since: Instant | None = None
    last_seen: Instant | None = None


class CloudEvidence(Known, kw_only=True, frozen=True):
    """What the cloud knows of one meeting and one device.

    `source` is mailbox (a calendar platform stands behind the meeting) or site (it was put into the device's calendar directly: the way
    from a space or a Webex site). `is_published`: a DTO exists for this device. `missing` is true where the cloud has no such meeting.
    """

    at: Instant | None = None
    meeting_id: str | None = None
    source: str | None = None
    missing: bool | None = None
    organizer: Organizer | None = None
    event: PlatformEvent | None = None
    room: RoomMailbox | None = None
    subscription: Subscription | None = None
    horizon: Horizon | None = None
    reading: Reading | None = None
    workspace: Workspace | None = None
    is_published: bool | None = None
    dto: Published | None = None
    keys: Keys | None = None
    pushes: tuple[Push, ...] | None = None
    hops: tuple[Hop, ...] | None = None
    account: DeviceAccount | None = None
    lead_s: int | None = None


class StoredMeeting(Known, kw_only=True, frozen=True):
    """The meeting in the device's store; `title` only where it can be read. `modified` is that of the version it has."""

    id: str | None = None
    title: str | None = None
    title_is_readable: bool | None = None
    start: Instant | None = None
    end: Instant | None = None
    modified: Instant | None = None
    stored_at: Instant | None = None
    join_fields: tuple[str, ...] | None = None
    unreadable_join_fields: tuple[str, ...] | None = None
    response: str | None = None
    is_all_day: bool | None = None


class Booking(Known, kw_only=True, frozen=True):
    """The booking made of it. `source` is cloud, pushed or ad hoc; `hidden_by` the configuration that hides it, empty if none does."""

    id: str | None = None
    source: str | None = None
    start: Instant | None = None
    end: Instant | None = None
    hidden_by: str | None = None
    is_tentative: bool | None = None
    is_all_day: bool | None = None


class Button(Known, kw_only=True, frozen=True):
    """The Join button of the booking: whether it shows now, from when till when, by the device's clock."""

    is_shown: bool | None = None
    comes: Instant | None = None
    goes: Instant | None = None
    lead_s: int | None = None
    is_early: bool | None = None
    auto_join: bool | None = None


class ReplacedList(Known, kw_only=True, frozen=True):
    """The last time that somebody replaced the whole list of pushed bookings: who, and how many there are since."""

    at: Instant | None = None
    by: str | None = None
    count: int | None = None
    dropped_this: bool | None = None


class Connection(Known, kw_only=True, frozen=True):
    """The event websocket: its state in the device's words, whether it is open, and since when it is so."""

    state: str | None = None
    is_open: bool | None = None
    since: Instant | None = None


class CatchUp(Known, kw_only=True, frozen=True):
    """The last catch-up that succeeded (its instant and window), and whether the store was caught up at all."""

    is_done: bool | None = None
    at: Instant | None = None
    events: int | None = None
    window_start: Instant | None = None
    window_end: Instant | None = None


class WallClock(Known, kw_only=True, frozen=True):
    """The device's clock: seconds that it is ahead of the cloud's, and its zone."""

    skew_s: float | None = None
    zone: str | None = None
    expected_zone: str | None = None


class DeviceEvidence(Known, kw_only=True, frozen=True):
    """What the device knows of one meeting. `at` is its own clock's. `is_stored` is false where it has no such meeting, `is_fetching` true
    while it asks for it.

    `mode` is webex, or the other mode it runs in (`MicrosoftTeamsRooms`); `registration` the state of its registration in the device's
    words; `reads_titles` false while the key service does not answer it.
    """

    at: Instant | None = None
    meeting_id: str | None = None
    name: str | None = None
    model: str | None = None
    software: str | None = None
    is_up: bool | None = None
    mode: str | None = None
    user_id: str | None = None
    is_activated: bool | None = None
    is_registered: bool | None = None
    registration: str | None = None
    mercury: Connection | None = None
    catch_up: CatchUp | None = None
    clock: WallClock | None = None
    is_fetching: bool | None = None
    is_stored: bool | None = None
    meeting: StoredMeeting | None = None
    booking: Booking | None = None
    is_listed: bool | None = None
    button: Button | None = None
    replaced: ReplacedList | None = None
    keys: Keys | None = None
