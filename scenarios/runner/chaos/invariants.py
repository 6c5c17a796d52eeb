"""The rules that hold at any moment, whatever is broken: asked after every step, each by its name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile
from typing import Final

from endpoint.cloud.mercury_table import State
from endpoint.device.device import Device
from endpoint.runtime.trace import Event
from endpoint.xapi.tree import Tree
from scenarios.runner.chaos.limits import LOOK_AFTER, Meter, overfull
from scenarios.runner.chaos.told import Told
from scenarios.runner.problems import Place
from scenarios.runner.stage import Stage
from scenarios.runner.whole_run import dropped, monotone, secrets

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
_COUNTERS: Final = ("SystemUnit", "State")
_NOWHERE: Final = Place("history", 1, 1)


class Rules:
    """The rules of one run, and how much of its history they have seen."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.meter = Meter(len(stage.scenario.devices))
        self.told = Told(stage)
        self.new: tuple[Event, ...] = ()
        """Events since the last time, after the last one that was seen."""
        self._seen = self._looked = 0
        self._last: tuple[Event, ...] = ()
        stage.trace.subscribe(lambda event: self.meter.look())

    def broken(self, *, is_last: bool = False) -> list[str]:
        """Ask every rule; return what must not be, in plain words, nothing when all is well.

        Args:
            is_last: nobody asks again, so that nothing may be left for later.
        """
        trace = self.stage.trace
        if is_last:
            self._looked = 0
        self.new = tuple(takewhile(lambda event: event.n > self._seen, reversed(trace.events)))[::-1]
        found = [what for rule in RULES.values() for what in rule(self)]
        self._seen, self._last = trace.last, self.new[-1:] or self._last
        return found

    def is_worth_a_look(self) -> bool:
        """Say whether so much has happened that somebody may hold more than before."""
        trace = self.stage.trace
        if self._looked and trace.last - self._looked < LOOK_AFTER:
            return False
        self._looked = max(1, trace.last)
        return True

    @property
    def in_turn(self) -> tuple[Event, ...]:
        """The new events, after the last one of those before."""
        return self._last + self.new


Rule = Callable[[Rules], Iterator[str]]


def _no_secret(rules: Rules) -> Iterator[str]:
    """Nothing secret is in the history."""
    yield from rules.told.secrets(rules.new)
    for finding in secrets(rules.new, _NOWHERE):
        yield from (f"what looks like a secret: {unmet.nearest}" for unmet in finding.unmet)


def _no_flood(rules: Rules) -> Iterator[str]:
    """No queue grows without a bound, and none is hit."""
    stage = rules.stage
    yield from rules.meter.violations()
    if stage.trace.dropped:
        yield f"the first {stage.trace.dropped} events of the history were dropped"
    for finding in dropped(rules.new, _NOWHERE):
        yield from (f"a bound was hit: {unmet.nearest}" for unmet in finding.unmet)
    if rules.is_worth_a_look():
        yield from overfull([stage.devices, stage.cloud, stage.faults, stage.names, asyncio.get_running_loop()])


def _no_orphan(rules: Rules) -> Iterator[str]:
    """A device that is off has no task and no stream."""
    for name, device in rules.stage.devices.items():
        if not device.is_off:
            continue
        if device.tasks.running:
            yield f"{name}: it is off, and still does: {', '.join(device.tasks.running)}"
        streams = device.world.net.open_streams
        if streams:
            yield f"{name}: it is off, and has streams to {', '.join(streams)}"


def _no_lie(rules: Rules) -> Iterator[str]:
    """The status tree shows what the machines are."""
    for name, device in rules.stage.devices.items():
        if device.is_up:
            yield from (f"{name}: {what}" for what in (*_of_the_cloud(device), *_of_the_room(device)))


def _no_way_back(rules: Rules) -> Iterator[str]:
    """Ordinals and instants of the history rise."""
    for finding in monotone(rules.in_turn, _NOWHERE):
        yield from (f"the history goes back: {unmet.nearest}" for unmet in finding.unmet)


RULES: Final[Mapping[str, Rule]] = {
    "secrets": _no_secret,
    "bounds": _no_flood,
    "orphans": _no_orphan,
    "status": _no_lie,
    "order": _no_way_back,
}
"""What is demanded after every step."""


def _of_the_cloud(device: Device) -> Iterator[str]:
    """Compare the status tree with the machines of the device's way online."""
    tree = device.status
    shown = tree.get(("Webex", "Status"))
    if shown != device.webex.status.value:
        yield f"Webex Status shows {shown}, the machine is {device.webex.status.value}"
    complains = "WebexNotificationConnectivity" in device.diagnostics.types
    if device.mercury.state in SILENT and not complains and not BELOW & set(device.diagnostics.types):
        yield f"Mercury is {device.mercury.state.value}, and no diagnostics message says so"
    if device.mercury.state is State.OPEN and complains:
        yield "Mercury is open, and a diagnostics message says otherwise"
    provisioned = tree.get(("Provisioning", "Status"))
    if device.registration.device is not None and device.identity.account is not None and provisioned != "Provisioned":
        yield f"Provisioning Status shows {provisioned}, the device is registered"


def _of_the_room(device: Device) -> Iterator[str]:
    """Compare the status tree with what goes on in the room."""
    tree, local = device.status, device.local
    calls = {int(str(one["id"])): str(one["status"]) for one in local.calls.shown()}
    shown = {int(path[1]) for path, _ in tree.below(("Call",)) if len(path) > 2}
    if shown != set(calls):
        yield f"Call nodes {sorted(shown)}, calls {sorted(calls)}"
    for number in sorted(shown & set(calls)):
        told = tree.get(("Call", number, "Status"))
        if told != calls[number]:
            yield f"Call {number} Status shows {told}, the machine is {calls[number]}"
    counted = tree.get((*_COUNTERS, "NumberOfActiveCalls"))
    if isinstance(counted, int) and counted > len(shown):
        yield f"{' '.join(_COUNTERS)} NumberOfActiveCalls is {counted}, and there are {len(shown)} calls"
    asleep = tree.get(("Standby", "State"))
    if asleep != local.senses.standby.state.value:
        yield f"Standby State shows {asleep}, the machine is {local.senses.standby.state.value}"
    yield from _bookings(device, tree)


def _bookings(device: Device, tree: Tree) -> Iterator[str]:
    bookings = device.local.bookings
    current, shown = bookings.timeline.current, tree.get(("Bookings", "Current", "Id"))
    if shown != (current.id if current is not None else ""):
        yield f"Bookings Current Id shows {shown!r}, the booking of now is {current.id if current is not None else 'none'}"
    state, _ = bookings.availability(device.world.clock.now())
    if current is not None and tree.get(("Bookings", "Availability", "Status")) != state:
        yield f"Bookings Availability Status shows {tree.get(('Bookings', 'Availability', 'Status'))}, it is {state}"
