"""The rules of the links before the device: from the organizer to what leaves for the workspace. Source: protocol 7, 8, 15."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from endpoint.wire.why_case import Case, Judged, broken, not_needed, ok, unknown
from endpoint.wire.why_causes import NO_INTEROP
from endpoint.wire.why_evidence import PlatformEvent, RoomMailbox
from endpoint.wire.why_report import Proof, State

DIRECT: Final = "not on its way: no mailbox behind it"
PUSHED: Final = "not on its way: a pushed booking"
NO_MEETING: Final = "no such meeting"
AUTO_ACCEPT: Final = "AutoAccept"


def skipped(case: Case) -> Judged | None:
    """Return what stands at links that are no part of a meeting's way; None where they are."""
    if case.is_pushed:
        return not_needed(PUSHED)
    if "cloud" not in case.asked:
        return unknown("the cloud was not asked", waits=False)
    if case.cloud.missing:
        return unknown(NO_MEETING)
    return not_needed(DIRECT) if case.is_from_site else None


def organizer(case: Case) -> Judged:
    """Is there a meeting at all, and who made it?"""
    cloud, event = case.cloud, case.cloud.event
    if case.is_pushed or "cloud" not in case.asked:
        return skipped(case) or unknown()
    if cloud.missing:
        return unknown("the cloud knows no such meeting", waits=False)
    if event is not None and event.is_cancelled:
        return Judged(State.BROKEN, "the meeting was cancelled")
    who = cloud.organizer
    name = next((text for text in (who and who.address, who and who.name) if text), "somebody")
    if case.is_from_site:
        if cloud.is_published is False:
            return unknown(f"{name} has not put it into this device's calendar", waits=False)
        return ok(f"{name}, directly into the device's calendar")
    if event is None:
        return unknown()
    rooms = ", ".join(event.invited or ()) or "rooms that are not told"
    return ok(f"{name} invited {rooms}")


def room(case: Case) -> Judged:
    """Has the room's mailbox accepted?"""
    mailbox = case.cloud.room
    if _is_declined(case):
        told = mailbox or RoomMailbox()
        return _declined(case, replace(told, response="declined", reason=told.reason or "person", detail=told.detail))
    out = skipped(case)
    if out is not None:
        return out
    if mailbox is None or mailbox.response is None:
        return unknown()
    if mailbox.response == "accepted":
        return ok(f"{mailbox.address or 'the room'} accepted" + _at(case, mailbox))
    if case.has_arrived or (case.cloud.is_published and mailbox.response != "declined"):
        return ok(
            f"{mailbox.response}, yet the device has the meeting"
            if case.has_arrived
            else f"{mailbox.response}, delivered all the same"
        )
    if mailbox.response == "declined":
        return _declined(case, mailbox)
    return _unanswered(case, mailbox)


def _is_declined(case: Case) -> bool:
    """Whether the meeting itself says that the room has declined it: it is stored then, and no booking."""
    told = (case.device.meeting, case.cloud.dto)
    return not case.is_shown and any(one is not None and one.response == "DECLINED" for one in told)


def _at(case: Case, mailbox: RoomMailbox) -> str:
    return "" if mailbox.decided_at is None else f" at {case.clock(mailbox.decided_at)}"


DECLINED: Final = {
    "conflict": "it has another meeting then",
    "window": "it takes bookings only so many days ahead",
    "horizon": "the series runs beyond its booking window",
    "duration": "the meeting is longer than it allows",
    "policy": "nobody may book it by an invitation alone",
    "person": "somebody has answered so",
}
CURES: Final = {
    "policy": "Set AllBookInPolicy of the room mailbox to true, and send the invitation again.",
    "conflict": "Choose another time or room, or move the other meeting.",
    "window": "Invite the room later, or raise BookingWindowInDays of the room mailbox and send the invitation again.",
    "horizon": (
        "Let the series end within BookingWindowInDays, or set EnforceSchedulingHorizon of the room mailbox to false, and send the "
        "invitation again."
    ),
    "duration": "Make the meeting shorter, or raise MaximumDurationInMinutes of the room mailbox and send the invitation again.",
}
"""What to do about a decline, where its reason says more than that there was one."""


