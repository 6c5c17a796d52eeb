"""Where calls live on both sides of a stage, and which of them a step means."""

from __future__ import annotations

from typing import Any

from cloud_stub.cloud import Cloud
from endpoint.device.device import Device
from scenarios.runner.call_verbs import ONE
from scenarios.runner.stage import Stage


def call_events(cloud: Cloud) -> list[dict[str, Any]]:
    """Return the events of calls that the metrics service keeps, in the order in which they came."""
    service = cloud.metrics
    payloads = (metric.get("eventPayload") for metric in service.last)
    return [payload["event"] for payload in payloads if isinstance(payload, dict) and "event" in payload]


def shown_ids(device: Device, *states: str) -> list[int]:
    """Return the ids of the calls that a device shows, in their order; only those in certain states, if any are named."""
    leaves = device.status.below(("Call",))
    return [
        int(path[1])
        for path, value in leaves
        if len(path) == 3 and path[2] == "Status" and (not states or value in states)
    ]


def call_id(stage: Stage, device: Device, ref: int | str, *states: str) -> int:
    """Return the device's id of the call that a step means; `call` is the only one that it shows in these states.

    Raises:
        ValueError: there is no such call, or more than one that could be meant.
    """
    if ref != ONE:
        return stage.calls.call_id(stage.acting, ref)
    found = shown_ids(device, *states)
    if len(found) == 1:
        return found[0]
    which = f" that is {' or '.join(states)}" if states else ""
    if not found:
        raise ValueError(f"{stage.acting} has no call{which}")
    ordinals = ", ".join(str(stage.calls.ordinal(stage.acting, one)) for one in found)
    raise ValueError(f"{stage.acting} has {len(found)} calls{which}; write which: {ordinals}")


def far(stage: Stage, ref: int | str) -> str:
    """Return what the cloud knows a call by: the id of its locus, or the address that was dialled.

    Raises:
        ValueError: there is no such call.
    """
    if isinstance(ref, str) and ref != ONE:
        return ref if "@" in ref or ref.isdigit() else stage.calls.named(ref).far
    device = stage.device(stage.acting)
    wanted = call_id(stage, device, ref)
    named = stage.calls.named_at(stage.acting, stage.calls.ordinal(stage.acting, wanted))
    if named is not None:
        return named.far
    shown = next((one for one in device.local.calls.shown() if one["id"] == wanted), None)
    if shown is None:
        raise ValueError(f"{stage.acting} has no call {ref} any more")
    return str(shown["requested"] or shown["number"])


def conference(stage: Stage, meeting: object, ref: int | str | None) -> str:
    """Return what the cloud knows a conference by: a meeting's id, number or address, or a call."""
    if meeting is not None:
        return stage.ids.get(str(meeting), str(meeting))
    assert ref is not None, "one of the two is given"
    return far(stage, ref)
