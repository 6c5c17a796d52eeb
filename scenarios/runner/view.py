"""The present state of both sides, as expectations and reports see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cloud_stub.platform.errors import CloudError
from endpoint.device.device import Device
from endpoint.room.callentry import details
from endpoint.runtime.trace import Event
from endpoint.wire.calliope import Transport, best_nodes
from endpoint.wire.why_report import Report
from endpoint.wire.xapi.paths import Path, words
from endpoint.xapi.tree import Tree
from scenarios.runner.call_parts import call_events
from scenarios.runner.matchers import MISSING
from scenarios.runner.stage import Stage
from scenarios.runner.wellness import ailments
from scenarios.runner.why_stage import why

_MACHINES = {
    "activation": lambda device: device.activation.state.value,
    "registration": lambda device: device.registration.state.value,
    "mercury": lambda device: device.mercury.state.value,
    "webex status": lambda device: device.webex.status.value,
    "discovery": lambda device: device.reachability.view.status,
}


class StageView:
    """Reads states straight from the parts; events come from the trace."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def _device(self, name: str) -> Device:
        return self._stage.devices[name]

    def xstatus(self, device: str, below: Path = ()) -> Mapping[str, object]:
        """Return the leaves of the status tree at or below a path, by canonical path."""
        return _leaves(self._device(device).status, below)

    def xconfig(self, device: str, below: Path = ()) -> Mapping[str, object]:
        """Return the leaves of the configuration tree at or below a path."""
        return _leaves(self._device(device).configuration, below)

    def machine(self, device: str, name: str) -> str | None:
        """Return the state of a lifecycle, None when there is no such one."""
        wanted = name.casefold().replace("_", " ")
        if wanted.startswith("cloud "):
            state = self.cloud(f"{wanted.removeprefix('cloud ')}.state")
            return None if state is MISSING else str(state)
        if wanted.startswith("call "):
            return self._stage.calls.state(device, self._stage.calls.machine(device, name))
        read = _MACHINES.get(wanted)
        if read is None:  # of the others the history tells
            return self._stage.lifecycles.get((self._device(device).who, wanted))
        return str(read(self._device(device)))

    def discovery(self, device: str) -> Mapping[str, object]:
        """Return the numbers of the last discovery."""
        reachability = self._device(device).reachability
        view, result = reachability.view, reachability.result
        found: dict[str, object] = {"status": view.status, "best": list(best_nodes(view.best).values())}
        if result is not None:
            answered = dict.fromkeys(Transport, 0)
            for answer in result.answers:
                answered[answer.server.transport] += 1
            found |= {
                "asked": len(result.asked),
                "answered": len(result.answers),
                "silent": len(result.asked) - len(result.answers),
                "udp": answered[Transport.UDP],
                "tcp": answered[Transport.TCP],
                "xtls": answered[Transport.XTLS],
                "took": round(result.took_s, 6),  # the trace counts microseconds; more digits look like a code
            }
        return found

    def screen(self, device: str) -> Mapping[str, Mapping[str, object]]:
        """Return the elements on the screen."""
        return self._device(device).screen()

    def bookings(self, device: str) -> list[Mapping[str, object]]:
        """Return the bookings as `Bookings List` tells them."""
        bookings = self._device(device).local.bookings
        return [*bookings.fields_of(bookings.store)]

    def calls(self, device: str) -> list[Mapping[str, object]]:
        """Return the calls that a device has, with their ordinals."""
        shown = self._device(device).local.calls.shown()
        return [{"call": self._stage.calls.ordinal(device, one["id"]), **one} for one in shown]

    def history(self, device: str) -> list[Mapping[str, object]]:
        """Return the call history, newest first."""
        own = self._device(device)
        now = own.world.clock.now()
        return [details(entry, now, own.zone, is_full=False) for entry in reversed(own.local.call_history.entries)]

    def metrics(self, device: str) -> list[Mapping[str, object]]:
        """Return the events of calls that the metrics service has of a device."""
        user_id = self._stage.ids.get(f"account of {device}")
        return [
            event for event in call_events(self._stage.cloud) if event.get("identifiers", {}).get("userId") == user_id
        ]

    def cloud(self, path: str) -> object:
        """Return a value of the stub's state by dotted path, MISSING when there is none.

        The second word may be the scenario's own name of a code, a meeting or a device: `code.stale.state`, `device.desk.online`.
        """
        kind, _, rest = path.partition(".")
        name, dot, word = rest.partition(".")
        try:
            if dot:
                path = f"{kind}.{self._id(kind, name)}.{word}"
            return self._stage.cloud.use_cases.query(path)
        except CloudError:
            return MISSING

    def why(self, device: str, meeting: str, *, thoroughly: bool = True) -> Report:
        """Return the answer to "why is there no Join button?" about a meeting."""
        return why(self._stage, meeting, device, thoroughly=thoroughly)

    def past(self) -> Sequence[Event]:
        """Return the history so far."""
        return self._stage.trace.events

    def now(self) -> int:
        """Return the microseconds since the start of the run."""
        return self._stage.now_us

    def ailments(self, device: str) -> list[str]:
        """Return what keeps a device from being well."""
        return ailments(self._stage, device)

    def _id(self, kind: str, name: str) -> str:
        if kind not in ("device", "mailbox") or name not in self._stage.devices:
            return self._stage.ids.get(name, name)
        if kind == "mailbox":
            return self._stage.ids.get(f"workspace of {name}", name)
        user_id = self._stage.ids.get(f"account of {name}")
        devices = self._stage.cloud.use_cases.devices()
        return next((device.id for device in devices if device.user_id == user_id), name)


def _leaves(tree: Tree, below: Path) -> dict[str, object]:
    return {words(path): value for path, value in tree.below(below)}
