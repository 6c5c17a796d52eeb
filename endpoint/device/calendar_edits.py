"""The calendar behind the device, as the bookings of the room ask it for changes."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeVar

from endpoint.cloud.calendar_edit import EditFailed
from endpoint.room.bookings.edits import EditRefused
from endpoint.runtime.errors import EndpointError

if TYPE_CHECKING:
    from endpoint.device.device import Device

T = TypeVar("T")

PUSHED_S: Final = 10.0
"""How long the push of a meeting that the device has made is waited for."""
ANSWERS: Final[Mapping[str, str]] = {"Accept": "ACCEPTED", "Decline": "DECLINED"}


class RoomCalendar:
    """Asks the calendar service of the account; while nothing is pushed, what became of it is fetched."""

    __slots__ = ("_device",)

    def __init__(self, device: Device) -> None:
        self._device = device

    async def create(self, title: str, starts: datetime, minutes: int, request_id: str) -> str:
        """Make a meeting of the room; returns its id."""
        made = self._device.calendar_edits.create(title, starts, minutes, request_id)
        meeting_id = await self._refusing(made)
        self._look(meeting_id)
        self._device.tasks.start(self._make_sure(meeting_id), "booked meeting")
        return meeting_id

    async def change(
        self, meeting_id: str, *, title: str | None = None, starts: datetime | None = None, minutes: int | None = None
    ) -> None:
        """Change what is given."""
        edits = self._device.calendar_edits
        await self._refusing(edits.change(meeting_id, title=title, start=starts, minutes=minutes))
        self._look(meeting_id)

    async def delete(self, meeting_id: str) -> None:
        """Take a meeting off the calendar."""
        await self._refusing(self._device.calendar_edits.delete(meeting_id))
        self._look(meeting_id)

    async def respond(self, meeting_id: str, answer: str, comment: str) -> None:
        """Answer for the room: `Accept` or `Decline`."""
        await self._refusing(self._device.calendar_edits.respond(meeting_id, ANSWERS[answer], comment))
        self._look(meeting_id)

    async def _refusing(self, wanted: Awaitable[T]) -> T:
        try:
            return await wanted
        except EditFailed as error:
            raise EditRefused(error.cause) from None

    def _look(self, meeting_id: str) -> None:
        """Fetch the meeting as it is now where nobody will push it."""
        device = self._device
        if not device.mercury.is_open:
            device.tasks.start(self._fetch(meeting_id), "edited meeting")

    async def _make_sure(self, meeting_id: str) -> None:
        """Fetch a meeting that was made and whose push did not come: it may be gone already."""
        await self._device.world.clock.sleep(PUSHED_S)
        if meeting_id not in self._device.calendar.meetings:
            await self._fetch(meeting_id)

    async def _fetch(self, meeting_id: str) -> None:
        try:
            await self._device.calendar.fetch(meeting_id)
        except EndpointError:  # logged where it happened; the next catch-up brings it
            return
