"""Calls at the control door: what it shows of them, and what it lets people in the room do.

Everything that is done goes through the commands of the xAPI, as a touch of the panel does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Final, Literal

from endpoint.device.control_messages import Action, ControlError
from endpoint.device.device import Device
from endpoint.room.callentry import details
from endpoint.wire.xapi.calls import ADMIN, Caller
from endpoint.wire.xapi.errors import XapiError
from endpoint.wire.xapi.paths import parse_path

CALL_ID_MAX: Final = 65_534
"""Of `Call[n]` (protocol/xapi.md 8.1)."""
CALLER: Final = Caller("", frozenset(ADMIN), "control", "control")


class Dial(Action, kw_only=True, frozen=True):
    """Dial a number, an address or a link; `booking` is the id of the booking that it is of."""

    number: str
    protocol: Literal["auto", "spark", "sip"] = "auto"
    booking: str = ""


class OneCall(Action, kw_only=True, frozen=True):
    """Do something with a call, by its id at the device; without one the device takes the call that fits."""

    call: str | int = ""


COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "answer": ("Call Accept", "take a call that rings"),
    "decline": ("Call Reject", "refuse a call that rings"),
    "ignore": ("Call Ignore", "silence a call that rings"),
    "hold": ("Call Hold", "put a call on hold"),
    "resume": ("Call Resume", "take a call back from hold"),
    "hangup": ("Call Disconnect", "hang up"),
}
"""Actions on one call: the command, and what it does."""


async def dial(device: Device, asked: Action) -> dict[str, Any]:
    """Dial."""
    assert isinstance(asked, Dial)
    given: dict[str, Any] = {"Number": asked.number}
    if asked.protocol != "auto":
        given["Protocol"] = asked.protocol.capitalize()
    if asked.booking:
        given["BookingId"] = asked.booking
    answer = await _command(device, "Dial", given)
    return {"call": answer.get("CallId"), "conference": answer.get("ConferenceId")}


async def act(device: Device, asked: Action) -> dict[str, Any]:
    """Do what is asked for with one call."""
    assert isinstance(asked, OneCall)
    call = _call_id(asked.call)
    if call is None and asked.action == "ignore":  # the command wants to know which
        call = next((int(one["id"]) for one in calls_view(device) if one["status"] == "Ringing"), None)
        if call is None:
            raise ControlError(409, "no_call", "no call rings")
    await _command(device, COMMANDS[asked.action][0], {} if call is None else {"CallId": call})
    return {} if call is None else {"call": call}


def _call_id(given: str | int) -> int | None:
    text = str(given)
    if not text:
        return None
    if text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= CALL_ID_MAX:
        return int(text)
    raise ControlError(422, "bad_call", f"call is the id of a call, from 0 to {CALL_ID_MAX}; GET /calls shows them")


async def _command(device: Device, path: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    device.local.senses.standby.activity()
    commands = device.xapi.commands
    try:
        outcome = commands.call(commands.prepare(parse_path(path), given, None, CALLER))
        return (await outcome if isinstance(outcome, Awaitable) else outcome) or {}
    except XapiError as error:
        raise ControlError(422, "command_failed", f"{path}: {error}") from None


_NAMES: Final = {"display_name": "displayName", "answer_state": "answerState", "duration_s": "durationSeconds"}


def calls_view(device: Device) -> list[dict[str, Any]]:
    """Show the calls, oldest first, with who is in them; names are in camel case, as everywhere at the door."""
    return [{_NAMES.get(name, name): value for name, value in call.items()} for call in device.local.calls.shown()]


def history_view(device: Device) -> list[dict[str, Any]]:
    """Show the call history, newest first, with the names of `CallHistory Get`."""
    now = device.world.clock.now()
    return [details(entry, now, device.zone, is_full=False) for entry in reversed(device.local.call_history.entries)]


def call_screen(device: Device) -> dict[str, Any]:
    """Show what people see of calls: the call bar, the call that rings, the question of a meeting."""
    shown = device.local.calls.screen()
    return {"callBar": shown["call bar"], "incoming": shown["incoming"], "prompt": shown["prompt"]}
