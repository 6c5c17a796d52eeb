"""Actions that run on a device: started, waited for, ended, remembered."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

from endpoint.cloud.activation import ActivationRefused
from endpoint.cloud.http import SwitchedOff
from endpoint.device.control_actions import KINDS, Kind
from endpoint.device.control_messages import SHOWN_CHARS_MAX, Action, ControlError, read_members
from endpoint.device.device import Device
from endpoint.device.online import NotActivated
from endpoint.runtime.errors import EndpointError, Refused
from endpoint.runtime.tasks import Tasks
from endpoint.wire.activation.code import MalformedCode
from endpoint.wire.errors import LocalProtocolError, WireError

WAIT_S_MAX: Final = 300.0
"""How long a request waits for its action, on the device's clock; after that it is told where to look."""
KEPT_MAX: Final = 100
"""Actions that are remembered."""


@dataclass(slots=True)
class Run:
    """One action that was asked for."""

    id: int
    action: str
    state: Literal["running", "done", "failed", "cancelled"] = "running"
    result: dict[str, Any] = field(default_factory=dict)
    error: ControlError | None = None
    task: asyncio.Task[None] | None = None

    def view(self) -> dict[str, Any]:
        """Show how it stands: `result` when it is done, `error` when it is not going to be."""
        shown: dict[str, Any] = {"id": self.id, "action": self.action, "state": self.state}
        if self.state == "done":
            shown["result"] = self.result
        if self.error is not None:
            shown["error"] = self.error.body()
        return shown


class Runs:
    """The actions of one device.

    One of a kind runs at a time. One that takes the power away ends the others first, as a power cut does.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._tasks = Tasks()
        self._runs: dict[int, Run] = {}
        self._made = 0

    def shown(self) -> list[dict[str, Any]]:
        """Show the actions that are remembered, the last one first."""
        return [run.view() for run in reversed(self._runs.values())]

    def find(self, run_id: str) -> Run:
        """Return an action by its id.

        Raises:
            ControlError: there is none, or it is forgotten.
        """
        run = self._runs.get(int(run_id)) if re.fullmatch(r"[0-9]{1,9}", run_id) else None
        if run is None:
            raise ControlError(404, "unknown_action", f"no action {run_id[:SHOWN_CHARS_MAX]!r} is remembered")
        return run

    async def start(self, body: Mapping[str, Any]) -> Run:
        """Start an action, and wait for its end unless it is told not to, or it takes too long.

        Raises:
            ControlError: the action is not known, or cannot begin in the device's present state.
        """
        name = body.get("action")
        kind = KINDS.get(name) if isinstance(name, str) else None
        if kind is None or not isinstance(name, str):
            raise ControlError(400, "unknown_action", "the body: `action` names what to do", KINDS)
        asked = read_members(body, kind.body)
        self._check(name, kind)
        run = self._remember(name)
        if kind.power:
            await self._end_others(run)
        run.task = self._tasks.start(self._run(run, kind, asked), f"action {name}")
        run.task.add_done_callback(partial(self._ended, run))
        if asked.wait:
            await self._wait(run.task)
        return run

    def _check(self, name: str, kind: Kind) -> None:
        device = self._device
        for run in self._runs.values():
            if run.state == "running" and (run.action == name or KINDS[run.action].power):
                raise ControlError(409, "busy", f"{run.action} is under way (action {run.id})")
        if kind.from_up != device.is_up:
            state = "up; shut it down or restart it" if device.is_up else "off; boot it first"
            raise ControlError(409, "is_up" if device.is_up else "is_off", f"the device is {state}")
        if kind.needs_account and not device.is_activated:
            raise ControlError(409, "not_activated", "the device has no account; activate it first")

    def _remember(self, name: str) -> Run:
        self._made += 1
        run = self._runs[self._made] = Run(self._made, name)
        over = len(self._runs) - KEPT_MAX
        for ended in [known.id for known in self._runs.values() if known.state != "running"][: max(0, over)]:
            del self._runs[ended]
        return run

    async def _end_others(self, power: Run) -> None:
        """End what runs; `power` is in the books already, so that nothing new begins meanwhile."""
        doomed = [run.task for run in self._runs.values() if run is not power and run.task is not None]
        for task in doomed:
            task.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)

    async def _run(self, run: Run, kind: Kind, asked: Action) -> None:
        data = {"action": run.action, "id": run.id}
        self._device.world.trace.led_to_by(self._note("control.action", data))
        try:
            run.result = await kind.do(self._device, asked)
            run.state = "done"
        except (EndpointError, WireError) as error:
            run.state, run.error = "failed", refusal(error)

    def _ended(self, run: Run, task: asyncio.Task[None]) -> None:
        if task.cancelled():  # perhaps before it had begun
            run.state, run.error = "cancelled", ControlError(409, "cancelled", "the device lost its power meanwhile")
        elif task.exception() is not None:  # shown by the tasks
            run.state, run.error = "failed", ControlError(500, "internal", "a defect of roomsim; see its error output")
        data = {"action": run.action, "id": run.id, "state": run.state}
        self._note("control.ended", {**data, "code": run.error.code} if run.error is not None else data)

    def _note(self, kind: str, data: Mapping[str, Any]) -> int:
        return self._device.world.trace.event(self._device.who, kind, peer="client:control", data=data)

    async def _wait(self, task: asyncio.Task[None]) -> None:
        try:
            async with self._device.world.clock.timeout(WAIT_S_MAX):
                await asyncio.wait({task})
        except TimeoutError:
            return  # the answer says that it still runs

    async def stop(self) -> None:
        """End every action."""
        await self._tasks.cancel()


def refusal(error: EndpointError | WireError) -> ControlError:
    """Turn an error of the device into an answer: 409 where its state forbids, 422 where it tried and the answer was no."""
    match error:
        case ControlError():
            return error
        case MalformedCode():
            return ControlError(422, "code.malformed", str(error))
        case ActivationRefused():
            return ControlError(422, error.code, error.text)
        case Refused(status=0):  # the device itself refuses: the same is under way
            return ControlError(409, error.code, error.message)
        case Refused():
            return ControlError(422, error.code or str(error.status), f"the cloud answered {error}")
        case NotActivated():
            return ControlError(409, "not_activated", str(error))
        case SwitchedOff():
            return ControlError(409, "is_off", str(error))
        case LocalProtocolError():
            return ControlError(409, "conflict", str(error))
    word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()
    return ControlError(422, word, str(error))
