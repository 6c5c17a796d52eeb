"""The rules of the links from the key service to the button. Source: protocol 6.5, 6.9, 10.1, 10.2, 12.3, 15."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from endpoint.wire.why_case import Case, Judged, broken, moved, not_needed, ok, span_text, unknown
from endpoint.wire.why_causes import Severity, has_hybrid_calendar
from endpoint.wire.why_cloud import NO_MEETING, PUSHED
from endpoint.wire.why_evidence import Push
from endpoint.wire.why_report import Finding, Proof, State

SKEW_S_MAX: Final = 30.0
"""How wrong a clock may be before anybody notices."""
ACK_S_MAX: Final = 1.0
"""How long a push may be on its way."""
WEBEX: Final = "webex"
NOT_ASKED: Final = "the device was not asked"


def keys(case: Case) -> Judged:
    """Can the texts of the meeting be read?"""
    if case.is_pushed:
        return not_needed(PUSHED)
    meeting, ours, theirs = case.device.meeting, case.device.keys, case.cloud.keys
    is_down = any(side is not None and side.is_up is False for side in (ours, theirs))
    readable = meeting.title_is_readable if meeting is not None else None
    closed = meeting.unreadable_join_fields or () if meeting is not None else ()
    if readable and not closed:
        return ok("the title is read" + ("; the key service is down, but the key is known" if is_down else ""))
    if _needs_websocket(case):
        return unknown("keys come over the websocket, which is down", waits=False)
    if readable is False or closed or is_down:
        return _closed(case, closed)
    if (ours is not None and ours.is_up) or (theirs is not None and theirs.is_up):
        return ok("the key service answers")
    return unknown(waits="device" in case.asked)


def _needs_websocket(case: Case) -> bool:
    """Whether the texts of a meeting that has come cannot be read because the answers of the key service come over the websocket."""
    meeting, mercury, theirs = case.device.meeting, case.device.mercury, case.cloud.keys
    is_closed = meeting is not None and (meeting.title_is_readable is False or bool(meeting.unreadable_join_fields))
    is_down = theirs is not None and theirs.is_up is False
    return case.has_arrived and is_closed and not is_down and mercury is not None and mercury.is_open is False


def _closed(case: Case, closed: tuple[str, ...]) -> Judged:
    strict = any(side is not None and side.join_fields == "strict" for side in (case.device.keys, case.cloud.keys))
    because = "The button comes without a title: the meeting's key cannot be fetched."
    if strict or closed:
        because += " Join fields need a key here, so pressing it fails as well."
    meeting, theirs = case.device.meeting, case.cloud.keys
    proof = []
    if theirs is not None and theirs.is_up is not None:
        proof.append(Proof(side="cloud", text="KMS " + ("answers" if theirs.is_up else "is down"), at=theirs.since))
    if meeting is not None and meeting.title_is_readable is False:
        proof.append(Proof(side="device", text="the title is cipher text", at=meeting.stored_at))
    return broken("titles cannot be read", case.finding("kms_down", because, *proof), state=State.FLAWED)


def device(case: Case) -> Judged:
    """Is the device one that gets meetings, switched on and registered?"""
    mine, account = case.device, case.cloud.account
    family = _family(case)
    if family is not None and not case.has_arrived:
        because = f"A {family} is of a family that cannot register for Hybrid Calendar; only RoomOS devices can."
        return broken(
            family, case.finding("family_not_supported", because, Proof(side="device", text=f"model {family}"))
        )
    why = _not_registered(case)
    if case.is_pushed and mine.is_up is not False and mine.mode in (None, WEBEX):
        return not_needed(PUSHED)
    if why is None:
        if mine.is_registered or (mine.is_registered is None and account is not None and account.registrations):
            return ok("registered")
        return unknown("not known" if "device" in case.asked else NOT_ASKED, waits=False)
    if case.has_arrived and mine.mode in (None, WEBEX) and mine.is_up is not False:
        return Judged(State.FLAWED, f"{why}; the meeting had come before")
    proof = [Proof(side="device", text=why)] if "device" in case.asked else []
    if account is not None and account.registrations is not None:
        text = f"knows {account.registrations} registration(s) of it" + (
            ", last seen then" if account.last_seen else ""
        )
        proof.append(Proof(side="cloud", text=text, at=account.last_seen))
    because = f"Meetings go to registered devices only; {case.device.name or 'this one'}: {why}."
    return broken(why, case.finding("device_not_registered", because, *proof))


def _family(case: Case) -> str | None:
    """Return the model of a device that gets no meetings from the cloud, None if it does."""
    account = case.cloud.account
    models = (case.device.model, account.model if account is not None else None)
    return next((model for model in models if model is not None and not has_hybrid_calendar(model)), None)


def _hears_nothing(case: Case) -> bool:
    """Whether nothing can be delivered, as a link before says already."""
    return _not_registered(case) is not None or _family(case) is not None


def _not_registered(case: Case) -> str | None:
    """Say why the device gets nothing; None where that is not known, or not so."""
    mine, account = case.device, case.cloud.account
    if mine.mode not in (None, WEBEX):
        return f"it runs as {mine.mode}, without bookings from the cloud"
    if mine.is_up is False:
        return "it is switched off"
    if mine.is_activated is False:
        return "it is not activated"
    if mine.is_registered is False:
        return f"it is not registered ({mine.registration})" if mine.registration else "it is not registered"
    if account is not None and account.exists is False:
        return "the cloud has no such device"
    if account is not None and account.registrations == 0:
        return "the cloud has no registration of it"
    return None


def delivery(case: Case) -> Judged:
    """Has the meeting come, by push or catch-up?"""
    if case.is_pushed:
        return ok("pushed into the device") if case.is_stored else not_needed(PUSHED)
    if _needs_websocket(case) and not _hears_nothing(case):
        because = (
            "A catch-up has brought the meeting; its title needs a key, and the key service answers over the websocket."
        )
        finding = _down(case, because, Severity.SPOILS)
        return broken("came by catch-up; the websocket is down", finding, state=State.FLAWED)
    if case.has_arrived:
        meeting = case.device.meeting
        since = (
            f" since {case.clock(meeting.stored_at)}" if meeting is not None and meeting.stored_at is not None else ""
        )
        return ok(f"in the device's store{since}")
    if case.cloud.missing and not case.is_stored:
        return unknown(NO_MEETING)
    if case.cloud.is_published is False:
        return _nothing_to_deliver(case)
    if _hears_nothing(case):
        return unknown("needs a registration")
    lost = _lost(case)
    if lost is not None:
        return broken("push lost, not caught up", lost)
    if case.is_stale:
        return unknown("an older version; nothing explains it", waits=False)
    if "device" not in case.asked:
        return unknown(_pushed_text(case), waits=False)
    return unknown("the device has no such meeting" if case.is_stored is False else "not known", waits=False)


def _nothing_to_deliver(case: Case) -> Judged:
    mercury = case.device.mercury
    if mercury is not None and mercury.is_open is False and not _hears_nothing(case) and case.is_stored is False:
        return broken("the websocket is down", _down(case))
    return unknown("nothing to deliver so far")


def _pushed_text(case: Case) -> str:
    push = _last_push(case)
    return NOT_ASKED + ("" if push is None else f"; pushed to {push.heard or 0} socket(s) at {case.clock(push.at)}")


def _last_push(case: Case) -> Push | None:
    return case.cloud.pushes[-1] if case.cloud.pushes else None


def _lost(case: Case) -> Finding | None:
    """Find out whether the cloud's version cannot have come: no websocket now, or a push that nobody heard and no catch-up since."""
    mercury, account = case.device.mercury, case.cloud.account
    if "device" in case.asked and case.is_stored is None and not case.is_stale:
        return None
    if mercury is not None and mercury.is_open is False:
        return _down(case)
    if account is not None and account.sockets == 0 and (mercury is None or mercury.is_open is None):
        return _down(case)
    if "device" not in case.asked or not case.cloud.is_published:
        return None
    push = _last_push(case)
    if (push is None and case.cloud.pushes is None) or case.device.is_fetching or _is_fresh(case, push):
        return None
    if push is not None and push.heard != 0 and push.acknowledged is not False and not _is_notice(push):
        return None
    since = push.at if push is not None else case.cloud.dto.modified if case.cloud.dto is not None else None
    if not _reaches(case, since):
        return _silent(case, push)
    return None


