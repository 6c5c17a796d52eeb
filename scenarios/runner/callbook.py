"""The calls of a run by the names that a scenario has for them: ordinals of each device's calls, and names of its own.

A device numbers its calls itself, from 2, and anew after each boot. What rings or is dialled is told by its events, so the book is written
from the history. Source: protocol/xapi.md 8.2, scenario-style.md section 4.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from endpoint.runtime.trace import Event
from endpoint.wire.secret import Secret

BEGINNINGS: Final = ("OutgoingCallIndication", "IncomingCallIndication")
"""Events with which a call begins to be shown."""
ENDING: Final = "CallDisconnect"
"""The event with which it goes."""
CALLS_MAX: Final = 10_000
"""Calls of one device that a run remembers; the oldest is forgotten, and its ordinal with it."""


@dataclass(slots=True)
class Named:
    """A call that the scenario has a name for.

    Attributes:
        ordinal: among the calls of the device, from 1; None until it rings there.
        far: what the cloud knows it by: the id of its locus, or the address that was dialled.
        caller: who calls, to tell several calls apart that have not rung yet; "" for one that is dialled.
    """

    device: str
    far: str
    caller: str = ""
    ordinal: int | None = None


@dataclass(slots=True)
class CallBook:
    """Knows the calls of all devices of a run."""

    _ids: dict[str, list[int]] = field(default_factory=dict)
    _forgotten: dict[str, int] = field(default_factory=dict)
    _named: dict[str, Named] = field(default_factory=dict)
    _states: dict[tuple[str, str], str] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Take note of a call that begins, or is somewhere else."""
        if event.kind == "machine" and event.data.get("machine") == "call":
            self._states[event.who, f"call #{event.data.get('call')}"] = str(event.data.get("to"))
            if len(self._states) > CALLS_MAX:
                del self._states[next(iter(self._states))]
        if event.kind != "xapi.event" or event.data.get("event") not in BEGINNINGS:
            return
        device = event.who.removeprefix("device:")
        fields = event.data.get("fields") or {}
        ids = self._ids.setdefault(device, [])
        ids.append(int(fields["CallId"]))
        if len(ids) > CALLS_MAX:
            del ids[0]
            self._forgotten[device] = self._forgotten.get(device, 0) + 1
        if event.data["event"] == "IncomingCallIndication":
            self._rings(device, f"{_text(fields.get('RemoteURI'))} {_text(fields.get('DisplayNameValue'))}")

    def _rings(self, device: str, remote: str) -> None:
        """Give a call that rings the name it waits under: that of its caller, else the first."""
        waiting = [one for one in self._named.values() if one.device == device and one.caller and one.ordinal is None]
        by_caller = [one for one in waiting if one.caller.casefold() in remote.casefold()]
        for one in (by_caller or waiting)[:1]:
            one.ordinal = self.count(device)

    def count(self, device: str) -> int:
        """Return how many calls a device has had in this run."""
        return self._forgotten.get(device, 0) + len(self._ids.get(device, ()))

    def dialled(self, name: str, device: str, address: str, call_id: int) -> None:
        """Name a call that a device has dialled."""
        ids = self._ids.get(device, [])
        at = len(ids) - 1 - ids[::-1].index(call_id) if call_id in ids else len(ids)
        self._named[name] = Named(device, address, ordinal=self._forgotten.get(device, 0) + at + 1)

    def called(self, name: str, device: str, locus_id: str, caller: str) -> None:
        """Name a call that somebody makes to a device."""
        self._named[name] = Named(device, locus_id, caller)

    def named(self, name: str) -> Named:
        """Return a call by its name.

        Raises:
            ValueError: there is none.
        """
        if name not in self._named:
            known = ", ".join(self._named) or "none"
            raise ValueError(f"there is no call {name}; named calls: {known}")
        return self._named[name]

    def named_at(self, device: str, ordinal: int | None) -> Named | None:
        """Return the named call of an ordinal, None when it has no name."""
        found = (one for one in self._named.values() if one.device == device and one.ordinal == ordinal)
        return None if ordinal is None else next(found, None)

    def call_id(self, device: str, ref: int | str) -> int:
        """Return what a device calls a call of an ordinal or name.

        Raises:
            ValueError: there is no such call, or it has not rung on this device.
        """
        ordinal = ref
        if isinstance(ref, str) and not ref.isdigit():
            named = self.named(ref)
            if named.ordinal is None or named.device != device:
                raise ValueError(
                    f"call {ref} has not rung on {device}; wait for it: expect: {{ calls: [{{ status: Ringing }}] }}"
                )
            ordinal = named.ordinal
        had, forgotten = self.count(device), self._forgotten.get(device, 0)
        if not forgotten < int(ordinal) <= had:
            raise ValueError(f"{device} has no call {ordinal}: it has had {had}")
        return self._ids[device][int(ordinal) - forgotten - 1]

    def machine(self, device: str, name: str) -> str:
        """Return what the history calls a machine: `call #2` for the call that a scenario calls `call 1` or by its own name."""
        word, _, ref = name.partition(" ")
        if word.casefold() != "call" or not ref:
            return name
        try:
            return f"call #{self.call_id(device, ref)}"
        except ValueError:  # it has not come yet
            return name

    def state(self, device: str, machine: str) -> str | None:
        """Return how far a call is, by the name that the history has for it; None when it has not come yet."""
        return self._states.get((f"device:{device}", machine))

    def ordinal(self, device: str, call_id: int) -> int | None:
        """Return the ordinal of a device's call, the last of this id; None when it has none."""
        ids = self._ids.get(device, [])
        if call_id not in ids:
            return None
        return self._forgotten.get(device, 0) + len(ids) - ids[::-1].index(call_id)


def _text(value: object) -> str:
    return value.reveal() if isinstance(value, Secret) else str(value or "")
