"""What bookings ask of the calendar behind the device: the port, and how it says no.

Source: protocol/calendar-and-obtp.md 10.2, 11.4.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

from endpoint.runtime.errors import EndpointError

TIMEOUT: Final = "Timeout"
DECLINE: Final = "Decline"
CAUSES: Final = (TIMEOUT, DECLINE, "ConfigError", "HttpError", "KmsError")


class EditRefused(EndpointError):
    """The calendar has not done what it was asked for.

    Attributes:
        cause: one of CAUSES.
    """

    def __init__(self, cause: str) -> None:
        assert cause in CAUSES, cause
        self.cause = cause
        super().__init__(cause)


class CalendarEdits(Protocol):
    """Who changes meetings in the calendar of the room; every method raises EditRefused."""

    async def create(self, title: str, starts: datetime, minutes: int, request_id: str) -> str:
        """Make a meeting of the room; returns its id."""

    async def change(
        self, meeting_id: str, *, title: str | None = None, starts: datetime | None = None, minutes: int | None = None
    ) -> None:
        """Change what is given."""

    async def delete(self, meeting_id: str) -> None:
        """Take a meeting off the calendar."""

    async def respond(self, meeting_id: str, answer: str, comment: str) -> None:
        """Answer for the room: `Accept` or `Decline`."""