def _declined(case: Case, mailbox: RoomMailbox) -> Judged:
    reason = mailbox.reason or "no reason told"
    detail = DECLINED.get(reason, reason)
    if mailbox.conflict_with and mailbox.detail:
        mailbox = replace(mailbox, detail=f"{mailbox.detail.removesuffix('.')}: {mailbox.conflict_with}.")
    if reason in ("window", "horizon") and mailbox.booking_window_days is not None:
        detail += f" (BookingWindowInDays {mailbox.booking_window_days})"
    if reason == "duration" and mailbox.maximum_duration_minutes is not None:
        detail += f" (MaximumDurationInMinutes {mailbox.maximum_duration_minutes})"
    if mailbox.conflict_with:
        detail += f": {mailbox.conflict_with}"
    proof = Proof(side="cloud", text=f"{_name(mailbox)} declined, reason {reason}", at=mailbox.decided_at)
    because = f"{_name(mailbox)} declined: {mailbox.detail or detail + '.'} Declined rooms never get a meeting."
    return broken(
        f"declined: {reason}",
        case.finding("room_declined", because, proof, _decision(case), todo=CURES.get(reason, "")),
    )


def _decision(case: Case) -> Proof | None:
    """Return the hop of the mailbox's decision, else the last one."""
    return case.last_hop("mailbox.decision") or case.last_hop()


def _unanswered(case: Case, mailbox: RoomMailbox) -> Judged:
    who = case.cloud.organizer
    if mailbox.response == "none" and who is not None and who.is_external and mailbox.processes_external is False:
        text = f"{_name(mailbox)} has not answered; ProcessExternalMeetingMessages is false"
        because = f"{who.address or 'The organizer'} is outside the organization, and {_name(mailbox)} does not process such invitations."
        finding = case.finding("external_sender", because, Proof(side="cloud", text=text), _decision(case))
        return broken("no answer: the organizer is from outside", finding)
    if mailbox.automate_processing not in (None, AUTO_ACCEPT) or mailbox.response == "tentative":
        setting = mailbox.automate_processing or "not told"
        text = f"{_name(mailbox)} is {_answer(mailbox)}; AutomateProcessing is {setting}"
        because = (
            f"{_name(mailbox)} waits for a person to answer (AutomateProcessing {setting}); "
            "only accepted invitations bring a button."
        )
        finding = case.finding(
            "mailbox_not_auto_accept", because, Proof(side="cloud", text=text, at=mailbox.decided_at), _decision(case)
        )
        return broken(_answer(mailbox), finding)
    return unknown("no answer yet", waits=False)


def _answer(mailbox: RoomMailbox) -> str:
    return "tentative" if mailbox.response == "tentative" else "without an answer"


def _name(mailbox: RoomMailbox) -> str:
    return mailbox.address or "the room"


def notification(case: Case) -> Judged:
    """Is the service told of changes?"""
    found = case.cloud.subscription
    out = skipped(case)
    if out is not None:
        return out
    if found is None or (found.state is None and found.missed is None):
        return unknown()
    is_bad = found.state not in (None, "active", "unwatched")
    if found.missed or (is_bad and found.missed is None and not case.cloud.is_published and not case.has_arrived):
        since = found.missed_since or found.expires
        state = found.state or "not active"
        what = f"subscription {found.id or 'to that calendar'} is {state}"
        because = f"The {what}: changes since {case.clock(since)} are lost until it is renewed."
        proof = Proof(side="cloud", text=what, at=since)
        return broken(f"subscription {state}", case.finding("subscription_expired", because, proof, case.last_hop()))
    if found.state == "unwatched":
        return unknown("nobody watches that mailbox: no workspace has it", waits=False)
    if is_bad:
        return Judged(State.FLAWED, f"subscription {found.state}; this meeting was heard of before")
    return ok("subscribed" + (f" till {case.clock(found.expires)}" if found.expires else ""))


LAYERS: Final = {
    "pickup": "the service takes up meetings at most 5 to 6 months ahead",
    "store": "the cloud's store reaches 31 days ahead",
}


def horizon(case: Case) -> Judged:
    """Is the meeting near enough?"""
    found = case.cloud.horizon
    if case.is_pushed or "cloud" not in case.asked:
        return skipped(case) or unknown()
    if case.cloud.is_published or case.has_arrived:
        return ok("within every horizon")
    if found is None or found.layer is None:
        return skipped(case) or unknown()
    if not found.layer:
        return ok("within every horizon")
    comes = f"it goes on by itself at {case.clock(found.comes)}" if found.comes else "it goes on by itself later"
    because = f"The meeting starts {case.clock(case.span[0])}; {LAYERS.get(found.layer, found.layer)}: {comes}."
    text = f"held back by layer {found.layer}" + (
        f", which looks till {case.clock(found.limit)}" if found.limit else ""
    )
    finding = case.finding("beyond_window", because, Proof(side="cloud", text=text, at=found.comes), case.last_hop())
    return broken(f"waits in layer {found.layer}", finding, state=State.WAITING)


