"""Meetings that clients make, change, delete and answer, who is free, and what a scheduler shows.

Texts come sealed with a key that the client has made or fetched, and are opened here. Where the change is carried out is the business of
an `Editor`: by itself it goes into the calendars at once; a room with a mailbox has its own.

Source: protocol/cloud-services.md 6.1, documented. The members of a request's times, rights, the answer to an invitation and the
items of free/busy are ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import NAMESPACE_URL, uuid5

import msgspec

from cloud_stub.platform.context import Platform
from cloud_stub.platform.directory import Directory
from cloud_stub.platform.errors import BadRequest, CloudError, Forbidden, NotFound
from cloud_stub.platform.records import KmsKey, Meeting, User, Workspace
from cloud_stub.platform.routes import Answer, Call, Label, Route, wx2_error
from cloud_stub.services.calendar import Calendar, check_times
from cloud_stub.services.kms_vault import Vault
from cloud_stub.services.mercury import Mercury
from endpoint.runtime.clock import iso_ms
from endpoint.wire import calendar as events
from endpoint.wire.conventions import parse_instant
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.meeting import is_cipher_text
from endpoint.wire.scheduling import (
    ANSWERS,
    FREE_BUSY_PATH,
    SCHEDULER_PATH,
    EventRequest,
    FreeBusyRequest,
    RespondRequest,
    free_busy_data,
)

PEOPLE_MAX = 200
"""Attendees of one request, and users of one question for free/busy."""
WINDOW_MAX = timedelta(days=62)
FREE_BUSY_AFTER_S = 0.25
"""Clients wait for the event only once they have the answer to their request."""


class Editor(Protocol):
    """Who carries changes of meetings out."""

    def create(self, meeting: Meeting) -> Meeting:
        """Put a new meeting into the calendars of its users; returns it as it is then."""
        ...

    def change(self, meeting: Meeting, fields: dict[str, Any]) -> Meeting:
        """Change fields of a meeting."""
        ...

    def delete(self, meeting: Meeting) -> None:
        """Take a meeting out of all calendars."""
        ...

    def respond(self, meeting: Meeting, user_id: str, response: str, comment: str) -> Meeting:
        """Take a user's answer to an invitation."""
        ...


class DirectEditor:
    """Change the records, and push what has changed."""

    def __init__(self, platform: Platform, calendar: Calendar) -> None:
        self._platform = platform
        self._calendar = calendar
        self._meetings = platform.store[Meeting]

    def create(self, meeting: Meeting) -> Meeting:
        """Keep the meeting as it is."""
        self._meetings.put(meeting)
        self._calendar.push(events.CREATE, meeting)
        return meeting

    def change(self, meeting: Meeting, fields: dict[str, Any]) -> Meeting:
        """Change the record; who is not invited any more is told that it is gone."""
        changed = self._meetings.change(meeting.id, **fields, modified=self._platform.now())
        gone = tuple(user for user in meeting.user_ids if user not in changed.user_ids)
        self._calendar.push(events.UPDATE, changed)
        if gone:
            self._calendar.push(events.DELETE, msgspec.structs.replace(meeting, user_ids=gone))
        return changed

    def delete(self, meeting: Meeting) -> None:
        """Drop the record."""
        self._meetings.drop(meeting.id)
        self._calendar.push(events.DELETE, meeting)

    def respond(self, meeting: Meeting, user_id: str, response: str, comment: str) -> Meeting:
        """Note the answer; nobody reads the comment."""
        return self.change(meeting, {"responses": {**meeting.responses, user_id: response}})