def _is_fresh(case: Case, push: Push | None) -> bool:
    """Whether a push that was sent to a socket is too young for its ack to be missed."""
    if push is None or push.at is None or case.at is None or not push.heard or push.acknowledged:
        return False
    return 0 <= (case.at - push.at).total_seconds() < ACK_S_MAX


def _is_notice(push: Push) -> bool:
    """Whether a push had not the event in it: the device has to fetch that."""
    return (push.event_type or "").endswith(".minimal")


def _reaches(case: Case, since: datetime | None) -> bool:
    """Whether a catch-up since an instant has asked for the meeting; where nothing is known it is taken to have."""
    caught_up, (start, end) = case.device.catch_up, case.span
    if caught_up is None:
        return True
    at = case.true(caught_up.at)
    if at is None:
        return caught_up.is_done is not False
    if since is None or at > since:
        first, last = caught_up.window_start, caught_up.window_end
        is_outside = (last is not None and start is not None and start >= last) or (
            first is not None and end is not None and end <= first
        )
        return not is_outside
    return False


def _down(
    case: Case,
    because: str = "What the cloud pushes while the websocket is down is not kept for later; only a catch-up brings it.",
    severity: Severity | None = None,
) -> Finding:
    mercury, push, account = case.device.mercury, _last_push(case), case.cloud.account
    proof = []
    if mercury is not None:
        state = f"websocket {mercury.state or 'down'}" + (" since then" if mercury.since else "")
        proof.append(Proof(side="device", text=state, at=mercury.since))
        proof.append(_catch_up_proof(case))
    if push is not None:
        proof.append(
            Proof(
                side="cloud", text=f"{push.event_type or 'push'} was heard by {push.heard or 0} socket(s)", at=push.at
            )
        )
    elif account is not None and account.sockets is not None:
        proof.append(Proof(side="cloud", text=f"has {account.sockets} open socket(s) of the device"))
    return case.finding("websocket_down", because, *proof, case.last_hop("calendar.push"), severity=severity)


