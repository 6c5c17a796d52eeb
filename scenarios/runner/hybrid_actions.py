"""What the verbs of calendars do: each is a use case of the hybrid calendar."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from scenarios.runner import hybrid_verbs as h
from scenarios.runner.stage import Stage
from scenarios.runner.values import When
from scenarios.runner.verbs import implements


def _instant(stage: Stage, when: When) -> datetime:
    return when.resolve(stage.clock.now(), stage.zone)


def _rooms(stage: Stage, names: tuple[str, ...] | None) -> list[str]:
    """Return workspaces of devices, and addresses as they are."""
    if names is None:
        return [stage.room(stage.acting)]
    return [name if "@" in name else stage.room(name) for name in names]


def _uid(stage: Stage, name: str) -> str:
    uid = stage.ids.get(f"invitation {name}")
    if uid is None:
        raise ValueError(f"there is no invitation {name}: `cloud.invite` makes one")
    return uid


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text is not None else None


def _texts(names: tuple[object, ...]) -> list[str]:
    return [str(name) for name in names]


@implements(h.Invite)
async def invite(stage: Stage, args: h.Invite) -> object:
    """Invite the room."""
    zone = args.zone or stage.scenario.head.clock.zone
    event = stage.cloud.hybrid.invite(
        str(args.organizer),
        _instant(stage, args.starts),
        round(args.lasts / 60),
        subject=str(args.subject if args.subject is not None else args.id),
        location=str(args.location),
        body=str(args.body),
        is_html=args.html,
        rooms=_rooms(stage, args.rooms),
        attendees=_texts(args.attendees),
        recurrence=args.recurrence,
        zone=zone,
        is_private=args.private,
        is_all_day=args.all_day,
    )
    stage.ids[f"invitation {args.id}"] = event.uid
    stage.ids[args.id] = stage.cloud.hybrid.meeting_id(event.uid)
    return {"id": stage.ids[args.id], "uid": event.uid, "event": event.id, "organizer": event.mailbox}


@implements(h.InviteUpdate)
async def invite_update(stage: Stage, args: h.InviteUpdate) -> object:
    """Change an invitation."""
    changes: dict[str, Any] = {"is_private": args.private}
    for name in ("subject", "location", "body"):
        value = getattr(args, name)
        changes[name] = None if value is None else str(value)
    if args.starts is not None:
        changes["start"] = _instant(stage, args.starts)
    if args.lasts is not None:
        changes["minutes"] = round(args.lasts / 60)
    if args.rooms is not None:
        changes["rooms"] = _rooms(stage, args.rooms)
    if args.attendees is not None:
        changes["attendees"] = _texts(args.attendees)
    event = stage.cloud.hybrid.invitation_update(_uid(stage, args.id), instance=_day(args.instance), **changes)
    return {"uid": event.uid, "event": event.id}


@implements(h.InviteCancel)
async def invite_cancel(stage: Stage, args: h.InviteCancel) -> object:
    """Cancel an invitation."""
    stage.cloud.hybrid.invitation_cancel(_uid(stage, args.id), instance=_day(args.instance))
    return {}


@implements(h.SetMailbox)
async def set_mailbox(stage: Stage, args: h.SetMailbox) -> object:
    """Change the room's mailbox."""
    workspace, do = stage.room(stage.acting), stage.cloud.hybrid
    processing = args.processing()
    if args.accept is not None or processing:
        do.mailbox(do.room_address(workspace), accept=args.accept, processing=processing)
    if args.address is not None or args.calendar is not None:
        kind = args.calendar or "microsoft"
        address = (
            "" if kind == "none" else str(args.address) if args.address is not None else do.room_address(workspace)
        )
        do.workspace_calendar(workspace, kind, address)
    return {}


@implements(h.SetPlatform)
async def set_platform(stage: Stage, args: h.SetPlatform) -> object:
    """Change settings of the organization."""
    renamed = {"tentative": "deliver_tentative", "join_takes": "join_delay_s"}
    given = {name: getattr(args, name) for name in type(args).model_fields}
    if args.lead is not None:
        given["lead_minutes"] = round(args.lead / 60)
    del given["lead"]
    fields = {renamed.get(name, name): value for name, value in given.items() if value is not None}
    stage.cloud.hybrid.settings(**fields)
    return {}


@implements(h.SetPerson)
async def set_person(stage: Stage, args: h.SetPerson) -> object:
    """Make or change a person."""
    mailbox = stage.cloud.hybrid.person(
        str(args.who), enabled=args.enabled, personal_room=args.personal_room, preferred_site=args.preferred_site
    )
    return {"address": mailbox.address}


@implements(h.WebexMeeting)
async def webex_meeting(stage: Stage, args: h.WebexMeeting) -> object:
    """Schedule a meeting on the site."""
    meeting = stage.cloud.hybrid.webex_meeting(
        str(args.title if args.title is not None else args.id),
        _instant(stage, args.starts),
        round(args.lasts / 60),
        workspace_ids=[stage.room(stage.acting)],
        organizer=str(args.organizer),
        kind=args.kind,
        name=args.id,
        push=args.push,
    )
    stage.ids[args.id] = meeting.id
    return {"id": meeting.id, "number": meeting.meeting_number}
