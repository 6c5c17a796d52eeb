"""What somebody did to a recorded device, done again to the device of a replay: commands, and the Join button."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from endpoint.device.device import Device
from endpoint.runtime.clock import Clock
from endpoint.runtime.errors import EndpointError
from endpoint.wire.errors import WireError
from endpoint.wire.xapi.paths import parse_path
from scenarios.runner.recording.model import Command, Press, Recording
from scenarios.runner.xapi_client import caller

CALL_ID: Final = "CallId"
LATE_S: Final = 1e-6
"""A deed comes so much later than it was done: in virtual time what led to it may be of the same instant."""


async def do_again(device: Device, clock: Clock, recording: Recording) -> list[str]:
    """Do what was done, each at its time; return what could not be done, in lines."""
    deeds: list[Command | Press] = [*recording.presses, *recording.commands]
    deeds = sorted((one for one in deeds if one.device == device.who), key=lambda one: one.t_us)
    missed: list[str] = []
    for deed in deeds:
        await clock.sleep(max(0.0, deed.t_us / 1e6 - clock.time()) + LATE_S)
        try:
            if isinstance(deed, Press):
                _press(device, deed)
            elif deed.hidden:
                missed.append(f"xCommand {deed.path} was not given again: {', '.join(deed.hidden)} is secret")
            else:
                await _give(device, deed)
        except (EndpointError, WireError, ValueError) as error:
            what = "the Join button" if isinstance(deed, Press) else f"xCommand {deed.path}"
            missed.append(f"{what}, {deed.t_us / 1e6:.3f} s into the recording: {error}")
    return missed


def _press(device: Device, press: Press) -> None:
    bookings = device.local.bookings
    device.local.senses.standby.activity()
    bookings.button.press(next((one for one in bookings.store if one.meeting_id == press.meeting), None))


async def _give(device: Device, command: Command) -> None:
    """Give a command; a call that is called otherwise in this run is the only one that there is."""
    given = dict(command.args)
    calls = [str(one["id"]) for one in device.local.calls.shown()]
    if CALL_ID in given and str(given[CALL_ID]) not in calls and len(calls) == 1:
        given[CALL_ID] = calls[0]
    commands = device.xapi.commands
    outcome = commands.call(commands.prepare(parse_path(command.path), given, None, caller("admin", "replay")))
    if isinstance(outcome, Awaitable):
        await outcome