def _silent(case: Case, push: Push | None) -> Finding:
    if push is None:
        text, at = "pushed nothing about it", None
    else:
        heard = "sent to the socket, not acknowledged" if push.heard else "heard by nobody"
        heard = "a notice that the device has not followed up with a GET" if push.acknowledged else heard
        text, at = f"{push.event_type or 'push'}: {heard}", push.at
    because = "The websocket is open now, but the push about this meeting never arrived, and no catch-up since has asked for it."
    return case.finding(
        "websocket_down",
        because,
        Proof(side="cloud", text=text, at=at),
        _catch_up_proof(case),
        case.last_hop("calendar.push"),
    )


def _catch_up_proof(case: Case) -> Proof:
    caught_up = case.device.catch_up
    if caught_up is None or caught_up.at is None:
        return Proof(
            side="device",
            text="has not caught up"
            if caught_up is not None and caught_up.is_done is False
            else "last catch-up not known",
        )
    return Proof(side="device", text="last catch-up", at=caught_up.at)


def booking(case: Case) -> Judged:
    """Is it on the list, and not hidden?"""
    if "device" not in case.asked:
        return unknown(NOT_ASKED, waits=False)
    mine, replaced = case.device.booking, case.device.replaced
    if replaced is not None and replaced.dropped_this and not case.device.is_listed:
        by = replaced.by or "A later Put"
        count = "" if replaced.count is None else f"; {replaced.count} booking(s) are on it"
        because = f"{by} replaced the whole list at {case.clock(replaced.at)}{count}. What is not sent again is gone."
        proof = Proof(side="device", text=f"list replaced by {by}{count}", at=replaced.at)
        return broken("replaced", case.finding("replaced_list", because, proof))
    if mine is not None and mine.hidden_by and not case.is_shown:
        because = f"{mine.hidden_by} hides this booking: it is in Bookings List, but not on the screen."
        proof = Proof(side="device", text=f"booking {mine.id or ''} hidden by {mine.hidden_by}".replace("  ", " "))
        return broken(
            "hidden", case.finding("visibility", because, proof, todo=f"Set xConfiguration {mine.hidden_by} to Auto.")
        )
    if mine is not None and mine.id is not None:
        return ok(f"{mine.id}" + (f", {mine.source}" if mine.source else ""))
    if case.is_stored:
        return ok("made of the stored meeting")
    return unknown("no booking")


