"""What has to be so at any moment, whatever is broken: told by looking at the parts of a device and at what they show."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from cloud_stub.platform.records import ServerKey
from endpoint.cloud.mercury_table import State
from endpoint.device.device import Device
from endpoint.runtime import shaping
from endpoint.runtime.memory import HIGH_WATER
from endpoint.runtime.virtual import VirtualLoop
from endpoint.xapi.tree import Tree
from scenarios.runner.stage import Stage

TASKS_PER_DEVICE: Final = 60
"""Tasks that one device and its side of the cloud may have running; 20 are usual."""
TASKS_OF_THE_CLOUD: Final = 400
"""Tasks that a cloud with its media nodes may have beside them."""
STREAMS_PER_DEVICE: Final = 200
"""Streams that one device may have open at once, to the cloud, to media nodes and to who talks with it; 12 are usual."""
TIMERS_PER_DEVICE: Final = 400
"""Timers that may be planned for one device and its side of the cloud; 80 are usual."""
UNREAD_MAX: Final = HIGH_WATER + 4 * 1024 * 1024
"""Bytes that may wait at one end of a stream: what flow control allows, and one body of the largest size beyond it."""
SILENT: Final = frozenset({State.WAITING, State.REFUSED, State.REPLACED})
"""States of Mercury in which nothing can be pushed, and the device says so."""
BELOW: Final = frozenset(
    {
        "NetLinkStatus",
        "IPv4Assignment",
        "NetworkConnectivity",
        "CaptivePortalDetected",
        "HttpProxyStatus",
        "WebexConnectivity",
    }
)
"""Messages of lower layers: while one of them stands, nothing is said of what could not even be tried."""
CODE_DIGITS: Final = 16
_ACTIVE: Final = ("SystemUnit", "State", "NumberOfActiveCalls")


class Meter:
    """Measures at every event of a history what is open and what is planned, for streams come and go within one step."""

    def __init__(self, devices: int) -> None:
        self.devices = max(1, devices)
        self.streams = 0
        """The most ends of streams that were open at once; each stream has two."""

    def look(self) -> None:
        """Look at the network."""
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualLoop):
            self.streams = max(self.streams, len(loop.network.streams))

    def violations(self) -> Iterator[str]:
        """Yield what is more than it may be, or was so since the beginning."""
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualLoop):
            return
        unread = max((end.waiting for end in loop.network.streams), default=0)
        timers, streams = len(loop.timers()), self.streams // 2
        for found, allowed, what in (
            (streams, STREAMS_PER_DEVICE * self.devices, "streams were open at once"),
            (timers, TIMERS_PER_DEVICE * self.devices, "timers are planned"),
            (unread, UNREAD_MAX, "bytes wait at one end of a stream"),
        ):
            if found > allowed:
                yield f"{found} {what}; {allowed} are allowed"


def violations(stage: Stage) -> list[str]:
    """Return what must not be, in plain words; nothing when all is well."""
    found = [f"{name}: {what}" for name, device in stage.devices.items() if device.is_up for what in _of_device(device)]
    tasks, allowed = len(asyncio.all_tasks()), TASKS_OF_THE_CLOUD + TASKS_PER_DEVICE * len(stage.devices)
    if tasks > allowed:
        found.append(f"{tasks} tasks are running; {allowed} are allowed")
    return found


def _of_device(device: Device) -> Iterator[str]:
    """Compare the status tree with the machines that it shows."""
    tree = device.status
    shown = tree.get(("Webex", "Status"))
    if shown != device.webex.status.value:
        yield f"Webex Status shows {shown}, the machine is {device.webex.status.value}"
    complains = "WebexNotificationConnectivity" in device.diagnostics.types
    if device.mercury.state in SILENT and not complains and not BELOW & set(device.diagnostics.types):
        yield f"Mercury is {device.mercury.state.value}, and no diagnostics message says so"
    if device.mercury.state is State.OPEN and complains:
        yield "Mercury is open, and a diagnostics message says otherwise"
    yield from _calls(device, tree)


def _calls(device: Device, tree: Tree) -> Iterator[str]:
    shown = {int(path[1]) for path, _ in tree.below(("Call",)) if len(path) > 2}
    held = {int(str(one["id"])) for one in device.local.calls.shown()}
    if shown != held:
        yield f"Call nodes {sorted(shown)}, calls {sorted(held)}"
    counted = tree.get(_ACTIVE)
    if isinstance(counted, int) and counted > len(shown):
        yield f"{' '.join(_ACTIVE)} is {counted}, and there are {len(shown)} calls"


def secrets_of(stage: Stage) -> Iterator[tuple[str, str]]:
    """Yield the secrets that both sides hold, each with what it is; none of them may be in the history."""
    for name, value in stage.saved.items():
        digits = str(value).replace(" ", "")
        if len(digits) == CODE_DIGITS and digits.isdecimal():
            yield f"the code {name}", digits
            yield f"the secret half of {name}", digits[CODE_DIGITS // 2 :]
    for name, device in stage.devices.items():
        if device.state.account is not None:
            token = device.state.account.token
            yield f"the access token of {name}", token.access_token.reveal()
            if token.refresh_token is not None:
                yield f"the refresh token of {name}", token.refresh_token.reveal()
    for key in stage.cloud.platform.store[ServerKey]:
        if key.id in ("ca key", "admin token"):
            yield f"the {key.id} of the cloud", key.text


def told_secrets(stage: Stage) -> list[str]:
    """Return which secrets are in the history."""
    held = list(secrets_of(stage))
    found: set[str] = set()
    for event in stage.trace.events:
        line = event.as_json()
        found.update(what for what, secret in held if secret in line)
    return [f"{what} is in the history" for what, _ in held if what in found]


def leftovers() -> list[str]:
    """Return the tasks, sockets and timers that a run has left behind; to be asked when everything has been taken down."""
    mine = asyncio.current_task()
    left = [task.get_coro() for task in asyncio.all_tasks() if task is not mine and not task.done()]
    return sorted(_named(work) for work in left) + list(_open_sockets())


def _open_sockets() -> Iterator[str]:
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        return
    network = loop.network
    yield from (f"a listener on {host}:{port}" for host, port in network.listeners)
    yield from (f"a datagram socket on {host}:{port}" for host, port in network.bound)
    for end in network.streams:
        if not end.is_closing():
            yield f"a stream of {_named(type(end.get_protocol()))}"
    for timer in loop.timers():
        callback = timer._callback  # type: ignore[attr-defined]  # told nowhere else
        module = str(getattr(callback, "__module__", ""))
        # What is late under way, as packets and the cloud's delayed answers are, belongs to nobody.
        if module.startswith("endpoint.") and module != shaping.__name__:
            yield f"a timer of {_named(callback)}"


def _named(what: object) -> str:
    return str(getattr(what, "__qualname__", what))
