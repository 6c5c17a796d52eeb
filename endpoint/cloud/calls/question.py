"""The question of a meeting for a PIN, or whether host or guest joins, and what the people answer."""

from __future__ import annotations

import asyncio
from typing import Final

from endpoint.cloud.call_analyzer import CallEvents
from endpoint.wire.callcontrol import AuthenticationRequest, Calls, Role
from endpoint.wire.locus import errors
from endpoint.wire.secret import Secret

PINS_MAX: Final = 10
"""PINs that are tried in one call."""
QUESTIONS: Final[dict[int, AuthenticationRequest]] = {
    errors.PIN_NEEDED: "HostPinOrGuest",
    errors.GUEST_PIN_NEEDED: "HostPinOrGuestPin",
    errors.PIN_OR_GUEST_NEEDED: "HostPinOrGuest",
    errors.PANELIST_PIN_NEEDED: "PanelistPin",
    errors.PANELIST_PIN_OR_GUEST_NEEDED: "PanelistPinOrAttendee",
}
"""Which code asks what; the source says no more than that the client asks for a PIN."""


class Question:
    """What one call was asked, and what it answers.

    Attributes:
        role, pin: what goes with the next request to join.
    """

    __slots__ = ("_answered", "_call_id", "_events", "_is_open", "_room", "_tries", "pin", "role")

    def __init__(self, room: Calls, call_id: int, events: CallEvents, role: Role, pin: Secret | None) -> None:
        self._room = room
        self._call_id = call_id
        self._events = events
        self._answered: asyncio.Future[str] | None = None
        self._is_open = False
        self._tries = 0
        self.role = role
        self.pin = pin

    @property
    def may_be_asked(self) -> bool:
        """Say whether there were not too many answers yet."""
        return self._tries < PINS_MAX

    def ask(self, code: int) -> None:
        """Ask the people what a code of Locus asks for; it is the last answer that was wrong, if there was a PIN in it."""
        is_wrong = self.pin is not None
        self._tell("The PIN was wrong" if is_wrong else "")
        self._is_open = True
        self._events.tell("client.pin.prompt")
        self._room.asked(self._call_id, QUESTIONS.get(code, "HostPinOrGuest"), is_wrong=is_wrong)

    def answer(self, role: Role, pin: Secret | None) -> asyncio.Future[str]:
        """Take an answer; returns what will be known of it: "" if it was right."""
        self.role, self.pin = role, pin
        self._tries += 1
        self._events.tell("client.pin.collected")
        self._answered = asyncio.get_running_loop().create_future()
        return self._answered

    def take_back(self) -> None:
        """Take the question back: the answer was right."""
        self._tell("")
        if self._is_open:
            self._is_open = False
            self._room.asked(self._call_id, "None")

    def close(self) -> None:
        """Take note that nobody wants to know any more."""
        self._is_open = False
        self._tell("The call has ended")

    def _tell(self, why: str) -> None:
        answered, self._answered = self._answered, None
        if answered is not None and not answered.done():
            answered.set_result(why)
