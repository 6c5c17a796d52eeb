"""The faults of xAPI clients: what the layer `client` does to those that a scenario keeps connected.

drop         the connection is cut, as when a client crashes
flood        it sends many questions at once, or opens many connections, again and again
half_open    nothing passes between it and the device any more, and neither is told
slow_reader  it takes nothing of what the device sends
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from endpoint.runtime.faults import Fault
from scenarios.runner.clients.flood import Tally, What, flood
from scenarios.runner.clients.kept import KeptClient

if TYPE_CHECKING:
    from scenarios.runner.stage import Stage

ON: Final = "client"
_SWALLOWS: Final = ("link", "lossy")
_UNANSWERED: Final = ("tcp", "silent")


def drop(stage: Stage, fault: Fault) -> bool:
    """Cut the connections that a fault is aimed at; says whether there were any."""
    if (fault.on, fault.do) != (ON, "drop"):
        return False
    hit = _aimed(stage, fault)
    for client in hit:
        client.cut()
    return bool(hit)


def begin(stage: Stage, fault: Fault) -> Callable[[], object]:
    """Let a lasting fault take hold of the clients that are connected now; returns what ends it."""
    hit = _aimed(stage, fault)
    if hit:
        stage.faults.bite(fault)
    make = {"flood": _flood, "half_open": _half_open, "slow_reader": _slow_reader}[fault.do]
    ends = [make(stage, fault, client) for client in hit]

    def over() -> None:
        for end in ends:
            end()

    return over


def _aimed(stage: Stage, fault: Fault) -> list[KeptClient]:
    return [client for client in stage.clients.values() if client.is_open and fault.aims_at(client.about)]


def _slow_reader(stage: Stage, fault: Fault, client: KeptClient) -> Callable[[], object]:
    client.reads(False)
    return lambda: client.reads(True)


def _half_open(stage: Stage, fault: Fault, client: KeptClient) -> Callable[[], object]:
    """Let its link swallow what is sent either way; a device that calls it gets no answer either."""
    swallowing = [(*_SWALLOWS, {"device": client.who})]
    if client.host is not None:
        swallowing.append((*_UNANSWERED, {"host": client.host}))
    ids = [f"{fault.id} {on} of {client.name}" for on, _, _ in swallowing]
    for fault_id, (on, do, target) in zip(ids, swallowing, strict=True):
        stage.faults.arm(Fault(fault_id, on, do, target, optional=True))

    def over() -> None:
        for armed in stage.faults.armed:
            if armed.id in ids:
                stage.faults.heal(armed.id)

    return over


def _flood(stage: Stage, fault: Fault, client: KeptClient) -> Callable[[], object]:
    tally, what = Tally(), cast("What", fault.params.get("what", "requests"))
    task = stage.background(flood(client, what, tally), f"{client.who} floods")

    def over() -> None:
        task.cancel()
        data = {
            "client": client.name, "what": what, "sent": tally.sent, "answered": tally.answered, "refused": tally.refused,
        }  # fmt: skip
        stage.trace.event(client.who, "xapi.flood", peer=client.device.who, data=data)
        for end in tally.kept:
            end()

    return over
