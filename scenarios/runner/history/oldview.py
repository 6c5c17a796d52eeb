"""States as a history tells them, for those who judge it again: built from `xapi.status`, `machine`, `screen` and `stun.discovery` events.

A run reads states from the parts themselves; a history has only what changed. What it does not tell is never guessed: `NotTold` for
kinds of states that are not in it, and `untold` for those that had not changed by then.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from endpoint.runtime.trace import Event
from endpoint.wire.why_report import Report
from endpoint.wire.xapi.paths import Path
from scenarios.runner.callbook import CallBook
from scenarios.runner.matchers import MISSING
from scenarios.runner.watches import Moment

LISTS: Final = (("Call",), ("Conference", "Call"), ("Diagnostics", "Message"), ("Conference", "Presentation"))
"""Lists of the status tree that are empty at first: an element that was never told of is not there."""


DISCOVERY: Final = "Experimental CalliopeDiscovery Status"
"""The leaf that says how far a discovery is."""


class NotTold(Exception):
    """A history does not have this; the text says what."""


class _Leaves(dict[str, object]):
    """The leaves that were told; notes which others were asked for."""

    def __init__(self, untold: set[str]) -> None:
        super().__init__()
        self.untold = untold
        self.known: dict[str, int] = {}
        self.has_lists = True

    def put(self, path: str, value: object, n: int) -> None:
        self.known[path.casefold()] = n
        if value is None:
            self.pop(path, None)
        else:
            self[path] = value

    def boots(self, after: object) -> None:
        """Forget what was told before a boot: the tree is a new one. Without a word when it began, nothing is known for sure."""
        self.has_lists = isinstance(after, int)
        for path in list(self):
            if not isinstance(after, int) or self.known[path.casefold()] <= after:
                del self[path]
        self.known = {path: n for path, n in self.known.items() if isinstance(after, int) and n > after}

    def __contains__(self, path: object) -> bool:
        if super().__contains__(path):
            return True
        words = tuple(str(path).split())
        is_element = self.has_lists and any(words[: len(head)] == head for head in LISTS)
        if str(path).casefold() not in self.known and not is_element:
            self.untold.add(f"xStatus {path} had not changed by then")
        return False


class _Screen(dict[str, Mapping[str, object]]):
    """The elements that were told; notes which others were asked for."""

    def __init__(self, untold: set[str]) -> None:
        super().__init__()
        self.untold = untold

    def __missing__(self, name: str) -> Any:
        self.untold.add(f"the {name} had not changed by then")
        return MISSING


class HistoryView:
    """The states after the events that were taken so far."""

    def __init__(self) -> None:
        self.untold: set[str] = set()
        """What was asked for and had not been told; whoever asks clears it."""
        self.calls_book = CallBook()
        self._leaves: dict[str, _Leaves] = {}
        self._machines: dict[tuple[str, str], object] = {}
        self._screens: dict[str, _Screen] = {}
        self._discoveries: dict[str, dict[str, object]] = {}
        self._all: tuple[Event, ...] = ()
        self._taken = 0
        self.now_us = 0
        """The present instant, for whoever lets time pass between events."""

    def fork(self) -> HistoryView:
        """Return a copy that goes its own way."""
        return copy.deepcopy(self, {id(self._all): self._all})  # events never change

    def begin(self, events: tuple[Event, ...]) -> None:
        """Take from a whole history the states that machines begin in: the first transition of each says where it was."""
        self._all = events
        for event in events:
            if event.kind == "machine" and event.who.startswith("device:"):
                self._machines.setdefault(_key(event), event.data.get("from"))

    def take(self, event: Event) -> None:
        """Take one more event."""
        self._taken += 1
        self.now_us = event.t
        match event.kind:
            case "xapi.status":
                self._of(event.who).put(str(event.data.get("path")), event.data.get("value"), event.n)
            case "device.booted" if event.data.get("boots") != 1:
                self._of(event.who).boots(event.data.get("after"))
            case "machine":
                self._machines[_key(event)] = event.data.get("to")
                self.calls_book.take(event)
            case "screen" | "room.screen" | "device.screen":
                shown = self._screens.setdefault(event.who, _Screen(self.untold))
                shown.update({name: one for name, one in event.data.items() if isinstance(one, Mapping)})
            case "stun.discovery":
                took_ms = event.data.get("took_ms")
                took = {"took": took_ms / 1000} if isinstance(took_ms, int) else {}
                best = event.data.get("best")
                told = {"best": [*best.values()]} if isinstance(best, Mapping) else {}
                self._discoveries[event.who] = {**event.data, **took, **told}
            case "xapi.event":
                self.calls_book.take(event)

    def _of(self, who: str) -> _Leaves:
        return self._leaves.setdefault(who, _Leaves(self.untold))

    # the present state, as expectations read it

    def xstatus(self, device: str, below: Path = ()) -> Mapping[str, object]:
        """Return the leaves of the status tree that have changed."""
        return self._of(f"device:{device}")

    def xconfig(self, device: str, below: Path = ()) -> Mapping[str, object]:
        """Refuse: changes of configurations are not in a history."""
        return _not_told("configurations are")

    def machine(self, device: str, name: str) -> str | None:
        """Return the state of a lifecycle, None when there is none yet."""
        wanted = name.casefold().replace("_", " ")
        if wanted.startswith("call "):
            return self.calls_book.state(device, self.machine_of(device, name))
        who = f"device:{device}"
        if wanted == "discovery":
            return str(self._of(who).get(DISCOVERY, "NotStarted"))
        if wanted.startswith("cloud "):
            who, wanted = "cloud", wanted.removeprefix("cloud ")
        if (who, wanted) not in self._machines:
            self.untold.add(f"the lifecycle {name} had not moved by then")
        state = self._machines.get((who, wanted))
        return None if state is None else str(state)

    def machine_of(self, device: str, name: str) -> str:
        """Return what the history calls a machine; calls are known by their ordinals only."""
        word, _, ref = name.partition(" ")
        if word.casefold() == "call" and ref and not ref.isdigit():
            raise NotTold(f"which call `{ref}` is, only the run knew")
        return self.calls_book.machine(device, name)

    def discovery(self, device: str) -> Mapping[str, object]:
        """Return the numbers of the last discovery."""
        found = self._discoveries.get(f"device:{device}")
        if found is None:
            self.untold.add("there had been no discovery by then")
            return {}
        return {**found, "status": self._of(f"device:{device}").get(DISCOVERY, MISSING)}

    def screen(self, device: str) -> Mapping[str, Mapping[str, object]]:
        """Return the elements on the screen that have changed."""
        return self._screens.setdefault(f"device:{device}", _Screen(self.untold))

    def bookings(self, device: str) -> list[Mapping[str, object]]:
        """Refuse."""
        return _not_told("what bookings hold is")

    def calls(self, device: str) -> list[Mapping[str, object]]:
        """Refuse."""
        return _not_told("what calls hold is")

    def history(self, device: str) -> list[Mapping[str, object]]:
        """Refuse."""
        return _not_told("the call history is")

    def metrics(self, device: str) -> list[Mapping[str, object]]:
        """Refuse."""
        return _not_told("what the metrics service has is")

    def cloud(self, path: str) -> object:
        """Refuse."""
        return _not_told("states of the cloud are")

    def why(self, device: str, meeting: str, *, thoroughly: bool = True) -> Report:
        """Refuse."""
        return _not_told("answers to `why` are")

    def ailments(self, device: str) -> list[str]:
        """Refuse."""
        return _not_told("whether a device is well is")

    def past(self) -> tuple[Event, ...]:
        """Return the events that were taken."""
        return self._all[: self._taken]

    def now(self) -> int:
        """Return the present instant."""
        return self.now_us

    @property
    def moment(self) -> Moment:
        """The last event that was taken, and the present instant."""
        return Moment(self._all[self._taken - 1].n if self._taken else 0, self.now_us)


def _key(event: Event) -> tuple[str, str]:
    who = "cloud" if event.who.startswith("cloud") else event.who
    return who, str(event.data.get("machine", "")).casefold().replace("_", " ")


def _not_told(what: str) -> NoReturn:
    raise NotTold(f"{what} not in a history")
