"""Calendars in the control API: settings, rooms, people, invitations, meetings of the site.

Below the same root and with the same rules as the rest of it; see `platform.control` and docs/reference/control-api.md.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec

from cloud_stub.hybrid_calendar.use_cases import ACCEPTS, HybridUseCases
from cloud_stub.platform.control import control_route
from cloud_stub.platform.control_bodies import Body
from cloud_stub.platform.errors import BadRequest, CloudError
from cloud_stub.platform.mailbox_records import MailboxEvent, Processing
from cloud_stub.platform.records import HybridEvent
from cloud_stub.platform.routes import Call, Route, wx2_error
from endpoint.runtime.clock import parse_iso


class RoomBody(Body, kw_only=True):
    """The mailbox of a workspace; `calendar` none takes it away. `accept`: auto, decline, never."""

    address: str = ""
    calendar: str = "microsoft"
    accept: str | None = None


class MailboxBody(Body, kw_only=True):
    """What changes in a mailbox. `processing` are settings of Exchange, by their names or in snake case."""

    accept: str | None = None
    name: str | None = None
    zone: str | None = None
    locale: str | None = None
    processing: dict[str, Any] = msgspec.field(default_factory=dict)


class PersonBody(Body, kw_only=True):
    """A person: an address, or a name in the organization."""

    who: str
    enabled: bool | None = None
    personal_room: bool | None = None
    preferred_site: str | None = None
    external: bool | None = None


class ImportBody(Body, kw_only=True):
    """A CSV file of users."""

    csv: str


class InvitationBody(Body, kw_only=True):
    """An invitation to send; rooms are ids of workspaces or addresses."""

    organizer: str
    start: str
    minutes: int
    subject: str = ""
    location: str = ""
    body: str = ""
    is_html: bool = False
    rooms: list[str] = msgspec.field(default_factory=list)
    attendees: list[str] = msgspec.field(default_factory=list)
    recurrence: str = ""
    zone: str = "UTC"
    is_private: bool = False
    is_all_day: bool = False


class ChangeBody(Body, kw_only=True):
    """What changes in an invitation, or in the instance of a day."""

    instance: str | None = None
    start: str | None = None
    minutes: int | None = None
    subject: str | None = None
    location: str | None = None
    body: str | None = None
    rooms: list[str] | None = None
    attendees: list[str] | None = None
    is_private: bool | None = None


class SiteMeetingBody(Body, kw_only=True):
    """A meeting of the site, or of a space, without a mailbox."""

    title: str
    start: str
    minutes: int
    workspace_ids: list[str]
    organizer: str = ""
    kind: str = "scheduled"
    push: str = "full"


class HybridControl:
    """The routes of calendars."""

    name = "control"

    def __init__(self, use_cases: HybridUseCases) -> None:
        self._do = do = use_cases
        on = control_route
        self.routes: tuple[Route, ...] = (
            on("GET", "/hybrid/settings", lambda _: do.settings().shown()),
            on("PATCH", "/hybrid/settings", self._settings),
            on("PUT", "/workspaces/{id}/mailbox", self._room),
            on("GET", "/workspaces/{id}/setup", self._steps),
            on("GET", "/mailboxes", lambda _: {"items": [one.shown() for one in do.mailboxes.mailboxes()]}),
            on("PATCH", "/mailboxes/{address}", self._mailbox),
            on("GET", "/mailboxes/{address}/decisions", self._decisions),
            on("POST", "/people", self._person),
            on("POST", "/people/import", self._import),
            on("GET", "/invitations", lambda _: {"items": [self._known(one) for one in do.invitations()]}),
            on("POST", "/invitations", self._invite),
            on("PATCH", "/invitations/{uid}", self._change),
            on("DELETE", "/invitations/{uid}", self._cancel),
            on("POST", "/webex-meetings", self._webex_meeting),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    def _settings(self, call: Call) -> Any:
        given = call.read(dict[str, Any])
        return self._do.settings(**given).shown()

    def _room(self, call: Call) -> Any:
        body, workspace_id = call.read(RoomBody), call.params["id"]
        if body.calendar == "none":
            return self._do.workspace_calendar(workspace_id, "none").shown()
        if body.calendar not in ("google", "microsoft"):  # refused before a mailbox is made
            raise BadRequest("the calendar of a workspace is none, google or microsoft")
        if body.accept is not None and body.accept not in ACCEPTS:
            raise BadRequest(f"a mailbox accepts {', '.join(ACCEPTS)}")
        mailbox = self._do.room(workspace_id, body.address)
        if body.accept is not None:
            self._do.mailbox(mailbox.address, accept=body.accept)
        return self._do.workspace_calendar(workspace_id, body.calendar, mailbox.address).shown()

    def _steps(self, call: Call) -> Any:
        steps = self._do.steps(call.params["id"], call.query.get("organizer", ""))
        return {"items": [{"step": one.key, "isDone": one.is_done, "todo": one.todo} for one in steps]}

    def _mailbox(self, call: Call) -> Any:
        body = call.read(MailboxBody)
        given = {"name": body.name, "zone": body.zone, "locale": body.locale}
        fields = {name: value for name, value in given.items() if value is not None}
        names = dict(zip(Processing.__struct_encode_fields__, Processing.__struct_fields__, strict=True))
        processing = {names.get(name, name): value for name, value in body.processing.items()}
        return self._do.mailbox(call.params["address"], accept=body.accept, processing=processing, **fields).shown()

    def _decisions(self, call: Call) -> Any:
        decisions = self._do.decisions(call.params["address"], call.query.get("uid", ""))
        return {"items": [one.shown() for one in decisions]}

    def _person(self, call: Call) -> Any:
        body = call.read(PersonBody)
        return self._do.person(
            body.who, enabled=body.enabled, personal_room=body.personal_room, preferred_site=body.preferred_site,
            external=body.external,
        ).shown()  # fmt: skip

    def _import(self, call: Call) -> Any:
        came = self._do.users_import(call.read(ImportBody).csv)
        refused = [{"row": row, "message": message} for row, message in came.refused]
        return {"created": came.created, "changed": came.changed, "refused": refused}

    def _invite(self, call: Call) -> Any:
        body = call.read(InvitationBody)
        fields = msgspec.structs.asdict(body)
        organizer, start, minutes = fields.pop("organizer"), _instant(fields.pop("start")), fields.pop("minutes")
        return _event(self._do.invite(organizer, start, minutes, **fields))

    def _change(self, call: Call) -> Any:
        fields = msgspec.structs.asdict(call.read(ChangeBody))
        instance, start = fields.pop("instance"), fields.pop("start")
        if start is not None:
            fields["start"] = _instant(start)
        return _event(self._do.invitation_update(call.params["uid"], instance=_day(instance), **fields))

    def _cancel(self, call: Call) -> None:
        self._do.invitation_cancel(call.params["uid"], instance=_day(call.query.get("instance")))

    def _webex_meeting(self, call: Call) -> Any:
        body = call.read(SiteMeetingBody)
        return self._do.webex_meeting(
            body.title, _instant(body.start), body.minutes, workspace_ids=body.workspace_ids, organizer=body.organizer,
            kind=body.kind, push=body.push,
        ).shown()  # fmt: skip

    def _known(self, record: HybridEvent) -> dict[str, Any]:
        return {**record.shown(), "meetings": [one.id for one in self._do.meetings_of(record.id)]}


def _event(event: MailboxEvent) -> dict[str, Any]:
    return {"uid": event.uid, "event": event.id, "organizer": event.mailbox, "start": event.start, "end": event.end}


def _instant(text: str) -> datetime:
    try:
        return parse_iso(text)
    except ValueError:
        raise BadRequest("start is ISO 8601 with a zone, 2026-03-02T09:00:00Z") from None


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadRequest("instance is a day, 2026-03-02") from None
