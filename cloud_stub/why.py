"""What the cloud knows of a meeting and a device, as evidence for "why is there no Join button?".

Source: protocol/calendar-and-obtp.md 15 and 7.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from cloud_stub.hybrid_calendar.evidence import Invitations
from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import BadRequest, NotFound
from cloud_stub.platform.records import Device, Meeting, Registration, User, UserKind, Workspace
from cloud_stub.services.mercury import Mercury
from cloud_stub.witness import Witness
from endpoint.runtime.clock import iso_ms, parse_iso
from endpoint.wire import why_evidence as ev
from endpoint.wire.meeting import JOIN_FIELDS

AHEAD: Final = timedelta(hours=24)
"""How far ahead meetings are looked at where none is named."""
NAMED_MAX: Final = 20
"""How many devices a refusal lists."""


class Why:
    """Collects the cloud's evidence."""

    def __init__(self, platform: Platform, mercury: Mercury, invitations: Invitations) -> None:
        self._platform = platform
        self._mercury = mercury
        self._invitations = invitations
        self._witness = Witness(platform, mercury)

    def now(self) -> datetime:
        """Return the wall time of the cloud."""
        return self._platform.now()

    def device(self, wanted: str = "") -> User:
        """Return the account of a device, by its id, that of its account, or its name; the only one where none is named.

        Raises:
            NotFound: there is none of this name, or none at all.
            BadRequest: none is named, and there are several.
        """
        machines = [user for user in self._platform.store[User] if user.kind is UserKind.MACHINE]
        found = [user for user in machines if not wanted or wanted.casefold() in self._names(user)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(self._name(user) for user in (found or machines)[:NAMED_MAX])
        if not found:
            raise NotFound(
                f"there is no device {wanted}; there are {names}" if wanted and names else "there is no device yet"
            )
        if wanted:
            ids = ", ".join(user.id for user in found[:NAMED_MAX])
            raise BadRequest(f"several devices are called {wanted}; name one by its id: {ids}")
        raise BadRequest(f"name one device: {names}")

    def _names(self, user: User) -> set[str]:
        devices = self._platform.store[Device].where("user_id", user.id)
        workspace = self._platform.store[Workspace].get(user.workspace_id)
        nickname = self._platform.nicknames.get(user.id, "")
        names = [user.id, user.name, nickname, nickname.removeprefix("device:"), workspace.name if workspace else ""]
        return {name.casefold() for name in (*names, *(device.id for device in devices)) if name}

    def _name(self, user: User) -> str:
        return self._platform.nicknames.get(user.id, "").removeprefix("device:") or user.name or user.id

    def find(self, wanted: str, user: User) -> list[str]:
        """Return the ids of meetings that have this id or title, those of the device first; the text itself where there are none."""
        meetings = self._platform.store[Meeting]
        if wanted in meetings:
            return [wanted]
        invited = [found.meeting_id for found in self._invitations.find(wanted, self._platform.now())]
        if invited:
            return invited
        folded = wanted.casefold()
        named = [meeting for meeting in meetings if meeting.title.casefold() == folded]
        mine = [meeting for meeting in named if user.id in meeting.user_ids] or named
        return [meeting.id for meeting in sorted(mine, key=lambda one: (one.start, one.id))] or [wanted]

    def ahead(self, user: User, at: datetime) -> list[str]:
        """Return the ids of a device's meetings that are not over and start within a day, by start; also of those that invite its room
        and have not got so far."""
        found = [
            (meeting.start, meeting.id)
            for meeting in self._platform.store[Meeting].where("user_ids", user.id)
            if meeting.start + timedelta(minutes=meeting.duration_minutes) > at and meeting.start < at + AHEAD
        ]
        found += [(one.event.start, one.meeting_id) for one in self._invitations.between(user, at, at + AHEAD)]
        return list(dict.fromkeys(meeting_id for _, meeting_id in sorted(found)))

    def evidence(self, meeting_id: str, user: User) -> ev.CloudEvidence:
        """Say what the cloud knows of a meeting for a device, by its id."""
        meeting = self._platform.store[Meeting].get(meeting_id)
        series = meeting.series_id if meeting is not None else ""
        found = next(iter(self._invitations.find(meeting_id, self._platform.now(), series)), None)
        base = ev.CloudEvidence(
            at=self._platform.now(), meeting_id=meeting_id, account=self._account(user), workspace=self._workspace(user), keys=self._keys()
        )  # fmt: skip
        if meeting is None and found is None:
            return replace(base, missing=True)
        is_published = meeting is not None and user.id in meeting.user_ids
        base = replace(
            base,
            is_published=is_published,
            dto=self._published(meeting, user) if meeting is not None and is_published else None,
            pushes=self._witness.pushes(meeting_id, user.id),
            hops=self._witness.hops(meeting_id),
        )
        if found is not None:
            whole = replace(base, hops=self._witness.hops(*self._invitations.copies(found)))
            return self._invitations.evidence(found, user, whole)
        assert meeting is not None, "one of both is there"
        return replace(base, source="site", organizer=self._organizer(meeting), horizon=ev.Horizon(layer=""))

    def _keys(self) -> ev.Keys:
        """Say whether faults keep the key service from answering."""
        is_down = any(fault.on == "kms" for fault in self._platform.faults.armed)
        return ev.Keys(is_up=not is_down)

    def _organizer(self, meeting: Meeting) -> ev.Organizer:
        person = self._platform.store[User].get(meeting.organizer_id)
        return ev.Organizer(
            name=meeting.organizer_name or (person.name if person is not None else None) or None,
            address=meeting.organizer_email or (person.email if person is not None else None) or None,
            is_external=person is None,
        )

    def _published(self, meeting: Meeting, user: User) -> ev.Published:
        return ev.Published(
            id=meeting.id,
            title=meeting.title,
            start=meeting.start,
            end=meeting.start + timedelta(minutes=meeting.duration_minutes),
            modified=parse_iso(iso_ms(meeting.modified)),  # as it is told
            join_type=meeting.meeting_join_type,
            join_fields=tuple(name for name in JOIN_FIELDS if meeting.join.get(name)),
            response=meeting.responses.get(user.id, "ACCEPTED"),
        )

    def _workspace(self, user: User) -> ev.Workspace | None:
        found = self._platform.store[Workspace].get(user.workspace_id)
        if found is None:
            return None
        return ev.Workspace(id=found.id, name=found.name, calendar=found.calendar, address=found.calendar_email)

    def _account(self, user: User) -> ev.DeviceAccount:
        devices = self._platform.store[Device].where("user_id", user.id)
        device = devices[0] if devices else None
        sockets = self._mercury.open_sockets(user.id)
        return ev.DeviceAccount(
            user_id=user.id,
            device_id=device.id if device is not None else None,
            name=self._name(user),
            model=device.model if device is not None else None,
            exists=device is not None,
            registrations=len(self._platform.store[Registration].where("user_id", user.id)),
            sockets=len(sockets),
            connected_since=min((one.opened for one in sockets if one.opened is not None), default=None),
            last_seen=device.last_seen if device is not None else None,
        )
