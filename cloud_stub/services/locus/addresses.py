"""What an address leads to: a meeting, somebody with an account, a far end behind the gateway, or nothing.

Source: protocol/activation-and-media.md 11 (404006), calendar-and-obtp.md 4.1, 9.1; the order of the search is ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from cloud_stub.hybrid_calendar.addresses import ADDRESS_INDEX
from cloud_stub.hybrid_calendar.meeting_services import SPACE as SPACE_SERVICE
from cloud_stub.hybrid_calendar.meeting_services import WEBEX, ZOOM
from cloud_stub.hybrid_calendar.settings import Settings
from cloud_stub.hybrid_calendar.site import PERSONAL_ROOM, Site, room_name
from cloud_stub.platform.context import Platform
from cloud_stub.platform.records import Meeting, Registration, SiteMeeting, User, UserKind, Workspace
from endpoint.wire.conventions import room_address
from endpoint.wire.zoom import ZoomAddress

ADDRESS_CHARS_MAX: Final = 1_024
CLOUD_DOMAIN: Final = "webex.com"
"""A number in front of it is a number of a meeting, on whichever site."""
JOIN_ORDER: Final = (
    "webexURI",
    "meetingJoinURI",
    "callURI",
    "spaceURI",
    "spaceMeetURL",
    "webexURL",
    "meetingJoinURL",
    "spaceURL",
)
"""Members that a meeting is joined by; what the first one says is its name among the loci."""
_SCHEME: Final = re.compile(r"(sips?|spark|wbxmn):(?://)?", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\+?\d[\d -]*")
_WEB: Final = re.compile(r"https?://", re.IGNORECASE)
_MEET: Final = re.compile(r"https?://[^/]+/meet/([^/]+)")
_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True, slots=True)
class MeetingTarget:
    """A meeting. `key` names it among the loci, `meeting_id` in a calendar; `host_key` makes host who gives it as a PIN."""

    key: str
    title: str
    number: str = ""
    sip: str = ""
    link: str = ""
    site: str = ""
    owner_id: str = ""
    is_pmr: bool = False
    host_key: str = ""
    meeting_id: str = ""


@dataclass(frozen=True, slots=True)
class UserTarget:
    """Somebody with an account: a person, or the device of a room. `address` is what was dialled."""

    user: User
    address: str


@dataclass(frozen=True, slots=True)
class GatewayTarget:
    """Somebody elsewhere.

    Attributes:
        address: without scheme and parameters, in small letters.
        asked: as it was dialled.
        is_zoom: its host is one of Zoom's.
        is_tls: it was dialled with a scheme and `transport=tls`.
    """

    address: str
    asked: str
    is_zoom: bool = False
    is_tls: bool = False

    @property
    def shown(self) -> str:
        """The address as others in the call see it: without the key of a Zoom meeting's host."""
        zoom = ZoomAddress.parse(self.address) if self.is_zoom else None
        return str(replace(zoom, host_key="")) if zoom is not None and zoom.host_key else self.address


@dataclass(frozen=True, slots=True)
class Nobody:
    """An address of ours that nobody has; `is_malformed`: no address at all."""

    is_malformed: bool = False


Target: TypeAlias = MeetingTarget | UserTarget | GatewayTarget | Nobody


def bare(address: str) -> str:
    """Return an address without scheme, parameters and white space around it, in small letters."""
    text = address.strip()
    scheme = _SCHEME.match(text)
    if scheme is not None:
        text = text[scheme.end() :]
    if _WEB.match(text):
        return text.rstrip("/").casefold()
    return text.partition(";")[0].partition("?")[0].strip().casefold()


def is_zoom(address: str) -> bool:
    """Tell whether a bare address is at one of Zoom's hosts."""
    rows = ADDRESS_INDEX.fitting(address.rpartition("@")[2])
    return any(row.service is ZOOM for row in rows)


