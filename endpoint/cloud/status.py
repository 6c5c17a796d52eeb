"""Webex Status: what the device says of its relation to the cloud.

Source: protocol/activation-and-media.md 15.1 (values documented, transitions ours), line R45.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from endpoint.runtime.clock import Timer
from endpoint.runtime.statetable import Machine, Next, Table
from endpoint.runtime.world import World

SILENCE_S: Final = 60.0  # protocol 15.1: no cloud service has answered for this long
LINK_SILENCE_S: Final = 30.0  # protocol 15.1: after link loss
DOUBT_S: Final = 10.0
"""Seconds before the end of a silence at which somebody is asked, where only the websocket has failed so far."""


class Status(Enum):
    """The literals of xStatus Webex Status that a cloud device shows."""

    STOPPED = "Stopped"
    REGISTERING = "Registering"
    REGISTERED = "Registered"
    ERROR = "Error"


class Started:
    """An activation runs, or the device has booted with an identity."""


class GivenUp:
    """The activation failed or was cancelled."""


class Registered:
    """The cloud holds a registration."""


class Unregistered:
    """The registration is lost, or was given up."""


class Answered:
    """A cloud service answered after a silence."""


class Silence:
    """No cloud service has answered for a minute."""


class Removed:
    """There is no account any more."""


_ANY: Final = tuple(Status)

TABLE: Final = Table(
    "webex status",
    Status.STOPPED,
    {
        (Status.STOPPED, Started): Next(Status.REGISTERING),
        (Status.STOPPED, GivenUp): Next(Status.STOPPED),
        (Status.STOPPED, Unregistered): Next(Status.STOPPED),
        (Status.STOPPED, Answered): Next(Status.STOPPED),
        (Status.STOPPED, Silence): Next(Status.STOPPED),
        (Status.STOPPED, Removed): Next(Status.STOPPED),
        (Status.REGISTERING, Started): Next(Status.REGISTERING),
        (Status.REGISTERING, GivenUp): Next(Status.STOPPED),
        (Status.REGISTERING, Registered): Next(Status.REGISTERED),
        (Status.REGISTERING, Unregistered): Next(Status.REGISTERING),
        (Status.REGISTERING, Answered): Next(Status.REGISTERING),
        (Status.REGISTERING, Silence): Next(Status.ERROR),
        (Status.REGISTERING, Removed): Next(Status.STOPPED),
        (Status.REGISTERED, Started): Next(Status.REGISTERED),
        (Status.REGISTERED, Registered): Next(Status.REGISTERED),
        (Status.REGISTERED, Unregistered): Next(Status.REGISTERING),
        (Status.REGISTERED, Answered): Next(Status.REGISTERED),
        (Status.REGISTERED, Silence): Next(Status.ERROR),
        (Status.REGISTERED, Removed): Next(Status.STOPPED),
        (Status.ERROR, Started): Next(Status.REGISTERING),
        (Status.ERROR, Registered): Next(Status.REGISTERED),
        (Status.ERROR, Unregistered): Next(Status.ERROR),
        (Status.ERROR, Answered): Next(Status.REGISTERING),
        (Status.ERROR, Silence): Next(Status.ERROR),
        (Status.ERROR, Removed): Next(Status.STOPPED),
    },
)


class WebexStatus:
    """Watch what happens between one device and the cloud, and put it into one word."""

    def __init__(
        self,
        world: World,
        *,
        has_account: Callable[[], bool],
        is_registered: Callable[[], bool],
        on_change: Callable[[Status], object],
        ask: Callable[[], object] = lambda: None,
    ) -> None:
        self._world = world
        self._has_account = has_account
        self._is_registered = is_registered
        self._on_change = on_change
        self._ask = ask
        self._machine = Machine(TABLE, self._changed)
        self._silence: Timer | None = None
        self._doubt: Timer | None = None
        self._answered_s = 0.0

    @property
    def status(self) -> Status:
        """The present word."""
        return self._machine.state

    def _changed(self, machine: str, before: Status, event: object, after: Status) -> None:
        world = self._world
        data = {"machine": machine, "from": before.value, "event": type(event).__name__, "to": after.value}
        world.trace.event(world.who, "machine", data=data)
        world.log.line("Wx2", "I", f"Webex status {before.value} -> {after.value}")
        self._on_change(after)

    def feed(self, event: object) -> None:
        """Take what happened."""
        if isinstance(event, (Removed, GivenUp)):
            self.stop()
        self._machine.feed(event)

    def reached(self, answered: bool, asked_s: float, *, is_push: bool = False) -> None:
        """Take note of a request: the cloud answered, or nobody did.

        A silence begins with the last answer, or with the first request after it that met none; what nobody asked for is none. A websocket
        that does not come about while nothing else is asked proves no silence (fault table row 12): before it is believed, a service is
        asked.

        Args:
            asked_s: second of the clock at which the request was made.
            is_push: it was made for the websocket.
        """
        clock, state = self._world.clock, self._machine.state
        if answered:
            self._answered_s = clock.time()
            self.stop()
            if state is Status.ERROR:
                self._machine.feed(Answered())
                if self._is_registered():
                    self._machine.feed(Registered())
        elif self._has_account() and self._silence is None and state is not Status.ERROR:
            left_s = max(self._answered_s, asked_s) + SILENCE_S - clock.time()
            self._silence = clock.call_later(left_s, self._silent)
            if is_push:
                self._doubt = clock.call_later(left_s - DOUBT_S, self._ask)
        elif not is_push:
            self._believe()

    def link_lost(self) -> None:
        """Take note that the cable is out: nobody can answer, so nobody need be asked."""
        if self._has_account() and self.status is not Status.ERROR:
            self.stop()
            self._silence = self._world.clock.call_later(LINK_SILENCE_S, self._silent)

    def link_found(self) -> None:
        """Take note that the network is back: whether somebody answers is to be seen."""
        self.stop()

    def _silent(self) -> None:
        self._silence = None
        self._believe()
        if self._has_account():
            self._machine.feed(Silence())

    def stop(self) -> None:
        """Stop waiting for the end of a silence."""
        self._believe()
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _believe(self) -> None:
        """Ask nobody whether a silence is one."""
        if self._doubt is not None:
            self._doubt.cancel()
            self._doubt = None