class Scheduling:
    """What clients do to meetings."""

    name = "calendar"

    def __init__(
        self, platform: Platform, directory: Directory, mercury: Mercury, calendar: Calendar, vault: Vault
    ) -> None:
        self._platform = platform
        self._directory = directory
        self._mercury = mercury
        self._calendar = calendar
        self._vault = vault
        self.editor: Editor = DirectEditor(platform, calendar)
        one, documented = events.EVENTS_PATH + "/{event}", Label.DOCUMENTED
        self.routes = (
            Route("POST", events.EVENTS_PATH + "/sync", self._create, documented),
            Route("PATCH", one + "/sync", self._change, documented),
            Route("DELETE", one + "/sync", self._delete, documented),
            Route("POST", one + "/respond", self._respond, Label.OURS),
            Route("POST", FREE_BUSY_PATH, self._free_busy, documented),
            Route("GET", SCHEDULER_PATH, self._scheduler, documented),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    # -- events -----------------------------------------------------------------------------------------------------------------------

    def _create(self, call: Call) -> Answer:
        body, caller = call.read(EventRequest), call.caller
        fields = self._fields(body, caller)
        if body.start is None:
            raise BadRequest("start: an ISO 8601 instant with a zone")
        meeting_id = self._new_id(body, caller)
        known = self._platform.store[Meeting].get(meeting_id)
        if known is not None:
            return self._done(known, 200)
        users = dict.fromkeys((caller.id, *fields.pop("user_ids", ())))
        meeting = Meeting(
            id=meeting_id,
            series_id=meeting_id,
            title=fields.pop("title", ""),
            duration_minutes=fields.pop("duration_minutes", 0),
            organizer_id=caller.id,
            organizer_name=caller.name,
            organizer_email=self._email(caller),
            modified=self._platform.now(),
            user_ids=tuple(users),
            meeting_join_type="",
            **fields,
        )
        return self._done(self.editor.create(meeting), 201)

    def _new_id(self, body: EventRequest, caller: User) -> str:
        """Return the id of a new meeting: the same for the same request, so that one whose answer was lost makes one meeting."""
        if body.request_id:
            return str(uuid5(NAMESPACE_URL, f"{caller.id}/{body.request_id}"))
        return self._platform.new_id("meeting", caller.id)

    def _change(self, call: Call) -> Answer:
        meeting, body = self._own(call), call.read(EventRequest)
        fields = self._fields(body, call.caller, meeting)
        if "user_ids" in fields:
            fields["user_ids"] = tuple(dict.fromkeys((call.caller.id, *fields["user_ids"])))
        return self._done(self.editor.change(meeting, fields) if fields else meeting, 200)

    def _delete(self, call: Call) -> Answer:
        self.editor.delete(self._own(call))
        return Answer(status=204)

    def _respond(self, call: Call) -> Answer:
        meeting, body = self._calendar.named(call), call.read(RespondRequest)
        if body.response not in ANSWERS:
            raise BadRequest(f"response: one of {', '.join(ANSWERS)}")
        return self._done(self.editor.respond(meeting, call.caller.id, body.response, body.comment or ""), 200)

    def _done(self, meeting: Meeting, status: int) -> Answer:
        return Answer({"meetingId": meeting.id, "globalMeetingId": meeting.series_id}, status)

    def _own(self, call: Call) -> Meeting:
        """Return the meeting of a request that changes it: its organizer's, or booked by another device of the same room."""
        meeting, caller = self._calendar.named(call), call.caller
        organizer = self._platform.store[User].get(meeting.organizer_id)
        is_same_room = organizer is not None and caller.workspace_id and organizer.workspace_id == caller.workspace_id
        if meeting.organizer_id != caller.id and not is_same_room:
            raise Forbidden("Only its organizer changes a meeting.")
        return meeting

    def _fields(self, body: EventRequest, caller: User, before: Meeting | None = None) -> dict[str, Any]:
        """Return the fields of a meeting that a request gives, its texts opened."""
        key = self._key(body.encryption_key_url, caller)
        fields: dict[str, Any] = {}
        for name, text in (("title", body.subject), ("notes", body.notes), ("location", body.location)):
            if text is not None:
                fields[name] = self._opened(text, key)
        if body.webex_options is not None:
            self._opened(body.webex_options, key)  # checked; a meeting made here has no options yet
        if body.attendees is not None:
            if len(body.attendees) > PEOPLE_MAX:
                raise BadRequest(f"attendees: at most {PEOPLE_MAX}")
            addresses = [self._opened(who.email, key) for who in body.attendees if who.email]
            fields["user_ids"] = tuple(user.id for user in self._known(addresses))
        self._times(body, fields, before)
        return fields

    def _times(self, body: EventRequest, fields: dict[str, Any], before: Meeting | None) -> None:
        try:
            start = parse_instant(body.start, "start") if body.start is not None else None
            end = parse_instant(body.end, "end") if body.end is not None else None
        except RemoteProtocolError as error:
            raise BadRequest(f"{error.where}: {error.rule}") from None
        begins = start or (before.start if before is not None else None)
        minutes = body.duration_minutes
        if end is not None and begins is not None and minutes is None:
            minutes = (end - begins) // timedelta(minutes=1)
        if start is not None:
            fields["start"] = start
        if minutes is not None:
            fields["duration_minutes"] = minutes
        if begins is not None:
            check_times(begins, fields.get("duration_minutes", before.duration_minutes if before else 0))

    # -- texts and people -------------------------------------------------------------------------------------------------------------

    def _key(self, url: str | None, caller: User) -> KmsKey | None:
        try:
            return self._vault.key_for(url, caller.id) if url else None
        except NotFound:
            raise BadRequest("encryptionKeyUrl: a key that the key service has") from None

    def _opened(self, text: str, key: KmsKey | None) -> str:
        if not is_cipher_text(text):
            return text
        if key is None:
            raise BadRequest("encryptionKeyUrl: the key of the texts that are sealed")
        try:
            return self._vault.cipher(key).open_text(text)
        except RemoteProtocolError:
            raise BadRequest("a text is sealed with another key than encryptionKeyUrl names") from None

    def _email(self, user: User) -> str:
        workspace = self._platform.store[Workspace].get(user.workspace_id) if user.workspace_id else None
        return user.email or (workspace.calendar_email if workspace else "") or f"{user.id}@room.example"

    def _known(self, addresses: Iterable[str]) -> list[User]:
        """Return the users of addresses, those of rooms too; addresses of strangers are left out."""
        users = self._platform.store[User]
        found: dict[str, User] = {}
        for address in {address.casefold(): None for address in addresses}:
            mine = list(users.where("email", address)) if address else []
            for workspace in self._platform.store[Workspace].where("calendar_key", address) if address else ():
                mine += users.where("workspace_id", workspace.id)
            named = users.get(address.removesuffix("@room.example"))
            mine += [named] if named is not None else []
            found |= {user.id: user for user in mine}
        return list(found.values())

    # -- who is free ------------------------------------------------------------------------------------------------------------------

    def _free_busy(self, call: Call) -> Answer:
        body, caller = call.read(FreeBusyRequest), call.caller
        if (body.emails is not None) != (body.encryption_key_url is not None):
            raise BadRequest("emails and encryptionKeyUrl come together")
        asked = body.emails if body.emails is not None else body.user_ids
        if not asked or len(asked) > PEOPLE_MAX:
            raise BadRequest(f"emails or userIds: 1 to {PEOPLE_MAX}")
        try:
            window = parse_instant(body.start, "start"), parse_instant(body.end, "end")
        except RemoteProtocolError as error:
            raise BadRequest(f"{error.where}: {error.rule}") from None
        if not timedelta(0) < window[1] - window[0] <= WINDOW_MAX:
            raise BadRequest(f"end: after start, and at most {WINDOW_MAX.days} days")
        key = self._key(body.encryption_key_url, caller)
        items = [self._item(text, key, window, by_mail=body.emails is not None) for text in asked]
        data = free_busy_data(body.request_id, body.encryption_key_url, items)
        self._platform.later.call(FREE_BUSY_AFTER_S, self._tell, caller.id, data)
        return Answer({}, 202)

    def _tell(self, user_id: str, data: dict[str, Any]) -> None:
        self._mercury.push(data, user_id=user_id)

    def _item(
        self, text: str, key: KmsKey | None, window: tuple[datetime, datetime], *, by_mail: bool
    ) -> dict[str, Any]:
        if by_mail:
            address = self._opened(text, key)
            users = self._known([address])
            named = {"email": self._calendar.seal_with(key, address) if key is not None else address}
        else:
            user = self._platform.store[User].get(text)
            users, named = [user] if user is not None else [], {"userId": text}
        busy = sorted({span for user in users for span in self._busy(user, window)})
        shown = [{"start": iso_ms(start), "end": iso_ms(end)} for start, end in busy]
        return {**named, "isKnown": bool(users), "busy": shown}

    def _busy(self, user: User, window: tuple[datetime, datetime]) -> list[tuple[datetime, datetime]]:
        found = []
        for meeting in self._platform.store[Meeting].where("user_ids", user.id):
            end = meeting.start + timedelta(minutes=meeting.duration_minutes)
            is_declined = meeting.responses.get(user.id) == "DECLINED"
            if not is_declined and meeting.start < window[1] and end > window[0]:
                found.append((meeting.start, end))
        return found

    # -- what a scheduler shows -------------------------------------------------------------------------------------------------------

    def _scheduler(self, call: Call) -> Answer:
        caller, wanted = call.caller, call.query.get("id") or call.query.get("eventId") or ""
        shown: dict[str, Any] = {}
        key = self._vault.user_key(caller.id)
        if wanted:
            meeting = self._platform.store[Meeting].get(wanted)
            if meeting is None or caller.id not in meeting.user_ids:
                raise NotFound("there is no such event")
            shown = msgspec.to_builtins(self._calendar.dto(meeting, call.origin, caller.id))
            key = self._vault.meeting_key(meeting.id)
        address = self._email(caller)
        seal = self._calendar.seal_with
        own = {"encryptedEmail": seal(key, address), "encryptedDisplayName": seal(key, caller.name)}
        site = {"siteName": call.query.get("siteName", ""), "usmPreference": call.query.get("usmPreference") == "true"}
        return Answer(
            {
                **shown,
                "encryptionKeyUrl": key.id,
                "encryptedScheduleFor": {address: own},
                "schedulerPreferences": site,
            }
        )
