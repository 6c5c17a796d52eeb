"""Commands about calls that there are: answer, end, hold, and all that can be done in a conference.

Source: protocol/xapi.md 8.1, xapi-nodes.md 6.3, 6.6. Which call is meant by 0, and the reasons of failures, are ours.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Final

from endpoint.room.calls import roster
from endpoint.room.calls.call import HoldReason, RoomCall
from endpoint.room.calls.room import RoomCalls
from endpoint.wire.callcontrol import Action, Control, Role
from endpoint.wire.secret import Secret
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import BadArguments, CommandFailed
from endpoint.wire.xapi.leaves import Fields

TONES: Final = re.compile(r"[0-9*#A-Da-d]+")
_REASONS: Final[Mapping[str, HoldReason]] = {"Conference": "Conference", "Transfer": "Transfer"}
_ROLES: Final[Mapping[str, Role]] = {"Host": "Host", "Panelist": "Panelist", "Guest": "Guest"}


def _plain(action: Action, *, on: bool = True, value: str = "") -> Callable[[Any, Invocation], Awaitable[None]]:
    """Return a command that says nothing but which call, and which participant."""

    def carry_out(owner: CallCommands, call: Invocation) -> Awaitable[None]:
        return owner.control(call, action, on=on, value=value)

    return carry_out


class CallCommands:
    """Commands of one call."""

    __slots__ = ("_calls",)

    def __init__(self, calls: RoomCalls) -> None:
        self._calls = calls

    def _accept(self, call: Invocation) -> None:
        self._calls.wishes.accept(self._meant(call, lambda one: one.is_ringing, "rings"))

    def _reject(self, call: Invocation) -> None:
        self._calls.wishes.reject(self._meant(call, lambda one: one.is_ringing, "rings"))

    def _ignore(self, call: Invocation) -> None:
        self._calls.wishes.ignore(self._meant(call, lambda one: one.is_ringing, "rings"))

    def _disconnect(self, call: Invocation) -> None:
        wanted = self._named(call)
        if wanted is None:  # the active one, else one that is being made, held, or rings
            found = [one for one in self._calls.calls if not one.is_ringing] or list(self._calls.calls)
            wanted = self._calls.active() or (found[-1] if found else None)
        if wanted is None:
            raise CommandFailed("There is no call to end")
        self._calls.wishes.hang_up(wanted)

    async def _hold(self, call: Invocation) -> None:
        wanted = self._meant(call, lambda one: one.is_active, "is active")
        await self._calls.wishes.hold(wanted, _REASONS.get(call.text("Reason"), "None"))

    async def _resume(self, call: Invocation) -> None:
        await self._calls.wishes.resume(self._meant(call, lambda one: one.is_held, "is on hold"))

    async def _join(self, call: Invocation) -> None:
        numbers = [int(number) for number in dict.fromkeys(call.many("CallId"))]
        named = [self._find(number) for number in numbers]
        every = [one for one in self._calls.calls if one.is_active or one.is_held]
        await self._calls.wishes.join_calls(named or sorted(every, key=lambda one: one.is_held))

    async def _dtmf(self, call: Invocation) -> None:
        tones = call.text("DTMFString")
        if not TONES.fullmatch(tones):
            raise BadArguments({"DTMFString": "tones are 0 to 9, *, #, A to D; give at least one"})
        await self._calls.wishes.dtmf(self._active(call), tones.upper())

    async def _authenticate(self, call: Invocation) -> None:
        pin = call.text("Pin")
        wanted = self._meant(call, lambda one: one.is_asked, "asks for a PIN")
        secret = Secret("pin", pin) if pin else None
        await self._calls.wishes.authenticate(wanted, _ROLES[call.text("ParticipantRole")], secret)

    # conference

    async def _mute_all(self, call: Invocation) -> None:
        await self.control(call, Action.MUTE_ALL, on=call.text("AudioMute") == "On")

    async def _hard_mute(self, call: Invocation) -> None:
        await self.control(call, Action.HARD_MUTE, on=call.text("HardMute") == "On")

    async def _lock(self, call: Invocation) -> None:
        await self.control(call, Action.LOCK, on=call.text("Lock") == "On")

    async def _add(self, call: Invocation) -> None:
        await self.control(call, Action.ADD, value=call.text("Number"))

    async def _mute(self, call: Invocation) -> None:
        await self.control(call, Action.MUTE, on=call.text("AudioMute") == "On")

    async def _role(self, call: Invocation) -> None:
        await self.control(call, Action.ROLE, on=call.text("State") == "True", value=call.text("ParticipantRole"))

    def _search(self, call: Invocation) -> Fields:
        wanted = self._active(call)
        if not wanted.was_connected:
            raise CommandFailed(f"Call {wanted.id} has no participants yet")
        limit = call.number("Limit")
        return roster.search(
            wanted, call.text("SearchString"), call.number("Offset") or 0, 0 if limit is None else limit
        )

    # inside

    async def control(self, call: Invocation, action: Action, *, on: bool = True, value: str = "") -> None:
        """Ask for a change of the conference that a command names.

        Raises:
            CommandFailed: no such call or participant, or the cloud does not agree.
        """
        wanted = self._active(call)
        participant = call.text("ParticipantId")
        if call.has("ParticipantId") and all(member.id != participant for member in wanted.conference.members):
            raise CommandFailed(f"Call {wanted.id} has no participant {participant[:80]!r}")
        await self._calls.wishes.control(wanted, Control(action, on, participant, value))

    def _named(self, call: Invocation) -> RoomCall | None:
        """Return the call of CallId; None when none is named."""
        number = call.number("CallId")
        return self._find(number) if number is not None and number > 0 else None

    def _find(self, number: int) -> RoomCall:
        found = self._calls.find(number)
        if found is None:
            known = ", ".join(str(call.id) for call in self._calls.calls)
            raise CommandFailed(f"There is no call {number}; there is {known or 'none'}")
        return found

    def _meant(self, call: Invocation, fits: Callable[[RoomCall], bool], what: str) -> RoomCall:
        """Return the call of CallId, else the last one that fits."""
        found = self._named(call) or next((one for one in reversed(self._calls.calls) if fits(one)), None)
        if found is None:
            raise CommandFailed(f"There is no call that {what}")
        return found

    def _active(self, call: Invocation) -> RoomCall:
        return self._meant(call, lambda one: one.is_active, "is active")

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Call Accept": _accept,
        "Call DTMFSend": _dtmf,
        "Call Disconnect": _disconnect,
        "Call Hold": _hold,
        "Call Ignore": _ignore,
        "Call Join": _join,
        "Call Reject": _reject,
        "Call Resume": _resume,
        "Conference AdmitAll": _plain(Action.ADMIT_ALL),
        "Conference Call AuthenticationResponse": _authenticate,
        "Conference EndMeeting": _plain(Action.END),
        "Conference Hand Lower": _plain(Action.HAND, on=False),
        "Conference Hand Raise": _plain(Action.HAND),
        "Conference HardMute": _hard_mute,
        "Conference Lock": _lock,
        "Conference MuteAll": _mute_all,
        "Conference Participant Add": _add,
        "Conference Participant Admit": _plain(Action.ADMIT),
        "Conference Participant Disconnect": _plain(Action.EXPEL),
        "Conference Participant LowerHand": _plain(Action.HAND, on=False),
        "Conference Participant MoveToLobby": _plain(Action.TO_LOBBY),
        "Conference Participant Mute": _mute,
        "Conference Participant TransferRole": _role,
        "Conference ParticipantList Search": _search,
        "Conference Recording Pause": _plain(Action.RECORD, value="pause"),
        "Conference Recording Resume": _plain(Action.RECORD, value="resume"),
        "Conference Recording Start": _plain(Action.RECORD, value="start"),
        "Conference Recording Stop": _plain(Action.RECORD, on=False, value="stop"),
        "Conference TransferHostAndLeave": _plain(Action.HAND_OVER),
    }
