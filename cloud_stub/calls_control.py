"""Calls in the control API: who calls, what far ends do, meetings and who is in them.

Below the same root and with the same rules as the rest of it; see `platform.control` and docs/reference/control-api.md.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cloud_stub.calls_use_cases import CallUseCases
from cloud_stub.platform.control import control_route
from cloud_stub.platform.control_bodies import Body
from cloud_stub.platform.errors import CloudError
from cloud_stub.platform.routes import Call, Route, wx2_error


class RingBody(Body, kw_only=True):
    """Somebody calls a user."""

    caller: str
    user_id: str
    name: str = ""
    display_name: str = ""
    cancel_after_seconds: float | None = None
    elsewhere_after_seconds: float | None = None
    is_meeting: bool = False


class FarEndBody(Body, kw_only=True):
    """The far end of a call answers or declines; `reason`: busy, reject, dnd, unknown, no_answer."""

    after_seconds: float = 0.0
    reason: str = "busy"


class PeerBody(Body, kw_only=True):
    """What a far end does: answer, busy, reject, no_answer, not_found, prompt, ssl."""

    behaves: str
    after_seconds: float | None = None
    meeting: str = ""
    passcode: str = ""


class ConferenceBody(Body, kw_only=True):
    """What a meeting has set, by its number, address, link or id."""

    meeting: str
    locked: bool | None = None
    lobby: bool | None = None
    pin: str | None = None
    guest_pin: str | None = None
    capacity: int | None = None
    moved_to: str | None = None
    open_for_guests: bool | None = None
    mute_on_entry: bool | None = None


class PersonBody(Body, kw_only=True):
    """Somebody does something in a call or meeting."""

    call: str
    who: str
    do: str
    name: str = ""
    role: str = ""
    value: str = ""


class ParticipantBody(Body, kw_only=True):
    """Somebody in a call, by id, name or address; `reason` of being taken out."""

    participant: str = ""
    reason: str = ""


class CallBody(Body, kw_only=True):
    """What changes in a call. `recording`: start, stop, pause, resume; `mute` a participant, or all, and `muted`."""

    locked: bool | None = None
    recording: str | None = None
    hard_mute: bool | None = None
    mute: str | None = None
    muted: bool = True


class CallsControl:
    """The routes of calls."""

    name = "control"

    def __init__(self, use_cases: CallUseCases) -> None:
        self._do = do = use_cases
        on = control_route
        self.routes: tuple[Route, ...] = (
            on("GET", "/calls", lambda _: {"items": do.list()}),
            on("POST", "/calls", self._ring),
            on("GET", "/calls/{call}", lambda c: do.get(c.params["call"])),
            on("PATCH", "/calls/{call}", self._change),
            on("POST", "/calls/{call}/answer", self._answer),
            on("POST", "/calls/{call}/decline", self._decline),
            on("POST", "/calls/{call}/lobby", self._lobby),
            on("POST", "/calls/{call}/admit", self._admit),
            on("POST", "/calls/{call}/drop", self._drop),
            on("POST", "/calls/{call}/end", lambda c: do.end(c.params["call"])),
            on("POST", "/people-in-calls", self._person),
            on("POST", "/conferences", self._conference),
            on("GET", "/peers", lambda _: {"items": do.peers()}),
            on("PUT", "/peers/{address}", self._peer),
        )

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    def _ring(self, call: Call) -> Any:
        body = call.read(RingBody)
        call_id = self._do.ring(
            body.caller, body.user_id, name=body.name, display_name=body.display_name, cancel_after_s=body.cancel_after_seconds,
            elsewhere_after_s=body.elsewhere_after_seconds, is_meeting=body.is_meeting,
        )  # fmt: skip
        return self._do.get(call_id)

    def _change(self, call: Call) -> Any:
        body, call_id = call.read(CallBody), call.params["call"]
        if body.recording is not None:  # what can be refused comes first
            self._do.record(call_id, body.recording)
        if body.mute is not None:
            self._do.mute(call_id, body.mute, body.muted)
        if body.locked is not None:
            self._do.lock(call_id, body.locked)
        if body.hard_mute is not None:
            self._do.hard_mute(call_id, body.hard_mute)
        return self._do.get(call_id)

    def _answer(self, call: Call) -> None:
        self._do.answer(call.params["call"], _read(call, FarEndBody()).after_seconds)

    def _decline(self, call: Call) -> None:
        body = _read(call, FarEndBody())
        self._do.decline(call.params["call"], body.reason, body.after_seconds)

    def _lobby(self, call: Call) -> None:
        self._do.lobby(call.params["call"], call.read(ParticipantBody).participant)

    def _admit(self, call: Call) -> Any:
        return {"admitted": self._do.admit(call.params["call"], _read(call, ParticipantBody()).participant or None)}

    def _drop(self, call: Call) -> None:
        body = _read(call, ParticipantBody())
        self._do.drop(call.params["call"], body.participant or None, body.reason)

    def _person(self, call: Call) -> Any:
        body = call.read(PersonBody)
        return {
            "participant": self._do.person(
                body.call, body.who, body.do, name=body.name, role=body.role, value=body.value
            )
        }

    def _conference(self, call: Call) -> None:
        fields = msgspec.structs.asdict(call.read(ConferenceBody))
        self._do.meeting_set(fields.pop("meeting"), **fields)

    def _peer(self, call: Call) -> Any:
        body = call.read(PeerBody)
        address = self._do.peer(call.params["address"], body.behaves, body.after_seconds, body.meeting, body.passcode)
        return {"address": address}


def _read(call: Call, default: Any) -> Any:
    """Read a body that may be left out."""
    return call.read(type(default)) if call.body else default
