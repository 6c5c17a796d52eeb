"""The Webex site: what can be joined, and by which number, address and URL.

One-time meetings and meetings scheduled on the site have a number of their own each; a Personal Room is its owner's for good; a space has
one meeting, and two people share one space however often they meet (4.1.5). Numbers, passwords and host keys are drawn under stable names.

Source: protocol/calendar-and-obtp.md 4.1, O04, O10 to O12; forms of addresses and lengths of numbers are ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import Conflict
from cloud_stub.platform.records import HybridSettings, SiteMeeting, User

ONE_TIME: Final = "onetime"
PERSONAL_ROOM: Final = "personal_room"
SCHEDULED: Final = "scheduled"
SPACE: Final = "space"
NUMBER_DIGITS: Final = 10
PASSWORD_LETTERS: Final = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"  # noqa: S105  the letters that are drawn from
PASSWORD_CHARS: Final = 11
HOST_KEY_DIGITS: Final = 6
DRAWS_MAX: Final = 20
"""Draws of a number before a site counts as full."""


class Site:
    """What the sites of an organization hold."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._meetings = platform.store[SiteMeeting]

    def one_time(self, title: str, owner: User | None, site: str, *, kind: str = ONE_TIME) -> SiteMeeting:
        """Schedule a meeting of its own number, password and host key."""
        return self._make(kind, title, owner, site)

    def personal_room(self, owner: User, settings: HybridSettings) -> SiteMeeting | None:
        """Return the Personal Room of a person; None if none is tied to the account (O10)."""
        site = personal_site(owner, settings)
        if site is None:
            return None
        mine = self._meetings.where("owner_id", owner.id)
        known = next((one for one in mine if one.kind == PERSONAL_ROOM and one.site == site), None)
        if known is not None:
            return known
        name = self._free_name(owner, site)
        return self._make(PERSONAL_ROOM, f"{owner.name}'s Personal Room", owner, site, name=name)

    def space(self, title: str, owner: User | None, members: Sequence[str], site: str) -> SiteMeeting:
        """Return the meeting of a space: of the one that two people have, or of a new one named by the subject.

        Args:
            members: addresses of the people, the organizer's included; rooms are none.
        """
        people = tuple(sorted({address.casefold() for address in members}))
        if len(people) == 2:
            known = next((one for one in self._meetings.where("members", people[0]) if one.members == people), None)
            if known is not None and known.kind == SPACE:
                return known
        return self._make(SPACE, title, owner, site, members=people)

    def by_number(self, number: str) -> SiteMeeting | None:
        """Return what a number leads to."""
        return next(iter(self._meetings.where("number", number)), None)

    def _make(
        self, kind: str, title: str, owner: User | None, site: str, *, name: str = "", members: tuple[str, ...] = ()
    ) -> SiteMeeting:
        n = self._platform.nth("site meeting", site)
        draws = self._platform.chance.stream("site meeting", site, n)
        number = self._number(site, n)
        made_id, space_id = draws.uuid(), draws.uuid() if kind == SPACE else ""
        front = site.partition(".")[0]
        key = made_id.replace("-", "")
        url = f"https://{site}/{front}/j.php?MTID=m{key}"
        if kind == PERSONAL_ROOM:
            url = f"https://{site}/meet/{name}"
        elif kind == SPACE:
            url = f"https://{site}/m/{space_id}"
        record = SiteMeeting(
            id=made_id,
            kind=kind,
            title=title,
            site=site,
            number=number,
            sip=f"{name or number}@{site}",
            url=url,
            created=self._platform.now(),
            password="".join(draws.choice(PASSWORD_LETTERS) for _ in range(PASSWORD_CHARS)),
            host_key=draws.digits(HOST_KEY_DIGITS),
            owner_id=owner.id if owner is not None else "",
            space_id=space_id,
            space_url=f"https://{site}/spaces/{space_id}" if space_id else "",
            members=members,
        )
        return self._meetings.put(record)

    def _number(self, site: str, n: int) -> str:
        draws = self._platform.chance.stream("meeting number", site, n)
        for _ in range(DRAWS_MAX):
            number = "2" + draws.digits(NUMBER_DIGITS - 1)
            if not self._meetings.where("number", number):
                return number
        raise Conflict(f"{site} has no number left that could be drawn")

    def _free_name(self, owner: User, site: str) -> str:
        wanted = room_name(owner)
        taken = {one.sip.partition("@")[0] for one in self._meetings if one.kind == PERSONAL_ROOM and one.site == site}
        name, n = wanted, 1
        while name in taken:
            n += 1
            name = f"{wanted}{n}"
        return name


def room_name(owner: User) -> str:
    """Return the name that a Personal Room has as long as nobody else of the site has taken it."""
    return re.sub(r"[^a-z0-9._-]", "", owner.email.partition("@")[0].casefold()) or "room"


def personal_site(user: User, settings: HybridSettings) -> str | None:
    """Return the site of a person's Personal Room, None if none is tied to the account.

    A site that is managed in Control Hub ties the rooms of its users by itself (O11); otherwise the person's own choice or an import of
    `preferredWebExSite` does (O10), and it has to be a site that the organization has.
    """
    if not user.has_personal_room or not settings.sites:
        return None
    if user.preferred_site:
        return user.preferred_site if user.preferred_site in settings.sites else None
    return settings.sites[0] if settings.managed_site else None