def join(case: Case) -> Judged:
    """Are there join details?"""
    if case.cloud.missing and not case.is_stored and not case.is_pushed:
        return unknown(NO_MEETING)
    fields = _fields(case)
    if fields:
        return ok(", ".join(fields))
    event, mailbox, read = case.cloud.event or PlatformEvent(), case.cloud.room, case.cloud.reading
    deletes = mailbox is not None and mailbox.deletes_comments
    if deletes and (event.copy_read, event.address_in, event.has_body) == ("room", "body", False):
        because = (
            "The video address stands in the body only. The service reads the room's copy, since the organizer is not enabled for "
            "Hybrid Calendar, and DeleteComments has emptied that copy."
        )
        proof = Proof(side="cloud", text="DeleteComments is true; copy read: the room's, without a body")
        return broken("the body is gone", case.finding("delete_comments", because, proof, case.last_hop()))
    if read is not None and NO_INTEROP in (read.diagnostics or ()):
        because = (
            "It is a Teams meeting, and without a licence for video interoperability the service passes it over: "
            "nothing of it reaches the room."
        )
        proof = Proof(side="cloud", text="the service has passed the meeting over: no_interop")
        return broken("no licence for Teams", case.finding(NO_INTEROP, because, proof, case.last_hop()))
    who = case.cloud.organizer
    if (
        read is not None
        and read.action == "personal_room"
        and who is not None
        and _lacks_room(who.has_personal_room, who.site)
    ):
        name = who.address or who.name or "the organizer"
        because = f"{read.keyword or 'The keyword'} asks for the Personal Room of {name}, who has none that is tied to the account."
        proof = Proof(
            side="cloud", text=f"{name}: Personal Room {_has(who.has_personal_room)}, site {who.site or 'none'}"
        )
        return broken("no Personal Room", case.finding("no_personal_room", because, proof, case.last_hop()))
    if fields is None and case.is_pushed:
        return not_needed(PUSHED)
    if fields is None:
        return unknown() if "cloud" in case.asked or case.is_stored is False else unknown("not asked", waits=False)
    why = f" {read.why}" if read is not None and read.why else ""
    because = (
        f"A button needs meetingJoinURI, meetingJoinURL, webexURI, spaceURI or callURI; this meeting has none.{why}"
    )
    return broken("no join field", case.finding("no_join_field", because, case.last_hop("cal.join")))


def _has(value: bool | None) -> str:
    return "not known" if value is None else "there" if value else "missing"


def _lacks_room(has_room: bool | None, site: str | None) -> bool:
    return has_room is False or site == ""


def _fields(case: Case) -> tuple[str, ...] | None:
    """Return the join fields: those that have arrived, else those that leave, else those that were found."""
    meeting, dto, read = case.device.meeting, case.cloud.dto, case.cloud.reading
    if case.has_arrived and meeting is not None and meeting.join_fields is not None:
        return meeting.join_fields
    if dto is not None and dto.join_fields is not None:
        return dto.join_fields
    return None if read is None else read.join_fields


def workspace(case: Case) -> Judged:
    """Does the workspace of the device have the calendar that was invited?"""
    found, event = case.cloud.workspace, case.cloud.event
    out = skipped(case)
    if out is not None:
        return out
    if found is not None and case.has_arrived:
        return ok(f"{found.name or found.id}: {found.address or 'the device has the meeting'}")
    if found is None:
        return unknown()
    name = found.name or found.id or "the workspace"
    if found.missing_step or found.calendar == "none" or found.address == "":
        step = found.missing_step or (
            "no calendar is switched on" if found.calendar == "none" else "no address is entered"
        )
        because = f"{name} gets no meetings at all: {step}."
        proof = Proof(
            side="cloud", text=f"{name}: calendar {found.calendar or 'unknown'}, address {found.address or 'none'}"
        )
        return broken(step, case.finding("workspace_no_calendar", because, proof, case.last_hop()))
    if found.address is None or event is None or event.invited is None:
        return unknown()
    if found.address.casefold() not in {address.casefold() for address in event.invited}:
        invited = ", ".join(event.invited) or "no room"
        because = f"{name} has the calendar of {found.address}, but {invited} was invited: the match is exact."
        proof = Proof(side="cloud", text=f"{name}: {found.address}; invited: {invited}")
        return broken("another address", case.finding("workspace_address_mismatch", because, proof, case.last_hop()))
    return ok(f"{name}: {found.address}")


def premises(case: Case) -> Judged:
    """Do TMS and its neighbours play a part?"""
    return not_needed("no TMS in this organization")
