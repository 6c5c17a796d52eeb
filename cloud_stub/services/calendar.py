"""The calendar service: meetings of a user, listed, fetched and pushed.

Meetings are kept in clear; `seal` is the one place where a text becomes the member that leaves: a JWE under the meeting's own key, which
`encryptionKeyUrl` names. Join members leave in clear to devices, unless the cloud is `strict`; password and host key never do.

Source: protocol/calendar-and-obtp.md 6.1 to 6.4, 6.9; list, single event and create event observed, the rest documented.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import BadRequest, CloudError, NotFound
from cloud_stub.platform.hosts import Origin
from cloud_stub.platform.rate import Counter
from cloud_stub.platform.records import KmsKey, Meeting, Registration, User, UserKind
from cloud_stub.platform.routes import Answer, Call, Label, Route, wx2_error
from cloud_stub.services.health import ping_route
from cloud_stub.services.kms_vault import Vault
from cloud_stub.services.mercury import Mercury
from endpoint.runtime.clock import iso_ms
from endpoint.runtime.faults import Fault
from endpoint.wire import calendar, codec
from endpoint.wire.calendar import TRACKING_PREFIX, event_path, meeting_event_data, parse_event_path, parse_list_query
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.jose import IV_BYTES
from endpoint.wire.meeting import EncryptedPerson, JoinInfo, Link
from endpoint.wire.meeting import Meeting as Dto

LATE_S = 5.0
SEALED_KEPT = 50_000
"""Texts that were sealed before and are kept."""
SEALED_CHARS_KEPT = 20_000_000
"""Characters of those texts, in all."""
DURATION_MINUTES_MAX = 366 * 24 * 60
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Start of the first meeting: in every zone it is still an instant."""
LATEST = datetime(9990, 1, 1, tzinfo=UTC)
"""Start of the last meeting: what is counted on from there is still an instant."""


