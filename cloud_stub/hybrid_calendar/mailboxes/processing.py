"""What a mailbox does with a request by itself: pure, from settings, the request and what else is on the calendar.

Source: protocol/calendar-and-obtp.md 8.2, 8.3. The order of the questions is that of 8.3; the first that says no decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from cloud_stub.hybrid_calendar.mailboxes.zones import to_utc, to_wall
from cloud_stub.platform.mailbox_records import Automation, MailboxEvent, Processing

Slot: TypeAlias = tuple[datetime, datetime]
"""Start and end of one instance."""
Busy: TypeAlias = Callable[[datetime, datetime], bool]
"""Tells whether something else that is not free overlaps `[start, end)`."""


class Action(StrEnum):
    """What becomes of a request."""

    NONE = "none"
    IGNORE = "ignore"
    TENTATIVE = "tentative"
    ACCEPT = "accept"
    DECLINE = "decline"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a mailbox gets it.

    Attributes:
        slots: the instances to be judged, in order of start; of a single meeting one. Those beyond the booking window may be left out.
        last: start of the last instance of a series, or of one beyond the booking window; None: it never ends.
        nominal: how long it lasts on the wall clock: an all-day event lasts 24 hours, also on the day that has 25.
        is_external: the organizer belongs to another organization.
    """

    slots: Sequence[Slot]
    last: datetime | None
    nominal: timedelta
    is_series: bool = False
    is_external: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a request, and why.

    Attributes:
        reason: automation, external, policy, window, horizon, duration, conflict; empty for a plain accept.
        declined: starts of instances of an accepted series that are declined all the same.
        until: instances later than this are not accepted.
    """

    action: Action
    reason: str = ""
    detail: str = ""
    declined: tuple[datetime, ...] = ()
    until: datetime | None = None


def window_end(settings: Processing, now: datetime, zone: str) -> datetime:
    """Return the instant at which a mailbox's booking window ends: the end of the day that lies BookingWindowInDays ahead."""
    midnight = to_wall(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return to_utc(midnight + timedelta(days=settings.booking_window_in_days + 1), zone)


def process_request(
    request: Request, settings: Processing, automation: Automation, busy: Busy, now: datetime, zone: str
) -> Decision:
    """Decide about a request. Source: 8.3.

    Args:
        busy: asked about each instance in turn.
        zone: of the mailbox; the days of its booking window are counted there.
    """
    if request.is_external and not settings.process_external_meeting_messages:
        return Decision(
            Action.IGNORE, "external", "ProcessExternalMeetingMessages is false and the organizer is external."
        )
    if automation is Automation.NONE:
        return Decision(Action.NONE, "automation", "AutomateProcessing is None: nobody puts requests on the calendar.")
    if automation is Automation.AUTO_UPDATE:
        return Decision(Action.TENTATIVE, "automation", "AutomateProcessing is AutoUpdate: a person has to answer.")
    if not settings.all_book_in_policy:
        return Decision(Action.DECLINE, "policy", "AllBookInPolicy is false: nobody may book it.")
    end = window_end(settings, now, zone)
    return _beyond(request, settings, end) or _too_long(request, settings) or _conflicting(request, settings, busy, end)


def _beyond(request: Request, settings: Processing, end: datetime) -> Decision | None:
    days = settings.booking_window_in_days
    if request.slots and request.slots[0][0] >= end:
        return Decision(Action.DECLINE, "window", f"It starts after the booking window of {days} days.")
    if not request.slots:
        return Decision(Action.DECLINE, "window", f"No instance lies in the booking window of {days} days.")
    if request.is_series and settings.enforce_scheduling_horizon and (request.last is None or request.last >= end):
        runs = "has no end" if request.last is None else "ends after it"
        return Decision(
            Action.DECLINE,
            "horizon",
            f"EnforceSchedulingHorizon: the booking window is {days} days, the series {runs}.",
        )
    return None


def _too_long(request: Request, settings: Processing) -> Decision | None:
    limit = settings.maximum_duration_in_minutes
    minutes = request.nominal // timedelta(minutes=1)
    if limit and request.nominal > timedelta(minutes=limit):  # 0 is no limit
        return Decision(Action.DECLINE, "duration", f"It lasts {minutes} minutes; MaximumDurationInMinutes is {limit}.")
    return None


def _conflicting(request: Request, settings: Processing, busy: Busy, end: datetime) -> Decision:
    cut = request.is_series and (request.last is None or request.last >= end)
    until = end - timedelta(microseconds=1) if cut else None
    detail = f"Accepted up to the end of the booking window of {settings.booking_window_in_days} days." if cut else ""
    accept = Decision(Action.ACCEPT, "horizon" if cut else "", detail, until=until)
    if settings.allow_conflicts:
        return accept
    slots = [slot for slot in request.slots if slot[0] < end]
    clashing = _clashing(slots, busy)
    if not clashing:
        return accept
    if not request.is_series:
        return Decision(Action.DECLINE, "conflict", "It overlaps another meeting.")
    percent = 100 * len(clashing) / len(slots)
    counted = f"{len(clashing)} of {len(slots)} instances overlap other meetings ({percent:.0f} %)"
    most, share = settings.maximum_conflict_instances, settings.conflict_percentage_allowed
    limits = f"MaximumConflictInstances {most}, ConflictPercentageAllowed {share}"
    if len(clashing) > most and percent > share:
        return Decision(Action.DECLINE, "conflict", f"{counted}; {limits}.")
    return Decision(Action.ACCEPT, "conflict", f"{counted}; those are declined.", declined=clashing, until=until)


def _clashing(slots: Sequence[Slot], busy: Busy) -> tuple[datetime, ...]:
    """Return the starts of instances that overlap another meeting, or one of their own series that comes before them."""
    clashing, taken = [], None
    for start, end in slots:
        if busy(start, end) or (taken is not None and start < taken):
            clashing.append(start)
        else:
            taken = end if taken is None else max(taken, end)
    return tuple(clashing)


def content_for(event: MailboxEvent, settings: Processing) -> dict[str, object]:
    """Return what a mailbox that accepts by itself writes differently from the organizer's copy. Source: 8.2."""
    changed: dict[str, object] = {}
    if settings.delete_comments:
        changed["body"] = ""
    if settings.add_organizer_to_subject:
        organizer = event.organizer.name or event.organizer.address
        changed["subject"] = (
            organizer if settings.delete_subject or not event.subject else f"{organizer} {event.subject}"
        )
    elif settings.delete_subject:
        changed["subject"] = ""
    if settings.delete_attachments:
        changed["has_attachments"] = False
    if settings.remove_private_property and event.sensitivity == "private":
        changed["sensitivity"] = "normal"
    return changed
