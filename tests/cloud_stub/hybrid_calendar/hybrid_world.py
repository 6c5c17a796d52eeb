"""A cloud with a room that has a mailbox and a device, and what happens to its calendar."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from cloud_world import START, World

from cloud_stub.hybrid_calendar.mapping import series_id
from cloud_stub.platform.mailbox_records import MailboxEvent
from cloud_stub.platform.records import Meeting, User, Workspace

SITE = "roomsim.webex.test"
FIVE = ("meetingJoinURI", "meetingJoinURL", "webexURI", "spaceURI", "callURI")


def at(hours: float) -> datetime:
    """Return an instant, in hours from the start."""
    return START + timedelta(hours=hours)


async def quiet() -> None:
    """Let everything happen that happens at once."""
    await asyncio.sleep(0.001)


class Room:
    """The room `Lab`, its mailbox and the account of its device."""

    def __init__(self, world: World, name: str = "Lab", *, device: bool = True) -> None:
        self.world = world
        self.do = world.cloud.hybrid
        self.workspace: Workspace = world.cloud.use_cases.workspace_create(name)
        self.address = self.do.room(self.workspace.id).address
        self.user: User | None = world.cloud.directory.create_machine(self.workspace) if device else None

    async def invite(self, hours: float = 1, minutes: int = 30, **fields: Any) -> MailboxEvent:
        """Invite the room and wait until nothing happens any more."""
        fields = {"subject": "Review", "rooms": [self.workspace.id], "location": "@webex:onetime", **fields}
        event = self.do.invite(fields.pop("organizer", "Ana Smith"), at(hours), minutes, **fields)
        await quiet()
        return event

    @property
    def meetings(self) -> list[Meeting]:
        """What the room's device has, in order of start."""
        assert self.user is not None
        found = self.world.cloud.platform.store[Meeting].where("user_ids", self.user.id)
        return sorted(found, key=lambda meeting: (meeting.start, meeting.id))

    def meeting(self, event: MailboxEvent) -> Meeting | None:
        """The single meeting of an invitation."""
        return next((one for one in self.meetings if one.id == series_id(event.uid)), None)

    def event(self, event: MailboxEvent) -> MailboxEvent:
        """The organizer's copy as it is now."""
        return self.world.cloud.mailboxes.event(event.mailbox, event.id)

    def known(self, event: MailboxEvent) -> Any:
        """What the service knows of an invitation."""
        return next(one for one in self.do.invitations() if one.id == event.uid)

    def hops(self, *kinds: str, since: int = 0) -> list[str]:
        """The hops of the chain in the trace, in order."""
        events = [one for one in self.world.trace.events if one.n > since]
        return [
            one.kind for one in events if one.kind in kinds or (not kinds and one.kind.startswith(("cal.", "kms.")))
        ]

    @property
    def pushed(self) -> list[str]:
        """The events that were pushed."""
        return [one.data["eventType"] for one in self.world.trace.events if one.kind == "calendar.push"]


def flags(meeting: Meeting | None) -> list[bool]:
    """The five flags of the device's log (L09)."""
    assert meeting is not None
    return [name in meeting.join for name in FIVE]