class Calendar:
    """The calendars of all users."""

    name = "calendar"

    def __init__(self, platform: Platform, mercury: Mercury, vault: Vault) -> None:
        self._platform = platform
        self._mercury = mercury
        self._vault = vault
        self._sealed: dict[tuple[str, str], str] = {}
        self._sealed_chars = 0
        self._meetings = platform.store[Meeting]
        self._pushes = Counter()
        self.routes = (
            Route("GET", calendar.EVENTS_PATH, self._list, Label.OBSERVED, shows_body=True),
            Route("GET", calendar.EVENTS_PATH + "/{event}", self._one, Label.OBSERVED, shows_body=True),
            Route("GET", calendar.EVENTS_PATH + "/{event}/notes", self._notes, Label.DOCUMENTED, shows_body=True),
            Route("GET", calendar.EVENTS_PATH + "/{event}/participants", self._participants, Label.DOCUMENTED),
            ping_route(platform, self.name),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    # -- what others ask --------------------------------------------------------------------------------------------------------------

    def seal(self, text: str, meeting: Meeting) -> str:
        """Turn a text of a meeting into the member that leaves; the same text of a meeting leaves the same."""
        return self.seal_with(self._vault.meeting_key(meeting.id), text)

    def seal_with(self, key: KmsKey, text: str) -> str:
        """Seal a text with a key; what was sealed before is used again, lists are asked for all the time."""
        found = self._sealed.get((key.id, text))
        if found is None:
            self._sealed_chars += len(text)
            if len(self._sealed) >= SEALED_KEPT or self._sealed_chars > SEALED_CHARS_KEPT:
                self._sealed.clear()
                self._sealed_chars = len(text)
            iv = self._platform.chance.stream("text iv", key.id, text).bytes(IV_BYTES)
            found = self._sealed[key.id, text] = self._vault.cipher(key).seal_text(text, iv)
        return found

    def is_sealing_joins(self, user_id: str) -> bool:
        """Tell whether join members leave sealed to a user: to devices only where the cloud, or a fault of the key service, is strict."""
        user = self._platform.store[User].get(user_id)
        if user is None or user.kind is not UserKind.MACHINE or self._platform.settings.kms_join_fields == "strict":
            return True
        return any(
            fault.on == "kms" and fault.params.get("titles_only") is False for fault in self._platform.faults.armed
        )

    def dto(self, meeting: Meeting, origin: Origin, user_id: str) -> Dto:
        """Return a meeting as it leaves to a user, with URLs for a client of an origin."""
        fault = self._platform.faults.hit("calendar", step="dto", meeting=meeting.id)
        is_sealing = self.is_sealing_joins(user_id)

        def joining(text: str) -> str:
            return self.seal(text, meeting) if is_sealing else text

        join = {} if fault is not None else {name: joining(value) for name, value in meeting.join.items()}
        info = JoinInfo(
            meeting_join_uri=join.get("meetingJoinURI"),
            meeting_join_url=join.get("meetingJoinURL"),
            meeting_number=joining(meeting.meeting_number) if meeting.meeting_number else None,
            meeting_password=self.seal(meeting.password, meeting) if meeting.password else None,
            host_key=self.seal(meeting.host_key, meeting) if meeting.host_key else None,
        )
        url = self._platform.hosts.base("calendar", origin) + event_path(meeting.id)
        return Dto(
            id=meeting.id,
            series_id=meeting.series_id,
            start=iso_ms(meeting.start),
            duration_minutes=meeting.duration_minutes,
            is_recurring=meeting.is_recurring,
            is_all_day=meeting.is_all_day or None,
            response_type=self._response(meeting, user_id),
            organizer=meeting.organizer_id,
            encryption_key_url=self._vault.meeting_key(meeting.id).id,
            encrypted_subject=self.seal(meeting.title, meeting),
            encrypted_location=self.seal(meeting.location, meeting) if meeting.location else None,
            encrypted_notes=self.seal(meeting.notes, meeting) if meeting.notes else None,
            meeting_join_type=meeting.meeting_join_type,
            meeting_join_info=info if info != JoinInfo() else None,
            webex_uri=join.get("webexURI"),
            webex_url=join.get("webexURL"),
            space_uri=join.get("spaceURI"),
            space_url=join.get("spaceURL"),
            space_meet_url=join.get("spaceMeetURL"),
            call_uri=join.get("callURI"),
            encrypted_organizer=EncryptedPerson(
                encrypted_email_address=self.seal(meeting.organizer_email, meeting),
                encrypted_name=self.seal(meeting.organizer_name, meeting),
            ),
            encrypted_participants=self._people(meeting),
            participants_url=f"{url}/participants",
            notes_url=f"{url}/notes",
            links=(Link(href=url, rel="self"),),
            meeting_sensitivity="PRIVATE" if meeting.is_private else None,
            last_modified=iso_ms(meeting.modified),
        )

    def publish(self, meeting: Meeting, *, push: str = "full") -> tuple[str, ...]:
        """Put a meeting into the calendars of its users as it is now, and take it out of those of others.

        Args:
            push: full, minimal or none.

        Returns:
            The events that follow: create for users who did not have it, update for those who did, delete for those who have it no more.
        """
        before = self._meetings.get(meeting.id)
        if before is not None and replace(before, modified=meeting.modified) == meeting:
            return ()
        self._meetings.put(meeting)
        had = before.user_ids if before is not None else ()
        gone = tuple(user for user in had if user not in meeting.user_ids)
        new = tuple(user for user in meeting.user_ids if user not in had)
        kept = tuple(user for user in meeting.user_ids if user in had)
        full = push != "minimal"
        told = (
            (calendar.DELETE, gone),
            (calendar.CREATE if full else calendar.CREATE_MINIMAL, new),
            (calendar.UPDATE if full else calendar.UPDATE_MINIMAL, kept),
        )
        events = tuple(event_type for event_type, users in told if users)
        if push != "none":
            for event_type, users in told:
                if users:
                    self.push(event_type, meeting, users)
        return events

    def withdraw(self, meeting_id: str, *, push: str = "full") -> Meeting | None:
        """Take a meeting out of all calendars; returns it as it was, None if there was none."""
        meeting = self._meetings.drop(meeting_id)
        if meeting is not None and push != "none":
            self.push(calendar.DELETE, meeting)
        return meeting

    def key_url(self, meeting_id: str) -> str:
        """Return the URL of a meeting's key, which is made when it is first asked for."""
        return self._vault.meeting_key(meeting_id).id

    def seal_for(self, meeting_id: str, text: str) -> str:
        """Seal a text with the key of a meeting that is still to be made."""
        return self.seal_with(self._vault.meeting_key(meeting_id), text)

    def size(self, meeting: Meeting) -> int:
        """Return the bytes of a meeting as it leaves."""
        user_id = next(iter(meeting.user_ids), "")
        return len(
            codec.encode(
                self.dto(meeting, self._platform.hosts.origin("https", self._platform.hosts.host("calendar")), user_id)
            )
        )

    def push(self, event_type: str, meeting: Meeting, users: tuple[str, ...] | None = None) -> int:
        """Tell the registrations of everybody invited, or of some of them, about a meeting; returns how many heard it at once."""
        fault = self._platform.faults.hit("calendar", step="push", meeting=meeting.id, eventType=event_type)
        heard = (
            self._disturbed(fault, event_type, meeting, users)
            if fault is not None
            else self._tell(event_type, meeting, users)
        )
        about: dict[str, Any] = {"eventType": event_type, "meeting": meeting.id, "heard": heard}
        if users is not None:
            about["users"] = list(users)
        self._platform.trace.event("cloud:calendar", "calendar.push", data=about, label=Label.OBSERVED)
        return heard

    def _tell(self, event_type: str, meeting: Meeting, users: tuple[str, ...] | None = None) -> int:
        heard = 0
        nth = self._pushes.next(meeting.id)
        for user_id in meeting.user_ids if users is None else users:
            if not self._is_listening(user_id):
                continue
            tracking = self._platform.uuid("calendar push", meeting.id, self._platform.boot, nth, user_id)
            heard += self._mercury.push(
                lambda record: meeting_event_data(event_type, self.dto(meeting, self._origin(record), record.user_id)),
                user_id=user_id,
                tracking_id=f"{TRACKING_PREFIX}_{tracking}",
            )
        return heard

    def _is_listening(self, user_id: str) -> bool:
        """Say whether a user is worth an event: every device is, a person only with a client that has registered."""
        user = self._platform.store[User].get(user_id)
        is_person = user is not None and user.kind is UserKind.PERSON
        return not is_person or bool(self._platform.store[Registration].where("user_id", user_id))

    def _disturbed(self, fault: Fault, event_type: str, meeting: Meeting, users: tuple[str, ...] | None) -> int:
        if fault.do == "push_lost":
            return 0
        if fault.do == "push_late":
            late_s = float(fault.params.get("by", LATE_S))
            self._platform.later.call(late_s, self._tell, event_type, meeting, users)
            return 0
        if fault.do == "out_of_order":  # this one goes out after the next one of its meeting, or late if none comes
            self._platform.later.call(LATE_S, self._tell, event_type, meeting, users)
            return 0
        again = self._tell(event_type, meeting, users) if fault.do == "push_twice" else 0
        return again + self._tell(event_type, meeting, users)

    def _origin(self, record: Registration) -> Origin:
        return self._platform.hosts.origin(*record.origin)

    def _response(self, meeting: Meeting, user_id: str) -> str:
        return meeting.responses.get(user_id, "ACCEPTED")

    def _people(self, meeting: Meeting) -> tuple[EncryptedPerson, ...]:
        found = (self._platform.store[User].get(user_id) for user_id in meeting.user_ids)
        return tuple(
            EncryptedPerson(
                id=user.id,
                type="ROOM" if user.workspace_id else "PERSON",
                response_type=self._response(meeting, user.id),
                participant_type="REQUIRED",
                org_id=user.org_id,
                encrypted_email_address=self.seal(user.email or f"{user.id}@room.example", meeting),
                encrypted_name=self.seal(user.name, meeting),
            )
            for user in found
            if user is not None
        )

    # -- routes -----------------------------------------------------------------------------------------------------------------------

    def _list(self, call: Call) -> Answer:
        try:
            query = parse_list_query(call.query)
        except RemoteProtocolError as error:
            raise BadRequest(f"{error.where}: {error.rule}") from None
        mine = [
            self.dto(meeting, call.origin, call.caller.id)
            for meeting in self._meetings.where("user_ids", call.caller.id)
            if meeting.start <= query.window.end and meeting.end >= query.window.start
        ]
        page = query.page(mine)
        fault = self._platform.faults.hit("calendar", step="page", device=call.peer)
        if fault is not None and page:
            page = page[:-1]
        return Answer({"items": [dto.compacted() if query.compact else dto for dto in page]})

    def _one(self, call: Call) -> Answer:
        dto = self.dto(self.named(call), call.origin, call.caller.id)
        return Answer(dto.compacted() if call.query.get("compact", "").lower() == "true" else dto)

    def _notes(self, call: Call) -> Answer:
        meeting = self.named(call)
        dto = self.dto(meeting, call.origin, call.caller.id)
        sealed = dto.encrypted_notes if dto.encrypted_notes is not None else self.seal("", meeting)
        return Answer({**_named(dto), "encryptedNotes": sealed})

    def _participants(self, call: Call) -> Answer:
        dto = self.dto(self.named(call), call.origin, call.caller.id)
        return Answer({**_named(dto), "encryptedParticipants": dto.encrypted_participants})

    def named(self, call: Call) -> Meeting:
        """Return the meeting that the path of a request names.

        Raises:
            BadRequest: it names nothing.
            NotFound: there is no such meeting in the caller's calendar.
        """
        try:
            meeting_id = parse_event_path(call.params["event"])
        except RemoteProtocolError as error:
            raise BadRequest(f"{error.where}: {error.rule}") from None
        meeting = self._meetings.get(meeting_id)
        if meeting is None or call.caller.id not in meeting.user_ids:
            raise NotFound("there is no such event")
        return meeting


def _named(dto: Dto) -> dict[str, Any]:
    """Return the members that notes and participants come with.

    `seriesId` is left out, which is documented with them: the client packages take an answer that has it for a meeting too, decrypt its
    members a second time, and lose them.
    """
    return {"id": dto.id, "encryptionKeyUrl": dto.encryption_key_url, "links": dto.links}


def check_push(push: str) -> None:
    """Check how a meeting is to be told; BadRequest for another word."""
    if push not in ("full", "minimal", "none"):
        raise BadRequest("push is full, minimal or none")


def check_times(start: datetime, duration_minutes: int) -> None:
    """Check the times of a meeting.

    Raises:
        BadRequest: no zone, a duration that no meeting has, or an end that no calendar has.
    """
    if start.tzinfo is None:
        raise BadRequest("the start has a zone")
    if not 0 <= duration_minutes <= DURATION_MINUTES_MAX:
        raise BadRequest(f"a meeting lasts 0 to {DURATION_MINUTES_MAX} minutes")
    if not EARLIEST <= start <= LATEST:
        raise BadRequest(f"a meeting starts from {EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}")