class Addresses:
    """The directory of everything that can be dialled."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store
        self._settings = Settings(platform)
        self._site = Site(platform)
        self._joins_of: dict[str, tuple[Meeting, tuple[str, ...]]] = {}

    def resolve(self, asked: str) -> Target:
        """Return what an address leads to."""
        text = bare(asked)
        if not text or len(text) > ADDRESS_CHARS_MAX:
            return Nobody(is_malformed=True)
        meeting = self.meeting(asked)
        if meeting is not None:
            return meeting
        user = self.user(text)
        if user is not None:
            return UserTarget(user, text)
        if _ADDRESS.fullmatch(text) is None:
            is_known_form = _NUMBER.fullmatch(text) is not None or _WEB.match(text) is not None
            return Nobody(is_malformed=not is_known_form and not re.fullmatch(r"[\w.-]+", text))
        domain = text.rpartition("@")[2]
        if self._is_site(domain) or domain == CLOUD_DOMAIN:
            return Nobody()
        lowered = asked.casefold()
        is_tls = lowered.startswith(("sip:", "sips:")) and "transport=tls" in lowered
        return GatewayTarget(text, asked, is_zoom(text), is_tls)

    def meeting(self, asked: str) -> MeetingTarget | None:
        """Return the meeting that a number, an address, a link or an id leads to; None if it is none."""
        text = bare(asked)
        number, domain = _number(text), text.rpartition("@")[2] if "@" in text else ""
        found = self._of_site(text, number, domain)
        if found is not None:
            in_calendar = self._of_calendar(found.sip.casefold(), found.number)
            return _of_site_meeting(found, in_calendar.id if in_calendar is not None else "")
        if domain and self._is_of_another_service(domain):
            return None
        meeting = self._of_calendar(
            text, number if not domain or self._is_site(domain) or domain == CLOUD_DOMAIN else ""
        )
        return None if meeting is None else self._target(meeting)

    def user(self, text: str) -> User | None:
        """Return whoever has an id, an e-mail address, or the address of a room; of several accounts one that is registered."""
        users, workspaces = self._store[User], self._store[Workspace]
        found = users.get(text)
        if found is not None:
            return found
        fitting = list(users.where("email", text)) or [
            user for user in users if user.email and user.email.casefold() == text
        ]
        rooms = workspaces.where("calendar_key", text) if "@" in text else []
        rooms = list(rooms) or [room for room in workspaces if text in (room.id, room_address(room.name, room.org_id))]
        fitting += [user for room in rooms for user in users.where("workspace_id", room.id)]
        registrations = self._store[Registration]
        return next(
            (user for user in fitting if registrations.where("user_id", user.id)), fitting[0] if fitting else None
        )

    def joins_at(self, domain: str) -> list[str]:
        """Return what the meetings of calendars are joined by at a host, as bare addresses."""
        return [
            join for meeting in self._store[Meeting] for join in self._joins(meeting) if join.endswith(f"@{domain}")
        ]

    # -- meetings ---------------------------------------------------------------------------------------------------------------------

    def _of_site(self, text: str, number: str, domain: str) -> SiteMeeting | None:
        meetings = self._store[SiteMeeting]
        if text in meetings:
            return meetings.get(text)
        is_number = number and (not domain or domain == CLOUD_DOMAIN)
        if is_number:
            return next(iter(meetings.where("number", number)), None)
        if domain and not self._is_site(domain):
            return None
        if domain or _WEB.match(text):
            links = (
                one for one in meetings if text in (one.sip.casefold(), one.url.casefold(), one.space_url.casefold())
            )
            found = next(links, None)
            if found is None and number:
                found = next((one for one in meetings.where("number", number) if one.site.casefold() == domain), None)
            return found or self._unused_room(text)
        return None

    def _unused_room(self, text: str) -> SiteMeeting | None:
        """Return the Personal Room at an address that no invitation has named yet: it is there as long as its owner is."""
        link = _MEET.fullmatch(text)
        name = link[1] if link is not None else text.partition("@")[0]
        for owner in self._store[User]:
            if owner.kind is UserKind.PERSON and room_name(owner) == name:
                room = self._site.personal_room(owner, self._settings.now)
                if room is not None and text in (room.sip.casefold(), room.url.casefold()):
                    return room
        return None

    def _of_calendar(self, text: str, number: str) -> Meeting | None:
        """Return the meeting of a calendar with this id, with this number, or that is joined by it; of several the next one."""
        meetings = self._store[Meeting]
        known = meetings.get(text)
        if known is not None:
            return known
        fitting = [
            one for one in meetings if text in self._joins(one) or (number and number == _digits(one.meeting_number))
        ]
        now = self._platform.now()
        fitting.sort(key=lambda one: (one.end < now, one.start))
        return fitting[0] if fitting else None

    def _joins(self, meeting: Meeting) -> tuple[str, ...]:
        """Return what a meeting is joined by, as bare addresses; of a record that has not changed they are known."""
        known = self._joins_of.get(meeting.id)
        if known is not None and known[0] is meeting:
            return known[1]
        if len(self._joins_of) > 2 * len(self._store[Meeting]) + 100:  # mostly of meetings that are gone
            self._joins_of.clear()
        made = _joins(meeting)
        self._joins_of[meeting.id] = (meeting, made)
        return made

    def _target(self, meeting: Meeting) -> MeetingTarget | None:
        joins = self._joins(meeting)
        for join in (*joins, _digits(meeting.meeting_number)):
            domain = join.rpartition("@")[2] if "@" in join else ""
            of_site = self._of_site(join, _number(join), domain) if join else None
            if of_site is not None:
                return _of_site_meeting(of_site, meeting.id)
        own = [join for join in joins if "@" in join and not self._is_of_another_service(join.rpartition("@")[2])]
        links = [join for join in joins if _WEB.match(join)]
        if not own and not links and not meeting.meeting_number:
            return None
        name = next(iter((*own, *links)), _digits(meeting.meeting_number))
        return MeetingTarget(
            key=f"meeting {name}",
            title=meeting.title,
            number=_digits(meeting.meeting_number) or _number(own[0] if own else ""),
            sip=own[0] if own else "",
            link=links[0] if links else "",
            site=own[0].rpartition("@")[2] if own else "",
            owner_id=meeting.organizer_id,
            host_key=meeting.host_key,
            meeting_id=meeting.id,
        )

    def _is_site(self, domain: str) -> bool:
        """Tell whether addresses of a domain are given out by this cloud."""
        webex = self._platform.hosts.domains["webex"]
        return domain in self._settings.now.sites or domain == webex or domain.endswith(f".{webex}")

    def _is_of_another_service(self, domain: str) -> bool:
        if self._is_site(domain):
            return False
        rows = ADDRESS_INDEX.fitting(domain)
        return bool(rows) and not any(row.service in (WEBEX, SPACE_SERVICE) for row in rows)


def _of_site_meeting(found: SiteMeeting, meeting_id: str) -> MeetingTarget:
    return MeetingTarget(
        key=f"site {found.id}",
        title=found.title,
        number=found.number,
        sip=found.sip,
        link=found.url,
        site=found.site,
        owner_id=found.owner_id,
        is_pmr=found.kind == PERSONAL_ROOM,
        host_key=found.host_key,
        meeting_id=meeting_id,
    )


def _joins(meeting: Meeting) -> tuple[str, ...]:
    known = [meeting.join[name] for name in JOIN_ORDER if meeting.join.get(name)]
    others = [value for name, value in meeting.join.items() if name not in JOIN_ORDER and value]
    return tuple(dict.fromkeys(bare(value) for value in (*known, *others)))


def _number(text: str) -> str:
    """Return the digits of a number, or of the user part of an address that is one; empty if it is none."""
    user = text.partition("@")[0]
    return _digits(user) if _NUMBER.fullmatch(user) else ""


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)