def clock(case: Case) -> Judged:
    """Does the device know the time?"""
    found = case.device.clock
    if found is None or (found.skew_s is None and found.zone is None):
        return unknown("not known" if "device" in case.asked else NOT_ASKED, waits=False)
    if found.skew_s is not None and abs(found.skew_s) > SKEW_S_MAX:
        return _wrong_clock(case, found.skew_s)
    if None not in (found.zone, found.expected_zone) and found.zone != found.expected_zone:
        because = f"The device's zone is {found.zone}, the room's {found.expected_zone}: times and days on the screen are off."
        proof = Proof(side="device", text=f"zone {found.zone}")
        finding = case.finding("clock_wrong", because, proof, severity=Severity.SPOILS)
        return broken("wrong zone", finding, state=State.FLAWED)
    if found.skew_s is None:
        return unknown(f"zone {found.zone}", waits=False)
    return ok(
        "right"
        + (f" to {abs(found.skew_s):.0f} s" if abs(found.skew_s) >= 1 else "")
        + (f", {found.zone}" if found.zone else "")
    )


def _wrong_clock(case: Case, skew_s: float) -> Judged:
    way = "ahead" if skew_s > 0 else "behind"
    text = f"{span_text(skew_s)} {way}"
    because = f"The device's clock is {text}."
    if case.comes is not None:
        because += f" The button is due at {case.clock(case.comes)} and comes at {case.clock(case.true(case.comes))}."
    proof = Proof(
        side="device", text=f"its clock is {text} {'of ' if skew_s > 0 else ''}the cloud's", at=case.device.at
    )
    is_there = is_there_in_time(case)
    severity = Severity.SPOILS if is_there else Severity.BLOCKS
    finding = case.finding("clock_wrong", because, proof, severity=severity)
    return broken(text, finding, state=State.FLAWED if is_there else State.BROKEN)


def is_there_in_time(case: Case) -> bool:
    """Whether a button that follows a wrong clock is there all the time from when it is due till the start, and now if it ought to be."""
    comes, goes, start = case.comes, case.goes, case.span[0]
    if comes is None or goes is None or start is None or case.skew_s < 0:
        return False
    gone = moved(goes, -case.skew_s)
    is_due = case.at is not None and comes <= case.at < goes
    return gone >= start and not (is_due and case.at is not None and case.at >= gone)


def button(case: Case) -> Judged:
    """Does the button show?"""
    if "device" not in case.asked:
        return unknown(NOT_ASKED, waits=False)
    if case.is_shown:
        return ok("shown")
    if not case.is_stored:
        return unknown("nothing to join")
    at, comes, goes = case.at, case.true(case.comes), case.true(case.goes)
    if at is None or comes is None or goes is None:
        return unknown("its time is not known", waits=False)
    if case.is_shown is False and comes <= at < goes:
        return unknown("due, and not shown")
    when = f"comes at {case.clock(comes)}" if at < comes else f"due since {case.clock(comes)}"
    return Judged(State.OK, f"went at {case.clock(goes)}" if at >= goes else when, waits=True)
